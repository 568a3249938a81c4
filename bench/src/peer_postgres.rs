//! The hand-written PostgreSQL peer: what a good engineer writes for this one resource.
//!
//! axum, deadpool and tokio-postgres, cached statements, one statement per request, columns to JSON by hand.

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::{BufMut, Bytes, BytesMut};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{NoTls, Row};

use crate::Result;
use crate::wire::{self, Book, FilterQuery, Input, PageQuery, Paging, Reply, Reviews};

const RETRIEVE: &str = "SELECT id, uid, blob, collection_id FROM seed_document WHERE id = $1";
const LIST: &str = "SELECT id, uid, blob, collection_id FROM seed_document ORDER BY id";
const PAGE: &str = "SELECT id, uid, blob, collection_id FROM seed_document ORDER BY id LIMIT $1 OFFSET $2";
const PAGE_AND_COUNT: &str = "SELECT id, uid, blob, collection_id, (SELECT count(*) FROM seed_document) \
     FROM seed_document ORDER BY id LIMIT $1 OFFSET $2";
const SEARCH: &str = "SELECT id, uid, blob, collection_id FROM seed_document WHERE uid ILIKE $1 ORDER BY id";
const BOOKS: &str = "SELECT b.id, b.title, b.pages, b.price, b.published, a.id, a.name, a.email \
     FROM shop_book b JOIN shop_author a ON a.id = b.author_id ORDER BY b.id";
const REVIEWS: &str =
    "SELECT book_id, id, stars, text, written_at FROM shop_review WHERE book_id = ANY($1) ORDER BY id";
const INSERT: &str = "INSERT INTO seed_document (uid, blob, collection_id) VALUES ($1, $2, $3) \
     ON CONFLICT DO NOTHING RETURNING id, uid, blob, collection_id";

#[derive(Debug)]
struct App {
    pool: Pool,
    paging: Paging,
    /// `UPDATE` for each set of given columns: 1 for uid, 2 for blob, 4 for collection.
    updates: [String; 8],
}

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let manager = Manager::from_config(
        env::var("DATABASE_URL")?.parse()?,
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    let app = App {
        pool: Pool::builder(manager).max_size(16).runtime(Runtime::Tokio1).build()?,
        paging: Paging::from_environment(),
        updates: std::array::from_fn(update),
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

fn update(given: usize) -> String {
    if given == 0 {
        return RETRIEVE.to_owned();
    }
    let mut sql = "UPDATE seed_document SET ".to_owned();
    let mut place = 1;
    for (bit, column) in [(1, "uid"), (2, "blob"), (4, "collection_id")] {
        if given & bit != 0 {
            let comma = if place == 1 { "" } else { ", " };
            place += 1;
            sql.push_str(&format!("{comma}{column} = ${place}"));
        }
    }
    sql + " WHERE id = $1 RETURNING id, uid, blob, collection_id"
}

async fn retrieve(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Reply, Reply> {
    let Ok(id) = id.parse::<i64>() else {
        return Ok(Reply::not_found());
    };
    let client = app.pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(RETRIEVE).await.map_err(failed)?;
    let row = client.query_opt(&statement, &[&id]).await.map_err(failed)?;
    match row {
        Some(row) => Ok(Reply::ok(body(&row)?)),
        None => Ok(Reply::not_found()),
    }
}

async fn list(State(app): State<Arc<App>>, Query(query): Query<PageQuery>, headers: HeaderMap) -> Result<Reply, Reply> {
    let client = app.pool.get().await.map_err(broken)?;
    let Some(size) = app.paging.size else {
        let statement = client.prepare_cached(LIST).await.map_err(failed)?;
        let rows = client.query(&statement, &[]).await.map_err(failed)?;
        return Ok(Reply::ok(array(&rows)?));
    };
    let page = query.number()?;
    let sql = if app.paging.count { PAGE_AND_COUNT } else { PAGE };
    // Without a count one row more tells whether there is a next page.
    let limit = if app.paging.count { size } else { size + 1 };
    let offset = (page - 1).saturating_mul(size);
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    let mut rows = client.query(&statement, &[&limit, &offset]).await.map_err(failed)?;
    if rows.is_empty() && page > 1 {
        return Ok(Reply::no_page());
    }
    let (count, more) = if app.paging.count {
        let count: i64 = match rows.first() {
            Some(row) => row.try_get(4).map_err(failed)?,
            None => 0,
        };
        (Some(count), offset + size < count)
    } else {
        let full = usize::try_from(size).unwrap_or(usize::MAX);
        let more = rows.len() > full;
        rows.truncate(full);
        (None, more)
    };
    Ok(Reply::ok(wire::envelope(&headers, page, count, more, &array(&rows)?)))
}

async fn filter(State(app): State<Arc<App>>, Query(query): Query<FilterQuery>) -> Result<Reply, Reply> {
    let client = app.pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(&wire::filtered(LIST, &query, '$')).await.map_err(failed)?;
    let uid = query.uid();
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(2);
    values.extend(query.collection.as_ref().map(|collection| collection as &(dyn ToSql + Sync)));
    values.extend(uid.as_ref().map(|uid| uid as &(dyn ToSql + Sync)));
    Ok(Reply::ok(array(&client.query(&statement, &values).await.map_err(failed)?)?))
}

async fn search(State(app): State<Arc<App>>, Query(query): Query<FilterQuery>) -> Result<Reply, Reply> {
    let client = app.pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(SEARCH).await.map_err(failed)?;
    Ok(Reply::ok(array(&client.query(&statement, &[&query.pattern()]).await.map_err(failed)?)?))
}

/// The books, then the reviews of all of them.
async fn books(State(app): State<Arc<App>>) -> Result<Reply, Reply> {
    let client = app.pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(BOOKS).await.map_err(failed)?;
    let books = client.query(&statement, &[]).await.map_err(failed)?;
    let ids: Vec<i64> = books.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)?;
    let statement = client.prepare_cached(REVIEWS).await.map_err(failed)?;
    let rows = client.query(&statement, &[&ids]).await.map_err(failed)?;
    let mut reviews = Reviews::default();
    for row in &rows {
        let book = row.try_get(0).map_err(failed)?;
        reviews.add(book, |out| write_review(out, row)).map_err(failed)?;
    }
    let mut out = Vec::with_capacity(books.len() * 256);
    let mut ends = Vec::with_capacity(books.len());
    for (id, row) in ids.into_iter().zip(&books) {
        write_book(&mut out, row).map_err(failed)?;
        ends.push((id, out.len()));
    }
    Ok(Reply::ok(reviews.within(&out, &ends)))
}

fn write_book(out: &mut Vec<u8>, row: &Row) -> Result<(), tokio_postgres::Error> {
    let price: Decimal = row.try_get(3)?;
    let published: NaiveDate = row.try_get(4)?;
    let book = Book {
        id: row.try_get(0)?,
        title: row.try_get(1)?,
        pages: row.try_get(2)?,
        price: &price.to_string(),
        published: &published.to_string(),
        author: (row.try_get(5)?, row.try_get(6)?, row.try_get(7)?),
    };
    book.write(out);
    Ok(())
}

fn write_review(out: &mut Vec<u8>, row: &Row) -> Result<(), tokio_postgres::Error> {
    let written_at: DateTime<Utc> = row.try_get(4)?;
    let words = row.try_get(3)?;
    wire::review(out, row.try_get(1)?, row.try_get(2)?, words, |out| {
        out.extend_from_slice(written_at.to_rfc3339_opts(SecondsFormat::Micros, true).as_bytes());
    });
    Ok(())
}

async fn create(State(app): State<Arc<App>>, bytes: Bytes) -> Result<Reply, Reply> {
    let (uid, blob, collection) = Input::parse(&bytes)?.complete()?;
    let client = app.pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(INSERT).await.map_err(failed)?;
    let blob = Jsonb(blob.map_or("{}", RawValue::get));
    let row = client
        .query_opt(&statement, &[&uid, &blob, &collection])
        .await
        .map_err(|error| refused(error, Some(collection)))?;
    match row {
        Some(row) => Ok(Reply::created(body(&row)?)),
        None => Ok(Reply::not_unique()),
    }
}

async fn change(State(app): State<Arc<App>>, Path(id): Path<String>, bytes: Bytes) -> Result<Reply, Reply> {
    let Ok(id) = id.parse::<i64>() else {
        return Ok(Reply::not_found());
    };
    let input = Input::parse(&bytes)?;
    let blob = input.blob.map(|blob| Jsonb(blob.get()));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id];
    let mut given = 0;
    if let Some(uid) = &input.uid {
        given |= 1;
        values.push(uid);
    }
    if let Some(blob) = &blob {
        given |= 2;
        values.push(blob);
    }
    if let Some(collection) = &input.collection {
        given |= 4;
        values.push(collection);
    }
    let client = app.pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(&app.updates[given]).await.map_err(failed)?;
    let row = client.query_opt(&statement, &values).await.map_err(|error| refused(error, input.collection))?;
    match row {
        Some(row) => Ok(Reply::ok(body(&row)?)),
        None => Ok(Reply::not_found()),
    }
}

fn body(row: &Row) -> Result<Vec<u8>, Reply> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, row)?;
    Ok(out)
}

