//! View sets: what a resource does with each method.
//!
//! [`ModelViewSet`] is the typed shell over the engine: the plans of [`crate::store::plan`] run by `write`,
//! `destroy` and `read`. See DRF's chapters "Generic views" and "ViewSets".

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use http::Method;
use sea_orm::EntityTrait;

use crate::context::Context;
use crate::filters::{self, FilterBackend, FilterSet, IntoScope, OrderingFields, Parent};
use crate::model::Condition;
use crate::model::entity::ModelSource;
use crate::pagination::Pagination;
use crate::permissions::IntoRules;
use crate::serializers::{BoundSerializer, Declaration, ModelSerializer};
use crate::value::Value;

mod assign;
mod attributes;
mod bulk;
mod check;
mod destroy;
pub(crate) mod detached;
mod exchange;
mod extra;
mod hooks;
pub(crate) mod idempotency;
mod instance;
mod login;
mod naming;
pub(crate) mod places;
mod plain;
pub(crate) mod policy;
pub(crate) mod preconditions;
mod read;
mod request;
mod resource;
mod row;
mod save;
mod stream;
mod valid;
mod write;

pub use assign::{Assign, ByName, ByType};
pub use attributes::{Attributes, Overrides};
pub use extra::{ActionHandler, ActionRequest, ExtraAction};
pub(crate) use extra::{Body, run as run_action};
pub(crate) use hooks::Hooks;
pub use hooks::ViewSetHooks;
pub use instance::Instance;
pub use login::{login, logout, obtain_auth_token, token_blacklist, token_obtain_pair, token_refresh, token_verify};
pub use naming::view_name;
pub use plain::{Answer, ApiView, Handler, ViewSet, api_view};
pub(crate) use plain::{Endpoint, Metadata};
pub use request::Request;
pub(crate) use resource::{Outdated, Resource};
pub use save::Save;
pub use valid::Valid;

/// List, create, retrieve, update, partial update and destroy of an entity, DRF's `ModelViewSet`.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new()
///     .serializer(ModelSerializer::new().exclude([booking::Column::Note]))
///     .pagination(PageNumberPagination::new(20));
/// ```
pub struct ModelViewSet<E: EntityTrait> {
    declared: Declared,
    entity: PhantomData<fn() -> E>,
}

/// A view set without its types.
#[derive(Clone)]
pub(crate) struct Declared {
    pub(crate) source: ModelSource,
    pub(crate) name: Option<String>,
    pub(crate) description: String,
    pub(crate) basename: Option<String>,
    /// The namespaces that it was included under.
    pub(crate) namespaces: Vec<String>,
    pub(crate) lookup_field: Option<String>,
    pub(crate) lookup_url_kwarg: Option<String>,
    pub(crate) lookup_value_regex: Option<String>,
    pub(crate) extra: Vec<ExtraAction>,
    pub(crate) metadata: Metadata,
    pub(crate) only: Option<Condition>,
    pub(crate) ordering: Vec<(String, bool)>,
    pub(crate) serializer: Declaration,
    pub(crate) serializers: Vec<(Action, Declaration)>,
    pub(crate) actions: Actions,
    pub(crate) many: Many,
    pub(crate) overrides: Overrides,
    /// What single actions say otherwise.
    pub(crate) by_action: Vec<(Action, Overrides)>,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) pagination: Paginated,
    pub(crate) filters: filters::Declared,
}

impl Declared {
    /// Why no request can create a row, where requests may: hooks may fill what is missing, and are believed.
    pub(crate) fn cannot_create(&self, serializer: &BoundSerializer) -> Vec<String> {
        if self.hooks.is_some() || !self.actions.contains(Action::Create) {
            return Vec::new();
        }
        let model = serializer.model();
        let parents = self.filters.parents.iter().filter_map(|parent| Some((&parent.lookup, parent.field()?)));
        let mut mistakes: Vec<String> = parents
            .filter(|(_, field)| !serializer.takes(field))
            .map(|(lookup, field)| {
                format!(
                    "{}: parent_lookup(…, \"{lookup}\") gives new rows the field {field}, which the serializer lacks or does not \
                     take: add it to the fields, set the column in a perform_create hook, or leave out Action::Create.",
                    model.name
                )
            })
            .collect();
        if mistakes.is_empty() {
            mistakes = serializer.unfilled(None);
        }
        mistakes
    }

