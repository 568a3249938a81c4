//! A column's value as it is, and rows within a row.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Field, FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::model::ColumnMeta;
use crate::store::Cell;
use crate::value::{Form, Value, write};

/// A value as it is, by the kind of the column that it comes from: what `ReadOnlyField` is over a model.
#[derive(Clone, Debug)]
pub(crate) struct ColumnField {
    column: Option<ColumnMeta>,
}

impl ColumnField {
    /// Of whatever kind.
    pub(crate) fn any() -> Self {
        ColumnField { column: None }
    }

    /// Of a column.
    pub(crate) fn of(column: &ColumnMeta) -> Self {
        ColumnField { column: Some(column.clone()) }
    }
}

impl FieldType for ColumnField {
    fn to_internal_value(&self, input: &Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
        Ok(input.clone())
    }

    fn over(&self, column: &ColumnMeta) -> Option<Arc<dyn FieldType>> {
        Some(Arc::new(ColumnField::of(column)))
    }

    fn to_representation(&self, cell: Cell<'_>, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let value = match (&self.column, cell) {
            (Some(column), cell) => Cow::Owned(cell.to_attribute(column)),
            (None, Cell::Value(value)) => Cow::Borrowed(value),
            (None, cell) => Cow::Owned(cell.to_plain_attribute()),
        };
        write::value(&value, out);
        Ok(())
    }
}

/// The rows of another serializer, or one of them; their own serializer validates and shows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NestedRows {
    pub(crate) many: bool,
}

impl FieldType for NestedRows {
    fn to_internal_value(&self, input: &Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
        Ok(input.clone())
    }

    fn form_value(&self, field: &Field, form: &Form, _: &FieldContext<'_>) -> Option<Value> {
        if self.many {
            return form.parse_list(&field.name).map(Value::List);
        }
        let found = form.parse_dict(&field.name);
        (!found.is_empty()).then(|| Value::Form(Box::new(found)))
    }

    fn to_representation(&self, _: Cell<'_>, _: &Context, _: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        // they are read by their serializer's own statement
        Err(Unrepresentable)
    }

    fn shape_errors(&self, errors: ValidationError) -> ValidationError {
        errors.into_fields()
    }

    fn metadata_type(&self) -> &'static str {
        "nested object"
    }
}
