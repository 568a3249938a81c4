//! A whole row of a model, for display, properties and method fields.

use std::fmt;

use sea_orm::sea_query::ValueType;

use super::ModelMeta;
use crate::value::{Value, convert};

/// The values of every column of one row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    model: &'a ModelMeta,
    values: &'a [Value],
}

impl<'a> Row<'a> {
    pub(crate) fn new(model: &'a ModelMeta, values: &'a [Value]) -> Self {
        Row { model, values }
    }

    /// The value of a field or a column by its name; null where there is no such column.
    pub fn value(&self, name: &str) -> &'a Value {
        static NULL: Value = Value::Null;
        let position = self.model.named(name).or_else(|| self.model.column(name));
        position.and_then(|n| self.values.get(n)).unwrap_or(&NULL)
    }

    /// The value as a Rust type; none where it is NULL or of another type.
    pub fn get<T: ValueType>(&self, name: &str) -> Option<T> {
        convert::get(self.value(name))
    }

    /// The value as Python's `str()` prints it.
    pub fn text(&self, name: &str) -> String {
        self.value(name).to_python_str().into_owned()
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.model.columns.iter().map(|c| &c.name).zip(self.values)).finish()
    }
}
