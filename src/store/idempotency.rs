//! The table of idempotency keys: the answers to requests that a client may send again.
//!
//! An answer is inserted by the transaction whose effect it tells of, so that both are there or neither is. While that
//! transaction is open its key is taken: on PostgreSQL by an advisory lock that ends with it, on SQLite because one
//! transaction writes at a time. Whatever slips through meets the table's primary key.

use sea_orm::sea_query::{ColumnDef, Table, TableCreateStatement};

use super::{Bound, Cell, Database, Dialect, Missing, Rows, Statement, StoreError, Transaction, catalogue};
use crate::value::DbValue;

const TABLE: &str = "bowline_idempotency_key";

/// By what those that have ended are found.
const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS bowline_idempotency_key_expires_at ON bowline_idempotency_key (expires_at)";

const FIND: &str = "SELECT fingerprint, status, form, head, body FROM bowline_idempotency_key \
                    WHERE digest = $1 AND expires_at > $2";

/// One that has ended makes room for another.
const KEEP: &str = "INSERT INTO bowline_idempotency_key (digest, fingerprint, status, form, head, body, expires_at) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO UPDATE SET \
                    fingerprint = excluded.fingerprint, status = excluded.status, form = excluded.form, \
                    head = excluded.head, body = excluded.body, expires_at = excluded.expires_at \
                    WHERE bowline_idempotency_key.expires_at <= $8 RETURNING digest";

/// On PostgreSQL the key is taken, too, until the transaction ends.
const CLAIM: [&str; 2] = [
    "SELECT pg_try_advisory_xact_lock($1) AND NOT EXISTS \
     (SELECT 1 FROM bowline_idempotency_key WHERE digest = $2 AND expires_at > $3)",
    "SELECT NOT EXISTS (SELECT 1 FROM bowline_idempotency_key WHERE digest = $1 AND expires_at > $2)",
];

/// A few at a time; on PostgreSQL those that nobody else is about to delete.
const DELETE: [&str; 2] = [
    "DELETE FROM bowline_idempotency_key WHERE digest = ANY (ARRAY(SELECT digest FROM bowline_idempotency_key \
     WHERE expires_at <= $1 ORDER BY expires_at LIMIT 64 FOR UPDATE SKIP LOCKED))",
    "DELETE FROM bowline_idempotency_key WHERE digest IN (SELECT digest FROM bowline_idempotency_key \
     WHERE expires_at <= $1 ORDER BY expires_at LIMIT 64)",
];

/// What the table knows of a key: a digest of it, of its view and of its user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyId(pub(crate) [u8; 32]);

impl KeyId {
    fn text(self) -> DbValue {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        DbValue::String(Some(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()))
    }

    /// The number of its lock: two keys share one by a chance of one in 2⁶⁴, and then one waits for the other.
    fn number(self) -> DbValue {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        DbValue::BigInt(Some(i64::from_be_bytes([a, b, c, d, e, f, g, h])))
    }
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What the request was, which another one with the same key is not.
    pub(crate) fingerprint: String,
    pub(crate) status: u16,
    /// What the body is, as who keeps it numbers it.
    pub(crate) form: u8,
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// Makes the table where it is absent; where that is refused, the table that is missing.
///
/// # Errors
///
/// Where the database fails.
pub(crate) async fn make_table(database: &Database) -> Result<Option<Missing>, StoreError> {
    // who may not make tables may be given one
    if !catalogue::read(database.store(), &[(None, TABLE.to_owned())]).await?.is_empty() {
        return Ok(None);
    }
    let statements = || vec![database.built(&table()), Statement::once(INDEX).bind(Vec::new())];
    if database.apply_all(statements()).await.is_ok() {
        return Ok(None);
    }
    // another process may have made them in between
    match database.apply_all(statements()).await {
        Ok(_) => Ok(None),
        Err(error @ (StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))) => Err(error),
        Err(error) => {
            let sql: Vec<String> = statements().iter().map(|bound| bound.statement.sql.to_string()).collect();
            Ok(Some(Missing { name: TABLE, refused: Some((sql.join("; "), error.to_string())) }))
        }
    }
}

fn table() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(TABLE).if_not_exists();
    table.col(ColumnDef::new("digest").text().not_null().primary_key());
    table.col(ColumnDef::new("fingerprint").text().not_null());
    table.col(ColumnDef::new("status").big_integer().not_null());
    table.col(ColumnDef::new("form").big_integer().not_null());
    table.col(ColumnDef::new("head").blob().not_null());
    table.col(ColumnDef::new("body").blob().not_null());
    // milliseconds since 1970
    table.col(ColumnDef::new("expires_at").big_integer().not_null());
    table
}

/// The answer that is kept for a key, at a time in milliseconds since 1970.
///
/// # Errors
///
/// As [`Database::read`].
pub(crate) async fn find(database: &Database, id: KeyId, now: i64) -> Result<Option<Kept>, StoreError> {
    let rows = database.read(bound(database.dialect(), FIND, vec![id.text(), now.into()])).await?;
    if rows.is_empty() { Ok(None) } else { read(&rows).map(Some) }
}

