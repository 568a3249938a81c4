//! Extra actions: further views of a model view set, DRF's `@action`.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use sea_orm::{ColumnTrait, EntityTrait, IdenStatic, Iterable, QueryFilter};

use super::attributes::{Attributes, Overrides};
use super::plain::{Answer, function_name, pretty_name};
use super::preconditions::is_conditional;
use super::resource::{Resource, Stop, Tries, filtered};
use super::{Action, View};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::response::{IntoResponse, Response};
use crate::serializers::{Serializer, Via};
use crate::store::plan::{Listing, Order, Source, Window};
use crate::store::{Connection, Transaction};
use crate::value::{DbValue, Value};

/// A further view of a model view set, below its list or below one object: DRF's `@action`.
///
/// Its handlers are async functions of an [`ActionRequest`]. Those of methods that write run inside an open transaction, which
/// is committed with their answer, rolled back with their error, and replayed when another transaction got in the way.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::value;
/// # use bowline::doc::booking;
///
/// async fn lengthen(action: ActionRequest) -> bowline::Result<Response> {
///     let booking = action.get_object::<booking::Entity>().await?; // its row is locked
///     let mut changed: booking::ActiveModel = booking.into();
///     changed.note = ActiveValue::Set("longer".into());
///     changed.update(action.connection()).await?;
///     action.representation().await
/// }
///
/// let bookings = ModelViewSet::<booking::Entity>::new().action(ExtraAction::detail("lengthen").post(lengthen));
/// # let _ = bookings;
/// ```
#[derive(Clone)]
pub struct ExtraAction {
    pub(crate) detail: bool,
    name: Cow<'static, str>,
    path: Option<String>,
    url_name: Option<String>,
    pub(crate) description: String,
    pub(crate) methods: Vec<(Method, Cow<'static, str>, Arc<dyn ActionHandler>)>,
    pub(crate) overrides: Overrides,
    /// What bodies are validated with, and its mistakes.
    pub(crate) serializer: Option<Arc<Serializer>>,
}

impl Attributes for ExtraAction {
    fn overrides(&mut self) -> &mut Overrides {
        &mut self.overrides
    }
}

impl ExtraAction {
    /// An action below the list: `/books/cheapest/`.
    pub fn list(name: impl Into<Cow<'static, str>>) -> Self {
        ExtraAction::new(false, name.into())
    }

    /// An action below one object: `/books/1/reprint/`.
    pub fn detail(name: impl Into<Cow<'static, str>>) -> Self {
        ExtraAction::new(true, name.into())
    }

    fn new(detail: bool, name: Cow<'static, str>) -> Self {
        let (path, description) = (None, String::new());
        ExtraAction {
            detail,
            name,
            path,
            url_name: None,
            description,
            methods: Vec::new(),
            overrides: Overrides::default(),
            serializer: None,
        }
    }

    /// With a serializer of its own, DRF's `@action(serializer_class=…)`: [`ActionRequest::validate`] runs it, and OPTIONS tells of
    /// its fields.
    ///
    /// What [`Serializer::mistakes`] tells of stops the start of the program.
    ///
    /// ```
    /// use bowline::fields::{Field, IntegerField};
    /// use bowline::prelude::*;
    /// use bowline::serializers::Serializer;
    ///
    /// async fn lengthen(action: ActionRequest) -> bowline::Result<Response> {
    ///     Ok(Response::new(action.validate()?))
    /// }
    /// let hours = Serializer::new().field(Field::new("hours", IntegerField::new().min_value(1)));
    /// let action = ExtraAction::detail("lengthen").serializer(hours).post(lengthen);
    /// ```
    pub fn serializer(mut self, serializer: Serializer) -> Self {
        self.serializer = Some(Arc::new(serializer));
        self
    }

    /// With another path than its name, a regular expression whose named groups are values of the path (DRF's `url_path`).
    pub fn url_path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// With another end of its path's name than its own name with hyphens (DRF's `url_name`).
    pub fn url_name(mut self, name: impl Into<String>) -> Self {
        self.url_name = Some(name.into());
        self
    }

    /// With a description for people; the view set's own otherwise.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Answers GET, and HEAD with the same headers.
    pub fn get<H: ActionHandler>(self, handler: H) -> Self {
        self.on(Method::GET, handler)
    }

    /// Answers POST.
    pub fn post<H: ActionHandler>(self, handler: H) -> Self {
        self.on(Method::POST, handler)
    }

    /// Answers PUT.
    pub fn put<H: ActionHandler>(self, handler: H) -> Self {
        self.on(Method::PUT, handler)
    }

    /// Answers PATCH.
    pub fn patch<H: ActionHandler>(self, handler: H) -> Self {
        self.on(Method::PATCH, handler)
    }

