//! Create and update: validate and write as one plan.
//!
//! A write without object rules, query rules, hooks and further rows is one statement. Everything else runs in a
//! transaction that locks the row first. Whatever the plan, a write that a constraint stopped is judged by probes, which
//! give DRF's complete error body; where they find nothing any more, it is tried again.

use super::View;
use super::exchange::{self, Root};
use super::idempotency::is_keyed;
use super::preconditions::is_conditional;
use super::resource::{Resource, Stop, Tries};
use super::row::Written;
use super::save::Saving;
use crate::context::Context;
use crate::error::{Error, Result, ValidationError};
use crate::pause::{Pause, Point};
use crate::serializers::{BoundSerializer, Mode, Validated, Via, Writes};
use crate::storage::Pending;
use crate::store::plan::Prepared;
use crate::store::{Changes, Rows, StoreError, Transaction, Unit};
use crate::value::{DbValue, Value};

/// How a transaction is to end.
enum Finish {
    /// With this write.
    Write(std::sync::Arc<Prepared>),
    /// As it is; the answer is ready.
    Done(Vec<u8>),
}

/// One request to write.
struct Request<'a> {
    key: Option<&'a DbValue>,
    data: &'a Value,
    validated: &'a Validated,
    cx: &'a Context,
    pause: &'a Pause,
    /// Whether a constraint stopped an earlier try, so that the probes are asked first.
    careful: bool,
}

impl View {
    /// POST: the new object as JSON.
    ///
    /// # Errors
    ///
    /// 400 for whatever is wrong with the body; 503 where the retries are used up or the database is away.
    pub(crate) async fn create(
        &self,
        resource: &Resource,
        data: &Value,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let mut validated = resource.serializer.validate(data, Mode::Create, cx)?;
        if validated.is_wrong() {
            let errors = Box::pin(resource.complete(None, data, &mut validated, None, cx, resource.via(cx)));
            return Err(errors.await?.into());
        }
        self.save(resource, None, data, validated, cx, pause).await
    }

    /// PUT or PATCH: the changed object as JSON.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key; otherwise as [`View::create`].
    pub(crate) async fn update(
        &self,
        resource: &Resource,
        key: &DbValue,
        data: &Value,
        mode: Mode,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let cx = &answering(mode, cx);
        let mut validated = resource.serializer.validate(data, mode, cx)?;
        if validated.is_wrong() {
            if Resource::judges(cx) || is_conditional(cx) {
                // who may not, or does not know the object as it is, is told no more
                Box::pin(resource.must_see(key, cx)).await?;
            }
            let errors = Box::pin(resource.complete(Some(key), data, &mut validated, None, cx, resource.via(cx)));
            return Err(errors.await?.into());
        }
        self.save(resource, Some(key), data, validated, cx, pause).await
    }

    async fn save(
        &self,
        resource: &Resource,
        key: Option<&DbValue>,
        data: &Value,
        mut validated: Validated,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let files = if validated.files.is_empty() && validated.nested.is_empty() {
            validated.late = true;
            Vec::new()
        } else {
            Box::pin(resource.stage(std::slice::from_mut(&mut validated))).await?
        };
        let outcome = self.try_to_save(resource, key, data, &validated, cx, pause).await;
        decide(files, &outcome);
        outcome
    }

    async fn try_to_save(
        &self,
        resource: &Resource,
        key: Option<&DbValue>,
        data: &Value,
        validated: &Validated,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let mut tries = Tries::new(resource, key, Some(&validated.changes), cx);
        let at_once = validated.is_plain()
            && resource.shape.flat().is_some()
            && !self.needs_transaction(resource, key.is_some(), cx);
        loop {
            tries.ready().await?;
            let request = Request { key, data, validated, cx, pause, careful: tries.stopped > 0 };
            let stop = match key {
                // rare beside the other two, and large: they need not carry it
                _ if !at_once => Box::pin(self.in_transaction(resource, &request)).await,
                Some(key) => resource.update_at_once(key, &request).await,
                None => resource.create_at_once(&request, tries.stopped).await,
            };
            match stop {
                Ok(body) => return Ok(body),
                Err(stop) => {
                    let serializer = &resource.serializer;
                    Box::pin(tries.again(stop, |violation| serializer.ruling(violation, data))).await?;
                }
            }
        }
    }

