//! What a request is to fields, serializers, rules and hooks: DRF's serializer context.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::OriginalUri;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, header};

use crate::store::Deadline;
use crate::value::Value;

/// A request, as far as fields and rules may know it; cheap to clone.
///
/// The default one belongs to no request: links in it are relative.
#[derive(Clone, Debug, Default)]
pub struct Context {
    inner: Arc<Inner>,
    partial: bool,
    /// Until when its work in the database may go on.
    deadline: Option<Deadline>,
}

#[derive(Clone, Default)]
struct Inner {
    parts: Option<Parts>,
    user: Option<User>,
    auth: Option<Value>,
    authenticator: Option<&'static str>,
    kwargs: Vec<(String, String)>,
    action: Option<Cow<'static, str>>,
    version: Option<String>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("user", &self.user).field("kwargs", &self.kwargs).finish_non_exhaustive()
    }
}

/// Who sent a request.
///
/// A layer of one's own puts it into the request's extensions; `CurrentUserDefault` and hooks read it from there.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's primary key.
    pub pk: Value,
    /// The name to log in with.
    pub username: String,
    /// Whether it may use Django's admin, which `IsAdminUser` asks for.
    pub is_staff: bool,
    /// Whether it has every permission.
    pub is_superuser: bool,
    /// Whatever else the application keeps about it.
    pub extra: Option<Arc<dyn Any + Send + Sync>>,
}

impl User {
    /// A user by key and name.
    pub fn new(pk: impl Into<Value>, username: impl Into<String>) -> Self {
        User { pk: pk.into(), username: username.into(), is_staff: false, is_superuser: false, extra: None }
    }

    /// With whatever else the application keeps about it.
    pub fn with(mut self, extra: Arc<dyn Any + Send + Sync>) -> Self {
        self.extra = Some(extra);
        self
    }

    /// What the application keeps about it, where that is of a type.
    pub fn extra<T: Any>(&self) -> Option<&T> {
        self.extra.as_deref()?.downcast_ref()
    }
}

/// Scheme and host as a client sees them, where they are others than `http` and its header `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    text: Arc<str>,
    secure: bool,
}

impl Origin {
    pub(crate) fn new(scheme: &str, host: &str) -> Self {
        Origin { text: format!("{scheme}://{host}").into(), secure: scheme == "https" }
    }

    /// The same where something else tells whether the request came by HTTPS.
    pub(crate) fn with_secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host, with its port where it has one.
    pub(crate) fn host(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, host)| host)
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }
}

impl Context {
    /// The context of a request, with the values that its path holds.
    pub fn new(parts: Parts, kwargs: Vec<(String, String)>) -> Self {
        let user = parts.extensions.get::<User>().cloned();
        let inner = Inner { parts: Some(parts), user, kwargs, ..Inner::default() };
        Context { inner: Arc::new(inner), partial: false, deadline: None }
    }

    /// The same for a part of an object, DRF's `partial=True`: an answer leaves a field out whose attribute is absent,
    /// where it would show the default otherwise.
    ///
    /// ```
    /// use bowline::context::Context;
    /// use bowline::fields::{CharField, Field};
    /// use bowline::serializers::Serializer;
    /// use bowline::value::Value;
    /// let serializer = Serializer::new().field(Field::new("city", CharField::new()).default("Oslo"));
    /// let (cx, mut whole, mut part) = (Context::default(), Vec::new(), Vec::new());
    /// serializer.represent(&Value::Map(Default::default()), &cx, &mut whole).unwrap();
    /// serializer.represent(&Value::Map(Default::default()), &cx.partial(), &mut part).unwrap();
    /// assert_eq!((whole.as_slice(), part.as_slice()), (br#"{"city":"Oslo"}"#.as_slice(), b"{}".as_slice()));
    /// ```
    pub fn partial(&self) -> Self {
        Context { partial: true, ..self.clone() }
    }

