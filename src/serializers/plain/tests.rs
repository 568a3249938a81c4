#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::error::ErrorDetail;
use crate::fields::{
    CharField, ChoiceField, DictField, IntegerField, JSONField, ListField, ReadOnlyField, RegexField, metadata,
};
use crate::value::{convert::json_text, json};

fn parsed(text: &str) -> Value {
    json::parse_str(text).unwrap()
}

/// What is made of a JSON body: `data` and `validated`, or the errors.
fn answer(serializer: &Serializer, body: &str) -> String {
    let request = Context::default();
    match serializer.run_validation(parsed(body), &request) {
        Err(errors) => errors.to_json(),
        Ok(valid) => {
            let mut data = Vec::new();
            serializer.represent(&valid, &request, &mut data).unwrap();
            format!("{} {}", String::from_utf8(data).unwrap(), json_text(&valid))
        }
    }
}

fn partial(serializer: &Serializer, body: &str) -> String {
    match serializer.run_partial_validation(parsed(body), &Context::default()) {
        Err(errors) => errors.to_json(),
        Ok(valid) => json_text(&valid),
    }
}

fn form(pairs: &[(&str, &str)]) -> Value {
    let mut form = Form::new();
    pairs.iter().for_each(|(name, value)| form.append(*name, (*value).into()));
    Value::Form(Box::new(form))
}

fn text(name: &'static str) -> Field {
    Field::new(name, CharField::new())
}

fn int(name: &'static str) -> Field {
    Field::new(name, IntegerField::new())
}

