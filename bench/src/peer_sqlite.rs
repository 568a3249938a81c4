//! The hand-written SQLite peer: rusqlite, readers, and one writer that commits what is waiting together.
//!
//! A lookup by key runs on the calling task, lists run on reader threads; WAL, `synchronous=FULL`. A write is
//! answered after its COMMIT.

use std::env;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row, Rows, ToSql, TransactionBehavior, ffi, params};
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Result;
use crate::wire::{self, Book, FilterQuery, Input, PageQuery, Paging, Reply, Reviews};

const RETRIEVE: &str = "SELECT id, uid, blob, collection_id FROM seed_document WHERE id = ?1";
const LIST: &str = "SELECT id, uid, blob, collection_id FROM seed_document ORDER BY id";
const PAGE: &str = "SELECT id, uid, blob, collection_id FROM seed_document ORDER BY id LIMIT ?1 OFFSET ?2";
const PAGE_AND_COUNT: &str = "SELECT id, uid, blob, collection_id, (SELECT count(*) FROM seed_document) \
     FROM seed_document ORDER BY id LIMIT ?1 OFFSET ?2";
const SEARCH: &str = "SELECT id, uid, blob, collection_id FROM seed_document WHERE uid LIKE ?1 ESCAPE '\\' ORDER BY id";
const BOOKS: &str = "SELECT b.id, b.title, b.pages, b.price, b.published, a.id, a.name, a.email \
     FROM shop_book b JOIN shop_author a ON a.id = b.author_id ORDER BY b.id";
const REVIEWS: &str = "SELECT book_id, id, stars, text, written_at FROM shop_review \
     WHERE book_id IN (SELECT value FROM json_each(?1)) ORDER BY id";
// The foreign key is deferred: a row that broke it would fail the COMMIT of everybody in the batch.
const INSERT: &str = "INSERT INTO seed_document (uid, blob, collection_id) SELECT ?1, ?2, ?3 \
     WHERE EXISTS (SELECT 1 FROM seed_collection WHERE id = ?3) \
     ON CONFLICT DO NOTHING RETURNING id, uid, blob, collection_id";
const COLLECTION: &str = "SELECT 1 FROM seed_collection WHERE id = ?1";

/// Reader threads.
const READERS: usize = 2;
/// Writes in one COMMIT.
const BATCH: usize = 256;

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Debug)]
struct App {
    paging: Paging,
    /// Connections for lookups by key, on the calling task.
    points: Mutex<Vec<Connection>>,
    file: PathBuf,
    readers: Vec<Sender<ReadJob>>,
    next_reader: AtomicUsize,
    writer: Sender<Write>,
}

#[derive(Debug)]
struct Write {
    change: Change,
    answer: oneshot::Sender<Reply>,
}

#[derive(Debug)]
enum Change {
    Create { uid: String, blob: String, collection: i64 },
    Update { id: i64, uid: Option<String>, blob: Option<String>, collection: Option<i64> },
}

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let url = env::var("DATABASE_URL")?;
    let file = PathBuf::from(url.strip_prefix("sqlite://").unwrap_or(&url));
    let connection = open(&file)?;
    let (writer, writes) = channel();
    thread::spawn(move || write_all(connection, &writes));
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let connection = open(&file)?;
        let (sender, jobs) = channel::<ReadJob>();
        thread::spawn(move || jobs.iter().for_each(|job| job(&connection)));
        readers.push(sender);
    }
    let app = App {
        paging: Paging::from_environment(),
        points: Mutex::default(),
        file,
        readers,
        next_reader: AtomicUsize::new(0),
        writer,
    };
    let router = Router::new()
        .route("/documents/", get(list).post(create))
        .route("/documents/{id}/", get(retrieve).patch(change))
        .route("/filtered/", get(filter))
        .route("/searched/", get(search))
        .route("/books/", get(books))
        .with_state(Arc::new(app));
    let listener = TcpListener::bind(env::var("BIND")?).await?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn open(file: &FilePath) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
         PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA mmap_size = 268435456;",
    )?;
    // without it, statements are prepared anew for every other LIMIT, and for every other value where there are statistics
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

async fn retrieve(State(app): State<Arc<App>>, Path(id): Path<String>) -> Reply {
    let Ok(id) = id.parse::<i64>() else {
        return Reply::not_found();
    };
    let connection = app.points().pop();
    let connection = match connection.map_or_else(|| open(&app.file), Ok) {
        Ok(connection) => connection,
        Err(error) => return Reply::failed(&error),
    };
    let reply = lookup(&connection, id).unwrap_or_else(|error| Reply::failed(&error));
    app.points().push(connection);
    reply
}

async fn list(State(app): State<Arc<App>>, Query(query): Query<PageQuery>, headers: HeaderMap) -> Result<Reply, Reply> {
    let page = query.number()?;
    let paging = app.paging;
    app.read(move |connection| read_list(connection, paging, page, &headers)).await
}

