//! `perform_create`, `perform_update` and `perform_destroy`, inside the open transaction.

use std::fmt;

use async_trait::async_trait;
use sea_orm::sea_query::ValueType;
use sea_orm::{ColumnTrait, IdenStatic};

use super::resource::{Resource, Stop};
use super::row::Written;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::serializers::{Validated, Via};
use crate::store::{Rows, StoreError, Transaction};
use crate::validators::Object;
use crate::value::DbValue;

/// What a view set does around its writes, DRF's `perform_*` hooks.
///
/// Each runs inside the open transaction, after validation, with the row locked: what it reads and writes through
/// [`Save::tx`] is committed with the row or not at all. A conflict with another transaction replays the whole, so a
/// hook may run several times for one request: effects outside the database do not belong into it, but into
/// [`Save::on_commit`].
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// struct Numbered;
///
/// #[bowline::async_trait]
/// impl ViewSetHooks for Numbered {
///     async fn perform_create(&self, save: &mut Save<'_>) -> bowline::Result<()> {
///         let before = booking::Entity::find().count(save.tx()).await?;
///         save.set(booking::Column::Note, format!("number {}", before + 1));
///         save.save().await
///     }
/// }
/// ```
///
/// # Errors
///
/// A hook's [`ValidationError`](crate::error::ValidationError) is answered with 400 and rolls everything back; an error
/// of the database by its own kind; a panic with 500.
#[async_trait]
pub trait ViewSetHooks: Send + Sync + 'static {
    /// Saves a new object.
    async fn perform_create(&self, save: &mut Save<'_>) -> Result<()> {
        save.save().await
    }

    /// Saves the changes of an object.
    async fn perform_update(&self, save: &mut Save<'_>) -> Result<()> {
        save.save().await
    }

    /// Deletes an object.
    async fn perform_destroy(&self, instance: &mut Instance<'_>) -> Result<()> {
        instance.delete().await
    }
}

impl fmt::Debug for dyn ViewSetHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewSetHooks")
    }
}

/// A validated object that is about to be saved.
#[derive(Debug)]
pub struct Save<'a> {
    resource: &'a Resource,
    tx: &'a Transaction,
    key: Option<&'a DbValue>,
    stored: Option<&'a [DbValue]>,
    validated: Validated,
    request: &'a Context,
    /// Whether a new row gets its guard; without it the constraints speak.
    guarded: bool,
    saved: Option<Written>,
    stop: Option<Stop>,
}

impl<'a> Save<'a> {
    pub(super) fn new(
        resource: &'a Resource,
        tx: &'a Transaction,
        key: Option<&'a DbValue>,
        stored: Option<&'a [DbValue]>,
        validated: Validated,
        request: &'a Context,
        guarded: bool,
    ) -> Self {
        Save { resource, tx, key, stored, validated, request, guarded, saved: None, stop: None }
    }

    /// The open transaction; SeaORM's queries run in it.
    pub fn tx(&self) -> &'a Transaction {
        self.tx
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
    /// impl ViewSetHooks for Confirmed {
    ///     async fn perform_create(&self, save: &mut Save<'_>) -> bowline::Result<()> {
    ///         let room: Option<i64> = save.get(booking::Column::RoomId);
    ///         save.on_commit(async move || send_mail(room.unwrap_or_default()).await);
    ///         save.save().await
    ///     }
    /// }
    /// ```
    pub fn on_commit<T>(&self, hook: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = Result<()>> + Send + 'static,
    {
        self.tx.on_commit(hook);
    }

    /// The request.
    pub fn request(&self) -> &'a Context {
        self.request
    }

    /// The object as it will be.
    pub fn object(&self) -> Object<'_> {
        Object::new(self.resource.model(), self.stored, &self.validated.changes)
    }

    /// The value that a column will have; see [`Object::get`].
    pub fn get<T: ValueType>(&self, column: impl ColumnTrait) -> Option<T> {
        self.object().get(column)
    }

    /// Writes a further column, or another value than the body's (DRF's `save(owner=…)`).
    pub fn set(&mut self, column: impl ColumnTrait, value: impl Into<DbValue>) -> &mut Self {
        if let Some(position) = self.resource.model().column(IdenStatic::as_str(&column)) {
            self.validated.changes.set(position, value.into());
        }
        self
    }

    /// Writes the object, and what hangs on it.
    ///
    /// # Errors
    ///
    /// When a constraint stops it: pass the error on, the request is judged again and answered with DRF's 400.
    pub async fn save(&mut self) -> Result<()> {
        match self.write().await {
            Ok(written) => {
                self.saved = Some(written);
                Ok(())
            }
            Err(stop) => {
                self.stop = Some(stop);
                Err(Error::internal("the database stopped the save"))
            }
        }
    }

    async fn write(&self) -> Result<Written, Stop> {
        if !self.guarded {
            // a constraint stopped an earlier try: it may be one that the hook's own columns break
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

    /// The answer after a hook: what was saved, or why nothing was.
    pub(super) async fn finish(self, outcome: Result<()>, whole: &Rows) -> Result<Vec<u8>, Stop> {
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

/// A stored object that is about to be deleted; its row is locked.
#[derive(Debug)]
pub struct Instance<'a> {
    resource: &'a Resource,
    tx: &'a Transaction,
    key: &'a DbValue,
    stored: &'a [DbValue],
    request: &'a Context,
    pub(super) stop: Option<StoreError>,
}

impl<'a> Instance<'a> {
    pub(super) fn new(
        resource: &'a Resource,
        tx: &'a Transaction,
        key: &'a DbValue,
        stored: &'a [DbValue],
        request: &'a Context,
    ) -> Self {
        Instance { resource, tx, key, stored, request, stop: None }
    }

    /// The request.
    pub fn request(&self) -> &'a Context {
        self.request
    }

    /// The open transaction; SeaORM's queries run in it.
    pub fn tx(&self) -> &'a Transaction {
        self.tx
    }

    /// Has something done once the deletion is committed, as [`Save::on_commit`].
    pub fn on_commit<T>(&self, hook: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = Result<()>> + Send + 'static,
    {
        self.tx.on_commit(hook);
    }

    /// The value of a column; none where it is NULL or not of the wanted type.
    pub fn get<T: ValueType>(&self, column: impl ColumnTrait) -> Option<T> {
        let position = self.resource.model().column(IdenStatic::as_str(&column))?;
        self.stored.get(position).and_then(crate::value::typed::get)
    }

    /// Deletes the row and what its relations say must go with it.
    ///
    /// # Errors
    ///
    /// When other rows protect it: pass the error on, the request is answered with 409.
    pub async fn delete(&mut self) -> Result<()> {
        let mut last = Rows::none();
        for bound in self.resource.plan.destroy().statements(self.key) {
            match self.tx.query(bound).await {
                Ok(rows) => last = rows,
                Err(error) => {
                    self.stop = Some(error);
                    return Err(Error::internal("the database stopped the deletion"));
                }
            }
        }
        // the row is locked and there: where nothing was deleted, a guard stood before it
        if last.is_empty() { Err(self.resource.protected()) } else { Ok(()) }
    }
}
