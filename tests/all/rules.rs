//! Rules and hooks of fields that point at rows, of rows within rows and of whole bodies, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

use axum::body::Body;
use axum::http::Request;
use bowline::model::Model as Description;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use support::Database;
use tower::ServiceExt;

mod tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tag")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub slug: String,
        #[sea_orm(has_many, via = "book_tag")]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod genre {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "genre")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique)]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "author")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub email: String,
        #[sea_orm(default_value = true)]
        pub active: bool,
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
        pub title: String,
        pub lent: Option<Date>,
        pub author_id: Option<i64>,
        pub genre_id: Option<Uuid>,
        #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "SetNull")]
        pub author: HasOne<super::author::Entity>,
        #[sea_orm(belongs_to, from = "genre_id", to = "id", on_delete = "SetNull")]
        pub genre: HasOne<super::genre::Entity>,
        #[sea_orm(has_many, via = "book_tag")]
        pub tags: HasMany<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod book_tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "book_tag")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "pair")]
        pub book_id: i64,
        #[sea_orm(unique_key = "pair")]
        pub tag_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
        pub book: HasOne<super::book::Entity>,
        #[sea_orm(belongs_to, from = "tag_id", to = "id", on_delete = "Cascade")]
        pub tag: HasOne<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Makes the models known; authors 1 to 6 of whom 6 is not active, tags 1 to 4.
fn library() -> DefaultRouter {
    DefaultRouter::new()
        .describe(Description::<tag::Entity>::new())
        .describe(Description::<genre::Entity>::new())
        .describe(Description::<author::Entity>::new())
        .describe(
            Description::<book::Entity>::new()
                .foreign_key(book::Column::AuthorId, |author| author.related_name("books"))
                .many_to_many::<tag::Entity>("tags", |tags| tags.related_name("books").blank()),
        )
        .model::<book_tag::Entity>()
        .register("authors", ModelViewSet::<author::Entity>::new())
        .register("tags", ModelViewSet::<tag::Entity>::new())
        .register("genres", ModelViewSet::<genre::Entity>::new())
}

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

impl Api {
    fn new(database: &Database, router: DefaultRouter) -> Self {
        let api = Api::empty(database, router);
        for n in 1..=6 {
            api.post("/authors/", json!({"email": format!("a{n}@example.org"), "active": n != 6}));
        }
        for slug in ["a", "b", "c", "d"] {
            api.post("/tags/", json!({"slug": slug}));
        }
        api
    }

    fn empty(database: &Database, router: DefaultRouter) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let router = runtime.block_on(router.into_axum(&database.url())).unwrap();
        Api { runtime, router }
    }

    fn call(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header("host", "testserver").body(Body::from(body.to_string())).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
        })
    }

    fn post(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.call("POST", path, body);
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    fn refused(&self, method: &str, path: &str, body: Json, errors: Json) {
        assert_eq!(self.call(method, path, body.clone()), (400, errors), "{method} {path} {body}");
    }
}

/// How a body or an answer names the row with a key.
type Named = fn(i64) -> Json;

/// A rule about an author's key: neither 2 nor what is nowhere.
fn not_two(key: &Value) -> Result<(), ValidationError> {
    match key.as_int() {
        Some(2 | 77) => Err(ValidationError::new("Not that one.", "two")),
        Some(_) => Ok(()),
        None => Err(format!("a {} is no key", key.type_name()).into()),
    }
}

/// A hook that takes 1 for 3, 99 for 5, and refuses 4.
fn swap(key: Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
    match key.as_int() {
        Some(3) => Ok(1.into()),
        Some(4) => Err("Refused.".into()),
        Some(5) => Ok(99.into()),
        _ => Ok(key),
    }
}

fn books(author: RelatedField) -> ModelViewSet<book::Entity> {
    let author = author.allow_null(true).required(false).validator(not_two);
    let serializer =
        ModelSerializer::new().fields(["id", "title", "author"]).related(author).validate_field("author", swap);
    ModelViewSet::new().serializer(serializer).create_many(Lists::Also)
}

