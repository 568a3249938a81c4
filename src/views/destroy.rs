//! Destroy: the row and what must go with it, or 409.

use super::View;
use super::hooks::Instance;
use super::resource::{Stop, Tries};
use crate::error::Result;
use crate::pause::{Pause, Point};
use crate::store::{Rows, StoreError, Transaction, Violation, ViolationKind};
use crate::value::DbValue;

impl View {
    /// DELETE.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key, 409 where other rows protect it.
    pub(crate) async fn destroy(&self, key: &DbValue, pause: &Pause) -> Result<()> {
        let mut tries = Tries::new(self.resource.replays);
        loop {
            let stop = match &self.hooks {
                Some(_) => self.destroy_in_transaction(key, pause).await,
                None => self.destroy_at_once(key, pause).await,
            };
            match stop {
                Ok(()) => return Ok(()),
                Err(Stop::Store(StoreError::Violation(v))) if v.kind == ViolationKind::ForeignKey => {
                    if !self.resource.plan.destroy().cascades(v.constraint.as_deref()) {
                        return Err(self.resource.protected());
                    }
                    // a child came between the cascade and the commit: its turn is over now
                    tries
                        .again(StoreError::Conflict("a child was added beside the cascade".into()).into(), |_| {
                            self.resource.protected()
                        })
                        .await?;
                }
                Err(stop) => tries.again(stop, |_: &Violation| self.resource.protected()).await?,
            }
        }
    }

    async fn destroy_at_once(&self, key: &DbValue, pause: &Pause) -> Result<(), Stop> {
        pause.at(Point::BeforeWrite).await;
        let unit = self.resource.plan.destroy().unit(key);
        let last = unit.statements.len().saturating_sub(1);
        let rows = self.resource.store.write(unit).await?;
        if rows.get(last).is_some_and(|r| !r.is_empty()) {
            return Ok(());
        }
        let there = rows.get(last + 1).is_some_and(|r| !r.is_empty());
        Err(if there { self.resource.protected() } else { self.resource.no_match() }.into())
    }

    async fn destroy_in_transaction(&self, key: &DbValue, pause: &Pause) -> Result<(), Stop> {
        let (tx, rows) = self.resource.begin(Some(key)).await?;
        match self.destroy_inside(&tx, &rows, key, pause).await {
            Ok(()) => Ok(tx.commit().await?),
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

    async fn destroy_inside(&self, tx: &Transaction, rows: &Rows, key: &DbValue, pause: &Pause) -> Result<(), Stop> {
        if rows.is_empty() {
            return Err(self.resource.no_match().into());
        }
        let stored = self.resource.stored(rows)?;
        pause.at(Point::BeforeWrite).await;
        if let Some(hooks) = &self.hooks {
            let mut instance = Instance::new(&self.resource, tx, key, &stored);
            let outcome = hooks.perform_destroy(&mut instance).await;
            if let Some(stop) = instance.stop.take() {
                return Err(stop.into());
            }
            outcome?;
        }
        pause.at(Point::BeforeCommit).await;
        Ok(())
    }
}
