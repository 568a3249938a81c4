//! Sets of rows that hang on a row: of a join table, from both of its sides, and of a foreign key.

use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::Database;
use crate::wide_races::clients::{Answer, Api, CLIENTS, Call, count, delete, patch, put};
use crate::wide_races::models::{LIBRARY, author, book, library, tag};
use crate::wide_races::{each_kind, number};

fn api(database: &Database) -> Api {
    let books = ModelSerializer::new().fields(["id", "title", "tags"]);
    let tags = ModelSerializer::new()
        .fields(["id", "slug", "books"])
        .related(RelatedField::primary_key("books").required(false));
    let authors = ModelSerializer::new()
        .fields(["id", "email", "books"])
        .related(RelatedField::primary_key("books").required(false));
    let router = library()
        .register("books", ModelViewSet::<book::Entity>::new().serializer(books))
        .register("tags", ModelViewSet::<tag::Entity>::new().serializer(tags))
        .register("authors", ModelViewSet::<author::Entity>::new().serializer(authors));
    Api::new(database, router)
}

fn tags(api: &Api, names: std::ops::Range<u32>) -> Vec<i64> {
    names.map(|n| api.id("/tags/", &json!({"slug": format!("t{n}")}))).collect()
}

/// Links whose row or whose tag is not there, and links that are there twice.
const LOOSE: &str = "SELECT (SELECT count(*) FROM book_tag AS l
        WHERE NOT EXISTS (SELECT 1 FROM book WHERE book.id = l.book_id)
           OR NOT EXISTS (SELECT 1 FROM tag WHERE tag.id = l.tag_id))
    + (SELECT count(*) FROM (SELECT 1 FROM book_tag GROUP BY book_id, tag_id HAVING count(*) > 1) AS twice)";

#[test]
fn the_set_of_a_row_is_the_one_of_one_request() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        let tags = tags(&api, 0..6);
        let book = api.id("/books/", &json!({"title": "new", "tags": []}));
        let path = format!("/books/{book}/");
        // sets that overlap: a mixture of two would be another one
        let sets: Vec<Vec<i64>> =
            (0..CLIENTS).map(|n| (0..6).filter(|t| (n + 17) >> t & 1 == 1).map(|t| tags[t]).collect()).collect();
        for round in 0..4 {
            let title = |n: usize| format!("{round}.{n}");
            let calls = sets.iter().enumerate().map(|(n, set)| put(&path, &json!({"title": title(n), "tags": set})));
            for (n, answer) in api.at_once(calls).iter().enumerate() {
                let own = json!({"id": book, "title": title(n), "tags": sets[n]});
                assert_eq!((answer.status, &answer.body), (200, &own), "an answer shows what it wrote");
            }
            let stored = api.get(&path);
            let winner = (0..CLIENTS).find(|n| stored["title"] == title(*n)).expect("a title that was sent");
            assert_eq!(stored["tags"], json!(sets[winner]), "the row and its set are of one request");
            assert_eq!(number(database, LOOSE), 0);
        }
        let calls = sets.iter().map(|set| patch(&path, &json!({"tags": set})));
        for (set, answer) in sets.iter().zip(api.at_once(calls)) {
            assert_eq!((answer.status, &answer.body["tags"]), (200, &json!(set)));
        }
        let stored = api.get(&path)["tags"].clone();
        assert!(sets.iter().any(|set| stored == json!(set)), "{stored}");
    });
}

#[test]
fn a_tag_that_goes_leaves_no_link() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        let kept = tags(&api, 0..3);
        for round in 0..8 {
            let gone = api.id("/tags/", &json!({"slug": format!("gone{round}")}));
            let book = api.id("/books/", &json!({"title": "b", "tags": []}));
            let with = json!({"title": "b", "tags": [kept[0], gone]});
            let calls: Vec<Call> = (0..CLIENTS)
                .map(|n| match n % 4 {
                    0 => put(format!("/books/{book}/"), &with),
                    1 => crate::wide_races::clients::post("/books/", &with),
                    2 => patch(format!("/books/{book}/"), &json!({"tags": [kept[1], kept[2]]})),
                    _ if n == 7 => delete(format!("/tags/{gone}/")),
                    _ => patch(format!("/books/{book}/"), &json!({"tags": [gone]})),
                })
                .collect();
            let answers = api.at_once(calls);
            let refused = json!({"tags": [format!("Invalid pk \"{gone}\" - object does not exist.")]});
            for (n, answer) in answers.iter().enumerate() {
                match (n % 4, answer.status) {
                    (_, 204) => assert_eq!(n, 7),
                    (1, 201) | (0 | 2 | 3, 200) => {}
                    (0 | 1 | 3, 400) => assert_eq!(answer.body, refused),
                    _ => panic!("{n}: {answer:?}"),
                }
            }
            assert_eq!(count(&answers, 204), 1);
            assert_eq!(number(database, LOOSE), 0);
            assert_eq!(number(database, &format!("SELECT count(*) FROM book_tag WHERE tag_id = {gone}")), 0);
            let stored = api.get(&format!("/books/{book}/"))["tags"].clone();
            assert!(
                [json!([kept[0]]), json!([kept[1], kept[2]]), json!([])].contains(&stored),
                "one of the sets without the tag that went: {stored}"
            );
        }
    });
}

