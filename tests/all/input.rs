//! No input gives a 5xx, and none poisons what is read afterwards (drf.md 1.22), on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bowline::prelude::*;
use bowline::value::Value;
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tower::ServiceExt;

/// One column of each kind that there is a field for.
mod sample {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sample")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub flag: Option<bool>,
        pub small: Option<i16>,
        pub number: Option<i32>,
        pub big: Option<i64>,
        pub ratio: Option<f64>,
        #[sea_orm(column_type = "String(StringLen::N(20))")]
        pub name: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub text: Option<String>,
        #[sea_orm(column_type = "JsonBinary")]
        pub data: Option<Json>,
        pub key: Option<Uuid>,
        pub at: Option<DateTimeUtc>,
        pub day: Option<Date>,
        #[sea_orm(unique)]
        pub code: Option<i64>,
        pub parent_id: Option<i64>,
        #[sea_orm(
            belongs_to,
            from = "parent_id",
            to = "id",
            self_ref,
            relation_enum = "Parent",
            relation_reverse = "Children"
        )]
        pub parent: HasOne<Entity>,
        #[sea_orm(self_ref, relation_enum = "Children", relation_reverse = "Parent")]
        pub children: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const FIELDS: [&str; 14] =
    ["id", "flag", "small", "number", "big", "ratio", "name", "text", "data", "key", "at", "day", "code", "parent"];

struct Api {
    router: axum::Router,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    fn new(database: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let api = DefaultRouter::new()
            .register("samples", ModelViewSet::<sample::Entity>::new().pagination(PageNumberPagination::new(5)));
        let router = runtime.block_on(api.into_axum(database)).unwrap();
        Api { router, runtime }
    }

    /// The status and the body; anything that hangs is a failure.
    fn call(&self, method: &str, uri: &str, content_type: Option<&str>, body: Vec<u8>) -> Option<(u16, Vec<u8>)> {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        // what is no request for hyper never reaches us
        let request = request.body(Body::from(body)).ok()?;
        self.runtime.block_on(async {
            let answer = tokio::time::timeout(Duration::from_secs(20), self.router.clone().oneshot(request)).await;
            let response = answer.expect("a request hangs").unwrap();
            let status = response.status().as_u16();
            Some((status, response.into_body().collect().await.unwrap().to_bytes().to_vec()))
        })
    }

    fn check(&self, method: &str, uri: &str, content_type: Option<&str>, body: Vec<u8>) -> Result<u16, TestCaseError> {
        let shown = String::from_utf8_lossy(&body).chars().take(300).collect::<String>();
        let Some((status, answer)) = self.call(method, uri, content_type, body) else { return Ok(0) };
        let answer_text = String::from_utf8_lossy(&answer).into_owned();
        prop_assert!(status < 500, "{method} {uri} {shown}: {status} {answer_text}");
        if status != 204 && !answer.is_empty() && !answer_text.contains("<!doctype") {
            // serde_json has no room for integers of thousands of digits, which are JSON all the same
            prop_assert!(bowline::value::json::parse(&answer).is_ok(), "{method} {uri}: {answer_text}");
        }
        if status == 400 {
            for secret in ["SQL", "constraint failed", "violates", "panicked", "relation \""] {
                prop_assert!(!answer_text.contains(secret) || shown.contains(secret), "driver text: {answer_text}");
            }
        }
        Ok(status)
    }

    /// Everything that is there can be read.
    fn check_readable(&self) -> Result<(), TestCaseError> {
        let mut page = 1;
        loop {
            let (status, body) = self.call("GET", &format!("/samples/?page={page}"), None, Vec::new()).unwrap();
            prop_assert!(status == 200, "the list is poisoned: {status} {}", String::from_utf8_lossy(&body));
            let body = bowline::value::json::parse(&body);
            prop_assert!(body.is_ok(), "the list is no JSON");
            let Ok(Value::Map(body)) = body else { return Ok(()) };
            if body.get("next") == Some(&Value::Null) || page > 3 {
                return Ok(());
            }
            page += 1;
        }
    }
}

