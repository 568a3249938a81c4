//! Every hazard that is left in DRF, forced: the request is stopped at a pause point, the other one runs, the first
//! goes on. Statuses, bodies and rows, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::interleave;

use std::time::Duration;

use bowline::pause::{Pauses, Point};
use interleave::{Api, DUPLICATE, Database, each_database, entities};
use serde_json::json;

/// drf.md 2.1: check-then-insert.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_appears_in_between_is_the_400_of_one_that_was_there() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let c = api.collection().await;
        let pauses = Pauses::at(Point::BeforeWrite);
        let body = json!({"collection": c, "uid": "x"});
        let first = api.paused("POST", "/documents/", body.clone(), &pauses);
        pauses.reached().await;
        assert_eq!(api.call("POST", "/documents/", body.clone()).await.0, 201);
        pauses.go_on();
        assert_eq!(first.await.unwrap(), (400, json!(DUPLICATE())));
        assert_eq!(api.call("POST", "/documents/", body).await, (400, json!(DUPLICATE())), "the lone duplicate's body");
        assert_eq!(api.rows("/documents/").await.len(), 1);
    })
    .await;
}

/// drf.md 2.1, on UPDATE, with a field error of DRF's beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rename_onto_a_key_that_is_taken_in_between() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let c = api.collection().await;
        let a = api.document(c, "a").await;
        let pauses = Pauses::at(Point::BeforeWrite);
        let first = api.paused("PATCH", &format!("/documents/{a}/"), json!({"uid": "x"}), &pauses);
        pauses.reached().await;
        api.document(c, "x").await;
        pauses.go_on();
        assert_eq!(first.await.unwrap(), (400, json!(DUPLICATE())));
        assert_eq!(api.get(&format!("/documents/{a}/")).await.1["uid"], "a");
    })
    .await;
}

/// drf.md 2.1: the winner is gone before anybody could say who it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_winner_that_vanishes_is_no_conflict() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let c = api.collection().await;
        let (a, b) = (api.document(c, "a").await, api.document(c, "b").await);
        let pauses = Pauses::at(Point::BeforeVerdict);
        let rename = api.paused("PATCH", &format!("/documents/{b}/"), json!({"uid": "a"}), &pauses);
        pauses.reached().await;
        assert_eq!(api.call("DELETE", &format!("/documents/{a}/"), json!(null)).await.0, 204);
        pauses.go_on();
        let (status, body) = rename.await.unwrap();
        assert_eq!((status, &body["uid"]), (200, &json!("a")));
    })
    .await;
}

/// drf.md 2.1: a key that is held by a transaction which then gives up.
#[tokio::test(flavor = "multi_thread")]
async fn a_winner_that_rolls_back_is_no_conflict() {
    each_database(async |database: Database| {
        let api = Api::with_hooks(&database).await;
        let c = api.collection().await;
        let pauses = Pauses::at(Point::BeforeCommit);
        let body = json!({"collection": c, "uid": "x", "blob": {"audit": "gives up"}});
        let first = api.paused("POST", "/documents/", body, &pauses);
        // the hook fails after its save, so the pause before the commit is never reached
        let (status, _) = first.await.unwrap();
        assert_eq!(status, 400);
        assert_eq!(api.call("POST", "/documents/", json!({"collection": c, "uid": "x"})).await.0, 201);
        assert_eq!(api.rows("/audits/").await.len(), 1, "what the hook had written is gone with the row");
    })
    .await;
}

/// drf.md 2.2: each PATCH writes the columns of its body and no other.
#[tokio::test(flavor = "multi_thread")]
async fn two_fields_patched_in_parallel_are_both_kept() {
    each_database(async |database: Database| {
        for api in [Api::plain(&database).await, Api::with_hooks(&database).await] {
            let c = api.collection().await;
            let d = api.document(c, "before").await;
            let path = format!("/documents/{d}/");
            let pauses = Pauses::at(Point::BeforeWrite);
            let first = api.paused("PATCH", &path, json!({"uid": "after"}), &pauses);
            pauses.reached().await;
            let second = api.spawn("PATCH", &path, json!({"blob": {"k": 1}}));
            tokio::time::sleep(Duration::from_millis(50)).await;
            pauses.go_on();
            assert_eq!(first.await.unwrap().0, 200);
            assert_eq!(second.await.unwrap().0, 200);
            let expected = json!({"id": d, "uid": "after", "blob": {"k": 1}, "collection": c});
            assert_eq!(api.get(&path).await.1, expected);
        }
    })
    .await;
}

