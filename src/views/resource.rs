//! A resource, built: everything that its requests look up.

use std::sync::Arc;

use super::exchange::Given;
use super::places::StreamPlaces;
use super::preconditions::Shown;
use crate::context::Context;
use crate::error::{Error, ErrorDetail, NON_FIELD_ERRORS, Result, ValidationError};
use crate::filters::{Bound as Filters, Settling};
use crate::model::{ColumnKind, ModelMeta};
use crate::pagination::Pagination;
use crate::permissions::Granted;
use crate::relations::{KeyError, parse_key};
use crate::serializers::shape::{Shape, Slot};
use crate::serializers::{BoundSerializer, Validated, Via};
use crate::store::plan::{Listing, Plan, Prepared};
use crate::store::sequences::{self, Behind};
use crate::store::turns::{Contended, Turn};
use crate::store::{
    Bound, Cell, Changes, Database, Dialect, Isolation, KnownEntities, Retry, Rows, Store, StoreError, Transaction,
    Violation, ViolationKind, store_error,
};
use crate::validators::Object;
use crate::value::{DbValue, Value, convert};

/// Tables were altered while a request was carried out: what it was to write is to be made anew.
#[derive(Debug)]
pub(crate) struct Outdated;

impl std::fmt::Display for Outdated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("tables were altered while the request was carried out")
    }
}

impl std::error::Error for Outdated {}

/// How often a write is tried against constraints that no probe explains before the constraint's own word stands.
const UNEXPLAINED: u32 = 4;

/// After how many losses a write queues for its whole table.
const LOSSES: u32 = 4;

/// How often sequences that are behind are moved on for one write: a row and those that hang on it have one each.
const CATCH_UPS: u32 = 8;

/// A model's serializer and statements over a store.
#[derive(Debug)]
pub(crate) struct Resource {
    /// What narrows and orders its lists.
    pub(crate) filters: Arc<Filters>,
    /// The store of no request; [`store`](Resource::store) is a request's.
    pub(crate) base: Store,
    /// Where its long lists have their places.
    pub(crate) places: Arc<StreamPlaces>,
    /// The same as handlers see it.
    pub(crate) database: Database,
    pub(crate) serializer: Arc<BoundSerializer>,
    pub(crate) shape: Arc<Shape>,
    pub(crate) plan: Plan,
    pub(crate) known: Arc<KnownEntities>,
    pub(crate) pagination: Option<Arc<dyn Pagination>>,
    pub(crate) isolation: Isolation,
    pub(crate) replays: u32,
    /// Where the model's columns are in rows that are read; none where no permission wants to see them.
    pub(crate) judged: Arc<[usize]>,
    /// Where the fields are in whole rows, where an answer needs nothing else.
    pub(crate) whole: Arc<[Slot]>,
    /// What a GET of an object shows.
    pub(crate) shown: Option<Arc<Shown>>,
}

/// Why a try at a write ended without an answer.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The request has its answer, and it is an error.
    Fail(Error),
    /// The database did not do it.
    Store(StoreError),
    /// A guard stood before the write: the answers of its probes.
    Refused(Vec<(usize, bool)>),
    /// Nothing was written, and by now nothing seems to be in the way.
    Unexplained,
    /// Only a hook can have broken what stopped the write: what it did, and whether it may be right in the next try.
    Mistake(String, bool),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fail(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Store(error)
    }
}

impl Stop {
    /// The stop that a hook's or a rule's error really is: what its query met, if a query is what failed.
    pub(crate) fn in_transaction(self, tx: &Transaction) -> Self {
        let Stop::Fail(Error::Internal(source) | Error::Unavailable(source) | Error::OutcomeUnknown(source)) = &self
        else {
            return self;
        };
        if let Some(met) = source.downcast_ref().or_else(|| source.downcast_ref().and_then(store_error)) {
            return Stop::Store(same_kind(met));
        }
        // a hook that made an error of its own out of a conflict is replayed all the same
        match tx.take_error() {
            Some(met) if matches!(*met, StoreError::Conflict(_)) => Stop::Store(same_kind(&met)),
            _ => self,
        }
    }
}