#[test]
fn a_row_that_goes_takes_its_links() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        let tags = tags(&api, 0..4);
        for _ in 0..8 {
            let book = api.id("/books/", &json!({"title": "b", "tags": tags}));
            let path = format!("/books/{book}/");
            let answers = api.at_once((0..CLIENTS).map(|n| match n {
                0 | 1 => delete(&path),
                _ => put(&path, &json!({"title": "c", "tags": [tags[n % 4]]})),
            }));
            let (deletions, writes) = answers.split_at(2);
            assert_eq!((count(deletions, 204), count(deletions, 404)), (1, 1), "{deletions:?}");
            assert_eq!(count(writes, 200) + count(writes, 404), writes.len(), "{writes:?}");
            assert_eq!(number(database, LOOSE), 0);
            assert_eq!(number(database, "SELECT count(*) FROM book_tag"), 0);
        }
    });
}

/// Both sides write the same join table, each under the lock of its own row only.
#[test]
fn both_sides_of_a_join_table_at_once() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        let tags = tags(&api, 0..4);
        let books: Vec<i64> = (0..4).map(|n| api.id("/books/", &json!({"title": n.to_string(), "tags": []}))).collect();
        for round in 0..4 {
            let other = |n: usize, all: &[i64]| json!([all[n % 4], all[(n + round) % 4]]);
            let answers = api.at_once((0..CLIENTS).map(|n| match n % 2 {
                0 => patch(format!("/books/{}/", books[n / 2 % 4]), &json!({"tags": other(n, &tags)})),
                _ => patch(format!("/tags/{}/", tags[n / 2 % 4]), &json!({"books": other(n, &books)})),
            }));
            assert_eq!(count(&answers, 200), CLIENTS, "{answers:?}");
            assert_eq!(number(database, LOOSE), 0);
        }
    });
}

/// Two rows draw the same children to themselves by the children's foreign key, in opposite orders.
#[test]
fn children_are_drawn_to_one_parent() {
    each_kind(LIBRARY, |database| {
        let api = api(database);
        let books: Vec<i64> = (0..6).map(|n| api.id("/books/", &json!({"title": n.to_string(), "tags": []}))).collect();
        let authors: Vec<i64> = (0..4).map(|n| api.id("/authors/", &json!({"email": format!("a{n}@x.org")}))).collect();
        let reversed: Vec<i64> = books.iter().rev().copied().collect();
        for _ in 0..4 {
            let answers: Vec<Answer> = api.at_once((0..CLIENTS).map(|n| {
                let books = if n.is_multiple_of(2) { &books } else { &reversed };
                patch(format!("/authors/{}/", authors[n % 4]), &json!({"books": books}))
            }));
            for answer in &answers {
                assert_eq!((answer.status, &answer.body["books"]), (200, &json!(books)));
            }
            let sets: Vec<Json> = api.rows("/authors/").iter().map(|author| author["books"].clone()).collect();
            let full = sets.iter().filter(|set| **set == json!(books)).count();
            let empty = sets.iter().filter(|set| **set == json!([])).count();
            assert_eq!((full, empty), (1, 3), "all of them are with the last one: {sets:?}");
        }
    });
}

/// Whatever several rows a write locks, it locks them in the order of their keys, and no row more strongly than it needs to be.
#[test]
fn no_two_writes_wait_for_each_other() {
    let database = Database::postgres();
    let api = api(&database);
    let tags = tags(&api, 0..4);
    let books: Vec<i64> = (0..6).map(|n| api.id("/books/", &json!({"title": n.to_string(), "tags": []}))).collect();
    let authors: Vec<i64> = (0..4).map(|n| api.id("/authors/", &json!({"email": format!("a{n}@x.org")}))).collect();
    for round in 0..30 {
        let some = |all: &[i64], n: usize| {
            let mut some: Vec<i64> = all
                .iter()
                .enumerate()
                .filter(|(m, _)| !(m * 5 + n + round).is_multiple_of(3))
                .map(|(_, id)| *id)
                .collect();
            if n.is_multiple_of(2) {
                some.reverse();
            }
            json!(some)
        };
        let answers = api.at_once((0..CLIENTS).map(|n| match n % 4 {
            0 | 1 => patch(format!("/authors/{}/", authors[n / 2 % 4]), &json!({"books": some(&books, n)})),
            2 => patch(format!("/books/{}/", books[n / 4 % 6]), &json!({"tags": some(&tags, n)})),
            _ => patch(format!("/tags/{}/", tags[n / 4 % 4]), &json!({"books": some(&books, n)})),
        }));
        assert_eq!(count(&answers, 200), CLIENTS, "{answers:?}");
    }
    // what a session has met, it tells with a delay
    std::thread::sleep(std::time::Duration::from_secs(3));
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(number(&database, deadlocks), 0);
}
