//! What the database's name of a type adds to the kind of an entity's column: lengths, the digits of decimals, and what
//! PostgreSQL has a type for where the entity has text or a number.

use crate::model::ColumnKind;

/// The kind with the limits that its type names, as PostgreSQL's `format_type` prints it or SQLite's table declares it.
///
/// Of two lengths the smaller one counts: what the entity allows beyond the table's the database refuses. What is a span
/// of time, an address, a UUID or JSON to PostgreSQL is read and written as one, whatever Rust type the entity gives it.
pub(super) fn limited(kind: ColumnKind, db_type: &str) -> ColumnKind {
    let (name, numbers) = parts(db_type);
    let is_text = matches!(name.as_str(), "text" | "citext");
    let is_char = matches!(name.as_str(), "character varying" | "varchar" | "character" | "char" | "nvarchar");
    let is_open = matches!(kind, ColumnKind::Char(_) | ColumnKind::Text | ColumnKind::Other);
    match name.as_str() {
        name if name.starts_with("interval") => return ColumnKind::Duration,
        "inet" | "cidr" if is_open => return ColumnKind::Inet,
        "uuid" if is_open => return ColumnKind::Uuid,
        "json" | "jsonb" if is_open => return ColumnKind::Json,
        _ => {}
    }
    match (kind, numbers.first()) {
        (ColumnKind::Char(None), _) if is_text => ColumnKind::Text,
        (ColumnKind::Char(None) | ColumnKind::Text, Some(length)) if is_char => ColumnKind::Char(Some(*length)),
        (ColumnKind::Char(Some(own)), Some(length)) if is_char => ColumnKind::Char(Some(own.min(*length))),
        (ColumnKind::Decimal(None), Some(digits)) if matches!(name.as_str(), "numeric" | "decimal") => {
            ColumnKind::Decimal(Some((*digits, numbers.get(1).copied().unwrap_or(0))))
        }
        (kind, _) => kind,
    }
}

/// The name of a type in small letters without its numbers, and the numbers.
fn parts(db_type: &str) -> (String, Vec<u32>) {
    let (name, rest) = db_type.split_once('(').unwrap_or((db_type, ""));
    let numbers = rest.split_once(')').map_or("", |(numbers, _)| numbers);
    let numbers = numbers.split(',').map_while(|number| number.trim().parse().ok()).collect();
    (name.trim().to_ascii_lowercase(), numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_both_databases() {
        use ColumnKind::{BigInteger, Char, Decimal, Duration, Inet, Integer, Json, Other, Text, Uuid};
        for (kind, db_type, expected) in [
            (Char(None), "character varying(50)", Char(Some(50))),
            (Char(None), "varchar(50)", Char(Some(50))),
            (Char(None), "VARCHAR (50)", Char(Some(50))),
            (Char(None), "character varying", Char(None)),
            (Char(None), "text", Text),
            (Text, "text", Text),
            (Text, "varchar(7)", Char(Some(7))),
            (Char(Some(10)), "varchar(50)", Char(Some(10))),
            (Char(Some(100)), "varchar(50)", Char(Some(50))),
            (Char(Some(100)), "text", Char(Some(100))),
            (Char(None), "integer", Char(None)),
            (Uuid, "char(32)", Uuid),
            (Integer, "int(11)", Integer),
            (BigInteger, "interval", Duration),
            (Duration, "interval day to second(3)", Duration),
            (Duration, "bigint", Duration),
            (Char(None), "inet", Inet),
            (Char(Some(39)), "char(39)", Char(Some(39))),
            (Text, "uuid", Uuid),
            (Other, "jsonb", Json),
            (Decimal(None), "numeric(7,2)", Decimal(Some((7, 2)))),
            (Decimal(None), "decimal(7, 2)", Decimal(Some((7, 2)))),
            (Decimal(None), "numeric(7)", Decimal(Some((7, 0)))),
            (Decimal(None), "numeric", Decimal(None)),
            (Decimal(Some((4, 2))), "decimal", Decimal(Some((4, 2)))),
            (Decimal(Some((4, 2))), "numeric(9,3)", Decimal(Some((4, 2)))),
        ] {
            assert_eq!(limited(kind, db_type), expected, "{kind:?} of {db_type}");
        }
    }
}
