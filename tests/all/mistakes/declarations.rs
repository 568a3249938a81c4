//! Further declarations that can never work: options that a column has no use for, values that it never has, names that hide others.

use bowline::fields::{CharField, Field};
use bowline::model::Model as Description;
use bowline::prelude::*;

use super::models::{hall, refused, router, seat, seats};
use crate::support::Database;

const ALL: [&str; 8] = ["id", "number", "label", "price", "note", "stamp", "level", "hall"];

fn says(router: DefaultRouter) -> String {
    refused(&Database::sqlite(), router)
}

fn of(serializer: ModelSerializer<seat::Entity>) -> String {
    says(router(ModelViewSet::new().serializer(serializer)))
}

fn described(model: Description<seat::Entity>) -> String {
    says(router(seats(ALL)).describe(model))
}

#[test]
fn options_that_a_column_has_no_use_for() {
    let s = || ModelSerializer::<seat::Entity>::new();
    let text = |name: &str, option: &str, whom: &str| {
        format!("Seat: the field {name}: {option} is for {whom}, and the column is text.")
    };
    let number = |option: &str, whom: &str| {
        format!("Seat: the field number: {option} is for {whom}, and the column is an integer of 32 bits.")
    };
    for (said, sentence) in [
        (of(s().field("label", |f| f.min_value(3))), text("label", "min_value", "numbers")),
        (of(s().field("label", |f| f.format("%d"))), text("label", "format", "dates and times")),
        (
            of(s().field("label", |f| f.coerce_to_string(true))),
            text("label", "coerce_to_string", "decimals and integers of 64 bits"),
        ),
        (of(s().field("number", |f| f.max_length(3))), number("max_length", "text")),
        (of(s().field("number", |f| f.allow_blank(true))), number("allow_blank", "text")),
        (of(s().field("number", |f| f.input_formats(["%d"]))), number("input_formats", "dates and times")),
        (
            of(s().field("label", |f| f.min_length(4).max_length(2))),
            "Seat: the field label: min_length is above max_length, so that it takes no text.".into(),
        ),
        (
            of(s().field("number", |f| f.min_value(4).max_value(2))),
            "Seat: the field number: min_value is above max_value, so that it takes no number.".into(),
        ),
    ] {
        assert_eq!(said, sentence);
    }
}

