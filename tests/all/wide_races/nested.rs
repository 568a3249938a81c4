//! Rows within the body of another row.

use bowline::fields::{Field, IntegerField};
use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::Database;
use crate::wide_races::clients::{Api, CLIENTS, count, delete, one_wins, patch, post, put};
use crate::wide_races::models::{SHELVES, item, lock, shelf, shelves};
use crate::wide_races::{each_kind, number};

fn items() -> ModelSerializer<item::Entity> {
    ModelSerializer::new()
        .fields(["id", "label", "code"])
        .declare(Field::new("id", IntegerField::new()).required(false))
}

fn api(database: &Database) -> Api {
    let locks = ModelSerializer::<lock::Entity>::new().fields(["code"]);
    let serializer = ModelSerializer::new()
        .fields(["id", "name", "items", "lock"])
        .nested("items", items(), |f| f)
        .nested("lock", locks, |f| f.required(false).allow_null(true));
    let router = shelves()
        .register("shelves", ModelViewSet::<shelf::Entity>::new().serializer(serializer))
        .register("items", ModelViewSet::<item::Entity>::new());
    Api::new(database, router)
}

/// What stands on a shelf, in whatever order: a row that is made anew comes after those that were there.
fn labels(shelf: &Json) -> Vec<&str> {
    let items = shelf["items"].as_array().unwrap().iter();
    let mut labels: Vec<&str> = items.map(|item| item["label"].as_str().unwrap()).collect();
    labels.sort_unstable();
    labels
}

/// Rows that hang on no shelf, labels that are twice on one, and shelves with two locks.
const LOOSE: &str =
    "SELECT (SELECT count(*) FROM item WHERE NOT EXISTS (SELECT 1 FROM shelf WHERE shelf.id = item.shelf_id))
    + (SELECT count(*) FROM lock WHERE NOT EXISTS (SELECT 1 FROM shelf WHERE shelf.id = lock.shelf_id))
    + (SELECT count(*) FROM (SELECT 1 FROM item GROUP BY shelf_id, label HAVING count(*) > 1) AS twice)";

#[test]
fn children_are_those_of_one_request() {
    each_kind(SHELVES, |database| {
        let api = api(database);
        let first = json!({"name": "s", "items": [{"label": "a", "code": "a"}, {"label": "b"}, {"label": "c"}], "lock": {"code": "x"}});
        let shelf = api.post("/shelves/", &first);
        let path = format!("/shelves/{}/", shelf["id"]);
        for round in 0..4_usize {
            // everybody changes what is there now, drops some of it, and adds rows; the unique code moves along
            let there = api.get(&path)["items"].as_array().unwrap().clone();
            let body = |n: usize| {
                let kept = there.iter().enumerate().filter(|(place, _)| n >> place & 1 == 0);
                let mut items: Vec<Json> =
                    kept.map(|(place, item)| json!({"id": item["id"], "label": format!("{round}.{n}.{place}"), "code": null})).collect();
                items.extend((0..n % 3).map(|new| json!({"label": format!("{round}.{n}.new{new}")})));
                items.push(json!({"label": format!("{round}.{n}"), "code": "a"}));
                let lock = if n.is_multiple_of(2) { Json::Null } else { json!({"code": format!("{round}.{n}")}) };
                json!({"name": format!("{round}.{n}"), "items": items, "lock": lock})
            };
            let answers = api.at_once((0..CLIENTS).map(|n| put(&path, &body(n))));
            for (n, answer) in answers.iter().enumerate() {
                let sent = body(n);
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(labels(&answer.body), labels(&sent), "an answer shows what it wrote");
            }
            let stored = api.get(&path);
            let winner = answers.iter().find(|answer| answer.body["name"] == stored["name"]).unwrap();
            assert_eq!(stored, winner.body, "the row and its children are of one request");
            assert_eq!(number(database, LOOSE), 0);
        }
    });
}

#[test]
fn a_parent_that_goes_takes_its_children() {
    each_kind(SHELVES, |database| {
        let api = api(database);
        for round in 0..8 {
            let shelf = api.id("/shelves/", &json!({"name": "s", "items": [{"label": "a"}, {"label": "b"}]}));
            let path = format!("/shelves/{shelf}/");
            let answers = api.at_once((0..CLIENTS).map(|n| match n {
                0..3 => delete(&path),
                3..6 => post("/items/", &json!({"shelf": shelf, "label": format!("{n}")})),
                6..9 => patch(&path, &json!({"items": [{"label": format!("round {round}")}], "lock": {"code": "p"}})),
                _ => put(
                    &path,
                    &json!({"name": "t", "items": [{"label": "a"}, {"label": format!("{n}")}], "lock": null}),
                ),
            }));
            let (deletions, writes) = answers.split_at(3);
            assert_eq!((count(deletions, 204), count(deletions, 404)), (1, 2), "{deletions:?}");
            let (children, parents) = writes.split_at(3);
            let refused = json!({"shelf": [format!("Invalid pk \"{shelf}\" - object does not exist.")]});
            for answer in children {
                assert!(answer.status == 201 || (answer.status, &answer.body) == (400, &refused), "{answer:?}");
            }
            assert_eq!(count(parents, 200) + count(parents, 404), parents.len(), "{parents:?}");
            assert_eq!(number(database, LOOSE), 0);
            assert_eq!(number(database, "SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM lock)"), 0);
        }
    });
}

/// Parents that want the same unique value for a child: the error stands at its place in the body.
#[test]
fn a_unique_value_of_a_child_is_given_once() {
    each_kind(SHELVES, |database| {
        let api = api(database);
        let shelves: Vec<i64> = (0..CLIENTS)
            .map(|n| api.id("/shelves/", &json!({"name": n.to_string(), "items": [{"label": "a"}]})))
            .collect();
        for round in 0..4_usize {
            let code = format!("code{round}");
            let body =
                |n: usize| json!({"name": "s", "items": [{"label": "new"}, {"label": n.to_string(), "code": code}]});
            let refused = r#"{"items":{"1":{"code":["item with this code already exists."]}}}"#;
            let (status, answers) = if round.is_multiple_of(2) {
                (200, api.at_once((0..CLIENTS).map(|n| put(format!("/shelves/{}/", shelves[n]), &body(n)))))
            } else {
                (201, api.at_once((0..CLIENTS).map(|n| post("/shelves/", &body(n)))))
            };
            one_wins(&answers, status, refused);
            let alone = api.call("POST", "/shelves/", &body(0));
            assert_eq!((alone.status, alone.text.as_str()), (400, refused), "as without a race");
            let stored = number(database, &format!("SELECT count(*) FROM item WHERE code = '{code}'"));
            assert_eq!((stored, number(database, LOOSE)), (1, 0));
            let shelves = if round.is_multiple_of(2) { CLIENTS } else { CLIENTS + 1 };
            assert_eq!(number(database, "SELECT count(*) FROM shelf"), i64::try_from(shelves + round / 2).unwrap());
        }
    });
}