fn array(rows: &[Row]) -> Result<Vec<u8>, Reply> {
    let mut out = Vec::with_capacity(16 + rows.len() * 192);
    out.push(b'[');
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(&mut out, row)?;
    }
    out.push(b']');
    Ok(out)
}

fn write(out: &mut Vec<u8>, row: &Row) -> Result<(), Reply> {
    let blob: JsonbText<'_> = row.try_get(2).map_err(failed)?;
    let id = row.try_get(0).map_err(failed)?;
    let uid = row.try_get(1).map_err(failed)?;
    let collection = row.try_get(3).map_err(failed)?;
    wire::document(out, id, uid, blob.0, collection);
    Ok(())
}

fn broken(error: PoolError) -> Reply {
    Reply::failed(&error)
}

fn failed(error: tokio_postgres::Error) -> Reply {
    Reply::failed(&error)
}

fn refused(error: tokio_postgres::Error, collection: Option<i64>) -> Reply {
    match (error.code(), collection) {
        (Some(code), _) if *code == SqlState::UNIQUE_VIOLATION => Reply::not_unique(),
        (Some(code), Some(collection)) if *code == SqlState::FOREIGN_KEY_VIOLATION => Reply::no_collection(collection),
        _ => failed(error),
    }
}

/// JSON text on its way into a `jsonb` column.
#[derive(Debug)]
struct Jsonb<'a>(&'a str);

impl ToSql for Jsonb<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u8(1);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }

    to_sql_checked!();
}

/// The bytes of a `jsonb` column: a version, which is 1, and text.
#[derive(Debug)]
struct JsonbText<'a>(&'a [u8]);

impl<'a> FromSql<'a> for JsonbText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match raw {
            [1, text @ ..] => Ok(JsonbText(text)),
            _ => Err("an unknown version of jsonb".into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }
}