#[test]
fn rules_of_a_relation_to_one_judge_the_row_that_is_there() {
    Database::each(|database| {
        let bare = ModelSerializer::<book::Entity>::new()
            .fields(["id", "title", "author"])
            .field("author", |author| author.validator(not_two))
            .validate_field("author", swap);
        let active = RelatedField::primary_key("author").filter(Condition::eq("active", true));
        let router = library()
            .register("slug", books(RelatedField::slug("author", "email")).basename("slug"))
            .register("link", books(RelatedField::hyperlink("author", "author-detail")).basename("link"))
            .register("active", books(active).basename("active"))
            .register("bare", ModelViewSet::new().serializer(bare).create_many(Lists::Also).basename("bare"));
        let api = Api::new(database, router);
        let ways: [(&str, Named, Named, &str); 4] = [
            (
                "/slug/",
                |n| json!(format!("a{n}@example.org")),
                |n| json!(format!("a{n}@example.org")),
                "Object with email=a77@example.org does not exist.",
            ),
            (
                "/link/",
                |n| json!(format!("/authors/{n}/")),
                |n| json!(format!("http://testserver/authors/{n}/")),
                "Invalid hyperlink - Object does not exist.",
            ),
            ("/active/", |n| json!(n), |n| json!(n), "Invalid pk \"77\" - object does not exist."),
            ("/bare/", |n| json!(n), |n| json!(n), "Invalid pk \"77\" - object does not exist."),
        ];
        for (path, name, shown, nowhere) in ways {
            let body = |n: i64| json!({"title": "t", "author": name(n)});
            let one = api.post(path, body(1));
            assert_eq!(one["author"], shown(1));
            assert_eq!(api.post(path, body(3))["author"], shown(1), "{path}: what the hook answers is written");
            assert_eq!(api.post(path, json!({"title": "t", "author": null}))["author"], Json::Null);
            let own = format!("{path}{}/", one["id"]);
            for (method, path) in [("POST", path), ("PUT", &own), ("PATCH", &own)] {
                api.refused(method, path, body(2), json!({"author": ["Not that one."]}));
                api.refused(method, path, body(4), json!({"author": ["Refused."]}));
                api.refused(method, path, body(77), json!({"author": [nowhere]}));
                let (status, answer) = api.call(method, path, body(5));
                let said = answer["author"][0].as_str().unwrap_or_default();
                assert!(status == 400 && said.ends_with("bject does not exist."), "{path}: {status} {answer}");
                let both = json!({"title": ["This field may not be null."], "author": ["Refused."]});
                api.refused(method, path, json!({"title": null, "author": name(4)}), both);
            }
            assert_eq!(api.call("PATCH", &own, json!({"author": name(3)})).1["author"], shown(1));
            let list = json!([body(1), body(3), body(4)]);
            let (status, answer) = api.call("POST", path, list);
            assert_eq!((status, &answer), (400, &json!({"2": {"author": ["Refused."]}})), "{path}");
            assert_eq!(api.post(path, json!([body(1), body(3)]))[1]["author"], shown(1));
        }
        let inactive = json!({"author": ["Invalid pk \"6\" - object does not exist."]});
        api.refused("POST", "/active/", json!({"title": "t", "author": 6}), inactive);
    });
}