/// drf.md 2.2: a column that is not in the body is not written back.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_nobody_sent_does_not_change() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let (c1, c2) = (api.collection().await, api.collection().await);
        let (a, b) = (api.document(c1, "foo").await, api.document(c2, "bar").await);
        let pauses = Pauses::at(Point::BeforeWrite);
        let first = api.paused("PATCH", &format!("/documents/{a}/"), json!({"blob": ""}), &pauses);
        pauses.reached().await;
        assert_eq!(api.call("PATCH", &format!("/documents/{b}/"), json!({"blob": ""})).await.0, 200);
        pauses.go_on();
        assert_eq!(first.await.unwrap().0, 200);
        assert_eq!(api.get(&format!("/documents/{a}/")).await.1["uid"], "foo");
        assert_eq!(api.get(&format!("/documents/{b}/")).await.1["uid"], "bar");
    })
    .await;
}

/// drf.md 2.2 and 2.7: an object rule is judged on the locked row.
#[tokio::test(flavor = "multi_thread")]
async fn start_stays_before_end_under_concurrent_patches() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let body = json!({"start": 1, "end": 10});
        let id = api.call("POST", "/bookings/", body).await.1["id"].clone();
        let path = format!("/bookings/{id}/");
        let pauses = Pauses::at(Point::BeforeWrite);
        let first = api.paused("PATCH", &path, json!({"start": 8}), &pauses);
        pauses.reached().await;
        let second = api.spawn("PATCH", &path, json!({"end": 5}));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished(), "the second waits for the row");
        pauses.go_on();
        assert_eq!(first.await.unwrap().0, 200);
        let refused = json!({"non_field_errors": ["A booking ends after it starts."]});
        assert_eq!(second.await.unwrap(), (400, refused.clone()));
        assert_eq!(api.get(&path).await.1, json!({"id": id, "start": 8, "end": 10}));
        assert_eq!(api.call("POST", "/bookings/", json!({"start": 2, "end": 1})).await, (400, refused));
    })
    .await;
}

/// drf.md 2.3: UPDATE of a row that is gone is a 404, never an INSERT.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_row_stays_deleted() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let c = api.collection().await;
        for method in ["PATCH", "DELETE"] {
            let path = format!("/documents/{}/", api.document(c, "x").await);
            let pauses = Pauses::at(Point::BeforeWrite);
            let first = api.paused(method, &path, json!({"blob": {}}), &pauses);
            pauses.reached().await;
            assert_eq!(api.call("DELETE", &path, json!(null)).await.0, 204);
            pauses.go_on();
            let expected = (404, json!({"detail": "No Document matches the given query."}));
            assert_eq!(first.await.unwrap(), expected);
            assert_eq!(api.get(&path).await, expected);
        }
    })
    .await;
}

/// drf.md 2.4: what a hook writes is there with the row or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_half_written() {
    each_database(async |database: Database| {
        let api = Api::with_hooks(&database).await;
        let c = api.collection().await;
        let ok = json!({"collection": c, "uid": "ok"});
        assert_eq!(api.call("POST", "/documents/", ok.clone()).await.0, 201);
        // the audit row is written, then the document's own INSERT meets its constraint
        assert_eq!(api.call("POST", "/documents/", ok).await, (400, json!(DUPLICATE())));
        let panics = json!({"collection": c, "uid": "y", "blob": {"audit": "panics"}});
        let (status, body) = api.call("POST", "/documents/", panics).await;
        assert_eq!((status, body), (500, json!({"detail": "A server error occurred."})));
        assert_eq!(api.rows("/documents/").await.len(), 1);
        assert_eq!(api.rows("/audits/").await.len(), 1);
        // and nothing else was taken down
        assert_eq!(api.call("POST", "/documents/", json!({"collection": c, "uid": "z"})).await.0, 201);
    })
    .await;
}

