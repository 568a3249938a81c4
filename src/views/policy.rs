//! What comes before and after every handler, in DRF's order.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response as HttpResponse;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::attributes::Overrides;
use super::naming::dedent;
use super::preconditions::{Answering, tagged};
use super::view_name;
use crate::authentication::{Authenticated, Authentication};
use crate::context::Context;
use crate::error::{Error, ErrorContext, ErrorFormat, ExceptionHandler, Result};
use crate::heavy;
use crate::idempotency::Idempotency;
use crate::negotiation::{self, ContentNegotiation};
use crate::parsers::{BodyLimits, Parsers};
use crate::permissions::{Granted, Permissions};
use crate::preconditions::ETags;
use crate::renderers::{Accepted, RenderContext, Renderers, Unrenderable};
use crate::response::{Data, Response};
use crate::serializers::Serializer;
use crate::settings::Settings;
use crate::store::{Ahead, Database, Needs, StoreError, store_error};
use crate::throttling::{Throttle, Throttling, check_throttles};
use crate::value::Value;
use crate::versioning::{Reverse, Versioning, with_parameter};
use crate::view_info::ViewInfo;

/// What holds for all requests to one view: DRF's class attributes.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// What layers may know of the view.
    pub(crate) info: ViewInfo,
    /// Where those look who need to; none of what only parses.
    database: Option<Database>,
    /// The view's name for people.
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) renderers: Renderers,
    /// Another way to choose the renderer than DRF's.
    pub(crate) negotiation: Option<Arc<dyn ContentNegotiation>>,
    pub(crate) parsers: Parsers,
    pub(crate) versioning: Option<Arc<dyn Versioning>>,
    /// The addresses of the application's views.
    urls: Option<Arc<dyn Reverse>>,
    pub(crate) authentication: Vec<Arc<dyn Authentication>>,
    /// Those of the whole site, which pages have their cookies from.
    site: Vec<Arc<dyn Authentication>>,
    pub(crate) permissions: Permissions,
    pub(crate) throttles: Vec<Arc<dyn Throttle>>,
    throttling: Throttling,
    /// What is kept of requests that have a key; views without a transaction have none.
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) etags: Option<ETags>,
    /// Which answers show what a GET shows.
    pub(crate) answering: Answering,
    pub(crate) limits: BodyLimits,
    /// How long a request's work in the database may take.
    time: Duration,
    /// Whether a body may bring files that are kept on the disk.
    pub(crate) takes_files: bool,
    pub(crate) errors: ErrorFormat,
    pub(crate) list_errors_as_dict: bool,
    pub(crate) exception_handler: ExceptionHandler,
    pub(crate) serializer: Option<SerializerOf>,
    /// The tables that its handlers work on.
    pub(crate) needs: &'static [Needs],
    /// What holds for requests of single methods instead.
    by_method: Vec<(Method, Arc<Policy>)>,
    /// The methods that the view has, and the header that names them.
    methods: Vec<Method>,
    allow: HeaderValue,
    /// The header `Vary` of the first request that was answered, by what decided who it was.
    usual_vary: OnceLock<Varying>,
}

/// The headers that decided who a request is, and the header that says so.
type Varying = (Vec<&'static str>, Option<HeaderValue>);

/// About how many headers an answer has.
const HEADERS: usize = 10;

/// What every view of a router is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) database: &'a Database,
    pub(crate) urls: &'a Arc<dyn Reverse>,
}

impl Bound<'_> {
    /// The policy of a view, as the settings say.
    pub(crate) fn policy(&self, info: ViewInfo) -> Policy {
        Policy::new(info, self.settings).over(self.database).linking(self.urls)
    }
}

/// The names of a path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// With the namespaces before it.
    pub(crate) view_name: Option<String>,
    pub(crate) namespaces: Vec<String>,
}

/// What became known of a request before its handler was called.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// How the answer is written; none where nothing fits.
    pub(crate) accepted: Option<Accepted>,
    /// The headers that decided who it is.
    vary: Vec<&'static str>,
    /// What the ways of authentication add to the answer.
    headers: HeaderMap,
}

