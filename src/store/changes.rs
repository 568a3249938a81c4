//! The write set of one request: which columns, with which values.

use crate::value::DbValue;

/// A set of columns, by position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColumnSet(u128);

impl ColumnSet {
    /// The most columns that a model can have.
    pub const MAX: usize = 128;

    /// Adds a column.
    pub fn insert(&mut self, column: usize) {
        self.0 |= 1 << column;
    }

    /// Takes a column out.
    pub fn remove(&mut self, column: usize) {
        self.0 &= !(1 << column);
    }

    /// Whether a column is in it.
    pub fn contains(self, column: usize) -> bool {
        self.0 >> column & 1 == 1
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The columns in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX).take_while(move |n| self.0 >> n != 0).filter(move |n| self.contains(*n))
    }
}

/// What a request writes: exactly the fields of its body, and what hooks set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    values: Vec<Option<DbValue>>,
    columns: ColumnSet,
}

impl Changes {
    /// No changes to a model of so many columns.
    pub fn new(columns: usize) -> Self {
        Changes { values: vec![None; columns], columns: ColumnSet::default() }
    }

    /// Sets a column; a column that the model does not have is ignored.
    ///
    /// JSON is kept as its text, as fields keep it: the answer to the write is made of it.
    pub fn set(&mut self, column: usize, value: DbValue) {
        let value = match value {
            DbValue::Json(json) => DbValue::String(json.map(|json| json.to_string())),
            value => value,
        };
        if let Some(place) = self.values.get_mut(column) {
            *place = Some(value);
            self.columns.insert(column);
        }
    }

    /// The new value of a column, where it is written.
    pub fn get(&self, column: usize) -> Option<&DbValue> {
        self.values.get(column).and_then(Option::as_ref)
    }

    /// Takes a column out of what is written.
    pub fn take(&mut self, column: usize) -> Option<DbValue> {
        let value = self.values.get_mut(column)?.take();
        self.columns.remove(column);
        value
    }

    /// The columns that are written.
    pub fn columns(&self) -> ColumnSet {
        self.columns
    }
}
