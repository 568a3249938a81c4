//! The tables of a Django application as entities with their descriptions, held against what Django really made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use crate::support;

use crate::models;

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use bowline::model::{
    AutoNow, Choice, ColumnKind, Comparison, Condition, Format, ManyToManyMeta, Model, ModelMeta, OnDelete, OrderMeta,
    Period,
};
use bowline::prelude::*;
use bowline::store::{Store, StoreOptions, catalogue};
use http_body_util::BodyExt;
use serde_json::{Map, Value as Json, json};
use support::Database;
use tower::ServiceExt;

macro_rules! entities {
    ($($described:ident)+; $($plain:ident)+) => {
        /// A view set of every entity.
        fn every(router: DefaultRouter) -> DefaultRouter {
            router
                $(.register(stringify!($described), ModelViewSet::<models::$described::Entity>::new()))+
                $(.register(stringify!($plain), ModelViewSet::<models::$plain::Entity>::new()))+
        }

        /// What is said of every model.
        fn metas() -> Vec<ModelMeta> {
            vec![
                $(models::$described::model().meta().clone(),)+
                $(Model::<models::$plain::Entity>::new().meta().clone(),)+
            ]
        }
    };
}

entities!(
    account attachment author author_profile book collection content_type document entry event group job loan member
    permission publisher review sample seat session shelf shelf_item shelf_lock strict tag token user;
    book_tag entry_tag group_permission user_group user_permission
);

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs what logs nothing above information.
fn quietly<T>(work: impl Future<Output = T>) -> T {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = tracing::subscriber::with_default(subscriber, || runtime.block_on(work));
    let warnings = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(warnings, "");
    done
}

fn databases() -> [Database; 2] {
    [Database::django_sqlite(), Database::django_postgres()]
}

#[test]
fn view_sets_show_what_django_made() {
    let [on_sqlite, on_postgres] = databases().map(|database| {
        quietly(async {
            let started = every(models::describe(DefaultRouter::new())).into_axum(&database.url()).await;
            let router = started.unwrap_or_else(|error| panic!("{}:\n{error}", database.name()));
            let root: Json = serde_json::from_slice(&get(&router, "/").await).unwrap();
            let mut found = Vec::new();
            for prefix in root.as_object().unwrap().keys() {
                let rows: Json = serde_json::from_slice(&get(&router, &format!("/{prefix}/")).await).unwrap();
                found.push((prefix.clone(), rows));
            }
            found
        })
    });
    for (sqlite, postgres) in on_sqlite.iter().zip(&on_postgres) {
        assert_eq!(sqlite, postgres);
        // the fixture has rows of every model
        assert_ne!(sqlite.1, json!([]), "{}", sqlite.0);
    }
}