async fn filter(State(app): State<Arc<App>>, Query(query): Query<FilterQuery>) -> Result<Reply, Reply> {
    app.read(move |connection| {
        let mut statement = connection.prepare_cached(&wire::filtered(LIST, &query, '?'))?;
        let uid = query.uid();
        let mut values: Vec<&dyn ToSql> = Vec::with_capacity(2);
        values.extend(query.collection.as_ref().map(|collection| collection as &dyn ToSql));
        values.extend(uid.as_ref().map(|uid| uid as &dyn ToSql));
        let mut out = Vec::with_capacity(4096);
        array(&mut out, &mut statement.query(values.as_slice())?, i64::MAX, false)?;
        Ok(Reply::ok(out))
    })
    .await
}

async fn search(State(app): State<Arc<App>>, Query(query): Query<FilterQuery>) -> Result<Reply, Reply> {
    app.read(move |connection| {
        let mut statement = connection.prepare_cached(SEARCH)?;
        let mut out = Vec::with_capacity(4096);
        array(&mut out, &mut statement.query([query.pattern()])?, i64::MAX, false)?;
        Ok(Reply::ok(out))
    })
    .await
}

async fn books(State(app): State<Arc<App>>) -> Result<Reply, Reply> {
    app.read(read_books).await
}

async fn create(State(app): State<Arc<App>>, bytes: Bytes) -> Result<Reply, Reply> {
    let (uid, blob, collection) = Input::parse(&bytes)?.complete()?;
    let blob = blob.map_or("{}", RawValue::get).to_owned();
    app.write(Change::Create { uid, blob, collection }).await
}

async fn change(State(app): State<Arc<App>>, Path(id): Path<String>, bytes: Bytes) -> Result<Reply, Reply> {
    let Ok(id) = id.parse::<i64>() else {
        return Ok(Reply::not_found());
    };
    let input = Input::parse(&bytes)?;
    app.write(Change::Update {
        id,
        uid: input.uid,
        blob: input.blob.map(|blob| blob.get().to_owned()),
        collection: input.collection,
    })
    .await
}

impl App {
    fn points(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<Reply> + Send + 'static,
    ) -> Result<Reply, Reply> {
        let (answer, reply) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            let _ = answer.send(read(connection).unwrap_or_else(|error| Reply::failed(&error)));
        });
        let reader = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        self.readers[reader].send(job).map_err(gone)?;
        reply.await.map_err(gone)
    }

    async fn write(&self, change: Change) -> Result<Reply, Reply> {
        let (answer, reply) = oneshot::channel();
        self.writer.send(Write { change, answer }).map_err(gone)?;
        reply.await.map_err(gone)
    }
}

fn gone(error: impl std::error::Error) -> Reply {
    Reply::failed(&error)
}

fn lookup(connection: &Connection, id: i64) -> rusqlite::Result<Reply> {
    let found = connection.prepare_cached(RETRIEVE)?.query_row([id], body).optional()?;
    Ok(found.map_or_else(Reply::not_found, Reply::ok))
}

fn read_list(connection: &Connection, paging: Paging, page: i64, headers: &HeaderMap) -> rusqlite::Result<Reply> {
    let mut out = Vec::with_capacity(4096);
    let Some(size) = paging.size else {
        let mut statement = connection.prepare_cached(LIST)?;
        array(&mut out, &mut statement.query([])?, i64::MAX, false)?;
        return Ok(Reply::ok(out));
    };
    let sql = if paging.count { PAGE_AND_COUNT } else { PAGE };
    // Without a count one row more tells whether there is a next page.
    let limit = if paging.count { size } else { size + 1 };
    let offset = (page - 1).saturating_mul(size);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([limit, offset])?;
    let (seen, count) = array(&mut out, &mut rows, size, paging.count)?;
    if seen == 0 && page > 1 {
        return Ok(Reply::no_page());
    }
    let more = match paging.count {
        true => offset + size < count,
        false => seen > size,
    };
    let count = paging.count.then_some(count);
    Ok(Reply::ok(wire::envelope(headers, page, count, more, &out)))
}

/// The books, then the reviews of all of them.
fn read_books(connection: &Connection) -> rusqlite::Result<Reply> {
    // the books are written once without their reviews: where each one's reviews belong, and its key
    let mut books = Vec::with_capacity(8 * 1024);
    let mut ends: Vec<(i64, usize)> = Vec::with_capacity(32);
    let mut ids = String::from("[");
    let mut digits = itoa::Buffer::new();
    let mut statement = connection.prepare_cached(BOOKS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let price: f64 = row.get(3)?;
        let book = Book {
            id,
            title: row.get_ref(1)?.as_str()?,
            pages: row.get(2)?,
            price: &format!("{price:.2}"),
            published: row.get_ref(4)?.as_str()?,
            author: (row.get(5)?, row.get_ref(6)?.as_str()?, row.get_ref(7)?.as_str()?),
        };
        if !ends.is_empty() {
            ids.push(',');
        }
        ids.push_str(digits.format(id));
        book.write(&mut books);
        ends.push((id, books.len()));
    }
    ids.push(']');
    let mut reviews = Reviews::default();
    let mut statement = connection.prepare_cached(REVIEWS)?;
    let mut rows = statement.query([ids])?;
    while let Some(row) = rows.next()? {
        let (day, time) = row.get_ref(4)?.as_str()?.split_once(' ').unwrap_or_default();
        reviews.add(row.get(0)?, |out| {
            let words = row.get_ref(3)?.as_str()?;
            wire::review(out, row.get(1)?, row.get(2)?, words, |out| {
                out.extend_from_slice(day.as_bytes());
                out.push(b'T');
                out.extend_from_slice(time.as_bytes());
                out.push(b'Z');
            });
            Ok::<_, rusqlite::Error>(())
        })?;
    }
    Ok(Reply::ok(reviews.within(&books, &ends)))
}