/// An error of the same kind, where the original belongs to somebody else.
fn same_kind(error: &StoreError) -> StoreError {
    let text = error.to_string().into();
    match error {
        StoreError::Violation(violation) => StoreError::Violation(violation.clone()),
        StoreError::Data(_) => StoreError::Data(text),
        StoreError::Conflict(_) => StoreError::Conflict(text),
        StoreError::Unavailable(_) => StoreError::Unavailable(text),
        StoreError::OutcomeUnknown(_) => StoreError::OutcomeUnknown(text),
        StoreError::Internal(_) => StoreError::Internal(text),
    }
}

/// Undoes everything that a transaction did.
pub(super) async fn undo(tx: Transaction, stop: Stop) -> Stop {
    let stop = stop.in_transaction(&tx);
    if let Err(error) = tx.rollback().await {
        // the connection is gone, and the transaction with it
        tracing::debug!(%error, "a rollback was not answered");
    }
    stop
}

/// The tries of one write.
#[derive(Debug)]
pub(crate) struct Tries {
    retry: Retry,
    store: Store,
    /// Whose table it is, for the log.
    model: Arc<ModelMeta>,
    /// How often a sequence that was behind has been moved on.
    caught_up: u32,
    /// What others may want to write at the same time.
    contended: Contended,
    turn: Turn,
    /// How often others were first.
    lost: u32,
    /// How many ended at a constraint.
    pub(crate) stopped: u32,
}

impl Tries {
    /// The tries of a request about the row of a key, or with these changes.
    pub(crate) fn new(resource: &Resource, key: Option<&DbValue>, changes: Option<&Changes>, cx: &Context) -> Self {
        let retry = Retry::new(resource.replays).until(cx.deadline());
        let (store, model) = (resource.store(cx), Arc::clone(resource.plan.model()));
        let mut contended = Contended::of(&model.table);
        if resource.isolation == Isolation::Serializable {
            resource.contended(key, changes, &mut contended);
        }
        Tries { retry, store, model, caught_up: 0, contended, turn: Turn::default(), lost: 0, stopped: 0 }
    }

    /// Waits for the turn of the next try, where others contend for the same.
    ///
    /// # Errors
    ///
    /// 503 where it does not come in time.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        if self.lost == 0 && !self.store.turns().is_hot(&self.contended) {
            return Ok(());
        }
        if !self.turn.is_held() {
            self.retry.hurry();
        }
        let (turns, deadline) = (self.store.turns(), self.store.deadline());
        // rare: not to be carried by every write
        Ok(Box::pin(turns.take(&mut self.turn, &self.contended, self.lost >= LOSSES, deadline)).await?)
    }

    /// Decides about another try after one that was stopped; `verdict` says what a violation means, and whether it may
    /// be gone by the next try.
    ///
    /// # Errors
    ///
    /// The answer of the request, when there is none to be had by trying again.
    pub(crate) async fn again(&mut self, stop: Stop, verdict: impl FnOnce(&Violation) -> (Error, bool)) -> Result<()> {
        if let Stop::Store(error) = &stop
            && matches!(error, StoreError::Violation(_) | StoreError::Data(_) | StoreError::Internal(_))
            && self.store.is_outdated(error).await
        {
            return Err(Error::Unavailable(Box::new(Outdated)));
        }
        match stop {
            Stop::Fail(error) => Err(error),
            Stop::Store(StoreError::Violation(violation)) => {
                if self.caught_up < CATCH_UPS {
                    match sequences::catch_up(&self.store, &violation).await? {
                        Behind::No => {}
                        Behind::CaughtUp => {
                            self.caught_up += 1;
                            return Ok(());
                        }
                        Behind::TooFar(what) => return Err(Error::internal(what)),
                    }
                }
                self.stopped += 1;
                if violation.kind == ViolationKind::Deferrable && self.stopped <= UNEXPLAINED {
                    // nobody broke it: the next statement does not count on it
                    return Ok(());
                }
                let (error, may_be_gone) = verdict(&violation);
                // once in any case: only a careful try says all that is wrong
                let tries = if may_be_gone { UNEXPLAINED } else { 1 };
                if self.stopped <= tries { Ok(()) } else { Err(error) }
            }
            Stop::Unexplained | Stop::Refused(_) => {
                self.stopped += 1;
                if self.stopped <= UNEXPLAINED {
                    return Ok(());
                }
                // no constraint speaks, and no row comes back: another try would end like this one
                let table = &self.model.table;
                tracing::error!(table, "a trigger or a rule of the database keeps rows from being written");
                Err(Error::Conflict("The database did not keep what was written.".into()))
            }
            Stop::Mistake(mistake, may_be_gone) => {
                self.stopped += 1;
                if may_be_gone && self.stopped <= UNEXPLAINED { Ok(()) } else { Err(Error::internal(mistake)) }
            }
            Stop::Store(StoreError::Data(source)) => {
                tracing::info!(%source, "a value does not fit its column");
                Err(ValidationError::field("non_field_errors", "A value does not fit its column.").into())
            }
            Stop::Store(error) => {
                if matches!(error, StoreError::Conflict(_)) {
                    self.lost += 1;
                    self.store.turns().mark(&self.contended);
                }
                Ok(self.retry.again(error).await?)
            }
        }
    }
}

