//! From registered view sets to an [`axum::Router`].
//!
//! Everything that requests need is worked out here, once: the catalogue is read and held against the models, serializers
//! and plans are built. Mistakes surface now, with a sentence that says what to change.
//!
//! See DRF's chapter "Routers".

use std::fmt;
use std::sync::Arc;

use sea_orm::EntityTrait;

use crate::edge::Edge;
use crate::error::{Error, Result};
use crate::filters::Bound as Filters;
use crate::model::entity::ModelSource;
use crate::model::{Model, ModelMeta};
use crate::relations::Urls;
use crate::serializers::shape::Shape;
use crate::serializers::{Build, Declaration};
use crate::settings::Settings;
use crate::store::catalogue::StartupError;
use crate::store::plan::{Alias, Plan, RowsBy, Select};
use crate::store::{self, Database, Dialect, KnownEntities, Store, catalogue, idempotency, schema};
use crate::suggest::candidates;
use crate::versioning::Reverse;
use crate::views::places::StreamPlaces;
use crate::views::policy::{Bound, Place};
use crate::views::preconditions::Shown;
use crate::views::{Action, ApiView, Declared, ModelViewSet, Paginated, Resource, View, ViewSet};

mod dispatch;
mod pattern;
mod prefix;
mod resolve;
mod reverse;
mod urls;
mod wrapped;

use dispatch::Dispatch;
use pattern::PathPattern;
use prefix::{Prefix, is_plain};
use resolve::{Mounted, OwnPath, Resolver, Root, Style};
use reverse::Names;
use urls::UrlTable;
pub(crate) use wrapped::Served;
use wrapped::Wrap;

/// Routes for view sets, with an API root and format suffixes, DRF's `DefaultRouter`.
///
/// | path | methods |
/// |---|---|
/// | `/` | GET: the address of each list |
/// | `/{prefix}/`, `/{prefix}.json` | GET list, POST create |
/// | `/{prefix}/{pk}/`, `/{prefix}/{pk}.json` | GET retrieve, PUT update, PATCH partial update, DELETE destroy |
///
/// A path without its final slash is redirected (Django's `APPEND_SLASH`).
///
/// ```no_run
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// # async fn run() -> bowline::Result<()> {
/// let api = DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new());
/// let app: axum::Router = axum::Router::new().nest("/api", api.into_axum("sqlite://app.sqlite3").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct DefaultRouter {
    registered: Vec<(String, Declared, Style)>,
    generic: Vec<(String, Declared)>,
    style: Option<Style>,
    paths: Vec<PathRoute>,
    /// The prefixes that the API root names.
    listed: Vec<String>,
    /// The prefixes of the view sets that were registered here, and not included, with their basenames.
    basenames: Vec<(String, String)>,
    roots: Vec<Root>,
    models: Vec<ModelSource>,
    known: KnownEntities,
    mistakes: Vec<String>,
    wraps: Vec<Wrap>,
    settings: Settings,
    /// Whether other machines reach the server.
    exposed: bool,
}

/// A path of one's own.
struct PathRoute {
    path: String,
    view: ApiView,
    /// Whether it has a format suffix.
    suffixes: bool,
    name: Option<String>,
    namespaces: Vec<String>,
}

impl PathRoute {
    fn new(path: impl Into<String>, view: ApiView) -> Self {
        PathRoute { path: path.into(), view, suffixes: false, name: None, namespaces: Vec::new() }
    }

    /// What the view may know of its place.
    fn place(&self) -> Place {
        let before = |namespaces: &[String]| namespaces.iter().map(|n| format!("{n}:")).collect::<String>();
        let view_name = self.name.as_ref().map(|name| format!("{}{name}", before(&self.namespaces)));
        Place { view_name, namespaces: self.namespaces.clone() }
    }
}

impl DefaultRouter {
    /// No routes yet, DRF's default settings.
    pub fn new() -> Self {
        DefaultRouter::default()
    }

