//! What is served, made of the declarations and of what the catalogue says: at the start, and again where tables were altered.

use std::sync::Arc;

use super::dispatch::Dispatch;
use super::pattern::PathPattern;
use super::prefix::{Prefix, is_plain};
use super::resolve::{Mounted, OwnPath, Resolver, Root, Style};
use super::reverse::Names;
use super::urls::UrlTable;
use super::{DefaultRouter, PathRoute};
use crate::error::{Error, Result};
use crate::filters::Bound as Filters;
use crate::heavy::Turns;
use crate::model::entity::ModelSource;
use crate::model::{self, ModelMeta};
use crate::relations::Urls;
use crate::serializers::shape::Shape;
use crate::serializers::{Build, Declaration};
use crate::settings::Settings;
use crate::store::catalogue::{self, Catalogue, StartupError};
use crate::store::forms::Forms;
use crate::store::plan::{Alias, Plan, RowsBy, Select};
use crate::store::{Database, Dialect, KnownEntities, Store, schema};
use crate::suggest::candidates;
use crate::versioning::Reverse;
use crate::views::places::StreamPlaces;
use crate::views::policy::Bound;
use crate::views::preconditions::Shown;
use crate::views::{Action, Declared, Paginated, Resource, View};

/// The declarations of an application over its database.
pub(super) struct Blueprint {
    registered: Vec<(String, Declared, Style)>,
    generic: Vec<(String, Declared)>,
    paths: Vec<PathRoute>,
    root: Root,
    roots: Vec<Root>,
    /// Each model once.
    sources: Vec<ModelSource>,
    forms: Forms,
    known: Arc<KnownEntities>,
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) database: Database,
    places: Arc<StreamPlaces>,
    turns: Turns,
}

/// Why nothing can be made of the declarations.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub(super) sentences: Vec<String>,
    /// The places of the models that it lies at.
    models: Vec<usize>,
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        Error::Startup(wrong.sentences.join("\n"))
    }
}

impl Blueprint {
    /// Connects to the database of a router, and makes its tables where there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Startup`] where the database cannot be reached, or its tables not be made.
    pub(super) async fn new(router: DefaultRouter, database: &str) -> Result<Self> {
        let root = Root { at: String::new(), prefixes: router.listed };
        let DefaultRouter { mut registered, mut generic, paths, roots, mut models, known, settings, .. } = router;
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
        let all = registered.iter().map(|(_, declared, _)| declared).chain(generic.iter().map(|(_, d)| d));
        let mut sources: Vec<ModelSource> = Vec::new();
        // what is described goes before the entity alone
        for source in models.iter().chain(all.map(|d| &d.source)) {
            if !sources.iter().any(|s| s.meta.table == source.meta.table && s.meta.schema == source.meta.schema) {
                sources.push(source.clone());
            }
        }
        if settings.create_tables {
            schema::create_if_empty(&store, &sources).await.map_err(Error::startup)?;
        }
        let mut known = known;
        let metas: Vec<ModelMeta> = sources.iter().map(|source| source.meta.clone()).collect();
        let forms = Forms::find(&store, &metas).await.map_err(|mistakes| {
            let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Error::Startup(sentences.join("\n"))
        })?;
        known.settle(&forms);
        let known = Arc::new(known);
        let database = Database::new(store.clone(), Arc::clone(&known), settings.replays);
        let places = Arc::new(StreamPlaces::new(&settings));
        let turns = Turns::new(store.dialect(), &settings.store);
        Ok(Blueprint {
            registered,
            generic,
            paths,
            root,
            roots,
            sources,
            forms,
            known,
            settings,
            store,
            database,
            places,
            turns,
        })
    }

    /// What the catalogue says of the models' tables by now.
    ///
    /// # Errors
    ///
    /// As [`Store::snapshot`].
    pub(super) async fn catalogue(&self) -> std::result::Result<Catalogue, crate::store::StoreError> {
        let models: Vec<ModelMeta> = self.sources.iter().map(|source| source.meta.clone()).collect();
        catalogue::read_for(&self.store, &models).await
    }

