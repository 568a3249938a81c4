//! One connection: how it is opened, and how it runs one statement.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context as FunctionContext, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};

use super::bind::Param;
use super::verdict::failed;
use crate::store::{Bound, PackedColumn, PackedRows, Rows, StoreError, forms};
use crate::value::pattern::Pattern;
use crate::value::python::float_repr;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;
/// The most memory for pages of the file, for each connection: negative, as SQLite counts in KiB.
const CACHE_KIB: i32 = -16_384;
/// After how many instructions of SQLite's machine a running statement is asked whether to stop.
const INSTRUCTIONS: i32 = 2_000;
/// Up to what size the write-ahead log's file is kept after a checkpoint.
const LOG_BYTES: u32 = 64 << 20;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes; it creates the file.
    Writer,
    /// One of those that only read.
    Reader,
    /// A reader that runs on an asynchronous task and so never sleeps for a lock.
    Point,
}

/// The file, and how long a connection waits for other processes.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) lock_timeout: Duration,
}

impl File {
    /// How long a connection waits for other processes: SQLite counts milliseconds in 31 bits.
    pub(super) fn patience(&self) -> Duration {
        self.lock_timeout.min(Duration::from_secs(86_400))
    }

    /// Opens a connection.
    pub(super) fn open(&self, role: Role) -> Result<Connection, StoreError> {
        self.try_open(role).map_err(|error| {
            let path = self.path.display().to_string();
            // what looks like a parameter may be a secret
            let path = path.split_once('?').map_or(path.clone(), |(path, _)| format!("{path}?***"));
            // the text of some failures has the path once more
            let error = match error {
                rusqlite::Error::SqliteFailure(code, _) => code.to_string(),
                error => error.to_string(),
            };
            StoreError::Unavailable(format!("cannot open the SQLite database {path}: {error}").into())
        })
    }

    fn try_open(&self, role: Role) -> Result<Connection, rusqlite::Error> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if role == Role::Writer {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let connection = Connection::open_with_flags(Path::new(&self.path), flags)?;
        connection.busy_timeout(self.patience())?;
        if role == Role::Writer {
            self.use_log(&connection)?;
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        // a statement that is prepared stays so: a plan by the values of its places, LIMIT's for one, is made anew for each
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.create_scalar_function(
            "regexp",
            2,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            regexp,
        )?;
        forms::teach(&connection)?;
        // Reads the schema, so that a file that is no database shows itself now.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        if role != Role::Writer {
            connection.pragma_update(None, "query_only", true)?;
        }
        // these do not sleep in SQLite: a lookup hands its wait to a thread, the writer has one of its own
        if role != Role::Reader {
            connection.busy_timeout(Duration::ZERO)?;
        }
        Ok(connection)
    }

    /// Switches the file to its write-ahead log. Two processes that do so at once make SQLite answer
    /// "busy" without waiting, hence the loop.
    fn use_log(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let deadline = Instant::now() + self.lock_timeout;
        loop {
            let mode: Result<String, _> =
                connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
            match mode {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(mode) => {
                    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
                    let message = format!("its journal stays in mode {mode:?}, WAL is needed");
                    return Err(rusqlite::Error::SqliteFailure(code, Some(message)));
                }
                Err(error)
                    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                        && Instant::now() < deadline =>
                {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// SQLite's `text REGEXP pattern`, as Django defines it: Python's `re.search`.
fn regexp(call: &FunctionContext<'_>) -> rusqlite::Result<Option<bool>> {
    let pattern = call.get_or_create_aux(0, |pattern| {
        let pattern = pattern.as_str_or_null()?.unwrap_or_default();
        Pattern::of_client(pattern).map_err(|error| Box::<dyn StdError + Send + Sync>::from(error.to_string()))
    })?;
    let matched = match call.get_raw(1) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(i) => pattern.try_match(&i.to_string()),
        ValueRef::Real(f) => pattern.try_match(&float_repr(f)),
        ValueRef::Text(text) | ValueRef::Blob(text) => pattern.try_match(&String::from_utf8_lossy(text)),
    };
    matched.map(Some).map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))
}

/// Whether rows keep what is known of their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// The caller knows its columns.
    Dropped,
    /// For rows that SeaORM reads.
    Kept,
}

/// Runs a statement to its end and copies its rows.
pub(super) fn run(connection: &Connection, bound: &Bound, names: Names) -> Result<Rows, StoreError> {
    let names = if bound.statement.named { Names::Kept } else { names };
    let sql = &bound.statement.sql;
    if bound.statement.cached {
        fetch(&mut *connection.prepare_cached(sql).map_err(failed)?, bound, names)
    } else {
        fetch(&mut connection.prepare(sql).map_err(failed)?, bound, names)
    }
}

fn fetch(statement: &mut Statement<'_>, bound: &Bound, names: Names) -> Result<Rows, StoreError> {
    let (wanted, given) = (statement.parameter_count(), bound.values.len());
    if wanted != given {
        let text = format!("a statement with {wanted} places was given {given} values");
        return Err(StoreError::Internal(text.into()));
    }
    for (n, value) in bound.values.iter().enumerate() {
        statement.raw_bind_parameter(n + 1, Param(value)).map_err(failed)?;
    }
    let mut rows = statement.raw_query();
    let mut packed: Option<PackedRows> = None;
    // The first step may prepare the statement anew, after which it may have other columns.
    while let Some(row) = rows.next().map_err(failed)? {
        let columns: &Statement<'_> = row.as_ref();
        let width = columns.column_count();
        let packed = packed.get_or_insert_with(|| describe(columns, names));
        for column in 0..width {
            packed.push(row.get_ref(column).map_err(failed)?)?;
        }
    }
    drop(rows);
    Ok(Rows::Packed(match packed {
        Some(packed) => packed,
        None => describe(statement, names),
    }))
}

fn describe(statement: &Statement<'_>, names: Names) -> PackedRows {
    let mut packed = PackedRows::new(statement.column_count());
    if names == Names::Kept {
        let declared = statement.columns();
        let columns = statement.columns_with_metadata().into_iter().zip(&declared).map(|(column, declared)| {
            let origin = column.table_name().zip(column.origin_name());
            PackedColumn {
                name: column.name().to_owned(),
                declared: declared.decl_type().map(str::to_owned),
                origin: origin.map(|(table, column)| (table.to_owned(), column.to_owned())),
            }
        });
        packed.set_columns(columns.collect());
    }
    packed
}

/// Runs a statement of the transport's own: BEGIN, COMMIT, SAVEPOINT, ….
pub(super) fn control(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.raw_execute().map(drop)
}

/// Does some work, in which a statement is stopped as soon as `stop` says so.
pub(super) fn stoppable<T>(
    connection: &Connection,
    stop: impl FnMut() -> bool + Send + 'static,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.progress_handler(INSTRUCTIONS, Some(stop)).map_err(failed)?;
    let result = work();
    connection.progress_handler(0, None::<fn() -> bool>).map_err(failed)?;
    result
}

/// Stops at a point in time.
pub(super) fn at(deadline: Instant) -> impl FnMut() -> bool + Send + 'static {
    move || Instant::now() >= deadline
}

/// Ends a transaction that is still open; `false` where even that failed and the connection is of no more use.
pub(super) fn clear(connection: &Connection) -> bool {
    if connection.is_autocommit() {
        return true;
    }
    if let Err(error) = control(connection, "ROLLBACK") {
        tracing::error!(%error, "a SQLite transaction could not be rolled back");
    }
    connection.is_autocommit()
}
