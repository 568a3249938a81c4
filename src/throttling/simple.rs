//! Throttles by a rate: DRF's `SimpleRateThrottle` and what is made of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Allowance, IntoRate, Rate, Throttle, Throttling};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::view_info::ViewInfo;

/// A scope, and the rate where it is not that of the settings.
#[derive(Clone, Debug)]
struct Limit {
    scope: Cow<'static, str>,
    own: Option<Result<Rate, String>>,
}

impl Limit {
    fn new(scope: &'static str) -> Self {
        Limit { scope: Cow::Borrowed(scope), own: None }
    }

    fn rate(&self, throttling: &Throttling) -> Result<Option<Rate>, String> {
        match &self.own {
            Some(own) => own.clone().map(Some),
            None => throttling.rates().get(&self.scope),
        }
    }

    async fn allow(&self, who: Option<String>, throttling: &Throttling) -> Result<Allowance> {
        match (who, self.rate(throttling).map_err(Error::internal)?) {
            (Some(who), Some(rate)) => throttling.hit(&self.scope, &who, rate).await,
            _ => Ok(Allowance::Allowed),
        }
    }
}

/// The user's key; none where nobody is logged in.
fn user(request: &Context) -> Option<String> {
    // a line end is in no header: what a client says of itself must not count against a user
    Some(format!("user\n{}", request.user()?.pk.to_python_str()))
}

/// The user's key, or the client's address.
fn user_or_client(request: &Context, throttling: &Throttling) -> String {
    user(request).unwrap_or_else(|| throttling.client(request))
}

macro_rules! limited {
    ($name:ident) => {
        impl $name {
            /// Counts within another scope; its rate is that of the settings for it.
            pub fn scope(mut self, scope: impl Into<Cow<'static, str>>) -> Self {
                self.limit.scope = scope.into();
                self
            }

            /// With a rate of its own, whatever the settings say.
            pub fn rate(mut self, rate: impl IntoRate) -> Self {
                self.limit.own = Some(rate.into_rate());
                self
            }
        }
    };
}

/// Limits the requests of clients that are not logged in, by their address. Its scope is `anon`.
#[derive(Clone, Debug)]
pub struct AnonRateThrottle {
    limit: Limit,
}

limited!(AnonRateThrottle);

impl AnonRateThrottle {
    /// With the rate of the settings for `anon`.
    pub fn new() -> Self {
        AnonRateThrottle { limit: Limit::new("anon") }
    }
}

impl Default for AnonRateThrottle {
    fn default() -> Self {
        AnonRateThrottle::new()
    }
}

#[async_trait]
impl Throttle for AnonRateThrottle {
    async fn allow_request(&self, request: &Context, _: &ViewInfo, throttling: &Throttling) -> Result<Allowance> {
        let who = if request.user().is_some() { None } else { Some(throttling.client(request)) };
        self.limit.allow(who, throttling).await
    }

    fn check(&self, _: &ViewInfo, throttling: &Throttling) -> Result<(), String> {
        self.limit.rate(throttling).map(drop)
    }

    fn reads_scope(&self) -> bool {
        false
    }
}

/// Limits the requests of each user, and of clients that are not logged in by their address. Its scope is `user`.
///
/// ```
/// use bowline::throttling::UserRateThrottle;
/// let burst = UserRateThrottle::new().scope("burst").rate("60/min");
/// ```
#[derive(Clone, Debug)]
pub struct UserRateThrottle {
    limit: Limit,
}

limited!(UserRateThrottle);

impl UserRateThrottle {
    /// With the rate of the settings for `user`.
    pub fn new() -> Self {
        UserRateThrottle { limit: Limit::new("user") }
    }
}

impl Default for UserRateThrottle {
    fn default() -> Self {
        UserRateThrottle::new()
    }
}

#[async_trait]
impl Throttle for UserRateThrottle {
    async fn allow_request(&self, request: &Context, _: &ViewInfo, throttling: &Throttling) -> Result<Allowance> {
        self.limit.allow(Some(user_or_client(request, throttling)), throttling).await
    }

    fn check(&self, _: &ViewInfo, throttling: &Throttling) -> Result<(), String> {
        self.limit.rate(throttling).map(drop)
    }

    fn reads_scope(&self) -> bool {
        false
    }
}

/// Limits the requests of each user, or client, to views with the same
/// [`throttle_scope`](crate::views::Attributes::throttle_scope); a view without one is not limited.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScopedRateThrottle;

impl ScopedRateThrottle {
    /// With the rates of the settings.
    pub fn new() -> Self {
        ScopedRateThrottle
    }
}

#[async_trait]
impl Throttle for ScopedRateThrottle {
    async fn allow_request(&self, request: &Context, view: &ViewInfo, throttling: &Throttling) -> Result<Allowance> {
        let Some(scope) = view.throttle_scope.as_deref().filter(|scope| !scope.is_empty()) else {
            return Ok(Allowance::Allowed);
        };
        match throttling.rates().get(scope).map_err(Error::internal)? {
            Some(rate) => throttling.hit(scope, &user_or_client(request, throttling), rate).await,
            None => Ok(Allowance::Allowed),
        }
    }

    fn check(&self, view: &ViewInfo, throttling: &Throttling) -> Result<(), String> {
        match view.throttle_scope.as_deref().filter(|scope| !scope.is_empty()) {
            Some(scope) => throttling.rates().get(scope).map(drop),
            None => Ok(()),
        }
    }
}

type Key = dyn Fn(&Context, &ViewInfo, &Throttling) -> Option<String> + Send + Sync;

/// Limits requests by a key of one's own, DRF's `SimpleRateThrottle` with its `get_cache_key`.
///
/// ```
/// use bowline::throttling::SimpleRateThrottle;
///
/// // each API key for itself; requests without one are not limited
/// let throttle = SimpleRateThrottle::new("keys", |request, _, _| request.header("x-key").map(str::to_owned)).rate("10/s");
/// ```
#[derive(Clone)]
pub struct SimpleRateThrottle {
    limit: Limit,
    key: Arc<Key>,
}

limited!(SimpleRateThrottle);

impl SimpleRateThrottle {
    /// Within a scope, by what the function says; a request for which it says nothing is not limited.
    pub fn new(
        scope: &'static str,
        key: impl Fn(&Context, &ViewInfo, &Throttling) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        SimpleRateThrottle { limit: Limit::new(scope), key: Arc::new(key) }
    }
}

#[async_trait]
impl Throttle for SimpleRateThrottle {
    async fn allow_request(&self, request: &Context, view: &ViewInfo, throttling: &Throttling) -> Result<Allowance> {
        self.limit.allow((self.key)(request, view, throttling), throttling).await
    }

    fn check(&self, _: &ViewInfo, throttling: &Throttling) -> Result<(), String> {
        self.limit.rate(throttling).map(drop)
    }
}

impl fmt::Debug for SimpleRateThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimpleRateThrottle").field("limit", &self.limit).finish_non_exhaustive()
    }
}