    /// The models with what the catalogue knows of them.
    ///
    /// # Errors
    ///
    /// What does not fit.
    pub(super) fn completed(&self, catalogue: &Catalogue) -> (Vec<Arc<ModelMeta>>, Wrong) {
        let mut models: Vec<ModelMeta> = self.sources.iter().map(|source| source.meta.clone()).collect();
        let found = catalogue::complete(&mut models, catalogue.tables(), self.store.dialect());
        self.forms.say(&mut models);
        let mut wrong = Wrong::default();
        for mistake in found.err().unwrap_or_default() {
            // a unique that the entity declares and a rule calls unenforced is a query rule
            if let StartupError::UnbackedUnique { model, columns, .. } = &mistake
                && self.declared().any(|d| d.source.meta.name == *model && d.serializer.calls_unenforced(columns))
            {
                continue;
            }
            wrong.sentences.push(mistake.to_string());
            wrong.models.extend(models.iter().position(|model| mistake.is_about(model)));
        }
        (models.into_iter().map(Arc::new).collect(), wrong)
    }

    /// What is served of models that were altered: those that nothing can be made of any more stay as they were before.
    pub(super) fn again(&self, catalogue: &Catalogue, before: &[Arc<ModelMeta>]) -> (Option<Made>, Vec<String>) {
        let (mut models, wrong) = self.completed(catalogue);
        let Wrong { mut sentences, models: mut stale } = wrong;
        loop {
            for n in stale.drain(..) {
                if let (Some(model), Some(before)) = (models.get_mut(n), before.get(n)) {
                    *model = Arc::clone(before);
                }
            }
            let wrong = match self.dispatch(&models, self.store.for_the_next_catalogue()) {
                Ok(dispatch) => return (Some(Made { dispatch, models }), sentences),
                Err(wrong) => wrong,
            };
            let is_new = |n: &usize| models.get(*n).zip(before.get(*n)).is_some_and(|(m, b)| !Arc::ptr_eq(m, b));
            stale.extend(wrong.models.into_iter().filter(is_new));
            sentences.extend(wrong.sentences);
            if stale.is_empty() {
                return (None, sentences);
            }
        }
    }

    fn declared(&self) -> impl Iterator<Item = &Declared> {
        self.registered.iter().map(|(_, declared, _)| declared).chain(self.generic.iter().map(|(_, d)| d))
    }

    fn place(&self, declared: &Declared) -> Option<usize> {
        let meta = &declared.source.meta;
        self.sources.iter().position(|s| s.meta.table == meta.table && s.meta.schema == meta.schema)
    }