    /// Serves a view set under a prefix.
    pub fn register<E: EntityTrait>(mut self, prefix: impl Into<String>, view_set: ModelViewSet<E>) -> Self {
        self.known.learn::<E>();
        let (prefix, style) = (prefix.into(), self.style());
        // as in DRF, what is nested stands in no root: its address has values
        if style.rooted && is_plain(&prefix) {
            self.listed.push(prefix.clone());
        }
        let declared = view_set.into_declared();
        let basename = declared.basename();
        if let Some((before, _)) = self.basenames.iter().find(|(_, known)| *known == basename) {
            self.mistakes.push(format!(
                "The view sets at \"{before}\" and \"{prefix}\" have one basename, \"{basename}\", so that their views have the \
                 same names: give one of them another by basename(…)."
            ));
        }
        self.basenames.push((prefix.clone(), basename));
        self.registered.push((prefix, declared, style));
        self
    }

    /// Serves a view set without a model under a prefix.
    pub fn view_set(mut self, prefix: impl Into<String>, view_set: ViewSet) -> Self {
        let (prefix, style) = (prefix.into(), self.style());
        let paths = view_set.into_paths(&prefix, style.slash);
        let route = |(path, view)| PathRoute { suffixes: style.suffixes, ..PathRoute::new(path, view) };
        self.paths.extend(paths.into_iter().map(route));
        if style.rooted {
            self.listed.push(prefix);
        }
        self
    }

    /// Without an API root and format suffixes, DRF's `SimpleRouter`.
    pub fn simple() -> Self {
        let style = Style { rooted: false, suffixes: false, slash: "/" };
        DefaultRouter { style: Some(style), ..DefaultRouter::default() }
    }

    /// Whether addresses that are registered from now on end with a slash; they do by default.
    pub fn trailing_slash(mut self, yes: bool) -> Self {
        let slash = if yes { "/" } else { "" };
        self.style = Some(Style { slash, ..self.style() });
        self
    }

    fn style(&self) -> Style {
        self.style.unwrap_or(Style { rooted: true, suffixes: true, slash: "/" })
    }

    /// Serves a view set at one path, DRF's generic views: its list, or where the path has a value, the object that the
    /// value names.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let api = DefaultRouter::new()
    ///     .generic("bookings/", ModelViewSet::<booking::Entity>::new().actions([Action::List]))
    ///     .generic("bookings/<int:pk>/", ModelViewSet::<booking::Entity>::new().actions([Action::Retrieve]));
    /// ```
    pub fn generic<E: EntityTrait>(mut self, path: impl Into<String>, view_set: ModelViewSet<E>) -> Self {
        self.known.learn::<E>();
        self.generic.push((path.into(), view_set.into_declared()));
        self
    }

    /// Serves a view of one's own at a path, beside the view sets: Django's `path()`.
    ///
    /// A path has no slash at its beginning. Between `<` and `>` it has values, which handlers read by
    /// [`kwarg`](crate::context::Context::kwarg): `<str:kind>` (anything but a slash), `<int:number>`, `<slug:name>`,
    /// `<uuid:id>`, `<path:rest>`. A path that begins with `^` is a regular expression, with a value for each of its named
    /// groups (Django's `re_path()`).
    ///
    /// ```
    /// use bowline::prelude::*;
    /// use bowline::value;
    ///
    /// async fn note(request: Request) -> bowline::Result<Response> {
    ///     let number: i64 = request.path_value("number")?;
    ///     Ok(Response::new(value!({"number": number})))
    /// }
    /// let api = DefaultRouter::new().path("notes/<int:number>/", ApiView::new("NoteView").get(note));
    /// ```
    pub fn path(mut self, path: impl Into<String>, view: ApiView) -> Self {
        self.paths.push(PathRoute::new(path, view));
        self
    }

