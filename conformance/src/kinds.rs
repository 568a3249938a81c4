//! One field of each kind, as in `library/kinds.py`.

use bowline::fields::*;
use bowline::serializers::{ListSerializer, Serializer};

/// A point, the nested serializer of the kinds.
fn point() -> Serializer {
    Serializer::new()
        .field(Field::new("x", IntegerField::new()))
        .field(Field::new("y", IntegerField::new()).default(0))
        .field(Field::new("label", CharField::new().allow_blank(true).max_length(5)).required(false))
}

/// The kinds by their names in the path; each is a field `value`.
pub fn kinds() -> Vec<(&'static str, Field)> {
    let value = |kind| Field::shared("value", kind);
    fn field(kind: impl FieldType + 'static) -> Field {
        Field::new("value", kind)
    }
    let _ = value;
    vec![
        ("boolean", field(BooleanField::new())),
        ("boolean-null", field(BooleanField::new()).allow_null(true)),
        ("boolean-default", field(BooleanField::new()).default(true)),
        ("char", field(CharField::new())),
        ("char-blank", field(CharField::new().allow_blank(true))),
        ("char-null", field(CharField::new()).allow_null(true)),
        ("char-blank-null", field(CharField::new().allow_blank(true)).allow_null(true)),
        ("char-len", field(CharField::new().min_length(2).max_length(5))),
        ("char-notrim", field(CharField::new().trim_whitespace(false).max_length(4))),
        ("char-optional", field(CharField::new()).required(false)),
        ("char-default", field(CharField::new()).default("fallback")),
        (
            "char-messages",
            field(CharField::new().max_length(3))
                .error_message("required", "Say something.")
                .error_message("blank", "Not empty, please.")
                .error_message("null", "Not null, please.")
                .error_message("max_length", "At most {max_length}!"),
        ),
        ("integer", field(IntegerField::new())),
        ("integer-range", field(IntegerField::new().min_value(-5).max_value(10))),
        ("integer-null", field(IntegerField::new()).allow_null(true)),
        ("integer-default", field(IntegerField::new()).default(42)),
        ("json", field(JSONField::new())),
        ("json-null", field(JSONField::new()).allow_null(true)),
        ("nested", field(point())),
        ("nested-null", field(point()).allow_null(true)),
        ("nested-optional", field(point()).required(false)),
        ("nested-many", field(ListSerializer::new(point()))),
        ("nested-many-len", field(ListSerializer::new(point()).allow_empty(false).max_length(2))),
    ]
}
