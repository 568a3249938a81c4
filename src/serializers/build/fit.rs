//! Options of a derived field that its column has no use for, and values of the program that a column cannot take.

use crate::fields::Default as FieldDefault;
use crate::model::{ColumnKind, ColumnMeta, Format, ModelMeta};
use crate::serializers::FieldOptions;
use crate::value::{Value, convert};

/// What is wrong with the options of a field over a column, in sentences.
pub(super) fn mistakes(model: &ModelMeta, n: usize, name: &str, options: &FieldOptions) -> Vec<String> {
    let meta = &model.columns[n];
    let mut found = Vec::new();
    if options.kind.is_none() && meta.attributes.choices.is_empty() {
        unfit(meta, options, &mut found);
    }
    if let (Some(FieldDefault::Value(value)), None) = (&options.default, &options.kind)
        && let Some(reason) = refused(model, n, value)
    {
        found.push(format!("its default: {reason}"));
    }
    found.into_iter().map(|mistake| format!("{}: the field {name}: {mistake}.", model.name)).collect()
}

fn unfit(meta: &ColumnMeta, options: &FieldOptions, found: &mut Vec<String>) {
    let is_file = matches!(meta.attributes.format, Some(Format::File(_) | Format::Image(_)));
    let has_format = meta.attributes.format.is_some();
    let is_text = meta.is_text() || has_format;
    let is_date = meta.kind.has_days() || meta.kind == ColumnKind::Time;
    let is_number = matches!(
        meta.kind,
        ColumnKind::SmallInteger
            | ColumnKind::Integer
            | ColumnKind::BigInteger
            | ColumnKind::Float
            | ColumnKind::Decimal(_)
    );
    let is_shown_as_text = matches!(meta.kind, ColumnKind::BigInteger | ColumnKind::Decimal(_));
    for (name, is_said, fits, whom) in [
        ("max_length", options.max_length.is_some(), is_text, "text"),
        ("min_length", options.min_length.is_some(), is_text && !is_file, "text"),
        ("allow_blank", options.allow_blank == Some(true), is_text || meta.kind == ColumnKind::Inet, "text"),
        ("max_value", options.max_value.is_some(), is_number, "numbers"),
        ("min_value", options.min_value.is_some(), is_number, "numbers"),
        ("coerce_to_string", options.coerce_to_string.is_some(), is_shown_as_text, "decimals and integers of 64 bits"),
        ("format", options.format.is_some(), is_date, "dates and times"),
        ("input_formats", !options.input_formats.is_empty(), is_date, "dates and times"),
    ] {
        if is_said && !fits {
            found.push(format!("{name} is for {whom}, and the column is {}", meta.kind.name()));
        }
    }
    if options.min_length.zip(options.max_length).is_some_and(|(min, max)| min > max) {
        found.push("min_length is above max_length, so that it takes no text".into());
    }
    if options.min_value.zip(options.max_value).is_some_and(|(min, max)| min > max) {
        found.push("min_value is above max_value, so that it takes no number".into());
    }
}

/// Why a column cannot take a value of the program's; what JSON and files hold is not looked at.
pub(super) fn refused(model: &ModelMeta, n: usize, value: &Value) -> Option<String> {
    let meta = model.columns.get(n)?;
    let is_free = meta.kind == ColumnKind::Json || meta.attributes.format.is_some();
    let refused = if is_free { None } else { model.refuses(n, &convert::to_db(value.clone())) };
    refused.map(|reason| reason.trim_end_matches('.').to_owned())
}