    /// The same with a name, by which [`Request::reverse`](crate::views::Request::reverse) finds its address.
    ///
    /// ```
    /// use bowline::prelude::*;
    ///
    /// async fn next(request: Request) -> bowline::Result<Response> {
    ///     let number: u32 = request.path_value("number")?;
    ///     Ok(Response::new(request.reverse("note", &[("number", &(number + 1).to_string())])?))
    /// }
    /// let api = DefaultRouter::new().path_named("notes/<int:number>/", ApiView::new("NoteView").get(next), "note");
    /// ```
    pub fn path_named(mut self, path: impl Into<String>, view: ApiView, name: impl Into<String>) -> Self {
        self.paths.push(PathRoute { name: Some(name.into()), ..PathRoute::new(path, view) });
        self
    }

    /// Gives every path that [`path`](Self::path) added so far a format suffix in place of its slash (`hello.json`), DRF's
    /// `format_suffix_patterns`.
    pub fn format_suffix_patterns(mut self) -> Self {
        self.paths.iter_mut().for_each(|route| route.suffixes = true);
        self
    }

    /// Serves everything of another router below a prefix, Django's `include()`: its view sets, with an API root of their
    /// own where it has any, and its paths. The settings of the outer router hold.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let hotel = DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new());
    /// let api = DefaultRouter::new().include("hotel/", hotel); // /hotel/, /hotel/bookings/, …
    /// ```
    pub fn include(self, prefix: &str, router: DefaultRouter) -> Self {
        self.include_all(prefix, None, router)
    }

    /// The same with a namespace: the names of its views begin with it (`v1:book-list`), and `NamespaceVersioning` takes it
    /// for the version.
    pub fn include_namespace(self, prefix: &str, namespace: impl Into<String>, router: DefaultRouter) -> Self {
        self.include_all(prefix, Some(namespace.into()), router)
    }

    fn include_all(mut self, prefix: &str, namespace: Option<String>, router: DefaultRouter) -> Self {
        let mut mistakes = router.mistakes;
        let mut below = |path: &str, whole| {
            prefix::below(prefix, path, whole).unwrap_or_else(|mistake| {
                mistakes.push(mistake);
                path.to_owned()
            })
        };
        if is_plain(prefix) {
            if !router.listed.is_empty() {
                self.roots.push(Root { at: prefix.to_owned(), prefixes: router.listed });
            }
            self.roots.extend(router.roots.into_iter().map(|root| Root { at: format!("{prefix}{}", root.at), ..root }));
        }
        let within = |mut declared: Declared| {
            declared.namespaces.splice(0..0, namespace.clone());
            declared
        };
        for (path, declared, style) in router.registered {
            self.registered.push((below(&path, false), within(declared), style));
        }
        for (path, declared) in router.generic {
            self.generic.push((below(&path, true), within(declared)));
        }
        self.paths.extend(router.paths.into_iter().map(|mut route| {
            route.path = below(&route.path, true);
            route.namespaces.splice(0..0, namespace.clone());
            route
        }));
        self.models.extend(router.models);
        self.known.extend(router.known);
        self.mistakes.extend(mistakes);
        if !router.wraps.is_empty() {
            self.mistakes.push(format!("The router at \"{prefix}\" has layers; only the outermost one may have any."));
        }
        self
    }

    /// Serves everything of another router below each object of a view set, drf-nested-routers' `NestedSimpleRouter`: what was
    /// registered as `nameservers` there is `domains/{domain_pk}/nameservers` for the lookup `domain`.
    ///
    /// The value in the path narrows nothing by itself; [`ModelViewSet::parent_lookup`] says which rows belong to it.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::{author, book};
    /// let books = ModelViewSet::<book::Entity>::new().parent_lookup("author_pk", "author__pk");
    /// let api = DefaultRouter::new()
    ///     .register("authors", ModelViewSet::<author::Entity>::new())
    ///     .nested("authors", "author", DefaultRouter::simple().register("books", books));
    /// ```
    pub fn nested(mut self, parent: &str, lookup: &str, router: DefaultRouter) -> Self {
        let found = self.registered.iter().find(|(prefix, ..)| prefix == parent);
        let Some((_, declared, _)) = found else {
            let known = candidates(parent, self.registered.iter().map(|(prefix, ..)| prefix.as_str()));
            self.mistakes.push(format!("Nothing can be nested in \"{parent}\": no view set has that prefix.{known}"));
            return self;
        };
        let keys = declared.lookup_value_regex.as_deref().unwrap_or("[^/.]+");
        let field = declared.lookup_url_kwarg.as_ref().or(declared.lookup_field.as_ref()).map_or("pk", String::as_str);
        let object = format!("(?P<{lookup}_{field}>{keys})");
        match pattern::expression_of(parent) {
            Ok(parent) => self.include_all(&format!("^{parent}/{object}/"), None, router),
            Err(mistake) => {
                self.mistakes.push(mistake);
                self
            }
        }
    }

