//! Where a value is validated, and a field's own messages.

use std::borrow::Cow;

use super::Field;
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};

/// Where and how a value is validated.
#[derive(Clone, Copy, Debug)]
pub struct FieldContext<'a> {
    /// The field's name in the body.
    pub name: &'a str,
    /// The field's own messages.
    pub messages: &'a Messages,
    /// Whether absent fields are passed over (PATCH, DRF's `partial`).
    pub partial: bool,
    /// Whether the object is new, DRF's `instance is None`.
    pub creating: bool,
    /// The request.
    pub request: &'a Context,
}

static NO_MESSAGES: Messages = Messages(Vec::new());

impl<'a> FieldContext<'a> {
    /// The context of a whole body of a new object.
    pub fn new(request: &'a Context) -> Self {
        FieldContext { name: "", messages: &NO_MESSAGES, partial: false, creating: true, request }
    }

    /// The same for one field.
    pub fn of<'b>(&self, field: &'b Field) -> FieldContext<'b>
    where
        'a: 'b,
    {
        FieldContext { name: &field.name, messages: &field.messages, ..*self }
    }

    /// The detail of a code: the field's own message, else the given one; `{name}` places are filled in.
    pub fn detail(&self, code: &'static str, default: &'static str, parameters: &[(&str, &str)]) -> ErrorDetail {
        self.messages.detail(code, default, parameters)
    }

    /// The detail of a rule that Django has for text: as [`FieldContext::detail`], with `%(value)s` for the text.
    pub(crate) fn text_detail(&self, code: &'static str, default: &'static str, value: &str) -> ErrorDetail {
        let mut detail = self.messages.detail(code, default, &[]);
        if detail.message.contains('%') {
            detail.message = detail.message.replace("%(value)s", value).replace("%%", "%").into();
        }
        detail
    }

    /// The same as an error.
    pub fn error(&self, code: &'static str, default: &'static str, parameters: &[(&str, &str)]) -> ValidationError {
        self.messages.detail(code, default, parameters).into()
    }
}

/// A field's own messages by code, over the ones of its type.
#[derive(Clone, Debug, Default)]
pub struct Messages(Vec<(&'static str, Cow<'static, str>)>);

impl Messages {
    /// Sets the message of a code.
    pub fn set(&mut self, code: &'static str, message: impl Into<Cow<'static, str>>) {
        self.0.retain(|(c, _)| *c != code);
        self.0.push((code, message.into()));
    }

    /// The detail of a code: the field's own message, else the given one.
    ///
    /// `{name}` places are filled in from `parameters`.
    pub fn detail(&self, code: &'static str, default: &'static str, parameters: &[(&str, &str)]) -> ErrorDetail {
        let own = self.0.iter().find(|(c, _)| *c == code).map(|(_, m)| m.clone());
        let mut message = own.unwrap_or(Cow::Borrowed(default));
        for (name, value) in parameters {
            let place = format!("{{{name}}}");
            if message.contains(&place) {
                message = Cow::Owned(message.replace(&place, value));
            }
        }
        ErrorDetail::new(message, code)
    }
}
