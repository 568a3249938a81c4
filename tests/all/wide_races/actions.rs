//! Extra actions: what they write is written under the row's lock, whole or not at all.

use bowline::prelude::*;
use bowline::value;
use sea_orm::ActiveValue::Set;
use serde_json::{Value as Json, json};

use crate::wide_races::clients::{Api, CLIENTS, count, one_gets_it, post};
use crate::wide_races::models::{CONSTRAINED, booking, seat};
use crate::wide_races::{each, execute, number};

async fn lengthen(action: ActionRequest) -> bowline::Result<Response> {
    let booking = action.get_object::<booking::Entity>().await?;
    let changed = booking::ActiveModel { id: Set(booking.id), end: Set(booking.end + 1), ..Default::default() };
    changed.update(action.connection()).await?;
    action.representation().await
}

async fn lengthen_in_vain(action: ActionRequest) -> bowline::Result<Response> {
    lengthen(action).await?;
    Err(Error::permission_denied())
}

async fn longest(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.first([(booking::Column::End, true)]).await?;
    found.ok_or_else(|| Error::NotFound("No booking.".into()))
}

async fn renumber(action: ActionRequest) -> bowline::Result<Value> {
    let seat = action.get_object::<seat::Entity>().await?;
    let to = action.data()?.get("number").and_then(Value::as_int).unwrap_or(7);
    let changed = seat::ActiveModel { id: Set(seat.id), number: Set(to), ..Default::default() };
    changed.update(action.connection()).await?;
    Ok(value!({"number": to}))
}

#[test]
fn nothing_is_lost_between_reading_and_writing() {
    each(|database| {
        execute(database, CONSTRAINED);
        let bookings = ModelViewSet::<booking::Entity>::new()
            .action(ExtraAction::detail("lengthen").post(lengthen))
            .action(ExtraAction::detail("in_vain").url_path("in-vain").post(lengthen_in_vain))
            .action(ExtraAction::list("longest").get(longest));
        let api = Api::new(database, DefaultRouter::new().register("bookings", bookings));
        assert_eq!(api.call("GET", "/bookings/longest/", &Json::Null).text, r#"{"detail":"No booking."}"#);
        let id = api.id("/bookings/", &json!({"start": 0, "end": 100}));
        for round in 1..=3 {
            let calls = (0..CLIENTS).map(|n| match n % 4 {
                0 => post(format!("/bookings/{id}/in-vain/"), &Json::Null),
                _ => post(format!("/bookings/{id}/lengthen/"), &Json::Null),
            });
            let answers = api.at_once(calls);
            let done = CLIENTS - CLIENTS.div_ceil(4);
            assert_eq!((count(&answers, 200), count(&answers, 403)), (done, CLIENTS - done), "{answers:?}");
            let mut ends: Vec<i64> = answers.iter().filter_map(|answer| answer.body["end"].as_i64()).collect();
            ends.sort_unstable();
            let last = 100 + i64::try_from(round * done).unwrap();
            // each client saw an end of its own
            assert_eq!(ends, (last - i64::try_from(done).unwrap() + 1..=last).collect::<Vec<_>>());
            assert_eq!(number(database, &format!("SELECT \"end\" FROM booking WHERE id = {id}")), last);
        }
        assert_eq!(api.get("/bookings/longest/")["id"], id);
        assert_eq!(api.call("POST", "/bookings/longest/", &Json::Null).status, 405);
        let missing = api.call("POST", "/bookings/999/lengthen/", &Json::Null);
        assert_eq!(
            (missing.status, missing.text.as_str()),
            (404, r#"{"detail":"No Booking matches the given query."}"#)
        );
    });
}

#[test]
fn a_constraint_that_an_action_breaks_is_a_400() {
    const TAKEN: &str = r#"{"number":["seat with this number already exists."]}"#;
    each(|database| {
        execute(database, CONSTRAINED);
        let seats = ModelViewSet::<seat::Entity>::new().action(ExtraAction::detail("renumber").post(renumber));
        let api = Api::new(database, DefaultRouter::new().register("seats", seats));
        let ids: Vec<i64> = (0..CLIENTS)
            .map(|n| api.id("/seats/", &json!({"number": n + 10, "room": n.to_string(), "zone": "z", "badge": "b"})))
            .collect();
        one_gets_it(&api, 200, TAKEN, |n| post(format!("/seats/{}/renumber/", ids[n]), &json!({"number": 5})));
        assert_eq!(number(database, "SELECT count(*) FROM seat WHERE number = 5"), 1);
    });
}
