//! How many statements an answer takes: as many as its serializer has relations to many, however many rows it shows.
//!
//! The statements are counted on their way, by a proxy between the application and PostgreSQL that reads the protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Request;
use bowline::fields::{CharField, Field};
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use support::Database;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

macro_rules! entities {
    ($($module:ident $table:literal { $($body:tt)* })+) => {$(
        mod $module {
            use sea_orm::entity::prelude::*;

            #[sea_orm::model]
            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                $($body)*
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    )+};
}

entities! {
    country "country" {
        pub name: String,
    }
    author "author" {
        pub name: String,
        pub country_id: i64,
        #[sea_orm(belongs_to, from = "country_id", to = "id")]
        pub country: HasOne<super::country::Entity>,
    }
    book "book" {
        pub title: String,
        pub author_id: i64,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        pub author: HasOne<super::author::Entity>,
        #[sea_orm(has_many, via = "book_tag")]
        pub tags: HasMany<super::tag::Entity>,
        #[sea_orm(has_many)]
        pub reviews: HasMany<super::review::Entity>,
    }
    tag "tag" {
        pub slug: String,
        #[sea_orm(has_many, via = "book_tag")]
        pub books: HasMany<super::book::Entity>,
    }
    book_tag "book_tag" {
        pub book_id: i64,
        pub tag_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id")]
        pub book: HasOne<super::book::Entity>,
        #[sea_orm(belongs_to, from = "tag_id", to = "id")]
        pub tag: HasOne<super::tag::Entity>,
    }
    review "review" {
        pub book_id: i64,
        pub reviewer_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id")]
        pub book: HasOne<super::book::Entity>,
        #[sea_orm(belongs_to, from = "reviewer_id", to = "id")]
        pub reviewer: HasOne<super::author::Entity>,
        #[sea_orm(has_many)]
        pub marks: HasMany<super::mark::Entity>,
    }
    mark "mark" {
        pub review_id: i64,
        pub points: i64,
        #[sea_orm(belongs_to, from = "review_id", to = "id")]
        pub review: HasOne<super::review::Entity>,
    }
}

/// Fifty books of ten authors in three countries, each with three tags and two reviews of two marks.
const ROWS: &str = "
    INSERT INTO country (name) SELECT 'c' || n FROM generate_series(1, 3) AS n;
    INSERT INTO author (name, country_id) SELECT 'a' || n, n % 3 + 1 FROM generate_series(1, 10) AS n;
    INSERT INTO book (title, author_id) SELECT 'b' || n, n % 10 + 1 FROM generate_series(1, 50) AS n;
    INSERT INTO tag (slug) SELECT 't' || n FROM generate_series(1, 10) AS n;
    INSERT INTO book_tag (book_id, tag_id) SELECT b.id, (b.id + n) % 10 + 1 FROM book AS b, generate_series(1, 3) AS n;
    INSERT INTO review (book_id, reviewer_id) SELECT b.id, (b.id + n) % 10 + 1 FROM book AS b, generate_series(1, 2) AS n;
    INSERT INTO mark (review_id, points) SELECT r.id, n FROM review AS r, generate_series(1, 2) AS n;";

fn described() -> DefaultRouter {
    DefaultRouter::new()
        .describe(Model::<country::Entity>::new().display(|row| row.text(country::Column::Name)))
        .model::<author::Entity>()
        .describe(Model::<book::Entity>::new().many_to_many::<tag::Entity>("tags", |tags| tags))
        .model::<tag::Entity>()
        .model::<book_tag::Entity>()
        .describe(
            Model::<review::Entity>::new().foreign_key(review::Column::BookId, |book| book.related_name("reviews")),
        )
        .describe(
            Model::<mark::Entity>::new().foreign_key(mark::Column::ReviewId, |review| review.related_name("marks")),
        )
}

/// An author with the country, one within the other.
fn authors() -> ModelSerializer<author::Entity> {
    let countries = ModelSerializer::<country::Entity>::new();
    ModelSerializer::new().nested("country", countries, |f| f.read_only())
}

/// Books with everything that can hang on them.
fn books() -> ModelSerializer<book::Entity> {
    let marks = ModelSerializer::<mark::Entity>::new().fields(["points"]);
    let reviews = ModelSerializer::<review::Entity>::new()
        .fields(["id", "reviewer", "marks"])
        .nested("reviewer", authors(), |f| f.read_only())
        .nested("marks", marks, |f| f.read_only());
    ModelSerializer::new()
        .fields(["id", "title", "author", "from", "tags", "slugs", "reviews", "count"])
        .nested("author", authors(), |f| f.read_only())
        .declare(Field::new("from", CharField::new()).source("author.country.name").read_only())
        .nested("tags", ModelSerializer::<tag::Entity>::new(), |f| f.read_only())
        .related(RelatedField::slug("slugs", "slug").source("tags").read_only())
        .nested("reviews", reviews, |f| f.read_only())
        .count("count", "reviews")
}

/// Counts the statements that go from an application to a database.
struct Counted {
    url: String,
    statements: Arc<AtomicUsize>,
}

impl Counted {
    /// An address that leads to the database's.
    async fn before(url: &str) -> Counted {
        let (head, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{head}@{}/{name}", listener.local_addr().unwrap());
        let (server, statements) = (server.to_owned(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&statements);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&counter)));
            }
        });
        Counted { url, statements }
    }

    fn reset(&self) {
        self.statements.store(0, Ordering::SeqCst);
    }

    fn count(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }
}

