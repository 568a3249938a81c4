//! How a field writes and reads the other side of a relation.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{KeyError, parse_key, represent_key};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::fields::{Field, FieldContext, FieldType, Messages, Unrepresentable};
use crate::model::ColumnKind;
use crate::store::Cell;
use crate::value::{Form, Value, query, write};

/// The addresses of an application's views.
pub(crate) trait Urls: Send + Sync + fmt::Debug {
    /// What stands before and after the value that names one object in the address of a view.
    fn around(&self, view_name: &str) -> Option<(String, String)>;

    /// The view that a path means, and the value in it that names an object.
    fn resolve(&self, path: &str) -> Option<(String, Option<String>)>;

    /// The names of the views that show one object.
    fn names(&self) -> Vec<String>;
}

/// How the other side is named in a body.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// By its primary key.
    PrimaryKey,
    /// By another column.
    Slug(String),
    /// By the address of its view.
    Hyperlink(Hyperlink),
    /// By nothing: only its text is shown.
    Text,
}

/// The address of a view, worked out when the router is built.
#[derive(Clone, Debug)]
pub(crate) struct Hyperlink {
    pub(crate) view_name: String,
    pub(crate) around: (String, String),
    pub(crate) urls: Arc<dyn Urls>,
}

impl Hyperlink {
    /// Writes the address of one object in quotes.
    pub(crate) fn represent(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let mut key = Vec::new();
        represent_key(cell, &mut key)?;
        let key = String::from_utf8_lossy(&key);
        let mut url = self.around.0.clone();
        query::quote_path(key.trim_matches('"'), &mut url);
        url.push_str(&self.around.1);
        let mut url = cx.absolute(&url).into_owned();
        if let Some(format) = cx.query_param("format") {
            url.push_str("?format=");
            query::encode(&format, &mut url);
        }
        write::string(&url, out);
        Ok(())
    }

    /// The value that an address names an object by.
    fn read(&self, input: &Value, cx: &FieldContext<'_>) -> Result<String, ValidationError> {
        let Value::Str(address) = input else {
            let text = "Incorrect type. Expected URL string, received {data_type}.";
            return Err(cx.error("incorrect_type", text, &[("data_type", input.type_name())]));
        };
        let no_match = || cx.error("no_match", "Invalid hyperlink - No URL match.", &[]);
        let path = match address.strip_prefix("http:").or_else(|| address.strip_prefix("https:")) {
            Some(rest) => {
                let rest = rest.strip_prefix("//").map_or(rest, |rest| rest.find('/').map_or("", |at| &rest[at..]));
                rest.split(['?', '#', ';']).next().unwrap_or("")
            }
            None => address.as_str(),
        };
        let path = query::unquote(path);
        let (view_name, value) = self.urls.resolve(&path).ok_or_else(no_match)?;
        match value {
            Some(value) if view_name == self.view_name => Ok(value),
            _ => Err(cx.error("incorrect_match", "Invalid hyperlink - Incorrect URL match.", &[])),
        }
    }
}

/// One side of a relation in a body.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    pub(crate) naming: Naming,
    /// The kind of the column that the naming looks at.
    pub(crate) kind: ColumnKind,
}

impl Related {
    /// What the body says of one row, as the column would hold it.
    ///
    /// # Errors
    ///
    /// What is wrong with it as it is, whatever rows there are.
    pub(crate) fn read(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        match &self.naming {
            Naming::PrimaryKey => {
                // one of many: Django asks for a row without a key
                if input.is_null() {
                    return Err(self.does_not_exist(input, cx.messages).into());
                }
                let wrong_type = || {
                    let text = "Incorrect type. Expected pk value, received {data_type}.";
                    cx.error("incorrect_type", text, &[("data_type", input.type_name())])
                };
                if matches!(input, Value::Bool(_)) {
                    return Err(wrong_type());
                }
                parse_key(self.kind, input).map_err(|error| match error {
                    KeyError::WrongType => wrong_type(),
                    KeyError::NoSuchRow => self.does_not_exist(input, cx.messages).into(),
                    KeyError::Unreadable(why) => unreadable(input, why),
                })
            }
            Naming::Slug(_) => {
                // Django asks for rows without the attribute, and a name is never absent
                if input.is_null() {
                    return Err(self.does_not_exist(input, cx.messages).into());
                }
                let own;
                let input = match (self.kind, input) {
                    // what Django would print into a text column
                    (ColumnKind::Char(_) | ColumnKind::Text, Value::Bool(_) | Value::List(_) | Value::Map(_)) => {
                        own = Value::Str(input.to_python_str().into_owned());
                        &own
                    }
                    _ => input,
                };
                parse_key(self.kind, input).map_err(|error| match error {
                    KeyError::NoSuchRow => self.does_not_exist(input, cx.messages).into(),
                    KeyError::WrongType => cx.error("invalid", "Invalid value.", &[]),
                    KeyError::Unreadable(why) => unreadable(input, why),
                })
            }
            Naming::Hyperlink(link) => {
                let value = link.read(input, cx)?;
                parse_key(self.kind, &Value::Str(value)).map_err(|_| self.does_not_exist(input, cx.messages).into())
            }
            Naming::Text => Err(self.does_not_exist(input, cx.messages).into()),
        }
    }

