//! Constraints that the database keeps and the description gives words: conditional ones, several over one column, NULLs
//! that equal each other, CHECK.

use bowline::error::ErrorFormat;
use bowline::model::UniqueConstraint;
use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::Database;
use crate::wide_races::clients::{Api, CLIENTS, count, one_gets_it, patch, post, put};
use crate::wide_races::models::{CONSTRAINED, booking, loan, seat};
use crate::wide_races::{each, execute, number};

fn described() -> DefaultRouter {
    DefaultRouter::new()
        .describe(
            Model::<loan::Entity>::new().constraint(
                UniqueConstraint::new([loan::Column::Book])
                    .condition(Condition::is_null(loan::Column::ReturnedAt))
                    .name("loan_open_book")
                    .message("This book is already on loan.")
                    .code("on_loan"),
            ),
        )
        .describe(
            Model::<seat::Entity>::new()
                .constraint(
                    UniqueConstraint::new([seat::Column::Badge, seat::Column::Room])
                        .name("seat_badge")
                        .message("That badge is worn in this room.")
                        .code("worn"),
                )
                .constraint(
                    UniqueConstraint::new([seat::Column::Room, seat::Column::Zone])
                        .name("seat_zone")
                        .message("That zone is taken.")
                        .code("zone"),
                ),
        )
        .describe(Model::<booking::Entity>::new().check("booking_order", "A booking ends after it starts."))
        .register("loans", ModelViewSet::<loan::Entity>::new())
        .register("seats", ModelViewSet::<seat::Entity>::new())
        .register("bookings", ModelViewSet::<booking::Entity>::new().create_many(Lists::Also))
}

fn api(database: &Database) -> Api {
    execute(database, CONSTRAINED);
    Api::new(database, described())
}

/// Gives every seat a column that its client did not write.
struct Given(seat::Column);

#[bowline::async_trait]
impl ViewSetHooks<seat::Entity> for Given {
    async fn perform_create(&self, save: &mut Save<'_, seat::Entity>) -> bowline::Result<()> {
        match self.0 {
            seat::Column::Badge => save.set(seat::Column::Badge, "guest"),
            column => save.set(column, 7_i64),
        };
        save.save().await
    }

    async fn perform_update(&self, save: &mut Save<'_, seat::Entity>) -> bowline::Result<()> {
        self.perform_create(save).await
    }
}

const OPEN: &str = "SELECT count(*) FROM loan WHERE returned_at IS NULL AND book = ";

#[test]
fn one_open_loan_of_a_book() {
    const REFUSAL: &str = r#"{"non_field_errors":["This book is already on loan."]}"#;
    each(|database| {
        let api = api(database);
        for book in 0..4 {
            // whoever sends a return is not in anybody's way
            one_gets_it(&api, 201, REFUSAL, |n| {
                post("/loans/", &json!({"book": book, "member": n, "returned_at": null}))
            });
            let returned = "2024-01-01T00:00:00Z";
            let loan = |n: usize| json!({"book": book, "member": n, "returned_at": returned});
            let answers = api.at_once((0..CLIENTS).map(|n| post("/loans/", &loan(n))));
            assert_eq!(count(&answers, 201), CLIENTS, "{answers:?}");
            let ids: Vec<i64> = answers.iter().map(|answer| answer.body["id"].as_i64().unwrap()).collect();
            assert_eq!(number(database, &format!("{OPEN}{book}")), 1);
            execute(database, [&format!("DELETE FROM loan WHERE book = {book} AND returned_at IS NULL"); 2]);
            // the column of the condition alone changes, or all of them
            let reopen = |n: usize| match n % 2 {
                0 => patch(format!("/loans/{}/", ids[n]), &json!({"returned_at": null})),
                _ => put(format!("/loans/{}/", ids[n]), &json!({"book": book, "member": n, "returned_at": null})),
            };
            one_gets_it(&api, 200, REFUSAL, reopen);
            assert_eq!(number(database, &format!("{OPEN}{book}")), 1);
        }
    });
}

#[test]
fn a_constraint_speaks_with_its_own_code() {
    each(|database| {
        execute(database, CONSTRAINED);
        let api = Api::new(database, described().configure(|settings| settings.errors = ErrorFormat::FullDetails));
        let refusal = r#"{"non_field_errors":[{"message":"This book is already on loan.","code":"on_loan"}]}"#;
        one_gets_it(&api, 201, refusal, |n| post("/loans/", &json!({"book": 1, "member": n, "returned_at": null})));
        let refusal = r#"{"non_field_errors":[{"message":"That badge is worn in this room.","code":"worn"}]}"#;
        one_gets_it(&api, 201, refusal, |n| {
            post("/seats/", &json!({"number": n, "room": "r", "zone": n.to_string(), "badge": "b"}))
        });
        let refusal = r#"{"non_field_errors":[{"message":"A booking ends after it starts.","code":"invalid"}]}"#;
        let answer = api.call("POST", "/bookings/", &json!({"start": 2, "end": 1}));
        assert_eq!((answer.status, answer.text.as_str()), (400, refusal));
    });
}

