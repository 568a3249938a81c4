//! View sets without a model: DRF's `ViewSet`.

use std::borrow::Cow;
use std::fmt;

use http::Method;

use super::{ApiView, Handler, ORDER, Overrides, view_name};
use crate::views::Action;

/// Handlers for the list and for single objects of something that is no model, DRF's `ViewSet`, with actions beside them.
///
/// | path | handlers |
/// |---|---|
/// | `{prefix}/` | GET [`list`](Self::list), POST [`create`](Self::create) |
/// | `{prefix}/{action}/` | an [`action`](Self::action) |
/// | `{prefix}/{pk}/` | GET [`retrieve`](Self::retrieve), PUT [`update`](Self::update), PATCH [`partial_update`](Self::partial_update), DELETE [`destroy`](Self::destroy) |
/// | `{prefix}/{pk}/{action}/` | a [`detail_action`](Self::detail_action) |
///
/// ```
/// use bowline::prelude::*;
/// use bowline::value;
///
/// async fn list(_: Request) -> Value {
///     value!([{"id": 1, "word": "one"}])
/// }
///
/// async fn say(request: Request) -> bowline::Result<Response> {
///     let (pk, what): (u32, String) = (request.path_value("pk")?, request.path_value("what")?);
///     Ok(Response::new(format!("{pk} says {what}")))
/// }
///
/// let words = ViewSet::new("WordViewSet")
///     .list(list)
///     .detail_action("say/(?P<what>[a-z]+)", ApiView::new("say").post(say));
/// let api = DefaultRouter::new().view_set("words", words);
/// ```
#[derive(Clone)]
pub struct ViewSet {
    list: ApiView,
    detail: ApiView,
    lookup: (Cow<'static, str>, Cow<'static, str>),
    actions: Vec<(bool, String, ApiView)>,
}

impl ViewSet {
    /// A view set by the name of its type, from which the names for people come: `WordViewSet` is "Word List" and
    /// "Word Instance".
    pub fn new(type_name: impl Into<Cow<'static, str>>) -> Self {
        let type_name = type_name.into();
        let view = |suffix: &str| ApiView::new(type_name.clone()).name(format!("{} {suffix}", view_name(&type_name)));
        ViewSet {
            list: view("List"),
            detail: view("Instance"),
            lookup: ("pk".into(), "[^/.]+".into()),
            actions: Vec::new(),
        }
    }

    /// With a description for people; further views without one of their own have it too.
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        self.list = self.list.description(description.clone());
        self.detail = self.detail.description(description);
        self
    }

    /// Answers GET of the list.
    pub fn list(mut self, handler: impl Handler) -> Self {
        self.list = self.list.get(handler);
        self
    }

    /// Answers POST of the list.
    pub fn create(mut self, handler: impl Handler) -> Self {
        self.list = self.list.post(handler);
        self
    }

    /// Answers GET of one object.
    pub fn retrieve(mut self, handler: impl Handler) -> Self {
        self.detail = self.detail.get(handler);
        self
    }

    /// Answers PUT of one object.
    pub fn update(mut self, handler: impl Handler) -> Self {
        self.detail = self.detail.put(handler);
        self
    }

    /// Answers PATCH of one object.
    pub fn partial_update(mut self, handler: impl Handler) -> Self {
        self.detail = self.detail.patch(handler);
        self
    }

    /// Answers DELETE of one object.
    pub fn destroy(mut self, handler: impl Handler) -> Self {
        self.detail = self.detail.delete(handler);
        self
    }

    /// With another policy for one action: what DRF's users write into `get_permissions`, `get_throttles` and so on.
    ///
    /// ```
    /// use bowline::permissions::IsAuthenticated;
    /// use bowline::prelude::*;
    /// # async fn list(_: Request) -> Value { Value::Null }
    /// # async fn create(_: Request) -> Value { Value::Null }
    /// let words = ViewSet::new("WordViewSet")
    ///     .list(list)
    ///     .create(create)
    ///     .for_action(Action::Create, |create| create.permissions(IsAuthenticated));
    /// ```
    pub fn for_action(mut self, action: Action, say: impl FnOnce(Overrides) -> Overrides) -> Self {
        let (view, method) = match action {
            Action::List => (&mut self.list, Method::GET),
            Action::Create => (&mut self.list, Method::POST),
            Action::Retrieve => (&mut self.detail, Method::GET),
            Action::Update => (&mut self.detail, Method::PUT),
            Action::PartialUpdate => (&mut self.detail, Method::PATCH),
            Action::Destroy => (&mut self.detail, Method::DELETE),
        };
        *view = view.clone().for_method(method, say);
        self
    }

    /// The name that handlers read an object's key by, and the regular expression that keys match: `pk` and `[^/.]+`
    /// unless set (DRF's `lookup_url_kwarg` and `lookup_value_regex`).
    pub fn lookup(mut self, name: impl Into<Cow<'static, str>>, keys: impl Into<Cow<'static, str>>) -> Self {
        self.lookup = (name.into(), keys.into());
        self
    }

    /// A further view below the list, DRF's `@action(detail=False)`; its path is a regular expression.
    pub fn action(self, path: impl Into<String>, view: ApiView) -> Self {
        self.with_action(false, path.into(), view)
    }

    /// A further view below one object, DRF's `@action(detail=True)`; its path is a regular expression.
    pub fn detail_action(self, path: impl Into<String>, view: ApiView) -> Self {
        self.with_action(true, path.into(), view)
    }

    fn with_action(mut self, detail: bool, path: String, view: ApiView) -> Self {
        let name = view.name.clone().unwrap_or_else(|| pretty_name(&view.type_name));
        self.actions.push((detail, path, view.name(name)));
        self
    }

    /// Changes all of its views: their renderers, parsers, ways to authenticate, ….
    pub fn each(mut self, change: impl Fn(ApiView) -> ApiView) -> Self {
        self.list = change(self.list);
        self.detail = change(self.detail);
        self.actions = self.actions.into_iter().map(|(detail, path, view)| (detail, path, change(view))).collect();
        self
    }

    /// The name of its type.
    pub(crate) fn name(&self) -> &str {
        &self.list.type_name
    }

    /// The views by their paths below a prefix, in DRF's order: what the router serves.
    pub(crate) fn into_paths(self, prefix: &str, slash: &str) -> Vec<(String, ApiView)> {
        let prefix = regex::escape(prefix);
        let (name, keys) = &self.lookup;
        let object = format!("^{prefix}/(?P<{name}>{keys})");
        let path = |detail: bool, rest: &str| match (detail, rest) {
            (false, "") => format!("^{prefix}{slash}$"),
            (false, rest) => format!("^{prefix}/{rest}{slash}$"),
            (true, "") => format!("{object}{slash}$"),
            (true, rest) => format!("{object}/{rest}{slash}$"),
        };
        let described = self.list.description.clone();
        let mut paths = Vec::new();
        for (detail, own) in [(false, self.list), (true, self.detail)] {
            if ORDER.iter().any(|method| own.has(method)) {
                paths.push((path(detail, ""), own));
            }
            let actions = self.actions.iter().filter(|(of_detail, ..)| *of_detail == detail);
            paths.extend(actions.map(|(_, rest, view)| {
                let view = view.clone();
                let own = !view.description.is_empty();
                (path(detail, rest), if own { view } else { view.description(described.clone()) })
            }));
        }
        paths
    }
}

/// A function's name for people, Django's `pretty_name`: `tag_list` is "Tag list".
pub(in crate::views) fn pretty_name(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

impl fmt::Debug for ViewSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewSet").field("list", &self.list).finish_non_exhaustive()
    }
}
