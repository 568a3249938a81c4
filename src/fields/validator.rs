//! Rules about one value.

use super::FieldContext;
use crate::error::ValidationError;
use crate::value::Value;

/// A rule about one value: a pure function of it.
///
/// It runs after the field's coercion and limits, before any database work. Every function
/// `Fn(&Value) -> Result<(), ValidationError>` is one; a type that implements the trait also gets the field's name and
/// the request (DRF's `requires_context`).
///
/// ```
/// use bowline::prelude::*;
///
/// fn no_spaces(value: &Value) -> Result<(), ValidationError> {
///     match value {
///         Value::Str(text) if text.contains(' ') => Err("Spaces are not allowed.".into()),
///         _ => Ok(()),
///     }
/// }
/// # fn takes(_: impl ValueValidator) {}
/// # takes(no_spaces);
/// ```
///
/// It cannot ask the database, since nothing protects the answer until the write:
///
/// ```compile_fail
/// use bowline::prelude::*;
///
/// async fn is_free(value: &Value) -> Result<(), ValidationError> { Ok(()) }
/// # fn takes(_: impl ValueValidator) {}
/// # takes(is_free);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value validator",
    label = "not a plain function of one value",
    note = "a value validator is `Fn(&Value) -> Result<(), ValidationError> + Send + Sync`: not async, no handle to the database",
    note = "a rule that reads other columns of its row is an `ObjectValidator`, one that reads other rows a `QueryValidator`"
)]
pub trait ValueValidator: Send + Sync + 'static {
    /// Judges a value that is not null.
    ///
    /// # Errors
    ///
    /// The messages for this field, answered with 400.
    fn validate(&self, value: &Value, cx: &FieldContext<'_>) -> Result<(), ValidationError>;
}

impl<F> ValueValidator for F
where
    F: Fn(&Value) -> Result<(), ValidationError> + Send + Sync + 'static,
{
    fn validate(&self, value: &Value, _: &FieldContext<'_>) -> Result<(), ValidationError> {
        self(value)
    }
}
