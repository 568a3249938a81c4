//! Columns that hooks, rules and permissions read and set.

use std::sync::Mutex;

use bowline::prelude::*;
use sea_orm::prelude::Decimal;
use serde_json::{Value as Json, json};

use super::models::{Answer, Does, answers, hall, post, router, seat, seats, tables};
use crate::support::Database;

const ALL: [&str; 8] = ["id", "number", "label", "price", "note", "stamp", "level", "hall"];

/// A 500 without details, and a line in the log with these words.
fn is_mistake(answer: &Answer, words: &[&str]) {
    assert_eq!((answer.status, &answer.body), (500, &json!({"detail": "A server error occurred."})), "{}", answer.log);
    for word in words {
        assert!(answer.log.contains(word), "{word:?} is not in: {}", answer.log);
    }
}

#[test]
fn what_a_column_cannot_take_or_give_is_the_programs_mistake() {
    type Hook = fn(&mut Save<'_, seat::Entity>) -> bowline::Result<()>;
    fn set<V: Into<DbValue>>(save: &mut Save<'_, seat::Entity>, column: seat::Column, value: V) -> bowline::Result<()> {
        save.set(column, value);
        Ok(())
    }
    let cases: [(Hook, &[&str]); 12] = [
        (|save| set(save, seat::Column::Number, "many"), &["Seat.number", "integer", "String"]),
        (|save| set(save, seat::Column::Number, 5_000_000_000_i64), &["Seat.number", "range"]),
        (|save| set(save, seat::Column::Number, 1.5), &["Seat.number", "Double"]),
        (|save| set(save, seat::Column::Label, 7_i64), &["Seat.label", "text", "BigInt"]),
        (|save| set(save, seat::Column::Label, "too long"), &["Seat.label", "5 characters"]),
        (|save| set(save, seat::Column::Label, None::<String>), &["Seat.label", "NOT NULL"]),
        (|save| set(save, seat::Column::Price, "cheap"), &["Seat.price", "decimal"]),
        (|save| set(save, seat::Column::Price, Decimal::new(123_456, 2)), &["Seat.price", "digits"]),
        (|save| save.get::<String>(seat::Column::Number).map(drop), &["Seat.number", "cannot be read as String"]),
        (|save| save.get::<String>(seat::Column::Note).map(drop), &["Seat.note", "Option<String>"]),
        (|save| save.get::<i64>(seat::Column::Id).map(drop), &["Seat.id", "not known before it is saved"]),
        (|save| save.object().get::<i64>(hall::Column::Id).map(drop), &["Seat", "hall.id", "another entity"]),
    ];
    Database::each(|database| {
        tables(database);
        for (before, words) in cases {
            let answer = post(database, seats(ALL).hooks(Does::before(before)), super::models::seat());
            is_mistake(&answer, words);
        }
        let twice = Does { before: |_| Ok(()), after: |save| set(save, seat::Column::Label, "late") };
        is_mistake(&post(database, seats(ALL).hooks(twice), super::models::seat()), &["Seat.label", "after"]);
        assert_eq!(database.list("SELECT count(*) FROM seat"), ["0"]);
    });
}

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What the database gave, a default and a trigger's work included, is there once the object is saved.
#[test]
fn every_stored_value_is_there_after_the_save() {
    fn note(save: &mut Save<'_, seat::Entity>) -> bowline::Result<()> {
        let seen = format!(
            "{} {:?} {:?} {} {}",
            save.get::<i64>(seat::Column::Id)?,
            save.get::<Option<String>>(seat::Column::Stamp)?,
            save.get::<Option<String>>(seat::Column::Note)?,
            save.get::<i32>(seat::Column::Number)?,
            save.get::<Option<Decimal>>(seat::Column::Price)?.unwrap_or_default(),
        );
        SEEN.lock().unwrap().push(seen);
        Ok(())
    }
    let before: fn(&mut Save<'_, seat::Entity>) -> bowline::Result<()> = |save| {
        // typed columns: what they take is the compiler's to say
        save.set(seat::COLUMN.price, Decimal::new(1250, 2)).set(seat::COLUMN.label, "hook");
        save.set(seat::COLUMN.level, None::<i32>);
        assert_eq!(save.get::<Decimal>(seat::Column::Price)?, Decimal::new(1250, 2));
        assert_eq!(save.get::<Option<i32>>(seat::Column::Level)?, None);
        Ok(())
    };
    Database::each(|database| {
        tables(database);
        SEEN.lock().unwrap().clear();
        let view = seats(["id", "number", "hall"]).hooks(Does { before, after: note });
        let requests = [
            ("POST", "/seats/", json!({"number": 3, "hall": 1})),
            ("PATCH", "/seats/1/", json!({"number": 4})),
            ("PATCH", "/seats/1/", json!({})),
        ];
        for answer in answers(database, router(view), &requests) {
            assert!(answer.status < 300, "{} {} {}", answer.status, answer.body, answer.log);
        }
        let there = |number: i32| format!("1 Some(\"by default\") Some(\"by trigger\") {number} 12.50");
        assert_eq!(*SEEN.lock().unwrap(), [there(3), there(4), there(4)], "{}", database.name());
        assert_eq!(database.list("SELECT label FROM seat"), ["hook"]);
    });
}

#[derive(Debug)]
struct Astray;

#[bowline::async_trait]
impl QueryValidator for Astray {
    async fn validate(&self, object: &Object<'_>, _: &Transaction) -> bowline::Result<()> {
        object.value(hall::Column::Name).map(drop)
    }
}

impl Permission for Astray {
    fn has_object_permission(&self, _: &Context, _: &ViewInfo, object: &Object<'_>) -> bowline::Result<bool> {
        object.get(seat::Column::Label)
    }
}

async fn first(action: ActionRequest) -> bowline::Result<Response> {
    Ok(action.first([(hall::Column::Id, false)]).await?.unwrap_or_else(Response::empty))
}

#[test]
fn rules_permissions_and_actions_that_read_another_entity_or_type() {
    let serializer = || ModelSerializer::<seat::Entity>::new().fields(ALL);
    let view = || ModelViewSet::<seat::Entity>::new();
    Database::each(|database| {
        tables(database);
        database.run("INSERT INTO seat (number, label, hall_id) VALUES (1, 'a', 1)");
        let patch = || ("PATCH", "/seats/1/", json!({"number": 2}));
        let written = |object: &Object<'_>| object.is_written(hall::Column::Name).map(drop);
        let before = |object: &Object<'_>| object.before::<bool>(seat::Column::Number).map(drop);
        for (view, request, words) in [
            (view().serializer(serializer().object_validator(written)), patch(), ["hall.name", "Seat"]),
            (view().serializer(serializer().object_validator(before)), patch(), ["Seat.number", "bool"]),
            (view().serializer(serializer().query_validator(Astray)), patch(), ["hall.name", "Seat"]),
            (view().permissions(Astray), patch(), ["Seat.label", "bool"]),
            (view().permissions(Astray), ("GET", "/seats/1/", Json::Null), ["Seat.label", "bool"]),
            (
                view().action(ExtraAction::list("first").get(first)),
                ("GET", "/seats/first/", Json::Null),
                ["hall.id", "Seat"],
            ),
        ] {
            is_mistake(&answers(database, router(view), &[request])[0], &words);
        }
        assert_eq!(database.list("SELECT number FROM seat"), ["1"]);
    });
}