#[test]
fn rules_of_a_relation_to_many_judge_the_list_of_keys() {
    fn at_most_two(keys: &Value) -> Result<(), ValidationError> {
        match keys.as_list() {
            Some(keys) if keys.len() > 2 => Err("At most two.".into()),
            Some(_) => Ok(()),
            None => Err("no list".into()),
        }
    }
    /// Adds 1, takes 99 for 4, refuses 3.
    fn change(keys: Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let mut keys: Vec<i64> = keys.as_list().unwrap_or_default().iter().filter_map(Value::as_int).collect();
        if keys.contains(&3) {
            return Err("Refused.".into());
        }
        keys.iter_mut().filter(|key| **key == 4).for_each(|key| *key = 99);
        keys.push(1);
        Ok(Value::List(keys.into_iter().map(Value::from).collect()))
    }
    Database::each(|database| {
        let serializer = || ModelSerializer::<book::Entity>::new().fields(["id", "title", "tags"]);
        let derived = serializer().field("tags", |tags| tags.validator(at_most_two)).validate_field("tags", change);
        let slugs = RelatedField::slug("tags", "slug").validator(at_most_two);
        let slugs = serializer().related(slugs).validate_field("tags", change);
        let authors = ModelSerializer::<author::Entity>::new()
            .fields(["id", "email", "books"])
            .field("books", |books| books.validator(at_most_two).required(false))
            .validate_field("books", |keys, _| match keys.as_list() {
                Some([_, _]) => Err("Not two.".into()),
                _ => Ok(keys),
            });
        let router = library()
            .register("keys", ModelViewSet::new().serializer(derived).basename("keys"))
            .register("slugs", ModelViewSet::new().serializer(slugs).basename("slugs"))
            .register("writers", ModelViewSet::new().serializer(authors).basename("writers"));
        let api = Api::new(database, router);
        let ways: [(&str, Named); 2] =
            [("/keys/", |n| json!(n)), ("/slugs/", |n| json!(["a", "b", "c", "d"][n as usize - 1]))];
        for (path, name) in ways {
            let body = |keys: &[i64]| json!({"title": "t", "tags": keys.iter().map(|n| name(*n)).collect::<Vec<_>>()});
            let one = api.post(path, body(&[2]));
            assert_eq!(one["tags"], json!([name(1), name(2)]), "{path}: what the hook answers is written");
            let own = format!("{path}{}/", one["id"]);
            for (method, path) in [("POST", path), ("PUT", &own), ("PATCH", &own)] {
                api.refused(method, path, body(&[1, 2, 3]), json!({"tags": ["At most two."]}));
                api.refused(method, path, body(&[3]), json!({"tags": ["Refused."]}));
                let nowhere = json!({"tags": ["Invalid pk \"99\" - object does not exist."]});
                api.refused(method, path, body(&[4]), nowhere);
            }
            assert_eq!(api.call("PATCH", &own, json!({"tags": []})).1["tags"], json!([name(1)]));
        }
        let book = |n: i64| api.post("/keys/", json!({"title": n.to_string(), "tags": []}))["id"].clone();
        let ids: Vec<Json> = (0..3).map(book).collect();
        api.refused("PATCH", "/writers/1/", json!({"books": ids}), json!({"books": ["At most two."]}));
        api.refused("PATCH", "/writers/1/", json!({"books": ids[..2]}), json!({"books": ["Not two."]}));
        assert_eq!(api.call("PATCH", "/writers/1/", json!({"books": ids[..1]})).1["books"], json!(ids[..1]));
    });
}

#[test]
fn a_hook_is_given_keys_of_their_own_kind() {
    Database::each(|database| {
        let other = "4e1f4b54-44ac-4f7c-8c6a-6f0f3c6a7d11";
        let serializer = ModelSerializer::<book::Entity>::new()
            .fields(["id", "title", "genre"])
            .related(RelatedField::slug("genre", "name"))
            .validate_field("genre", move |key, _| match key {
                Value::Uuid(key) if key.to_string() == other => Err("Not that.".into()),
                Value::Uuid(_) => Ok(other.into()),
                key => Err(format!("a {} is no key", key.type_name()).into()),
            });
        let router = library().register("books", ModelViewSet::new().serializer(serializer));
        let api = Api::new(database, router);
        api.post("/genres/", json!({"id": "0a1f4b54-44ac-4f7c-8c6a-6f0f3c6a7d11", "name": "one"}));
        api.post("/genres/", json!({"id": other, "name": "other"}));
        assert_eq!(api.post("/books/", json!({"title": "t", "genre": "one"}))["genre"], "other");
        api.refused("POST", "/books/", json!({"title": "t", "genre": "other"}), json!({"genre": ["Not that."]}));
    });
}