    /// Whether a rule is declared that reads other rows.
    pub(crate) fn has_query_rules(&self) -> bool {
        self.serializer.has_query_rules() || self.serializers.iter().any(|(_, own)| own.has_query_rules())
    }
}

/// A view set, built: its resource, and the hooks around its writes.
#[derive(Debug)]
pub(crate) struct View {
    /// The name of its type, where it is not the model's with `ViewSet` after it.
    pub(crate) name: Option<String>,
    pub(crate) description: String,
    pub(crate) overrides: Overrides,
    /// What single actions say otherwise.
    pub(crate) by_action: Vec<(Action, Overrides)>,
    pub(crate) resource: Resource,
    /// The resource as single actions see it, where they have a serializer of their own.
    pub(crate) others: Vec<(Action, Resource)>,
    pub(crate) actions: Actions,
    pub(crate) many: Many,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) extra: Vec<ExtraAction>,
    pub(crate) metadata: Metadata,
    pub(crate) namespaces: Vec<String>,
    /// The name that the key in a path has, and the expression that it matches.
    pub(crate) lookup: (String, Option<String>),
    /// What it is nested in.
    pub(crate) parents: Vec<Parent>,
}

impl View {
    /// Puts the values of what it is nested in into a body; into that of a PATCH only in the place of what it says itself, since
    /// nothing else is to be written.
    pub(crate) fn fill_in(&self, data: &mut Value, context: &Context) {
        let partial = *context.method() == Method::PATCH;
        for parent in &self.parents {
            let Some(field) = parent.field() else { continue };
            let Some(value) = context.kwarg(&parent.kwarg).map(Value::from) else { continue };
            let items = match &mut *data {
                Value::List(items) => items.as_mut_slice(),
                one => std::slice::from_mut(one),
            };
            let named = items.iter_mut().filter(|item| !partial || says(item, field));
            named.for_each(|item| put(item, field, &value));
        }
    }

    /// The resource as an action sees it.
    pub(crate) fn resource(&self, action: Action) -> &Resource {
        self.others.iter().find(|(a, _)| *a == action).map_or(&self.resource, |(_, resource)| resource)
    }

    /// Whether a body may bring a file.
    pub(crate) fn takes_files(&self) -> bool {
        self.others.iter().map(|(_, own)| own).chain([&self.resource]).any(|own| own.serializer.takes_files())
    }

    /// What a method of the list, or of one object, is called: DRF's `action_map`.
    pub(crate) fn action(&self, detail: bool, method: &Method) -> Option<Action> {
        let action = match (detail, method.as_str()) {
            (false, "GET" | "HEAD") => Action::List,
            (false, "POST") => Action::Create,
            (true, "GET" | "HEAD") => Action::Retrieve,
            (_, "PUT") => Action::Update,
            (_, "PATCH") => Action::PartialUpdate,
            (_, "DELETE") => Action::Destroy,
            _ => return None,
        };
        let Many { put, patch, destroy, .. } = self.many;
        let has = match (detail, action) {
            (false, Action::Update) => put,
            (false, Action::PartialUpdate) => patch,
            (false, Action::Destroy) => destroy,
            _ => self.actions.contains(action),
        };
        has.then_some(action)
    }

    /// The methods that an action is, of the list and of one object.
    pub(crate) fn methods_of(&self, action: Action) -> Vec<(bool, Method)> {
        let of = |detail: bool| {
            let methods = self.allowed(detail).into_iter().filter_map(|m| Method::from_bytes(m.as_bytes()).ok());
            methods
                .filter(move |method| self.action(detail, method) == Some(action))
                .map(move |method| (detail, method))
        };
        of(false).chain(of(true)).collect()
    }

    /// The methods of the list and of one object, in the order of the Allow header.
    pub(crate) fn allowed(&self, detail: bool) -> Vec<&'static str> {
        let has = |action| self.actions.contains(action);
        let mut allowed = Vec::new();
        if detail {
            let methods = [
                ("GET", Action::Retrieve),
                ("PUT", Action::Update),
                ("PATCH", Action::PartialUpdate),
                ("DELETE", Action::Destroy),
            ];
            allowed.extend(methods.into_iter().filter(|(_, action)| has(*action)).map(|(method, _)| method));
        } else {
            let methods = [
                ("GET", has(Action::List)),
                ("POST", has(Action::Create)),
                ("PUT", self.many.put),
                ("PATCH", self.many.patch),
                ("DELETE", self.many.destroy),
            ];
            allowed.extend(methods.into_iter().filter(|(_, has)| *has).map(|(method, _)| method));
        }
        if allowed.first() == Some(&"GET") {
            allowed.push("HEAD");
        }
        allowed.push("OPTIONS");
        allowed
    }
}