/// drf.md 2.5: a set that hangs on a row is replaced under the row's lock: one of the two sets, never a mixture.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_replaced_as_a_whole() {
    each_database(async |database: Database| {
        let api = Api::with_hooks(&database).await;
        let c = api.collection().await;
        let d = api.document(c, "x").await;
        let path = format!("/documents/{d}/");
        for round in 0..10 {
            let sets = [json!([1, 2]), json!([3, 4, 5])];
            let writes: Vec<_> =
                sets.iter().map(|s| api.spawn("PATCH", &path, json!({"blob": {"labels": s}}))).collect();
            for write in writes {
                assert_eq!(write.await.unwrap().0, 200);
            }
            let labels = api.labels(d).await;
            assert!(labels == [1, 2] || labels == [3, 4, 5], "round {round}: {labels:?}");
            let blob = &api.get(&path).await.1["blob"]["labels"];
            assert_eq!(*blob, json!(labels), "the row and its set are of one request");
        }
    })
    .await;
}

/// drf.md 2.7: the target of a key goes between the look and the write.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_deleted_meanwhile_is_drfs_400() {
    each_database(async |database: Database| {
        let api = Api::plain(&database).await;
        let kept = api.collection().await;
        let d = api.document(kept, "x").await;
        for method in ["POST", "PATCH"] {
            let c = api.collection().await;
            let path = if method == "POST" { "/documents/".into() } else { format!("/documents/{d}/") };
            let pauses = Pauses::at(Point::BeforeWrite);
            let first = api.paused(method, &path, json!({"collection": c, "uid": "new"}), &pauses);
            pauses.reached().await;
            assert_eq!(api.call("DELETE", &format!("/collections/{c}/"), json!(null)).await.0, 204);
            pauses.go_on();
            let message = format!("Invalid pk \"{c}\" - object does not exist.");
            assert_eq!(first.await.unwrap(), (400, json!({"collection": [message]})));
        }
        assert_eq!(api.get(&format!("/documents/{d}/")).await.1["collection"], kept);
    })
    .await;
}

/// drf.md 2.4 and 2.7: foreign keys as Django makes them, checked at the end of the transaction only.
#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_foreign_key_that_fails_at_the_commit_is_a_400() {
    each_database(async |database: Database| {
        database.execute(entities::DJANGO_TABLES).await;
        let api = Api::with_hooks(&database).await;
        let c = api.collection().await;
        let body = json!({"collection": c, "uid": "x", "blob": {"audit": "astray"}});
        // the hook's own key, which no client can mend
        assert_eq!(api.call("POST", "/documents/", body).await.0, 500);
        assert_eq!(api.rows("/documents/").await.len(), 0);
        if database.is_postgres() {
            // the child is written and not yet seen when its parent goes
            let pauses = Pauses::at(Point::BeforeCommit);
            let first = api.paused("POST", "/documents/", json!({"collection": c, "uid": "x"}), &pauses);
            pauses.reached().await;
            database.execute(&format!("DELETE FROM collection WHERE id = {c}")).await;
            pauses.go_on();
            let message = format!("Invalid pk \"{c}\" - object does not exist.");
            assert_eq!(first.await.unwrap(), (400, json!({"collection": [message]})));
        }
        // the cascade that the entity declares and the database does not
        let c = api.collection().await;
        let d = api.document(c, "child").await;
        assert_eq!(api.call("DELETE", &format!("/collections/{c}/"), json!(null)).await.0, 204);
        assert_eq!(api.get(&format!("/documents/{d}/")).await.0, 404);
    })
    .await;
}

/// drf.md 2.1: a query rule, under load.
#[tokio::test(flavor = "multi_thread")]
async fn at_most_three_documents_however_many_ask_at_once() {
    each_database(async |database: Database| {
        let api = Api::limited(&database).await;
        for _ in 0..5 {
            let c = api.collection().await;
            let posts: Vec<_> = (0..16)
                .map(|n| api.spawn("POST", "/limited/", json!({"collection": c, "uid": format!("u{n}")})))
                .collect();
            let mut statuses = Vec::new();
            for post in posts {
                let (status, body) = post.await.unwrap();
                if status == 400 {
                    assert_eq!(body, json!({"non_field_errors": ["The collection is full."]}));
                }
                statuses.push(status);
            }
            statuses.sort_unstable();
            assert_eq!(statuses[..3], [201; 3]);
            assert_eq!(statuses[3..], [400; 13]);
        }
    })
    .await;
}

