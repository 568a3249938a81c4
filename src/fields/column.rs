//! A column's value as it is.

use std::borrow::Cow;
use std::sync::Arc;

use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::model::ColumnMeta;
use crate::store::Cell;
use crate::value::{Value, write};

/// A value as it is, by the kind of the column that it comes from: what `ReadOnlyField` is over a model.
#[derive(Clone, Debug)]
pub(crate) struct ColumnField {
    column: Option<ColumnMeta>,
    nested: bool,
}

impl ColumnField {
    /// Of whatever kind.
    pub(crate) fn any() -> Self {
        ColumnField { column: None, nested: false }
    }

    /// Of a column.
    pub(crate) fn of(column: &ColumnMeta) -> Self {
        ColumnField { column: Some(column.clone()), nested: false }
    }

    /// Another object.
    pub(crate) fn nested() -> Self {
        ColumnField { column: None, nested: true }
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

    fn metadata_type(&self) -> &'static str {
        if self.nested { "nested object" } else { "field" }
    }
}
