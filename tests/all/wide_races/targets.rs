//! Rows that are named by what may change: by another column than the key, or only as long as they are like something.
//!
//! Whoever changes an author takes the author's books away in the same transaction, so that no book may be found
//! with an author who was no longer to be had when it was written.

use bowline::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::{Value as Json, json};

use crate::support::Database;
use crate::wide_races::clients::{Api, CLIENTS, call, count, patch, post, put};
use crate::wide_races::models::{LIBRARY, author, book, book_tag, library, tag};
use crate::wide_races::{each_kind, number};

/// Takes the books of an author who changes.
struct Alone;

#[bowline::async_trait]
impl ViewSetHooks<author::Entity> for Alone {
    async fn perform_update(&self, save: &mut Save<'_, author::Entity>) -> bowline::Result<()> {
        save.save().await?;
        let id: i64 = save.get(author::Column::Id)?;
        let books = book::Entity::update_many().col_expr(book::Column::AuthorId, Expr::value(None::<i64>));
        books.filter(book::Column::AuthorId.eq(id)).exec(save.tx()).await?;
        Ok(())
    }
}

/// Takes the links of a tag that changes.
struct Unlinked;

#[bowline::async_trait]
impl ViewSetHooks<tag::Entity> for Unlinked {
    async fn perform_update(&self, save: &mut Save<'_, tag::Entity>) -> bowline::Result<()> {
        save.save().await?;
        let id: i64 = save.get(tag::Column::Id)?;
        book_tag::Entity::delete_many().filter(book_tag::Column::TagId.eq(id)).exec(save.tx()).await?;
        Ok(())
    }
}

fn api(database: &Database) -> Api {
    let by_slug = ModelSerializer::new()
        .fields(["id", "title", "author", "tags"])
        .related(RelatedField::slug("author", "email").allow_null(true))
        .related(RelatedField::slug("tags", "slug").required(false));
    let active = ModelSerializer::new()
        .fields(["id", "title", "author"])
        .related(RelatedField::primary_key("author").filter(Condition::eq("is_active", true)).allow_null(true));
    let authors = ModelSerializer::new().fields(["id", "email", "is_active"]);
    let tags = ModelSerializer::new().fields(["id", "slug"]);
    let router = library()
        .register("books", ModelViewSet::<book::Entity>::new().serializer(by_slug))
        .register("active", ModelViewSet::<book::Entity>::new().serializer(active).basename("active"))
        .register("authors", ModelViewSet::<author::Entity>::new().serializer(authors).hooks(Alone))
        .register("tags", ModelViewSet::<tag::Entity>::new().serializer(tags).hooks(Unlinked));
    Api::new(database, router)
}

/// Books are written in all ways while their target changes, and then none may be left with it.
fn race(api: &Api, path: &'static str, named: &Json, change: (&'static str, String, Json), refusal: &Json) {
    let books: Vec<i64> = (0..4).map(|_| api.id(path, &json!({"title": "b", "author": null}))).collect();
    let (method, target, body) = change;
    let mut book = named.clone();
    book["title"] = json!("b");
    book.as_object_mut().unwrap().entry("author").or_insert(Json::Null);
    let answers = api.at_once((0..CLIENTS).map(|n| match n {
        4 => call(method, &target, &body),
        _ if n % 3 == 0 => put(format!("{path}{}/", books[n % 4]), &book),
        _ if n % 3 == 1 => patch(format!("{path}{}/", books[n % 4]), named),
        _ => post(path, &book),
    }));
    assert_eq!(answers[4].status, 200, "{:?}", answers[4]);
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 201) || (answer.status, &answer.body) == (400, refusal), "{answer:?}");
    }
    // and now that it has changed, nobody gets it
    let late = api.call("POST", path, &book);
    assert_eq!((late.status, &late.body), (400, refusal));
    assert_eq!(count(&answers, 404), 0);
}

#[test]
fn an_author_by_an_address_that_changes() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        for round in 0..8 {
            let email = format!("old{round}@x.org");
            let id = api.id("/authors/", &json!({"email": email}));
            let change = ("PATCH", format!("/authors/{id}/"), json!({"email": format!("new{round}@x.org")}));
            let refusal = json!({"author": [format!("Object with email={email} does not exist.")]});
            race(&api, "/books/", &json!({"author": email}), change, &refusal);
            assert_eq!(number(database, "SELECT count(*) FROM book WHERE author_id IS NOT NULL"), 0);
        }
    });
}

#[test]
fn an_author_who_retires() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        for round in 0..8 {
            let id = api.id("/authors/", &json!({"email": format!("a{round}@x.org")}));
            let change = ("PATCH", format!("/authors/{id}/"), json!({"is_active": false}));
            let refusal = json!({"author": [format!("Invalid pk \"{id}\" - object does not exist.")]});
            race(&api, "/active/", &json!({"author": id}), change, &refusal);
            assert_eq!(number(database, "SELECT count(*) FROM book WHERE author_id IS NOT NULL"), 0);
        }
    });
}

#[test]
fn tags_by_a_slug_that_changes() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        api.id("/tags/", &json!({"slug": "kept"}));
        for round in 0..8 {
            let slug = format!("old{round}");
            let id = api.id("/tags/", &json!({"slug": slug}));
            let change = ("PATCH", format!("/tags/{id}/"), json!({"slug": format!("new{round}")}));
            let refusal = json!({"tags": [format!("Object with slug={slug} does not exist.")]});
            race(&api, "/books/", &json!({"tags": ["kept", slug]}), change, &refusal);
            assert_eq!(number(database, &format!("SELECT count(*) FROM book_tag WHERE tag_id = {id}")), 0);
        }
    });
}
