//! Lists of keys as one value of a statement.

use super::Dialect;
use crate::value::DbValue;

/// SQL that holds for a column before it whose value is in the list at a place.
///
/// `db_type` is the database's name of the column's type. The list is bound by [`list`].
pub fn is_one_of(dialect: Dialect, db_type: &str, place: usize) -> String {
    match dialect {
        Dialect::Postgres => {
            let base = super::plan::sql::cast(db_type);
            let base = if base.is_empty() { "text" } else { &base };
            format!("= ANY(${place}::{base}[])")
        }
        Dialect::Sqlite => format!("IN (SELECT value FROM json_each(?{place}))"),
    }
}

/// A list of keys as one value.
pub fn list(dialect: Dialect, keys: &[DbValue]) -> DbValue {
    let mut text = String::new();
    text.push(if dialect == Dialect::Postgres { '{' } else { '[' });
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        element(dialect, key, &mut text);
    }
    text.push(if dialect == Dialect::Postgres { '}' } else { ']' });
    DbValue::String(Some(text))
}

fn element(dialect: Dialect, key: &DbValue, out: &mut String) {
    match (key, dialect) {
        (DbValue::BigInt(Some(i)), _) => out.push_str(&i.to_string()),
        (DbValue::Bool(Some(b)), Dialect::Sqlite) => out.push_str(if *b { "1" } else { "0" }),
        (DbValue::Uuid(Some(uuid)), Dialect::Sqlite) => out.push_str(&format!("\"{}\"", uuid.simple())),
        (DbValue::Uuid(Some(uuid)), Dialect::Postgres) => out.push_str(&uuid.to_string()),
        (DbValue::String(Some(text)), Dialect::Sqlite) => {
            let mut json = Vec::new();
            crate::value::write::string(text, &mut json);
            out.push_str(&String::from_utf8_lossy(&json));
        }
        (DbValue::String(Some(text)), Dialect::Postgres) => {
            out.push('"');
            out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
            out.push('"');
        }
        (other, dialect) => {
            let value = crate::value::convert::from_db(other);
            let text = if value.is_null() { None } else { Some(value.to_python_str().into_owned()) };
            match (text, dialect) {
                (Some(text), dialect) => element(dialect, &DbValue::String(Some(text)), out),
                (None, Dialect::Postgres) => out.push_str("NULL"),
                (None, Dialect::Sqlite) => out.push_str("null"),
            }
        }
    }
}

/// A table of one column `value` with the keys of the list at a place.
pub fn rows_of(dialect: Dialect, db_type: &str, place: usize) -> String {
    match dialect {
        Dialect::Postgres => {
            let base = super::plan::sql::cast(db_type);
            format!("(SELECT unnest(${place}::{base}[]) AS value)")
        }
        Dialect::Sqlite => format!("(SELECT value FROM json_each(?{place}))"),
    }
}
