//! How many statements an answer takes: as many as its serializer has relations to many, however many rows it shows.
//!
//! The statements are counted on their way, by a proxy between the application and PostgreSQL that reads the protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bowline::authentication::{Accounts, Authentication, BearerTokens, TokenAuthentication};
use bowline::fields::{CharField, Field};
use bowline::filters::DjangoFilterBackend;
use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use support::Database;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
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

/// Counts the statements that go from an application to a database, and the round trips that they take.
struct Counted {
    url: String,
    counter: Counter,
}

#[derive(Clone, Default)]
struct Counter {
    statements: Arc<AtomicUsize>,
    trips: Arc<AtomicUsize>,
}

impl Counted {
    /// An address that leads to the database's.
    async fn before(url: &str) -> Counted {
        let (head, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{head}@{}/{name}", listener.local_addr().unwrap());
        let (server, counter) = (server.to_owned(), Counter::default());
        let counted = Counted { url, counter: counter.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, counter.clone()));
            }
        });
        counted
    }

    fn reset(&self) {
        self.counter.statements.store(0, Ordering::SeqCst);
        self.counter.trips.store(0, Ordering::SeqCst);
    }

    fn count(&self) -> usize {
        self.counter.statements.load(Ordering::SeqCst)
    }

    fn trips(&self) -> usize {
        self.counter.trips.load(Ordering::SeqCst)
    }
}

/// Passes on what both sides say until one of them ends.
async fn pass(client: TcpStream, server: TcpStream, counter: Counter) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let unanswered = Arc::new(AtomicUsize::new(1));
    let answered = Arc::clone(&unanswered);
    tokio::spawn(async move {
        while let Ok(message) = message(&mut from_server, true).await {
            if message[0] == b'Z' {
                // what was sent together with this has come by then
                tokio::time::sleep(Duration::from_millis(10)).await;
                answered.fetch_sub(1, Ordering::SeqCst);
            }
            if to_client.write_all(&message).await.is_err() {
                break;
            }
        }
    });
    // the first message has no letter before its length
    let mut first = true;
    while let Ok(message) = message(&mut from_client, !first).await {
        // Execute, and a query of the simple protocol: each runs statements
        if !first && matches!(message[0], b'E' | b'Q') {
            counter.statements.fetch_add(1, Ordering::SeqCst);
        }
        // Sync, and a query of the simple protocol, are answered
        if !first && matches!(message[0], b'S' | b'Q') && unanswered.fetch_add(1, Ordering::SeqCst) == 0 {
            counter.trips.fetch_add(1, Ordering::SeqCst);
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

async fn status(router: &axum::Router, path: &str, authorization: &str) -> (u16, Json) {
    let request = Request::get(path).header("host", "testserver").header("authorization", authorization);
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_filter_names_is_looked_for_by_the_list_itself() {
    let Database::Postgres(url) = Database::postgres() else { unreachable!() };
    let counted = Counted::before(&url).await;
    let books = || {
        let books = ModelSerializer::new().fields(["id", "author"]);
        ModelViewSet::<book::Entity>::new()
            .serializer(books)
            .filter_backend(DjangoFilterBackend::new())
            .filterset_fields(["author", "tags"])
            .read_only()
    };
    let router = described()
        .register("books", books())
        .register("pages", books().basename("pages").pagination(PageNumberPagination::new(3)));
    let router = router.into_axum(&counted.url).await.unwrap();
    Database::Postgres(url).run(ROWS);

    let first = get(&router, "/books/?author=3").await;
    assert_eq!(first.as_array().map(Vec::len), Some(5));
    for (path, rows) in [("/books/?author=3", 5), ("/books/?author=3&tags=4&tags=5", 5), ("/pages/?author=3", 3)] {
        get(&router, path).await;
        counted.reset();
        let body = get(&router, path).await;
        assert_eq!((counted.count(), counted.trips()), (1, 1), "{path}");
        let found = body.get("results").unwrap_or(&body).as_array().map(Vec::len);
        assert_eq!(found, Some(rows), "{path}: {body}");
    }
    // where there are no rows it is asked why
    let one = json!(["Select a valid choice. That choice is not one of the available choices."]);
    let several = json!(["Select a valid choice. 99 is not one of the available choices."]);
    for (path, expected) in [
        ("/books/?author=99", json!({"author": one})),
        ("/pages/?author=99&page=7", json!({"author": one})),
        ("/pages/?author=99&page=x", json!({"author": one})),
        ("/books/?tags=4&tags=99", json!({"tags": several})),
        ("/books/?tags=x&author=99", json!({"author": one, "tags": ["“x” is not a valid value."]})),
    ] {
        assert_eq!(status(&router, path, "").await, (400, expected), "{path}");
    }
    assert_eq!(status(&router, "/books/?author=3&tags=9", "").await, (200, json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_looked_up_together_with_what_is_asked_for() {
    let Database::Postgres(url) = Database::postgres() else { unreachable!() };
    let counted = Counted::before(&url).await;
    let books = || {
        let titles = ModelSerializer::new().fields(["id", "title"]);
        ModelViewSet::<book::Entity>::new().serializer(titles).read_only().permissions(IsAuthenticated)
    };
    let router = described().register("token", books().authentication([TokenAuthentication::new().shared()])).register(
        "bearer",
        books().basename("bearer").authentication([BearerTokens::new(Accounts::default()).shared()]),
    );
    let router = router.into_axum(&counted.url).await.unwrap();
    let database = Database::Postgres(url);
    database.run(ROWS);
    database.run(
        "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
           VALUES ('!', false, 'ann', '', '', '', false, true, now());
         INSERT INTO authtoken_token (key, created, user_id) VALUES ('secret', now(), 1);
         INSERT INTO bowline_token (digest, user_id, name, created_at)
           VALUES (encode(sha256('secret'), 'hex'), 1, 'own', now());",
    );
    for (view, word) in [("token", "Token"), ("bearer", "Bearer")] {
        let (path, header) = (format!("/{view}/7/"), format!("{word} secret"));
        let (first, object) = status(&router, &path, &header).await;
        assert_eq!((first, &object["title"]), (200, &json!("b7")));
        counted.reset();
        assert_eq!(status(&router, &path, &header).await, (200, object));
        assert_eq!((counted.count(), counted.trips()), (2, 1), "{view}");
        // whoever is nobody is shown nothing, whether or not it is there
        for path in [&path, &format!("/{view}/99/")] {
            let (refused, body) = status(&router, path, &format!("{word} unknown")).await;
            assert_eq!((refused, &body["detail"]), (401, &json!("Invalid token.")), "{path}");
        }
        assert_eq!(status(&router, &format!("/{view}/99/"), &header).await.0, 404);
    }
}
