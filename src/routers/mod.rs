//! From registered view sets to an [`axum::Router`].
//!
//! Everything that requests need is worked out here, once: the catalogue is read and held against the models, serializers
//! and plans are built. Mistakes surface now, with a sentence that says what to change.
//!
//! See DRF's chapter "Routers".

use std::fmt;

use sea_orm::EntityTrait;

use crate::edge::Edge;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::entity::ModelSource;
use crate::settings::Settings;
use crate::store::{self, KnownEntities, Store, idempotency};
use crate::suggest::candidates;
use crate::views::policy::Place;
use crate::views::{ApiView, Declared, ModelViewSet, ViewSet};

mod blueprint;
mod dispatch;
mod live;
mod pattern;
mod prefix;
mod resolve;
mod reverse;
mod urls;
mod wrapped;

use blueprint::{Blueprint, Made};
use live::Live;
use prefix::is_plain;
use resolve::{Root, Style};
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
    /// Whether other machines reach the address that the server of this crate listens on; none where another server does.
    exposed: Option<bool>,
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
        let name = view_set.name().to_owned();
        let paths = view_set.into_paths(&prefix, style.slash);
        if paths.is_empty() {
            self.mistakes.push(format!("{name}: it has no handler: give it one by list(…), retrieve(…), …."));
        }
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
        self.exposed = Some(yes);
        self
    }

    /// What answers requests, and the store under it.
    pub(crate) async fn build(mut self, database: &str) -> Result<(Served, Store)> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        mistakes.extend(self.settings.mistakes());
        let (wraps, exposed) = (std::mem::take(&mut self.wraps), self.exposed);
        let blueprint = Blueprint::new(self, database).await?;
        let Blueprint { settings, store, database, .. } = &blueprint;
        let catalogue = blueprint.catalogue().await.map_err(Error::startup)?;
        let (models, wrong) = blueprint.completed(&catalogue);
        if !wrong.sentences.is_empty() {
            return Err(wrong.into());
        }
        let made = blueprint.dispatch(&models, store.clone());
        let dispatch = made.map_err(|wrong| mistakes.extend(wrong.sentences)).ok();
        let edge = Edge::new(settings).map_err(|found| mistakes.extend(found)).ok();
        let (Some(edge), Some(dispatch), true) = (edge, dispatch, mistakes.is_empty()) else {
            return Err(Error::Startup(mistakes.join("\n")));
        };
        let weaknesses = dispatch.weaknesses();
        // behind a proxy a loopback address is everybody's
        let by_proxy = settings.num_proxies.is_some_and(|proxies| proxies > 0) || settings.public_origin.is_some();
        if let Some(bind) = exposed.filter(|reached| (*reached || by_proxy) && !weaknesses.is_empty()) {
            let reasons = weaknesses.join("\n");
            let whose = if bind { "the address that is listened on" } else { "the server by a proxy" };
            return Err(Error::Startup(format!(
                "{reasons}\nOther machines reach {whose}; until then, choose a loopback address (BIND=127.0.0.1:8000) and no \
                 proxies (num_proxies, public_origin)."
            )));
        }
        weaknesses.iter().for_each(|weakness| tracing::warn!("{weakness}"));
        let mut missing =
            store::meet(database, &dispatch.tables(), settings.create_tables).await.map_err(Error::startup)?;
        if dispatch.keeps_answers() {
            missing.extend(idempotency::make_table(database).await.map_err(Error::startup)?);
        }
        if !missing.is_empty() {
            return Err(Error::Startup(without_tables(missing)));
        }
        let (settings, store) = (settings.clone(), store.clone());
        let live = Live::start(blueprint, Made { dispatch, models }, catalogue);
        Ok((Served::new(live, wraps, edge, &settings), store))
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

impl fmt::Debug for DefaultRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes: Vec<&String> = self.registered.iter().map(|(p, ..)| p).collect();
        f.debug_struct("DefaultRouter").field("registered", &prefixes).finish_non_exhaustive()
    }
}
