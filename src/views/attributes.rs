//! What single views say otherwise than the settings: DRF's policy attributes.

use std::borrow::Cow;
use std::sync::Arc;

use super::policy::Policy;
use crate::authentication::Authentication;
use crate::error::ExceptionHandler;
use crate::idempotency::Idempotency;
use crate::negotiation::ContentNegotiation;
use crate::parsers::Parsers;
use crate::permissions::{IntoRules, Permissions, Rule};
use crate::preconditions::ETags;
use crate::renderers::Renderers;
use crate::settings::Settings;
use crate::throttling::{IntoThrottles, Throttle};
use crate::versioning::Versioning;

/// What a view says otherwise than the settings; its [`Attributes`] say it.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    renderers: Option<Renderers>,
    negotiation: Option<Arc<dyn ContentNegotiation>>,
    parsers: Option<Parsers>,
    authentication: Option<Vec<Arc<dyn Authentication>>>,
    permissions: Option<Vec<Rule>>,
    throttles: Option<Vec<Arc<dyn Throttle>>>,
    throttle_scope: Option<Cow<'static, str>>,
    exception_handler: Option<ExceptionHandler>,
    versioning: Option<Option<Arc<dyn Versioning>>>,
    idempotency: Option<Option<Idempotency>>,
    etags: Option<Option<ETags>>,
    uploads: Option<bool>,
}

impl Overrides {
    /// Whether a permission wants to see objects, where the settings say what the view does not.
    pub(crate) fn judges_objects(&self, settings: &Settings) -> bool {
        self.permissions.as_ref().unwrap_or(&settings.permissions).iter().any(Rule::judges_objects)
    }

    /// The same for a part of the view that says something of its own.
    pub(crate) fn judge_objects(&self) -> bool {
        self.permissions.iter().flatten().any(Rule::judges_objects)
    }

    /// Whether it says a throttle scope.
    pub(crate) fn has_scope(&self) -> bool {
        self.throttle_scope.is_some()
    }

    /// Whether it says itself how bodies are read.
    pub(crate) fn has_parsers(&self) -> bool {
        self.parsers.is_some()
    }

    /// Lays it over what the settings say.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        if let Some(renderers) = &self.renderers {
            policy.renderers = renderers.clone();
        }
        if let Some(negotiation) = &self.negotiation {
            policy.negotiation = Some(Arc::clone(negotiation));
        }
        if let Some(parsers) = &self.parsers {
            policy.parsers = parsers.clone();
        }
        if let Some(authentication) = &self.authentication {
            policy.authentication.clone_from(authentication);
        }
        if let Some(rules) = &self.permissions {
            policy.permissions = Permissions::new(rules.clone());
        }
        if let Some(throttles) = &self.throttles {
            policy.throttles.clone_from(throttles);
        }
        if let Some(scope) = &self.throttle_scope {
            policy.info.throttle_scope = Some(scope.clone());
        }
        if let Some(versioning) = &self.versioning {
            policy.versioning.clone_from(versioning);
        }
        if let Some(idempotency) = &self.idempotency {
            policy.idempotency.clone_from(idempotency);
        }
        if let Some(etags) = &self.etags {
            policy.etags.clone_from(etags);
        }
        if let Some(uploads) = self.uploads {
            policy.takes_files = uploads;
        }
        if let Some(handler) = &self.exception_handler {
            policy.exception_handler = handler.clone();
        }
    }
}

impl Attributes for Overrides {
    fn overrides(&mut self) -> &mut Overrides {
        self
    }
}

/// The policy attributes of a view, of whatever kind it is; what is not said here is as the settings say.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new().authentication([]);
/// let view = ApiView::new("PingView").get(async |_: Request| Response::empty()).authentication([]);
/// # let _ = (bookings, view);
/// ```
pub trait Attributes: Sized {
    /// Where they are kept.
    #[doc(hidden)]
    fn overrides(&mut self) -> &mut Overrides;

    /// With other renderers, DRF's `renderer_classes`.
    fn renderers(mut self, renderers: Renderers) -> Self {
        self.overrides().renderers = Some(renderers);
        self
    }

    /// With another way to choose the renderer than by what the client asks for, DRF's `content_negotiation_class`.
    fn negotiation(mut self, negotiation: impl ContentNegotiation) -> Self {
        self.overrides().negotiation = Some(Arc::new(negotiation));
        self
    }

    /// With other parsers, DRF's `parser_classes`.
    fn parsers(mut self, parsers: Parsers) -> Self {
        self.overrides().parsers = Some(parsers);
        self
    }

    /// With other ways to tell who sent a request, DRF's `authentication_classes`; without any, nobody is ever known and a 401
    /// is a 403.
    fn authentication(mut self, ways: impl IntoIterator<Item = Arc<dyn Authentication>>) -> Self {
        self.overrides().authentication = Some(ways.into_iter().collect());
        self
    }

    /// With other permissions, all of which must be granted: one, several in a tuple, or rules with `&`, `|` and `!`; none
    /// (`()`) for everybody. DRF's `permission_classes`.
    fn permissions(mut self, rules: impl IntoRules) -> Self {
        self.overrides().permissions = Some(rules.into_rules());
        self
    }

    /// With other throttles: one, several in a tuple, none (`()`). DRF's `throttle_classes`.
    fn throttles(mut self, throttles: impl IntoThrottles) -> Self {
        self.overrides().throttles = Some(throttles.into_throttles());
        self
    }

    /// The scope by which a [`ScopedRateThrottle`](crate::throttling::ScopedRateThrottle) counts its requests, DRF's
    /// `throttle_scope`; nothing is counted without one.
    fn throttle_scope(mut self, scope: impl Into<Cow<'static, str>>) -> Self {
        self.overrides().throttle_scope = Some(scope.into());
        self
    }

    /// With another way to tell versions of the API apart, DRF's `versioning_class`.
    fn versioning(mut self, versioning: impl Versioning) -> Self {
        self.overrides().versioning = Some(Some(Arc::new(versioning)));
        self
    }

    /// Without versions, whatever the settings say.
    fn no_versioning(mut self) -> Self {
        self.overrides().versioning = Some(None);
        self
    }

    /// With idempotency keys: a request that writes and has one is carried out once. View sets over models and their extra
    /// actions take them; a view without a transaction that takes them does not start.
    fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.overrides().idempotency = Some(Some(idempotency));
        self
    }

    /// Without idempotency keys, whatever the settings say.
    fn no_idempotency(mut self) -> Self {
        self.overrides().idempotency = Some(None);
        self
    }

    /// With entity tags, and preconditions: `If-None-Match` for requests that read, `If-Match` for those that write to one object.
    fn etags(mut self, etags: ETags) -> Self {
        self.overrides().etags = Some(Some(etags));
        self
    }

    /// Without entity tags, whatever the settings say.
    fn no_etags(mut self) -> Self {
        self.overrides().etags = Some(None);
        self
    }

    /// Whether bodies may bring files of any size, up to [`upload_bytes`](crate::parsers::BodyLimits::upload_bytes), that are kept
    /// on the disk. By default they may where a field of the serializer is for a file; in a view without a serializer where it
    /// has parsers of its own. Elsewhere a form with files is no longer than any other body.
    fn uploads(mut self, yes: bool) -> Self {
        self.overrides().uploads = Some(yes);
        self
    }

    /// With another way from errors to answers, DRF's `get_exception_handler`.
    fn exception_handler(mut self, handler: ExceptionHandler) -> Self {
        self.overrides().exception_handler = Some(handler);
        self
    }
}
