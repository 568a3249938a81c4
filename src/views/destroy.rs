//! Destroy: the row and what must go with it, or 409.

use super::View;
use super::idempotency::is_keyed;
use super::instance::Deleting;
use super::preconditions::is_conditional;
use super::resource::{Resource, Stop, Tries};
use crate::context::Context;
use crate::error::Result;
use crate::pause::{Pause, Point};
use crate::serializers::Via;
use crate::store::{Rows, StoreError, Transaction, Violation, ViolationKind};
use crate::value::DbValue;

/// How many children that come late a deletion is tried again for.
const LATE: u32 = 16;

impl View {
    /// DELETE.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key, 409 where other rows protect it.
    pub(crate) async fn destroy(&self, resource: &Resource, key: &DbValue, cx: &Context, pause: &Pause) -> Result<()> {
        let mut tries = Tries::new(resource, Some(key), None, cx);
        let mut late = 0;
        loop {
            tries.ready().await?;
            let stop = if self.hooks.is_some() || Resource::judges(cx) || is_keyed(cx) || is_conditional(cx) {
                self.destroy_in_transaction(resource, key, cx, pause).await
            } else {
                self.destroy_at_once(resource, key, cx, pause).await
            };
            match stop {
                Ok(()) => return Ok(()),
                Err(Stop::Store(StoreError::Violation(v))) if v.kind == ViolationKind::ForeignKey => {
                    if !resource.plan.destroy().cascades(v.constraint.as_deref()) {
                        return Err(resource.protected());
                    }
                    // a child came between the cascade and the commit: its turn is over now
                    late += 1;
                    let conflict = StoreError::Conflict("a child was added beside the cascade".into());
                    if late > LATE || tries.again(conflict.into(), |_| (resource.protected(), true)).await.is_err() {
                        // it was none: the default that the children should fall to is no row, or this one
                        return Err(resource.protected());
                    }
                }
                Err(stop) => tries.again(stop, |_: &Violation| (resource.protected(), true)).await?,
            }
        }
    }

    async fn destroy_at_once(
        &self,
        resource: &Resource,
        key: &DbValue,
        cx: &Context,
        pause: &Pause,
    ) -> Result<(), Stop> {
        pause.at(Point::BeforeWrite).await;
        let unit = resource.plan.destroy().unit(key);
        let last = unit.statements.len().saturating_sub(1);
        let rows = resource.store(cx).write(unit).await?;
        if rows.get(last).is_some_and(|r| !r.is_empty()) {
            return Ok(());
        }
        let Some(verdict) = rows.get(last + 1) else {
            // nothing guards the row: if it is there all the same, it came meanwhile, or a trigger keeps it
            let there = resource.via(cx).read(resource.plan.destroy().there(key)).await?;
            return Err(if there.is_empty() { resource.no_match().into() } else { Stop::Unexplained });
        };
        Err(if verdict.is_empty() { resource.no_match() } else { resource.protected() }.into())
    }

    async fn destroy_in_transaction(
        &self,
        resource: &Resource,
        key: &DbValue,
        cx: &Context,
        pause: &Pause,
    ) -> Result<(), Stop> {
        let (tx, rows) = resource.begin(Some(key), cx).await?;
        match self.destroy_inside(resource, &tx, &rows, key, cx, pause).await {
            Ok(()) => resource.commit(tx, &[], cx).await,
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

    async fn destroy_inside(
        &self,
        resource: &Resource,
        tx: &Transaction,
        rows: &Rows,
        key: &DbValue,
        cx: &Context,
        pause: &Pause,
    ) -> Result<(), Stop> {
        if rows.is_empty() {
            return Err(resource.no_match().into());
        }
        let stored = resource.stored(rows)?;
        resource.permit(&stored, cx)?;
        resource.meet_demands(key, Via::Transaction(tx), cx).await?;
        pause.at(Point::BeforeWrite).await;
        let mut deleting = Deleting::new(resource, tx, key, &stored, cx);
        let (deleting, outcome) = match &self.hooks {
            Some(hooks) => hooks.destroy(deleting).await,
            None => {
                let outcome = deleting.delete().await;
                (deleting, outcome)
            }
        };
        if let Some(stop) = deleting.stop {
            return Err(stop.into());
        }
        outcome?;
        pause.at(Point::BeforeCommit).await;
        Ok(())
    }
}
