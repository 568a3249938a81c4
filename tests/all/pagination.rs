//! Pages as clients walk them, on both databases: ties, NULLs, estimates, and writes meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use axum::body::Body;
use axum::http::Request;
use bowline::pagination::{Envelope, Found, Page, Pagination, Wanted};
use bowline::prelude::*;
use bowline::store::plan::Listing;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use support::{Database, Random};
use tower::ServiceExt;

mod entry {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "entry")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub rank: i32,
        pub note: Option<String>,
        pub seen: Option<DateTimeUtc>,
        pub weight: Option<f64>,
        #[sea_orm(column_type = "Decimal(Some((8, 2)))", nullable)]
        pub price: Option<Decimal>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The first rows, as many as the client wants.
#[derive(Debug)]
struct Top;

struct First(u64);

impl Pagination for Top {
    fn paginate(&self, cx: &Context, _: &mut Listing) -> bowline::Result<Option<Box<dyn Page>>> {
        let top = cx.query_param("top").and_then(|top| top.parse().ok());
        Ok(top.map(|top| Box::new(First(top)) as Box<dyn Page>))
    }
}

impl Page for First {
    fn wanted(&self) -> Wanted {
        Wanted::Part { limit: self.0, offset: 0 }
    }

    fn envelope(&self, found: &Found<'_>) -> bowline::Result<Envelope> {
        Ok(Envelope::object().with("found", found.len()).results("top"))
    }
}

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

impl Api {
    fn new(database: &Database) -> Api {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let router = runtime.block_on(router().into_axum(&database.url())).unwrap();
        Api { runtime, router }
    }