impl Policy {
    /// As the settings say.
    pub(crate) fn new(info: ViewInfo, settings: &Settings) -> Self {
        Policy {
            name: view_name(&info.type_name),
            info,
            database: None,
            description: String::new(),
            renderers: settings.renderers.clone(),
            negotiation: None,
            parsers: settings.parsers.clone(),
            versioning: settings.versioning.clone(),
            urls: None,
            authentication: settings.authentication.clone(),
            site: settings.authentication.clone(),
            permissions: Permissions::new(settings.permissions.clone()),
            throttles: settings.throttles.clone(),
            throttling: Throttling::new(
                Arc::clone(&settings.throttle_store),
                settings.throttle_rates.clone(),
                settings.num_proxies,
            ),
            idempotency: None,
            etags: settings.etags.clone(),
            answering: Answering::default(),
            limits: settings.body.clone(),
            time: settings.store.deadline,
            takes_files: true,
            errors: settings.errors,
            list_errors_as_dict: settings.list_errors_as_dict,
            exception_handler: settings.exception_handler.clone(),
            serializer: None,
            needs: &[],
            by_method: Vec::new(),
            methods: Vec::new(),
            allow: HeaderValue::from_static(""),
            usual_vary: OnceLock::new(),
        }
    }

    /// Over a database.
    pub(crate) fn over(mut self, database: &Database) -> Self {
        self.database = Some(database.clone());
        self
    }

    /// With the addresses of the application's views.
    pub(crate) fn linking(mut self, urls: &Arc<dyn Reverse>) -> Self {
        self.urls = Some(Arc::clone(urls));
        self
    }

    /// The address of a view by its name, DRF's `reverse`: in the version of the request where that has one, and in any case
    /// with the request's `?format=`.
    pub(crate) fn reverse(&self, context: &Context, view_name: &str, kwargs: &[(&str, &str)]) -> Option<String> {
        let urls = self.urls.as_ref()?;
        let versioned = self.versioning.as_ref();
        let path = versioned.and_then(|v| v.reverse(urls.as_ref(), view_name, kwargs, context.version()));
        let path = path.or_else(|| urls.reverse(view_name, kwargs))?;
        let url = format!("{}{path}", context.origin());
        Some(match context.query_param("format") {
            Some(format) => with_parameter(&url, "format", &format),
            None => url,
        })
    }

    /// The database, until a request's deadline.
    ///
    /// # Errors
    ///
    /// 500 where the view has none: it is no router's.
    pub(crate) fn database(&self, context: &Context) -> Result<Database> {
        let database = self.database.as_ref().map(|database| database.until(context.deadline()));
        database.ok_or_else(|| Error::internal("a view outside of a router has no database"))
    }

    /// With a description for people.
    pub(crate) fn described(mut self, description: &str) -> Self {
        self.description = dedent(description);
        self
    }