/// Joins what rules about the whole found: they speak only where every field is right.
pub(super) fn add_rules(errors: &mut ValidationError, rules: ValidationError) {
    let only_whole = match &errors {
        ValidationError::Fields(map) => map.keys().all(|k| k == "non_field_errors"),
        _ => true,
    };
    if only_whole {
        errors.merge(rules);
    }
}

/// What the database says to a request's filters, a regular expression of another kind for one, is a 400.
pub(crate) fn filtered(error: StoreError) -> Error {
    match error {
        StoreError::Data(source) => {
            tracing::debug!(%source, "a filter's value is none for the database");
            ValidationError::field(NON_FIELD_ERRORS, ErrorDetail::new("A filter has an invalid value.", "invalid"))
                .into()
        }
        error => error.into(),
    }
}

/// The truth of a probe's answer.
pub(crate) fn truth(cell: Cell<'_>) -> bool {
    matches!(cell, Cell::Bool(true) | Cell::Int(1))
}

impl Resource {
    pub(crate) fn model(&self) -> &ModelMeta {
        self.serializer.model()
    }

    pub(crate) fn no_match(&self) -> Error {
        Error::no_match(&self.model().name)
    }

    /// The answers to a prepared statement's probes, from a column of a row on.
    pub(crate) fn answers(prepared: &Prepared, rows: &Rows, from: usize) -> Result<Vec<(usize, bool)>, StoreError> {
        let probes = prepared.probes.iter().enumerate();
        probes.map(|(n, probe)| Ok((*probe, truth(rows.cell(0, from + n)?)))).collect()
    }

    /// Asks the probes about a new object.
    pub(crate) async fn examine_new(&self, changes: &Changes, via: Via<'_>) -> Result<Vec<(usize, bool)>, StoreError> {
        self.target().examine_new(changes, via).await
    }

    /// Asks whether a row is there, and the probes about its changes; none where it is not there.
    pub(crate) async fn examine_stored(
        &self,
        key: &DbValue,
        changes: &Changes,
        via: Via<'_>,
    ) -> Result<Option<Vec<(usize, bool)>>, StoreError> {
        self.target().examine_stored(key, changes, via).await
    }

    /// DRF's complete error body from what probes answered and rules found; empty where all is well.
    pub(crate) fn judged(
        &self,
        data: &Value,
        answers: &[(usize, bool)],
        mut errors: ValidationError,
        rules: ValidationError,
    ) -> ValidationError {
        let fields_were_fine = errors.is_empty();
        self.serializer.judge(data, answers, None, &mut errors);
        if fields_were_fine {
            add_rules(&mut errors, rules);
        }
        errors
    }