    /// Answers DELETE.
    pub fn delete<H: ActionHandler>(self, handler: H) -> Self {
        self.on(Method::DELETE, handler)
    }

    /// Answers a method; the last handler of a method counts. The function's name is the request's
    /// [`action`](Context::action).
    pub fn on<H: ActionHandler>(mut self, method: Method, handler: H) -> Self {
        self.methods.retain(|(m, ..)| *m != method);
        self.methods.push((method, function_name::<H>().into(), Arc::new(handler)));
        self
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The regular expression of its path.
    pub(crate) fn path(&self) -> Cow<'_, str> {
        match &self.path {
            Some(path) => Cow::Borrowed(path),
            None => Cow::Owned(regex::escape(&self.name)),
        }
    }

    /// The end of the name of its path, DRF's `url_name`: `tag_list` is `tag-list`.
    pub(crate) fn name_end(&self) -> String {
        self.url_name.clone().unwrap_or_else(|| self.name.replace('_', "-"))
    }

    /// Its name for people: `tag_list` is "Tag list".
    pub(crate) fn title(&self) -> String {
        pretty_name(&self.name)
    }

    /// The handler of a method, and the name of its function.
    pub(crate) fn handler(&self, method: &Method) -> Option<(&Cow<'static, str>, &Arc<dyn ActionHandler>)> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.methods.iter().find(|(m, ..)| m == method).map(|(_, name, handler)| (name, handler))
    }

    /// The methods that `Allow` names.
    pub(crate) fn allowed(&self) -> Vec<Method> {
        let answers = |method: &Method| *method == Method::OPTIONS || self.handler(method).is_some();
        super::plain::ORDER.into_iter().filter(answers).collect()
    }
}

impl fmt::Debug for ExtraAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<&Method> = self.methods.iter().map(|(method, ..)| method).collect();
        f.debug_struct("ExtraAction").field("name", &self.name).field("methods", &methods).finish_non_exhaustive()
    }
}

/// An async function from an [`ActionRequest`] to an answer: a [`Response`], a value, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer an extra action",
    label = "not a handler of an action",
    note = "a handler is `async fn(ActionRequest) -> impl IntoResponse`: a `bowline::Response`, a `Value`, or a `Result` of one"
)]
pub trait ActionHandler: Send + Sync + 'static {
    /// The answer to a request. It may be asked several times for one request, where the transaction is replayed.
    fn call(&self, action: ActionRequest) -> Answer;
}

impl<F, A, T> ActionHandler for F
where
    F: Fn(ActionRequest) -> A + Send + Sync + 'static,
    A: Future<Output = T> + Send + 'static,
    T: IntoResponse + 'static,
{
    fn call(&self, action: ActionRequest) -> Answer {
        let answer = self(action);
        Box::pin(async move { answer.await.into_response() })
    }
}

/// A request to an extra action; what it dereferences to is the request's [`Context`].
pub struct ActionRequest {
    context: Context,
    view: Arc<View>,
    /// The key in the path, as it stands there.
    key: Option<String>,
    body: Body,
    connection: Connection,
}

/// The body of a request as its parser read it, once for all tries.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    data: Arc<Value>,
    error: Arc<Mutex<Unread>>,
    serializer: Option<Arc<Serializer>>,
}

/// Why a body could not be read.
#[derive(Debug)]
enum Unread {
    /// It could.
    No,
    /// As the parser said it, for the first who asks.
    Because(Error),
    /// It was told; who asks again, or in the next try, is told the short of it.
    Told,
}

impl Body {
    pub(crate) fn new(parsed: Result<Value>, serializer: Option<Arc<Serializer>>) -> Self {
        let (data, error) = match parsed {
            Ok(data) => (data, Unread::No),
            Err(error) => (Value::map(), Unread::Because(error)),
        };
        Body { data: Arc::new(data), error: Arc::new(Mutex::new(error)), serializer }
    }
}