    /// Makes a model known that no view set serves: its table is created with the others, what it declares for the
    /// deletion of the rows that it points to is done, and SeaORM's statements keep its values as Django does, as those of
    /// every view set's entity. Hooks may query any other entity, too: SeaORM's own forms are kept in its table then.
    pub fn model<E: EntityTrait>(mut self) -> Self {
        self.known.learn::<E>();
        self.models.push(ModelSource::of::<E>());
        self
    }

    /// Says what Django's model options say about an entity, once for all view sets on it; see [`Model`].
    pub fn describe<E: EntityTrait>(mut self, model: Model<E>) -> Self {
        self.known.learn::<E>();
        let (source, mistakes) = model.into_source();
        self.mistakes.extend(mistakes);
        self.models.push(source);
        self
    }

    /// With other settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Changes the settings that were set so far.
    pub fn configure(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The prefix that was registered first.
    pub(crate) fn first_prefix(&self) -> Option<String> {
        self.registered.first().map(|(prefix, ..)| prefix.clone())
    }

    /// For a server that other machines reach, or one that they do not.
    pub(crate) fn exposed(mut self, yes: bool) -> Self {
        self.exposed = yes;
        self
    }

    /// What answers requests, and the store under it.
    pub(crate) async fn build(self, database: &str) -> Result<(Served, Store)> {
        let root = Root { at: String::new(), prefixes: self.listed.clone() };
        let DefaultRouter {
            mut registered,
            mut generic,
            paths,
            roots,
            mut models,
            known,
            mut mistakes,
            wraps,
            settings,
            exposed,
            ..
        } = self;
        let known = Arc::new(known);
        mistakes.extend(settings.mistakes());
        let serializable = registered.iter().any(|(_, declared, _)| declared.has_query_rules())
            || generic.iter().any(|(_, declared)| declared.has_query_rules())
            || models.iter().any(ModelSource::has_query_rules);
        let mut options = settings.store.clone();
        options.serializable |= serializable;
        let store = Store::connect(database, options).await.map_err(Error::startup)?;

        if store.dialect() == Dialect::Sqlite {
            let declared = registered.iter_mut().map(|(_, d, _)| d).chain(generic.iter_mut().map(|(_, d)| d));
            let sources = declared.map(|declared| &mut declared.source).chain(&mut models);
            sources.for_each(|source| catalogue::without_schema(&mut source.meta));
        }
        let all = || registered.iter().map(|(_, declared, _)| declared).chain(generic.iter().map(|(_, d)| d));
        let mut sources: Vec<ModelSource> = Vec::new();
        // what is described goes before the entity alone
        for source in models.iter().chain(all().map(|d| &d.source)) {
            if !sources.iter().any(|s| s.meta.table == source.meta.table && s.meta.schema == source.meta.schema) {
                sources.push(source.clone());
            }
        }
        if settings.create_tables {
            schema::create_if_empty(&store, &sources).await.map_err(Error::startup)?;
        }
        let declared: Vec<&Declared> = all().collect();
        let models = completed(&store, &sources, &declared).await?;

        let mut urls = UrlTable::default();
        // what is nested has no address by its key alone
        for (prefix, declared, style) in registered.iter().filter(|(prefix, ..)| is_plain(prefix)) {
            urls.add(format!("/{prefix}"), declared.basename(), style.slash);
        }
        let urls: Arc<dyn Urls> = Arc::new(urls);
        let mut names = Names::default();
        for (prefix, declared, style) in &registered {
            mistakes.extend(names.add_view_set(declared, prefix, style.slash).err());
        }
        for route in &paths {
            if let Some(name) = &route.name {
                names.add(&route.namespaces, name, &route.path);
            }
        }
        let names: Arc<dyn Reverse> = Arc::new(names);
        let database = Database::new(store.clone(), Arc::clone(&known), settings.replays);
        let build =
            Build { dialect: store.dialect(), models: &models, urls: &urls, storage: &settings.storage, within: false };
        let bound = Bound { settings: &settings, database: &database, urls: &names };
        let places = Arc::new(StreamPlaces::new(&settings));
        let application = Application {
            store: &store,
            database: &database,
            build,
            settings: &settings,
            known: &known,
            places: &places,
        };
        let mut views = Vec::new();
        for (prefix, declared, style) in registered {
            if views.iter().any(|(p, _): &(Prefix, Mounted)| p.text() == prefix) {
                mistakes.push(format!("\"{prefix}\" cannot be a prefix: it is taken."));
                continue;
            }
            let prefix = match Prefix::parse(&prefix) {
                Ok(prefix) => prefix,
                Err(mistake) => {
                    mistakes.push(mistake);
                    continue;
                }
            };
            mistakes.extend(declared.mistakes(&prefix.names()));
            let mounted = application
                .view(declared)
                .and_then(|view| Mounted::new(view, style, &bound).map_err(|mistake| vec![mistake]));
            match mounted {
                Ok(mounted) => views.push((prefix, mounted)),
                Err(found) => mistakes.extend(found),
            }
        }
        let mut single: Vec<(PathPattern, Mounted)> = Vec::new();
        let mut taken: Vec<String> = Vec::new();
        for (path, declared) in generic {
            if taken.contains(&path) {
                mistakes.push(format!("Two views have the path \"{path}\": only the first would be asked."));
            }
            if let Ok(pattern) = PathPattern::parse(&path) {
                let values: Vec<&str> = pattern.names().collect();
                mistakes.extend(declared.mistakes(&values));
            }
            taken.push(path.clone());
            let mounted = application
                .view(declared)
                .and_then(|view| Mounted::generic(view, &bound).map_err(|mistake| vec![mistake]));
            match (PathPattern::parse(&path), mounted) {
                (Ok(pattern), Ok(mounted)) => single.push((pattern, mounted.alone())),
                (pattern, mounted) => {
                    mistakes.extend(pattern.err());
                    mistakes.extend(mounted.err().unwrap_or_default());
                }
            }
        }
        let mut endpoints = Vec::new();
        for route in paths {
            if taken.contains(&route.path) {
                mistakes.push(format!("Two views have the path \"{}\": only the first would be asked.", route.path));
            }
            taken.push(route.path.clone());
            // several paths may have one view
            let found: Vec<String> = route.view.mistakes().filter(|mistake| !mistakes.contains(mistake)).collect();
            mistakes.extend(found);
            let endpoint = route.view.clone().bind(route.place(), &bound);
            match endpoint.check().and_then(|()| OwnPath::new(&route.path, route.suffixes, endpoint)) {
                Ok(path) => endpoints.push(path),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let edge = Edge::new(&settings).map_err(|found| mistakes.extend(found)).ok();
        let Some(edge) = edge.filter(|_| mistakes.is_empty()) else {
            return Err(Error::Startup(mistakes.join("\n")));
        };
        let dispatch = Arc::new(Dispatch::new(Resolver::new(root, roots, views, single, endpoints), &bound));
        dispatch.check().map_err(Error::Startup)?;
        let weaknesses = dispatch.weaknesses();
        if exposed && !weaknesses.is_empty() {
            let reasons = weaknesses.join("\n");
            return Err(Error::Startup(format!(
                "{reasons}\nOther machines reach the address that is listened on; until then, choose a loopback address \
                 (BIND=127.0.0.1:8000)."
            )));
        }
        weaknesses.iter().for_each(|weakness| tracing::warn!("{weakness}"));
        let mut missing =
            store::meet(&database, &dispatch.tables(), settings.create_tables).await.map_err(Error::startup)?;
        if dispatch.keeps_answers() {
            missing.extend(idempotency::make_table(&database).await.map_err(Error::startup)?);
        }
        if !missing.is_empty() {
            return Err(Error::Startup(without_tables(missing)));
        }
        Ok((Served::new(dispatch, wraps, edge, &settings), store))
    }
}

/// What to do about tables that are not there.
fn without_tables(missing: Vec<store::Missing>) -> String {
    let (refused, of_django): (Vec<_>, Vec<_>) = missing.into_iter().partition(|table| table.refused.is_some());
    let mut sentences: Vec<String> = refused
        .into_iter()
        .filter_map(|table| Some((table.name, table.refused?)))
        .map(|(name, (sql, why))| {
            format!(
                "The database has no table {name}, and it could not be made ({why}). Run as a role that may: {sql};"
            )
        })
        .collect();
    if !of_django.is_empty() {
        let names: Vec<&str> = of_django.iter().map(|table| table.name).collect();
        sentences.push(format!(
            "The database has no table {}, which Django's ways of authentication and permissions read: run Django's \
             migrations on it, or use others.",
            names.join(", ")
        ));
    }
    sentences.join("\n")
}

/// The models with what the catalogue knows of them.
async fn completed(store: &Store, sources: &[ModelSource], declared: &[&Declared]) -> Result<Vec<Arc<ModelMeta>>> {
    let mut models: Vec<ModelMeta> = sources.iter().map(|s| s.meta.clone()).collect();
    let found = catalogue::learn(store, &models).await.map_err(Error::startup)?;
    if let Err(mut mistakes) = catalogue::complete(&mut models, found.tables(), store.dialect()) {
        // a unique that the entity declares and a rule calls unenforced is a query rule
        mistakes.retain(|mistake| match mistake {
            StartupError::UnbackedUnique { model, columns, .. } => {
                !declared.iter().any(|d| d.source.meta.name == *model && d.serializer.calls_unenforced(columns))
            }
            _ => true,
        });
        if mistakes.is_empty() {
            return Ok(models.into_iter().map(Arc::new).collect());
        }
        let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        return Err(Error::Startup(sentences.join("\n")));
    }
    Ok(models.into_iter().map(Arc::new).collect())
}

/// What building views needs to know of the application.
struct Application<'a> {
    store: &'a Store,
    database: &'a Database,
    build: Build<'a>,
    settings: &'a Settings,
    known: &'a Arc<KnownEntities>,
    places: &'a Arc<StreamPlaces>,
}

impl Application<'_> {
    fn view(&self, declared: Declared) -> Result<View, Vec<String>> {
        let mut resource = self.resource(&declared, &declared.serializer)?;
        let others = declared.serializers.iter().map(|(action, own)| Ok((*action, self.resource(&declared, own)?)));
        let mut others = others.collect::<Result<Vec<_>, Vec<String>>>()?;
        let create = others.iter().find(|(a, _)| *a == Action::Create).map_or(&resource, |(_, own)| own);
        let mistakes = declared.cannot_create(&create.serializer);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let retrieve = others.iter().find(|(a, _)| *a == Action::Retrieve).map_or(&resource, |(_, own)| own);
        let writers = others.iter().map(|(_, own)| own).chain([&resource]).map(|own| &*own.serializer);
        let shown = Arc::new(Shown::by(retrieve, declared.hooks.is_some(), writers));
        for own in others.iter_mut().map(|(_, own)| own).chain([&mut resource]) {
            own.shown = Some(Arc::clone(&shown));
        }
        Ok(View {
            name: declared.name,
            description: declared.description,
            overrides: declared.overrides,
            by_action: declared.by_action,
            resource,
            others,
            actions: declared.actions,
            many: declared.many,
            hooks: declared.hooks,
            extra: declared.extra,
            metadata: declared.metadata,
            namespaces: declared.namespaces,
            lookup: (
                declared.lookup_url_kwarg.or(declared.lookup_field).unwrap_or_else(|| "pk".into()),
                declared.lookup_value_regex,
            ),
            parents: declared.filters.parents,
        })
    }

    fn resource(&self, declared: &Declared, serializer: &Declaration) -> Result<Resource, Vec<String>> {
        let Build { dialect, models, .. } = self.build;
        let serializer = Arc::new(self.build.serializer(serializer)?);
        let model = serializer.model();
        let position = |name: &str| {
            let found = model.named(name).or_else(|| model.column(name));
            found.ok_or_else(|| {
                let known = candidates(name, model.columns.iter().map(|column| column.name.as_str()));
                vec![format!("{} has no field {name} to look up or order rows by.{known}", model.name)]
            })
        };
        let mut select = Select::new(dialect, model);
        let ordering: Result<Vec<_>, Vec<String>> =
            declared.ordering.iter().map(|(name, descending)| Ok((position(name)?, *descending).into())).collect();
        let ordering = ordering?;
        if !ordering.is_empty() {
            select.order_by(model, &ordering);
        }
        let shape = Shape::compile(&serializer, dialect, &mut select);
        let judges = declared.overrides.judges_objects(self.settings)
            || declared.by_action.iter().any(|(_, own)| own.judge_objects());
        let judged = model.columns.iter().filter(|_| judges).map(|c| select.column(Alias::ROOT, &c.column)).collect();
        let column = declared.lookup_field.as_deref().map(position).transpose()?;
        if let Some(n) = column.filter(|n| !model.columns[*n].unique && model.primary_key != [*n]) {
            return Err(vec![format!(
                "{}: rows cannot be looked up by {}, which is not unique.",
                model.name, model.columns[n].name
            )]);
        }
        if let Some(unknown) = declared.only.as_ref().and_then(|only| model.unknown_in(only)) {
            return Err(vec![format!("{}: filter(…) of the view set: {unknown}", model.name)]);
        }
        let rows = RowsBy { column, scope: declared.only.clone() };
        let shown = shape.flat().unwrap_or_default().to_vec();
        let plan = Plan::new(dialect, Arc::clone(model), &select, rows, shown, serializer.probes(), models)
            .map_err(|mistake| vec![mistake])?;
        let whole: Vec<usize> = (0..model.columns.len()).collect();
        let pagination = match &declared.pagination {
            Paginated::Default => self.settings.pagination.clone(),
            Paginated::Own(own) => own.clone(),
        };
        let pagination = match pagination {
            Some(pagination) => Some(pagination.over(model, dialect).map_err(|m| vec![m])?.unwrap_or(pagination)),
            None => None,
        };
        let filters = Filters::new(
            &declared.filters,
            &self.settings.filter_backends,
            model,
            models,
            serializer.shown_sources(),
            self.database.clone(),
        )?;
        Ok(Resource {
            filters: Arc::new(filters),
            base: self.store.clone(),
            places: Arc::clone(self.places),
            database: self.database.clone(),
            known: Arc::clone(self.known),
            whole: shape.layout(&whole, 0).into(),
            pagination,
            isolation: self.store.isolation(),
            replays: self.settings.replays,
            judged,
            shown: None,
            shape: Arc::new(shape),
            plan,
            serializer: Arc::clone(&serializer),
        })
    }
}

impl fmt::Debug for DefaultRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes: Vec<&String> = self.registered.iter().map(|(p, ..)| p).collect();
        f.debug_struct("DefaultRouter").field("registered", &prefixes).finish_non_exhaustive()
    }
}
