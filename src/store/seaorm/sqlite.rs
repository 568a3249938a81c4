//! Rows of SQLite as SeaORM's driver has them.
//!
//! The cells go as parameters to a private connection in memory and come back as the rows of
//! `SELECT <columns> WHERE 0 UNION ALL VALUES (?, …), …`. A parameter keeps its storage class there, and a compound SELECT has
//! the names and the declared types of its first part, which says them by reading from empty tables:
//! `(SELECT c FROM declared_as_datetime) AS "at"`. So the rows are the same as if the driver itself had run the statement.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sea_orm::sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteQueryResult, SqliteRow};
use sea_orm::sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Error, Executor, SqliteConnection, query_with, raw_sql};
use uuid::Uuid;

use super::{Failed, KnownEntities};
use crate::store::{Cell, PackedColumn, PackedRows, StoreError, Violation, ViolationKind};

/// SQLite takes 32,766 parameters for one statement.
const PLACES: usize = 32_000;
/// How many rows the driver's thread may be ahead.
const ROWS: usize = 1000;
/// Up to how many rows a statement keeps prepared.
const PREPARED: usize = 8;
/// After so many declared types a connection is made anew.
const DECLARED: usize = 200;

/// How many rows one statement of [`COUNTING`] changes at most.
const COUNT: u64 = 1000;
/// What [`COUNTING`] changes.
const COUNTED: &str = "CREATE TABLE last(id INTEGER PRIMARY KEY); CREATE TABLE counted(id INTEGER PRIMARY KEY, v);
    WITH RECURSIVE n(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < 1000) INSERT INTO counted SELECT id, 0 FROM n";
/// Inserts a `rowid`, and changes as many rows as were changed: the driver's result has no other maker.
const COUNTING: &str = "DELETE FROM last; INSERT INTO last VALUES (?); UPDATE counted SET v = 0 WHERE id <= ?";

/// Where a foreign key points to that finds nothing.
const PARENT: &str = "CREATE TEMP TABLE IF NOT EXISTS \"a parent of nobody\"(c PRIMARY KEY)";

/// A private connection to a database in memory, in which nothing of anybody is stored.
#[derive(Debug)]
pub(super) struct Converter {
    connection: SqliteConnection,
    /// The empty tables, by the declared type of their column.
    declared: HashMap<String, usize>,
    /// Whether the tables for results are there.
    counts: bool,
}

impl Converter {
    pub(super) async fn open() -> Result<Self, Error> {
        let options = SqliteConnectOptions::new().in_memory(true).row_buffer_size(ROWS).disable_statement_logging();
        Ok(Converter { connection: options.connect().await?, declared: HashMap::new(), counts: false })
    }

    /// Whether it may be used again.
    pub(super) fn is_fresh(&self) -> bool {
        self.declared.len() < DECLARED
    }

    /// The rows with the names and the declared types of their columns.
    pub(super) async fn rows(&mut self, rows: &PackedRows, known: &KnownEntities) -> Result<Vec<SqliteRow>, Failed> {
        let width = rows.columns().len();
        if width == 0 || rows.is_empty() {
            return Ok(Vec::new());
        }
        let head = self.head(rows).await?;
        let kept: Vec<Kept> = rows.columns().iter().map(|column| Kept::of(column, known)).collect();
        let portion = (PLACES / width).max(1);
        let mut made = Vec::with_capacity(rows.len());
        let mut first = 0;
        while first < rows.len() {
            let count = portion.min(rows.len() - first);
            let mut arguments = SqliteArguments::default();
            for row in first..first + count {
                for (column, kept) in kept.iter().enumerate() {
                    bind(&mut arguments, rows.cell(row, column)?, *kept)?;
                }
            }
            let one = format!("({})", vec!["?"; width].join(","));
            let sql = format!("{head} UNION ALL VALUES {}", vec![one.as_str(); count].join(","));
            let statement = query_with(AssertSqlSafe(sql), arguments).persistent(count <= PREPARED);
            made.append(&mut statement.fetch_all(&mut self.connection).await?);
            first += count;
        }
        Ok(made)
    }

    /// The result of a statement that changed so many rows, after the last `rowid` that was inserted.
    pub(super) async fn result(&mut self, affected: u64, id: i64) -> Result<SqliteQueryResult, Failed> {
        if !self.counts {
            raw_sql(COUNTED).execute(&mut self.connection).await?;
            self.counts = true;
        }
        let mut result = SqliteQueryResult::default();
        let mut left = affected;
        loop {
            let mut arguments = SqliteArguments::default();
            arguments.add(id).map_err(StoreError::Internal)?;
            arguments.add(left.min(COUNT).cast_signed()).map_err(StoreError::Internal)?;
            let mut steps = (&mut self.connection).fetch_many(query_with(COUNTING, arguments));
            let mut last = None;
            while let Some(step) = steps.try_next().await? {
                last = step.left();
            }
            result.extend(last);
            left = left.saturating_sub(COUNT);
            if left == 0 {
                return Ok(result);
            }
        }
    }

