//! CSV and JSON lines over the wire, on both databases: lists of any length, pages, errors, and how a client asks for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::fs;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bowline::doc::booking;
use bowline::prelude::*;
use bowline::renderers::{
    CSVRenderer, JSONLinesRenderer, ListContext, ListWriter, RenderContext, Renderer, Renderers, Unrenderable,
};
use bowline::testing::{Answer, Client};
use bowline::value;
use http_body_util::BodyExt;
use support::Database as Db;
use tower::ServiceExt;

mod writer {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "writer")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub works: HasMany<super::work::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod work {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "work")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        pub writer_id: i64,
        #[sea_orm(belongs_to, from = "writer_id", to = "id")]
        pub writer: HasOne<super::writer::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// More than are sent at once, by several portions.
const MANY: u32 = 5_000;

/// `id=1&room_id=2…` on a line, out of a list of any length.
#[derive(Debug)]
struct Pairs;

impl Renderer for Pairs {
    fn media_type(&self) -> &str {
        "text/x-pairs"
    }

    fn format(&self) -> &str {
        "pairs"
    }

    fn render(&self, data: &Data, _: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        out.extend_from_slice(b"whole:");
        out.extend_from_slice(&data.to_json()?);
        Ok(())
    }

    fn list_writer(&self, cx: &ListContext<'_>) -> Option<Box<dyn ListWriter>> {
        Some(Box::new(PairsOf(cx.fields?.to_vec())))
    }
}

#[derive(Debug)]
struct PairsOf(Vec<String>);

impl ListWriter for PairsOf {
    fn open(&mut self, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        out.extend_from_slice(format!("<{}>\n", self.0.join(" ")).as_bytes());
        Ok(())
    }

    fn row(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let row = Data::Json(json.to_vec());
        let row = row.to_value()?;
        let pairs: Vec<String> =
            self.0.iter().filter_map(|n| Some(format!("{n}={}", row.get(n)?.to_python_str()))).collect();
        out.extend_from_slice(format!("{}\n", pairs.join("&")).as_bytes());
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</>");
    }
}

fn api() -> DefaultRouter {
    let all = Renderers::json().and(CSVRenderer::new()).and(JSONLinesRenderer::new()).and(Pairs);
    let pages = Renderers::json().and(CSVRenderer::paginated()).and(JSONLinesRenderer::paginated());
    let chosen = Renderers::of(CSVRenderer::new().header(["works.1.title", "name"]).labels([("name", "Writer")]));
    let with_works = || {
        let titles = ModelSerializer::<work::Entity>::new().fields(["title"]);
        let serializer = ModelSerializer::<writer::Entity>::new().fields(["id", "name", "works"]);
        ModelViewSet::<writer::Entity>::new().serializer(serializer.nested("works", titles, |works| works.read_only()))
    };
    DefaultRouter::new()
        .describe(
            Model::<work::Entity>::new().foreign_key(work::Column::WriterId, |writer| writer.related_name("works")),
        )
        .register("bookings", ModelViewSet::<booking::Entity>::new().renderers(all.clone()))
        .register(
            "pages",
            ModelViewSet::<booking::Entity>::new()
                .basename("page")
                .pagination(PageNumberPagination::new(2))
                .renderers(pages),
        )
        .register("writers", with_works().renderers(all.clone()))
        .register("chosen", with_works().basename("chosen").renderers(chosen))
        .register("works", ModelViewSet::<work::Entity>::new().renderers(all))
}

struct Site {
    client: Client,
    app: Router,
}

impl Site {
    async fn new(database: &Db) -> Site {
        let app = api().into_axum(&database.url()).await.unwrap();
        Site { client: Client::of(app.clone()), app }
    }

    async fn get(&self, path: &str) -> Answer {
        self.client.get(path).await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        String::from_utf8(answer.body).unwrap()
    }

    async fn accepting(&self, path: &str, accept: &str) -> Answer {
        let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
        self.client.request(request).await.unwrap()
    }

    /// Whether a list is written while it is read, and how many bytes and line ends it has.
    async fn flow(&self, path: &str) -> (bool, usize, usize) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let mut body = self.app.clone().oneshot(request).await.unwrap().into_body();
        let flows = http_body::Body::size_hint(&body).exact().is_none();
        let (mut bytes, mut lines) = (0, 0);
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            bytes += data.len();
            lines += data.iter().filter(|byte| **byte == b'\n').count();
        }
        (flows, bytes, lines)
    }
}