    /// With the methods that the view has.
    pub(crate) fn allowing(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
            self.allow = value;
        }
        self
    }

    /// With another policy for requests of some methods, which says otherwise what a part of the view says.
    pub(crate) fn set_for(&mut self, methods: impl IntoIterator<Item = Method>, own: &Overrides) {
        let mut policy = Policy { by_method: Vec::new(), ..self.clone() };
        own.apply(&mut policy);
        let policy = Arc::new(policy);
        self.by_method.extend(methods.into_iter().map(|method| (method, Arc::clone(&policy))));
    }

    /// The same for all methods.
    pub(crate) fn without_parts(mut self) -> Self {
        self.by_method.clear();
        self
    }

    /// What holds for requests of a method; what was set last counts.
    pub(crate) fn of(&self, method: &Method) -> Option<&Arc<Policy>> {
        self.by_method.iter().rev().find(|(m, _)| m == method).map(|(_, policy)| policy)
    }

    /// Whether the view has a method.
    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// Everything that comes before the handler, in the order in which DRF's `initial` runs it: the suffix and the
    /// negotiation (kept for the answer, whatever comes), the version, who it is, whether they may, whether it is too often. The method and the body come after.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub(crate) async fn initial(&self, context: &mut Context, suffix: Option<&str>, begun: &mut Begun) -> Result<()> {
        context.allow(self.time);
        let nothing = HeaderMap::new();
        let headers = context.headers().unwrap_or(&nothing);
        begun.accepted = Some(match &self.negotiation {
            None => negotiation::select_renderer(&self.renderers, headers, context.query(), suffix)?,
            Some(own) => own.select_renderer(&self.renderers, context, suffix)?,
        });
        if let (Some(versioning), Some(accepted)) = (&self.versioning, &begun.accepted) {
            let version = versioning.determine_version(context, accepted.media_type(), &self.info)?;
            context.set_version(version);
        }
        // whom a layer, or a test, has named already is not asked again
        let ways = if context.user().is_some() { &[] } else { self.authentication.as_slice() };
        for way in ways {
            begun.vary.extend(way.vary());
            if !way.has_credentials(context) {
                continue;
            }
            let database = self.database(context)?.with_ahead(context.kept::<Arc<Ahead>>().cloned());
            let found = way.authenticate_with(context, &database, &mut begun.headers).await?;
            if let Some(Authenticated { user, auth }) = found {
                context.set_user(user, auth);
                context.set_authenticator(way.name());
                break;
            }
        }
        if let Some(granted) = self.permit(context).await? {
            context.keep(granted);
        }
        if self.throttles.is_empty() {
            return Ok(());
        }
        check_throttles(&self.throttles, context, &self.info, &self.throttling).await
    }

    /// Whether it is asked first who sends the request, and nothing else of the database before its handler: what the handler
    /// reads may go along with that.
    pub(crate) fn asks_who(&self, context: &Context) -> bool {
        context.user().is_none()
            && self.authentication.iter().any(|way| way.has_credentials(context))
            && !self.permissions.ask_database()
            && self.database.as_ref().is_some_and(|database| database.store().has_round_trips())
    }

    /// Whether the client may do what it asks for: what it is to be asked about an object, where a permission wants to see it.
    ///
    /// # Errors
    ///
    /// 401 or 403 where a permission is not granted.
    pub(crate) async fn permit(&self, context: &Context) -> Result<Option<Granted>> {
        if self.permissions.are_none() {
            return Ok(None);
        }
        let challenges = !self.authentication.is_empty();
        self.permissions.judge(context, &self.info, &self.database(context)?, challenges).await
    }

    /// Whether the client may do something by another method, and what it is to be asked about an object: what OPTIONS shows.
    ///
    /// # Errors
    ///
    /// What is no answer to such a question: the database is away.
    pub(crate) async fn would_permit(&self, context: &Context, method: Method) -> Result<Option<Context>> {
        let mut other = context.with_method(method);
        match self.permit(&other).await {
            Ok(Some(granted)) => other.keep(granted),
            Ok(None) => {}
            Err(error) if error.status().is_server_error() => return Err(error),
            Err(_) => return Ok(None),
        }
        Ok(Some(other))
    }

    /// Why the view cannot be served.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.by_method.iter().try_for_each(|(_, policy)| policy.check())?;
        self.permissions.check(&self.info)?;
        self.authentication.iter().try_for_each(|way| way.check())?;
        self.throttles.iter().try_for_each(|throttle| throttle.check(&self.info, &self.throttling))
    }

    /// Whether a throttle of it, or of single methods, counts by the view's scope.
    pub(crate) fn reads_scope(&self) -> bool {
        self.all().any(|policy| policy.throttles.iter().any(|throttle| throttle.reads_scope()))
    }

    /// Whether there is a scope that no throttle counts by.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    pub(crate) fn check_scope(&self, is_read: bool) -> Result<(), String> {
        match &self.info.throttle_scope {
            Some(scope) if !is_read => Err(format!(
                "{} has the throttle scope \"{scope}\", and no throttle that counts by it: add ScopedRateThrottle to its throttles, \
                 or to Settings::throttles.",
                self.info.type_name
            )),
            _ => Ok(()),
        }
    }

    /// It and what holds for requests of single methods instead.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Policy> {
        [self].into_iter().chain(self.by_method.iter().map(|(_, policy)| &**policy))
    }

    /// Why nobody but the machine itself may reach the view.
    pub(crate) fn weaknesses(&self) -> impl Iterator<Item = String> {
        self.all().flat_map(|policy| policy.authentication.iter().filter_map(|way| way.weakness()))
    }

    /// Whether requests may have an idempotency key.
    pub(crate) fn takes_keys(&self) -> bool {
        self.all().any(|policy| policy.idempotency.is_some())
    }

    /// The tables that its layers read.
    pub(crate) fn tables(&self) -> impl Iterator<Item = Needs> {
        self.all().flat_map(|policy| {
            let ways = policy.authentication.iter().flat_map(|way| way.tables());
            ways.chain(policy.needs).copied().chain(policy.permissions.tables())
        })
    }

    /// The body of a request, parsed by its media type: an empty object or form where there is none. The time that its client
    /// took to send it is not the database's.
    ///
    /// # Errors
    ///
    /// As [`Parsers::parse`].
    pub(crate) async fn parse(&self, context: &mut Context, body: Body) -> Result<Value> {
        let nothing = HeaderMap::new();
        let headers = context.headers().unwrap_or(&nothing);
        let without_files;
        let limits = if self.takes_files {
            &self.limits
        } else {
            without_files = self.limits.without_files();
            &without_files
        };
        let parsed = self.parsers.parse(headers, body, context.kwargs(), limits).await;
        context.allow(self.time);
        parsed
    }

    /// DRF's `SimpleMetadata`.
    pub(crate) fn metadata(&self) -> Value {
        let renders: Vec<Value> = self.renderers.media_types().map(Value::from).collect();
        let parses: Vec<Value> = self.parsers.media_types().map(Value::from).collect();
        crate::value!({
            "name": &self.name,
            "description": &self.description,
            "renders": renders,
            "parses": parses,
        })
    }

    /// About how many bytes there are to work on before an answer can be sent.
    pub(crate) fn work(&self, outcome: &Result<Response>, begun: &Begun) -> usize {
        let Ok(response) = outcome else { return 0 };
        match &response.data {
            // JSON is passed on as it is; a hash of it takes less than anything else
            Data::Json(text) if begun.accepted.as_ref().is_none_or(|accepted| accepted.renderer().passes_json()) => {
                if self.etags.is_some() {
                    text.len() / 16
                } else {
                    0
                }
            }
            Data::Json(text) => text.len(),
            Data::Value(value) => heavy::weight(value),
            Data::Raw(_) => 0,
        }
    }

    /// The answer as bytes, with the headers that every answer of the view has: DRF's `handle_exception` and
    /// `finalize_response`.
    pub(crate) fn finish(&self, outcome: Result<Response>, context: &Context, begun: Begun) -> HttpResponse {
        let Begun { accepted, mut vary, headers: added } = begun;
        let accepted = accepted.unwrap_or_else(|| self.renderers.first());
        let outcome = match &self.etags {
            Some(etags) => outcome.and_then(|response| tagged(response, etags, &self.answering, context, &accepted)),
            None => outcome,
        };
        let response = outcome.unwrap_or_else(|error| self.answer(error, context, &accepted));
        let mut response = match self.render(response, context, &accepted) {
            Ok(response) => response,
            Err(Unrenderable) => {
                // what came from the client goes back to it as its mistake
                let error = if brings_a_body(context) {
                    Error::Parse("The request holds a value that the answer cannot hold.".into())
                } else {
                    Error::internal("a view answered with data that its renderer has no form for")
                };
                let response = self.answer(error, context, &accepted);
                self.render(response, context, &accepted).unwrap_or_default()
            }
        };
        let headers = response.headers_mut();
        // with those that come after, the security headers and the server's own
        headers.reserve(HEADERS);
        headers.insert(header::ALLOW, self.allow.clone());
        let page = accepted.renderer().is_page() && headers.contains_key(header::CONTENT_TYPE);
        let cookies = self.site.iter().filter(|_| page).find_map(|way| way.csrf_cookie(context));
        if let Some(cookies) = &cookies {
            vary.push("Cookie");
            for cookie in cookies.get_all(header::SET_COOKIE) {
                headers.append(header::SET_COOKIE, cookie.clone());
            }
        }
        if let Some(value) = self.varying(headers, vary) {
            headers.insert(header::VARY, value);
        }
        for (name, value) in &added {
            // what a handler has set itself is newer
            let known = match cookie(value).filter(|_| name == header::SET_COOKIE) {
                Some(own) => headers.get_all(name).iter().any(|other| cookie(other) == Some(own)),
                None => headers.contains_key(name),
            };
            if !known {
                headers.append(name, value.clone());
            }
        }
        response
    }

    /// The header `Vary` of an answer. Where no handler has said anything it is nearly always the same.
    fn varying(&self, headers: &HeaderMap, asked: Vec<&'static str>) -> Option<HeaderValue> {
        let made = |asked: &[&'static str]| {
            let names = self.vary(headers, asked);
            HeaderValue::from_str(&names.join(", ")).ok().filter(|_| !names.is_empty())
        };
        if headers.contains_key(header::VARY) {
            return made(&asked);
        }
        match self.usual_vary.get() {
            Some((usual, value)) if *usual == asked => value.clone(),
            Some(_) => made(&asked),
            None => {
                let value = made(&asked);
                // another request may have been first
                let _ = self.usual_vary.set((asked, value.clone()));
                value
            }
        }
    }

    /// The headers that the answer varies by: the handler's own, those of the view, and last, as Django's middleware adds it,
    /// the cookies.
    fn vary(&self, headers: &HeaderMap, asked: &[&'static str]) -> Vec<String> {
        let own = headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok());
        let own = own.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
        let accept = self.renderers.has_several().then_some("Accept");
        let mut names: Vec<String> = Vec::new();
        for name in own.chain(accept).chain(asked.iter().copied()) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
        names.sort_by_key(|name| name.eq_ignore_ascii_case("cookie"));
        names
    }

    /// The answer to an error outside of any view: without the headers that are a view's.
    pub(crate) fn error_alone(&self, error: Error, context: &Context) -> HttpResponse {
        let accepted = self.renderers.first();
        let response = self.answer(error, context, &accepted);
        self.render(response, context, &accepted).unwrap_or_default()
    }

    /// The answer to an error.
    fn answer(&self, error: Error, context: &Context, accepted: &Accepted) -> Response {
        let error = match error {
            error @ Error::Unauthenticated(_) => {
                error.challenge(self.authentication.first().and_then(|way| way.authenticate_header(context)))
            }
            // a handler's own query met what the store can name
            Error::Internal(source) => match source.downcast_ref().and_then(store_error) {
                Some(StoreError::Conflict(_) | StoreError::Unavailable(_)) => Error::Unavailable(source),
                Some(StoreError::OutcomeUnknown(_)) => Error::OutcomeUnknown(source),
                _ => Error::Internal(source),
            },
            other => other,
        };
        log(&error);
        let cx = ErrorContext {
            request: context,
            view: &self.info.type_name,
            format: self.errors,
            list_errors_as_dict: self.list_errors_as_dict,
            is_json: accepted.renderer().format() == "json",
        };
        self.exception_handler.handle(&error, &cx).unwrap_or_else(|| cx.answer(&error))
    }

    fn render(&self, response: Response, context: &Context, accepted: &Accepted) -> Result<HttpResponse, Unrenderable> {
        let Response { status, data, headers, content_type } = response;
        let has_no_body = status == StatusCode::NO_CONTENT || context.method() == Method::HEAD;
        let mut rendered = HttpResponse::default();
        *rendered.status_mut() = status;
        *rendered.headers_mut() = headers;
        let bytes = match data {
            Data::Raw(body) => {
                if !has_no_body || status == StatusCode::NOT_MODIFIED {
                    *rendered.body_mut() = body;
                }
                return Ok(rendered);
            }
            Data::Json(text) if accepted.media_type.is_none() && accepted.renderer().passes_json() => text,
            data => {
                let mut bytes = Vec::new();
                let cx = RenderContext {
                    accepted: accepted.media_type(),
                    request: context,
                    name: &self.name,
                    description: &self.description,
                    status,
                    headers: rendered.headers(),
                };
                accepted.renderer().render(&data, &cx, &mut bytes)?;
                bytes
            }
        };
        if bytes.is_empty() {
            return Ok(rendered);
        }
        if let Some(value) = content_type.or_else(|| accepted.prepared.content_type.clone()) {
            rendered.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        if !has_no_body {
            *rendered.body_mut() = heavy::body(bytes);
        } else if context.method() == Method::HEAD {
            rendered.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        Ok(rendered)
    }
}

/// The serializer of a view without a model, by the request: DRF's `get_serializer_class`.
#[derive(Clone)]
pub(crate) struct SerializerOf(pub(crate) Arc<Choose>);

type Choose = dyn Fn(&Context) -> Result<Arc<Serializer>> + Send + Sync;

impl fmt::Debug for SerializerOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SerializerOf(..)")
    }
}

/// The name of a cookie that is set.
fn cookie(value: &HeaderValue) -> Option<&[u8]> {
    value.as_bytes().split(|byte| *byte == b'=').next()
}

/// Whether a request has a body.
fn brings_a_body(context: &Context) -> bool {
    context.headers().is_some_and(|headers| {
        headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
    })
}

/// Whoever runs the server learns what a client does not.
fn log(error: &Error) {
    match error {
        Error::Internal(_) => tracing::error!(error = %chain(error), "a request failed"),
        Error::InsufficientStorage(_) => tracing::error!(error = %chain(error), "an upload found no room"),
        Error::Unavailable(_) => tracing::warn!(error = %chain(error), "a request was turned away"),
        Error::OutcomeUnknown(_) => {
            tracing::error!(error = %chain(error), "nobody knows whether a write was carried out")
        }
        _ => {}
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    text
}