    /// DRF's message for a row that is not there, with the input as it was sent.
    pub(crate) fn does_not_exist(&self, input: &Value, messages: &Messages) -> ErrorDetail {
        let sent = input.to_python_str();
        match &self.naming {
            Naming::PrimaryKey => {
                let text = "Invalid pk \"{pk_value}\" - object does not exist.";
                messages.detail("does_not_exist", text, &[("pk_value", &sent)])
            }
            Naming::Slug(field) => {
                let text = "Object with {slug_name}={value} does not exist.";
                messages.detail("does_not_exist", text, &[("slug_name", field), ("value", &sent)])
            }
            Naming::Hyperlink(_) => {
                messages.detail("does_not_exist", "Invalid hyperlink - Object does not exist.", &[])
            }
            Naming::Text => messages.detail("does_not_exist", "An object cannot be named by its text.", &[]),
        }
    }
}

/// Django's words about a text that no value of the column's kind is written as.
fn unreadable(input: &Value, why: &str) -> ValidationError {
    ErrorDetail::new(format!("“{}” {why}", input.to_python_str()), "invalid").into()
}

/// The type of a field that points to one row.
#[derive(Clone, Debug)]
pub(crate) struct RelatedKind(pub(crate) Related);

impl FieldType for RelatedKind {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.0.read(input, cx)
    }

    fn is_null_input(&self, input: &Value, _allow_null: bool) -> bool {
        matches!(input, Value::Str(text) if text.is_empty())
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match &self.0.naming {
            Naming::PrimaryKey if self.0.kind == ColumnKind::Uuid => match cell {
                Cell::Text(key) => match uuid::Uuid::try_parse(key) {
                    Ok(key) => represent_key(Cell::Uuid(key), out),
                    Err(_) => Err(Unrepresentable),
                },
                cell => represent_key(cell, out),
            },
            Naming::PrimaryKey => represent_key(cell, out),
            Naming::Slug(_) => {
                write::value(&cell.to_attribute_of(self.0.kind), out);
                Ok(())
            }
            Naming::Hyperlink(link) => link.represent(cell, cx, out),
            Naming::Text => Err(Unrepresentable),
        }
    }

    fn metadata_type(&self) -> &'static str {
        "field"
    }

    fn shows_one_value(&self) -> bool {
        self.0.kind != ColumnKind::Json
    }
}

/// The type of a field that points to many rows, DRF's `ManyRelatedField`.
#[derive(Clone, Debug)]
pub(crate) struct ManyRelatedKind {
    pub(crate) child: Related,
    pub(crate) allow_empty: bool,
}

impl ManyRelatedKind {
    /// The items of an input.
    pub(crate) fn items<'a>(
        &self,
        input: &'a Value,
        cx: &FieldContext<'_>,
    ) -> Result<Cow<'a, [Value]>, ValidationError> {
        let items = match input {
            Value::List(items) => Cow::Borrowed(items.as_slice()),
            // Python iterates over a dictionary's keys
            Value::Map(map) => Cow::Owned(map.keys().map(|key| Value::Str(key.to_string())).collect()),
            other => {
                let text = "Expected a list of items but got type \"{input_type}\".";
                return Err(cx.error("not_a_list", text, &[("input_type", other.type_name())]));
            }
        };
        if items.is_empty() && !self.allow_empty {
            return Err(cx.error("empty", "This list may not be empty.", &[]));
        }
        Ok(items)
    }
}

impl FieldType for ManyRelatedKind {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let items = self.items(input, cx)?;
        items.iter().map(|item| self.child.read(item, cx)).collect::<Result<Vec<_>, _>>().map(Value::List)
    }

    fn form_value(&self, field: &Field, form: &Form, cx: &FieldContext<'_>) -> Option<Value> {
        if cx.partial && !form.contains(&field.name) {
            return None;
        }
        Some(Value::List(form.get_list(&field.name).to_vec()))
    }

    fn to_representation(&self, _: Cell<'_>, _: &Context, _: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        // its rows are read by the serializer's own statement
        Err(Unrepresentable)
    }

    fn metadata_type(&self) -> &'static str {
        "field"
    }
}
