//! Fields of plain columns: DRF's `build_standard_field`.

use std::borrow::Cow;
use std::sync::Arc;

use super::constraints::SetArguments;
use super::{Build, Made, shared};
use crate::context::Context;
use crate::error::ValidationError;
use crate::fields::{
    BigIntegerField, BooleanField, CharField, DateField, DateTimeField, Field, FieldContext, FieldType, FloatField,
    IntegerField, JSONField, UUIDField, Unrepresentable,
};
use crate::model::{ColumnKind, ColumnMeta, Format, ModelMeta};
use crate::serializers::reads::Reads;
use crate::serializers::{FieldOptions, Writes};
use crate::store::{Cell, Dialect};
use crate::value::{Value, write};

/// The field of a column.
pub(super) fn field(
    build: &Build<'_>,
    model: &ModelMeta,
    n: usize,
    name: &str,
    options: &FieldOptions,
    sets: &SetArguments,
) -> Result<Made, String> {
    let meta = &model.columns[n];
    let attributes = &meta.attributes;
    let kind = match &options.kind {
        Some(kind) => Arc::clone(kind),
        None => kind(model, meta, options, build.dialect)?,
    };
    let mut field = Field::shared(name.to_owned(), kind);
    if name != meta.name {
        field = field.source(meta.name.clone());
    }
    let read_only = meta.auto_increment || attributes.not_editable;
    field.read_only = options.read_only.unwrap_or(read_only);
    field.write_only = options.write_only.unwrap_or(false);
    let has_default = meta.default.is_some() || attributes.default.is_some() || meta.has_default;
    let optional = has_default || attributes.blank || meta.null;
    field.allow_null = options.allow_null.unwrap_or(meta.null);
    field.default = options.default.clone();
    field.required = !optional && !field.read_only;
    sets.apply(n, &mut field, Some(options));
    if field.default.is_some() || field.read_only {
        field.required = false;
    }
    if let Some(required) = options.required {
        field.required = required;
    }
    field.label = Some(options.label.clone().unwrap_or_else(|| meta.label().into()));
    let help = attributes.help_text.clone().or_else(|| meta.comment.clone());
    field.help_text = options.help_text.clone().or_else(|| help.map(Into::into));
    for (code, message) in &options.messages {
        field.messages.set(code, message.clone());
    }
    field.validators.clone_from(&options.validators);
    let writes = match &attributes.format {
        _ if field.read_only => Writes::Nothing,
        Some(format @ (Format::File(_) | Format::Image(_))) => Writes::File(n, Arc::new(format.clone())),
        _ => Writes::Column(n),
    };
    let reads = if field.write_only { Reads::Nothing } else { Reads::Column(n) };
    Ok(Made { field, writes, reads })
}

/// Django's `capfirst`.
pub(super) fn capfirst(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn kind(
    model: &ModelMeta,
    meta: &ColumnMeta,
    options: &FieldOptions,
    dialect: Dialect,
) -> Result<Arc<dyn FieldType>, String> {
    let limits =
        |low: i64, high: i64| (Some(options.min_value.unwrap_or(low)), Some(options.max_value.unwrap_or(high)));
    Ok(match meta.kind {
        ColumnKind::Boolean => shared(BooleanField::new()),
        ColumnKind::SmallInteger | ColumnKind::Integer => {
            // as Django: SQLite holds 64 bits whatever the column is called
            let (min, max) = match (dialect, meta.kind) {
                (Dialect::Sqlite, _) => limits(i64::MIN, i64::MAX),
                (_, ColumnKind::SmallInteger) => limits(i16::MIN.into(), i16::MAX.into()),
                _ => limits(i32::MIN.into(), i32::MAX.into()),
            };
            shared(IntegerField::new().min_value(min).max_value(max))
        }
        ColumnKind::BigInteger => {
            let (min, max) = limits(i64::MIN, i64::MAX);
            shared(BigIntegerField::new().min_value(min).max_value(max))
        }
        ColumnKind::Float => shared(FloatField::new()),
        ColumnKind::Char(_) | ColumnKind::Text => {
            let column = match meta.kind {
                ColumnKind::Char(Some(n)) => usize::try_from(n).ok(),
                _ => None,
            };
            let blank = matches!(&meta.default, Some(crate::value::DbValue::String(Some(text))) if text.is_empty());
            let blank = blank || meta.attributes.blank;
            let field = CharField::new()
                .allow_blank(options.allow_blank.unwrap_or(blank))
                .max_length(options.max_length.or(meta.attributes.max_length).or(column))
                .min_length(options.min_length);
            shared(field)
        }
        ColumnKind::Json => shared(JSONField::new()),
        ColumnKind::Uuid => shared(UUIDField::new()),
        ColumnKind::DateTime(_) => shared(DateTimeField::new()),
        ColumnKind::Date => shared(DateField::new()),
        other => {
            return Err(format!(
                "{}.{}: no field is made for a column of the kind {other:?}; exclude it, or give it a type by \
                 .field(name, |f| f.field_type(…)).",
                model.name, meta.name
            ));
        }
    })
}

/// A value as it is, DRF's `ReadOnlyField`: by the kind of the column that it comes from.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    column: Option<ColumnMeta>,
    nested: bool,
}

impl Raw {
    /// Of whatever kind.
    pub(super) fn any() -> Self {
        Raw { column: None, nested: false }
    }

    /// Another object.
    pub(super) fn nested() -> Self {
        Raw { column: None, nested: true }
    }
}

impl FieldType for Raw {
    fn to_internal_value(&self, input: &Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
        Ok(input.clone())
    }

    fn over(&self, column: &ColumnMeta) -> Option<Arc<dyn FieldType>> {
        Some(Arc::new(Raw { column: Some(column.clone()), nested: self.nested }))
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
