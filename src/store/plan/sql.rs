//! SQL text: names, places and types of one dialect.

use super::super::{Dialect, Statement};
use super::filter::{Places, numbered};
use super::{Filling, Place};
use crate::value::DbValue;

/// A name in quotes.
pub(in crate::store) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table with its schema.
pub(super) fn table(schema: Option<&str>, table: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(table),
    }
}

/// Names joined by commas.
pub(super) fn list(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// The type to cast a place to: PostgreSQL's name without its length, since a cast to a length cuts silently.
pub(in crate::store) fn cast(db_type: &str) -> String {
    let mut base = String::with_capacity(db_type.len());
    let mut depth = 0;
    for c in db_type.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            c if depth == 0 => base.push(c),
            _ => {}
        }
    }
    // without a length these are one character, one bit
    match base.as_str() {
        "character" => "bpchar".into(),
        "character[]" => "bpchar[]".into(),
        "bit" => "bit varying".into(),
        "bit[]" => "bit varying[]".into(),
        _ => base,
    }
}

/// Text under construction, with the places it has so far.
#[derive(Debug)]
pub(super) struct Text {
    dialect: Dialect,
    pub(super) sql: String,
    pub(super) places: Vec<Place>,
    /// The values of [`Place::Given`].
    given: Vec<DbValue>,
}

impl Text {
    pub(super) fn new(dialect: Dialect) -> Self {
        Text { dialect, sql: String::new(), places: Vec::new(), given: Vec::new() }
    }

    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// The text of a place, numbered once however often it is used; cast where PostgreSQL could not infer its type.
    pub(super) fn place(&mut self, place: Place, db_type: &str) -> String {
        let number = match self.places.iter().position(|p| *p == place) {
            Some(n) => n + 1,
            None => {
                self.places.push(place);
                self.places.len()
            }
        };
        numbered(self.dialect, number, db_type)
    }

    pub(super) fn statement(self) -> (Statement, Filling) {
        (Statement::new(self.sql), Filling { places: self.places, given: self.given })
    }
}

impl Places for Text {
    fn place(&mut self, value: DbValue, db_type: &str) -> String {
        self.given.push(value);
        self.places.push(Place::Given(self.given.len() - 1));
        numbered(self.dialect, self.places.len(), db_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_never_cuts() {
        assert_eq!(cast("character varying(50)"), "character varying");
        assert_eq!(cast("character varying(50)[]"), "character varying[]");
        assert_eq!(cast("character(32)"), "bpchar");
        assert_eq!(cast("bit(3)"), "bit varying");
        assert_eq!(cast("timestamp(3) with time zone"), "timestamp with time zone");
        assert_eq!(cast("bigint"), "bigint");
    }

    #[test]
    fn names_cannot_end_their_quotes() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(table(Some("s"), "t"), "\"s\".\"t\"");
    }
}
