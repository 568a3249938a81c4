//! A validated object that is about to be saved, as a hook sees it.

use std::marker::PhantomData;

use sea_orm::EntityTrait;
use sea_orm::sea_query::ValueType;

use super::assign::Assign;
use super::resource::{Resource, Stop};
use super::row::Written;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::serializers::blame::may_be_gone;
use crate::serializers::{Validated, Via};
use crate::store::{ColumnSet, Rows, StoreError, Transaction};
use crate::validators::Object;
use crate::value::DbValue;

/// A validated object that is about to be saved.
#[derive(Debug)]
pub struct Save<'a, E: EntityTrait> {
    inner: Saving<'a>,
    entity: PhantomData<fn() -> E>,
}

/// The same without its entity.
#[derive(Debug)]
pub(crate) struct Saving<'a> {
    resource: &'a Resource,
    tx: &'a Transaction,
    key: Option<&'a DbValue>,
    stored: Option<&'a [DbValue]>,
    validated: Validated,
    request: &'a Context,
    /// Whether a new row gets its guard; without it the constraints speak.
    guarded: bool,
    /// The columns that the hook gave a value.
    given: ColumnSet,
    /// What the hook did that cannot be right.
    mistake: Option<String>,
    saved: Option<Written>,
    /// The row as it is stored, once it is.
    fresh: Option<Vec<DbValue>>,
    stop: Option<Stop>,
}

impl<'a> Saving<'a> {
    pub(super) fn new(
        resource: &'a Resource,
        tx: &'a Transaction,
        key: Option<&'a DbValue>,
        stored: Option<&'a [DbValue]>,
        validated: Validated,
        request: &'a Context,
        guarded: bool,
    ) -> Self {
        Saving {
            resource,
            tx,
            key,
            stored,
            validated,
            request,
            guarded,
            given: ColumnSet::default(),
            mistake: None,
            saved: None,
            fresh: None,
            stop: None,
        }
    }

    pub(super) fn is_new(&self) -> bool {
        self.key.is_none()
    }

    fn object(&self) -> Object<'_> {
        Object::new(self.resource.model(), self.stored, &self.validated.changes).as_saved(self.fresh.as_deref())
    }

    fn set(&mut self, column: usize, value: DbValue) {
        let model = self.resource.model();
        let mistake = match model.refuses(column, &value) {
            None if self.saved.is_some() => {
                let name = model.columns.get(column).map(|c| c.column.as_str()).unwrap_or_default();
                Some(format!("a hook set {}.{name} after it had saved the object.", model.name))
            }
            mistake => mistake,
        };
        self.mistake = self.mistake.take().or(mistake);
        self.validated.changes.set(column, value);
        self.given.insert(column);
    }

    async fn save(&mut self) -> Result<()> {
        if self.saved.is_some() {
            self.mistake.get_or_insert_with(|| format!("a hook saved one {} twice.", self.resource.model().name));
        }
        if let Some(mistake) = &self.mistake {
            return Err(Error::internal(mistake.clone()));
        }
        let outcome = match self.write().await {
            Ok(written) => self.read_back(&written).await.map(|fresh| (written, fresh)),
            Err(stop) => Err(stop),
        };
        match outcome {
            Ok((written, fresh)) => {
                self.saved = Some(written);
                self.fresh = Some(fresh);
                Ok(())
            }
            Err(stop) => {
                self.stop = Some(self.blamed(stop));
                Err(Error::internal("the database stopped the save"))
            }
        }
    }

    async fn write(&self) -> Result<Written, Stop> {
        if !self.guarded || self.waits_for_commit() {
            // a constraint stopped an earlier try, or may speak at the commit only: it may be one that the hook's own columns
            // break
            let (changes, via) = (&self.validated.changes, Via::Transaction(self.tx));
            let answers = match self.key {
                Some(key) => self.resource.examine_stored(key, changes, via).await?.unwrap_or_default(),
                None => self.resource.examine_new(changes, via).await?,
            };
            if answers.iter().any(|(_, fine)| !fine) {
                return Err(Stop::Refused(answers));
            }
        }
        let target = self.resource.target();
        target.write_row(self.tx, self.key, self.stored, &self.validated, self.guarded).await
    }

    /// Whether the hook changed a key whose constraint is checked at the end of the transaction.
    fn waits_for_commit(&self) -> bool {
        let relations = &self.resource.model().relations;
        let given = |n: &usize| self.given.contains(*n);
        self.key.is_some() && relations.iter().any(|r| r.deferred && r.columns.iter().any(given))
    }

    /// The whole row as the database has it now: with its key, and with what defaults and triggers made of it.
    async fn read_back(&self, written: &Written) -> Result<Vec<DbValue>, Stop> {
        let rows = self.tx.query(self.resource.plan.written(&written.pk)).await?;
        if rows.is_empty() {
            return Err(Error::internal("a row that was just written is not there").into());
        }
        Ok(self.resource.stored(&rows)?)
    }

    /// A stop, with those that the hook is to blame for told apart.
    fn blamed(&self, stop: Stop) -> Stop {
        let serializer = &self.resource.serializer;
        match stop {
            Stop::Refused(mut answers) => match serializer.take_given(&mut answers, self.given) {
                Some(mistake) => Stop::Mistake(mistake, true),
                None => Stop::Refused(answers),
            },
            Stop::Store(StoreError::Violation(violation)) => match serializer.mistake(&violation, self.given) {
                Some(mistake) => Stop::Mistake(mistake, may_be_gone(&violation)),
                None => Stop::Store(StoreError::Violation(violation)),
            },
            stop => stop,
        }
    }

    /// The answer after a hook: what was saved, or why nothing was.
    pub(super) async fn finish(self, outcome: Result<()>, whole: &Rows) -> Result<Vec<u8>, Stop> {
        if let Some(mistake) = self.mistake {
            return Err(Error::internal(mistake).into());
        }
        if let Some(stop) = self.stop {
            return Err(stop);
        }
        outcome?;
        match self.saved {
            Some(written) => {
                self.resource.answer(&written, &self.validated.changes, whole, self.tx, self.request).await
            }
            None => Err(Error::internal("a perform_* hook returned without calling save()").into()),
        }
    }
}

