//! Conditions as SQL.

use super::super::Dialect;
use super::sql::quote;
use crate::model::{Comparison, Condition, ModelMeta};
use crate::value::{DbValue, Value, convert};

/// A condition over a model's columns as SQL, its values written into the text: they are the program's own.
///
/// `of` gives the SQL of a column by its position. A column that the model does not have makes the condition false; the
/// start has refused it before.
pub(in crate::store) fn sql(
    dialect: Dialect,
    condition: &Condition,
    model: &ModelMeta,
    of: &mut dyn FnMut(usize) -> String,
) -> String {
    match condition {
        Condition::Compare(column, how, value) => match Condition::position(model, column) {
            Some(n) => {
                let operator = match how {
                    Comparison::Eq => "=",
                    Comparison::Lt => "<",
                    Comparison::Lte => "<=",
                    Comparison::Gt => ">",
                    Comparison::Gte => ">=",
                };
                format!("{} {operator} {}", of(n), literal(dialect, value))
            }
            None => "1 = 0".into(),
        },
        Condition::IsNull(column, wanted) => match Condition::position(model, column) {
            Some(n) => format!("{} IS {}NULL", of(n), if *wanted { "" } else { "NOT " }),
            None => "1 = 0".into(),
        },
        Condition::In(column, values) => match Condition::position(model, column) {
            Some(n) if !values.is_empty() => {
                let values: Vec<String> = values.iter().map(|value| literal(dialect, value)).collect();
                format!("{} IN ({})", of(n), values.join(", "))
            }
            _ => "1 = 0".into(),
        },
        Condition::All(parts) => joined(dialect, parts, " AND ", "1 = 1", model, of),
        Condition::Any(parts) => joined(dialect, parts, " OR ", "1 = 0", model, of),
        Condition::Not(part) => format!("NOT ({})", sql(dialect, part, model, of)),
    }
}

fn joined(
    dialect: Dialect,
    parts: &[Condition],
    with: &str,
    empty: &str,
    model: &ModelMeta,
    of: &mut dyn FnMut(usize) -> String,
) -> String {
    if parts.is_empty() {
        return empty.into();
    }
    let parts: Vec<String> = parts.iter().map(|part| format!("({})", sql(dialect, part, model, of))).collect();
    parts.join(with)
}

/// A column by its name under an alias.
pub(in crate::store) fn aliased<'a>(model: &'a ModelMeta, alias: &'a str) -> impl FnMut(usize) -> String + 'a {
    move |n| match model.columns.get(n) {
        Some(column) => format!("{alias}.{}", quote(&column.column)),
        None => "NULL".into(),
    }
}

/// A value of the program's own as SQL text.
fn literal(dialect: Dialect, value: &Value) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match convert::to_db(value.clone()) {
        DbValue::Bool(Some(b)) => match (dialect, b) {
            (Dialect::Postgres, true) => "true".into(),
            (Dialect::Postgres, false) => "false".into(),
            (Dialect::Sqlite, b) => u8::from(b).to_string(),
        },
        DbValue::BigInt(Some(i)) => i.to_string(),
        DbValue::Double(Some(f)) if f.is_finite() => format!("{f:e}"),
        DbValue::String(Some(s)) => text(&s),
        DbValue::Uuid(Some(uuid)) => match dialect {
            Dialect::Postgres => text(&uuid.to_string()),
            Dialect::Sqlite => text(&uuid.simple().to_string()),
        },
        DbValue::ChronoDate(Some(date)) => text(&date.to_string()),
        DbValue::ChronoTime(Some(time)) => text(&time.to_string()),
        DbValue::ChronoDateTimeUtc(Some(at)) => match dialect {
            Dialect::Postgres => text(&at.to_rfc3339()),
            Dialect::Sqlite => text(&at.format("%Y-%m-%d %H:%M:%S%.6f").to_string()),
        },
        _ => "NULL".into(),
    }
}