/// Whether a body has a field.
fn says(data: &Value, field: &str) -> bool {
    match data {
        Value::Map(map) => map.contains_key(field),
        Value::Form(form) => form.contains(field),
        _ => false,
    }
}

/// Sets a field of a body.
fn put(data: &mut Value, field: &str, value: &Value) {
    match data {
        Value::Map(map) => drop(map.insert(field, value.clone())),
        Value::Form(form) => form.set(field, vec![value.clone()]),
        _ => {}
    }
}

/// What a view set does, DRF's `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// GET of the list.
    List,
    /// POST.
    Create,
    /// GET of one object.
    Retrieve,
    /// PUT.
    Update,
    /// PATCH.
    PartialUpdate,
    /// DELETE.
    Destroy,
}

impl Action {
    /// Its name, as DRF's users know it.
    pub fn name(self) -> &'static str {
        match self {
            Action::List => "list",
            Action::Create => "create",
            Action::Retrieve => "retrieve",
            Action::Update => "update",
            Action::PartialUpdate => "partial_update",
            Action::Destroy => "destroy",
        }
    }
}

/// A set of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Actions(u8);

impl Actions {
    const ALL: Actions = Actions(0b11_1111);

    pub(crate) fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Actions(actions.into_iter().fold(0, |set, action| set | 1 << action as u8))
    }
}

/// What a view set does with lists of objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Many {
    pub(crate) create: Lists,
    pub(crate) put: bool,
    pub(crate) patch: bool,
    pub(crate) destroy: bool,
    /// Actions that lists were to be changed by, and cannot be.
    pub(crate) wrong: Vec<Action>,
}

/// Whether a body may be a list of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    /// One object at a time.
    #[default]
    Never,
    /// One object, or a list of them.
    Also,
    /// A list, always.
    Always,
}

/// What a view set says about pages.
#[derive(Clone, Debug)]
pub(crate) enum Paginated {
    /// As the settings say.
    Default,
    /// This way, or not at all.
    Own(Option<Arc<dyn Pagination>>),
}

impl<E: EntityTrait> ModelViewSet<E> {
    /// All fields of the entity, no hooks, pages as the settings say.
    pub fn new() -> Self {
        let declared = Declared {
            source: ModelSource::of::<E>(),
            name: None,
            description: String::new(),
            basename: None,
            namespaces: Vec::new(),
            lookup_field: None,
            lookup_url_kwarg: None,
            lookup_value_regex: None,
            extra: Vec::new(),
            metadata: Metadata::Simple,
            only: None,
            ordering: Vec::new(),
            serializer: ModelSerializer::<E>::new().into_declaration(),
            serializers: Vec::new(),
            actions: Actions::ALL,
            many: Many::default(),
            overrides: Overrides::default(),
            by_action: Vec::new(),
            hooks: None,
            pagination: Paginated::Default,
            filters: filters::Declared::default(),
        };
        ModelViewSet { declared, entity: PhantomData }
    }

    /// With a serializer of one's own (DRF's `serializer_class`).
    pub fn serializer(mut self, serializer: ModelSerializer<E>) -> Self {
        self.declared.serializer = serializer.into_declaration();
        self
    }

    /// With another serializer for one action (what DRF's users write into `get_serializer_class`).
    pub fn serializer_for(mut self, action: Action, serializer: ModelSerializer<E>) -> Self {
        self.declared.serializers.push((action, serializer.into_declaration()));
        self
    }

    /// With other permissions for one action (what DRF's users write into `get_permissions`). OPTIONS is an action of its
    /// own (`metadata`), which these are not asked for.
    pub fn permissions_for(self, action: Action, rules: impl IntoRules) -> Self {
        self.for_action(action, |own| own.permissions(rules))
    }

    /// With anything else for one action: what DRF's users write into `get_throttles`, `get_renderers`, `get_parsers` or
    /// `get_authenticators`. What is not said here is as the view set says it.
    ///
    /// ```
    /// use bowline::permissions::IsAuthenticated;
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let bookings = ModelViewSet::<booking::Entity>::new()
    ///     .for_action(Action::Create, |create| create.throttle_scope("bookings").permissions(IsAuthenticated));
    /// ```
    pub fn for_action(mut self, action: Action, say: impl FnOnce(Overrides) -> Overrides) -> Self {
        self.declared.by_action.push((action, say(Overrides::default())));
        self
    }