/// The errors of a POST.
async fn refused(router: &axum::Router, path: &str, body: Json) -> Json {
    let request = Request::post(path).header("host", "testserver").header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// The body of an answer.
async fn get(router: &axum::Router, path: &str) -> Vec<u8> {
    let request = Request::get(path).header("host", "testserver").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    body.into()
}

#[test]
fn a_model_has_rules_and_words_of_its_own() {
    for database in databases() {
        quietly(async {
            let api = models::describe(DefaultRouter::new())
                .register("users", ModelViewSet::<models::user::Entity>::new())
                .register("books", ModelViewSet::<models::book::Entity>::new());
            let router = api.into_axum(&database.url()).await.unwrap();
            let user = json!({"username": "no spaces", "password": "x"});
            let message =
                "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
            assert_eq!(refused(&router, "/users/", user).await["username"], json!([message]));
            let user = json!({"username": "admin", "password": "x"});
            let message = "A user with that username already exists.";
            assert_eq!(refused(&router, "/users/", user).await["username"], json!([message]));
            let errors = refused(&router, "/books/", json!({"isbn": "9780000000001"})).await;
            assert_eq!(errors["title"], json!(["This field is required."]));
            assert_eq!(errors["isbn"], json!(["book with this ISBN already exists."]));
        });
    }
}

#[test]
fn models_say_what_django_says() {
    let known: Map<String, Json> = serde_json::from_str(include_str!("../data/models.json")).unwrap();
    for database in databases() {
        let mut models = metas();
        quietly(async {
            let store = Store::connect(&database.url(), StoreOptions::default()).await.unwrap();
            let tables: Vec<_> = models.iter().map(|model| (None, model.table.clone())).collect();
            let infos = catalogue::read(&store, &tables).await.unwrap();
            catalogue::complete(&mut models, &infos, store.dialect()).unwrap();
        });
        assert_eq!(models.len(), known.len());
        for model in &models {
            let known = &known[&model.table];
            let said = brief(said(model, known["name"].is_string()));
            for (name, known) in known.as_object().unwrap() {
                let place = format!("{name} of {} on {}", model.name, database.name());
                match (known, &said[name]) {
                    (Json::Array(known), Json::Array(said)) if known.len() == said.len() => {
                        known.iter().zip(said).for_each(|(known, said)| assert_eq!(said, known, "{place}"));
                    }
                    (known, said) => assert_eq!(said, known, "{place}"),
                }
            }
            assert_eq!(said.as_object().unwrap().len(), known.as_object().unwrap().len(), "{said}");
        }
    }
}

/// A model as `data/models.py` writes it.
fn said(model: &ModelMeta, named: bool) -> Json {
    let is_relation = |n: &usize| model.relations.iter().any(|relation| relation.columns == [*n]);
    let names = |columns: &[usize]| columns.iter().map(|n| &model.columns[*n].name).cloned().collect::<Vec<_>>();
    let (relations, columns): (Vec<_>, Vec<_>) = (0..model.columns.len()).partition(is_relation);
    let order =
        |order: &OrderMeta| format!("{}{}", if order.descending { "-" } else { "" }, model.columns[order.column].name);
    let together = model.uniques.iter().filter(|unique| unique.declared && unique.columns.len() > 1);
    let mut said = json!({
        "ordering": model.ordering.iter().map(order).collect::<Vec<_>>(),
        "columns": columns.iter().map(|n| column(model, *n)).collect::<Vec<_>>(),
        "relations": relations.iter().map(|n| column(model, *n)).collect::<Vec<_>>(),
        "many_to_many": model.many_to_many.iter().map(many).collect::<Vec<_>>(),
        "unique_together": together.map(|unique| names(&unique.columns)).collect::<Vec<_>>(),
        "constraints": model.constraints.iter().map(|constraint| json!({
            "name": constraint.name,
            "columns": names(&constraint.columns),
            "condition": constraint.condition.as_ref().map(|condition| [match condition {
                Condition::IsNull(column, wanted) => json!([format!("{column}__isnull"), wanted]),
                Condition::Compare(column, Comparison::Eq, value) => json!([column, plain(value)]),
                other => panic!("{other:?}"),
            }]),
            "message": constraint.message,
            "code": constraint.code,
        })).collect::<Vec<_>>(),
        "unique_for": model.unique_for.iter().map(|unique| {
            let period = match unique.period {
                Period::Date => "date",
                Period::Month => "month",
                Period::Year => "year",
            };
            json!([model.columns[unique.column].name, model.columns[unique.date].name, period])
        }).collect::<Vec<_>>(),
    });
    if named {
        said["name"] = json!(model.name);
        said["app_label"] = json!(model.app_label());
        said["verbose_name"] = json!(model.verbose_name());
        said["verbose_name_plural"] = json!(model.verbose_name_plural());
    }
    said
}

fn column(model: &ModelMeta, n: usize) -> Json {
    let column = &model.columns[n];
    let attributes = &column.attributes;
    let text = matches!(column.kind, ColumnKind::Char(_) | ColumnKind::Text);
    let (kind, max_length, digits) = match column.kind {
        ColumnKind::Boolean => ("boolean", None, None),
        ColumnKind::SmallInteger => ("small", None, None),
        ColumnKind::Integer => ("integer", None, None),
        ColumnKind::BigInteger => ("big", None, None),
        ColumnKind::Float => ("float", None, None),
        ColumnKind::Char(length) => ("char", length, None),
        ColumnKind::Text => ("text", None, None),
        ColumnKind::Json => ("json", None, None),
        ColumnKind::Uuid => ("uuid", None, None),
        ColumnKind::DateTime(_) => ("datetime", None, None),
        ColumnKind::Date => ("date", None, None),
        ColumnKind::Time => ("time", None, None),
        ColumnKind::Decimal(digits) => ("decimal", None, digits),
        ColumnKind::Duration => ("duration", None, None),
        ColumnKind::Inet => ("inet", None, None),
        _ => ("?", None, None),
    };
    let choices = attributes.choices.iter().map(|choice| match choice {
        Choice::Option(value, label) => json!([plain(value), label]),
        Choice::Group(name, options) => {
            json!([name, options.iter().map(|(value, label)| json!([plain(value), label])).collect::<Vec<_>>()])
        }
    });
    let default = column.default_value().map(|value| match &value {
        Value::Uuid(_) => json!({"made": "UUID"}),
        Value::DateTime(_) => json!({"made": "datetime"}),
        value => json!({"value": plain(value)}),
    });
    let mut said = json!({
        "name": column.name,
        "column": column.column,
        "kind": kind,
        "format": attributes.format.as_ref().map(|format| match format {
            Format::Email => "email".to_owned(),
            Format::Slug(_) => "slug".to_owned(),
            Format::Url => "url".to_owned(),
            Format::Ip(protocol) => (*protocol).to_owned(),
            Format::File(folder) => format!("file {folder}"),
            Format::Image(folder) => format!("image {folder}"),
            other => panic!("{other:?}"),
        }),
        "max_length": max_length,
        "digits": digits,
        "positive": attributes.positive,
        "min_value": attributes.min_value.as_ref().map(ToString::to_string),
        "max_value": attributes.max_value.as_ref().map(ToString::to_string),
        "choices": choices.collect::<Vec<_>>(),
        "verbose_name": column.verbose_name(),
        "help_text": attributes.help_text.as_ref().or(column.comment.as_ref()),
        "null": column.null,
        "optional": column.null || column.has_default || attributes.blank,
        "allow_blank": text && attributes.blank && !matches!(attributes.format, Some(Format::File(_) | Format::Image(_))),
        // that of a constraint is said there
        "unique": model.uniques.iter().any(|unique| unique.declared && unique.columns == [n]),
        "key": model.primary_key == [n],
        "editable": !attributes.not_editable,
        "default": default,
        "auto_now": attributes.auto_now.map(|moment| match moment {
            AutoNow::Add => "add",
            AutoNow::Save => "save",
        }),
        "unique_message": attributes.unique_message,
    });
    if let Some(relation) = model.relations.iter().find(|relation| relation.columns == [n]) {
        said["to"] = json!(relation.to_table);
        said["to_column"] = json!(relation.to_columns[0]);
        said["on_delete"] = json!(match relation.on_delete {
            OnDelete::Protect => "PROTECT",
            OnDelete::Cascade => "CASCADE",
            OnDelete::SetNull => "SET_NULL",
            OnDelete::SetDefault => "SET_DEFAULT",
        });
        said["related_name"] = json!(relation.related_name);
        said["one_to_one"] = json!(relation.one_to_one);
    }
    said
}

fn many(many: &ManyToManyMeta) -> Json {
    json!({
        "name": many.name,
        "verbose_name": many.verbose_name(),
        "help_text": many.help_text,
        "blank": many.blank,
        "to": many.to_table,
        "table": many.table,
        "from_column": many.from_column,
        "to_column": many.to_column,
        "related_name": many.related_name,
    })
}

fn plain(value: &Value) -> Json {
    let mut out = Vec::new();
    bowline::value::write::value(value, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// Without what is empty.
fn brief(said: Json) -> Json {
    let empty = [Json::Null, json!(false), json!(""), json!([])];
    match said {
        Json::Object(map) if !map.contains_key("value") => map
            .into_iter()
            .filter(|(_, value)| !empty.contains(value))
            .map(|(name, value)| (name, brief(value)))
            .collect(),
        Json::Array(items) => items.into_iter().map(brief).collect(),
        other => other,
    }
}
