//! Columns of JSON in every kind of answer, on both databases: compact, whichever way the value came from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

use bowline::fields::{CharField, Field, IntegerField, JSONField, ReadOnlyField};
use bowline::model::Model as Description;
use bowline::prelude::*;
use bowline::testing::Client;
use bowline::value;
use sea_orm::EntityTrait;
use support::Database;

mod folder {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "folder")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub papers: HasMany<super::paper::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod paper {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "paper")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub blob: Json,
        #[sea_orm(column_type = "Json", nullable)]
        pub plain: Option<Json>,
        pub folder_id: Option<i64>,
        #[sea_orm(belongs_to, from = "folder_id", to = "id")]
        pub folder: HasOne<super::folder::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Writes a value of its own beside the body's.
struct Stamp;

#[bowline::async_trait]
impl ViewSetHooks<paper::Entity> for Stamp {
    async fn perform_create(&self, save: &mut Save<'_, paper::Entity>) -> bowline::Result<()> {
        save.set(paper::Column::Plain, serde_json::json!({"by": ["a", "hook"], "n": 1}));
        save.save().await
    }

    async fn perform_update(&self, save: &mut Save<'_, paper::Entity>) -> bowline::Result<()> {
        let before: Option<String> = save.get(paper::Column::Blob)?;
        save.set(paper::Column::Plain, serde_json::json!({"before": before}));
        save.save().await
    }
}

async fn touch(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.get_object::<paper::Entity>().await?;
    assert!(paper::Entity::find_by_id(found.id).one(action.tx()?).await.is_ok());
    action.representation().await
}

fn router() -> DefaultRouter {
    let papers = || ModelSerializer::<paper::Entity>::new().fields(["id", "name", "blob", "plain"]);
    let views = papers()
        .fields(["id", "blob", "text", "same", "method", "binary"])
        .declare(Field::new("text", CharField::new()).source("blob").read_only())
        .declare(ReadOnlyField::named("same").source("blob"))
        .declare(Field::new("binary", JSONField::new().binary(true)).source("blob").read_only())
        .method("method", |row, _| row.value(paper::Column::Blob).clone());
    let folders = ModelSerializer::<folder::Entity>::new().fields(["id", "name", "papers"]).nested(
        "papers",
        papers().declare(Field::new("id", IntegerField::new()).required(false)),
        |papers| papers,
    );
    DefaultRouter::new()
        .describe(
            Description::<paper::Entity>::new()
                .foreign_key(paper::Column::FolderId, |folder| folder.related_name("papers")),
        )
        .register(
            "papers",
            ModelViewSet::<paper::Entity>::new()
                .serializer(papers())
                .create_many(Lists::Also)
                .update_many([Action::Update, Action::PartialUpdate])
                .action(ExtraAction::detail("touch").post(touch)),
        )
        .register("hooked", ModelViewSet::new().serializer(papers()).hooks(Stamp).basename("hooked"))
        .register(
            "views",
            ModelViewSet::new().serializer(views).basename("views").actions([
                Action::List,
                Action::Retrieve,
                Action::PartialUpdate,
            ]),
        )
        .register("folders", ModelViewSet::new().serializer(folders))
}

/// Whether no blank stands outside of text.
fn is_compact(body: &[u8]) -> bool {
    let mut within = false;
    let mut escaped = false;
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            b' ' | b'\n' | b'\t' if !within => return false,
            _ => {}
        }
    }
    true
}

#[tokio::test]
async fn every_answer_is_compact() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), router()).await.unwrap();
        let blob = || value!({"size": 7, "tags": ["a b", {"n": null}]});
        let paper = |name: &str| value!({"name": name, "blob": blob(), "plain": {"k": [1, 2]}});
        let sent = [
            ("POST", "/papers/", paper("one")),
            ("POST", "/papers/", value!([{"name": "two", "blob": [1, {"a": 2}], "plain": null}])),
            ("PATCH", "/papers/1/", value!({"name": "uno"})),
            ("PATCH", "/papers/1/", value!({"blob": {"a": [1, 2], "b": 3}})),
            ("PUT", "/papers/1/", paper("eins")),
            ("PATCH", "/papers/1/", value!({})),
            ("PATCH", "/papers/", value!([{"id": 1, "name": "un"}, {"id": 2, "name": "deux"}])),
            ("PUT", "/papers/", value!([{"id": 2, "name": "zwei", "blob": {"x": [1, 2]}}])),
            ("POST", "/papers/1/touch/", value!({})),
            ("POST", "/hooked/", paper("hook")),
            ("PATCH", "/hooked/1/", value!({"name": "hooked"})),
            ("GET", "/papers/", Value::Null),
            ("GET", "/papers/1/", Value::Null),
            ("POST", "/folders/", value!({"name": "f", "papers": [{"name": "in", "blob": {"a": [1, 2]}}]})),
            ("PATCH", "/folders/1/", value!({"name": "g"})),
            ("GET", "/folders/", Value::Null),
            ("PATCH", "/views/1/", value!({})),
            ("GET", "/views/", Value::Null),
        ];
        for (method, path, body) in sent {
            let answer = match method {
                "POST" => client.post(path, body).await,
                "PATCH" => client.patch(path, body).await,
                "PUT" => client.put(path, body).await,
                _ => client.get(path).await,
            };
            let answer = answer.unwrap();
            let text = String::from_utf8_lossy(&answer.body);
            let place = format!("{}: {method} {path}: {text}", database.name());
            assert!(answer.status.is_success(), "{place}");
            assert!(is_compact(&answer.body), "{place}");
        }
    }
}

