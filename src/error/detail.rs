//! What went wrong, in words and codes: messages alone, in lists, by field, by index.

use std::borrow::Cow;

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::value::{Value, write};

/// The key for errors about an object as a whole, DRF's `NON_FIELD_ERRORS_KEY`.
pub const NON_FIELD_ERRORS: &str = "non_field_errors";

/// Of how many items of one list, or entries of one dictionary, errors are told: a small body must not become a large answer.
pub(crate) const MOST_ITEMS: usize = 1_000;

/// One message with its machine code, DRF's `ErrorDetail`.
///
/// ```
/// use bowline::error::ErrorDetail;
/// let detail = ErrorDetail::new("This field is required.", "required");
/// assert_eq!(detail.code, "required");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorDetail {
    /// The sentence that a client sees.
    pub message: Cow<'static, str>,
    /// The machine code, not on the wire by default.
    pub code: Cow<'static, str>,
}

impl ErrorDetail {
    /// A message with its code.
    pub fn new(message: impl Into<Cow<'static, str>>, code: impl Into<Cow<'static, str>>) -> Self {
        ErrorDetail { message: message.into(), code: code.into() }
    }
}

impl From<&'static str> for ErrorDetail {
    fn from(message: &'static str) -> Self {
        ErrorDetail::new(message, "invalid")
    }
}

impl From<String> for ErrorDetail {
    fn from(message: String) -> Self {
        ErrorDetail::new(message, "invalid")
    }
}

/// What validation found: messages, or errors by field or by index. DRF's tree of `ErrorDetail`s.
///
/// Answered with 400. Other exceptions use it too, as their `detail` may be of any shape. See DRF's chapter
/// "Exceptions", `ValidationError`.
///
/// ```
/// use bowline::error::ValidationError;
/// use bowline::value;
///
/// let mut errors = ValidationError::fields();
/// errors.insert("uid", "This field is required.".into());
/// assert_eq!(errors.to_json(), r#"{"uid":["This field is required."]}"#);
///
/// let errors = ValidationError::of(value!({"confirm": "Does not match.", "n": 5}), "mismatch");
/// assert_eq!(errors.to_json(), r#"{"confirm":"Does not match.","n":"5"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidationError {
    /// Messages about the value as a whole.
    List(Vec<ErrorDetail>),
    /// Errors by field name, in the order of the fields.
    Fields(IndexMap<Cow<'static, str>, ValidationError>),
    /// One message that stands alone: `"field": "No."`.
    Message(ErrorDetail),
    /// A list of anything: `[{"a": ["No."]}, {}, "text"]`.
    Mixed(Vec<ValidationError>),
    /// Errors of the items of a list of objects, by their index.
    ///
    /// Answered as `{"1": {…}}`, or as `[{}, {…}]` where the settings ask for the form of DRF before 3.18
    /// ([`Settings::list_errors_as_dict`](crate::settings::Settings::list_errors_as_dict)).
    Items {
        /// How many items the list had.
        length: usize,
        /// The errors, in ascending order of their index.
        errors: Vec<(usize, ValidationError)>,
    },
}

impl ValidationError {
    /// No messages yet, by field.
    pub fn fields() -> Self {
        ValidationError::Fields(IndexMap::new())
    }

    /// One message with its code.
    pub fn new(message: impl Into<Cow<'static, str>>, code: impl Into<Cow<'static, str>>) -> Self {
        ValidationError::List(vec![ErrorDetail::new(message, code)])
    }

    /// DRF's `ValidationError(detail, code)`: text becomes a list of one, lists and objects keep their shape, numbers and
    /// null in them become text.
    pub fn of(detail: impl IntoDetail, code: &'static str) -> Self {
        match detail.into_detail(code) {
            ValidationError::Message(detail) => ValidationError::List(vec![detail]),
            other => other,
        }
    }

    /// Errors of one field.
    pub fn field(name: impl Into<Cow<'static, str>>, error: impl Into<ValidationError>) -> Self {
        let mut errors = ValidationError::fields();
        errors.insert(name, error.into());
        errors
    }

    /// Errors of the items of a list, by their index; those of the first 1,000 wrong items are told.
    pub fn items(length: usize, mut errors: Vec<(usize, ValidationError)>) -> Self {
        errors.truncate(MOST_ITEMS);
        ValidationError::Items { length, errors }
    }