impl ActionRequest {
    /// The body, parsed by its media type: an empty object where there is none.
    ///
    /// # Errors
    ///
    /// As [`Request::data`](super::Request::data); who asks again gets an error again, a 400 without details.
    pub fn data(&self) -> Result<&Value> {
        let mut error = self.body.error.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*error, Unread::No) {
            return Ok(&self.body.data);
        }
        match std::mem::replace(&mut *error, Unread::Told) {
            Unread::Because(error) => Err(error),
            Unread::No | Unread::Told => Err(Error::parse_error()),
        }
    }

    /// The body as the action's [`serializer`](ExtraAction::serializer) validates it.
    ///
    /// # Errors
    ///
    /// As [`validate_with`](Self::validate_with); 500 where the action has none.
    pub fn validate(&self) -> Result<Value> {
        match &self.body.serializer {
            Some(serializer) => self.validate_with(serializer),
            None => Err(Error::internal("an action without a serializer asked for it")),
        }
    }

    /// The body as a serializer validates it.
    ///
    /// # Errors
    ///
    /// As [`data`](Self::data), and 400 with DRF's errors of the serializer.
    pub fn validate_with(&self, serializer: &Serializer) -> Result<Value> {
        Ok(serializer.run_validation(self.data()?, &self.context)?)
    }

    /// The database, for SeaORM's queries: the open transaction where the method writes.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The open transaction.
    ///
    /// # Errors
    ///
    /// 500 for GET and HEAD, which have none.
    pub fn tx(&self) -> Result<&Transaction> {
        match &self.connection {
            Connection::Transaction(tx) => Ok(tx),
            Connection::Database(_) => Err(Error::internal("an action that only reads has no transaction")),
        }
    }

    /// Has something done once the action's transaction is committed; never after a rollback, and once, however often the
    /// action is tried. See [`Transaction::on_commit`].
    ///
    /// # Errors
    ///
    /// As [`tx`](Self::tx).
    pub fn on_commit<T>(&self, hook: impl FnOnce() -> T + Send + 'static) -> Result<()>
    where
        T: Future<Output = Result<()>> + Send + 'static,
    {
        self.tx()?.on_commit(hook);
        Ok(())
    }

    /// A value of the path as a Rust type.
    ///
    /// # Errors
    ///
    /// 404 where the path has no such value, or it is not of the type.
    pub fn path_value<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.context.kwarg(name).and_then(|text| text.parse().ok()).ok_or_else(Error::http404)
    }

    /// The object that the path names, DRF's `get_object`: within a transaction its row is locked first.
    ///
    /// # Errors
    ///
    /// 404 where no row of the view set has the key; 401 or 403 where the permissions do not grant it; 500 for another entity
    /// than the view set's.
    pub async fn get_object<E: EntityTrait>(&self) -> Result<E::Model> {
        let pk = self.lock(true).await?;
        let resource = self.resource();
        let (model, entity) = (resource.model(), E::default());
        let column = model.columns.get(resource.plan.key()).map(|column| column.column.as_str()).unwrap_or_default();
        let column = E::Column::iter().find(|c| c.as_str() == column && entity.table_name() == model.table);
        let column = column.ok_or_else(|| Error::internal("an action asked for an object of another entity"))?;
        let found = E::find().filter(column.eq(pk)).one(&self.connection).await?;
        self.still_see(true).await?;
        found.ok_or_else(|| resource.no_match())
    }

    /// Whether the row that was read after it was found is one that the request may see: without a lock it may have left the
    /// scope, or the permissions, in between.
    async fn still_see(&self, judged: bool) -> Result<()> {
        match &self.connection {
            Connection::Transaction(_) => Ok(()),
            Connection::Database(_) => self.lock(judged).await.map(drop),
        }
    }

    /// The primary key of the object that the path names, its row locked within a transaction.
    ///
    /// # Errors
    ///
    /// 404 where no row of the view set has the key.
    async fn lock(&self, judged: bool) -> Result<DbValue> {
        let resource = self.resource();
        let key = self.key.as_ref().ok_or_else(|| Error::internal("an action of the list has no object"))?;
        let key = &resource.key(key)?;
        let narrowed = Box::pin(resource.narrowed(&self.context)).await?;
        let resource = narrowed.as_ref().unwrap_or(resource);
        let bound = match &self.connection {
            Connection::Transaction(_) => resource.plan.lock(key),
            Connection::Database(_) => resource.plan.stored(key),
        };
        let rows = self.via().read(bound).await?;
        if rows.is_empty() {
            return Err(resource.no_match());
        }
        let stored = resource.stored(&rows)?;
        if judged {
            resource.permit(&stored, &self.context)?;
        }
        stored.into_iter().nth(resource.plan.key()).ok_or_else(|| Error::internal("a row without a key"))
    }

    /// Judges what the request demands of the object that the path names, its row locked.
    ///
    /// # Errors
    ///
    /// As [`get_object`](Self::get_object); 412 where it does not hold.
    async fn meet_demands(&self) -> Result<(), Stop> {
        let Some(key) = self.key.as_ref().filter(|_| is_conditional(&self.context)) else { return Ok(()) };
        self.lock(true).await?;
        let resource = self.resource();
        resource.meet_demands(&resource.key(key)?, self.via(), &self.context).await
    }

    /// The object that the path names as the view set's serializer shows it, with what was written so far.
    ///
    /// # Errors
    ///
    /// 404 where no row of the view set has the key.
    pub async fn representation(&self) -> Result<Response> {
        let pk = self.lock(false).await?;
        match self.resource().shown(&pk, self.via(), &self.context).await {
            Ok(Some(body)) => {
                self.still_see(false).await?;
                Ok(Response::json(body))
            }
            Ok(None) => Err(self.resource().no_match()),
            Err(Stop::Fail(error)) => Err(error),
            Err(Stop::Store(error)) => Err(error.into()),
            Err(Stop::Refused(_) | Stop::Unexplained | Stop::Mistake(..)) => Err(Error::internal("a read was refused")),
        }
    }

    /// The first of the rows that the request's filters leave, in an order of one's own (descending with `true`), as the view
    /// set's serializer shows it: DRF's `filter_queryset(get_queryset()).order_by(…).first()`.
    ///
    /// # Errors
    ///
    /// 400 for filters that are wrong; 500 for a column of another entity than the view set's.
    pub async fn first<C: ColumnTrait>(&self, order: impl IntoIterator<Item = (C, bool)>) -> Result<Option<Response>> {
        let resource = self.resource();
        let model = resource.model();
        let mut by = Vec::new();
        for (column, descending) in order {
            let column = model.own_column(column).map_err(Error::internal)?;
            by.extend(Source::column(model, column).map(|source| Order { source, descending }));
        }
        let listing = Listing { order: Some(by), ..resource.listing(&self.context).await? };
        let rows = self
            .via()
            .read(resource.plan.reads().listing(&listing, Window::Part { limit: 1, offset: 0 }))
            .await
            .map_err(filtered)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let groups = resource.shape.load(&rows, self.via()).await?;
        let mut out = Vec::with_capacity(256);
        resource.shape.represent(&rows, 0, &groups, &self.context, &mut out)?;
        Ok(Some(Response::json(out)))
    }

    fn resource(&self) -> &Resource {
        self.view.resource(Action::Retrieve)
    }

    fn via(&self) -> Via<'_> {
        match &self.connection {
            Connection::Transaction(tx) => Via::Transaction(tx),
            Connection::Database(_) => self.resource().via(&self.context),
        }
    }
}