    fn call(&self, method: &str, path: &str, body: &Json) -> (u16, Json) {
        let path = path.strip_prefix("http://testserver").unwrap_or(path);
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.header("host", "testserver").body(body).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
        })
    }

    fn get(&self, path: &str) -> Json {
        let (status, body) = self.call("GET", path, &Json::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The ids of all pages from one on, by their links.
    fn walk(&self, path: &str, way: &str) -> Vec<i64> {
        let mut found = Vec::new();
        let mut next = Some(path.to_owned());
        for _ in 0..1_000 {
            let Some(path) = next else { return found };
            let page = self.get(&path);
            let rows = page["results"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap());
            if way == "next" {
                found.extend(rows)
            } else {
                found.extend(rows.rev())
            }
            next = page[way].as_str().map(str::to_owned);
        }
        panic!("{path}: the walk has no end");
    }
}

fn router() -> DefaultRouter {
    let view = |pagination| ModelViewSet::<entry::Entity>::new().pagination(pagination).ordering(["id"]);
    let cursor = |ordering: &[&'static str]| view(CursorPagination::new(3, ordering.iter().copied()));
    let estimated = PageNumberPagination::new(5).estimated_count();
    DefaultRouter::new()
        .register("entries", ModelViewSet::<entry::Entity>::new())
        .register("rank", cursor(&["rank"]).basename("rank"))
        .register("rank-down", cursor(&["-rank", "note"]).basename("rank-down"))
        .register("note", cursor(&["note"]).basename("note"))
        .register("note-down", cursor(&["-note", "-rank"]).basename("note-down"))
        .register("seen", cursor(&["-seen"]).basename("seen"))
        .register("weight", cursor(&["weight", "-id"]).basename("weight"))
        .register("price", cursor(&["-price"]).basename("price"))
        .register("drf", view(CursorPagination::new(3, ["note"]).offset_cutoff(4).drf_cursors()).basename("drf"))
        .register(
            "ordered",
            cursor(&["id"])
                .filter_backend(bowline::filters::OrderingFilter::new())
                .ordering_fields(["rank", "note", "id"])
                .basename("ordered"),
        )
        .register("estimated", ModelViewSet::<entry::Entity>::new().pagination(estimated).basename("estimated"))
        .register(
            "limits",
            ModelViewSet::<entry::Entity>::new().pagination(LimitOffsetPagination::new(5)).basename("limits"),
        )
        .register("top", ModelViewSet::<entry::Entity>::new().pagination(Top).basename("top"))
}

fn entries(api: &Api, count: i64, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..count {
        let note = match random.below(4) {
            0 => Json::Null,
            1 => json!(".&k=é"),
            n => json!(format!("n{n}")),
        };
        let some = |value: Json, random: &mut Random| if random.below(3) == 0 { Json::Null } else { value };
        let day = random.below(4) + 1;
        let body = json!({
            "rank": random.below(3) as i64 - 1,
            "note": note,
            "seen": some(json!(format!("2024-01-0{day}T12:00:00.{day}Z")), &mut random),
            "weight": some(json!(random.below(3) as f64 / 7.0), &mut random),
            "price": some(json!(format!("{}.50", random.below(3))), &mut random),
        });
        let (status, answer) = api.call("POST", "/entries/", &body);
        assert_eq!(status, 201, "{answer}");
    }
}

const CURSORS: [&str; 9] = ["rank", "rank-down", "note", "note-down", "seen", "weight", "price", "ordered", "drf"];

#[test]
fn a_walk_meets_every_row_once_whatever_rows_share() {
    Database::each(|database| {
        let api = Api::new(database);
        entries(&api, 40, 7);
        let all: BTreeSet<i64> =
            api.get("/entries/").as_array().unwrap().iter().map(|r| r["id"].as_i64().unwrap()).collect();
        let mut paths: Vec<String> = CURSORS.iter().map(|name| format!("/{name}/")).collect();
        paths
            .extend(["rank", "-rank", "note,-rank", "-note"].iter().map(|order| format!("/ordered/?ordering={order}")));
        for path in paths {
            let forward = api.walk(&path, "next");
            let place = format!("{} {path}", database.name());
            assert_eq!(forward.len(), 40, "{place}: {forward:?}");
            assert_eq!(forward.iter().copied().collect::<BTreeSet<_>>(), all, "{place}");
            if path == "/drf/" {
                // DRF's cursors pass over some rows where one turns round
                continue;
            }
            // and back: the last page links to all before it
            let mut last = path.clone();
            while let Some(next) = api.get(&last)["next"].as_str() {
                last = next.to_owned();
            }
            let mut back = api.walk(&last, "previous");
            back.reverse();
            assert_eq!(back, forward, "{place}: backwards");
        }
    });
}

#[test]
fn cursors_that_are_none_are_404s() {
    Database::each(|database| {
        let api = Api::new(database);
        entries(&api, 5, 1);
        // Base64 of p=abc, of k=.1 alone, of k=x, and what is no Base64
        for cursor in ["cD1hYmM=", "az0uMQ==", "az14", "x", "cD05%C3%A9"] {
            for name in ["rank", "seen", "weight", "price"] {
                let (status, body) = api.call("GET", &format!("/{name}/?cursor={cursor}"), &Json::Null);
                assert_eq!((status, body), (404, json!({"detail": "Invalid cursor"})), "{name} {cursor}");
            }
        }
        // beyond what the column holds: there is nothing behind it, and everything before it
        assert_eq!(api.get("/rank/?cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk=")["results"], json!([]));
        assert_eq!(api.walk("/rank/?cursor=cD0tOTk5OTk5OTk5OTk5OTk5OTk5OTk5", "next").len(), 5);
    });
}

/// Rows come and go while clients walk: who was there all the time is met exactly once.
#[test]
fn a_walk_under_writes_meets_what_stays_exactly_once() {
    Database::each(|database| {
        let api = Api::new(database);
        entries(&api, 60, 3);
        let stay: Vec<i64> =
            api.get("/entries/").as_array().unwrap().iter().map(|r| r["id"].as_i64().unwrap()).collect();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for seed in 0..2 {
                let (api, done) = (&api, &done);
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    let mut mine: Vec<i64> = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        if mine.len() < 10 || random.below(2) == 0 {
                            let note = random.pick(&[json!(null), json!(".&k=é"), json!("n2"), json!("n3")]).clone();
                            let body = json!({"rank": random.below(3) as i64 - 1, "note": note});
                            let (status, answer) = api.call("POST", "/entries/", &body);
                            assert_eq!(status, 201, "{answer}");
                            mine.push(answer["id"].as_i64().unwrap());
                        } else {
                            let gone = mine.swap_remove(random.below(mine.len() as u64) as usize);
                            assert_eq!(api.call("DELETE", &format!("/entries/{gone}/"), &Json::Null).0, 204);
                        }
                    }
                });
            }
            let walkers: Vec<_> = ["/rank/", "/rank-down/", "/note/", "/note-down/", "/ordered/?ordering=-note"]
                .into_iter()
                .map(|path| (path, scope.spawn(|| (0..3).map(|_| api.walk(path, "next")).collect::<Vec<_>>())))
                .collect();
            let walks: Vec<_> = walkers.into_iter().map(|(path, walker)| (path, walker.join())).collect();
            done.store(true, Ordering::Relaxed);
            for (path, walks) in walks {
                for walk in walks.unwrap() {
                    let mut met: BTreeMap<i64, usize> = BTreeMap::new();
                    walk.iter().for_each(|id| *met.entry(*id).or_default() += 1);
                    for id in &stay {
                        assert_eq!(met.get(id), Some(&1), "{} {path}: row {id}", database.name());
                    }
                }
            }
        });
    });
}