    /// Only these actions; other methods are 405 (DRF's mixins, and its `http_method_names`).
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.declared.actions = actions.into_iter().collect();
        self
    }

    /// List and retrieve alone, DRF's `ReadOnlyModelViewSet`.
    pub fn read_only(self) -> Self {
        self.actions([Action::List, Action::Retrieve])
    }

    /// Whether POST takes a list of objects instead of one, beside one, or not at all (the default).
    pub fn create_many(mut self, lists: Lists) -> Self {
        self.declared.many.create = lists;
        self
    }

    /// PUT of the list, or PATCH, or both change many objects, each named by its key.
    pub fn update_many(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        for action in actions {
            self.declared.many.put |= action == Action::Update;
            self.declared.many.patch |= action == Action::PartialUpdate;
            if !matches!(action, Action::Update | Action::PartialUpdate) {
                self.declared.many.wrong.push(action);
            }
        }
        self
    }

    /// DELETE of the list deletes many objects, named by their keys.
    pub fn destroy_many(mut self) -> Self {
        self.declared.many.destroy = true;
        self
    }

    /// The name of its type, which its names for people are made of (`BookViewSet` is "Book List" and "Book Instance"); by
    /// default the model's.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.declared.name = Some(name.into());
        self
    }

    /// A description for people, DRF's docstring of the class.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.declared.description = text.into();
        self
    }

    /// The name that the names of its views begin with, for links; by default the model's in small letters.
    pub fn basename(mut self, name: impl Into<String>) -> Self {
        self.declared.basename = Some(name.into());
        self
    }

    /// The unique field that addresses name an object by; by default its key.
    pub fn lookup_field(mut self, field: impl Into<String>) -> Self {
        self.declared.lookup_field = Some(field.into());
        self
    }

    /// The name that the path's value has in the request's kwargs; by default the lookup field's, or `pk` (DRF's
    /// `lookup_url_kwarg`).
    pub fn lookup_url_kwarg(mut self, name: impl Into<String>) -> Self {
        self.declared.lookup_url_kwarg = Some(name.into());
        self
    }

    /// The regular expression that the key in a path has to match, `[^/.]+` by default; other paths are unknown (DRF's
    /// `lookup_value_regex`).
    pub fn lookup_value_regex(mut self, expression: impl Into<String>) -> Self {
        self.declared.lookup_value_regex = Some(expression.into());
        self
    }

    /// With a further view below the list or below one object.
    pub fn action(mut self, action: ExtraAction) -> Self {
        self.declared.extra.push(action);
        self
    }

    /// With another answer to OPTIONS, DRF's `metadata_class`.
    pub fn metadata(mut self, describe: impl Fn(&Request) -> Value + Send + Sync + 'static) -> Self {
        self.declared.metadata = Metadata::Own(Arc::new(describe));
        self
    }

    /// Without an answer to OPTIONS: 405.
    pub fn no_metadata(mut self) -> Self {
        self.declared.metadata = Metadata::None;
        self
    }

    /// Only rows like this (DRF's `queryset`): others are not there, for reads and for writes.
    pub fn filter(mut self, only: Condition) -> Self {
        self.declared.only = Some(only);
        self
    }

    /// The order of lists by field names, descending with `-` before them; by default the model's.
    pub fn ordering<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        let fields = fields.into_iter().map(|field| match field.strip_prefix('-') {
            Some(name) => (name.to_owned(), true),
            None => (field.to_owned(), false),
        });
        self.declared.ordering = fields.collect();
        self
    }

    /// The rows that a request may see, DRF's `get_queryset`: all of the view set's, some of them, or none
    /// ([`Scope`](crate::filters::Scope)). Others are not there, for reads and for writes: the condition is part of every statement, so
    /// that a row that leaves it meanwhile is not written either.
    ///
    /// A value that is missing leads to no row: `?` on an `Option` answers `None`, and `None` is no row. It belongs to existing
    /// rows; a new one may be like it or not.
    ///
    /// # Errors
    ///
    /// Where it answers an error, that answers the request. A panic is a 500.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let bookings = ModelViewSet::<booking::Entity>::new().get_queryset(|request: &Context| {
    ///     let room: i64 = request.header("x-room")?.parse().ok()?; // without the header: no row
    ///     Some(Condition::eq(booking::Column::RoomId, room))
    /// });
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let router = DefaultRouter::new().register("bookings", bookings);
    /// # let mut client = bowline::testing::Client::new(router).await.unwrap();
    /// # let booking = bowline::value!({"room_id": 7, "start": 9, "end": 10});
    /// # assert_eq!(client.post("/bookings/", booking).await.unwrap().status, 201);
    /// # assert_eq!(client.get("/bookings/").await.unwrap().data, bowline::value!([]));
    /// # assert_eq!(client.get("/bookings/1/").await.unwrap().status, 404);
    /// # });
    /// ```
    pub fn get_queryset<S: IntoScope>(mut self, queryset: impl Fn(&Context) -> S + Send + Sync + 'static) -> Self {
        self.declared.filters.queryset = Some(Arc::new(move |request: &Context| queryset(request).into_scope()));
        self
    }

    /// Only rows that belong to the object in whose path it is nested: a value of the path, and the lookup that finds the rows
    /// by it (drf-nested-routers' `parent_lookup_kwargs`). Bodies get the value as the field that the lookup begins with
    /// (`room`, `room__pk`), whatever they say themselves (a PATCH only where it says any); one of a row further away (`room__hotel__pk`) only narrows. A value
    /// that no row can have is a 404.
    pub fn parent_lookup(mut self, kwarg: impl Into<String>, lookup: impl Into<String>) -> Self {
        self.declared.filters.parents.push(Parent { kwarg: kwarg.into(), lookup: lookup.into() });
        self
    }

    /// With other filter backends than the settings name (DRF's `filter_backends`).
    pub fn filter_backends(mut self, backends: impl IntoIterator<Item = Arc<dyn FilterBackend>>) -> Self {
        self.declared.filters.backends = Some(backends.into_iter().collect());
        self
    }

    /// With this filter backend, after those that were named so, and without those of the settings.
    pub fn filter_backend(mut self, backend: impl FilterBackend + 'static) -> Self {
        self.declared.filters.backends.get_or_insert_default().push(Arc::new(backend));
        self
    }

    /// What `DjangoFilterBackend` filters by (django-filter's `filterset_class`).
    pub fn filterset(mut self, filterset: FilterSet) -> Self {
        self.declared.filters.filterset = Some(filterset);
        self
    }

    /// The fields that `DjangoFilterBackend` filters by, for equality (django-filter's `filterset_fields`).
    pub fn filterset_fields<'a>(self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.filterset(FilterSet::new().fields(fields))
    }

    /// The fields that `SearchFilter` searches, with their prefixes (DRF's `search_fields`).
    pub fn search_fields<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.declared.filters.search_fields = fields.into_iter().map(str::to_owned).collect();
        self
    }

    /// The fields that `OrderingFilter` orders by (DRF's `ordering_fields`); those that the serializer shows by default.
    pub fn ordering_fields<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        let fields = fields.into_iter().map(str::to_owned).collect();
        self.declared.filters.ordering_fields = OrderingFields::These(fields);
        self
    }

    /// `OrderingFilter` orders by any column (DRF's `ordering_fields = "__all__"`).
    pub fn order_by_any_field(mut self) -> Self {
        self.declared.filters.ordering_fields = OrderingFields::All;
        self
    }

    /// With `perform_*` hooks, inside the open transaction.
    pub fn hooks(mut self, hooks: impl ViewSetHooks<E>) -> Self {
        self.declared.hooks = Some(Arc::new(hooks::Of::<E, _>::new(hooks)));
        self
    }

    /// With pages of its own (DRF's `pagination_class`).
    pub fn pagination(mut self, pagination: impl Pagination) -> Self {
        self.declared.pagination = Paginated::Own(Some(Arc::new(pagination)));
        self
    }

    /// Without pages, whatever the settings say.
    pub fn no_pagination(mut self) -> Self {
        self.declared.pagination = Paginated::Own(None);
        self
    }

    pub(crate) fn into_declared(self) -> Declared {
        self.declared
    }
}

impl<E: EntityTrait> Attributes for ModelViewSet<E> {
    fn overrides(&mut self) -> &mut Overrides {
        &mut self.declared.overrides
    }
}

impl<E: EntityTrait> Default for ModelViewSet<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: EntityTrait> fmt::Debug for ModelViewSet<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelViewSet").field("pagination", &self.declared.pagination).finish_non_exhaustive()
    }
}
