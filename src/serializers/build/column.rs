//! Fields of plain columns: DRF's `build_standard_field`.

use std::sync::Arc;

use super::constraints::SetArguments;
use super::{Build, Made, shared};
use crate::fields::{
    BigIntegerField, BooleanField, CharField, ChoiceField, DateField, DateTimeField, DecimalField, DurationField,
    EmailField, Field, FieldType, FileField, FilePathField, FloatField, IPAddressField, ImageField, IntegerField,
    JSONField, Protocol, SlugField, TimeField, URLField, UUIDField, ValueValidator,
};
use crate::model::{ColumnKind, ColumnMeta, ColumnValidator, Format, ModelMeta};
use crate::serializers::reads::Reads;
use crate::serializers::{FieldOptions, Writes};
use crate::store::Dialect;
use crate::value::{DbValue, Decimal, Value};

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
    let read_only = options.read_only.unwrap_or(meta.auto_increment || attributes.not_editable);
    let kind = match &options.kind {
        Some(kind) => Arc::clone(kind),
        None => kind(build, model, meta, options, read_only)?,
    };
    let mut field = Field::shared(name.to_owned(), kind);
    if name != meta.name {
        field = field.source(meta.name.clone());
    }
    field.read_only = read_only;
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
    // as in DRF, a field's own rules take the place of the model's
    if options.validators.is_empty() {
        field.validators.extend(attributes.validators.iter().cloned().map(rule));
    } else {
        field.validators.clone_from(&options.validators);
    }
    let writes = match &attributes.format {
        _ if field.read_only => Writes::Nothing,
        Some(Format::File(folder) | Format::Image(folder)) => Writes::File(n, build.upload_to(meta, folder)),
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

/// A model's rule as a field's.
pub(super) fn rule(rule: ColumnValidator) -> Arc<dyn ValueValidator> {
    Arc::new(move |value: &Value| rule(value))
}

/// A choice of a column as a field has it.
fn choice(choice: &crate::model::Choice) -> crate::fields::Choice {
    use crate::model::Choice;
    match choice {
        Choice::Option(value, label) => (value.clone(), label.clone()).into(),
        Choice::Group(heading, options) => crate::fields::Choice::group(
            heading.clone(),
            options.iter().map(|(value, label)| (value.clone(), label.clone())),
        ),
    }
}

/// The type of a column's values, DRF's `serializer_field_mapping`.
fn kind(
    build: &Build<'_>,
    model: &ModelMeta,
    meta: &ColumnMeta,
    options: &FieldOptions,
    read_only: bool,
) -> Result<Arc<dyn FieldType>, String> {
    let attributes = &meta.attributes;
    let blank = matches!(&meta.default, Some(DbValue::String(Some(text))) if text.is_empty());
    let blank = options.allow_blank.unwrap_or(meta.is_text() && (blank || attributes.blank));
    if !attributes.choices.is_empty() {
        let field = ChoiceField::new(attributes.choices.iter().map(choice));
        return Ok(shared(field.allow_blank(blank)));
    }
    let column = match meta.kind {
        ColumnKind::Char(Some(n)) => usize::try_from(n).ok(),
        _ => None,
    };
    // what is only shown has no limits, as in DRF
    let max_length = options.max_length.or(attributes.max_length).or(column).filter(|_| !read_only);
    if let Some(format) = &attributes.format {
        match format {
            Format::Email => {
                let field = EmailField::new().allow_blank(blank).max_length(max_length);
                return Ok(shared(field.min_length(options.min_length)));
            }
            Format::Slug(unicode) => {
                let field = SlugField::new().allow_unicode(*unicode).allow_blank(blank).max_length(max_length);
                return Ok(shared(field.min_length(options.min_length)));
            }
            Format::Url => {
                let field = URLField::new().allow_blank(blank).max_length(max_length);
                return Ok(shared(field.min_length(options.min_length)));
            }
            Format::Ip(protocol) => {
                let protocol = match *protocol {
                    "ipv4" | "IPv4" => Protocol::IPv4,
                    "ipv6" | "IPv6" => Protocol::IPv6,
                    _ => Protocol::Both,
                };
                return Ok(shared(IPAddressField::new().protocol(protocol).allow_blank(blank)));
            }
            Format::Duration => return Ok(shared(DurationField::new().column())),
            Format::File(_) => {
                let field = FileField::new().max_length(max_length).storage(Arc::clone(build.storage));
                return Ok(shared(field));
            }
            Format::Image(_) => {
                let field = ImageField::new().max_length(max_length).storage(Arc::clone(build.storage));
                return Ok(shared(field));
            }
            Format::FilePath(path) => {
                let paths = FilePathField::of(path.clone()).allow_blank(blank);
                let field = paths.read().map_err(|error| format!("{}.{}: {error}", model.name, meta.name))?;
                return Ok(shared(field));
            }
        }
    }
    Ok(match meta.kind {
        ColumnKind::Boolean => shared(BooleanField::new()),
        ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => {
            // as Django: SQLite holds 64 bits whatever the column is called
            let (low, high) = match (build.dialect, meta.kind) {
                (Dialect::Postgres, ColumnKind::SmallInteger) => (i16::MIN.into(), i16::MAX.into()),
                (Dialect::Postgres, ColumnKind::Integer) => (i32::MIN.into(), i32::MAX.into()),
                _ => (i64::MIN, i64::MAX),
            };
            let low = if attributes.positive { 0 } else { low };
            let whole = |limit: &Decimal| limit.to_string().parse::<i64>().ok();
            let min = attributes.min_value.as_ref().and_then(whole).map_or(low, |own| own.max(low));
            let max = attributes.max_value.as_ref().and_then(whole).map_or(high, |own| own.min(high));
            let (min, max) = (options.min_value.unwrap_or(min), options.max_value.unwrap_or(max));
            let (min, max) = (Some(min).filter(|_| !read_only), Some(max).filter(|_| !read_only));
            if meta.kind == ColumnKind::BigInteger {
                let field = BigIntegerField::new().min_value(min).max_value(max);
                shared(field.coerce_to_string(options.coerce_to_string.unwrap_or(false)))
            } else {
                shared(IntegerField::new().min_value(min).max_value(max))
            }
        }
        ColumnKind::Float => {
            let number = |own: Option<i64>, said: &Option<Decimal>| {
                own.map(|n| n as f64).or_else(|| said.as_ref()?.to_string().parse().ok())
            };
            let mut field = FloatField::new();
            if let Some(min) = number(options.min_value, &attributes.min_value) {
                field = field.min_value(min);
            }
            if let Some(max) = number(options.max_value, &attributes.max_value) {
                field = field.max_value(max);
            }
            shared(field)
        }
        ColumnKind::Decimal(own) => {
            let digits = attributes.digits.or(own);
            let mut field = DecimalField::new(digits.map(|d| d.0), digits.map(|d| d.1));
            if let Some((digits, places)) = own {
                field = field.column(digits, places);
            }
            if let Some(min) = options.min_value.map(Decimal::from).or_else(|| attributes.min_value.clone()) {
                field = field.min_value(min);
            }
            if let Some(max) = options.max_value.map(Decimal::from).or_else(|| attributes.max_value.clone()) {
                field = field.max_value(max);
            }
            if let Some(yes) = options.coerce_to_string {
                field = field.coerce_to_string(yes);
            }
            shared(field)
        }
        ColumnKind::Char(_) | ColumnKind::Text => {
            shared(CharField::new().allow_blank(blank).max_length(max_length).min_length(options.min_length))
        }
        ColumnKind::Json => shared(JSONField::new()),
        ColumnKind::Uuid => shared(UUIDField::new()),
        ColumnKind::Inet => shared(IPAddressField::new()),
        ColumnKind::Duration => shared(DurationField::new().column()),
        ColumnKind::DateTime(_) => {
            let mut field = DateTimeField::new();
            if let Some(format) = &options.format {
                field = field.format(format);
            }
            if !options.input_formats.is_empty() {
                field = field.input_formats(&options.input_formats);
            }
            shared(field)
        }
        ColumnKind::Date => {
            let mut field = DateField::new();
            if let Some(format) = &options.format {
                field = field.format(format);
            }
            if !options.input_formats.is_empty() {
                field = field.input_formats(&options.input_formats);
            }
            shared(field)
        }
        ColumnKind::Time => {
            let mut field = TimeField::new();
            if let Some(format) = &options.format {
                field = field.format(format);
            }
            if !options.input_formats.is_empty() {
                field = field.input_formats(&options.input_formats);
            }
            shared(field)
        }
        other => {
            return Err(format!(
                "{}.{}: no field is made for a column of the kind {other:?}; exclude it, or give it a type by \
                 .field(name, |f| f.field_type(…)).",
                model.name, meta.name
            ));
        }
    })
}