#[test]
fn bodies_that_are_no_objects() {
    let serializer = Serializer::new().field(text("a"));
    for (body, name) in [("[]", "list"), ("5", "int"), (r#""x""#, "str"), ("true", "bool"), ("1.5", "float")] {
        let message = format!(r#"{{"non_field_errors":["Invalid data. Expected a dictionary, but got {name}."]}}"#);
        assert_eq!(answer(&serializer, body), message);
    }
    assert_eq!(answer(&serializer, "null"), r#"{"non_field_errors":["No data provided"]}"#);
}

/// `"lat,lng"` and two attributes.
#[derive(Debug)]
struct Coordinates;

impl FieldType for Coordinates {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let parts = input.as_str().and_then(|text| text.split_once(','));
        let number = |text: &str| text.parse::<i64>().ok();
        match parts.map(|(lat, lng)| (number(lat), number(lng))) {
            Some((Some(lat), Some(lng))) => Ok(crate::value!({"lat": lat, "lng": lng})),
            _ => Err(cx.error("format", "Expected \"lat,lng\".", &[])),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let Cell::Value(object) = cell else { return Err(Unrepresentable) };
        let part = |name| object.get(name).and_then(Value::as_int).ok_or(Unrepresentable);
        write::string(&format!("{},{}", part("lat")?, part("lng")?), out);
        Ok(())
    }
}

#[test]
fn sources() {
    let serializer = Serializer::new()
        .field(text("city").source("address.city"))
        .field(text("postcode").source("address.postcode").required(false))
        .field(text("country").source("address.country.code").default("GB"))
        .field(text("full").source("name"))
        .field(Field::new("position", Coordinates).source("*"));
    assert_eq!(
        answer(&serializer, r#"{"city": "London", "full": "Ann", "position": "1,2"}"#),
        concat!(
            r#"{"city":"London","country":"GB","full":"Ann","position":"1,2"} "#,
            r#"{"address":{"city":"London","country":{"code":"GB"}},"name":"Ann","lat":1,"lng":2}"#,
        )
    );
    let errors = r#"{"city":["This field is required."],"position":["Expected \"lat,lng\"."]}"#;
    assert_eq!(answer(&serializer, r#"{"full": "Ann", "position": "x"}"#), errors);
    assert_eq!(
        partial(&serializer, r#"{"position": "1,2", "city": "Rome"}"#),
        r#"{"address":{"city":"Rome"},"lat":1,"lng":2}"#
    );
    // null reaches the type of a field that is the whole object
    let nullable = Serializer::new().field(Field::new("position", Coordinates).source("*").allow_null(true));
    assert_eq!(answer(&nullable, r#"{"position": null}"#), r#"{"position":["Expected \"lat,lng\"."]}"#);
}

#[test]
fn modes() {
    let serializer = Serializer::new()
        .field(text("ro").read_only())
        .field(int("ro_default").default(5).read_only())
        .field(text("wo").write_only())
        .field(int("nullable").allow_null(true))
        .field(int("defaulted").default(10))
        .field(Field::hidden("hidden", "secret"))
        .field(Field::hidden("stamped", 99).create_only())
        .field(ReadOnlyField::named("constant").default("always"))
        .field(Field::method("doubled", |object, _| {
            object.get("defaulted").and_then(Value::as_int).map(|n| 2 * n).into()
        }));
    assert_eq!(
        answer(&serializer, r#"{"ro": "x", "wo": "w", "nullable": null, "hidden": "no", "constant": 1}"#),
        concat!(
            r#"{"ro_default":5,"nullable":null,"defaulted":10,"constant":"always","doubled":20} "#,
            r#"{"wo":"w","nullable":null,"defaulted":10,"hidden":"secret","stamped":99}"#,
        )
    );
    assert_eq!(partial(&serializer, r#"{"hidden": "no", "wo": "w"}"#), r#"{"wo":"w"}"#);
    assert_eq!(serializer.mistakes(), Vec::<String>::new());
}

#[test]
fn rules_of_a_field_come_before_its_limits() {
    let even = |value: &Value| match value {
        Value::Int(n) if n % 2 != 0 => Err(ValidationError::new("Must be even.", "odd")),
        _ => Ok(()),
    };
    let small = |value: &Value| match value {
        Value::Int(n) if *n > 50 => Err(ValidationError::from(ErrorDetail::new("Must be small.", "big"))),
        _ => Ok(()),
    };
    let field = Field::new("n", IntegerField::new().max_value(60)).validator(even).validator(small);
    let serializer = Serializer::new().field(field);
    let all = r#"{"n":["Must be even.","Must be small.","Ensure this value is less than or equal to 60."]}"#;
    assert_eq!(answer(&serializer, r#"{"n": 61}"#), all);
}

/// Messages, then errors by field.
struct Judge;

impl AttributesValidator for Judge {
    fn validate(&self, found: &Attributes, _: &Serializer, _: &FieldContext<'_>) -> Result<(), ValidationError> {
        match found.get("a").and_then(Value::as_int) {
            Some(13) => Err(ValidationError::field("a", "Unlucky.")),
            Some(n) if n > 9 => Err("Too many.".into()),
            _ => Ok(()),
        }
    }
}

#[test]
fn rules_of_the_whole() {
    let serializer = Serializer::new()
        .field(int("a"))
        .field(int("fixed").default(7).read_only().source("seven"))
        .validator(|found: &Attributes| match found.get("seven") {
            Some(Value::Int(7)) => Err("Saw the seven.".into()),
            _ => Ok(()),
        })
        .validator(Judge);
    assert_eq!(answer(&serializer, r#"{"a": 1}"#), r#"{"non_field_errors":["Saw the seven."]}"#);
    assert_eq!(answer(&serializer, r#"{"a": 10}"#), r#"{"non_field_errors":["Saw the seven.","Too many."]}"#);
    assert_eq!(answer(&serializer, r#"{"a": 13}"#), r#"{"a":["Unlucky."]}"#);
    // a part of a body has no defaults, and wrong fields end the matter
    assert_eq!(partial(&serializer, r#"{"a": 10}"#), r#"{"non_field_errors":["Too many."]}"#);
    assert_eq!(answer(&serializer, r#"{"a": "x"}"#), r#"{"a":["A valid integer is required."]}"#);
}

#[test]
fn hooks() {
    let serializer = Serializer::new()
        .validate_field("name", |value, _| match value.as_str() {
            Some("root") => Err("Reserved.".into()),
            Some("many") => Err(vec![ErrorDetail::from("One."), ErrorDetail::from("Two.")].into()),
            _ => Ok(value),
        })
        .field(text("name"))
        .field(int("n").default(3))
        .validate_field("n", |value, _| Ok(value.as_int().map(|n| n + 1).into()))
        .validate(|mut found, _| match found.get("n").and_then(Value::as_int) {
            Some(0) => Err(crate::value!({"n": "Not zero.", "name": ["Nor this."]}).into()),
            Some(1) => Err(crate::value!(["A.", "B."]).into()),
            _ => {
                found.insert("added", true.into());
                Ok(found)
            }
        });
    assert!(answer(&serializer, r#"{"name": "ann"}"#).ends_with(r#"{"name":"ann","n":4,"added":true}"#));
    assert_eq!(answer(&serializer, r#"{"name": "root"}"#), r#"{"name":["Reserved."]}"#);
    assert_eq!(
        answer(&serializer, r#"{"name": "many", "n": "x"}"#),
        r#"{"name":["One.","Two."],"n":["A valid integer is required."]}"#
    );
    assert_eq!(answer(&serializer, r#"{"name": "a", "n": -1}"#), r#"{"n":["Not zero."],"name":["Nor this."]}"#);
    assert_eq!(answer(&serializer, r#"{"name": "a", "n": 0}"#), r#"{"non_field_errors":["A.","B."]}"#);
    // a field that is declared anew keeps its hooks
    let renewed = serializer.field(Field::new("name", CharField::new().max_length(4)));
    assert_eq!(answer(&renewed, r#"{"name": "root"}"#), r#"{"name":["Reserved."]}"#);
    assert!(renewed.mistakes().is_empty());
}

fn line() -> Serializer {
    Serializer::new()
        .field(Field::new("sku", RegexField::new(r"^[A-Z]\d+$").unwrap()))
        .field(Field::new("quantity", IntegerField::new().min_value(1)))
        .validate(|line, _| match line.get("quantity") {
            Some(Value::Int(99)) => Err("Too many of one.".into()),
            _ => Ok(line),
        })
}

fn order() -> Serializer {
    Serializer::new()
        .field(Field::new("billing", Serializer::new().field(text("street"))))
        .field(Field::new("shipping", Serializer::new().field(text("street"))).required(false).allow_null(true))
        .field(Field::new("lines", ListSerializer::new(line()).allow_empty(false)))
        .field(Field::new("extras", DictField::of(line())).required(false))
}

#[test]
fn nested_objects() {
    let good = r#"{"billing":{"street":"s"},"shipping":null,"lines":[{"sku":"A1","quantity":2}],"extras":{"x":{"sku":"B1","quantity":1}}}"#;
    assert_eq!(answer(&order(), good), format!("{good} {good}"));
    assert_eq!(
        answer(&order(), r#"{"billing": null, "shipping": 5, "lines": [], "extras": {"x": null}}"#),
        concat!(
            r#"{"billing":["This field may not be null."],"#,
            r#""shipping":{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]},"#,
            r#""lines":{"non_field_errors":["This list may not be empty."]},"#,
            r#""extras":{"x":["This field may not be null."]}}"#,
        )
    );
    assert_eq!(
        answer(
            &order(),
            r#"{"billing": {}, "lines": [{"sku": "A1", "quantity": 99}, null, 5, {"sku": "A1", "quantity": 1}]}"#
        ),
        concat!(
            r#"{"billing":{"street":["This field is required."]},"#,
            r#""lines":{"0":{"non_field_errors":["Too many of one."]},"1":["This field may not be null."],"#,
            r#""2":{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}}}"#,
        )
    );
    assert_eq!(partial(&order(), r#"{"billing": {}}"#), r#"{"billing":{}}"#);
    let ruled = Field::new("line", line()).validator(|_: &Value| Err("Never.".into()));
    let outer = Serializer::new().field(ruled);
    let body = r#"{"line": {"sku": "A1", "quantity": 1}}"#;
    assert_eq!(answer(&outer, body), r#"{"line":{"non_field_errors":["Never."]}}"#);
}

#[test]
fn lists() {
    let list = ListSerializer::new(line()).min_length(2).max_length(3);
    let request = Context::default();
    let errors = |body: &str| list.run_validation(parsed(body), &request).unwrap_err();
    let item = r#"{"sku":"A1","quantity":1}"#;
    let of = |n: usize| format!("[{}]", vec![item; n].join(","));
    assert_eq!(json_text(&list.run_validation(parsed(&of(2)), &request).unwrap()), of(2));
    assert_eq!(errors(&of(1)).to_json(), r#"{"non_field_errors":["Ensure this field has at least 2 elements."]}"#);
    assert_eq!(errors(&of(4)).to_json(), r#"{"non_field_errors":["Ensure this field has no more than 3 elements."]}"#);
    assert_eq!(errors("null").to_json(), r#"{"non_field_errors":["No data provided"]}"#);
    let wrong = errors(r#"{"a": 1}"#).to_json();
    assert_eq!(wrong, r#"{"non_field_errors":["Expected a list of items but got type \"dict\"."]}"#);
    // the form of DRF before 3.18 has a place for every item
    let wrong = errors(&format!(r#"[{item},{{"sku":"A1"}}]"#));
    assert_eq!(json_text(&wrong.messages(true)), r#"{"1":{"quantity":["This field is required."]}}"#);
    assert_eq!(json_text(&wrong.messages(false)), r#"[{},{"quantity":["This field is required."]}]"#);
    let part = list.run_partial_validation(parsed(r#"[{},{"sku":"B2"}]"#), &request).unwrap();
    assert_eq!(json_text(&part), r#"[{},{"sku":"B2"}]"#);
    let ruled = ListSerializer::new(line()).validate(|items, _| match items.len() {
        1 => Err("One is not enough.".into()),
        _ => Ok(()),
    });
    let error = ruled.run_validation(parsed(&of(1)), &request).unwrap_err();
    assert_eq!(error.to_json(), r#"{"non_field_errors":["One is not enough."]}"#);
}

#[test]
fn html_forms() {
    let serializer = order()
        .field(Field::new("tags", ListField::of(IntegerField::new())).required(false))
        .field(Field::new("blob", JSONField::new()).required(false))
        .field(int("count").required(false).allow_null(true))
        .field(text("note").required(false));
    let run = |pairs: &[(&str, &str)]| match serializer.run_validation(form(pairs), &Context::default()) {
        Ok(valid) => json_text(&valid),
        Err(errors) => errors.to_json(),
    };
    assert_eq!(
        run(&[
            ("billing.street", "s"),
            ("lines[1]sku", "B2"),
            ("lines[0]sku", "A1"),
            ("lines[0]quantity", "1"),
            ("lines[1]quantity", "2"),
            ("tags", "1"),
            ("tags", "2"),
            ("blob", r#"{"a": null}"#),
            ("count", ""),
            ("note", ""),
        ]),
        concat!(
            r#"{"billing":{"street":"s"},"lines":[{"sku":"A1","quantity":1},{"sku":"B2","quantity":2}],"#,
            r#""tags":[1,2],"blob":{"a":null},"count":null}"#,
        )
    );
    assert_eq!(
        run(&[("lines[0]quantity", "0"), ("extras.x", "5")]),
        concat!(
            r#"{"billing":["This field is required."],"#,
            r#""lines":{"0":{"sku":["This field is required."],"quantity":["Ensure this value is greater than or equal to 1."]}},"#,
            r#""extras":{"x":{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}}}"#,
        )
    );
    assert_eq!(run(&[]), r#"{"billing":["This field is required."],"lines":["This field is required."]}"#);
}

#[test]
fn shapes_of_its_own() {
    let serializer = Serializer::new()
        .field(Field::new("kind", ChoiceField::new(["circle", "square"])))
        .map_input(|data| data.get("shape").cloned().unwrap_or(data))
        .map_output(|shape| crate::value!({"shape": shape}));
    let shown = r#"{"shape":{"kind":"circle"}} {"kind":"circle"}"#;
    assert_eq!(answer(&serializer, r#"{"shape": {"kind": "circle"}}"#), shown);
    assert_eq!(answer(&serializer, r#"{"kind": "circle"}"#), shown);
    assert_eq!(answer(&serializer, r#"{"shape": {"kind": "x"}}"#), r#"{"kind":["\"x\" is not a valid choice."]}"#);
}

#[test]
fn what_cannot_be_shown() {
    let serializer =
        Serializer::new().field(text("a")).field(text("b").required(false)).field(text("c").allow_null(true));
    let shown = |instance: &str| {
        let mut out = Vec::new();
        let written = serializer.represent(&parsed(instance), &Context::default(), &mut out);
        written.map(|()| String::from_utf8(out).unwrap())
    };
    assert_eq!(shown(r#"{"a": "x"}"#).unwrap(), r#"{"a":"x","c":null}"#);
    assert_eq!(shown(r#"{"a": null, "b": 5, "c": true}"#).unwrap(), r#"{"a":null,"b":"5","c":"True"}"#);
    assert!(shown(r#"{"b": "x"}"#).is_err());
    assert!(serializer.data(&parsed("{}"), &Context::default()).is_err());
}

#[test]
fn mistakes_of_the_fields_inside() {
    let inner = Serializer::new().field(text("a").read_only().write_only());
    let serializer = Serializer::new()
        .field(Field::new("one", inner.clone()))
        .field(Field::new("many", ListSerializer::new(inner)))
        .field(text("b").source("b"));
    assert_eq!(
        serializer.mistakes(),
        [
            "field `one`: field `a`: may not be both read-only and write-only",
            "field `many`: field `a`: may not be both read-only and write-only",
            "field `b`: need not name its source, which has the same name",
        ]
    );
}

#[test]
fn metadata_of_nested_objects() {
    let serializer = Serializer::new()
        .field(
            Field::new("lines", ListSerializer::new(Serializer::new().field(int("n"))).max_length(3)).required(false),
        )
        .field(Field::hidden("hidden", 1));
    assert_eq!(
        json_text(&metadata::fields(serializer.fields())),
        concat!(
            r#"{"lines":{"type":"field","required":false,"read_only":false,"label":"Lines","max_length":3,"child":"#,
            r#"{"type":"nested object","required":false,"read_only":false,"children":"#,
            r#"{"n":{"type":"integer","required":true,"read_only":false,"label":"N"}}}}}"#,
        )
    );
}