/// JSON text that a hostile client may send: numbers without end, lone surrogates, NUL, deep nesting, NaN.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".into()),
        Just("\"\"".into()),
        Just("\"\\u0000\"".into()),
        Just("\"\\ud800\"".into()),
        Just("\"\\udc00\\ud800x\"".into()),
        Just("\"\\ud83d\\ude00\"".into()),
        Just("NaN".into()),
        Just("-Infinity".into()),
        Just("1e999".into()),
        Just("-0".into()),
        Just("-0.0".into()),
        Just("1E400".into()),
        Just("9223372036854775807".into()),
        Just("9223372036854775808".into()),
        Just("-9223372036854775809".into()),
        Just("\"inf\"".into()),
        Just("\"1_000\"".into()),
        Just("\"٣\"".into()),
        Just("\"2024-02-30\"".into()),
        Just("\"0001-01-01T00:00:00+23:59\"".into()),
        Just("\"9999-12-31T23:59:59-23:59\"".into()),
        Just("\"2024-05-06T07:08:09.123456+02:00\"".into()),
        Just("\"2024-W01-1\"".into()),
        Just("\"{00000000-0000-4000-8000-000000000003}\"".into()),
        "[0-9]{1,30}",
        "[0-9]{4200,4400}",
        "-?[0-9]{1,3}\\.[0-9]{1,20}(e-?[0-9]{1,3})?",
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}")),
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        "\"[ -~]{0,40}\"".prop_map(|s: String| s.replace('\\', "/")),
        (1_usize..3000).prop_map(|n| format!("{}{}", "[".repeat(n), "]".repeat(n))),
        (1_usize..3000).prop_map(|n| "{\"a\":".repeat(n)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-c\u{0}\u{2028}]{0,2}", inner), 0..4).prop_map(|items| {
                let pairs: Vec<_> =
                    items.iter().map(|(k, v)| format!("{}:{v}", serde_json::to_string(k).unwrap())).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

/// A body with some fields, each of them anything; keys may come twice.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let field = (prop::sample::select(FIELDS.to_vec()), json_text());
    let object = prop::collection::vec(field, 0..5).prop_map(|fields| {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", pairs.join(",")).into_bytes()
    });
    prop_oneof![
        8 => object,
        1 => json_text().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => body_cut_short(),
    ]
}