    /// Whether it is for a part of an object.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial
    }

    /// Until when the request's work in the database may go on.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Ends the request's work in the database so far from now.
    pub(crate) fn allow(&mut self, time: Duration) {
        self.deadline = Some(Deadline::after(time));
    }

    /// Ends the request's work in the database at a deadline.
    pub(crate) fn end(&mut self, deadline: Option<Deadline>) {
        self.deadline = deadline;
    }

    /// Says who sent the request, and by what credentials.
    pub(crate) fn set_user(&mut self, user: User, auth: Option<Value>) {
        let inner = Arc::make_mut(&mut self.inner);
        (inner.user, inner.auth) = (Some(user), auth);
    }

    /// Says which way of authentication found who sent the request.
    pub(crate) fn set_authenticator(&mut self, name: &'static str) {
        Arc::make_mut(&mut self.inner).authenticator = Some(name);
    }

    /// Says which action of a view set the request is.
    pub(crate) fn set_action(&mut self, action: Option<Cow<'static, str>>) {
        Arc::make_mut(&mut self.inner).action = action;
    }

    /// Says which version of the API the request wants.
    pub(crate) fn set_version(&mut self, version: Option<String>) {
        Arc::make_mut(&mut self.inner).version = version;
    }

    /// The same request by another method, as DRF's `clone_request`.
    pub(crate) fn with_method(&self, method: Method) -> Self {
        let mut other = self.clone();
        if let Some(parts) = &mut Arc::make_mut(&mut other.inner).parts {
            parts.method = method;
        }
        other
    }

    /// A GET of the object that the request is about.
    pub(crate) fn retrieving(&self) -> Self {
        let mut other = self.with_method(Method::GET);
        other.set_action(Some("retrieve".into()));
        other.partial = false;
        other
    }

    /// Keeps something for those who come later on the request's way.
    pub(crate) fn keep<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        if let Some(parts) = &mut Arc::make_mut(&mut self.inner).parts {
            parts.extensions.insert(value);
        }
    }

    /// What was kept, by its type.
    pub(crate) fn kept<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.inner.parts.as_ref()?.extensions.get()
    }

    /// What the client proved itself with, DRF's `request.auth`: the key of its token, the claims of its JWT.
    pub fn auth(&self) -> Option<&Value> {
        self.inner.auth.as_ref()
    }

    /// The name of the way of authentication that found who sent the request, DRF's `request.successful_authenticator`.
    pub fn authenticator(&self) -> Option<&'static str> {
        self.inner.authenticator
    }

    /// The action of the view set, DRF's `view.action`: `list`, `create`, `retrieve`, `update`, `partial_update`, `destroy`,
    /// `metadata` for OPTIONS, or the name of an extra action; none for a method that the view set does not have.
    pub fn action(&self) -> Option<&str> {
        self.inner.action.as_deref()
    }

    /// The version of the API that the request wants, DRF's `request.version`.
    pub fn version(&self) -> Option<&str> {
        self.inner.version.as_deref()
    }

    /// The request's method; GET where there is no request.
    pub fn method(&self) -> &Method {
        self.inner.parts.as_ref().map_or(&Method::GET, |p| &p.method)
    }

    /// The request's headers.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.inner.parts.as_ref().map(|p| &p.headers)
    }

    /// The text of a header; none where it is absent or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()?.get(name)?.to_str().ok()
    }

    /// Who sent it; none where nobody said so.
    pub fn user(&self) -> Option<&User> {
        self.inner.user.as_ref()
    }

    /// A value of the path by its name, DRF's `kwargs`.
    pub fn kwarg(&self, name: &str) -> Option<&str> {
        self.inner.kwargs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The values of the path with their names.
    pub fn kwargs(&self) -> &[(String, String)] {
        &self.inner.kwargs
    }

    /// The query string, without `?`.
    pub fn query(&self) -> &str {
        self.inner.parts.as_ref().and_then(|p| p.uri.query()).unwrap_or("")
    }

    /// The last value of a query parameter.
    pub fn query_param(&self, name: &str) -> Option<String> {
        self.query_params(name).pop()
    }

    /// All values of a query parameter.
    pub fn query_params(&self, name: &str) -> Vec<String> {
        let pairs = crate::value::query::parameters(self.query());
        pairs.into_iter().filter(|(n, _)| n == name).map(|(_, value)| value.into_owned()).collect()
    }

    /// The request's address, as it was before an outer router took its part of the path.
    fn uri(&self) -> Option<&Uri> {
        let parts = self.inner.parts.as_ref()?;
        Some(parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0))
    }

    /// The path of the request.
    pub fn path(&self) -> &str {
        self.uri().map_or("/", Uri::path)
    }

    /// Scheme and host as the client sees them: `https://example.org`; empty where there is no request.
    ///
    /// It is what the header `Host` says, unless the settings know better: `public_origin`, or headers of one's own proxies.
    pub fn origin(&self) -> String {
        let Some(parts) = &self.inner.parts else { return String::new() };
        if let Some(origin) = parts.extensions.get::<Origin>() {
            return origin.as_str().to_owned();
        }
        let host = parts.headers.get(header::HOST).and_then(|v| v.to_str().ok());
        let host = host.or_else(|| self.uri()?.authority().map(|a| a.as_str())).unwrap_or("localhost");
        format!("http://{host}")
    }

    /// Whether the client sent it by HTTPS, Django's `is_secure`: as far as the settings tell of a proxy or an origin that
    /// says so.
    pub fn is_secure(&self) -> bool {
        self.kept::<Origin>().is_some_and(Origin::is_secure)
    }

    /// A path as an absolute address, Django's `build_absolute_uri`.
    pub fn absolute<'a>(&self, path: &'a str) -> Cow<'a, str> {
        if path.contains("://") || self.inner.parts.is_none() {
            return Cow::Borrowed(path);
        }
        Cow::Owned(format!("{}{path}", self.origin()))
    }
}
