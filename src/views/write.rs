//! Create and update: validate and write as one plan.
//!
//! A write without object rules, query rules and hooks is one statement. Everything else runs in a transaction that
//! locks the row first. Whatever the plan, a write that a constraint stopped is judged by probes, which give DRF's
//! complete error body; where they find nothing any more, it is tried again.

use super::hooks::Save;
use super::resource::{Resource, Stop, Tries, Via};
use crate::error::{Error, Result, ValidationError};
use crate::pause::{Pause, Point};
use crate::serializers::{Mode, Validated};
use crate::store::plan::Prepared;
use crate::store::{Cell, Changes, Dialect, Rows, StoreError, Transaction, Unit};
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
    changes: &'a Changes,
    pause: &'a Pause,
    /// Whether a constraint stopped an earlier try, so that the probes are asked first.
    careful: bool,
}

impl Resource {
    /// POST: the new object as JSON.
    ///
    /// # Errors
    ///
    /// 400 for whatever is wrong with the body; 503 where the retries are used up or the database is away.
    pub(crate) async fn create(&self, data: &Value, pause: &Pause) -> Result<Vec<u8>> {
        let Validated { changes, errors } = self.serializer.validate(data, Mode::Create);
        if !errors.is_empty() {
            let answers = self.examine_new(&changes, Via::Store).await?;
            return Err(self.judged(data, &answers, errors, ValidationError::fields()).into());
        }
        self.save(None, data, &changes, pause).await
    }

    /// PUT or PATCH: the changed object as JSON.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key; otherwise as [`Resource::create`].
    pub(crate) async fn update(&self, key: &DbValue, data: &Value, mode: Mode, pause: &Pause) -> Result<Vec<u8>> {
        let Validated { changes, errors } = self.serializer.validate(data, mode);
        if !errors.is_empty() {
            let answers = self.examine_stored(key, &changes, Via::Store).await?.ok_or_else(|| self.no_match())?;
            return Err(self.judged(data, &answers, errors, ValidationError::fields()).into());
        }
        self.save(Some(key), data, &changes, pause).await
    }

    async fn save(&self, key: Option<&DbValue>, data: &Value, changes: &Changes, pause: &Pause) -> Result<Vec<u8>> {
        let mut tries = Tries::new(self.replays);
        loop {
            let request = Request { key, data, changes, pause, careful: tries.stopped > 0 };
            let stop = if self.needs_transaction(key.is_some()) {
                self.in_transaction(&request).await
            } else if let Some(key) = key {
                self.update_at_once(key, &request).await
            } else {
                self.create_at_once(&request, tries.stopped).await
            };
            match stop {
                Ok(body) => return Ok(body),
                Err(stop) => tries.again(stop, |violation| self.serializer.verdict(violation, data).into()).await?,
            }
        }
    }

