//! Cells of the tables of authentication, on either database.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::error::{Error, Result};
use crate::store::{Cell, Rows};

/// A row of a result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a>(pub(super) &'a Rows, pub(super) usize);

impl<'a> Row<'a> {
    fn cell(self, column: usize) -> Result<Cell<'a>> {
        Ok(self.0.cell(self.1, column)?)
    }

    pub(super) fn text(self, column: usize) -> Result<String> {
        match self.cell(column)? {
            Cell::Text(text) => Ok(text.to_owned()),
            Cell::Null => Ok(String::new()),
            _ => Err(unexpected("text", column)),
        }
    }

    pub(super) fn int(self, column: usize) -> Result<i64> {
        match self.cell(column)? {
            Cell::Int(int) => Ok(int),
            _ => Err(unexpected("an integer", column)),
        }
    }

    pub(super) fn bool(self, column: usize) -> Result<bool> {
        match self.cell(column)? {
            Cell::Bool(bool) => Ok(bool),
            Cell::Int(int) => Ok(int != 0),
            _ => Err(unexpected("a boolean", column)),
        }
    }

    pub(super) fn time(self, column: usize) -> Result<Option<DateTime<Utc>>> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Timestamp(at) => Ok(Some(at)),
            Cell::DateTime(at) => Ok(Some(at.and_utc())),
            Cell::Text(text) => {
                let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
                at.map(|at| Some(at.and_utc())).map_err(|_| unexpected("a time", column))
            }
            _ => Err(unexpected("a time", column)),
        }
    }
}

fn unexpected(what: &str, column: usize) -> Error {
    Error::internal(format!("column {column} of a table of authentication is not {what}"))
}
