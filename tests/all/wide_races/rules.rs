//! Unique rules that no index backs: they are asked inside serializable transactions.

use bowline::fields::{Field, IntegerField};
use bowline::prelude::*;
use bowline::validators::Lookup;
use serde_json::{Value as Json, json};

use crate::support::Database;
use crate::wide_races::clients::{Answer, Api, CLIENTS, count, one_gets_it, one_wins, patch, post, put};
use crate::wide_races::models::{account, event, item, shelf, shelves};
use crate::wide_races::{each, execute, number};

fn events(database: &Database) -> Api {
    let described = Model::<event::Entity>::new()
        .unique_for_date(event::Column::Title, event::Column::On)
        .unique_for_month(event::Column::Room, event::Column::On)
        .unique_for_year(event::Column::Sponsor, event::Column::On);
    let events = ModelViewSet::<event::Entity>::new().create_many(Lists::Also).update_many([Action::PartialUpdate]);
    Api::new(database, DefaultRouter::new().describe(described).register("events", events))
}

/// An evening that meets no other one but by what is said.
fn event(n: usize, said: &Json) -> Json {
    let mut event = json!({
        "title": format!("t{n}"), "room": format!("r{n}"), "sponsor": format!("s{n}"), "on": "2024-03-01",
    });
    event.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    event
}

/// The date that the n-th client writes.
type DateOf = fn(usize) -> String;

#[test]
fn once_on_a_day_in_a_month_in_a_year() {
    const DATE: &str = r#"{"title":["This field must be unique for the \"on\" date."]}"#;
    const MONTH: &str = r#"{"room":["This field must be unique for the \"on\" month."]}"#;
    const YEAR: &str = r#"{"sponsor":["This field must be unique for the \"on\" year."]}"#;
    each(|database| {
        let api = events(database);
        // the dates are those of one day, one month, one year only
        let rules: [(&str, &str, DateOf); 3] = [
            ("title", DATE, |_| "2024-03-07".into()),
            ("room", MONTH, |n| format!("{}-03-{:02}", 2000 + n, n + 1)),
            ("sponsor", YEAR, |n| format!("2024-{:02}-{:02}", n % 12 + 1, n + 1)),
        ];
        for (field, refusal, on) in rules {
            let same = format!("the {field}");
            one_gets_it(&api, 201, refusal, |n| post("/events/", &event(100 + n, &json!({field: same, "on": on(n)}))));
            let ids: Vec<i64> = (0..CLIENTS)
                .map(|n| api.id("/events/", &event(n, &json!({"on": "1999-01-01", field: n.to_string()}))))
                .collect();
            // every body of a change has both fields, and those of the other rules
            let wanted = |n: usize| {
                let other = format!("another {field}");
                let body = event(200 + n, &json!({field: other, "on": on(n)}));
                let path = format!("/events/{}/", ids[n]);
                if n.is_multiple_of(2) { patch(path, &body) } else { put(path, &body) }
            };
            one_gets_it(&api, 200, refusal, wanted);
            execute(database, ["DELETE FROM event"; 2]);
        }
    });
}

#[test]
fn a_list_is_held_against_itself_too() {
    each(|database| {
        let api = events(database);
        let batch = |n: usize| {
            Json::Array(
                (0..4)
                    .map(|k| {
                        event(10 * n + k, &json!({"title": if k == n % 4 { "t".into() } else { format!("{n}.{k}") }}))
                    })
                    .collect(),
            )
        };
        let answers = api.at_once((0..8).map(|n| post("/events/", &batch(n))));
        assert_eq!(count(&answers, 201), 1, "{answers:?}");
        for (n, answer) in answers.iter().enumerate().filter(|(_, answer)| answer.status != 201) {
            let place = (n % 4).to_string();
            let refusal = json!({place: {"title": ["This field must be unique for the \"on\" date."]}});
            assert_eq!((answer.status, &answer.body), (400, &refusal));
        }
        assert_eq!(number(database, "SELECT count(*) FROM event"), 4);
        let twice = json!([event(950, &json!({})), event(951, &json!({})), event(952, &json!({"title": "t950"}))]);
        let refusal = json!({"2": {"title": ["This field must be unique for the \"on\" date."]}});
        let answer = api.call("POST", "/events/", &twice);
        assert_eq!((answer.status, answer.body), (400, refusal));
        assert_eq!(number(database, "SELECT count(*) FROM event"), 4);
    });
}

fn accounts(database: &Database) -> Api {
    let serializer = ModelSerializer::<account::Entity>::new()
        .unique("email", UniqueValidator::new().lookup(Lookup::IExact).message("That address is in use."))
        .unique("nick", UniqueValidator::new().among(Condition::eq("nick", "").negate()));
    let accounts = ModelViewSet::<account::Entity>::new()
        .serializer(serializer)
        .create_many(Lists::Also)
        .update_many([Action::PartialUpdate]);
    Api::new(database, DefaultRouter::new().register("accounts", accounts))
}

/// A text in another mixture of cases for each number.
fn mixed(n: usize, text: &str) -> String {
    let letter = |(place, c): (usize, char)| if n >> (place % 4) & 1 == 1 { c.to_ascii_uppercase() } else { c };
    text.chars().enumerate().map(letter).collect()
}