/// The law: serializable isolation only protects among those who use it, so an endpoint without the rule uses it too.
/// In every serial order at most three documents were let in by the rule, however many came by the other endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_declare_the_rule_cannot_break_it() {
    each_database(async |database: Database| {
        let api = Api::limited(&database).await;
        if database.is_postgres() {
            // SQLite has one writer, and is serial by nature
            let c = api.collection().await;
            let body = json!({"collection": c, "uid": "x", "blob": {"audit": "isolation"}});
            assert_eq!(api.call("POST", "/documents/", body).await.0, 201);
            assert_eq!(api.rows("/audits/").await[0]["text"], "serializable");
        }
        for _ in 0..5 {
            let c = api.collection().await;
            let posts: Vec<_> = (0..16)
                .map(|n| {
                    let path = if n % 2 == 0 { "/limited/" } else { "/documents/" };
                    (path, api.spawn("POST", path, json!({"collection": c, "uid": format!("u{n}")})))
                })
                .collect();
            let mut let_in = 0;
            for (path, post) in posts {
                let (status, body) = post.await.unwrap();
                if path == "/documents/" {
                    assert_eq!(status, 201, "{body}");
                } else {
                    assert!(matches!(status, 201 | 400), "{status} {body}");
                    let_in += u32::from(status == 201);
                }
            }
            assert!(let_in <= 3, "{let_in}");
            // the rule is judged anew: what came by the other endpoint counts
            let (status, _) = api.call("POST", "/limited/", json!({"collection": c, "uid": "late"})).await;
            assert_eq!(status, 400);
        }
    })
    .await;
}

/// drf.md 2.13: two transactions that lock the same rows in opposite order.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_replayed() {
    each_database(async |database: Database| {
        let api = Api::with_hooks(&database).await;
        let c = api.collection().await;
        let (a, b) = (api.document(c, "a").await, api.document(c, "b").await);
        let touch = |own: i64, other: i64| {
            (format!("/documents/{own}/"), json!({"blob": {"audit": "touches", "other": other}}))
        };
        let ((path_a, body_a), (path_b, body_b)) = (touch(a, b), touch(b, a));
        if database.is_postgres() {
            let (pause_a, pause_b) = (Pauses::at(Point::BeforeWrite), Pauses::at(Point::BeforeWrite));
            let (first, second) =
                (api.paused("PATCH", &path_a, body_a, &pause_a), api.paused("PATCH", &path_b, body_b, &pause_b));
            pause_a.reached().await;
            pause_b.reached().await;
            pause_a.go_on();
            pause_b.go_on();
            assert_eq!((first.await.unwrap().0, second.await.unwrap().0), (200, 200));
        } else {
            let (first, second) = (api.spawn("PATCH", &path_a, body_a), api.spawn("PATCH", &path_b, body_b));
            assert_eq!((first.await.unwrap().0, second.await.unwrap().0), (200, 200));
        }
    })
    .await;
}

/// drf.md 2.13: beyond the budget of replays the answer is 503, and says when to come back.
#[tokio::test(flavor = "multi_thread")]
async fn conflicts_beyond_the_budget_are_a_503() {
    each_database(async |database: Database| {
        let api = Api::contested(&database).await;
        let c = api.collection().await;
        let (a, b) = (api.document(c, "a").await, api.document(c, "b").await);
        let _busy = if database.is_postgres() { None } else { Some(database.hold_the_write_lock()) };
        let body = json!({"blob": {"audit": "contested", "other": b}});
        let answer = api.answer("PATCH", &format!("/documents/{a}/"), body).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
        assert_eq!(answer.body, json!({"detail": "Service temporarily unavailable, try again later."}));
        drop(_busy);
        assert_eq!(api.call("PATCH", &format!("/documents/{a}/"), json!({"blob": {}})).await.0, 200);
    })
    .await;
}