    /// The plan of several statements: the row locked, judged and written before anybody else can.
    async fn in_transaction(&self, resource: &Resource, request: &Request<'_>) -> Result<Vec<u8>, Stop> {
        let (tx, rows) = resource.begin(request.key, request.cx).await?;
        match self.inside(resource, &tx, &rows, request).await {
            Ok(Finish::Done(body)) => {
                resource.commit(tx, &body, request.cx).await?;
                Ok(body)
            }
            Ok(Finish::Write(prepared)) => {
                let changes = &request.validated.changes;
                let bound = prepared.bind(request.key, changes);
                let rows = if request.pause.splits_commit() {
                    let rows = tx.query(bound).await?;
                    request.pause.at(Point::BeforeCommit).await;
                    tx.commit().await?;
                    rows
                } else {
                    tx.commit_with(Some(bound)).await?
                };
                if !resource.target().is_written(&prepared, &rows)? {
                    return Err(Stop::Unexplained);
                }
                Ok(resource.body(&rows, &prepared, changes, request.cx)?)
            }
            Err(stop) => {
                let stop = stop.in_transaction(&tx);
                if let Err(error) = tx.rollback().await {
                    // the connection is gone, and the transaction with it
                    tracing::debug!(%error, "a rollback was not answered");
                }
                Err(stop)
            }
        }
    }

    async fn inside(
        &self,
        resource: &Resource,
        tx: &Transaction,
        rows: &Rows,
        request: &Request<'_>,
    ) -> Result<Finish, Stop> {
        let &Request { key, data, cx, pause, careful, .. } = request;
        let stored = match key {
            Some(_) if rows.is_empty() => return Err(resource.no_match().into()),
            Some(_) => Some(resource.stored(rows)?),
            None => None,
        };
        let stored = stored.as_deref();
        if let Some(stored) = stored {
            resource.permit(stored, cx)?;
        }
        let via = Via::Transaction(tx);
        if let Some(key) = key {
            resource.meet_demands(key, via, cx).await?;
        }
        let mut found;
        let validated = if request.validated.has_lookups() {
            found = request.validated.clone();
            resource.serializer.look_up(&mut found, cx, via).await?;
            if found.is_wrong() {
                return Err(Error::from(resource.complete(key, data, &mut found, None, cx, via).await?).into());
            }
            &found
        } else {
            request.validated
        };
        let mut placed;
        let validated =
            if !validated.nested.is_empty() && (careful || exchange::is_wanted(&resource.serializer, validated)) {
                placed = validated.clone();
                let root = Root { key, stored: stored.map(<[DbValue]>::to_vec), validated: &mut placed };
                exchange::make_room(tx, resource.target(), &mut [root]).await?;
                &placed
            } else {
                validated
            };
        let changes = &validated.changes;
        let examine = async || match key {
            Some(key) => Ok(resource.examine_stored(key, changes, via).await?.unwrap_or_default()),
            None => resource.examine_new(changes, via).await,
        };
        let mut answers = None;
        if careful || resource.serializer.has_unenforced() {
            let found = examine().await?;
            resource.refuse(data, &found)?;
            answers = Some(found);
        }
        let mut rules = resource.serializer.object_rules(stored, changes)?;
        rules.merge(resource.serializer.query_rules(stored, changes, tx).await?);
        if !rules.is_empty() {
            let answers = match answers {
                Some(answers) => answers,
                None => examine().await?,
            };
            return Err(Error::from(resource.judged(data, &answers, ValidationError::fields(), rules)).into());
        }
        pause.at(Point::BeforeWrite).await;
        if let Some(hooks) = &self.hooks {
            let saving = Saving::new(resource, tx, key, stored, validated.clone(), cx, !careful);
            let (saving, outcome) = hooks.save(saving).await;
            let body = match saving.finish(outcome, rows).await {
                Err(Stop::Refused(answers)) => {
                    resource.refuse(data, &answers)?;
                    return Err(Stop::Unexplained);
                }
                body => body?,
            };
            pause.at(Point::BeforeCommit).await;
            return Ok(Finish::Done(body));
        }
        // whatever is committed with the write, or follows the commit, has to know first that there is a write
        let ends_with_write = !tx.has_on_commit() && !is_keyed(cx);
        if validated.is_plain() && resource.shape.flat().is_some() && ends_with_write {
            return Ok(match key {
                Some(_) if changes.columns().is_empty() => Finish::Done(resource.whole_body(rows, cx)?),
                Some(_) => Finish::Write(resource.plan.update(changes.columns())),
                None if careful => Finish::Write(resource.plan.insert_plain(changes.columns())),
                None => {
                    let written = match resource.target().write_row(tx, None, None, validated, true).await {
                        Err(Stop::Refused(answers)) => {
                            resource.refuse(data, &answers)?;
                            return Err(Stop::Unexplained);
                        }
                        written => written?,
                    };
                    let body = resource.answer(&written, changes, rows, tx, cx).await?;
                    pause.at(Point::BeforeCommit).await;
                    Finish::Done(body)
                }
            });
        }
        let written = match resource.target().write_row(tx, key, stored, validated, !careful).await {
            Err(Stop::Refused(answers)) => {
                resource.refuse(data, &answers)?;
                return Err(Stop::Unexplained);
            }
            written => written?,
        };
        let body = resource.answer(&written, changes, rows, tx, cx).await?;
        pause.at(Point::BeforeCommit).await;
        Ok(Finish::Done(body))
    }

