//! Views without a model: DRF's `APIView` and `api_view`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::Method;

use super::attributes::{Attributes, Overrides};
use super::policy::{Bound, Place, SerializerOf};
use super::view_name;
use crate::context::Context;
use crate::error::Result;
use crate::serializers::Serializer;
use crate::store::Needs;
use crate::value::Value;
use crate::view_info::ViewInfo;

mod endpoint;
mod handler;
mod view_set;

pub(crate) use endpoint::Endpoint;
use handler::BoxHandler;
pub(super) use handler::function_name;
pub use handler::{Answer, Handler};
pub use view_set::ViewSet;
pub(super) use view_set::pretty_name;

use super::Request;

/// The order in which `Allow` names the methods of a view, DRF's `http_method_names`.
pub(super) const ORDER: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

/// A view of one's own: a handler for each method. DRF's `APIView`.
///
/// Before a handler runs, DRF's order is kept: the format suffix and the negotiation (404, 406), who it is (401, 403), the
/// method (405); the body is parsed when the handler asks for it (400, 415). GET answers HEAD too, OPTIONS describes the
/// view, and every answer has `Allow`, and `Vary: Accept` where there are several renderers. A write, once begun, runs to
/// its end even if its client goes away.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::value;
/// use http::StatusCode;
///
/// async fn count(_: Request) -> Response {
///     Response::new(value!({"count": 2}))
/// }
///
/// async fn add(mut request: Request) -> bowline::Result<Response> {
///     let data = request.data().await?;
///     Ok(Response::new(value!({"got": data})).status(StatusCode::CREATED))
/// }
///
/// let view = ApiView::new("WordView").description("Words.").get(count).post(add);
/// let api = DefaultRouter::new().path("words/<slug:word>/", view);
/// ```
#[derive(Clone)]
pub struct ApiView {
    type_name: Cow<'static, str>,
    name: Option<String>,
    description: Cow<'static, str>,
    /// The order of `Allow` in a function view, where GET does not answer HEAD either; none where it is DRF's own.
    order: Option<Vec<Method>>,
    methods: Vec<(Method, BoxHandler)>,
    metadata: Metadata,
    overrides: Overrides,
    /// What single methods say otherwise.
    by_method: Vec<(Method, Overrides)>,
    serializer: Option<SerializerOf>,
    /// The tables that its handlers work on.
    needs: &'static [Needs],
    /// Whether a field of the serializer is for a file.
    file_fields: bool,
    /// What is wrong with the serializer's declaration.
    mistakes: Vec<String>,
}

impl Attributes for ApiView {
    fn overrides(&mut self) -> &mut Overrides {
        &mut self.overrides
    }
}

/// What answers OPTIONS.
#[derive(Clone)]
pub(crate) enum Metadata {
    Simple,
    None,
    Own(Arc<dyn Fn(&Request) -> Value + Send + Sync>),
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Metadata::Simple => "Simple",
            Metadata::None => "None",
            Metadata::Own(_) => "Own(..)",
        })
    }
}

/// A view of one function for all of its methods, DRF's `@api_view`: it is called as the function is, has no HEAD, and
/// `Allow` names the methods in the order given here. OPTIONS among them only has its place there: it describes the view
/// as it does elsewhere.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::value;
///
/// async fn hello(request: Request) -> Response {
///     let name = request.query_param("name");
///     Response::new(value!({"hello": name.as_deref().unwrap_or("world")}))
/// }
/// let api = DefaultRouter::new().path("hello/", api_view([http::Method::GET], hello).description("Says hello."));
/// ```
pub fn api_view<H: Handler + Clone>(methods: impl IntoIterator<Item = Method>, handler: H) -> ApiView {
    let mut view = ApiView::new(handler::function_name::<H>());
    let methods: Vec<Method> = methods.into_iter().collect();
    for method in methods.iter().filter(|method| **method != Method::OPTIONS) {
        view = view.on(method.clone(), handler.clone());
    }
    view.order = Some(methods);
    view
}

impl ApiView {
    /// A view by the name of its type, from which its name for people comes: `LoginView` is "Login".
    pub fn new(type_name: impl Into<Cow<'static, str>>) -> Self {
        ApiView {
            type_name: type_name.into(),
            name: None,
            description: Cow::Borrowed(""),
            order: None,
            methods: Vec::new(),
            metadata: Metadata::Simple,
            overrides: Overrides::default(),
            by_method: Vec::new(),
            serializer: None,
            needs: &[],
            file_fields: false,
            mistakes: Vec::new(),
        }
    }

