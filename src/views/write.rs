//! Create and update: validate and write as one plan.
//!
//! A write without object rules, query rules and hooks is one statement. Everything else runs in a transaction that
//! locks the row first. Whatever the plan, a write that a constraint stopped is judged by probes, which give DRF's
//! complete error body; where they find nothing any more, it is tried again.

use super::View;
use super::hooks::Save;
use super::resource::{Resource, Stop, Tries, Via};
use crate::error::{Error, Result, ValidationError};
use crate::pause::{Pause, Point};
use crate::serializers::{Mode, Validated};
use crate::store::plan::Prepared;
use crate::store::{Changes, Dialect, Rows, StoreError, Transaction, Unit};
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

impl View {
    /// POST: the new object as JSON.
    ///
    /// # Errors
    ///
    /// 400 for whatever is wrong with the body; 503 where the retries are used up or the database is away.
    pub(crate) async fn create(&self, data: &Value, pause: &Pause) -> Result<Vec<u8>> {
        let Validated { changes, errors } = self.resource.serializer.validate(data, Mode::Create);
        if !errors.is_empty() {
            let answers = self.resource.examine_new(&changes, Via::Store).await?;
            return Err(self.resource.judged(data, &answers, errors, ValidationError::fields()).into());
        }
        self.save(None, data, &changes, pause).await
    }

    /// PUT or PATCH: the changed object as JSON.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key; otherwise as [`View::create`].
    pub(crate) async fn update(&self, key: &DbValue, data: &Value, mode: Mode, pause: &Pause) -> Result<Vec<u8>> {
        let Validated { changes, errors } = self.resource.serializer.validate(data, mode);
        if !errors.is_empty() {
            let answers = self
                .resource
                .examine_stored(key, &changes, Via::Store)
                .await?
                .ok_or_else(|| self.resource.no_match())?;
            return Err(self.resource.judged(data, &answers, errors, ValidationError::fields()).into());
        }
        self.save(Some(key), data, &changes, pause).await
    }

    async fn save(&self, key: Option<&DbValue>, data: &Value, changes: &Changes, pause: &Pause) -> Result<Vec<u8>> {
        let mut tries = Tries::new(self.resource.replays);
        loop {
            let request = Request { key, data, changes, pause, careful: tries.stopped > 0 };
            let stop = if self.needs_transaction(key.is_some()) {
                // rare beside the other two, and large: they need not carry it
                Box::pin(self.in_transaction(&request)).await
            } else if let Some(key) = key {
                self.update_at_once(key, &request).await
            } else {
                self.create_at_once(&request, tries.stopped).await
            };
            match stop {
                Ok(body) => return Ok(body),
                Err(stop) => {
                    tries.again(stop, |violation| self.resource.serializer.verdict(violation, data).into()).await?
                }
            }
        }
    }