    /// Whether as much was found as is told.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, ValidationError::Fields(map) if map.len() >= MOST_ITEMS)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        match self {
            ValidationError::List(list) => list.is_empty(),
            ValidationError::Fields(map) => map.is_empty(),
            ValidationError::Message(_) => false,
            ValidationError::Mixed(list) => list.is_empty(),
            ValidationError::Items { errors, .. } => errors.is_empty(),
        }
    }

    /// Adds what was found for one field; lists of the same field are joined.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, error: ValidationError) {
        let mut fields = self.take_fields();
        match fields.entry(name.into()) {
            Entry::Vacant(place) => {
                place.insert(error);
            }
            Entry::Occupied(mut place) => place.get_mut().join(error),
        }
        *self = ValidationError::Fields(fields);
    }

    /// Joins two findings about the same object: messages without a field go to `non_field_errors`.
    pub fn merge(&mut self, other: ValidationError) {
        for (key, value) in other.into_fields().take_fields() {
            self.insert(key, value);
        }
    }

    /// DRF's `as_serializer_error`: what names no field becomes `non_field_errors`, a message of a field a list of one.
    pub fn into_fields(mut self) -> Self {
        if let ValidationError::Items { .. } = self {
            return self;
        }
        let fields = self.take_fields();
        ValidationError::Fields(fields.into_iter().map(|(key, value)| (key, value.listed())).collect())
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        write::value(&self.messages(true), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Takes the entries by field; what had none is under `non_field_errors`, items are under their index.
    fn take_fields(&mut self) -> IndexMap<Cow<'static, str>, ValidationError> {
        match std::mem::replace(self, ValidationError::fields()) {
            ValidationError::Fields(fields) => fields,
            ValidationError::Items { errors, .. } => {
                errors.into_iter().map(|(n, error)| (Cow::Owned(n.to_string()), error)).collect()
            }
            whole if whole.is_empty() => IndexMap::new(),
            whole => [(Cow::Borrowed(NON_FIELD_ERRORS), whole.listed())].into(),
        }
    }

    /// The same; a message that stands alone becomes a list of one.
    fn listed(self) -> Self {
        match self {
            ValidationError::Message(detail) => ValidationError::List(vec![detail]),
            other => other,
        }
    }

    /// Adds what else was found for the same place.
    fn join(&mut self, more: ValidationError) {
        use ValidationError::{Fields, Items, List, Message, Mixed};
        let own = std::mem::replace(self, ValidationError::fields());
        *self = match (own, more) {
            (List(mut list), List(more)) => {
                list.extend(more);
                List(list)
            }
            (own, more) if own.is_empty() => more,
            (own, more) if more.is_empty() => own,
            (Items { length, errors: own }, Items { length: same, errors: more }) if length == same => {
                let mut all: std::collections::BTreeMap<usize, ValidationError> = own.into_iter().collect();
                for (n, error) in more {
                    all.entry(n).or_insert_with(ValidationError::fields).merge(error);
                }
                ValidationError::items(length, all.into_iter().collect())
            }
            (mut own @ (Fields(_) | Items { .. }), more @ (Fields(_) | Items { .. })) => {
                let mut more = more;
                for (key, value) in more.take_fields() {
                    own.insert(key, value);
                }
                own
            }
            (mut own @ (Fields(_) | Items { .. }), more) => {
                own.insert(NON_FIELD_ERRORS, more);
                own
            }
            (own, more @ (Fields(_) | Items { .. })) => {
                let mut all = own.into_fields();
                all.merge(more);
                all
            }
            (own @ (List(_) | Message(_)), more @ (List(_) | Message(_))) => {
                let mut list = own.into_list();
                list.extend(more.into_list());
                List(list)
            }
            (own, more) => {
                let mut list = own.into_mixed();
                list.extend(more.into_mixed());
                Mixed(list)
            }
        };
    }

    fn into_list(self) -> Vec<ErrorDetail> {
        match self {
            ValidationError::List(list) => list,
            ValidationError::Message(detail) => vec![detail],
            _ => Vec::new(),
        }
    }

    fn into_mixed(self) -> Vec<ValidationError> {
        match self {
            ValidationError::Mixed(list) => list,
            other => other.into_list().into_iter().map(ValidationError::Message).collect(),
        }
    }
}

impl From<ErrorDetail> for ValidationError {
    fn from(detail: ErrorDetail) -> Self {
        ValidationError::List(vec![detail])
    }
}

impl From<Vec<ErrorDetail>> for ValidationError {
    fn from(list: Vec<ErrorDetail>) -> Self {
        ValidationError::List(list)
    }
}

impl From<&'static str> for ValidationError {
    fn from(message: &'static str) -> Self {
        ErrorDetail::from(message).into()
    }
}

impl From<String> for ValidationError {
    fn from(message: String) -> Self {
        ErrorDetail::from(message).into()
    }
}

impl From<Value> for ValidationError {
    fn from(detail: Value) -> Self {
        ValidationError::of(detail, "invalid")
    }
}