    /// INSERT with the probes as its guard: one statement, which answers why where it wrote nothing.
    async fn create_at_once(&self, request: &Request<'_>, stopped: u32) -> Result<Vec<u8>, Stop> {
        let &Request { data, changes, pause, .. } = request;
        let rules = self.serializer.object_rules(None, changes);
        if !rules.is_empty() {
            let answers = self.examine_new(changes, Via::Store).await?;
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
        match self.store.write(unit).await {
            Ok(rows) => self.inserted(&prepared, &rows, data, changes),
            Err(StoreError::Violation(violation)) => {
                pause.at(Point::BeforeVerdict).await;
                let answers = self.examine_new(changes, Via::Store).await?;
                self.refuse(data, &answers)?;
                Err(StoreError::Violation(violation).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What an INSERT with its verdict answered.
    pub(super) fn inserted(
        &self,
        prepared: &Prepared,
        rows: &[Rows],
        data: &Value,
        changes: &Changes,
    ) -> Result<Vec<u8>, Stop> {
        let none = Rows::none();
        let (first, second) = (rows.first().unwrap_or(&none), rows.get(1));
        if self.is_written(prepared, first)? {
            return Ok(self.body(first, prepared, changes)?);
        }
        let answers = match second {
            _ if prepared.guarded => Self::answers(prepared, first, 0)?,
            Some(verdict) => Self::answers(prepared, verdict, 0)?,
            None => Vec::new(),
        };
        self.refuse(data, &answers)?;
        Err(Stop::Unexplained)
    }

    /// Whether a statement returned a row that it wrote.
    pub(super) fn is_written(&self, prepared: &Prepared, rows: &Rows) -> Result<bool, StoreError> {
        if rows.is_empty() || !prepared.guarded {
            return Ok(!rows.is_empty());
        }
        let key = prepared.returns.iter().position(|n| *n == self.plan.key()).unwrap_or(0);
        Ok(rows.cell(0, prepared.probes.len() + key)? != Cell::Null)
    }

    fn body(&self, rows: &Rows, prepared: &Prepared, changes: &Changes) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(128);
        self.serializer.represent(rows, 0, &self.serializer.layout_of(prepared), Some(changes), &mut out)?;
        Ok(out)
    }

    /// Fails with the errors that answers to probes are, if any.
    fn refuse(&self, data: &Value, answers: &[(usize, bool)]) -> Result<()> {
        let errors = self.judged(data, answers, ValidationError::fields(), ValidationError::fields());
        if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
    }

    /// UPDATE of exactly the given columns: one statement.
    async fn update_at_once(&self, key: &DbValue, request: &Request<'_>) -> Result<Vec<u8>, Stop> {
        let &Request { data, changes, pause, .. } = request;
        if changes.columns().is_empty() {
            return Ok(self.retrieve(key).await?);
        }
        let prepared = self.plan.update(changes.columns());
        pause.at(Point::BeforeWrite).await;
        let stop = match self.store.write(Unit::one(prepared.bind(Some(key), changes))).await {
            Ok(rows) => match rows.first() {
                Some(rows) if !rows.is_empty() => return Ok(self.body(rows, &prepared, changes)?),
                // on PostgreSQL nothing but the key decides which row is meant
                _ if self.store.dialect() == Dialect::Postgres => return Err(self.no_match().into()),
                _ => Stop::Unexplained,
            },
            Err(error @ StoreError::Violation(_)) => error.into(),
            Err(error) => return Err(error.into()),
        };
        pause.at(Point::BeforeVerdict).await;
        let answers = self.examine_stored(key, changes, Via::Store).await?.ok_or_else(|| self.no_match())?;
        self.refuse(data, &answers)?;
        Err(stop)
    }

    /// The plan of several statements: the row locked, judged and written before anybody else can.
    async fn in_transaction(&self, request: &Request<'_>) -> Result<Vec<u8>, Stop> {
        let (tx, rows) = self.begin(request.key).await?;
        match self.inside(&tx, &rows, request).await {
            Ok(Finish::Done(body)) => {
                tx.commit().await?;
                Ok(body)
            }
            Ok(Finish::Write(prepared)) => {
                let bound = prepared.bind(request.key, request.changes);
                let rows = if request.pause.splits_commit() {
                    let rows = tx.query(bound).await?;
                    request.pause.at(Point::BeforeCommit).await;
                    tx.commit().await?;
                    rows
                } else {
                    tx.commit_with(Some(bound)).await?
                };
                if !self.is_written(&prepared, &rows)? {
                    return Err(Stop::Unexplained);
                }
                Ok(self.body(&rows, &prepared, request.changes)?)
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

    async fn inside(&self, tx: &Transaction, rows: &Rows, request: &Request<'_>) -> Result<Finish, Stop> {
        let &Request { key, data, changes, pause, careful } = request;
        let stored = match key {
            Some(_) if rows.is_empty() => return Err(self.no_match().into()),
            Some(_) => Some(self.stored(rows)?),
            None => None,
        };
        let stored = stored.as_deref();
        let examine = async || match key {
            Some(key) => Ok(self.examine_stored(key, changes, Via::Transaction(tx)).await?.unwrap_or_default()),
            None => self.examine_new(changes, Via::Transaction(tx)).await,
        };
        let mut answers = None;
        if careful || self.serializer.has_unenforced() {
            let found = examine().await?;
            self.refuse(data, &found)?;
            answers = Some(found);
        }
        let mut rules = self.serializer.object_rules(stored, changes);
        rules.merge(self.serializer.query_rules(stored, changes, tx).await?);
        if !rules.is_empty() {
            let answers = match answers {
                Some(answers) => answers,
                None => examine().await?,
            };
            return Err(Error::from(self.judged(data, &answers, ValidationError::fields(), rules)).into());
        }
        pause.at(Point::BeforeWrite).await;
        if let Some(hooks) = &self.hooks {
            let mut save = Save::new(self, tx, key, stored, changes.clone());
            let outcome = match key {
                Some(_) => hooks.perform_update(&mut save).await,
                None => hooks.perform_create(&mut save).await,
            };
            let body = save.finish(outcome, rows, data)?;
            pause.at(Point::BeforeCommit).await;
            return Ok(Finish::Done(body));
        }
        match key {
            Some(_) if changes.columns().is_empty() => Ok(Finish::Done(self.whole_body(rows)?)),
            Some(_) => Ok(Finish::Write(self.plan.update(changes.columns()))),
            None => Ok(Finish::Write(self.plan.insert_plain(changes.columns()))),
        }
    }

    /// A row that was read whole, as JSON.
    pub(super) fn whole_body(&self, rows: &Rows) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(128);
        self.serializer.represent(rows, 0, &self.whole, None, &mut out)?;
        Ok(out)
    }

    /// What a write inside a hook returned, as JSON.
    pub(super) fn saved_body(&self, rows: &Rows, prepared: &Prepared, changes: &Changes) -> Result<Vec<u8>> {
        self.body(rows, prepared, changes)
    }
}
