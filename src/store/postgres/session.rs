//! What a session is to be like: said once when it is opened, or with each transaction where a pooler gives each one another.

use std::time::Duration;

use deadpool::managed::Manager;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{Postgres, Use};
use crate::error::Source;
use crate::store::{Isolation, Pooler, StoreError, StoreOptions};

/// What tells a user how to say that there is a pooler.
const ADVICE: &str = "if a pooler such as PgBouncer in transaction mode stands between, add `pooler=transaction` to the \
                      parameters of the database's URL";

/// What sessions are to have set: names and values as `pg_settings` shows them.
fn settings(options: &StoreOptions) -> [(&'static str, String); 5] {
    let isolation = if options.serializable { "serializable" } else { "read committed" };
    [
        ("statement_timeout", millis(options.statement_timeout).to_string()),
        ("lock_timeout", millis(options.lock_timeout).to_string()),
        ("idle_in_transaction_session_timeout", millis(options.idle_timeout).to_string()),
        ("TimeZone", "UTC".to_owned()),
        ("default_transaction_isolation", isolation.to_owned()),
    ]
}

/// PostgreSQL takes 0 for "no limit", which is not what a duration of zero asks for.
pub(super) fn millis(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// The settings as they travel in the packet that opens a session, at the cost of no round trip.
pub(super) fn startup(options: &StoreOptions) -> String {
    settings(options).map(|(name, value)| format!("-c {name}={}", value.replace(' ', "\\ "))).join(" ")
}

/// How transactions begin.
#[derive(Debug)]
pub(super) struct Begin {
    default: String,
    serializable: String,
    snapshot: String,
    /// What a long read says once it has begun, where its session does not know it.
    pub(super) limits: Option<String>,
}

impl Begin {
    pub(super) fn new(options: &StoreOptions) -> Self {
        let limits = match options.pooler {
            Pooler::None => None,
            // the last one is said by the BEGIN itself
            Pooler::Transaction => {
                let set = |(name, value): &(&str, String)| format!("SET LOCAL {name} = '{value}'");
                Some(settings(options)[..4].iter().map(set).collect::<Vec<_>>().join("; "))
            }
        };
        let begin = |isolation: Option<&str>, mode: &str| {
            let isolation = isolation.map(|level| format!(" ISOLATION LEVEL {level}")).unwrap_or_default();
            let limits = limits.as_ref().map(|limits| format!("; {limits}")).unwrap_or_default();
            format!("BEGIN{isolation}{mode}{limits}")
        };
        let common = if options.serializable { "SERIALIZABLE" } else { "READ COMMITTED" };
        let snapshot = if options.serializable { "SERIALIZABLE" } else { "REPEATABLE READ" };
        // a session knows the common one by itself
        let known = |level| if options.pooler == Pooler::None && level == common { None } else { Some(level) };
        Begin {
            default: begin(known(common), ""),
            serializable: begin(known("SERIALIZABLE"), ""),
            snapshot: begin(known(snapshot), " READ ONLY"),
            limits,
        }
    }

    /// A transaction that may write; in a store that is serializable, it is serializable whatever is asked for.
    pub(super) fn writing(&self, isolation: Isolation) -> &str {
        match isolation {
            Isolation::ReadCommitted => &self.default,
            Isolation::Serializable => &self.serializable,
        }
    }

    /// A transaction of reads that see one state.
    pub(super) fn snapshot(&self) -> &str {
        &self.snapshot
    }
}

/// Whether a statement leaves something behind that a session remembers beyond its transaction: the next one who gets the
/// session would find it, or, behind a pooler, somebody else.
///
/// It looks at how statements begin, not at what they call: a function's own `set_config` goes unseen.
pub(super) fn is_remembered(sql: &str) -> bool {
    sql.split(';').any(|statement| {
        let mut words = statement.split_whitespace();
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        let is = |word: &str, one_of: &[&str]| one_of.iter().any(|other| word.eq_ignore_ascii_case(other));
        match first.as_bytes().first().map(u8::to_ascii_uppercase) {
            Some(b'S') if is(first, &["SET"]) => !is(second, &["LOCAL", "TRANSACTION", "CONSTRAINTS"]),
            Some(b'S' | b'W') if is(first, &["SELECT", "WITH"]) => {
                statement.contains("pg_advisory_lock") || statement.contains("pg_try_advisory_lock")
            }
            Some(b'R') => is(first, &["RESET"]),
            Some(b'L') => is(first, &["LISTEN", "LOAD"]),
            Some(b'U') => is(first, &["UNLISTEN"]),
            Some(b'P') => is(first, &["PREPARE"]) && !is(second, &["TRANSACTION"]),
            Some(b'D') if is(first, &["DECLARE"]) => words.any(|word| is(word, &["HOLD"])),
            Some(b'D') => is(first, &["DEALLOCATE", "DISCARD"]),
            Some(b'C') if is(first, &["CREATE"]) => {
                let kind = if is(second, &["LOCAL", "GLOBAL"]) { words.next().unwrap_or_default() } else { second };
                is(kind, &["TEMP", "TEMPORARY"]) && !statement.to_ascii_uppercase().contains("ON COMMIT DROP")
            }
            _ => false,
        }
    })
}

/// The error of a session that was not opened, in one line.
pub(super) fn refused(reason: Source) -> StoreError {
    // PgBouncer's sentence about what it was not told to ignore
    if reason.to_string().contains("unsupported startup parameter") {
        return StoreError::Internal(format!("PostgreSQL's sessions cannot be set up ({reason}): {ADVICE}").into());
    }
    StoreError::Unavailable(reason)
}

/// Finds out whether sessions are what they are taken for: set up as it was asked, the same from one round trip to the next, and
/// nobody else's.
pub(super) async fn check(postgres: &Postgres) -> Result<(), StoreError> {
    let limit = postgres.wait().most;
    let lease = postgres.lease(Use::Short).await?;
    let other = timeout(limit, postgres.inner.pool.manager().create()).await.map_err(|_| silent())??;
    let found = timeout(limit, look(lease.client()?, &other, &postgres.inner.options)).await.map_err(|_| silent())?;
    match found {
        Ok(None) => {
            let mut lease = lease;
            lease.settle(Ok(()))
        }
        Ok(Some(what)) => {
            Err(StoreError::Internal(format!("PostgreSQL's sessions do not last ({what}): {ADVICE}").into()))
        }
        // what is none of a session's errors says that it is none
        Err(error) if error.as_db_error().is_some() => {
            let reason = super::connect::chain(&error);
            Err(StoreError::Internal(format!("PostgreSQL's sessions do not last ({reason}): {ADVICE}").into()))
        }
        Err(error) => Err(StoreError::Unavailable(Box::new(error))),
    }
}

fn silent() -> StoreError {
    StoreError::Unavailable("PostgreSQL did not answer in time".into())
}

/// What is wrong with a session; `other` is a second one.
async fn look(one: &Client, other: &Client, options: &StoreOptions) -> Result<Option<String>, tokio_postgres::Error> {
    for (name, value) in settings(options) {
        let found = first(one, &format!("SELECT setting FROM pg_settings WHERE name = '{name}'")).await?;
        if found.as_deref() != Some(&value) {
            return Ok(Some(format!("they lost the setting of {name}")));
        }
    }
    let statement = one.prepare("SELECT pg_backend_pid()").await?;
    let pid: i32 = one.query_one(&statement, &[]).await?.get(0);
    // A pooler has no use for the first session at this moment: it hands it on.
    other.batch_execute("BEGIN").await?;
    let shared = first(other, "SELECT pg_backend_pid()").await? == Some(pid.to_string());
    let moved = !shared && one.query_one(&statement, &[]).await?.get::<_, i32>(0) != pid;
    other.batch_execute("ROLLBACK").await?;
    Ok((shared || moved).then(|| "others have them in between".to_owned()))
}

async fn first(client: &Client, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pooler_is_told_with_each_transaction() {
        let session = Begin::new(&StoreOptions::default());
        assert_eq!(session.writing(Isolation::ReadCommitted), "BEGIN");
        assert_eq!(session.writing(Isolation::Serializable), "BEGIN ISOLATION LEVEL SERIALIZABLE");
        assert_eq!(session.snapshot(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");

        let pooled = StoreOptions { pooler: Pooler::Transaction, ..StoreOptions::default() };
        let limits = "SET LOCAL statement_timeout = '30000'; SET LOCAL lock_timeout = '5000'; \
                      SET LOCAL idle_in_transaction_session_timeout = '10000'; SET LOCAL TimeZone = 'UTC'";
        let begin = Begin::new(&pooled);
        let common = format!("BEGIN ISOLATION LEVEL READ COMMITTED; {limits}");
        assert_eq!(begin.writing(Isolation::ReadCommitted), common);
    }

    #[test]
    fn what_a_session_would_remember_is_seen() {
        for sql in [
            "SET search_path = app",
            "set session statement_timeout = 0",
            "SELECT 1; RESET ALL",
            "LISTEN news",
            "PREPARE q AS SELECT 1",
            "DEALLOCATE ALL",
            "DISCARD TEMP",
            "CREATE TEMP TABLE t (id int)",
            "CREATE LOCAL TEMPORARY TABLE t (id int)",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock(1)",
        ] {
            assert!(is_remembered(sql), "{sql}");
        }
        for sql in [
            "SET LOCAL lock_timeout = 1",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "SET TRANSACTION READ ONLY",
            "SELECT pg_advisory_xact_lock(1)",
            "PREPARE TRANSACTION 'x'",
            "CREATE TABLE t (id int)",
            "CREATE TEMP TABLE t (id int) ON COMMIT DROP",
            "DECLARE c CURSOR FOR SELECT 1",
            "UPDATE settings SET value = 1",
            "SAVEPOINT s",
            "",
        ] {
            assert!(!is_remembered(sql), "{sql}");
        }
    }

    #[test]
    fn a_serializable_store_is_so_for_reads_too() {
        for pooler in [Pooler::None, Pooler::Transaction] {
            let begin = Begin::new(&StoreOptions { pooler, serializable: true, ..StoreOptions::default() });
            for text in [begin.writing(Isolation::ReadCommitted), begin.snapshot()] {
                let said = text.contains("SERIALIZABLE") || pooler == Pooler::None && !text.contains("ISOLATION");
                assert!(said && !text.contains("REPEATABLE"), "{text}");
            }
        }
    }
}