/// Writes up to `limit` rows; returns how many there were, and the count that the first one brought.
fn array(out: &mut Vec<u8>, rows: &mut Rows<'_>, limit: i64, counted: bool) -> rusqlite::Result<(i64, i64)> {
    let (mut seen, mut count) = (0, 0);
    out.push(b'[');
    while let Some(row) = rows.next()? {
        if seen == 0 && counted {
            count = row.get(4)?;
        }
        seen += 1;
        if seen > limit {
            break;
        }
        if seen > 1 {
            out.push(b',');
        }
        write(out, row)?;
    }
    out.push(b']');
    Ok((seen, count))
}

fn body(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, row)?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, row: &Row<'_>) -> rusqlite::Result<()> {
    let uid = row.get_ref(1)?.as_str()?;
    let blob = row.get_ref(2)?.as_bytes()?;
    wire::document(out, row.get(0)?, uid, blob, row.get(3)?);
    Ok(())
}

/// The writer: whatever has come while the last batch was committed is the next batch.
fn write_all(mut connection: Connection, writes: &Receiver<Write>) {
    while let Ok(first) = writes.recv() {
        let mut answers = Vec::new();
        let committed = commit(&mut connection, first, writes, &mut answers);
        for (answer, reply) in answers {
            let reply = match &committed {
                Ok(()) => reply,
                Err(error) => Reply::failed(error),
            };
            let _ = answer.send(reply);
        }
    }
}

fn commit(
    connection: &mut Connection,
    first: Write,
    writes: &Receiver<Write>,
    answers: &mut Vec<(oneshot::Sender<Reply>, Reply)>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut next = Some(first);
    while let Some(write) = next {
        let reply = apply(&transaction, write.change).unwrap_or_else(|error| refused(&error));
        answers.push((write.answer, reply));
        next = if answers.len() < BATCH { writes.try_recv().ok() } else { None };
    }
    transaction.commit()
}

fn apply(connection: &Connection, change: Change) -> rusqlite::Result<Reply> {
    match change {
        Change::Create { uid, blob, collection } => {
            let created =
                connection.prepare_cached(INSERT)?.query_row(params![uid, blob, collection], body).optional()?;
            match created {
                Some(body) => Ok(Reply::created(body)),
                None if has_collection(connection, collection)? => Ok(Reply::not_unique()),
                None => Ok(Reply::no_collection(collection)),
            }
        }
        Change::Update { id, uid, blob, collection } => {
            if let Some(collection) = collection
                && !has_collection(connection, collection)?
            {
                return Ok(Reply::no_collection(collection));
            }
            let (sql, values) = update(&id, &uid, &blob, &collection);
            let updated = connection.prepare_cached(&sql)?.query_row(values.as_slice(), body).optional()?;
            Ok(updated.map_or_else(Reply::not_found, Reply::ok))
        }
    }
}

fn update<'a>(
    id: &'a i64,
    uid: &'a Option<String>,
    blob: &'a Option<String>,
    collection: &'a Option<i64>,
) -> (String, Vec<&'a dyn ToSql>) {
    let mut values: Vec<&dyn ToSql> = vec![id];
    let mut columns = Vec::new();
    if let Some(uid) = uid {
        columns.push("uid = ?");
        values.push(uid);
    }
    if let Some(blob) = blob {
        columns.push("blob = ?");
        values.push(blob);
    }
    if let Some(collection) = collection {
        columns.push("collection_id = ?");
        values.push(collection);
    }
    if columns.is_empty() {
        return (RETRIEVE.to_owned(), values);
    }
    // The key comes last in the text and last in the values.
    values.rotate_left(1);
    let sql =
        format!("UPDATE seed_document SET {} WHERE id = ? RETURNING id, uid, blob, collection_id", columns.join(", "));
    (sql, values)
}

fn has_collection(connection: &Connection, collection: i64) -> rusqlite::Result<bool> {
    connection.prepare_cached(COLLECTION)?.exists([collection])
}

fn refused(error: &rusqlite::Error) -> Reply {
    match error.sqlite_error() {
        Some(cause) if cause.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE => Reply::not_unique(),
        _ => Reply::failed(error),
    }
}