#[test]
fn counts_are_estimated_where_rows_are_many() {
    Database::each(|database| {
        let api = Api::new(database);
        entries(&api, 7, 2);
        let page = api.get("/estimated/");
        assert_eq!((&page["count"], page["results"].as_array().unwrap().len()), (&json!(7), 5));
        let page = api.get("/estimated/?page=2");
        assert_eq!((&page["count"], &page["next"]), (&json!(7), &Json::Null));
        assert_eq!(api.get("/estimated/?page=last")["previous"], "http://testserver/estimated/");
        assert_eq!(api.call("GET", "/estimated/?page=3", &Json::Null).0, 404);
        if let Database::Postgres(_) = database {
            database.run("INSERT INTO entry (rank) SELECT 0 FROM generate_series(1, 30000)");
            database.run("ANALYZE entry");
            let page = api.get("/estimated/?page=3");
            let count = page["count"].as_i64().unwrap();
            assert!((25_000..35_000).contains(&count), "{count}");
            assert_eq!(page["next"], "http://testserver/estimated/?page=4");
        }
    });
}

#[test]
fn a_page_behind_the_end_knows_how_many_there_are() {
    Database::each(|database| {
        let api = Api::new(database);
        assert_eq!(api.get("/limits/?offset=7")["count"], 0);
        entries(&api, 6, 2);
        let page = api.get("/limits/?offset=100");
        let previous = "http://testserver/limits/?limit=5&offset=95";
        assert_eq!(page, json!({"count": 6, "next": null, "previous": previous, "results": []}));
        let (status, body) = api.call("GET", &format!("/limits/?limit={}", "9".repeat(25)), &Json::Null);
        let message = "Ensure this value is less than or equal to 9223372036854775807.";
        assert_eq!((status, body), (400, json!({"limit": [message]})));
    });
}

#[test]
fn a_way_of_ones_own() {
    Database::each(|database| {
        let api = Api::new(database);
        entries(&api, 4, 2);
        let page = api.get("/top/?top=2");
        assert_eq!((&page["found"], page["top"].as_array().unwrap().len()), (&json!(2), 2));
        assert_eq!(api.get("/top/").as_array().unwrap().len(), 4, "the whole list");
    });
}

#[test]
fn what_a_cursor_cannot_follow_stops_the_start() {
    let start = |pagination: CursorPagination| {
        let database = Database::sqlite();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let view = ModelViewSet::<entry::Entity>::new().pagination(pagination);
        let router = DefaultRouter::new().register("entries", view);
        runtime.block_on(router.into_axum(&database.url())).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let refused = start(CursorPagination::new(3, ["-colour"]));
    assert!(refused.contains("no field colour for a cursor to follow"), "{refused}");
    let refused = start(CursorPagination::new(3, []));
    assert!(refused.contains("cursor pagination needs an ordering"), "{refused}");
    assert_eq!(start(CursorPagination::new(3, ["pk"])), "");
}

mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "author")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "book")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: i64,
        #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Cascade")]
        pub author: HasOne<super::author::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn long_lists_have_their_relations() {
    Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let described =
            Model::<book::Entity>::new().foreign_key(book::Column::AuthorId, |author| author.related_name("books"));
        let authors = ModelSerializer::<author::Entity>::new().fields(["id", "name", "books"]);
        let router = DefaultRouter::new()
            .describe(described)
            .register("authors", ModelViewSet::new().serializer(authors))
            .register("books", ModelViewSet::<book::Entity>::new());
        let router = runtime.block_on(router.into_axum(&database.url())).unwrap();
        let api = Api { runtime, router };
        let rows = match database {
            Database::Sqlite(_) => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)",
            Database::Postgres(_) => "WITH n AS (SELECT i FROM generate_series(1, 3000) AS i)",
        };
        database.run(&format!("{rows} INSERT INTO author (id, name) SELECT i, 'a' || i FROM n"));
        database.run(&format!("{rows} INSERT INTO book (id, author_id) SELECT i, 1 + i % 1500 FROM n"));
        let list = api.get("/authors/");
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 3000);
        for (n, row) in list.iter().enumerate() {
            let id = n as i64 + 1;
            let books: Vec<i64> = (1..=3000).filter(|book| 1 + book % 1500 == id).collect();
            assert_eq!((&row["id"], &row["books"]), (&json!(id), &json!(books)));
        }
        assert_eq!(api.call("HEAD", "/authors/", &Json::Null).0, 200);
        // a renderer that wants it all gets it all
        let html = api.call("GET", "/authors/?format=json", &Json::Null);
        assert_eq!(html.1.as_array().map(Vec::len), Some(3000));
    });
}