#[test]
fn the_same_address_in_whatever_case() {
    const REFUSAL: &str = r#"{"email":["That address is in use."]}"#;
    each(|database| {
        let api = accounts(database);
        one_gets_it(&api, 201, REFUSAL, |n| post("/accounts/", &json!({"email": mixed(n, "anna@x.org")})));
        let ids: Vec<i64> =
            (0..CLIENTS).map(|n| api.id("/accounts/", &json!({"email": format!("{n}@x.org")}))).collect();
        one_gets_it(&api, 200, REFUSAL, |n| {
            let body = json!({"email": mixed(n, "bert@x.org"), "nick": ""});
            let path = format!("/accounts/{}/", ids[n]);
            if n.is_multiple_of(2) { patch(path, &body) } else { put(path, &body) }
        });
        let left = number(database, "SELECT count(*) FROM account WHERE upper(email) IN ('ANNA@X.ORG', 'BERT@X.ORG')");
        assert_eq!(left, 2);
        // in a list
        let batch = |n: usize| json!([{"email": format!("list{n}@x.org")}, {"email": mixed(n, "carl@x.org")}]);
        let answers = api.at_once((0..8).map(|n| post("/accounts/", &batch(n))));
        let refusal = r#"{"1":{"email":["That address is in use."]}}"#;
        one_wins(&answers, 201, refusal);
        let alone = api.call("POST", "/accounts/", &json!([{"email": "dora@x.org"}, {"email": "DORA@x.org"}]));
        assert_eq!((alone.status, alone.text.as_str()), (400, refusal), "not twice in one list either");
        let changes = json!([{"id": ids[0], "email": "emil@x.org"}, {"id": ids[1], "email": "EMIL@x.org"}]);
        let alone = api.call("PATCH", "/accounts/", &changes);
        assert_eq!((alone.status, alone.text.as_str()), (400, refusal));
        assert_eq!(
            number(database, "SELECT count(*) FROM account WHERE upper(email) IN ('DORA@X.ORG', 'EMIL@X.ORG')"),
            0
        );
    });
}

#[test]
fn the_same_value_among_some_rows() {
    const REFUSAL: &str = r#"{"nick":["This field must be unique."]}"#;
    each(|database| {
        let api = accounts(database);
        let account = |n: usize, nick: &str| json!({"email": format!("{n}@x.org"), "nick": nick});
        // the empty one is not among them
        execute(database, ["INSERT INTO account (email, nick) VALUES ('x', ''), ('y', '')"; 2]);
        one_gets_it(&api, 201, REFUSAL, |n| post("/accounts/", &account(n, "anna")));
        let body: Vec<Json> = (20..36).map(|n| json!({"email": format!("{n}@x.org")})).collect();
        let ids: Vec<i64> = body.iter().map(|body| api.id("/accounts/", body)).collect();
        one_gets_it(&api, 200, REFUSAL, |n| patch(format!("/accounts/{}/", ids[n]), &json!({"nick": "bert"})));
        assert_eq!(number(database, "SELECT count(*) FROM account WHERE nick <> ''"), 2);
        let list = |nick: &str| json!([account(50, "fritz"), account(51, nick), account(52, nick)]);
        let twice = api.call("POST", "/accounts/", &list("dora"));
        assert_eq!((twice.status, twice.text.as_str()), (400, r#"{"2":{"nick":["This field must be unique."]}}"#));
        assert_eq!(
            api.call("POST", "/accounts/", &list("")).status,
            201,
            "of those that do not count there may be many"
        );
    });
}

/// The rules of rows within a row are asked as well, with those of the same body before them.
#[test]
fn rules_of_rows_within_a_row() {
    each(|database| {
        let unique = UniqueValidator::new().lookup(Lookup::IExact);
        let items = ModelSerializer::<item::Entity>::new()
            .fields(["id", "label"])
            .declare(Field::new("id", IntegerField::new()).required(false))
            .unique("label", unique)
            .object_validator(|object: &Object<'_>| {
                let label: String = object.get(item::Column::Label)?;
                if label == "bad" { Err(bowline::Error::from(ValidationError::from("A bad label."))) } else { Ok(()) }
            });
        let serializer =
            ModelSerializer::<shelf::Entity>::new().fields(["id", "name", "items"]).nested("items", items, |f| f);
        let router = shelves().register("shelves", ModelViewSet::new().serializer(serializer));
        let api = Api::new(database, router);
        let shelf = |labels: &[&str]| {
            let items: Vec<Json> = labels.iter().map(|label| json!({"label": label})).collect();
            json!({"name": "s", "items": items})
        };
        let refused = |answer: Answer, errors: Json| assert_eq!((answer.status, answer.body), (400, errors));
        let taken = json!({"items": {"1": {"label": ["This field must be unique."]}}});
        refused(
            api.call("POST", "/shelves/", &shelf(&["a", "bad"])),
            json!({"items": {"1": {"non_field_errors": ["A bad label."]}}}),
        );
        refused(api.call("POST", "/shelves/", &shelf(&["a", "A"])), taken.clone());
        one_gets_it(&api, 201, &taken.to_string(), |n| {
            post("/shelves/", &shelf(&[&format!("other{n}"), &mixed(n, "label")]))
        });
        let ids: Vec<i64> = (0..CLIENTS).map(|n| api.id("/shelves/", &shelf(&[&format!("x{n}")]))).collect();
        one_gets_it(&api, 200, &taken.to_string(), |n| {
            put(format!("/shelves/{}/", ids[n]), &shelf(&[&format!("y{n}"), &mixed(n, "second")]))
        });
        let own = api.get(&format!("/shelves/{}/", ids[0]));
        let same = api.call("PUT", &format!("/shelves/{}/", ids[0]), &own);
        assert_eq!((same.status, same.body), (200, own), "its own label is not taken");
    });
}