    /// The driver's error for a violation: it violates a table of the same names.
    pub(super) async fn error(&mut self, violation: &Violation) -> Result<Error, Failed> {
        let table = quoted(violation.table.as_deref().unwrap_or("t"));
        let columns: Vec<String> = violation.columns.iter().map(|column| quoted(column)).collect();
        let (column, columns) = (columns.first().map_or("c", String::as_str), columns.join(","));
        let (declared, rows) = match violation.kind {
            ViolationKind::Unique if columns.is_empty() => ("c, UNIQUE(c)".to_owned(), "(1), (1)".to_owned()),
            ViolationKind::Unique => {
                let row = format!("({})", vec!["1"; violation.columns.len()].join(","));
                (format!("{columns}, UNIQUE({columns})"), format!("{row}, {row}"))
            }
            ViolationKind::ForeignKey => ("c REFERENCES \"a parent of nobody\"(c)".to_owned(), "(1)".to_owned()),
            ViolationKind::NotNull => (format!("{column} NOT NULL"), "(NULL)".to_owned()),
            ViolationKind::Check | ViolationKind::Exclusion | ViolationKind::Raised | ViolationKind::Deferrable => {
                let name = quoted(violation.constraint.as_deref().unwrap_or("c"));
                (format!("c, CONSTRAINT {name} CHECK (c > 1)"), "(1)".to_owned())
            }
        };
        // in a schema of its own, where names that are taken elsewhere are free
        let made = format!("{PARENT}; CREATE TEMP TABLE {table}({declared})");
        raw_sql(AssertSqlSafe(made)).execute(&mut self.connection).await?;
        let insert = format!("INSERT INTO temp.{table} VALUES {rows}");
        let met = raw_sql(AssertSqlSafe(insert)).execute(&mut self.connection).await;
        raw_sql(AssertSqlSafe(format!("DROP TABLE temp.{table}"))).execute(&mut self.connection).await?;
        match met {
            Err(error) => Ok(error),
            Ok(_) => Err(StoreError::Internal("a constraint did not hold".into()).into()),
        }
    }

    /// The part of the statement that names and types the columns, and has no rows.
    async fn head(&mut self, rows: &PackedRows) -> Result<String, Error> {
        let mut head = String::from("SELECT ");
        for (n, column) in rows.columns().iter().enumerate() {
            if n > 0 {
                head.push(',');
            }
            match &column.declared {
                Some(declared) => {
                    let table = self.table(&plain(declared)).await?;
                    head.push_str(&format!("(SELECT c FROM t{table})"));
                }
                None => head.push_str("NULL"),
            }
            head.push_str(" AS ");
            head.push_str(&quoted(&column.name));
        }
        head.push_str(" WHERE 0");
        Ok(head)
    }

    /// The empty table whose column is declared so.
    async fn table(&mut self, declared: &str) -> Result<usize, Error> {
        if let Some(table) = self.declared.get(declared) {
            return Ok(*table);
        }
        let table = self.declared.len();
        raw_sql(AssertSqlSafe(format!("CREATE TABLE t{table}(c {declared})"))).execute(&mut self.connection).await?;
        self.declared.insert(declared.to_owned(), table);
        Ok(table)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A declared type in letters that need no quotes: the driver knows types by whole words (`boolean`, `datetime`) and by parts
/// (`char`, `int`), none of which holds anything else.
fn plain(declared: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain: String = declared.chars().map(|c| if is_word(c) { c } else { '_' }).collect();
    // none of SQLite's reserved words is a type, but for a quoted name any text may stand
    if plain.starts_with(|c: char| c.is_ascii_digit()) || plain.is_empty() { format!("_{plain}") } else { plain }
}

/// How an entity's column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// As the driver keeps it.
    Plain,
    /// A UUID as text.
    Uuid,
    /// A number with a fraction, which SQLite makes an integer of where it has none; the driver reads none from those.
    Number,
}

impl Kept {
    fn of(column: &PackedColumn, known: &KnownEntities) -> Self {
        match column {
            column if known.is_uuid(column) => Kept::Uuid,
            column if known.is_number(column) => Kept::Number,
            _ => Kept::Plain,
        }
    }
}

fn bind(arguments: &mut SqliteArguments, cell: Cell<'_>, kept: Kept) -> Result<(), StoreError> {
    match cell {
        Cell::Null => arguments.add(None::<i64>),
        #[allow(clippy::cast_precision_loss, reason = "as the driver, which reads all of them as this type")]
        Cell::Int(i) if kept == Kept::Number => arguments.add(i as f64),
        Cell::Int(i) => arguments.add(i),
        Cell::Float(f) => arguments.add(f),
        Cell::Text(text) => match (kept == Kept::Uuid).then(|| Uuid::try_parse(text)) {
            Some(Ok(uuid)) => arguments.add(uuid.as_bytes().to_vec()),
            _ => arguments.add(text.to_owned()),
        },
        Cell::Bytes(bytes) => arguments.add(bytes.to_owned()),
        _ => return Err(StoreError::Internal("a cell that SQLite has not".into())),
    }
    .map_err(StoreError::Internal)
}