fn bookings(database: &Db, rows: u32) {
    let numbers = match database {
        Db::Sqlite(_) => format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO booking (room_id, start, \"end\", note) SELECT"
        ),
        Db::Postgres(_) => "INSERT INTO booking (room_id, start, \"end\", note) SELECT".to_owned(),
    };
    let from = match database {
        Db::Sqlite(_) => "n".to_owned(),
        Db::Postgres(_) => format!("generate_series(1, {rows}) AS n(i)"),
    };
    database.run(&format!("{numbers} i, i, i + 1, 'a, \"' || i || '\"' FROM {from}"));
}

/// What djangorestframework-csv 3.0.2 wrote for values made at random.
#[test]
fn csv_is_that_of_the_package() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("../data/csv.json")).unwrap();
    for case in &cases {
        let header = CSVRenderer::new().header(["name", "a.b", "id", "a.0"]);
        let renderer = match case["kind"].as_str().unwrap() {
            "plain" => CSVRenderer::new(),
            "header" => header,
            "labels" => header.labels([("name", "The, name"), ("a.0", "First")]),
            "under" => CSVRenderer::new().level_separator("_"),
            "page" => CSVRenderer::paginated(),
            other => panic!("{other}"),
        };
        let mut out = Vec::new();
        let cx = RenderContext {
            accepted: "text/csv",
            request: &Context::default(),
            name: "",
            description: "",
            status: http::StatusCode::OK,
            headers: &http::HeaderMap::new(),
        };
        renderer.render(&Data::Json(case["data"].as_str().unwrap().as_bytes().to_vec()), &cx, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), case["csv"].as_str().unwrap(), "{case}");
    }
    assert_eq!(cases.len(), 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_objects_and_errors() {
    for database in [Db::sqlite(), Db::postgres()] {
        let site = Site::new(&database).await;
        // nothing has no type
        let empty = site.get("/bookings/?format=csv").await;
        assert_eq!((empty.status.as_u16(), empty.body.len(), empty.header("content-type")), (200, 0, None));
        assert_eq!(site.text("/bookings.jsonl").await, "");
        bookings(&database, 2);
        let answer = site.get("/bookings/?format=csv").await;
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
        assert_eq!(answer.header("vary"), Some("Accept"));
        assert_eq!(
            String::from_utf8(answer.body).unwrap(),
            "end,id,note,room_id,start\r\n2,1,\"a, \"\"1\"\"\",1,1\r\n3,2,\"a, \"\"2\"\"\",2,2\r\n"
        );
        let answer = site.accepting("/bookings/", "application/x-ndjson").await;
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(
            String::from_utf8(answer.body).unwrap(),
            "{\"id\":1,\"room_id\":1,\"start\":1,\"end\":2,\"note\":\"a, \\\"1\\\"\"}\n\
             {\"id\":2,\"room_id\":2,\"start\":2,\"end\":3,\"note\":\"a, \\\"2\\\"\"}\n"
        );
        assert_eq!(site.text("/bookings/2.csv").await, "end,id,note,room_id,start\r\n3,2,\"a, \"\"2\"\"\",2,2\r\n");
        assert_eq!(site.text("/bookings/9.csv").await, "detail\r\nNo Booking matches the given query.\r\n");
        assert_eq!(site.text("/bookings/9.jsonl").await, "{\"detail\":\"No Booking matches the given query.\"}\n");
        let wrong = site.client.post("/bookings.csv", value!({"start": "x", "end": 1})).await.unwrap();
        assert_eq!(wrong.status, 400);
        assert_eq!(
            String::from_utf8(wrong.body).unwrap(),
            "room_id.0,start.0\r\nThis field is required.,A valid biginteger is required.\r\n"
        );
        assert_eq!(site.accepting("/bookings/", "text/html").await.status, 406);
        assert_eq!(site.accepting("/bookings.csv", "application/json").await.status, 406);
        assert_eq!(site.get("/bookings/?format=zip").await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_their_rows() {
    for database in [Db::sqlite(), Db::postgres()] {
        let site = Site::new(&database).await;
        bookings(&database, 3);
        let page = site.text("/pages/?format=csv&page=2").await;
        assert_eq!(page, "end,id,note,room_id,start\r\n4,3,\"a, \"\"3\"\"\",3,3\r\n");
        assert_eq!(site.text("/pages.jsonl").await.lines().count(), 2);
        assert_eq!(site.text("/pages.csv?page=9").await, "detail\r\nInvalid page.\r\n");
        assert_eq!(site.text("/pages/1.csv").await.lines().count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_the_same_written_while_they_are_read() {
    for database in [Db::sqlite(), Db::postgres()] {
        let site = Site::new(&database).await;
        bookings(&database, MANY);
        let json = site.get("/bookings/").await.data;
        let rows: Vec<Value> = match json {
            Value::List(rows) => rows,
            other => panic!("{other:?}"),
        };
        assert_eq!(rows.len(), MANY as usize);
        for path in ["/bookings.csv", "/bookings.jsonl", "/bookings.pairs", "/bookings.json"] {
            assert!(site.flow(path).await.0, "{path} is put together in memory");
        }
        let csv = site.text("/bookings.csv").await;
        let int = |row: &Value, name: &str| row.get(name).unwrap().to_python_str().into_owned();
        let line = |row: &Value| {
            let [end, id, room, start] = ["end", "id", "room_id", "start"].map(|name| int(row, name));
            format!("{end},{id},\"a, \"\"{id}\"\"\",{room},{start}\r\n")
        };
        let expected: String = rows.iter().map(line).collect();
        assert_eq!(csv, format!("end,id,note,room_id,start\r\n{expected}"));
        let lines = site.text("/bookings.jsonl").await;
        assert!(lines.ends_with("}\n"), "{}", &lines[lines.len() - 50..]);
        let read: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let whole: serde_json::Value = serde_json::from_slice(&site.get("/bookings/").await.body).unwrap();
        assert_eq!(serde_json::Value::Array(read), whole);
        let own = site.text("/bookings.pairs").await;
        assert!(own.starts_with("<id room_id start end note>\nid=1&room_id=1&start=1&end=2&note=a, \"1\"\n"), "{own}");
        assert!(own.ends_with("\n</>"));
        assert_eq!(own.lines().count(), MANY as usize + 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_may_differ_have_all_columns_of_all() {
    for database in [Db::sqlite(), Db::postgres()] {
        let site = Site::new(&database).await;
        database.run(
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
             INSERT INTO writer (name) SELECT 'a' || i FROM n",
        );
        let last = site.get("/writers/1500/").await.data;
        assert_eq!(last.get("id"), Some(&Value::Int(1500)), "{last:?}");
        database.run("INSERT INTO work (title, writer_id) VALUES ('T1', 1500), ('T2', 1500)");
        let csv = site.text("/writers.csv").await;
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("id,name,works.0.title,works.1.title"));
        assert_eq!(lines.next(), Some("1,a1,,"));
        assert_eq!(lines.last(), Some("1500,a1500,T1,T2"));
        assert!(!site.flow("/writers.csv").await.0);
        // lines have no header, and what is chosen is known before
        assert!(site.flow("/writers.jsonl").await.0);
        let lines = site.text("/writers.jsonl").await;
        assert!(
            lines.ends_with("{\"id\":1500,\"name\":\"a1500\",\"works\":[{\"title\":\"T1\"},{\"title\":\"T2\"}]}\n")
        );
        assert!(site.flow("/chosen/").await.0);
        let chosen = site.text("/chosen/").await;
        assert!(chosen.starts_with("works.1.title,Writer\r\n,a1\r\n") && chosen.ends_with("\r\nT2,a1500\r\n"));
        // a key of another row is one value
        database.run("INSERT INTO work (title, writer_id) SELECT name, id FROM writer");
        assert!(site.flow("/works.csv").await.0);
        assert!(site.text("/works.csv").await.starts_with("id,title,writer\r\n1,T1,1500\r\n2,T2,1500\r\n3,a1,1\r\n"));
    }
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_million_rows_in_constant_memory() {
    const ROWS: u32 = 500_000;
    for database in [Db::sqlite(), Db::postgres()] {
        let site = Site::new(&database).await;
        bookings(&database, ROWS);
        let before = peak();
        for (path, lines) in [("/bookings.csv", ROWS + 1), ("/bookings.jsonl", ROWS)] {
            let (flows, bytes, found) = site.flow(path).await;
            assert_eq!((flows, found), (true, lines as usize), "{path}");
            assert!(bytes > 10 << 20, "{path}: {bytes}");
        }
        let grown = peak() - before;
        eprintln!("{}: {grown} KiB more at most", database.name());
        // other tests run at the same time
        assert!(grown < 64 << 10, "{}: {grown} KiB", database.name());
    }
}