/// Passes on what both sides say until one of them ends.
async fn pass(client: TcpStream, server: TcpStream, statements: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    // the first message has no letter before its length
    let mut first = true;
    while let Ok(message) = message(&mut from_client, !first).await {
        // Execute, and a query of the simple protocol: each runs statements
        if !first && matches!(message[0], b'E' | b'Q') {
            statements.fetch_add(1, Ordering::SeqCst);
        }
        first = false;
        if to_server.write_all(&message).await.is_err() {
            break;
        }
    }
}

/// One message of the protocol: its letter, and its length with what follows.
async fn message(from: &mut (impl AsyncRead + Unpin), lettered: bool) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if lettered {
        message.push(from.read_u8().await?);
    }
    let length = from.read_u32().await?;
    message.extend(length.to_be_bytes());
    let start = message.len();
    message.resize(start + length as usize - 4, 0);
    from.read_exact(&mut message[start..]).await?;
    Ok(message)
}

async fn get(router: &axum::Router, path: &str) -> Json {
    let request = Request::get(path).header("host", "testserver").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_statements_for_fifty_rows_as_for_five() {
    let Database::Postgres(url) = Database::postgres() else { unreachable!() };
    let counted = Counted::before(&url).await;
    let pages = |rows| PageNumberPagination::new(rows);
    let view = |serializer| ModelViewSet::<book::Entity>::new().serializer(serializer).read_only();
    let deep = || ModelSerializer::<book::Entity>::new().depth(2);
    let router = described()
        .register("five", view(books()).pagination(pages(5)))
        .register("fifty", view(books()).pagination(pages(50)).basename("fifty"))
        .register("all", view(books()).basename("all"))
        .register("deep5", view(deep()).pagination(pages(5)).basename("deep5"))
        .register("deep50", view(deep()).pagination(pages(50)).basename("deep50"))
        .register("plain", view(ModelSerializer::new().fields(["id", "title", "author"])).basename("plain"));
    let router = router.into_axum(&counted.url).await.unwrap();
    Database::Postgres(url).run(ROWS);

    let statements = async |path: &str| {
        counted.reset();
        let body = get(&router, path).await;
        (counted.count(), body)
    };
    // the rows, the tags twice, the reviews and the marks of the reviews
    let (five, few) = statements("/five/").await;
    let (fifty, many) = statements("/fifty/").await;
    let (all, list) = statements("/all/").await;
    assert_eq!((five, fifty, all), (5, 5, 5));
    assert_eq!((few["results"].as_array().unwrap().len(), many["results"].as_array().unwrap().len()), (5, 50));
    assert_eq!(few["results"][4], many["results"][4]);
    assert_eq!(list, many["results"]);
    let last = &list[49];
    let author = json!({"id": 1, "country": {"id": 2, "name": "c2"}, "name": "a1"});
    assert_eq!((&last["author"], &last["from"], &last["count"]), (&author, &json!("c2"), &json!(2)));
    assert_eq!(last["slugs"], json!(["t2", "t3", "t4"]));
    let reviews = last["reviews"].as_array().unwrap();
    assert_eq!(reviews.len(), 2);
    for review in reviews {
        assert_eq!(review["marks"], json!([{"points": 1}, {"points": 2}]));
        assert_eq!(review["reviewer"]["country"]["name"].as_str().map(str::len), Some(2));
    }

    let (one, object) = statements("/all/50/").await;
    assert_eq!((one, &object), (5, last));
    let ((five, few), (fifty, many)) = (statements("/deep5/").await, statements("/deep50/").await);
    assert_eq!((five, fifty), (2, 2), "the rows with their authors and countries, and the tags");
    assert_eq!(few["results"][0]["author"]["country"]["name"], many["results"][0]["author"]["country"]["name"]);
    assert_eq!(statements("/plain/").await.0, 1);
}