impl Deref for ActionRequest {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl fmt::Debug for ActionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionRequest")
            .field("action", &self.context.action())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Runs an action: by itself where it reads, else in a transaction, as often as others get in its way.
///
/// # Errors
///
/// The handler's own; 400 for a constraint that it broke; 503 where the retries are used up.
pub(crate) async fn run(
    view: Arc<View>,
    handler: Arc<dyn ActionHandler>,
    key: Option<String>,
    body: Body,
    context: Context,
) -> Result<Response> {
    let resource = view.resource(Action::Retrieve);
    let request = |connection| ActionRequest {
        context: context.clone(),
        view: Arc::clone(&view),
        key: key.clone(),
        body: body.clone(),
        connection,
    };
    if matches!(*context.method(), Method::GET | Method::HEAD) {
        return handler.call(request(Connection::Database(resource.database.until(context.deadline())))).await;
    }
    let named = key.as_ref().and_then(|key| resource.key(key).ok());
    let mut tries = Tries::new(resource, named.as_ref(), None, &context);
    loop {
        tries.ready().await?;
        let stop = match attempt(resource, &*handler, &request, &context).await {
            Ok(response) => return Ok(response),
            Err(stop) => stop,
        };
        tries.again(stop, |violation| resource.serializer.ruling_on_action(violation, &body.data)).await?;
    }
}

async fn attempt(
    resource: &Resource,
    handler: &dyn ActionHandler,
    request: &(impl Fn(Connection) -> ActionRequest + Sync),
    cx: &Context,
) -> Result<Response, Stop> {
    let (tx, _) = resource.begin(None, cx).await?;
    let tx = Arc::new(tx);
    let action = request(Connection::Transaction(Arc::clone(&tx)));
    let outcome = match action.meet_demands().await {
        Ok(()) => handler.call(action).await.map_err(Stop::from),
        Err(stop) => {
            drop(action);
            Err(stop)
        }
    };
    let outcome = outcome.map_err(|stop| stop.in_transaction(&tx));
    // a handler that gave its transaction away has nothing committed: the last owner rolls it back
    let tx = Arc::try_unwrap(tx).map_err(|_| Error::internal("an action kept its transaction"))?;
    match outcome {
        Ok(response) => resource.commit_response(tx, response, cx).await,
        Err(stop) => {
            if let Err(error) = tx.rollback().await {
                // the connection is gone, and the transaction with it
                tracing::debug!(%error, "a rollback was not answered");
            }
            Err(stop)
        }
    }
}
