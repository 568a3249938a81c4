//! Sequences that are behind the rows of their tables.
//!
//! Rows that were loaded with their keys do not move the sequence that new keys come from: an INSERT then stumbles over a key
//! that nobody sent. A sequence is only ever moved forward here, number by number, so that whoever takes a number meanwhile
//! takes one of its own.

use super::{Bound, Cell, Dialect, Statement, Store, StoreError, Unit, Violation, ViolationKind};
use crate::value::DbValue;

/// How many numbers are skipped at most; more are the administrator's to decide about.
const MOST: i64 = 1_000_000;

/// The sequence of the column that a unique index is on.
const SEQUENCE: &str = r"
    SELECT quote_ident(n.nspname) || '.' || quote_ident(t.relname), quote_ident(a.attname), coalesce(
        pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(t.relname), a.attname),
        substring(pg_get_expr(d.adbin, d.adrelid) from 'nextval\(''(.*)''::regclass\)'))
    FROM pg_index AS i
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE i.indisunique AND i.indnkeyatts = 1 AND x.relname = $1::text AND t.relname = $2::text
    ORDER BY pg_table_is_visible(t.oid) DESC LIMIT 1";

/// What a violated unique constraint has to do with a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Nothing.
    No,
    /// Its sequence was behind, and is not any more: the write may be tried again.
    CaughtUp,
    /// Its sequence is too far behind: what is wrong, and the statement that mends it.
    TooFar(String),
}

/// Looks whether a write met a value that its column's sequence gave it, and moves the sequence on past the rows there are.
///
/// # Errors
///
/// As [`Store::write`].
pub(crate) async fn catch_up(store: &Store, violation: &Violation) -> Result<Behind, StoreError> {
    let (Some(constraint), Some(table)) = (&violation.constraint, &violation.table) else { return Ok(Behind::No) };
    if violation.kind != ViolationKind::Unique || store.dialect() == Dialect::Sqlite {
        // SQLite takes the number after the largest one
        return Ok(Behind::No);
    }
    let asked = Statement::new(SEQUENCE).bind(vec![constraint.as_str().into(), table.as_str().into()]);
    let rows = store.read(asked).await?;
    if rows.is_empty() {
        return Ok(Behind::No);
    }
    let (Cell::Text(table), Cell::Text(column), Cell::Text(sequence)) =
        (rows.cell(0, 0)?, rows.cell(0, 1)?, rows.cell(0, 2)?)
    else {
        return Ok(Behind::No);
    };
    // the next number, taken: whoever may insert may do that, where not everybody may look at a sequence
    let taken = format!("SELECT nextval('{}'::regclass)::bigint", sequence.replace('\'', "''"));
    let next = one(store, &taken, vec![]).await?;
    let largest = one(store, &format!("SELECT max({column})::bigint FROM {table}"), vec![]).await?;
    let behind = largest.saturating_sub(next);
    if behind <= 0 {
        // it has passed them by now
        return Ok(Behind::CaughtUp);
    }
    if behind > MOST {
        return Ok(Behind::TooFar(format!(
            "the sequence {sequence} is {behind} behind {table}.{column}; run SELECT setval('{sequence}', (SELECT \
             max({column}) FROM {table}));"
        )));
    }
    let skip = "SELECT max(nextval($1::text::regclass))::bigint FROM generate_series(1, $2::bigint)";
    one(store, skip, vec![sequence.into(), behind.into()]).await?;
    tracing::warn!(sequence, table, column, skipped = behind, "a sequence was behind the rows of its table");
    Ok(Behind::CaughtUp)
}

/// The one number that a statement answers.
async fn one(store: &Store, sql: &str, values: Vec<DbValue>) -> Result<i64, StoreError> {
    let bound: Bound = Statement::once(sql).bind(values);
    // `nextval` is no read
    let rows = store.write(Unit::one(bound)).await?;
    match rows.first().map(|rows| rows.cell(0, 0)).transpose()? {
        Some(Cell::Int(number)) => Ok(number),
        _ => Ok(0),
    }
}