/// A row shows the same whether it was just written or is read, but for the order of keys, which `jsonb` has of its own.
#[tokio::test]
async fn what_a_hook_writes_is_answered() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), router()).await.unwrap();
        let made = client.post("/hooked/", value!({"name": "a", "blob": {"a": [1, 2]}})).await.unwrap();
        assert_eq!(made.data["plain"], value!({"by": ["a", "hook"], "n": 1}), "{}", database.name());
        let changed = client.patch("/hooked/1/", value!({"name": "b"})).await.unwrap();
        // the text of a column of JSON is the same on both databases
        assert_eq!(changed.data["plain"], value!({"before": "{\"a\":[1,2]}"}), "{}", database.name());
        assert_eq!(changed.body, client.get("/hooked/1/").await.unwrap().body, "{}", database.name());
    }
}

/// Every field shows JSON alike, on both databases, in answers to reads and to writes.
#[tokio::test]
async fn other_fields_over_json() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), router()).await.unwrap();
        client.post("/papers/", value!({"name": "a", "blob": {"a": [1, null]}})).await.unwrap();
        let body = r#"{"id":1,"blob":{"a":[1,null]},"text":"{'a': [1, None]}","same":{"a":[1,null]},"method":{"a":[1,null]},"binary":"{\"a\": [1, null]}"}"#;
        let read = client.get("/views/1/").await.unwrap();
        assert_eq!(String::from_utf8_lossy(&read.body), body, "{}", database.name());
        for change in [value!({}), value!({"blob": {"a": [1, null]}})] {
            let written = client.patch("/views/1/", change).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&written.body), body, "{}", database.name());
        }
    }
}

/// Numbers, texts and keys of every kind come back as Python's `json` writes them; of a `jsonb` what PostgreSQL keeps of a number
/// (`1e16` is a whole number there), and keys in its own order.
#[tokio::test]
async fn values_as_python_writes_them() {
    let refused = r#"{"blob":["Value must be valid JSON."],"plain":["Value must be valid JSON."]}"#;
    let cases: [(&str, &str, &str); 20] = [
        ("1.0", "1.0", "1.0"),
        ("1e2", "100.0", "100.0"),
        ("1E-7", "1e-07", "1e-07"),
        ("1e16", "1e+16", "10000000000000000"),
        ("100000000000000000000000.0", "1e+23", "100000000000000000000000"),
        ("12345678901234567890123", "12345678901234567890123", "12345678901234567890123"),
        ("123456789012345678.5", "1.2345678901234568e+17", "123456789012345680"),
        ("0.30000000000000004", "0.30000000000000004", "0.30000000000000004"),
        ("5e-324", "5e-324", "5e-324"),
        ("-0", "0", "0"),
        ("-0.0", "-0.0", "0.0"),
        (r#"{"b":1,"a":2,"aa":3,"b":4}"#, r#"{"b":4,"a":2,"aa":3}"#, r#"{"a":2,"b":4,"aa":3}"#),
        (r#"[1.10, 2.50e1, {"z": {}, "y": [ ]}]"#, r#"[1.1,25.0,{"z":{},"y":[]}]"#, r#"[1.1,25.0,{"y":[],"z":{}}]"#),
        (r#"{"ü":"\u00fc \ud83d\ude00"}"#, r#"{"ü":"ü 😀"}"#, r#"{"ü":"ü 😀"}"#),
        (r#""</script>\u2028\/""#, r#""</script>\u2028/""#, r#""</script>\u2028/""#),
        (r#""\u001f\t""#, r#""\u001f\t""#, r#""\u001f\t""#),
        ("1e400", "", ""),
        ("-1e400", "", ""),
        (r#"{"a":"\u0000"}"#, "", ""),
        (r#"{"\ud800":1}"#, "", ""),
    ];
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), router()).await.unwrap();
        let send = async |method: &str, path: String, body: String| {
            let request = axum::http::Request::builder().method(method).uri(path);
            let request = request.header("content-type", "application/json").body(axum::body::Body::from(body));
            let answer = client.request(request.unwrap()).await.unwrap();
            (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned())
        };
        let mut id = 0;
        for (sent, answered, kept) in cases {
            let place = format!("{}: {sent}", database.name());
            let body = format!(r#"{{"name": "a", "blob": {sent}, "plain": {sent}}}"#);
            let made = send("POST", "/papers/".into(), body.clone()).await;
            if answered.is_empty() {
                assert_eq!(made, (400, refused.to_owned()), "{place}");
                continue;
            }
            id += 1;
            let shown = |json: &str| format!(r#"{{"id":{id},"name":"a","blob":{json},"plain":{json}}}"#);
            assert_eq!(made, (201, shown(answered)), "{place}");
            let kept = if database.name() == "SQLite" { answered } else { kept };
            assert_eq!(send("GET", format!("/papers/{id}/"), String::new()).await, (200, shown(kept)), "{place}");
            for method in ["PUT", "PATCH"] {
                let changed = send(method, format!("/papers/{id}/"), body.clone()).await;
                assert_eq!(changed, (200, shown(answered)), "{method} {place}");
            }
        }
    }
}
