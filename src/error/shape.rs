//! The shapes in which an error goes over the wire.

use http::StatusCode;

use super::{Error, ErrorDetail, NON_FIELD_ERRORS, ValidationError};
use crate::value::{Value, write};

/// The shape of error bodies, a switch of the [settings](crate::settings::Settings::errors).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorFormat {
    /// DRF's: `{"name": ["This field is required."]}`, `{"detail": "Not found."}`.
    #[default]
    Messages,
    /// What DRF's `get_full_details()` gives: every message with its code.
    ///
    /// `{"name": [{"message": "This field is required.", "code": "required"}]}`
    FullDetails,
    /// RFC 9457, `application/problem+json`, with an entry of `errors` for each message.
    ProblemDetails,
}

impl ValidationError {
    /// The messages alone: the body that DRF answers.
    ///
    /// `as_dict` is the form of errors of list items: `{"1": {…}}`, or `[{}, {…}]` as before DRF 3.18.
    pub fn messages(&self, as_dict: bool) -> Value {
        self.shaped(as_dict, &|detail| detail.message.as_ref().into())
    }

    /// The codes alone, DRF's `get_codes()`.
    ///
    /// ```
    /// use bowline::error::ValidationError;
    /// use bowline::value;
    /// let errors = ValidationError::field("name", ValidationError::new("No.", "refused"));
    /// assert_eq!(errors.get_codes(), value!({"name": ["refused"]}));
    /// ```
    pub fn get_codes(&self) -> Value {
        self.shaped(true, &|detail| detail.code.as_ref().into())
    }

    /// Messages and codes, DRF's `get_full_details()`.
    pub fn get_full_details(&self) -> Value {
        self.shaped(true, &ErrorDetail::full)
    }

    /// The same tree with something for each message.
    pub(super) fn shaped(&self, as_dict: bool, leaf: &dyn Fn(&ErrorDetail) -> Value) -> Value {
        match self {
            ValidationError::Message(detail) => leaf(detail),
            ValidationError::List(list) => Value::List(list.iter().map(leaf).collect()),
            ValidationError::Mixed(list) => Value::List(list.iter().map(|item| item.shaped(as_dict, leaf)).collect()),
            ValidationError::Fields(map) => Value::Map(
                map.iter().map(|(key, error)| (key.clone().into_owned(), error.shaped(as_dict, leaf))).collect(),
            ),
            ValidationError::Items { errors, .. } if as_dict => {
                Value::Map(errors.iter().map(|(n, error)| (n.to_string(), error.shaped(as_dict, leaf))).collect())
            }
            ValidationError::Items { length, errors } => {
                let mut list = vec![Value::map(); *length];
                for (n, error) in errors {
                    if let Some(place) = list.get_mut(*n) {
                        *place = error.shaped(as_dict, leaf);
                    }
                }
                Value::List(list)
            }
        }
    }

    /// Every message with the place that it is about, as a JSON pointer.
    fn pointers(&self, at: &str, found: &mut Vec<Value>) {
        let mut add = |detail: &ErrorDetail| {
            found.push(crate::value!({
                "detail": detail.message.as_ref(),
                "code": detail.code.as_ref(),
                "pointer": format!("#{at}"),
            }));
        };
        match self {
            ValidationError::Message(detail) => add(detail),
            ValidationError::List(list) => list.iter().for_each(add),
            ValidationError::Mixed(list) => {
                for (n, error) in list.iter().enumerate() {
                    match error {
                        ValidationError::Message(_) => error.pointers(at, found),
                        _ => error.pointers(&format!("{at}/{n}"), found),
                    }
                }
            }
            ValidationError::Fields(map) => {
                for (key, error) in map {
                    if key == NON_FIELD_ERRORS {
                        error.pointers(at, found);
                    } else {
                        let key = key.replace('~', "~0").replace('/', "~1");
                        error.pointers(&format!("{at}/{key}"), found);
                    }
                }
            }
            ValidationError::Items { errors, .. } => {
                for (n, error) in errors {
                    error.pointers(&format!("{at}/{n}"), found);
                }
            }
        }
    }
}

