//! A row of a body, which is written before its turn or lets go of a value for a while.

use std::sync::Arc;

use super::spare;
use crate::serializers::Early;
use crate::store::{Changes, Dialect, Rows, StoreError, Transaction};
use crate::value::DbValue;
use crate::views::resource::Stop;
use crate::views::row::{Target, key_of};

/// A row of the body, at whatever depth.
pub(super) struct Node<'a> {
    pub(super) target: Target<'a>,
    /// What its statements name it by; none for a new row.
    pub(super) key: Option<DbValue>,
    /// The key that it is known by; none for a new row.
    pub(super) pk: Option<DbValue>,
    pub(super) changes: Changes,
    pub(super) stored: Option<Vec<DbValue>>,
    /// Which of the roots it belongs to, and the way to it from there: fields and rows.
    pub(super) place: (usize, Vec<(usize, usize)>),
    /// The sets by which others wait for it.
    pub(super) awaited: Vec<usize>,
    /// Columns that were parked and are not among its changes.
    pub(super) borrowed: Vec<usize>,
    pub(super) early: Option<Early>,
}

impl Node<'_> {
    /// The table that it is in.
    pub(super) fn table(&self) -> (Option<String>, String) {
        let model = self.target.plan.model();
        (model.schema.clone(), model.table.clone())
    }

    /// Keeps the row as it was, for its rules.
    async fn remember(&mut self, tx: &Transaction) -> Result<(), Stop> {
        if let (None, Some(key)) = (&self.stored, &self.key) {
            self.stored = Some(self.target.stored(tx, key).await?);
        }
        Ok(())
    }

    /// The columns that may change for a set, those first that change anyway, and keys of other tables last.
    fn columns_of(&self, set: usize) -> Vec<usize> {
        let plan = self.target.plan;
        let reads = plan.unique_sets().get(set).map(|set| set.reads.clone()).unwrap_or_default();
        let reads = reads.into_iter().filter(|column| *column != plan.by() && *column != plan.key());
        let mut columns: Vec<usize> = reads.collect();
        columns.sort_by_key(|column| (self.is_key(*column), !self.changes.columns().contains(*column)));
        columns
    }

    /// Whether a column points to another row.
    fn is_key(&self, column: usize) -> bool {
        self.target.plan.model().relations.iter().any(|relation| relation.columns.contains(&column))
    }

    /// Has the row let go of its values of a set.
    pub(super) async fn park(
        &mut self,
        tx: &Transaction,
        set: usize,
        dangling: &mut Option<&'static str>,
    ) -> Result<(), Stop> {
        let plan = self.target.plan;
        let Some(unique) = plan.unique_sets().get(set) else { return Ok(()) };
        if unique.deferrable && tx.dialect() == Dialect::Postgres {
            return Ok(());
        }
        self.remember(tx).await?;
        let Some(key) = self.key.clone() else { return Ok(()) };
        for column in self.columns_of(set) {
            let Some(meta) = plan.model().columns.get(column) else { continue };
            let stored = self.stored.as_ref().and_then(|stored| stored.get(column)).cloned();
            let Some(stored) = stored else { continue };
            let mut values = spare::values(meta, &stored, unique.nulls_distinct)?;
            if self.is_key(column) {
                match plan.dangling(column, true) {
                    Some("") => {}
                    Some(statement) => {
                        tx.batch(statement).await?;
                        *dangling = plan.dangling(column, false);
                    }
                    // a key that is judged at once has to point to a row
                    None => {
                        values.retain(crate::value::is_null);
                        if let Some(unused) = plan.unused_target(column) {
                            let rows = tx.query(unused).await?;
                            values.extend(if rows.is_empty() { None } else { key_of(rows.cell(0, 0)?) });
                        }
                    }
                }
            }
            for value in values {
                if recovered(tx.attempt(plan.park(&key, column, value)).await)?.is_some() {
                    if !self.changes.columns().contains(column) && !self.borrowed.contains(&column) {
                        self.borrowed.push(column);
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Writes the row before its turn; where it cannot be, for a reason of its own, others get its values all the same.
    pub(super) async fn write(&mut self, tx: &Transaction, dangling: &mut Option<&'static str>) -> Result<(), Stop> {
        self.remember(tx).await?;
        let (Some(key), Some(stored)) = (self.key.clone(), self.stored.clone()) else { return Ok(()) };
        let mut all = self.changes.clone();
        for column in &self.borrowed {
            if let Some(value) = stored.get(*column) {
                all.set(*column, value.clone());
            }
        }
        if all.columns().is_empty() {
            return Ok(());
        }
        let prepared = self.target.plan.update(all.columns());
        let written = recovered(tx.attempt(prepared.bind(Some(&key), &all)).await)?;
        let written = written.filter(|rows| !rows.is_empty());
        if written.is_none() {
            for set in self.awaited.clone() {
                self.park(tx, set, dangling).await?;
            }
        }
        let returned = written.map(|rows| (Arc::new(rows), prepared));
        self.early = Some(Early { changes: self.changes.clone(), stored, returned });
        Ok(())
    }
}

/// Whether a statement was done that may be refused.
pub(super) fn recovered(outcome: Result<Rows, StoreError>) -> Result<Option<Rows>, Stop> {
    match outcome {
        Ok(rows) => Ok(Some(rows)),
        Err(StoreError::Violation(_) | StoreError::Data(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