impl<'a, E: EntityTrait> Save<'a, E> {
    pub(super) fn new(inner: Saving<'a>) -> Self {
        Save { inner, entity: PhantomData }
    }

    pub(super) fn into_inner(self) -> Saving<'a> {
        self.inner
    }

    /// The open transaction; SeaORM's queries run in it.
    pub fn tx(&self) -> &'a Transaction {
        self.inner.tx
    }

    /// Has something done once the write is committed, after the answer is certain and before it is sent; never after a
    /// rollback, and once, however often the write is tried. See [`Transaction::on_commit`].
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// # async fn send_mail(_: i64) -> bowline::Result<()> { Ok(()) }
    /// struct Confirmed;
    ///
    /// #[bowline::async_trait]
    /// impl ViewSetHooks<booking::Entity> for Confirmed {
    ///     async fn perform_create(&self, save: &mut Save<'_, booking::Entity>) -> bowline::Result<()> {
    ///         save.save().await?;
    ///         let id: i64 = save.get(booking::Column::Id)?;
    ///         save.on_commit(async move || send_mail(id).await);
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn on_commit<T>(&self, hook: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = Result<()>> + Send + 'static,
    {
        self.inner.tx.on_commit(hook);
    }

    /// The request.
    pub fn request(&self) -> &'a Context {
        self.inner.request
    }

    /// The object as it will be, or once it is saved, as it is.
    pub fn object(&self) -> Object<'_> {
        self.inner.object()
    }

    /// The value that a column will have, NULL as the `None` of an `Option`; see [`Object::get`].
    ///
    /// After [`save`](Self::save) it is the value that the row has, key, defaults of the database and work of its triggers
    /// included.
    ///
    /// # Errors
    ///
    /// 500, and a line in the log that names the column: for a type that the column is not of, for NULL that the type does
    /// not take, and before `save` for what the database gives.
    pub fn get<T: ValueType>(&self, column: E::Column) -> Result<T> {
        self.inner.object().get(column)
    }

    /// Writes a further column, or another value than the body's (DRF's `save(owner=…)`).
    ///
    /// The column is one of the entity's own: `booking::COLUMN.note`, whose type the compiler checks, or
    /// `booking::Column::Note`.
    ///
    /// # Errors
    ///
    /// What the column cannot hold (text for a number, a number out of its range, too long a text, NULL for NOT NULL) is a
    /// mistake of the program: [`save`](Self::save) fails, the request is answered with 500 and the log names the column.
    /// So is a column that is set after the object was saved.
    ///
    /// ```compile_fail
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// # fn set(save: &mut Save<'_, booking::Entity>) {
    /// save.set(booking::COLUMN.start, "nine"); // a number
    /// # }
    /// ```
    pub fn set<V: Into<DbValue>, How>(&mut self, column: impl Assign<E, V, How>, value: V) -> &mut Self {
        match self.inner.resource.model().own_column(column.column()) {
            Ok(column) => self.inner.set(column, value.into()),
            Err(mistake) => drop(self.inner.mistake.get_or_insert(mistake)),
        }
        self
    }

    /// Writes the object, and what hangs on it.
    ///
    /// # Errors
    ///
    /// When a constraint stops it: pass the error on, the request is judged again and answered with DRF's 400, or with 500
    /// where only the hook can have broken it. When it was saved already.
    pub async fn save(&mut self) -> Result<()> {
        self.inner.save().await
    }
}
