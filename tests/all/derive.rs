//! `#[derive(Serializer)]`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bowline::Serializer;
use bowline::context::Context;
use bowline::error::ValidationError;
use bowline::fields::{EmailField, FieldContext};
use bowline::serializers::Validate;
use bowline::value;
use bowline::value::{Upload, Value};
use chrono::{NaiveDate, TimeDelta};

#[test]
fn mistakes_are_sentences() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/derive/everything.rs");
    cases.compile_fail("tests/derive/attributes.rs");
    cases.compile_fail("tests/derive/shapes.rs");
    cases.compile_fail("tests/derive/types.rs");
    cases.compile_fail("tests/derive/limits.rs");
    cases.compile_fail("tests/derive/rules.rs");
    cases.compile_fail("tests/derive/together.rs");
}

fn errors<T: Validate>(body: &Value) -> String {
    T::validate(body, &Context::default()).err().expect("an error").to_json()
}

fn valid<T: Validate>(body: &Value) -> T {
    T::validate(body, &Context::default()).map_err(|error| error.to_json()).unwrap()
}

#[derive(Debug, PartialEq, Serializer)]
struct Line {
    #[serializer(max_length = 4)]
    sku: String,
    #[serializer(min_value = 1, default = 1)]
    quantity: u16,
}

#[derive(Debug, PartialEq, Serializer)]
#[serializer(validate = in_order)]
struct Order {
    #[serializer(field = "EmailField::new().max_length(30)", label = "E-mail", help_text = "Where to write.")]
    customer: String,
    #[serializer(rename = "from", source = "span.start")]
    start: NaiveDate,
    #[serializer(rename = "to", source = "span.end")]
    end: Option<NaiveDate>,
    #[serializer(choices("card", ("cash", "In cash")), default = "card")]
    payment: String,
    #[serializer(choices(1, 2, 3))]
    days: Option<Vec<i64>>,
    #[serializer(max_length = 2, allow_empty = false)]
    lines: Vec<Line>,
    gift: Option<Line>,
    #[serializer(allow_blank, trim_whitespace = false, validate = "shout", messages(required = "Say something."))]
    note: String,
    extra: BTreeMap<String, serde_json::Value>,
    #[serializer(read_only)]
    id: Option<i64>,
    #[serializer(write_only, min_length = 3)]
    secret: Option<String>,
    #[serializer(min_value = TimeDelta::minutes(1))]
    wait: Option<TimeDelta>,
    r#type: Option<bool>,
}

fn shout(note: String) -> Result<String, ValidationError> {
    if note == "quiet" { Err("Louder.".into()) } else { Ok(note.to_uppercase()) }
}

fn in_order(mut order: Order) -> Result<Order, ValidationError> {
    if order.end.is_some_and(|end| end < order.start) {
        return Err("The end comes after the start.".into());
    }
    order.end = order.end.or(Some(order.start));
    Ok(order)
}

fn body() -> Value {
    value!({
        "customer": "ann@example.org", "from": "2024-01-02", "lines": [{"sku": "A1"}], "note": " hi ",
        "extra": {"a": [1, null]}, "secret": "abc", "days": [1, "3"], "type": true, "id": 5,
    })
}

#[test]
fn a_whole_body() {
    let order: Order = valid(&body());
    let day = NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
    let expected = Order {
        customer: "ann@example.org".into(),
        start: day,
        end: Some(day),
        payment: "card".into(),
        days: Some(vec![1, 3]),
        lines: vec![Line { sku: "A1".into(), quantity: 1 }],
        gift: None,
        note: " HI ".into(),
        extra: BTreeMap::from([("a".into(), serde_json::json!([1, null]))]),
        id: None,
        secret: Some("abc".into()),
        wait: None,
        r#type: Some(true),
    };
    assert_eq!(order, expected);
    let shown = Order::serializer().data(&Value::from(order), &Context::default()).unwrap();
    assert_eq!(
        shown,
        value!({
            "customer": "ann@example.org", "from": "2024-01-02", "to": "2024-01-02", "payment": "card", "days": [1, 3],
            "lines": [{"sku": "A1", "quantity": 1}], "gift": null, "note": " HI ", "extra": {"a": [1, null]}, "id": null,
            "wait": null, "type": true,
        })
    );
}

