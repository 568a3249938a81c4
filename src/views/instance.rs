//! A stored object that is about to be deleted, as a hook sees it.

use std::marker::PhantomData;

use sea_orm::EntityTrait;
use sea_orm::sea_query::ValueType;

use super::resource::Resource;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::{Changes, Rows, StoreError, Transaction};
use crate::validators::Object;
use crate::value::DbValue;

/// A stored object that is about to be deleted; its row is locked.
#[derive(Debug)]
pub struct Instance<'a, E: EntityTrait> {
    inner: Deleting<'a>,
    entity: PhantomData<fn() -> E>,
}

/// The same without its entity.
#[derive(Debug)]
pub(crate) struct Deleting<'a> {
    resource: &'a Resource,
    tx: &'a Transaction,
    key: &'a DbValue,
    stored: &'a [DbValue],
    request: &'a Context,
    pub(super) stop: Option<StoreError>,
}

impl<'a> Deleting<'a> {
    pub(super) fn new(
        resource: &'a Resource,
        tx: &'a Transaction,
        key: &'a DbValue,
        stored: &'a [DbValue],
        request: &'a Context,
    ) -> Self {
        Deleting { resource, tx, key, stored, request, stop: None }
    }

    pub(super) async fn delete(&mut self) -> Result<()> {
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

impl<'a, E: EntityTrait> Instance<'a, E> {
    pub(super) fn new(inner: Deleting<'a>) -> Self {
        Instance { inner, entity: PhantomData }
    }

    pub(super) fn into_inner(self) -> Deleting<'a> {
        self.inner
    }

    /// The request.
    pub fn request(&self) -> &'a Context {
        self.inner.request
    }

    /// The open transaction; SeaORM's queries run in it.
    pub fn tx(&self) -> &'a Transaction {
        self.inner.tx
    }

    /// Has something done once the deletion is committed, as [`Save::on_commit`](super::Save::on_commit).
    pub fn on_commit<T>(&self, hook: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = Result<()>> + Send + 'static,
    {
        self.inner.tx.on_commit(hook);
    }

    /// The value of a column, NULL as the `None` of an `Option`.
    ///
    /// # Errors
    ///
    /// 500, and a line in the log that names the column: for a type that the column is not of, and for NULL that the type
    /// does not take.
    pub fn get<T: ValueType>(&self, column: E::Column) -> Result<T> {
        let Deleting { resource, stored, .. } = &self.inner;
        Object::new(resource.model(), Some(stored), &Changes::default()).get(column)
    }

    /// Deletes the row and what its relations say must go with it.
    ///
    /// # Errors
    ///
    /// When other rows protect it: pass the error on, the request is answered with 409.
    pub async fn delete(&mut self) -> Result<()> {
        self.inner.delete().await
    }
}