#[test]
fn a_hook_comes_after_the_rules_of_its_field_and_judges_defaults_too() {
    Database::each(|database| {
        let tags = ModelSerializer::<tag::Entity>::new().field("slug", |slug| slug.default("none")).validate_field(
            "slug",
            |slug, _| match slug.as_str() {
                Some("none") => Ok("some".into()),
                Some("a") => Err("Refused.".into()),
                _ => Ok(slug),
            },
        );
        let mistaken = ModelSerializer::<book::Entity>::new()
            .fields(["id", "title", "tags"])
            .validate_field("tags", |_, _| Ok("none".into()));
        let router = library()
            .register("labels", ModelViewSet::new().serializer(tags).basename("labels"))
            .register("mistaken", ModelViewSet::new().serializer(mistaken).basename("mistaken"));
        let api = Api::new(database, router);
        // as in DRF, whose hook is not asked about a value that a validator refused
        api.refused("POST", "/labels/", json!({"slug": "a"}), json!({"slug": ["tag with this slug already exists."]}));
        assert_eq!(api.call("PATCH", "/labels/1/", json!({"slug": "a"})).1, json!({"slug": ["Refused."]}));
        assert_eq!(api.post("/labels/", json!({}))["slug"], "some");
        assert_eq!(
            api.call("POST", "/mistaken/", json!({"title": "t", "tags": [1]})).0,
            500,
            "a mistake of the program"
        );
        assert_eq!(database.list("SELECT count(*) FROM book"), ["0"]);
    });
}

/// An author's books: dropped, changed, added and refused by a hook.
fn arrange(books: Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
    let title = |book: &Value| book.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(books) = books.as_list() else { return Ok(books) };
    if books.iter().any(|book| title(book) == "refused") {
        return Err("Refused.".into());
    }
    let mut answer = Vec::new();
    for book in books.iter().filter(|book| title(book) != "dropped") {
        let mut book = book.as_map().cloned().unwrap_or_default();
        if book.get("title").and_then(Value::as_str) == Some("loud") {
            book.insert("title", "LOUD".into());
            book.insert("lent", Value::Date(sea_orm::prelude::ChronoDate::from_ymd_opt(2026, 5, 1).unwrap()));
        }
        answer.push(Value::Map(book));
    }
    if books.iter().any(|book| title(book) == "two") {
        answer.push(bowline::value!({"title": "added"}));
    }
    Ok(Value::List(answer))
}

fn short(books: &Value) -> Result<(), ValidationError> {
    if books.as_list().is_some_and(|books| books.len() > 3) { Err("Three at most.".into()) } else { Ok(()) }
}

#[test]
fn what_a_hook_of_nested_rows_answers_is_written() {
    use bowline::fields::{Field, IntegerField};
    Database::each(|database| {
        let books = || {
            ModelSerializer::<book::Entity>::new()
                .fields(["id", "title", "lent", "genre"])
                .declare(Field::new("id", IntegerField::new()).required(false))
        };
        let by_name = books().related(RelatedField::slug("genre", "name").required(false).allow_null(true));
        let writers = |books: ModelSerializer<book::Entity>| {
            let serializer = ModelSerializer::<author::Entity>::new()
                .fields(["id", "email", "books"])
                .nested("books", books, |books| books)
                .field("books", |books| books.validator(short))
                .validate_field("books", arrange);
            ModelViewSet::new().serializer(serializer).create_many(Lists::Also)
        };
        let router = library()
            .register("writers", writers(books()).basename("writers"))
            .register("named", writers(by_name).basename("named"));
        let api = Api::new(database, router);
        let genre = "0a1f4b54-44ac-4f7c-8c6a-6f0f3c6a7d11";
        api.post("/genres/", json!({"id": genre, "name": "prose"}));
        for (path, genre) in [("/writers/", genre), ("/named/", "prose")] {
            let titles = |writer: &Json| -> Vec<String> {
                let books = writer["books"].as_array().unwrap().iter();
                books.map(|book| book["title"].as_str().unwrap().to_owned()).collect()
            };
            let body = |books: Json| json!({"email": format!("{}{}@example.org", &path[1..4], books[0]["title"].as_str().unwrap_or("none")), "books": books});
            let one = json!({"title": "one", "genre": genre});
            let list =
                json!([one, {"title": "dropped", "genre": genre}, {"title": "loud", "genre": genre}, {"title": "two"}]);
            api.refused("POST", path, body(list), json!({"books": {"non_field_errors": ["Three at most."]}}));
            let writer = api.post(path, body(json!([one, {"title": "loud", "genre": genre}, {"title": "two"}])));
            assert_eq!(titles(&writer), ["one", "LOUD", "two", "added"], "{path}");
            assert_eq!(writer["books"][1]["lent"], "2026-05-01");
            assert_eq!((&writer["books"][1]["genre"], &writer["books"][3]["genre"]), (&json!(genre), &Json::Null));
            let own = format!("{path}{}/", writer["id"]);
            // a row that is changed by the hook keeps its key
            let loud = writer["books"][0]["id"].clone();
            let list = json!([{"id": loud, "title": "loud", "genre": genre}, {"title": "dropped"}]);
            let (status, changed) = api.call("PATCH", &own, json!({"books": list}));
            assert_eq!((status, &changed["books"][0]["id"], titles(&changed)), (200, &loud, vec!["LOUD".into()]));
            assert_eq!(changed["books"][0]["genre"], json!(genre));
            let list = json!([{"title": "refused", "genre": genre}]);
            for (method, path) in [("POST", path), ("PATCH", &own)] {
                api.refused(method, path, body(list.clone()), json!({"books": ["Refused."]}));
                let both = json!({"email": ["This field may not be null."], "books": ["Refused."]});
                api.refused(method, path, json!({"email": null, "books": list}), both);
            }
            assert_eq!(api.post(path, json!([body(json!([{"title": "two"}]))]))[0]["books"][1]["title"], "added");
        }
        // what the rows name comes before the rules about them
        let nowhere = json!({"books": [{"title": "refused", "genre": "none"}]});
        let said = json!({"books": {"0": {"genre": ["Object with name=none does not exist."]}}});
        api.refused("PATCH", "/named/1/", nowhere.clone(), said.clone());
        let mut both = said;
        both["email"] = json!(["This field may not be null."]);
        api.refused("PATCH", "/named/1/", json!({"email": null, "books": nowhere["books"]}), both);
    });
}