    /// With a name for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With a description for people; the indent that its lines share is left out.
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }

    /// Answers GET, and HEAD with the same headers.
    pub fn get(self, handler: impl Handler) -> Self {
        self.on(Method::GET, handler)
    }

    /// Answers POST.
    pub fn post(self, handler: impl Handler) -> Self {
        self.on(Method::POST, handler)
    }

    /// Answers PUT.
    pub fn put(self, handler: impl Handler) -> Self {
        self.on(Method::PUT, handler)
    }

    /// Answers PATCH.
    pub fn patch(self, handler: impl Handler) -> Self {
        self.on(Method::PATCH, handler)
    }

    /// Answers DELETE.
    pub fn delete(self, handler: impl Handler) -> Self {
        self.on(Method::DELETE, handler)
    }

    /// Answers a method; the last handler of a method counts.
    pub fn on(mut self, method: Method, handler: impl Handler) -> Self {
        self.methods.retain(|(m, _)| *m != method);
        self.methods.push((method, handler::boxed(handler)));
        self
    }

    /// With another answer to OPTIONS, DRF's `metadata_class`.
    pub fn metadata(mut self, describe: impl Fn(&Request) -> Value + Send + Sync + 'static) -> Self {
        self.metadata = Metadata::Own(Arc::new(describe));
        self
    }

    /// Without an answer to OPTIONS: 405.
    pub fn no_metadata(mut self) -> Self {
        self.metadata = Metadata::None;
        self
    }

    /// With a serializer, DRF's `serializer_class`: [`Request::validate`] runs it, and OPTIONS tells of its fields.
    ///
    /// What [`Serializer::mistakes`] tells of stops the start of the program.
    ///
    /// ```
    /// use bowline::fields::{CharField, Field};
    /// use bowline::prelude::*;
    /// use bowline::serializers::Serializer;
    ///
    /// async fn greet(mut request: Request) -> bowline::Result<Response> {
    ///     Ok(Response::new(request.validate().await?))
    /// }
    /// let greeting = Serializer::new().field(Field::new("name", CharField::new()));
    /// let view = ApiView::new("GreetView").serializer(greeting).post(greet);
    /// ```
    pub fn serializer(mut self, serializer: Serializer) -> Self {
        self.mistakes = serializer.mistakes();
        let file_fields = serializer.fields().any(crate::fields::Field::takes_files);
        let serializer = Arc::new(serializer);
        ApiView { file_fields, ..self.serializer_by(move |_| Ok(Arc::clone(&serializer))) }
    }

    /// With a serializer by the request, DRF's `get_serializer_class`.
    pub fn serializer_by(
        mut self,
        choose: impl Fn(&Context) -> Result<Arc<Serializer>> + Send + Sync + 'static,
    ) -> Self {
        self.serializer = Some(SerializerOf(Arc::new(choose)));
        // which ones, nobody knows before the request
        self.file_fields = true;
        self
    }

    /// With another policy for one method, HEAD with GET: what DRF's users write into `get_permissions`, `get_throttles` and so on.
    /// What is not said here is as the view says it.
    ///
    /// ```
    /// use bowline::permissions::IsAuthenticated;
    /// use bowline::prelude::*;
    /// use bowline::value;
    /// let view = ApiView::new("NoteView")
    ///     .get(async |_: Request| value!("read by everybody"))
    ///     .post(async |_: Request| value!("written by some"))
    ///     .for_method(http::Method::POST, |post| post.permissions(IsAuthenticated));
    /// ```
    pub fn for_method(mut self, method: Method, say: impl FnOnce(Overrides) -> Overrides) -> Self {
        self.by_method.push((method, say(Overrides::default())));
        self
    }

    /// Has the tables that its handlers work on made, or missed, at the start.
    pub(crate) fn needing(mut self, tables: &'static [Needs]) -> Self {
        self.needs = tables;
        self
    }

    /// Whether a method has a handler of its own.
    fn has(&self, method: &Method) -> bool {
        self.methods.iter().any(|(m, _)| m == method)
    }

    /// The methods that `Allow` names, in its order.
    fn allowed(&self) -> Vec<Method> {
        let has = |method: &Method| self.has(method);
        let Some(order) = &self.order else {
            let answers = |method: &Method| match *method {
                Method::OPTIONS => true,
                Method::HEAD => has(&Method::HEAD) || has(&Method::GET),
                _ => has(method),
            };
            return ORDER.into_iter().filter(answers).collect();
        };
        let more = self.methods.iter().map(|(method, _)| method).chain([&Method::OPTIONS]);
        let mut allowed = order.clone();
        for method in more {
            if !allowed.contains(method) {
                allowed.push(method.clone());
            }
        }
        allowed
    }

    /// What is wrong with the view, in sentences.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = String> {
        let none = "it has no handler: give it one by get(…), post(…), ….".to_owned();
        let own =
            self.mistakes.iter().cloned().chain((self.mistakes.is_empty() && self.methods.is_empty()).then_some(none));
        own.map(|mistake| format!("{}: {mistake}", self.type_name))
    }

    /// The view with what the settings say where it says nothing.
    pub(crate) fn bind(self, place: Place, bound: &Bound<'_>) -> Endpoint {
        let mut info = ViewInfo::new(self.type_name.clone());
        (info.view_name, info.namespaces) = (place.view_name, place.namespaces);
        let mut policy = bound.policy(info).described(&self.description);
        policy = policy.allowing(self.allowed());
        policy.name = self.name.unwrap_or_else(|| view_name(&self.type_name));
        policy.takes_files = if self.serializer.is_some() { self.file_fields } else { self.overrides.has_parsers() };
        policy.serializer = self.serializer;
        policy.needs = self.needs;
        self.overrides.apply(&mut policy);
        for (method, own) in &self.by_method {
            let head = (*method == Method::GET).then_some(Method::HEAD);
            policy.set_for([method.clone()].into_iter().chain(head), own);
        }
        Endpoint::new(policy, self.methods, self.order.is_none(), self.metadata)
    }
}

impl fmt::Debug for ApiView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiView").field("type_name", &self.type_name).finish_non_exhaustive()
    }
}