/// What an exception may be given as its detail: text, a list, an object, of any depth.
///
/// What has no code yet gets the exception's. DRF's `_get_error_details`.
pub trait IntoDetail {
    /// The tree of details.
    fn into_detail(self, code: &'static str) -> ValidationError;
}

impl IntoDetail for &'static str {
    fn into_detail(self, code: &'static str) -> ValidationError {
        ValidationError::Message(ErrorDetail::new(self, code))
    }
}

impl IntoDetail for String {
    fn into_detail(self, code: &'static str) -> ValidationError {
        ValidationError::Message(ErrorDetail::new(self, code))
    }
}

impl IntoDetail for ErrorDetail {
    fn into_detail(self, _: &'static str) -> ValidationError {
        ValidationError::Message(self)
    }
}

impl IntoDetail for ValidationError {
    fn into_detail(self, _: &'static str) -> ValidationError {
        self
    }
}

impl IntoDetail for Value {
    fn into_detail(self, code: &'static str) -> ValidationError {
        match self {
            Value::List(items) => list_of(items.into_iter().map(|item| item.into_detail(code)).collect()),
            Value::Map(map) => ValidationError::Fields(
                map.into_iter().map(|(key, value)| (key.into(), value.into_detail(code))).collect(),
            ),
            scalar => scalar.to_python_str().into_owned().into_detail(code),
        }
    }
}

/// A list of messages where it has nothing else.
fn list_of(items: Vec<ValidationError>) -> ValidationError {
    if items.iter().all(|item| matches!(item, ValidationError::Message(_))) {
        return ValidationError::List(items.into_iter().flat_map(ValidationError::into_list).collect());
    }
    ValidationError::Mixed(items)
}

impl<T: IntoDetail> IntoDetail for Vec<T> {
    fn into_detail(self, code: &'static str) -> ValidationError {
        list_of(self.into_iter().map(|item| item.into_detail(code)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    fn list(messages: &[&'static str]) -> ValidationError {
        ValidationError::List(messages.iter().map(|m| ErrorDetail::from(*m)).collect())
    }

    #[test]
    fn messages_of_one_field_are_joined() {
        let mut errors = ValidationError::fields();
        errors.insert("a", list(&["1"]));
        errors.insert("a", list(&["2"]));
        assert_eq!(errors.to_json(), r#"{"a":["1","2"]}"#);
        errors.insert("a", ValidationError::field("b", "3"));
        errors.insert("a", list(&["4"]));
        assert_eq!(errors.to_json(), r#"{"a":{"non_field_errors":["1","2","4"],"b":["3"]}}"#);
    }

    #[test]
    fn lists_of_anything_are_joined() {
        let mut errors = ValidationError::fields();
        errors.insert("a", ValidationError::of(value!(["x", {"k": "v"}]), "invalid"));
        errors.insert("a", list(&["y"]));
        assert_eq!(errors.to_json(), r#"{"a":["x",{"k":"v"},"y"]}"#);
        let mut errors = ValidationError::field("a", ValidationError::items(3, vec![(1, list(&["z"]))]));
        errors.insert("a", list(&["whole"]));
        assert_eq!(errors.to_json(), r#"{"a":{"1":["z"],"non_field_errors":["whole"]}}"#);
    }

    #[test]
    fn errors_of_the_whole() {
        let mut errors = list(&["whole"]);
        errors.insert("a", list(&["1"]));
        errors.merge(list(&["more"]));
        errors.merge(list(&[]));
        errors.merge(ValidationError::of(value!({"b": "alone"}), "x"));
        assert_eq!(errors.to_json(), r#"{"non_field_errors":["whole","more"],"a":["1"],"b":["alone"]}"#);
        assert_eq!(list(&["w"]).into_fields().to_json(), r#"{"non_field_errors":["w"]}"#);
        let mixed = ValidationError::of(value!([{"a": 1}, "b"]), "x").into_fields();
        assert_eq!(mixed.to_json(), r#"{"non_field_errors":[{"a":"1"},"b"]}"#);
    }

    #[test]
    fn details_of_any_shape() {
        let detail = |value: Value| ValidationError::of(value, "code").to_json();
        assert_eq!(detail(value!({"n": 5, "none": null, "bool": true})), r#"{"n":"5","none":"None","bool":"True"}"#);
        assert_eq!(detail(value!([{"a": ["A."]}, {}, "text", ["nested"]])), r#"[{"a":["A."]},{},"text",["nested"]]"#);
        assert_eq!(detail(value!("alone")), r#"["alone"]"#);
        assert_eq!(ValidationError::of(vec!["One.", "Two."], "code"), {
            ValidationError::List(vec![ErrorDetail::new("One.", "code"), ErrorDetail::new("Two.", "code")])
        });
    }
}
