//! Fields that are only shown.

use std::fmt;
use std::sync::Arc;

use super::{ColumnField, FieldContext, FieldType, Unrepresentable, UnvalidatedField};
use crate::context::Context;
use crate::error::ValidationError;
use crate::model::ColumnMeta;
use crate::store::Cell;
use crate::value::{Value, write};

/// An attribute as it is, DRF's `ReadOnlyField`.
///
/// The field around it is to be read-only, which [`ReadOnlyField::named`] sees to.
///
/// ```
/// use bowline::fields::ReadOnlyField;
/// let field = ReadOnlyField::named("full_name");
/// assert!(field.read_only);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReadOnlyField;

impl ReadOnlyField {
    /// An attribute as it is.
    pub fn new() -> Self {
        ReadOnlyField
    }

    /// A read-only field of this type.
    pub fn named(name: impl Into<std::borrow::Cow<'static, str>>) -> super::Field {
        super::Field::new(name, ReadOnlyField).read_only()
    }
}

impl FieldType for ReadOnlyField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        UnvalidatedField::new().to_internal_value(input, cx)
    }

    fn over(&self, column: &ColumnMeta) -> Option<Arc<dyn FieldType>> {
        Some(Arc::new(ColumnField::of(column)))
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        UnvalidatedField::new().to_representation(cell, cx, out)
    }

    fn represent(&self, value: &Value, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        write::value(value, out);
        Ok(())
    }
}

/// A value computed from the whole object, DRF's `SerializerMethodField`.
///
/// Made by [`Field::method`](super::Field::method), which sets `source` to `*` and makes it read-only.
#[derive(Clone)]
pub struct MethodField {
    compute: Compute,
}

impl MethodField {
    /// What a function makes of the object and the request.
    pub fn new(compute: impl Fn(&Value, &Context) -> Value + Send + Sync + 'static) -> Self {
        MethodField { compute: Arc::new(compute) }
    }
}

impl fmt::Debug for MethodField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MethodField")
    }
}

impl FieldType for MethodField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        UnvalidatedField::new().to_internal_value(input, cx)
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Value(object) => self.represent(object, cx, out),
            other => self.represent(&other.to_plain_attribute(), cx, out),
        }
    }

    fn represent(&self, object: &Value, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        write::value(&(self.compute)(object, cx), out);
        Ok(())
    }
}

type Compute = Arc<dyn Fn(&Value, &Context) -> Value + Send + Sync>;