/// The first statement of a transaction that is to keep an answer: one row, true where the key is free to be taken.
///
/// On PostgreSQL it takes the key until the transaction ends. It sees the answers that were kept before it asked for that; one
/// that came between, [`keep`] meets.
pub(crate) fn claim(dialect: Dialect, id: KeyId, now: i64) -> Bound {
    match dialect {
        Dialect::Postgres => bound(dialect, CLAIM[0], vec![id.number(), id.text(), now.into()]),
        Dialect::Sqlite => bound(dialect, CLAIM[1], vec![id.text(), now.into()]),
    }
}

/// Whether a claim found its key free.
///
/// # Errors
///
/// Where the rows are not a claim's.
pub(crate) fn is_free(rows: &Rows) -> Result<bool, StoreError> {
    Ok(matches!(rows.cell(0, 0)?, Cell::Bool(true) | Cell::Int(1)))
}

/// Keeps an answer until a time, and commits, in one round trip; `false` where another one is kept for the key, and nothing was
/// committed.
///
/// # Errors
///
/// As [`Transaction::commit_with`].
pub(crate) async fn keep(
    tx: Transaction,
    id: KeyId,
    kept: Kept,
    now: i64,
    expires_at: i64,
) -> Result<bool, StoreError> {
    let values = vec![
        id.text(),
        kept.fingerprint.into(),
        i64::from(kept.status).into(),
        i64::from(kept.form).into(),
        kept.head.into(),
        kept.body.into(),
        expires_at.into(),
        now.into(),
    ];
    match tx.dialect() {
        Dialect::Postgres => {
            // a key that is taken fails by the division, and the transaction with it
            let keep = format!("WITH kept AS ({KEEP}) SELECT 1 / (SELECT count(*) FROM kept)");
            match tx.commit_with(Some(bound(Dialect::Postgres, &keep, values))).await {
                Ok(_) => Ok(true),
                Err(StoreError::Data(_)) => Ok(false),
                Err(error) => Err(error),
            }
        }
        // the claim found the key free, and nobody else writes before the commit
        Dialect::Sqlite => {
            let rows = tx.commit_with(Some(bound(Dialect::Sqlite, KEEP, values))).await?;
            if rows.is_empty() {
                return Err(StoreError::Internal("an answer was kept for a key that had been free".into()));
            }
            Ok(true)
        }
    }
}

/// Deletes a few of the answers that have ended.
///
/// # Errors
///
/// As [`Database::write`].
pub(crate) async fn delete_expired(database: &Database, now: i64) -> Result<(), StoreError> {
    let [postgres, sqlite] = DELETE;
    let sql = match database.dialect() {
        Dialect::Postgres => postgres,
        Dialect::Sqlite => sqlite,
    };
    database.write(bound(database.dialect(), sql, vec![now.into()])).await.map(drop)
}

fn bound(dialect: Dialect, sql: &str, values: Vec<DbValue>) -> Bound {
    let statement = match dialect {
        Dialect::Postgres => Statement::new(sql),
        Dialect::Sqlite => Statement::new(sql.replace('$', "?")),
    };
    statement.bind(values)
}

fn read(rows: &Rows) -> Result<Kept, StoreError> {
    let odd = || StoreError::Internal("a kept answer is none".into());
    let text = |n| match rows.cell(0, n)? {
        Cell::Text(text) => Ok(text.to_owned()),
        _ => Err(odd()),
    };
    let int = |n| match rows.cell(0, n)? {
        Cell::Int(int) => Ok(int),
        _ => Err(odd()),
    };
    let bytes = |n| match rows.cell(0, n)? {
        Cell::Bytes(bytes) => Ok(bytes.to_vec()),
        _ => Err(odd()),
    };
    Ok(Kept {
        fingerprint: text(0)?,
        status: u16::try_from(int(1)?).map_err(|_| odd())?,
        form: u8::try_from(int(2)?).map_err(|_| odd())?,
        head: bytes(3)?,
        body: bytes(4)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::store::{Store, StoreOptions};

    fn kept(fingerprint: &str) -> Kept {
        Kept { fingerprint: fingerprint.into(), status: 201, form: 0, head: b"a: b\n".to_vec(), body: vec![0, 255] }
    }

    #[tokio::test]
    async fn an_answer_is_kept_once_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite3");
        let store = Store::connect(path.to_str().unwrap(), StoreOptions::default()).await.unwrap();
        let database = Database::new(store, Arc::default(), 0);
        make_table(&database).await.unwrap();
        make_table(&database).await.unwrap();
        let id = KeyId([7; 32]);
        for (fingerprint, now, is_kept) in [("first", 0, true), ("second", 9, false), ("third", 10, true)] {
            let tx = database.begin().await.unwrap();
            let free = is_free(&tx.query(claim(database.dialect(), id, now)).await.unwrap()).unwrap();
            assert_eq!(free, is_kept, "{fingerprint}");
            if free {
                assert!(keep(tx, id, kept(fingerprint), now, now + 10).await.unwrap());
            }
            let free = database.read(claim(database.dialect(), id, now)).await.unwrap();
            assert!(!is_free(&free).unwrap());
        }
        assert_eq!(find(&database, id, 10).await.unwrap(), Some(kept("third")));
        assert_eq!(find(&database, id, 20).await.unwrap(), None);
        delete_expired(&database, 19).await.unwrap();
        assert!(find(&database, id, 10).await.unwrap().is_some());
        delete_expired(&database, 20).await.unwrap();
        assert!(find(&database, id, 10).await.unwrap().is_none());
    }
}
