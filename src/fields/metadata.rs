//! What OPTIONS says about fields: DRF's `SimpleMetadata`.

use std::borrow::Cow;

use super::Field;
use crate::value::{Map, Value};

/// The fields of a serializer by name, without hidden ones: DRF's `get_serializer_info`.
pub fn fields<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Value {
    let shown = fields.into_iter().filter(|field| !field.hidden);
    Value::Map(shown.map(|field| (field.name.clone().into_owned(), self::field(field))).collect())
}

/// One field: DRF's `get_field_info`.
///
/// ```
/// use bowline::fields::{CharField, Field, metadata};
/// use bowline::value::convert::json_text;
/// let field = Field::new("first_name", CharField::new().max_length(9));
/// assert_eq!(
///     json_text(&metadata::field(&field)),
///     r#"{"type":"string","required":true,"read_only":false,"label":"First name","max_length":9}"#
/// );
/// ```
pub fn field(field: &Field) -> Value {
    let mut info = Map::new();
    let mut set = |name: &str, value: Value| {
        info.insert(name, value);
    };
    set("type", field.kind.metadata_type().into());
    set("required", field.required.into());
    set("read_only", field.read_only.into());
    for (name, text) in [("label", Some(label(field))), ("help_text", field.help_text.clone())] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            set(name, text.into_owned().into());
        }
    }
    for (name, limit) in field.kind.metadata_limits() {
        set(name, limit);
    }
    if let Some(child) = field.kind.metadata_child(field) {
        set("child", self::field(&child));
    } else if let Some(children) = field.kind.metadata_children() {
        set("children", fields(children));
    }
    if let Some(choices) = field.kind.metadata_choices().filter(|_| !field.read_only) {
        let choice =
            |(value, name)| Value::Map([("value".to_owned(), value), ("display_name".to_owned(), name)].into());
        set("choices", Value::List(choices.into_iter().map(choice).collect()));
    }
    Value::Map(info)
}

/// A field's name for people: its label, or what DRF makes of its name.
///
/// ```
/// use bowline::fields::{CharField, Field, metadata};
/// assert_eq!(metadata::label(&Field::new("date_OF_birth", CharField::new())), "Date of birth");
/// ```
pub fn label(field: &Field) -> Cow<'static, str> {
    if let Some(label) = &field.label {
        return label.clone();
    }
    let words = field.name.replace('_', " ");
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect::<String>().into(),
        None => "".into(),
    }
}
