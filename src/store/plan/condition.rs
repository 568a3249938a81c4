//! Conditions as SQL.

use super::super::forms::kept;
use super::super::{Dialect, sqlite};
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
                format!("{} {operator} {}", of(n), kept(&model.columns[n].db_type, literal(dialect, value)))
            }
            None => "1 = 0".into(),
        },
        Condition::IsNull(column, wanted) => match Condition::position(model, column) {
            Some(n) => format!("{} IS {}NULL", of(n), if *wanted { "" } else { "NOT " }),
            None => "1 = 0".into(),
        },
        Condition::In(column, values) => match Condition::position(model, column) {
            Some(n) if !values.is_empty() => {
                let literal = |value| kept(&model.columns[n].db_type, literal(dialect, value));
                let values: Vec<String> = values.iter().map(literal).collect();
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

/// A value of the program's own as SQL text, in the form in which the database keeps it.
pub(super) fn literal(dialect: Dialect, value: &Value) -> String {
    let db = convert::to_db(value.clone());
    if dialect == Dialect::Sqlite {
        return sqlite::literal(&db);
    }
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match (value, db) {
        (Value::Duration(span), _) => {
            let (day, micros) = (86_400_000_000, convert::microseconds(*span));
            let (days, rest) = (micros.div_euclid(day), micros.rem_euclid(day));
            format!("'{days} days {}.{:06} seconds'::interval", rest / 1_000_000, rest % 1_000_000)
        }
        (_, DbValue::Bool(Some(b))) => b.to_string(),
        (_, DbValue::BigInt(Some(i))) => i.to_string(),
        (_, DbValue::Double(Some(f))) if f.is_finite() => format!("{f:e}"),
        (_, DbValue::String(Some(s))) => text(&s),
        (_, DbValue::Uuid(Some(uuid))) => text(&uuid.to_string()),
        (_, DbValue::ChronoDate(Some(date))) => text(&date.to_string()),
        (_, DbValue::ChronoTime(Some(time))) => text(&time.to_string()),
        (_, DbValue::ChronoDateTime(Some(at))) => text(&at.to_string()),
        (_, DbValue::ChronoDateTimeUtc(Some(at))) => text(&at.to_rfc3339()),
        (_, DbValue::Bytes(Some(bytes))) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'\\x{hex}'::bytea")
        }
        _ => "NULL".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};

    use super::*;
    use crate::store::postgres::cluster::Cluster;
    use crate::store::{Cell, Statement, StoreOptions};

    #[tokio::test]
    async fn a_literal_is_what_the_value_would_be() {
        let cluster = Cluster::shared();
        let postgres = cluster.database("", StoreOptions::default()).await;
        let at: DateTime<chrono::FixedOffset> = "2026-02-03T04:05:06+00:00".parse().unwrap();
        for (value, ty, stored) in [
            (Value::Bool(true), "boolean", "1"),
            (Value::Int(-7), "bigint", "-7"),
            (Value::Float(0.1), "double precision", "1e-1"),
            (Value::Str("it's".into()), "text", "'it''s'"),
            (Value::Decimal("12.50".parse().unwrap()), "numeric", "'12.50'"),
            (Value::DateTime(at), "timestamp with time zone", "'2026-02-03 04:05:06'"),
            (Value::NaiveDateTime(at.naive_utc()), "timestamp without time zone", "'2026-02-03 04:05:06'"),
            (Value::Date(NaiveDate::from_ymd_opt(2026, 2, 3).unwrap()), "date", "'2026-02-03'"),
            (Value::Time(NaiveTime::from_hms_micro_opt(1, 2, 3, 400).unwrap()), "time", "'01:02:03.000400'"),
            (Value::Duration(TimeDelta::microseconds(-1)), "interval", "-1"),
            (Value::Uuid(uuid::Uuid::from_u128(7)), "uuid", "'00000000000000000000000000000007'"),
            (Value::Bytes(vec![1, 255]), "bytea", "X'01FF'"),
        ] {
            assert_eq!(literal(Dialect::Sqlite, &value), stored);
            let sql = format!("SELECT {}::{ty} = $1::{ty}", literal(Dialect::Postgres, &value));
            let rows = postgres.read(Statement::once(sql.clone()).bind(vec![convert::to_db(value)])).await;
            let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_eq!(rows.cell(0, 0).unwrap(), Cell::Bool(true), "{sql}");
        }
    }
}