impl ErrorDetail {
    fn full(&self) -> Value {
        crate::value!({"message": self.message.as_ref(), "code": self.code.as_ref()})
    }
}

impl Error {
    /// The body of the answer in a shape; nothing in it comes from a driver or a panic.
    ///
    /// `as_dict` is the form of errors of list items, see [`ValidationError::messages`].
    pub fn body(&self, format: ErrorFormat, as_dict: bool) -> Value {
        let detail = self.detail();
        match format {
            ErrorFormat::Messages => match &detail {
                ValidationError::Message(detail) => crate::value!({"detail": detail.message.as_ref()}),
                tree => tree.messages(as_dict),
            },
            ErrorFormat::FullDetails => detail.shaped(as_dict, &ErrorDetail::full),
            ErrorFormat::ProblemDetails => problem(self.status(), &detail),
        }
    }

    /// DRF's JSON body of the answer; nothing in it comes from a driver or a panic.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        write::value(&self.body(ErrorFormat::Messages, true), out);
    }
}

/// RFC 9457: `type` is `about:blank`, so that `title` is the status' own phrase.
fn problem(status: StatusCode, detail: &ValidationError) -> Value {
    let title = status.canonical_reason().unwrap_or("Error");
    let mut body = crate::value!({"type": "about:blank", "title": title, "status": i64::from(status.as_u16())});
    let Value::Map(map) = &mut body else { return body };
    match detail {
        ValidationError::Message(detail) => {
            map.insert("detail", detail.message.as_ref().into());
            map.insert("code", detail.code.as_ref().into());
        }
        tree => {
            let mut errors = Vec::new();
            tree.pointers("", &mut errors);
            map.insert("detail", "Invalid input.".into());
            map.insert("code", "invalid".into());
            map.insert("errors", Value::List(errors));
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;
    use crate::value::convert::json_text;

    fn order() -> Error {
        let mut errors = ValidationError::field("name", ValidationError::new("Required.", "required"));
        errors.insert("lines", ValidationError::items(2, vec![(1, ValidationError::field("sku", "Bad."))]));
        errors.insert(NON_FIELD_ERRORS, "Whole.".into());
        errors.into()
    }

    #[test]
    fn errors_of_list_items_in_both_forms() {
        let body = |as_dict| json_text(&order().body(ErrorFormat::Messages, as_dict));
        assert_eq!(
            body(true),
            r#"{"name":["Required."],"lines":{"1":{"sku":["Bad."]}},"non_field_errors":["Whole."]}"#
        );
        assert_eq!(
            body(false),
            r#"{"name":["Required."],"lines":[{},{"sku":["Bad."]}],"non_field_errors":["Whole."]}"#
        );
    }

    #[test]
    fn codes_and_full_details() {
        assert_eq!(
            order().get_codes(),
            Some(value!({"name": ["required"], "lines": {"1": {"sku": ["invalid"]}}, "non_field_errors": ["invalid"]}))
        );
        assert_eq!(
            json_text(&Error::not_found().body(ErrorFormat::FullDetails, true)),
            r#"{"message":"Not found.","code":"not_found"}"#
        );
        assert_eq!(Error::http404().get_full_details(), None);
    }

    #[test]
    fn problem_details() {
        assert_eq!(
            json_text(&order().body(ErrorFormat::ProblemDetails, true)),
            concat!(
                r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"Invalid input.","code":"invalid","#,
                r##""errors":[{"detail":"Required.","code":"required","pointer":"#/name"},"##,
                r##"{"detail":"Bad.","code":"invalid","pointer":"#/lines/1/sku"},"##,
                r##"{"detail":"Whole.","code":"invalid","pointer":"#"}]}"##,
            )
        );
        assert_eq!(
            json_text(&Error::http404().body(ErrorFormat::ProblemDetails, true)),
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"Not found.","code":"not_found"}"#
        );
    }
}