#[test]
fn a_hook_over_the_body_refuses_and_changes_its_values() {
    Database::each(|database| {
        let tidy = |mut values: bowline::value::Map, cx: &FieldContext<'_>| {
            let title = values.get("title").and_then(Value::as_str).map(str::to_owned);
            match title.as_deref() {
                Some("refused") => return Err("Refused.".into()),
                Some("by field") => return Err(ValidationError::field("title", "Refused.")),
                Some("first") => drop(values.insert("author", 1.into())),
                Some("nobody's") => drop(values.remove("author")),
                Some("nowhere") => drop(values.insert("author", 99.into())),
                Some("unknown") => drop(values.insert("size", 1.into())),
                Some("keys") => {
                    let told = format!("{:?} {:?} {}", values.get("author"), values.get("tags"), cx.creating);
                    values.insert("title", told.into());
                }
                _ => {}
            }
            if values.get("tags").and_then(Value::as_list).is_some_and(<[Value]>::is_empty) {
                values.insert("tags", bowline::value!([2]));
            }
            Ok(values)
        };
        let plain = ModelSerializer::<book::Entity>::new().fields(["id", "title", "author"]).validate(tidy);
        let wide = ModelSerializer::<book::Entity>::new()
            .fields(["id", "title", "author", "tags"])
            .related(RelatedField::slug("author", "email").required(false).allow_null(true))
            .validate(tidy);
        let shown = ["id", "email", "books"];
        let writers = ModelSerializer::<author::Entity>::new()
            .fields(shown)
            .nested("books", plain.clone().exclude(["author", "tags", "genre", "lent"]), |books| books)
            .validate(|mut values, _| {
                if values.get("email").and_then(Value::as_str) == Some("none@example.org") {
                    values.insert("books", bowline::value!([{"title": "instead"}]));
                }
                Ok(values)
            });
        let set = |view_set: ModelViewSet<book::Entity>| view_set.create_many(Lists::Also);
        let router = library()
            .register("plain", set(ModelViewSet::new().serializer(plain)).basename("plain"))
            .register("wide", set(ModelViewSet::new().serializer(wide)).basename("wide"))
            .register("writers", ModelViewSet::new().serializer(writers).basename("writers"));
        let api = Api::new(database, router);
        let ways: [(&str, Named); 2] = [("/plain/", |n| json!(n)), ("/wide/", |n| json!(format!("a{n}@example.org")))];
        for (path, name) in ways {
            let body = |title: &str| json!({"title": title, "author": name(2), "tags": [1]});
            assert_eq!(api.post(path, body("as it is"))["author"], name(2));
            let one = api.post(path, body("first"));
            assert_eq!(one["author"], name(1), "{path}");
            assert_eq!(api.post(path, body("nobody's"))["author"], Json::Null);
            let own = format!("{path}{}/", one["id"]);
            for (method, path) in [("POST", path), ("PUT", &own), ("PATCH", &own)] {
                api.refused(method, path, body("refused"), json!({"non_field_errors": ["Refused."]}));
                api.refused(method, path, body("by field"), json!({"title": ["Refused."]}));
                // fields speak first, and what the database knows of them too
                let (status, answer) = api.call(method, path, json!({"title": "refused", "author": 77, "tags": []}));
                assert_eq!(
                    (status, answer.as_object().unwrap().keys().map(String::as_str).collect()),
                    (400, vec!["author"])
                );
                let (status, answer) = api.call(method, path, body("nowhere"));
                assert!(status == 400 && answer["author"].is_array(), "{path}: {status} {answer}");
                assert_eq!(api.call(method, path, body("unknown")).0, 500, "a mistake of the program");
            }
            // the rest stays as it is
            assert_eq!(api.call("PATCH", &own, json!({"title": "nobody's"})).1["author"], name(1));
            assert_eq!(api.call("PATCH", &own, json!({"title": "first", "author": null})).1["author"], name(1));
            let list = json!([body("first"), body("refused")]);
            api.refused("POST", path, list, json!({"1": {"non_field_errors": ["Refused."]}}));
            assert_eq!(api.post(path, json!([body("first")]))[0]["author"], name(1));
        }
        let told = api.post("/wide/", json!({"title": "keys", "author": name_of(3), "tags": [2, 1]}));
        assert_eq!(told["title"], "Some(Int(3)) Some(List([Int(2), Int(1)])) true");
        assert_eq!(api.post("/wide/", json!({"title": "t", "tags": []}))["tags"], json!([2]));
        let books = json!([{"title": "one"}, {"title": "refused"}]);
        let said = json!({"books": {"1": {"non_field_errors": ["Refused."]}}});
        api.refused("POST", "/writers/", json!({"email": "x@example.org", "books": books}), said);
        let writer = api.post("/writers/", json!({"email": "none@example.org", "books": [{"title": "one"}]}));
        assert_eq!(writer["books"][0]["title"], "instead");
    });
}