#[test]
fn what_is_wrong() {
    assert_eq!(
        errors::<Order>(
            &value!({"lines": [{"sku": "long!"}, {"quantity": 0}], "gift": {}, "days": [4], "secret": "x"})
        ),
        concat!(
            r#"{"customer":["This field is required."],"from":["This field is required."],"#,
            r#""days":["\"4\" is not a valid choice."],"#,
            r#""lines":{"0":{"sku":["Ensure this field has no more than 4 characters."]},"#,
            r#""1":{"sku":["This field is required."],"quantity":["Ensure this value is greater than or equal to 1."]}},"#,
            r#""gift":{"sku":["This field is required."]},"note":["Say something."],"extra":["This field is required."],"#,
            r#""secret":["Ensure this field has at least 3 characters."]}"#
        )
    );
    let changed = |name: &str, value: Value| {
        let Value::Map(mut map) = body() else { unreachable!() };
        map.insert(name, value);
        Value::Map(map)
    };
    assert_eq!(errors::<Order>(&changed("note", "quiet".into())), r#"{"note":["Louder."]}"#);
    assert_eq!(
        errors::<Order>(&changed("payment", "gold".into())),
        r#"{"payment":["\"gold\" is not a valid choice."]}"#
    );
    assert_eq!(
        errors::<Order>(&changed("lines", value!([]))),
        r#"{"lines":{"non_field_errors":["This list may not be empty."]}}"#
    );
    assert_eq!(
        errors::<Order>(&changed("wait", 1.into())),
        r#"{"wait":["Ensure this value is greater than or equal to 0:01:00."]}"#
    );
    assert_eq!(
        errors::<Order>(&changed("to", "2023-01-01".into())),
        r#"{"non_field_errors":["The end comes after the start."]}"#
    );
    assert_eq!(errors::<Order>(&changed("note", Value::Null)), r#"{"note":["This field may not be null."]}"#);
}

#[test]
fn a_part_of_a_body() {
    let request = Context::default();
    let part = Order::serializer().run_partial_validation(&value!({"note": "x", "to": null}), &request).unwrap();
    assert_eq!(part, value!({"span": {"end": null}, "note": "X"}));
}

#[test]
fn core_arguments() {
    let field = |name: &str| Order::serializer().fields().find(|f| f.name == name).unwrap().clone();
    assert_eq!(field("customer").label.as_deref(), Some("E-mail"));
    assert_eq!(field("customer").help_text.as_deref(), Some("Where to write."));
    assert!(field("customer").required && !field("customer").allow_null);
    assert!(!field("gift").required && field("gift").allow_null);
    assert!(field("id").read_only && field("secret").write_only);
    let request = Context::default();
    assert_eq!(field("payment").default.unwrap().get(&FieldContext::new(&request)), Some("card".into()));
}

#[derive(Serializer)]
struct Whole {
    name: String,
    #[serializer(source = "*")]
    line: Line,
    picture: Option<Arc<Upload>>,
}

#[test]
fn the_whole_object_as_a_source() {
    let file = Arc::new(Upload::new("a", None, "x"));
    let mut map = value!({"name": "n", "line": {"sku": "A"}});
    if let Value::Map(map) = &mut map {
        map.insert("picture", Value::File(Arc::clone(&file)));
    }
    let whole: Whole = valid(&map);
    assert_eq!((whole.name.as_str(), &whole.line), ("n", &Line { sku: "A".into(), quantity: 1 }));
    assert_eq!(whole.picture.as_ref().map(|file| file.name().to_owned()), Some("a".to_owned()));
    let shown = Whole::serializer().data(&Value::from(whole), &Context::default()).unwrap();
    assert_eq!(shown, value!({"name": "n", "line": {"sku": "A", "quantity": 1}, "picture": null}));
}
