//! Every recorded input of DRF's number, date and time fields, asked of the same fields here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use bowline::context::Context;
use bowline::error::ValidationError;
use bowline::fields::{
    BigIntegerField, DateField, DateTimeField, DecimalField, DurationField, DurationFormat, Field, FloatField,
    IntegerField, TimeField,
};
use bowline::serializers::Serializer;
use bowline::value::{Rounding, TimeZone, Value, json, write};
use chrono::{FixedOffset, TimeDelta};

/// The field of a kind, as the reference application declares it.
fn field(kind: &str) -> Option<Field> {
    let value = "value";
    Some(match kind {
        "integer" => Field::new(value, IntegerField::new()),
        "integer-range" => Field::new(value, IntegerField::new().min_value(-5).max_value(10)),
        "integer-null" => Field::new(value, IntegerField::new()).allow_null(true),
        "integer-default" => Field::new(value, IntegerField::new()).default(42),
        "bigint" => Field::new(value, BigIntegerField::new()),
        "bigint-str" => Field::new(value, BigIntegerField::new().coerce_to_string(true)),
        "float" => Field::new(value, FloatField::new()),
        "float-range" => Field::new(value, FloatField::new().min_value(-1.5).max_value(2.5)),
        "decimal" => Field::new(value, DecimalField::new(6, 2)),
        "decimal-number" => Field::new(value, DecimalField::new(6, 2).coerce_to_string(false)),
        "decimal-range" => Field::new(value, DecimalField::new(5, 1).min_value(0).max_value(100)),
        "decimal-round" => Field::new(value, DecimalField::new(6, 2).rounding(Rounding::HalfUp)),
        "decimal-down" => Field::new(value, DecimalField::new(6, 1).rounding(Rounding::Down)),
        "decimal-free" => Field::new(value, DecimalField::new(None, None)),
        "decimal-normal" => Field::new(value, DecimalField::new(8, 4).normalize_output(true)),
        "datetime" | "datetime-naive" => Field::new(value, DateTimeField::new()),
        "datetime-null" => Field::new(value, DateTimeField::new()).allow_null(true),
        "datetime-format" => {
            let formats = ["%d/%m/%Y %H:%M", "iso-8601"];
            Field::new(value, DateTimeField::new().format(formats[0]).input_formats(formats))
        }
        "datetime-newyork" => {
            let zone = TimeZone::named("America/New_York").unwrap();
            Field::new(value, DateTimeField::new().default_timezone(zone))
        }
        "datetime-offset" => {
            let zone = FixedOffset::east_opt(19800).unwrap();
            Field::new(value, DateTimeField::new().default_timezone(zone))
        }
        "date" => Field::new(value, DateField::new()),
        "date-format" => Field::new(value, DateField::new().format("%d %b %Y").input_formats(["%d.%m.%Y", "%Y%m%d"])),
        "time" => Field::new(value, TimeField::new()),
        "time-format" => Field::new(value, TimeField::new().format("%H.%M").input_formats(["%H.%M", "%I:%M %p"])),
        "duration" => Field::new(value, DurationField::new()),
        "duration-range" => {
            let field = DurationField::new().min_value(TimeDelta::minutes(1)).max_value(TimeDelta::days(2));
            Field::new(value, field)
        }
        "duration-iso" => Field::new(value, DurationField::new().format(DurationFormat::Iso8601)),
        _ => return None,
    })
}

/// The status and the body that a request gets.
fn answer(field: Field, body: &Value, partial: bool, shaped: bool) -> (i64, Value) {
    let serializer = Serializer::new().field(field);
    let request = Context::default();
    let mut out = Vec::new();
    let valid = match partial {
        true => serializer.run_partial_validation(body, &request),
        false => serializer.run_validation(body, &request),
    };
    let status = match valid {
        Ok(valid) => {
            out.push(b'{');
            if !partial {
                out.extend_from_slice(b"\"data\":");
                serializer.represent(&valid, &request, &mut out).unwrap();
                out.push(b',');
            }
            out.extend_from_slice(b"\"validated\":");
            write::value(&valid, &mut out);
            out.push(b'}');
            200
        }
        Err(error) if shaped => {
            out.extend_from_slice(codes(&error).as_bytes());
            400
        }
        Err(error) => {
            out.extend_from_slice(error.to_json().as_bytes());
            400
        }
    };
    (status, json::parse(&out).unwrap())
}

/// The machine codes of errors, by field.
fn codes(error: &ValidationError) -> String {
    match error {
        ValidationError::List(list) => {
            format!("[{}]", list.iter().map(|detail| format!("{:?}", detail.code)).collect::<Vec<_>>().join(","))
        }
        ValidationError::Fields(fields) => {
            let entries = fields.iter().map(|(name, error)| format!("{name:?}:{}", codes(error)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn recorded_inputs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle/scenarios/fields");
    let mut asked = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let scenario = json::parse(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for step in scenario.get("steps").unwrap().as_list().unwrap() {
            let request = step.get("request").unwrap();
            let path = request.get("path").unwrap().as_str().unwrap();
            let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
            let ([root @ ("fields" | "fields-codes"), kind], Some(body)) = (parts.as_slice(), request.get("json"))
            else {
                continue;
            };
            let Some(field) = field(kind) else { continue };
            let partial = request.get("method").unwrap().as_str() == Some("PATCH");
            let shaped = *root == "fields-codes";
            let (status, found) = answer(field, body, partial, shaped);
            let response = step.get("response").unwrap();
            let expected_status = response.get("status").unwrap().as_int().unwrap();
            let expected = response.get("json").unwrap();
            let expected = match expected.get("error") {
                Some(error) if shaped => error.get("codes").unwrap(),
                _ => expected,
            };
            asked += 1;
            let fine = match expected_status {
                500 => status == 400,
                _ => status == expected_status && found == *expected,
            };
            if !fine {
                wrong.push(format!(
                    "{kind} {body:?}\n  expected {expected_status} {expected:?}\n  found    {status} {found:?}"
                ));
            }
        }
    }
    assert!(asked > 300, "{asked} inputs were found");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}
