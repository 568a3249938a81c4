//! The documents API over SeaORM and its own driver, as its documentation writes such programs.

use std::env;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectOptions, Database, DatabaseConnection, QueryOrder, QuerySelect, SqlErr};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Result;

mod document {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seed_document")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Text")]
        pub uid: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub blob: Json,
        pub collection_id: i64,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Debug, Serialize)]
struct Shown {
    id: i64,
    uid: String,
    blob: Value,
    collection: i64,
}

impl From<document::Model> for Shown {
    fn from(row: document::Model) -> Self {
        Shown { id: row.id, uid: row.uid, blob: row.blob, collection: row.collection_id }
    }
}

#[derive(Debug, Deserialize)]
struct Given {
    uid: String,
    blob: Value,
    collection: i64,
}

#[derive(Debug, Deserialize)]
struct Change {
    uid: Option<String>,
    blob: Option<Value>,
    collection: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct PageQuery {
    page: Option<u64>,
}

struct App {
    database: DatabaseConnection,
    size: u64,
}

type Answer = std::result::Result<Response, Response>;

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let mut options = ConnectOptions::new(env::var("DATABASE_URL")?);
    options.min_connections(8).max_connections(8).sqlx_logging(false);
    let database = Database::connect(options).await?;
    let size = env::var("PAGE_SIZE").ok().and_then(|size| size.parse().ok()).unwrap_or(20);
    let router = Router::new()
        .route("/documents/", get(page).post(create))
        .route("/documents/{id}/", get(retrieve).patch(change))
        .with_state(Arc::new(App { database, size }));
    axum::serve(TcpListener::bind(env::var("BIND")?).await?, router).await?;
    Ok(())
}

fn said(status: StatusCode, value: Value) -> Response {
    (status, Json(value)).into_response()
}

fn missing() -> Response {
    said(StatusCode::NOT_FOUND, json!({"detail": "No Document matches the given query."}))
}

fn refused(error: &DbErr, collection: Option<i64>) -> Response {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => said(
            StatusCode::BAD_REQUEST,
            json!({"non_field_errors": ["The fields collection, uid must make a unique set."]}),
        ),
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
            let text = format!("Invalid pk \"{}\" - object does not exist.", collection.unwrap_or_default());
            said(StatusCode::BAD_REQUEST, json!({"collection": [text]}))
        }
        _ => failed(error),
    }
}

fn failed(error: &DbErr) -> Response {
    eprintln!("{error}");
    said(StatusCode::INTERNAL_SERVER_ERROR, json!({"detail": "A server error occurred."}))
}

async fn retrieve(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Answer {
    let row = document::Entity::find_by_id(id).one(&app.database).await.map_err(|error| failed(&error))?;
    Ok(Json(Shown::from(row.ok_or_else(missing)?)).into_response())
}

async fn page(State(app): State<Arc<App>>, Query(query): Query<PageQuery>, headers: HeaderMap) -> Answer {
    let page = query.page.unwrap_or(1);
    let all = document::Entity::find();
    let count = all.clone().count(&app.database).await.map_err(|error| failed(&error))?;
    let last = count.div_ceil(app.size).max(1);
    if page < 1 || page > last {
        return Ok(said(StatusCode::NOT_FOUND, json!({"detail": "Invalid page."})));
    }
    let rows = all
        .order_by_asc(document::Column::Id)
        .limit(app.size)
        .offset((page - 1) * app.size)
        .all(&app.database)
        .await
        .map_err(|error| failed(&error))?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let url = |page: u64| match page {
        1 => format!("http://{host}/documents/"),
        _ => format!("http://{host}/documents/?page={page}"),
    };
    let results: Vec<Shown> = rows.into_iter().map(Shown::from).collect();
    Ok(Json(json!({
        "count": count,
        "next": (page < last).then(|| url(page + 1)),
        "previous": (page > 1).then(|| url(page - 1)),
        "results": results,
    }))
    .into_response())
}

async fn create(State(app): State<Arc<App>>, Json(given): Json<Given>) -> Answer {
    let collection = given.collection;
    let row = document::ActiveModel {
        uid: Set(given.uid.trim().to_owned()),
        blob: Set(given.blob),
        collection_id: Set(collection),
        ..Default::default()
    };
    let row = row.insert(&app.database).await.map_err(|error| refused(&error, Some(collection)))?;
    Ok((StatusCode::CREATED, Json(Shown::from(row))).into_response())
}

async fn change(State(app): State<Arc<App>>, Path(id): Path<i64>, Json(change): Json<Change>) -> Answer {
    let collection = change.collection;
    let row = document::ActiveModel {
        id: Set(id),
        uid: change.uid.map_or_else(Default::default, |uid| Set(uid.trim().to_owned())),
        blob: change.blob.map_or_else(Default::default, Set),
        collection_id: collection.map_or_else(Default::default, Set),
    };
    match row.update(&app.database).await {
        Ok(row) => Ok(Json(Shown::from(row)).into_response()),
        Err(DbErr::RecordNotUpdated) => Err(missing()),
        Err(error) => Err(refused(&error, collection)),
    }
}
