//! Lists of objects in one request: all of them or none.

use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::Database;
use crate::wide_races::clients::{Api, CLIENTS, call, count, patch, post, put};
use crate::wide_races::models::{author, library, tag};
use crate::wide_races::{each, number};

fn api(database: &Database) -> Api {
    let every = [Action::Update, Action::PartialUpdate];
    let tags = ModelSerializer::new().fields(["id", "slug"]);
    let router = library()
        .register(
            "tags",
            ModelViewSet::<tag::Entity>::new()
                .serializer(tags)
                .create_many(Lists::Also)
                .update_many(every)
                .destroy_many(),
        )
        .register(
            "authors",
            ModelViewSet::<author::Entity>::new().create_many(Lists::Also).update_many(every).destroy_many(),
        );
    Api::new(database, router)
}

#[test]
fn of_batches_with_a_value_in_common_one_is_stored() {
    each(|database| {
        let api = api(database);
        for round in 0..6 {
            // the common one is elsewhere in each batch, among others that nobody else has
            let place = |n: usize| (n * 5 + round) % 8;
            let batch = |n: usize| {
                let slug = |k: usize| if k == place(n) { format!("{round}") } else { format!("{round}.{n}.{k}") };
                Json::Array((0..8).map(|k| json!({"slug": slug(k)})).collect())
            };
            let answers = api.at_once((0..CLIENTS).map(|n| post("/tags/", &batch(n))));
            assert_eq!(count(&answers, 201), 1, "{answers:?}");
            let refusal = |n: usize| json!({place(n).to_string(): {"slug": ["tag with this slug already exists."]}});
            let mut winner = None;
            for (n, answer) in answers.iter().enumerate() {
                if answer.status == 201 {
                    winner = Some(n);
                    assert_eq!(answer.body.as_array().unwrap().len(), 8);
                } else {
                    assert_eq!((answer.status, &answer.body), (400, &refusal(n)));
                }
            }
            let winner = batch(winner.unwrap());
            let stored = api.rows("/tags/");
            let stored: Vec<Json> = stored.iter().skip(8 * round).map(|tag| json!({"slug": tag["slug"]})).collect();
            assert_eq!(Json::Array(stored), winner, "all of one batch, nothing of the others");
            assert_eq!(api.call("POST", "/tags/", &batch(99)).body, refusal(99), "as without a race");
        }
    });
}

/// Two values in common, in opposite orders: each batch holds what the other one waits for.
#[test]
fn batches_that_cross_each_other() {
    each(|database| {
        let api = api(database);
        for round in 0..6 {
            let batch = |n: usize| {
                let mut slugs: Vec<String> = (0..10).map(|k| format!("{round}.{k}")).collect();
                slugs.rotate_left(n % 10);
                if n.is_multiple_of(2) {
                    slugs.reverse();
                }
                Json::Array(slugs.into_iter().map(|slug| json!({"slug": slug})).collect())
            };
            let answers = api.at_once((0..CLIENTS).map(|n| post("/tags/", &batch(n))));
            assert_eq!(count(&answers, 201), 1, "{answers:?}");
            let all: Json = (0..10)
                .map(|k| (k.to_string(), json!({"slug": ["tag with this slug already exists."]})))
                .collect::<serde_json::Map<_, _>>()
                .into();
            for answer in answers.iter().filter(|answer| answer.status != 201) {
                assert_eq!((answer.status, &answer.body), (400, &all));
            }
            assert_eq!(number(database, "SELECT count(*) FROM tag"), 10 * (i64::from(round) + 1));
        }
    });
}

#[test]
fn updates_in_opposite_orders() {
    each(|database| {
        let api = api(database);
        let authors: Vec<i64> = (0..8).map(|n| api.id("/authors/", &json!({"email": format!("a{n}@x.org")}))).collect();
        for round in 0..4 {
            let body = |n: usize| {
                let email = |k: usize| format!("{round}.{n}.{k}@x.org");
                let mut rows: Vec<Json> = authors
                    .iter()
                    .enumerate()
                    .map(|(k, id)| json!({"id": id, "email": email(k), "is_active": n.is_multiple_of(2)}))
                    .collect();
                rows.rotate_left(n % 8);
                if n.is_multiple_of(2) {
                    rows.reverse();
                }
                Json::Array(rows)
            };
            let calls = (0..CLIENTS)
                .map(|n| if n.is_multiple_of(3) { put("/authors/", &body(n)) } else { patch("/authors/", &body(n)) });
            for (n, answer) in api.at_once(calls).iter().enumerate() {
                assert_eq!((answer.status, &answer.body), (200, &body(n)));
            }
            let stored = api.rows("/authors/");
            let of_one = (0..CLIENTS).any(|n| {
                let mut sent = body(n).as_array().unwrap().clone();
                sent.sort_by_key(|row| row["id"].as_i64());
                sent == stored
            });
            assert!(of_one, "{stored:?}");
        }
    });
}

#[test]
fn deletions_in_opposite_orders() {
    each(|database| {
        let api = api(database);
        for round in 0..4 {
            let mut tags: Vec<i64> =
                (0..8).map(|n| api.id("/tags/", &json!({"slug": format!("{round}.{n}")}))).collect();
            let calls: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    tags.reverse();
                    call("DELETE", "/tags/", &json!(tags))
                })
                .collect();
            let answers = api.at_once(calls);
            assert_eq!(count(&answers, 204), 1, "{answers:?}");
            let missing: Json = (0..8)
                .map(|k| (k.to_string(), json!({"non_field_errors": ["Not found."]})))
                .collect::<serde_json::Map<_, _>>()
                .into();
            for answer in answers.iter().filter(|answer| answer.status != 204) {
                assert_eq!((answer.status, &answer.body), (400, &missing));
            }
            assert_eq!(api.rows("/tags/").len(), 0);
        }
    });
}
