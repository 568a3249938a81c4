//! Serializers that combine several features, as in `library/composites.py`.

use bowline::context::Context;
use bowline::fields::*;
use bowline::prelude::*;
use bowline::serializers::{AttributesValidator, ListSerializer, Serializer};
use bowline::store::Cell;
use bowline::value;
use bowline::value::{Map, python};
use chrono::NaiveDate;

/// Each by its name in the path.
pub fn composites() -> bowline::Result<Vec<(&'static str, Serializer)>> {
    Ok(vec![
        ("sources", sources()),
        ("modes", modes()),
        ("validators", validators()),
        ("cross", cross()),
        ("order", order()?),
        ("shape", shape()),
        ("labelled", labelled()?),
    ])
}

// source('dotted.path'), source('*'), renamed fields

/// `source='*'`: `"lat,lng"` and two attributes.
#[derive(Debug)]
struct Coordinates;

impl FieldType for Coordinates {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let Value::Str(text) = input else {
            let message = "Expected a string but got {kind}.";
            return Err(cx.error("type", message, &[("kind", input.type_name())]));
        };
        let parts: Vec<&str> = text.split(',').collect();
        let [lat, lng] = parts[..] else { return Err(cx.error("format", "Expected \"lat,lng\".", &[])) };
        match (python::parse_int(lat), python::parse_int(lng)) {
            (Some(lat), Some(lng)) => Ok(value!({"lat": lat, "lng": lng})),
            _ => Err(ValidationError::new("Both parts must be whole numbers.", "number")),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let Cell::Value(object) = cell else { return Err(Unrepresentable) };
        let part = |name| object.get(name).and_then(Value::as_int).ok_or(Unrepresentable);
        value::write::string(&format!("{},{}", part("lat")?, part("lng")?), out);
        Ok(())
    }
}

fn sources() -> Serializer {
    Serializer::new()
        .field(Field::new("city", CharField::new().max_length(10)).source("address.city"))
        .field(Field::new("postcode", CharField::new()).source("address.postcode").required(false))
        .field(Field::new("country", CharField::new()).source("address.country.code").default("GB"))
        .field(Field::new("full", CharField::new()).source("name"))
        .field(Field::new("position", Coordinates).source("*"))
}

// read_only, write_only, required, default, allow_null

fn modes() -> Serializer {
    Serializer::new()
        .field(Field::new("ro", CharField::new()).read_only())
        .field(Field::new("ro_default", IntegerField::new()).default(5).read_only())
        .field(Field::new("wo", CharField::new()).write_only())
        .field(Field::new("plain", CharField::new()))
        .field(Field::new("optional", IntegerField::new()).required(false))
        .field(Field::new("defaulted", IntegerField::new()).default(10))
        .field(Field::new("nullable", IntegerField::new()).allow_null(true))
        .field(Field::new("nullable_optional", IntegerField::new()).allow_null(true).required(false))
        .field(Field::new("nullable_default", IntegerField::new()).allow_null(true).default(Value::Null))
        .field(Field::hidden("hidden", Value::from("secret")))
        .field(Field::hidden("stamped", Value::from(99)).create_only())
        .field(ReadOnlyField::named("constant").default("always"))
        .field(Field::method("doubled", |object, _| object.get("defaulted").and_then(integer).map(|n| n * 2).into()))
        .field(Field::method("named", |object, _| {
            format!("<{}>", object.get("plain").and_then(Value::as_str).unwrap_or("?")).into()
        }))
}

// validators

/// A whole number, however large the field lets it be.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::BigInt(digits) => digits.parse().ok(),
        value => value.as_int().map(i128::from),
    }
}

