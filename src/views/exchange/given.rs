//! What the objects of a list give up, for a list that is wrong in another way and is not written at all.

use std::collections::HashMap;

use super::{set_of, text};
use crate::serializers::{Validated, Via};
use crate::store::{Changes, ColumnSet, StoreError};
use crate::value::DbValue;
use crate::views::row::{Target, key_of};

/// The rows of a list that get other values, with the columns that they get.
#[derive(Debug)]
pub(crate) struct Given(HashMap<String, ColumnSet>);

impl Given {
    /// Of a list whose objects name their rows by the primary key.
    pub(crate) fn new(keys: &[DbValue], objects: &[Validated]) -> Self {
        Given(keys.iter().zip(objects).map(|(key, object)| (text(key), object.changes.columns())).collect())
    }

    /// The probes that find only values that the rows which have them give up.
    ///
    /// # Errors
    ///
    /// As the statement.
    pub(crate) async fn up(
        &self,
        target: Target<'_>,
        key: Option<&DbValue>,
        changes: &Changes,
        via: Via<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        let Some(question) = target.plan.holders(changes.columns(), key.is_some()) else { return Ok(Vec::new()) };
        let rows = via.read(question.bind(key, changes)).await?;
        let mut sets: HashMap<usize, bool> = HashMap::new();
        for row in 0..rows.len() {
            let (Some(set), Some(holder)) = (set_of(rows.cell(row, 0)?), key_of(rows.cell(row, 1)?)) else { continue };
            let Some(unique) = target.plan.unique_sets().get(set) else { continue };
            let columns = self.0.get(&text(&holder));
            let gives = columns.is_some_and(|columns| unique.reads.iter().any(|column| columns.contains(*column)));
            *sets.entry(set).or_insert(true) &= gives;
        }
        let free =
            sets.into_iter().filter(|(_, gives)| *gives).filter_map(|(set, _)| target.plan.unique_sets().get(set));
        Ok(free.flat_map(|set| set.probes.iter().copied()).collect())
    }
}
