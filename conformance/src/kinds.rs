//! One field of each kind, as in `library/kinds.py`.

use bowline::fields::*;
use bowline::prelude::*;
use bowline::serializers::{ListSerializer, Serializer};
use bowline::value::{Rounding, TimeZone};
use chrono::{FixedOffset, TimeDelta};

/// A point, the nested serializer of the kinds.
fn point() -> Serializer {
    Serializer::new()
        .field(Field::new("x", IntegerField::new()))
        .field(Field::new("y", IntegerField::new()).default(0))
        .field(Field::new("label", CharField::new().allow_blank(true).max_length(5)).required(false))
}

/// The kinds by their names in the path; each is a field `value`.
pub fn kinds() -> bowline::Result<Vec<(&'static str, Field)>> {
    fn value(kind: impl FieldType + 'static) -> Field {
        Field::new("value", kind)
    }
    let new_york = TimeZone::named("America/New_York").map_err(Error::internal)?;
    let five_and_a_half = FixedOffset::east_opt(19_800).ok_or_else(|| Error::internal("no such offset"))?;
    Ok(vec![
        ("boolean", value(BooleanField::new())),
        ("boolean-null", value(BooleanField::new()).allow_null(true)),
        ("boolean-default", value(BooleanField::new()).default(true)),
        ("char", value(CharField::new())),
        ("char-blank", value(CharField::new().allow_blank(true))),
        ("char-null", value(CharField::new()).allow_null(true)),
        ("char-blank-null", value(CharField::new().allow_blank(true)).allow_null(true)),
        ("char-len", value(CharField::new().min_length(2).max_length(5))),
        ("char-notrim", value(CharField::new().trim_whitespace(false).max_length(4))),
        ("char-optional", value(CharField::new()).required(false)),
        ("char-default", value(CharField::new()).default("fallback")),
        (
            "char-messages",
            value(CharField::new().max_length(3))
                .error_message("required", "Say something.")
                .error_message("blank", "Not empty, please.")
                .error_message("null", "Not null, please.")
                .error_message("max_length", "At most {max_length}!"),
        ),
        ("email", value(EmailField::new())),
        ("email-len", value(EmailField::new().max_length(16).allow_blank(true))),
        ("regex", value(RegexField::new(r"^[A-Z]{2}\d{3}$")?)),
        ("regex-len", value(RegexField::new("^[a-z]+$")?.max_length(4).min_length(2))),
        ("slug", value(SlugField::new())),
        ("slug-unicode", value(SlugField::new().allow_unicode(true).max_length(12))),
        ("url", value(URLField::new())),
        ("url-len", value(URLField::new().max_length(24))),
        ("uuid", value(UUIDField::new())),
        ("uuid-hex", value(UUIDField::new().format(UUIDFormat::Hex))),
        ("uuid-int", value(UUIDField::new().format(UUIDFormat::Int))),
        ("uuid-urn", value(UUIDField::new().format(UUIDFormat::Urn))),
        ("ip", value(IPAddressField::new())),
        ("ipv4", value(IPAddressField::new().protocol(Protocol::IPv4))),
        ("ipv6", value(IPAddressField::new().protocol(Protocol::IPv6))),
        ("integer", value(IntegerField::new())),
        ("integer-range", value(IntegerField::new().min_value(-5).max_value(10))),
        ("integer-null", value(IntegerField::new()).allow_null(true)),
        ("integer-default", value(IntegerField::new()).default(42)),
        ("bigint", value(BigIntegerField::new())),
        ("bigint-str", value(BigIntegerField::new().coerce_to_string(true))),
        ("float", value(FloatField::new())),
        ("float-range", value(FloatField::new().min_value(-1.5).max_value(2.5))),
        ("decimal", value(DecimalField::new(6, 2))),
        ("decimal-number", value(DecimalField::new(6, 2).coerce_to_string(false))),
        ("decimal-range", value(DecimalField::new(5, 1).min_value(0).max_value(100))),
        ("decimal-round", value(DecimalField::new(6, 2).rounding(Rounding::HalfUp))),
        ("decimal-down", value(DecimalField::new(6, 1).rounding(Rounding::Down))),
        ("decimal-free", value(DecimalField::new(None, None))),
        ("decimal-normal", value(DecimalField::new(8, 4).normalize_output(true))),
        ("datetime", value(DateTimeField::new())),
        ("datetime-null", value(DateTimeField::new()).allow_null(true)),
        (
            "datetime-format",
            value(DateTimeField::new().format("%d/%m/%Y %H:%M").input_formats(["%d/%m/%Y %H:%M", "iso-8601"])),
        ),
        ("datetime-newyork", value(DateTimeField::new().default_timezone(new_york))),
        ("datetime-offset", value(DateTimeField::new().default_timezone(five_and_a_half))),
        ("datetime-naive", value(DateTimeField::new())),
        ("date", value(DateField::new())),
        ("date-format", value(DateField::new().format("%d %b %Y").input_formats(["%d.%m.%Y", "%Y%m%d"]))),
        ("time", value(TimeField::new())),
        ("time-format", value(TimeField::new().format("%H.%M").input_formats(["%H.%M", "%I:%M %p"]))),
        ("duration", value(DurationField::new())),
        ("duration-range", value(DurationField::new().min_value(TimeDelta::minutes(1)).max_value(TimeDelta::days(2)))),
        ("duration-iso", value(DurationField::new().format(DurationFormat::Iso8601))),
        ("choice", value(ChoiceField::new([("r", "Red"), ("g", "Green")]))),
        ("choice-plain", value(ChoiceField::new(["one", "two"]))),
        ("choice-int", value(ChoiceField::new([(1, "One"), (2, "Two")]))),
        ("choice-blank", value(ChoiceField::new([("r", "Red")]).allow_blank(true))),
        ("choice-null", value(ChoiceField::new([("r", "Red")])).allow_null(true)),
        (
            "choice-grouped",
            value(ChoiceField::new([
                Choice::group("Warm", [("r", "Red"), ("o", "Orange")]),
                Choice::group("Cold", [("b", "Blue")]),
                ("x", "None").into(),
            ])),
        ),
        ("multichoice", value(MultipleChoiceField::new([("a", "A"), ("b", "B"), ("c", "C")]))),
        ("multichoice-noempty", value(MultipleChoiceField::new(["a", "b"]).allow_empty(false))),
        ("multichoice-int", value(MultipleChoiceField::new([(1, "One"), (2, "Two")]))),
        ("list", value(ListField::new())),
        ("list-int", value(ListField::of(IntegerField::new().min_value(0)))),
        ("list-char", value(ListField::of(CharField::new().max_length(3)))),
        ("list-len", value(ListField::of(CharField::new()).min_length(2).max_length(3))),
        ("list-noempty", value(ListField::of(BooleanField::new()).allow_empty(false))),
        ("list-nullable", value(ListField::of(Field::from(DateField::new()).allow_null(true)))),
        ("list-nested", value(ListField::of(ListField::of(IntegerField::new())))),
        ("dict", value(DictField::new())),
        ("dict-int", value(DictField::of(IntegerField::new()))),
        ("dict-noempty", value(DictField::of(CharField::new()).allow_empty(false))),
        ("dict-list", value(DictField::of(ListField::of(DecimalField::new(4, 1))))),
        ("json", value(JSONField::new())),
        ("json-null", value(JSONField::new()).allow_null(true)),
        ("json-binary", value(JSONField::new().binary(true))),
        ("nested", value(point())),
        ("nested-null", value(point()).allow_null(true)),
        ("nested-optional", value(point()).required(false)),
        ("nested-many", value(ListSerializer::new(point()))),
        ("nested-many-len", value(ListSerializer::new(point()).allow_empty(false).max_length(2))),
    ])
}