fn body_cut_short() -> impl Strategy<Value = Vec<u8>> {
    (json_text(), 0_usize..40).prop_map(|(text, cut)| {
        let mut bytes = format!("{{\"text\":{text}}}").into_bytes();
        bytes.truncate(bytes.len().saturating_sub(cut));
        bytes
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (1_i64..6).prop_map(|n| n.to_string()),
        1 => "[0-9]{1,40}",
        1 => Just("%00".to_owned()),
        1 => Just("%ff%fe".to_owned()),
        1 => Just("+1".to_owned()),
        1 => Just("1_0".to_owned()),
        1 => Just("%D9%A3".to_owned()),
        1 => Just("1e3".to_owned()),
        1 => Just("-9223372036854775809".to_owned()),
        1 => "[a-z%0-9.;,'\"~-]{1,12}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        1 => "(page|format|x)=[0-9a-z%+&=.-]{0,30}",
        1 => "page=[0-9]{1,40}",
        1 => Just("page=last".to_owned()),
        1 => Just("page=%00&page=%ff".to_owned()),
        1 => Just("format=json&page=2".to_owned()),
    ]
}

fn requests() -> impl Strategy<Value = (&'static str, String, Option<&'static str>, Vec<u8>)> {
    let method =
        prop::sample::select(vec!["GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"]);
    let content_type = prop_oneof![
        12 => Just(Some("application/json")),
        1 => Just(None),
        1 => Just(Some("text/plain")),
        1 => Just(Some("application/json; charset=zlib")),
        1 => Just(Some("application/json; charset=rot13")),
        1 => Just(Some("multipart/form-data")),
        1 => Just(Some("APPLICATION/JSON;charset=UTF-8")),
    ];
    (method, prop::option::of(key()), query(), content_type, body()).prop_map(
        |(method, key, query, content_type, body)| {
            let path = match (method, key) {
                ("POST", _) | (_, None) => "/samples/".to_owned(),
                (_, Some(key)) => format!("/samples/{key}/"),
            };
            let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
            (method, uri, content_type, body)
        },
    )
}

fn hold(database: &str, cases: u32) {
    let api = Api::new(database);
    for n in 0..3 {
        let (status, body) = api
            .call("POST", "/samples/", Some("application/json"), format!("{{\"name\":\"n{n}\"}}").into_bytes())
            .unwrap();
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&requests(), |(method, uri, content_type, body)| {
            let status = api.check(method, &uri, content_type, body)?;
            if matches!(status, 200 | 201) && method != "GET" {
                api.check_readable()?;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| {
            let text: String = failure.to_string().chars().take(2000).collect();
            panic!("{text}");
        });
    api.check_readable().unwrap();
}

#[test]
fn no_input_gives_a_5xx_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    hold(folder.path().join("db.sqlite3").to_str().unwrap(), 2000);
}

#[test]
fn no_input_gives_a_5xx_on_postgres() {
    hold(&support::Postgres::shared().database(), 2000);
}

/// The rows of drf.md 1.22 that this API can meet, by name.
#[test]
fn what_drf_answers_with_500_is_a_4xx() {
    let folder = tempfile::tempdir().unwrap();
    for database in
        [folder.path().join("db.sqlite3").to_str().unwrap().to_owned(), support::Postgres::shared().database()]
    {
        let api = Api::new(&database);
        let post = |body: &str| {
            let (status, body) = api.call("POST", "/samples/", Some("application/json"), body.into()).unwrap();
            (status, String::from_utf8(body).unwrap())
        };
        let json = (400, r#"{"data":["Value must be valid JSON."]}"#.to_owned());
        assert_eq!(post(r#"{"data":"\ud800"}"#), json);
        assert_eq!(post(r#"{"data":{"\ud800":1}}"#), json);
        assert_eq!(post(r#"{"data":["\u0000"]}"#), json);
        assert_eq!(post(r#"{"data":1e999}"#), json);
        let number = (400, r#"{"ratio":["A valid number is required."]}"#.to_owned());
        assert_eq!(post(r#"{"ratio":"nan"}"#), number);
        assert_eq!(post(r#"{"ratio":1e999}"#), number);
        assert_eq!(post(&"[".repeat(200_000)).0, 400);
        assert_eq!(post(r#"{"text":"a\u0000b"}"#), (400, r#"{"text":["Null characters are not allowed."]}"#.into()));
        let surrogate = r#"{"text":["Surrogate characters are not allowed: U+D800."]}"#;
        assert_eq!(post(r#"{"text":"\ud800"}"#), (400, surrogate.into()));
        assert_eq!(post(r#"{"text":"a","text":"b"}"#).0, 201, "of equal keys the last one counts");
        assert!(post(r#"{"big":9223372036854775808}"#).0 == 400);
        assert_eq!(post(r#"{"code":5}"#).0, 201);
        let taken = post(r#"{"code":5,"parent":77}"#);
        assert_eq!(taken.0, 400);
        assert!(taken.1.contains("code") && taken.1.contains("Invalid pk \\\"77\\\""), "{}", taken.1);
        for key in ["%00", "999999999999999999999999999999", "x", "1.5"] {
            let (status, _) = api.call("GET", &format!("/samples/{key}/"), None, Vec::new()).unwrap();
            assert_eq!(status, 404, "{key}");
        }
        assert_eq!(api.call("GET", "/samples/?page=99999999999999999999999999", None, Vec::new()).unwrap().0, 404);
        api.check_readable().unwrap();
    }
}