    /// The row that a prepared write returned, as JSON.
    pub(crate) fn body(&self, rows: &Rows, prepared: &Prepared, changes: &Changes, cx: &Context) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(256);
        let before = if prepared.guarded { prepared.probes.len() } else { 0 };
        let layout = self.shape.layout(&prepared.returns, before);
        self.shape.represent_written(rows, 0, &layout, changes, cx, &mut out)?;
        Ok(out)
    }

    /// A row as an answer shows it, by its primary key; none where it is not there.
    pub(crate) async fn shown(&self, pk: &DbValue, via: Via<'_>, cx: &Context) -> Result<Option<Vec<u8>>, Stop> {
        let rows = via.read(self.plan.own().retrieve(pk)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let groups = self.shape.load(&rows, via).await?;
        let mut out = Vec::with_capacity(256);
        self.shape.represent(&rows, 0, &groups, cx, &mut out)?;
        Ok(Some(out))
    }

    /// The resource as a request may see it, where it may not see all of it.
    ///
    /// # Errors
    ///
    /// 400 for parameters that a filter backend refuses.
    pub(crate) async fn narrowed(&self, cx: &Context) -> Result<Option<Resource>> {
        if self.filters.is_empty() {
            return Ok(None);
        }
        let listing = self.filters.listing(cx).await?;
        if listing.filters.is_empty() {
            return Ok(None);
        }
        Ok(Some(Resource {
            filters: Arc::clone(&self.filters),
            base: self.base.clone(),
            places: Arc::clone(&self.places),
            database: self.database.clone(),
            serializer: Arc::clone(&self.serializer),
            shape: Arc::clone(&self.shape),
            plan: self.plan.narrowed(listing.filters).map_err(Error::internal)?,
            known: Arc::clone(&self.known),
            pagination: self.pagination.clone(),
            isolation: self.isolation,
            replays: self.replays,
            whole: Arc::clone(&self.whole),
            judged: Arc::clone(&self.judged),
            shown: self.shown.clone(),
        }))
    }

    /// What a request wants of a list: what its scope and the filter backends say.
    ///
    /// # Errors
    ///
    /// 400 for parameters that a filter backend refuses.
    pub(crate) async fn listing(&self, cx: &Context) -> Result<Listing> {
        if self.filters.is_empty() { Ok(Listing::default()) } else { self.filters.listing(cx).await }
    }

    /// The same for a list, which finds no row where one that a parameter names is not there.
    ///
    /// # Errors
    ///
    /// As [`listing`](Self::listing).
    pub(crate) async fn listing_of_list(&self, cx: &Context) -> Result<(Listing, Option<Settling>)> {
        if self.filters.is_empty() {
            return Ok((Listing::default(), None));
        }
        let (listing, settling) = Box::pin(self.filters.listing_of_list(cx)).await?;
        Ok((listing, Some(settling)))
    }

    /// A read of the rows of a list: where there are none, the request may be wrong.
    ///
    /// # Errors
    ///
    /// As [`read_filtered`](Self::read_filtered); 400 where a row that a parameter names is not there.
    pub(crate) async fn read_list(&self, bound: Bound, settling: Option<&Settling>, cx: &Context) -> Result<Rows> {
        let read = self.read_filtered(bound, cx).await;
        if let Some(settling) = settling
            && !read.as_ref().is_ok_and(|rows| !rows.is_empty())
        {
            Box::pin(settling.settle()).await?;
        }
        read
    }

    /// A read by what a request filters by: a value that the database cannot compare is the request's mistake.
    pub(crate) async fn read_filtered(&self, bound: Bound, cx: &Context) -> Result<Rows> {
        self.via(cx).read(bound).await.map_err(filtered)
    }

    /// The store, until a request's deadline.
    pub(crate) fn store(&self, cx: &Context) -> Store {
        self.base.until(cx.deadline())
    }

    /// Which SQL the store speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        self.base.dialect()
    }

    /// The way of questions outside of a transaction.
    pub(crate) fn via(&self, cx: &Context) -> Via<'_> {
        Via::Store { store: &self.base, replays: self.replays, deadline: cx.deadline() }
    }

    /// DRF's complete error body for a body that is wrong as it is: rows that are not there, values that are taken by other rows than
    /// those that are `given` others by the same request.
    ///
    /// # Errors
    ///
    /// 404 where the row to change is not there.
    pub(crate) async fn complete(
        &self,
        key: Option<&DbValue>,
        data: &Value,
        validated: &mut Validated,
        given: Option<&Given>,
        cx: &Context,
        via: Via<'_>,
    ) -> Result<ValidationError> {
        if validated.has_lookups() {
            self.serializer.look_up(validated, cx, via).await?;
        }
        let mut answers = match key {
            Some(key) => self.examine_stored(key, &validated.changes, via).await?.ok_or_else(|| self.no_match())?,
            None => self.examine_new(&validated.changes, via).await?,
        };
        if let Some(given) = given.filter(|_| answers.iter().any(|(_, fine)| !fine)) {
            let free = given.up(self.target(), key, &validated.changes, via).await?;
            answers.retain(|(probe, _)| !free.contains(probe));
        }
        let mut errors = validated.errors.clone();
        self.serializer.judge(data, &answers, Some(validated), &mut errors);
        if let (true, Some(whole)) = (errors.is_empty(), &validated.whole) {
            errors.clone_from(whole);
        }
        Ok(errors)
    }

    /// A row that was read whole, as JSON.
    pub(crate) fn whole_body(&self, rows: &Rows, cx: &Context) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(128);
        self.shape.represent_written(rows, 0, &self.whole, &Changes::default(), cx, &mut out)?;
        Ok(out)
    }

    /// 409 with Django's sentence.
    pub(crate) fn protected(&self) -> Error {
        self.plan.protected()
    }

    /// The key in a path, as DRF's lookup reads it.
    ///
    /// # Errors
    ///
    /// 404 for what no row can have.
    pub(crate) fn key(&self, text: &str) -> Result<DbValue> {
        let column = self.model().columns.get(self.plan.by());
        let kind = column.map_or(ColumnKind::BigInteger, |c| c.kind);
        parse_key(kind, &Value::Str(text.to_owned())).map(convert::to_db).map_err(|error| match error {
            KeyError::NoSuchRow => self.no_match(),
            KeyError::WrongType | KeyError::Unreadable(_) => Error::http404(),
        })
    }

    /// Whether the request's permissions want to see its object.
    pub(crate) fn judges(cx: &Context) -> bool {
        cx.kept::<Granted>().is_some()
    }

    /// Asks the request's permissions about a whole row, which a request that writes has locked.
    ///
    /// # Errors
    ///
    /// 401 or 403 where one does not grant it.
    pub(crate) fn permit(&self, stored: &[DbValue], cx: &Context) -> Result<()> {
        match cx.kept::<Granted>() {
            Some(granted) => granted.judge_object(cx, &Object::new(self.model(), Some(stored), &Changes::default())),
            None => Ok(()),
        }
    }

    /// The same about a row that was read to be shown.
    ///
    /// # Errors
    ///
    /// As [`permit`](Self::permit).
    pub(crate) fn permit_read(&self, rows: &Rows, cx: &Context) -> Result<()> {
        if !Resource::judges(cx) {
            return Ok(());
        }
        let columns = self.model().columns.iter().zip(self.judged.iter());
        let stored: Result<Vec<_>, StoreError> =
            columns.map(|(column, n)| Ok(rows.cell(0, *n)?.to_value(column.kind))).collect();
        self.permit(&stored?, cx)
    }

    /// A whole row as values.
    pub(crate) fn stored(&self, rows: &Rows) -> Result<Vec<DbValue>, StoreError> {
        let columns = self.model().columns.iter().enumerate();
        columns.map(|(n, column)| Ok(rows.cell(0, n)?.to_value(column.kind))).collect()
    }
}