    /// Whether writes need an open transaction: a rule, a permission, a precondition or a hook comes between reading and
    /// writing, or the answer is kept.
    fn needs_transaction(&self, resource: &Resource, stored: bool, cx: &Context) -> bool {
        self.hooks.is_some()
            || resource.serializer.has_query_rules()
            || is_keyed(cx)
            || (stored && (resource.serializer.has_object_rules() || Resource::judges(cx) || is_conditional(cx)))
    }
}

/// The context of an answer to a write.
pub(super) fn answering(mode: Mode, cx: &Context) -> Context {
    if mode == Mode::Partial { cx.partial() } else { cx.clone() }
}

/// Keeps the files of a write that is done, and removes those of one that is not. Where nobody knows whether it was
/// committed, they stay: a row must not name a file that is gone.
pub(super) fn decide<T>(files: Vec<Pending>, outcome: &Result<T>) {
    if matches!(outcome, Ok(_) | Err(Error::OutcomeUnknown(_))) {
        files.into_iter().for_each(|file| drop(file.keep()));
    }
}

impl Resource {
    /// Keeps the files of some objects until it is known whether their rows are written; their names go into the
    /// columns.
    ///
    /// # Errors
    ///
    /// As [`Storage::save`](crate::storage::Storage::save).
    pub(super) async fn stage(&self, objects: &mut [Validated]) -> Result<Vec<Pending>> {
        let mut files = Vec::new();
        let mut waiting: Vec<(&BoundSerializer, &mut Validated)> =
            objects.iter_mut().rev().map(|object| (&*self.serializer, object)).collect();
        while let Some((serializer, object)) = waiting.pop() {
            let fields = serializer.bound_fields();
            object.late = true;
            for (column, file) in std::mem::take(&mut object.files) {
                let to = fields.iter().find_map(|field| match &field.writes {
                    Writes::File(n, to) if *n == column => Some(to),
                    _ => None,
                });
                let Some(to) = to else { continue };
                let pending = to.stage(&file).await?;
                object.stage(column, file, pending.name());
                files.push(pending);
            }
            for nested in &mut object.nested {
                let Some(Writes::Nested(write)) = fields.get(nested.field).map(|field| &field.writes) else { continue };
                let rows = nested.rows.iter_mut().flatten();
                waiting.extend(rows.map(|row| (&*write.serializer, &mut row.validated)));
            }
        }
        Ok(files)
    }