/// Whichever of the sets that a column is in is broken, its own words are said.
#[test]
fn several_sets_over_one_column() {
    const NUMBER: &str = r#"{"number":["seat with this number already exists."]}"#;
    const BADGE: &str = r#"{"non_field_errors":["That badge is worn in this room."]}"#;
    const ZONE: &str = r#"{"non_field_errors":["That zone is taken."]}"#;
    const BOTH: &str = r#"{"non_field_errors":["That badge is worn in this room.","That zone is taken."]}"#;
    each(|database| {
        let api = api(database);
        // which of number, badge and zone the clients have in common, all in one room
        for (same, refusal) in [
            ([true, false, false], NUMBER),
            ([false, true, false], BADGE),
            ([false, false, true], ZONE),
            ([false, true, true], BOTH),
            ([true, true, true], NUMBER),
        ] {
            let room = format!("{same:?}");
            let seat = |n: usize| {
                let own = |common: bool| if common { 0 } else { n };
                let number = if same[0] { 1_000 } else { 10 * n + same.iter().filter(|s| **s).count() };
                json!({"number": number, "room": room, "zone": own(same[2]).to_string(), "badge": own(same[1]).to_string()})
            };
            one_gets_it(&api, 201, refusal, |n| post("/seats/", &seat(n)));
            execute(database, ["DELETE FROM seat"; 2]);
            let ids: Vec<i64> = (0..CLIENTS)
                .map(|n| {
                    api.id(
                        "/seats/",
                        &json!({"number": 2_000 + n, "room": "other", "zone": n.to_string(), "badge": n.to_string()}),
                    )
                })
                .collect();
            one_gets_it(&api, 200, refusal, |n| put(format!("/seats/{}/", ids[n]), &seat(n)));
            execute(database, ["DELETE FROM seat"; 2]);
        }
    });
}

/// On PostgreSQL alone: SQLite's NULLs are always distinct.
#[test]
fn nulls_that_equal_each_other() {
    const REFUSAL: &str = r#"{"non_field_errors":["That zone is taken."]}"#;
    each(|database| {
        let api = api(database);
        let seat = |n: usize, zone: Json| json!({"number": n, "room": "r", "zone": zone, "badge": n.to_string()});
        if matches!(database, Database::Sqlite(_)) {
            let answers = api.at_once((0..CLIENTS).map(|n| post("/seats/", &seat(n, Json::Null))));
            assert_eq!(count(&answers, 201), CLIENTS, "{answers:?}");
            return;
        }
        one_gets_it(&api, 201, REFUSAL, |n| post("/seats/", &seat(n, Json::Null)));
        execute(database, ["DELETE FROM seat"; 2]);
        let ids: Vec<i64> = (0..CLIENTS).map(|n| api.id("/seats/", &seat(n, json!(n.to_string())))).collect();
        one_gets_it(&api, 200, REFUSAL, |n| patch(format!("/seats/{}/", ids[n]), &json!({"zone": null})));
        assert_eq!(number(database, "SELECT count(*) FROM seat WHERE zone IS NULL"), 1);
    });
}

#[test]
fn a_check_over_two_columns_that_change_apart() {
    const REFUSAL: &str = r#"{"non_field_errors":["A booking ends after it starts."]}"#;
    each(|database| {
        let api = api(database);
        for _ in 0..4 {
            let booking = api.id("/bookings/", &json!({"start": 0, "end": 100}));
            let path = format!("/bookings/{booking}/");
            // each is fine with what was there before, but a start and an end may exclude each other
            let answers = api.at_once((0..CLIENTS).map(|n| {
                let n = i64::try_from(n).unwrap();
                if n % 2 == 0 { patch(&path, &json!({"start": 45 + n})) } else { patch(&path, &json!({"end": 45 + n})) }
            }));
            for answer in &answers {
                match answer.status {
                    200 => assert!(answer.body["start"].as_i64() < answer.body["end"].as_i64(), "{answer:?}"),
                    _ => assert_eq!((answer.status, answer.text.as_str()), (400, REFUSAL)),
                }
            }
            assert_ne!(count(&answers, 200), 0);
            let stored = api.get(&path);
            assert!(stored["start"].as_i64() < stored["end"].as_i64(), "{stored}");
            let last = |name: &str| answers.iter().any(|a| a.status == 200 && a.body[name] == stored[name]);
            assert!(last("start") && last("end"), "{stored}");
        }
        let list = json!([{"start": 1, "end": 2}, {"start": 2, "end": 1}, {"start": 3, "end": 4}]);
        let answer = api.call("POST", "/bookings/", &list);
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (400, format!(r#"{{"1":{REFUSAL}}}"#).as_str()),
            "at its index"
        );
    });
}

#[test]
fn what_a_hook_writes_is_judged_too() {
    const WORN: &str = r#"{"non_field_errors":["That badge is worn in this room."]}"#;
    const TAKEN: &str = r#"{"number":["seat with this number already exists."]}"#;
    each(|database| {
        execute(database, CONSTRAINED);
        let badges = ModelSerializer::<seat::Entity>::new().read_only_fields(["badge"]);
        let given = |column| ModelViewSet::<seat::Entity>::new().hooks(Given(column));
        let router = described()
            .register("guests", given(seat::Column::Badge).serializer(badges).basename("guest"))
            .register("sevenths", given(seat::Column::Number).basename("seventh"));
        let api = Api::new(database, router);
        for room in ["a", "b"] {
            let guest = |n: usize| json!({"number": 100 + n, "room": room, "zone": format!("z{n}")});
            one_gets_it(&api, 201, WORN, |n| post("/guests/", &guest(n)));
            execute(database, [&format!("DELETE FROM seat WHERE room = '{room}'"); 2]);
            let ids: Vec<i64> = (0..CLIENTS)
                .map(|n| {
                    let seat = json!({"number": n, "room": format!("{room}{n}"), "zone": "z", "badge": "own"});
                    api.id("/seats/", &seat)
                })
                .collect();
            one_gets_it(&api, 200, WORN, |n| {
                patch(format!("/guests/{}/", ids[n]), &json!({"room": room, "zone": n.to_string()}))
            });
            execute(database, ["DELETE FROM seat"; 2]);
        }
        let seventh = |n: usize| json!({"number": n, "room": n.to_string(), "zone": "z", "badge": "own"});
        one_gets_it(&api, 201, TAKEN, |n| post("/sevenths/", &seventh(n)));
    });
}