impl Resource {
    /// What a write is about, as far as it says so: its own row, and those that it points to.
    fn contended(&self, key: Option<&DbValue>, changes: Option<&Changes>, contended: &mut Contended) {
        let text = |value: &DbValue| convert::from_db(value).to_python_str().into_owned();
        if let Some(key) = key {
            contended.add(&self.model().table, &text(key));
        }
        for relation in &self.model().relations {
            if let (&[column], Some(changes)) = (relation.columns.as_slice(), changes)
                && let Some(value) = changes.get(column).filter(|value| value.is_some())
            {
                contended.add(&relation.to_table, &text(value));
            }
        }
    }

    /// Opens a transaction with its first statement.
    pub(super) async fn open(
        &self,
        isolation: Isolation,
        first: Option<Bound>,
        cx: &Context,
    ) -> Result<(Transaction, Rows), StoreError> {
        let (tx, rows) = self.store(cx).begin(isolation, first).await?;
        Ok((tx.knowing(Arc::clone(&self.known)), rows))
    }

    /// Several reads of one state of the database, replayed likewise.
    pub(crate) async fn snapshot(&self, bounds: Vec<Bound>, cx: &Context) -> Result<Vec<Rows>, StoreError> {
        let (mut retry, store) = (Retry::new(self.replays).until(cx.deadline()), self.store(cx));
        loop {
            match store.snapshot(bounds.clone()).await {
                Ok(rows) => return Ok(rows),
                Err(error) => retry.again(error).await?,
            }
        }
    }
}
