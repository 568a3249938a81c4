//! The object that a rule judges.

use std::fmt;

use sea_orm::ColumnTrait;
use sea_orm::sea_query::ValueType;

use crate::error::{Error, Result};
use crate::model::ModelMeta;
use crate::store::Changes;
use crate::value::DbValue;

/// The object as it will be: the request's changes laid over the stored row.
///
/// A value is read as a Rust type, NULL as the `None` of an `Option`. What the database gives to a new object, its number for
/// one, is not known before it is saved, and is as NULL until then.
///
/// # Errors
///
/// A column of another entity, a type that the column is not of, and NULL for a type that does not take it are mistakes of
/// the program: 500, and a line in the log that names the column.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// fn is_short(object: &Object<'_>) -> bowline::Result<bool> {
///     let start: i64 = object.get(booking::Column::Start)?;
///     let end: Option<i64> = object.get(booking::Column::End)?; // NULL is none
///     Ok(end.is_some_and(|end| end - start < 2))
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Object<'a> {
    model: &'a ModelMeta,
    stored: Option<&'a [DbValue]>,
    changes: &'a Changes,
    /// The row once it is saved.
    saved: Option<&'a [DbValue]>,
}

impl<'a> Object<'a> {
    /// Changes over a stored row (every column in the model's order), or over nothing.
    pub(crate) fn new(model: &'a ModelMeta, stored: Option<&'a [DbValue]>, changes: &'a Changes) -> Self {
        Object { model, stored, changes, saved: None }
    }

    /// The same once it is saved: every value is that of the row.
    pub(crate) fn as_saved(self, saved: Option<&'a [DbValue]>) -> Self {
        Object { saved, ..self }
    }

    /// The value that a column will have.
    ///
    /// # Errors
    ///
    /// As for the type: another entity's column, another type, NULL that the type does not take.
    pub fn get<T: ValueType>(&self, column: impl ColumnTrait) -> Result<T> {
        let position = self.position(column)?;
        self.model.read(position, self.at(position)).map_err(Error::internal)
    }

    /// The same as SeaORM's value; none where it is not known yet.
    ///
    /// # Errors
    ///
    /// For another entity's column.
    pub fn value(&self, column: impl ColumnTrait) -> Result<Option<&'a DbValue>> {
        Ok(self.at(self.position(column)?))
    }

    /// The value that a column had before the request; a new object had none, which is as NULL.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn before<T: ValueType>(&self, column: impl ColumnTrait) -> Result<T> {
        let position = self.position(column)?;
        let stored = self.stored.and_then(|stored| stored.get(position));
        self.model.read(position, stored).map_err(Error::internal)
    }

    fn position(&self, column: impl ColumnTrait) -> Result<usize> {
        self.model.own_column(column).map_err(Error::internal)
    }

    fn at(&self, position: usize) -> Option<&'a DbValue> {
        match self.saved {
            Some(saved) => saved.get(position),
            None => self.changes.get(position).or_else(|| self.stored?.get(position)),
        }
    }

    /// Whether the object is being created.
    pub fn is_new(&self) -> bool {
        self.stored.is_none()
    }

    /// Whether the request writes a column.
    ///
    /// # Errors
    ///
    /// For another entity's column.
    pub fn is_written(&self, column: impl ColumnTrait) -> Result<bool> {
        Ok(self.changes.get(self.position(column)?).is_some())
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.model.columns.iter().enumerate().map(|(n, column)| (&column.name, self.at(n)));
        f.debug_map().entries(columns).finish()
    }
}