    /// INSERT with the probes as its guard: one statement, which answers why where it wrote nothing.
    async fn create_at_once(&self, request: &Request<'_>, stopped: u32) -> Result<Vec<u8>, Stop> {
        let &Request { data, changes, pause, .. } = request;
        let rules = self.resource.serializer.object_rules(None, changes);
        if !rules.is_empty() {
            let answers = self.resource.examine_new(changes, Via::Store).await?;
            return Err(Error::from(self.resource.judged(data, &answers, ValidationError::fields(), rules)).into());
        }
        // a guard that stays silent while nothing is written means a constraint that it does not know: let it speak
        let prepared = match stopped {
            0 | 1 => self.resource.plan.insert(changes.columns()),
            _ => self.resource.plan.insert_plain(changes.columns()),
        };
        pause.at(Point::BeforeWrite).await;
        let unit =
            Unit { statements: vec![prepared.bind(None, changes)], verdict: prepared.bind_verdict(None, changes) };
        match self.resource.store.write(unit).await {
            Ok(rows) => self.inserted(&prepared, &rows, data, changes),
            Err(StoreError::Violation(violation)) => {
                pause.at(Point::BeforeVerdict).await;
                let answers = self.resource.examine_new(changes, Via::Store).await?;
                self.refuse(data, &answers)?;
                Err(StoreError::Violation(violation).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What an INSERT with its verdict answered.
    fn inserted(&self, prepared: &Prepared, rows: &[Rows], data: &Value, changes: &Changes) -> Result<Vec<u8>, Stop> {
        let none = Rows::none();
        let (first, second) = (rows.first().unwrap_or(&none), rows.get(1));
        if self.resource.is_written(prepared, first)? {
            return Ok(self.resource.body(first, prepared, changes)?);
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
    fn refuse(&self, data: &Value, answers: &[(usize, bool)]) -> Result<()> {
        let errors = self.resource.judged(data, answers, ValidationError::fields(), ValidationError::fields());
        if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
    }

    /// UPDATE of exactly the given columns: one statement.
    async fn update_at_once(&self, key: &DbValue, request: &Request<'_>) -> Result<Vec<u8>, Stop> {
        let &Request { data, changes, pause, .. } = request;
        if changes.columns().is_empty() {
            return Ok(self.resource.retrieve(key).await?);
        }
        let prepared = self.resource.plan.update(changes.columns());
        pause.at(Point::BeforeWrite).await;
        let stop = match self.resource.store.write(Unit::one(prepared.bind(Some(key), changes))).await {
            Ok(rows) => match rows.first() {
                Some(rows) if !rows.is_empty() => return Ok(self.resource.body(rows, &prepared, changes)?),
                // on PostgreSQL nothing but the key decides which row is meant
                _ if self.resource.store.dialect() == Dialect::Postgres => return Err(self.resource.no_match().into()),
                _ => Stop::Unexplained,
            },
            Err(error @ StoreError::Violation(_)) => error.into(),
            Err(error) => return Err(error.into()),
        };
        pause.at(Point::BeforeVerdict).await;
        let answers =
            self.resource.examine_stored(key, changes, Via::Store).await?.ok_or_else(|| self.resource.no_match())?;
        self.refuse(data, &answers)?;
        Err(stop)
    }

    /// The plan of several statements: the row locked, judged and written before anybody else can.
    async fn in_transaction(&self, request: &Request<'_>) -> Result<Vec<u8>, Stop> {
        let (tx, rows) = self.resource.begin(request.key).await?;
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
                if !self.resource.is_written(&prepared, &rows)? {
                    return Err(Stop::Unexplained);
                }
                Ok(self.resource.body(&rows, &prepared, request.changes)?)
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
            Some(_) if rows.is_empty() => return Err(self.resource.no_match().into()),
            Some(_) => Some(self.resource.stored(rows)?),
            None => None,
        };
        let stored = stored.as_deref();
        let examine = async || match key {
            Some(key) => {
                Ok(self.resource.examine_stored(key, changes, Via::Transaction(tx)).await?.unwrap_or_default())
            }
            None => self.resource.examine_new(changes, Via::Transaction(tx)).await,
        };
        let mut answers = None;
        if careful || self.resource.serializer.has_unenforced() {
            let found = examine().await?;
            self.refuse(data, &found)?;
            answers = Some(found);
        }
        let mut rules = self.resource.serializer.object_rules(stored, changes);
        rules.merge(self.resource.serializer.query_rules(stored, changes, tx).await?);
        if !rules.is_empty() {
            let answers = match answers {
                Some(answers) => answers,
                None => examine().await?,
            };
            return Err(Error::from(self.resource.judged(data, &answers, ValidationError::fields(), rules)).into());
        }
        pause.at(Point::BeforeWrite).await;
        if let Some(hooks) = &self.hooks {
            let mut save = Save::new(&self.resource, tx, key, stored, changes.clone());
            let outcome = match key {
                Some(_) => hooks.perform_update(&mut save).await,
                None => hooks.perform_create(&mut save).await,
            };
            let body = save.finish(outcome, rows, data)?;
            pause.at(Point::BeforeCommit).await;
            return Ok(Finish::Done(body));
        }
        match key {
            Some(_) if changes.columns().is_empty() => Ok(Finish::Done(self.resource.whole_body(rows)?)),
            Some(_) => Ok(Finish::Write(self.resource.plan.update(changes.columns()))),
            None => Ok(Finish::Write(self.resource.plan.insert_plain(changes.columns()))),
        }
    }
}