    /// The views over models, and the paths of one's own.
    ///
    /// # Errors
    ///
    /// Everything that cannot work.
    pub(super) fn dispatch(&self, models: &[Arc<ModelMeta>], store: Store) -> std::result::Result<Dispatch, Wrong> {
        let Blueprint { settings, database, known, places, .. } = self;
        let mut wrong = Wrong::default();
        let mut urls = UrlTable::default();
        // what is nested has no address by its key alone
        for (prefix, declared, style) in self.registered.iter().filter(|(prefix, ..)| is_plain(prefix)) {
            urls.add(format!("/{prefix}"), declared.basename(), style.slash);
        }
        let urls: Arc<dyn Urls> = Arc::new(urls);
        let mut names = Names::default();
        for (prefix, declared, style) in &self.registered {
            wrong.sentences.extend(names.add_view_set(declared, prefix, style.slash).err());
        }
        let mut named: Vec<(&[String], &str, Vec<String>)> = Vec::new();
        for route in &self.paths {
            let Some(name) = &route.name else { continue };
            names.add(&route.namespaces, name, &route.path);
            let pattern = PathPattern::parse(&route.path).ok();
            let values = pattern.iter().flat_map(PathPattern::names).map(str::to_owned).collect();
            let one = (route.namespaces.as_slice(), name.as_str(), values);
            if named.contains(&one) {
                wrong.sentences.push(format!(
                    "Two paths with the same values are called \"{name}\": only one of them would be found by it."
                ));
            }
            named.push(one);
        }
        for (n, model) in models.iter().enumerate() {
            let found = model.contradictions();
            wrong.models.extend((!found.is_empty()).then_some(n));
            wrong.sentences.extend(found);
        }
        wrong.sentences.extend(model::clashes(models));
        let names: Arc<dyn Reverse> = Arc::new(names);
        let build = Build { dialect: store.dialect(), models, urls: &urls, storage: &settings.storage, within: false };
        let bound = Bound { settings, database, urls: &names };
        let application = Application { store: &store, database, build, settings, known, places };
        let mut taken: Vec<String> = Vec::new();
        for (prefix, declared, style) in self.registered.iter().filter(|(prefix, ..)| is_plain(prefix)) {
            for path in declared.list_paths(prefix, style.slash) {
                if taken.contains(&path) {
                    wrong.sentences.push(format!("Two views have the path \"{path}\": only the first would be asked."));
                }
                taken.push(path);
            }
        }
        let mut views = Vec::new();
        for (prefix, declared, style) in &self.registered {
            if views.iter().any(|(p, _): &(Prefix, Mounted)| p.text() == prefix) {
                wrong.sentences.push(format!("\"{prefix}\" cannot be a prefix: it is taken."));
                continue;
            }
            let prefix = match Prefix::parse(prefix) {
                Ok(prefix) => prefix,
                Err(mistake) => {
                    wrong.sentences.push(mistake);
                    continue;
                }
            };
            wrong.sentences.extend(declared.mistakes(&prefix.names()));
            let mounted = application
                .view(declared.clone())
                .and_then(|view| Mounted::new(view, *style, &bound).map_err(|mistake| vec![mistake]));
            match mounted {
                Ok(mounted) => views.push((prefix, mounted)),
                Err(found) => {
                    wrong.sentences.extend(found);
                    wrong.models.extend(self.place(declared));
                }
            }
        }
        let mut single: Vec<(PathPattern, Mounted)> = Vec::new();
        for (path, declared) in &self.generic {
            if taken.contains(path) {
                wrong.sentences.push(format!("Two views have the path \"{path}\": only the first would be asked."));
            }
            if let Ok(pattern) = PathPattern::parse(path) {
                let values: Vec<&str> = pattern.names().collect();
                wrong.sentences.extend(declared.mistakes(&values));
            }
            taken.push(path.clone());
            let mounted = application
                .view(declared.clone())
                .and_then(|view| Mounted::generic(view, &bound).map_err(|mistake| vec![mistake]));
            match (PathPattern::parse(path), mounted) {
                (Ok(pattern), Ok(mounted)) => single.push((pattern, mounted.alone())),
                (pattern, mounted) => {
                    wrong.sentences.extend(pattern.err());
                    if let Err(found) = mounted {
                        wrong.sentences.extend(found);
                        wrong.models.extend(self.place(declared));
                    }
                }
            }
        }
        let mut endpoints = Vec::new();
        for route in &self.paths {
            let path = plain(&route.path);
            if taken.contains(&path) {
                wrong.sentences.push(format!("Two views have the path \"{path}\": only the first would be asked."));
            }
            taken.push(path);
            // several paths may have one view
            let found: Vec<String> = route.view.mistakes().filter(|m| !wrong.sentences.contains(m)).collect();
            wrong.sentences.extend(found);
            let endpoint = route.view.clone().bind(route.place(), &bound);
            match endpoint.check().and_then(|()| OwnPath::new(&route.path, route.suffixes, endpoint)) {
                Ok(path) => endpoints.push(path),
                Err(mistake) => wrong.sentences.push(mistake),
            }
        }
        if !wrong.sentences.is_empty() {
            return Err(wrong);
        }
        let resolver = Resolver::new(self.root.clone(), self.roots.clone(), views, single, endpoints);
        let dispatch = Dispatch::new(resolver, &bound, self.turns.clone());
        match dispatch.check() {
            Ok(()) => Ok(dispatch),
            Err(mistake) => Err(Wrong { sentences: vec![mistake], models: Vec::new() }),
        }
    }
}

/// What is served, and the models that it was made of.
pub(super) struct Made {
    pub(super) dispatch: Dispatch,
    pub(super) models: Vec<Arc<ModelMeta>>,
}

/// A path without the signs of the expression that it is, where it means but one.
fn plain(path: &str) -> String {
    let words = path.strip_prefix('^').and_then(|path| path.strip_suffix('$')).map(|path| path.replace("\\-", "-"));
    let is_word = |words: &String| words.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'));
    words.filter(is_word).unwrap_or_else(|| path.to_owned())
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