/// An integer, also one of more than 64 bits.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(i) => Some((*i).into()),
        Value::BigInt(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn even(value: &Value) -> Result<(), ValidationError> {
    match whole(value) {
        Some(n) if n % 2 != 0 => Err(ValidationError::new("Must be even.", "odd")),
        _ => Ok(()),
    }
}

fn small(value: &Value) -> Result<(), ValidationError> {
    match whole(value) {
        Some(n) if n > 50 => Err(ValidationError::new("Must be at most 50.", "big")),
        _ => Ok(()),
    }
}

fn django_style(value: &Value) -> Result<(), ValidationError> {
    match whole(value) {
        Some(13) => Err(ValidationError::new("Unlucky 13.", "unlucky")),
        _ => Ok(()),
    }
}

struct MultipleOf(i128);

impl ValueValidator for MultipleOf {
    fn validate(&self, value: &Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        match whole(value) {
            Some(n) if n % self.0 != 0 => Err(format!("{} must be a multiple of {}.", cx.name, self.0).into()),
            _ => Ok(()),
        }
    }
}

/// A rule about all attributes which needs the serializer.
struct DifferentFrom;

impl AttributesValidator for DifferentFrom {
    fn validate(&self, attributes: &Map, serializer: &Serializer, _: &FieldContext<'_>) -> Result<(), ValidationError> {
        let triple = attributes.get("triple");
        if triple.is_some() && attributes.get("even_small") == triple {
            let count = serializer.fields().count();
            return Err(ValidationError::new(format!("The {count} fields must not repeat values."), "same"));
        }
        Ok(())
    }
}

fn validators() -> Serializer {
    Serializer::new()
        .field(Field::new("even_small", IntegerField::new()).validator(even).validator(small))
        .field(Field::new("triple", IntegerField::new()).validator(MultipleOf(3)).validator(small).required(false))
        .field(Field::new("lucky", IntegerField::new()).validator(django_style).required(false))
        .field(Field::new("bounded", IntegerField::new().min_value(2).max_value(4)).required(false))
        .validator(DifferentFrom)
}

fn cross() -> Serializer {
    Serializer::new()
        .field(Field::new("start", DateField::new()))
        .field(Field::new("end", DateField::new()))
        .field(Field::new("name", CharField::new().max_length(10)))
        .field(Field::new("secret", CharField::new()).write_only().required(false))
        .field(Field::new("confirm", CharField::new()).write_only().required(false))
        .validate_field("name", |value, _| {
            let name = value.as_str().unwrap_or_default();
            match name.to_lowercase().as_str() {
                "root" => Err(ValidationError::new("This name is reserved.", "reserved")),
                "many" => Err(ValidationError::of(vec!["First message.", "Second message."], "invalid")),
                _ => Ok(title(name).into()),
            }
        })
        .validate_field("start", |value, _| match value {
            Value::Date(date) if Some(date) < NaiveDate::from_ymd_opt(2000, 1, 1) => Err("Too early.".into()),
            other => Ok(other),
        })
        .validate(|mut attributes, _| {
            // a PATCH may lack either, which the Python fails at
            let day = |name| match attributes.get(name) {
                Some(Value::Date(day)) => Ok(*day),
                _ => Err(ValidationError::field(name, ErrorDetail::new("This field is required.", "required"))),
            };
            let (start, end) = (day("start")?, day("end")?);
            let days = (end - start).num_days();
            if start > end {
                return Err(ValidationError::new("End must come after start.", "order"));
            }
            if attributes.get("secret") != attributes.get("confirm") {
                return Err(ValidationError::of(value!({"confirm": "Does not match."}), "mismatch"));
            }
            if days > 3660 {
                return Err(value!({
                    "start": ["Range too long.", "Ten years at most."],
                    "non_field_errors": ["Bad range."],
                })
                .into());
            }
            if attributes.get("name").and_then(Value::as_str) == Some("Listy") {
                return Err(value!(["One.", "Two."]).into());
            }
            attributes.insert("days", days.into());
            Ok(attributes)
        })
}

/// Every word with a capital letter, Python's `str.title`.
fn title(text: &str) -> String {
    let mut out = String::new();
    let mut in_word = false;
    for c in text.chars() {
        if in_word {
            out.extend(c.to_lowercase())
        } else {
            // of "ß" only the first letter is a capital
            let mut letters = c.to_uppercase();
            out.extend(letters.next());
            out.extend(letters.flat_map(char::to_lowercase));
        }
        in_word = c.is_alphabetic();
    }
    out
}

// nesting

pub fn line() -> bowline::Result<Serializer> {
    Ok(Serializer::new()
        .field(Field::new("sku", RegexField::new(r"^[A-Z]\d+$")?))
        .field(Field::new("quantity", IntegerField::new().min_value(1)))
        .validate(|attributes, _| {
            let is_x0 = attributes.get("sku").and_then(Value::as_str) == Some("X0");
            if is_x0 && attributes.get("quantity").and_then(integer) > Some(1) {
                return Err("Only one X0 per line.".into());
            }
            Ok(attributes)
        }))
}

pub fn address() -> Serializer {
    Serializer::new()
        .field(Field::new("street", CharField::new().max_length(20)))
        .field(Field::new("city", CharField::new()))
}

fn order() -> bowline::Result<Serializer> {
    Ok(Serializer::new()
        .field(Field::new("customer", EmailField::new()))
        .field(Field::new("billing", address()))
        .field(Field::new("shipping", address()).required(false).allow_null(true))
        .field(Field::new("lines", ListSerializer::new(line()?).allow_empty(false)))
        .field(Field::new("notes", ListField::of(CharField::new().max_length(5))).required(false))
        .field(Field::new("extras", DictField::of(line()?)).required(false))
        .validate_field("lines", |value, _| {
            let skus: Vec<_> = value.as_list().unwrap_or_default().iter().map(|line| line.get("sku")).collect();
            if skus.iter().enumerate().any(|(n, sku)| skus[..n].contains(sku)) {
                return Err("Repeated sku.".into());
            }
            Ok(value)
        }))
}

/// `to_representation` and `to_internal_value` overridden.
fn shape() -> Serializer {
    Serializer::new()
        .field(Field::new("kind", ChoiceField::new(["circle", "square"])))
        .field(Field::new("size", FloatField::new().min_value(0)))
        .map_input(|data| match data.get("shape") {
            Some(shape) => shape.clone(),
            None => data,
        })
        .map_output(|shape| value!({"shape": shape}))
}

/// Labels, help texts and initial values, for OPTIONS.
fn labelled() -> bowline::Result<Serializer> {
    Ok(Serializer::new()
        .field(Field::new("first", CharField::new().max_length(9)).label("First label").help_text("First help."))
        .field(Field::new("second_field", IntegerField::new().min_value(1).max_value(9)).required(false).initial(3))
        .field(Field::new("third", ChoiceField::new([("a", "Letter A"), ("b", "Letter B")])).help_text("Pick."))
        .field(Field::new("fourth", DecimalField::new(5, 2)).read_only())
        .field(Field::new("fifth", ListField::of(EmailField::new().max_length(30))).label("Mails"))
        .field(Field::new("sixth", address()).label("Where"))
        .field(Field::new("seventh", ListSerializer::new(line()?)))
        .field(Field::hidden("eighth", Value::from(1)))
        .field(Field::method("ninth", |_, _| 9.into()))
        .field(Field::new("tenth", DictField::of(DateField::new())).required(false))
        .field(Field::new("eleventh", CharField::new()).write_only()))
}
