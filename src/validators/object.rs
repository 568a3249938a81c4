//! The object that a rule judges.

use std::fmt;

use sea_orm::sea_query::ValueType;
use sea_orm::{ColumnTrait, IdenStatic};

use crate::model::ModelMeta;
use crate::store::Changes;
use crate::value::{DbValue, typed};

/// The object as it will be: the request's changes laid over the stored row.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    model: &'a ModelMeta,
    stored: Option<&'a [DbValue]>,
    changes: &'a Changes,
}

impl<'a> Object<'a> {
    /// Changes over a stored row (every column in the model's order), or over nothing.
    pub(crate) fn new(model: &'a ModelMeta, stored: Option<&'a [DbValue]>, changes: &'a Changes) -> Self {
        Object { model, stored, changes }
    }

    /// The value that a column will have; none where it is NULL, not known yet (a number that the database gives), or
    /// not of the wanted type.
    pub fn get<T: ValueType>(&self, column: impl ColumnTrait) -> Option<T> {
        self.value(column).and_then(typed::get)
    }

    /// The same as SeaORM's value.
    pub fn value(&self, column: impl ColumnTrait) -> Option<&'a DbValue> {
        let position = self.model.column(IdenStatic::as_str(&column))?;
        self.changes.get(position).or_else(|| self.stored?.get(position))
    }

    /// The value that a column had before the request; none for a new object.
    pub fn before<T: ValueType>(&self, column: impl ColumnTrait) -> Option<T> {
        let position = self.model.column(IdenStatic::as_str(&column))?;
        self.stored?.get(position).and_then(typed::get)
    }

    /// Whether the object is being created.
    pub fn is_new(&self) -> bool {
        self.stored.is_none()
    }

    /// Whether the request writes a column.
    pub fn is_written(&self, column: impl ColumnTrait) -> bool {
        self.model.column(IdenStatic::as_str(&column)).is_some_and(|n| self.changes.get(n).is_some())
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self
            .model
            .columns
            .iter()
            .enumerate()
            .map(|(n, column)| (&column.name, self.changes.get(n).or_else(|| self.stored?.get(n))));
        f.debug_map().entries(columns).finish()
    }
}
