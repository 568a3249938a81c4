//! A row of a body, which is written before its turn or lets go of a value for a while.

use std::sync::Arc;

use super::spare;
use crate::serializers::Early;
use crate::store::plan::Aside;
use crate::store::{Cell, Changes, Dialect, Rows, StoreError, Transaction};
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
    /// The row, where it was taken out of its table.
    pub(super) out: Option<Out>,
}

/// A row that was taken out of its table.
#[derive(Debug)]
pub(super) struct Out {
    aside: Aside,
    row: String,
}

/// What a whole exchange has set in motion.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Ends that foreign keys of SQLite's wait for the commit.
    pub(super) dangling: Option<&'static str>,
    /// Whether a row that was taken out could not be put back, or one that cannot be written has what others wait for.
    pub(super) lost: bool,
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

    /// The row as it was before an exchange that was undone.
    pub(super) fn reset(&mut self) {
        self.borrowed.clear();
        (self.early, self.out) = (None, None);
    }

    /// Has the row let go of its values of a set; `false` where it cannot.
    ///
    /// A row that has its turn later may be taken out of its table.
    pub(super) async fn park(
        &mut self,
        tx: &Transaction,
        set: usize,
        has_turn: bool,
        course: &mut Course,
    ) -> Result<bool, Stop> {
        let plan = self.target.plan;
        let Some(unique) = plan.unique_sets().get(set) else { return Ok(true) };
        if unique.deferrable && tx.dialect() == Dialect::Postgres {
            return Ok(true);
        }
        self.remember(tx).await?;
        let Some(key) = self.key.clone() else { return Ok(false) };
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
                        course.dangling = plan.dangling(column, false);
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
                    self.borrow(column);
                    return Ok(true);
                }
            }
        }
        match tx.dialect() {
            Dialect::Sqlite => self.park_unchecked(tx, &key, set).await,
            Dialect::Postgres => Ok(has_turn && self.take_out(tx, &key).await?),
        }
    }

    fn borrow(&mut self, column: usize) {
        if !self.changes.columns().contains(column) && !self.borrowed.contains(&column) {
            self.borrowed.push(column);
        }
    }

    /// Gives the row a value that its column's CHECKs would refuse, which nobody sees.
    async fn park_unchecked(&mut self, tx: &Transaction, key: &DbValue, set: usize) -> Result<bool, Stop> {
        for column in self.columns_of(set).into_iter().filter(|column| !self.is_key(*column)).collect::<Vec<_>>() {
            for value in spare::loose()? {
                let parked = tx.attempt_unchecked(self.target.plan.park(key, column, value)).await;
                if recovered(parked)?.is_some() {
                    self.borrow(column);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Takes the row out of its table, where nobody can tell.
    async fn take_out(&mut self, tx: &Transaction, key: &DbValue) -> Result<bool, Stop> {
        let plan = self.target.plan;
        let Some(aside) = Aside::read(&tx.query(plan.asks_aside()).await?) else { return Ok(false) };
        let rows = match tx.attempt(plan.take_out(&aside, key)).await {
            Ok(rows) if !rows.is_empty() => rows,
            Ok(_) => return Ok(false),
            Err(error @ (StoreError::Conflict(_) | StoreError::Unavailable(_))) => return Err(error.into()),
            // another role's table, say
            Err(_) => return Ok(false),
        };
        if let Cell::Text(row) = rows.cell(0, 0)? {
            self.out = Some(Out { aside, row: row.to_owned() });
        }
        Ok(self.out.is_some())
    }

    /// Writes the row before its turn; where it cannot be, for a reason of its own, others get its values all the same.
    pub(super) async fn write(&mut self, tx: &Transaction, course: &mut Course) -> Result<(), Stop> {
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
        let out = self.out.take();
        let prepared = match &out {
            Some(Out { aside, row }) => Arc::new(self.target.plan.put_back(aside, row, all.columns())),
            None => self.target.plan.update(all.columns()),
        };
        let written = recovered(tx.attempt(prepared.bind(Some(&key), &all)).await)?;
        let written = written.filter(|rows| !rows.is_empty());
        if written.is_none() && out.is_some() {
            course.lost = true;
            return Ok(());
        }
        if written.is_none() {
            for set in self.awaited.clone() {
                let parked = self.park(tx, set, false, course).await?;
                course.lost |= !parked && tx.dialect() == Dialect::Postgres;
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