    /// The answer after a row was written inside a transaction.
    pub(super) async fn answer(
        &self,
        written: &Written,
        changes: &Changes,
        whole: &Rows,
        tx: &Transaction,
        cx: &Context,
    ) -> Result<Vec<u8>, Stop> {
        if let (false, Some(_)) = (written.wide, self.shape.flat()) {
            return Ok(match &written.returned {
                Some((rows, prepared)) => self.body(rows, prepared, changes, cx)?,
                None => self.whole_body(whole, cx)?,
            });
        }
        let shown = self.shown(&written.pk, Via::Transaction(tx), cx).await?;
        Ok(shown.ok_or_else(|| Error::internal("a row that was just written is not there"))?)
    }

    /// INSERT with the probes as its guard: one statement, which answers why where it wrote nothing.
    async fn create_at_once(&self, request: &Request<'_>, stopped: u32) -> Result<Vec<u8>, Stop> {
        let &Request { data, validated, pause, cx, .. } = request;
        let changes = &validated.changes;
        let rules = self.serializer.object_rules(None, changes)?;
        if !rules.is_empty() {
            let answers = Box::pin(self.examine_new(changes, self.via(cx))).await?;
            return Err(Error::from(self.judged(data, &answers, ValidationError::fields(), rules)).into());
        }
        // a guard that stays silent while nothing is written means a constraint that it does not know: let it speak
        let prepared = match stopped {
            0 | 1 => self.plan.insert(changes.columns()),
            _ => self.plan.insert_plain(changes.columns()),
        };
        pause.at(Point::BeforeWrite).await;
        let unit =
            Unit { statements: vec![prepared.bind(None, changes)], verdict: prepared.bind_verdict(None, changes) };
        match self.store(cx).write(unit).await {
            Ok(rows) => self.inserted(&prepared, &rows, data, changes, cx),
            Err(StoreError::Violation(violation)) => {
                self.plan.learn(&violation);
                pause.at(Point::BeforeVerdict).await;
                let answers = Box::pin(self.examine_new(changes, self.via(cx))).await?;
                self.refuse(data, &answers)?;
                Err(StoreError::Violation(violation).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What an INSERT with its verdict answered.
    fn inserted(
        &self,
        prepared: &Prepared,
        rows: &[Rows],
        data: &Value,
        changes: &Changes,
        cx: &Context,
    ) -> Result<Vec<u8>, Stop> {
        let none = Rows::none();
        let (first, second) = (rows.first().unwrap_or(&none), rows.get(1));
        if self.target().is_written(prepared, first)? {
            return Ok(self.body(first, prepared, changes, cx)?);
        }
        let answers = match second {
            _ if prepared.guarded => Resource::answers(prepared, first, 0)?,
            Some(verdict) => Resource::answers(prepared, verdict, 0)?,
            None => Vec::new(),
        };
        self.refuse(data, &answers)?;
        Err(Stop::Unexplained)
    }

    /// Fails with the errors that answers to probes are, if any.
    pub(super) fn refuse(&self, data: &Value, answers: &[(usize, bool)]) -> Result<()> {
        let errors = self.judged(data, answers, ValidationError::fields(), ValidationError::fields());
        if errors.is_empty() {
            return Ok(());
        }
        self.base.doubt();
        Err(errors.into())
    }

    /// UPDATE of exactly the given columns: one statement.
    async fn update_at_once(&self, key: &DbValue, request: &Request<'_>) -> Result<Vec<u8>, Stop> {
        let &Request { data, validated, pause, cx, .. } = request;
        let changes = &validated.changes;
        if changes.columns().is_empty() {
            return Ok(Box::pin(self.retrieve(key, cx)).await?);
        }
        let prepared = self.plan.update(changes.columns());
        pause.at(Point::BeforeWrite).await;
        let stop = match self.store(cx).write(Unit::one(prepared.bind(Some(key), changes))).await {
            Ok(rows) => match rows.first() {
                Some(rows) if !rows.is_empty() => return Ok(self.body(rows, &prepared, changes, cx)?),
                _ => Stop::Unexplained,
            },
            Err(error @ StoreError::Violation(_)) => error.into(),
            Err(error) => return Err(error.into()),
        };
        pause.at(Point::BeforeVerdict).await;
        let answers = Box::pin(self.examine_stored(key, changes, self.via(cx))).await?;
        let answers = answers.ok_or_else(|| self.no_match())?;
        self.refuse(data, &answers)?;
        Err(stop)
    }
}