fn name_of(n: i64) -> String {
    format!("a{n}@example.org")
}

#[test]
fn a_hook_over_the_body_comes_after_the_rules_of_sets() {
    Database::each(|database| {
        let pairs = ModelSerializer::<book_tag::Entity>::new().validate(|mut values, _| {
            if values.get("tag").and_then(Value::as_int) == Some(4) {
                values.insert("tag", 1.into());
            }
            match values.get("tag").and_then(Value::as_int) {
                Some(2) => Err("Refused.".into()),
                _ => Ok(values),
            }
        });
        let router = library()
            .register("books", ModelViewSet::<book::Entity>::new())
            .register("pairs", ModelViewSet::new().serializer(pairs).basename("pairs"));
        let api = Api::new(database, router);
        api.post("/books/", json!({"title": "t", "tags": [2]}));
        let taken = json!({"non_field_errors": ["The fields book, tag must make a unique set."]});
        api.refused("POST", "/pairs/", json!({"book": 1, "tag": 2}), taken.clone());
        api.refused("POST", "/pairs/", json!({"tag": 2}), json!({"book": ["This field is required."]}));
        api.post("/pairs/", json!({"book": 1, "tag": 1}));
        // the constraint judges what the hook answered, and not what the body said
        api.refused("POST", "/pairs/", json!({"book": 1, "tag": 4}), taken);
        assert_eq!(api.call("PATCH", "/pairs/1/", json!({"tag": 2})).0, 400);
    });
}