/// drf.md 2.7: the owner changes while the old one's request is under way. It is judged by the row that it locks.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_longer_the_owner_changes_nothing() {
    each_database(async |database: Database| {
        let refused = (403, json!({"detail": "Not yours."}));
        for (method, list, body) in [
            ("PATCH", false, json!({"end": 7})),
            ("PUT", false, json!({"start": 1, "end": 7})),
            ("DELETE", false, json!(null)),
            ("PATCH", true, json!([{"id": 1, "end": 7}])),
            ("DELETE", true, json!([1])),
        ] {
            let api = Api::owned(&database).await;
            let (status, booking) = api.call("POST", "/bookings/", json!({"start": 1, "end": 5})).await;
            assert_eq!(status, 201);
            let id = booking["id"].as_i64().unwrap();
            let body = serde_json::from_str(&body.to_string().replace('1', &id.to_string())).unwrap();
            let body = if method == "PUT" { json!({"start": 1, "end": 7}) } else { body };
            let own = format!("/owned/{id}/");
            let pauses = Pauses::at(Point::BeforeCommit);
            let transfer = api.paused("PATCH", &format!("{own}?as=1"), json!({"start": 2}), &pauses);
            pauses.reached().await;
            // judged before the transfer is committed, it would be the owner's still
            let path = if list { "/lists/?as=1".to_owned() } else { format!("{own}?as=1") };
            let late = api.spawn(method, &path, body);
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!late.is_finished(), "{method} waits for the row");
            pauses.go_on();
            assert_eq!(transfer.await.unwrap().0, 200);
            assert_eq!(late.await.unwrap(), refused, "{method} {path}");
            assert_eq!(api.get(&format!("/bookings/{id}/")).await, (200, json!({"id": id, "start": 2, "end": 5})));
            assert_eq!(api.get(&format!("{own}?as=1")).await, refused);
            assert_eq!(api.get(&format!("{own}?as=2")).await.0, 200);
        }
    })
    .await;
}

/// The same with all at once, again and again: what the old owner wrote, it wrote before the transfer.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_among_the_owners_own_writes_is_the_last_of_them() {
    each_database(async |database: Database| {
        let api = Api::owned(&database).await;
        for _ in 0..20 {
            let (_, booking) = api.call("POST", "/bookings/", json!({"start": 1, "end": 0})).await;
            let own = format!("/owned/{}/?as=1", booking["id"]);
            let mut writes: Vec<_> = (1..=8).map(|n| api.spawn("PATCH", &own, json!({"end": n}))).collect();
            let transfer = api.spawn("PATCH", &own, json!({"start": 2, "end": 99}));
            writes.extend((9..=16).map(|n| api.spawn("PATCH", &own, json!({"end": n}))));
            assert_eq!(transfer.await.unwrap().0, 200);
            for write in writes {
                let (status, body) = write.await.unwrap();
                assert!(matches!(status, 200 | 403), "{status} {body}");
            }
            let (_, after) = api.get(&format!("/bookings/{}/", booking["id"])).await;
            assert_eq!((&after["start"], &after["end"]), (&json!(2), &json!(99)));
        }
    })
    .await;
}

/// The owner alone is told what is wrong with a body, and who is not the owner of one row of a list changes none.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_no_more() {
    each_database(async |database: Database| {
        let api = Api::owned(&database).await;
        let refused = (403, json!({"detail": "Not yours."}));
        for owner in [1, 2] {
            assert_eq!(api.call("POST", "/bookings/", json!({"start": owner, "end": 5})).await.0, 201);
        }
        assert_eq!(api.call("PATCH", "/owned/2/?as=1", json!({"end": "x"})).await, refused);
        assert_eq!(api.call("PATCH", "/owned/2/?as=2", json!({"end": "x"})).await.0, 400);
        assert_eq!(api.call("PATCH", "/owned/9/?as=1", json!({"end": "x"})).await.0, 404);
        assert_eq!(api.call("PATCH", "/lists/?as=1", json!([{"id": 1, "end": 7}, {"id": 2, "end": 7}])).await, refused);
        assert_eq!(api.call("DELETE", "/lists/?as=2", json!([1, 2])).await, refused);
        let rows = api.rows("/bookings/").await;
        assert_eq!(rows, [json!({"id": 1, "start": 1, "end": 5}), json!({"id": 2, "start": 2, "end": 5})]);
        assert_eq!(api.call("DELETE", "/owned/1/?as=1", json!(null)).await.0, 204);
        assert_eq!(api.rows("/owned/").await.len(), 1, "lists are not judged, as in DRF");
    })
    .await;
}