#[test]
fn values_that_a_column_never_has() {
    let s = || ModelSerializer::<seat::Entity>::new();
    let without = |names: [&'static str; 2]| s().fields(names);
    let m = || Description::<seat::Entity>::new();
    let given = "it is an integer, and was given";
    for (said, begins) in [
        (
            of(s().field("number", |f| f.default("many"))),
            format!("Seat: the field number: its default: Seat.number cannot be set: {given}"),
        ),
        (
            of(s().field("label", |f| f.default("much too long"))),
            "Seat: the field label: its default: Seat.label cannot be set: ".into(),
        ),
        (
            of(without(["label", "hall"]).on_create(seat::Column::Number, "x")),
            format!("on_create: Seat.number cannot be set: {given}"),
        ),
        (
            of(without(["label", "hall"]).on_create(seat::Column::Number, Value::Null)),
            "on_create: Seat.number cannot be set: it is NOT NULL.".into(),
        ),
        (
            described(m().column(seat::Column::Number, |c| c.default("x"))),
            format!("Seat.number: its default cannot be set: {given}"),
        ),
        (
            described(m().column(seat::Column::Number, |c| c.choices([("a", "A")]))),
            format!("Seat.number: the choice 'a' cannot be stored: {given}"),
        ),
        (
            described(m().column(seat::Column::Number, |c| c.auto_now())),
            "Seat.number: auto_now is for dates and times, and it is an integer of 32 bits.".into(),
        ),
        (
            described(m().column(seat::Column::Number, |c| c.email())),
            "Seat.number: a format is for text, and it is an integer of 32 bits.".into(),
        ),
        (
            described(m().unique_for_date(seat::Column::Label, seat::Column::Number)),
            "Seat.label is to be unique for number, which is an integer of 32 bits and no date.".into(),
        ),
        (
            of(s().unique_for(UniqueForValidator::date("label", "number"))),
            "Seat: label is to be unique for number, which is an integer of 32 bits and no date.".into(),
        ),
        (
            says(router(seats(ALL).filter(Condition::eq(seat::Column::Number, "x")))),
            "Seat: filter(…) of the view set: Seat.number is an integer of 32 bits, and is compared with 'x'.".into(),
        ),
        (
            of(s().related(RelatedField::primary_key("hall").filter(Condition::is_in("name", [1, 2])))),
            "Seat.hall: the rows that it may name: Hall.name is text, and is compared with 1.".into(),
        ),
    ] {
        assert!(said.starts_with(&begins), "{said}\n{begins}");
    }
}

#[test]
fn names_that_hide_others_or_lead_nowhere() {
    let s = || ModelSerializer::<seat::Entity>::new();
    let m = || Description::<seat::Entity>::new();
    for (said, begins) in [
        (
            of(s().unique("label", UniqueValidator::new().among(Condition::eq("labl", "x")))),
            "Seat: the rows among which label is unique: Seat has no column labl. Did you mean \"label\"?",
        ),
        (
            of(s().declare(Field::new("foo", CharField::new()).source("labl"))),
            "Seat.foo: Seat has nothing called labl. Did you mean \"label\"?",
        ),
        (
            says(router(seats(ALL).filter_backend(OrderingFilter::new()).ordering_fields(["-label"]))),
            "Seat: ordering_fields names -label: leave the \"-\" out, which is a request's to say.",
        ),
        (
            described(m().property("label", |_| 1)),
            "Seat: the property label has the name of a column, which would hide it.",
        ),
        (described(m().property("p", |_| 1).property("p", |_| 2)), "Seat: the property p is said twice."),
        (
            described(m().foreign_key(seat::Column::HallId, |hall| hall.related_name("name"))),
            "Seat.hall: Hall has a field name already, which its related_name would hide.",
        ),
    ] {
        assert!(said.starts_with(begins), "{said}\n{begins}");
    }
    Database::each(|database| {
        super::models::tables(database);
        let said = refused(database, router(seats(ALL)).describe(m().check("seat_lvel", "Too high.")));
        let begins =
            "Seat: words for the constraint seat_lvel, which its table does not have. Did you mean \"seat_level\"?";
        assert!(said.starts_with(begins), "{said}");
    });
}

async fn nothing(_: ActionRequest) -> Response {
    Response::empty()
}

#[test]
fn views_that_nobody_reaches() {
    let view = || ApiView::new("PingView").get(async |_: Request| Response::empty());
    let words = || ViewSet::new("WordViewSet").list(async |_: Request| Value::Null);
    let twice = |path: &str| format!("Two views have the path \"{path}\": only the first would be asked.");
    let free = || seats(ALL).action(ExtraAction::list("free").get(nothing));
    for (said, sentence) in [
        (says(router(seats(ALL)).path("seats/", view())), twice("seats/")),
        (says(router(seats(ALL)).view_set("seats", words())), twice("seats/")),
        (says(router(free()).register("seats/free", seats(ALL).basename("other"))), twice("seats/free/")),
        (says(router(seats(ALL)).path("x/", view()).view_set("x", words())), twice("x/")),
        (
            says(router(seats(ALL)).path("x/", ApiView::new("EmptyView"))),
            "EmptyView: it has no handler: give it one by get(…), post(…), ….".into(),
        ),
        (
            says(router(seats(ALL)).view_set("w", ViewSet::new("WordViewSet"))),
            "WordViewSet: it has no handler: give it one by list(…), retrieve(…), ….".into(),
        ),
        (
            says(router(seats(ALL)).path_named("a/", view(), "n").path_named("b/", view(), "n")),
            "Two paths with the same values are called \"n\": only one of them would be found by it.".into(),
        ),
    ] {
        assert_eq!(said, sentence);
    }
    // names that lead to different addresses by their values
    let both = router(seats(ALL)).path_named("a/", view(), "n").path_named("a/<int:n>/", view(), "n");
    let halls = both.register("halls", ModelViewSet::<hall::Entity>::new());
    assert_eq!(
        super::models::answers(&Database::sqlite(), halls, &[("GET", "/a/", serde_json::Value::Null)])[0].status,
        200
    );
}

/// What `get_queryset` answers is known at the request only: rows are shown by no condition that cannot hold.
#[test]
fn a_scope_that_cannot_hold_is_the_programs_mistake() {
    Database::each(|database| {
        super::models::tables(database);
        for (scope, words) in [
            (Condition::eq("labl", "x"), "Seat has no column labl. Did you mean \"label\"?"),
            (
                Condition::eq(seat::Column::Number, "x").negate(),
                "Seat.number is an integer of 32 bits, and is compared with 'x'.",
            ),
        ] {
            let view = seats(ALL).get_queryset(move |_: &Context| scope.clone());
            let asked = [("GET", "/seats/"), ("GET", "/seats/1/"), ("DELETE", "/seats/1/")];
            let asked = asked.map(|(method, path)| (method, path, serde_json::Value::Null));
            for answer in super::models::answers(database, router(view), &asked) {
                assert_eq!(answer.status, 500, "{}: {}", database.name(), answer.body);
                assert!(answer.log.contains(words), "{words}: {}", answer.log);
            }
        }
    });
}
