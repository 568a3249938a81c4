//! Spans of time.

use std::fmt;

use chrono::TimeDelta;

use super::{FieldContext, FieldType, Unrepresentable, limit};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Value, duration, write};

/// The days that 64 bits of microseconds have at most.
const MAX_COLUMN_DAYS: i64 = 106_751_991;

/// How a [`DurationField`] writes its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DurationFormat {
    /// `3 04:05:06.000007`, Django's own.
    #[default]
    Django,
    /// `P3DT04H05M06.000007S`.
    Iso8601,
    /// All seconds, as text: `273906.000007` (DRF's `format=None`).
    Seconds,
}

/// A span of time, read as Django's `parse_duration` reads it: `[DD] [HH:[MM:]]ss[.uuuuuu]`, ISO 8601
/// (`P3DT04H05M06S`), or PostgreSQL's form (`3 days 04:05:06`).
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss[.uuuuuu].` |
/// | `overflow` | `The number of days must be between {min_days} and {max_days}.` |
/// | `max_value` | `Ensure this value is less than or equal to {max_value}.` |
/// | `min_value` | `Ensure this value is greater than or equal to {min_value}.` |
///
/// A column holds 64 bits of microseconds, 106751991 days; what is longer is refused by a field with [`column`], where
/// DRF answers 500.
///
/// [`column`]: DurationField::column
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{DurationField, Field, FieldContext, Outcome};
/// use bowline::value::Value;
/// use chrono::TimeDelta;
/// let field = Field::new("extension", DurationField::new().max_value(TimeDelta::days(2)));
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// let hours = Value::Duration(TimeDelta::minutes(90));
/// assert_eq!(field.run_validation(Some(&Value::Str("1:30:00".into())), &cx), Ok(Outcome::Set(hours)));
/// let errors = field.run_validation(Some(&Value::Str("P3D".into())), &cx).unwrap_err();
/// assert_eq!(errors.to_json(), r#"["Ensure this value is less than or equal to 2 days, 0:00:00."]"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct DurationField {
    format: DurationFormat,
    min: Option<Span>,
    max: Option<Span>,
    column: bool,
}

/// A limit, printed as Python prints it.
#[derive(Clone, Copy, Debug)]
struct Span(TimeDelta);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration::python_string(self.0))
    }
}

impl From<Span> for Value {
    fn from(span: Span) -> Self {
        Value::Str(span.to_string())
    }
}

impl DurationField {
    /// Any span of time.
    pub fn new() -> Self {
        DurationField::default()
    }

    /// The shortest span that is accepted.
    pub fn min_value(mut self, min: impl Into<Option<TimeDelta>>) -> Self {
        self.min = min.into().map(Span);
        self
    }

    /// The longest span that is accepted.
    pub fn max_value(mut self, max: impl Into<Option<TimeDelta>>) -> Self {
        self.max = max.into().map(Span);
        self
    }

    /// How answers show it.
    pub fn format(mut self, format: DurationFormat) -> Self {
        self.format = format;
        self
    }

    /// Refuses what the 64 bits of a column do not hold.
    pub fn column(mut self) -> Self {
        self.column = true;
        self
    }
}

fn overflow(days: i64, cx: &FieldContext<'_>) -> ValidationError {
    let default = "The number of days must be between {min_days} and {max_days}.";
    cx.error("overflow", default, &[("min_days", &(-days).to_string()), ("max_days", &days.to_string())])
}

/// Refuses a span that the 64 bits of a column do not hold.
pub(crate) fn fits_column(span: TimeDelta, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
    if span.num_microseconds().is_none() { Err(overflow(MAX_COLUMN_DAYS, cx)) } else { Ok(()) }
}

impl FieldType for DurationField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let span = match input {
            Value::Duration(span) => Some(*span),
            _ => duration::parse(&input.to_python_str()).map_err(|_| overflow(duration::MAX_DAYS, cx))?,
        };
        let Some(span) = span else {
            let default = "Duration has wrong format. Use one of these formats instead: {format}.";
            return Err(cx.error("invalid", default, &[("format", "[DD] [HH:[MM:]]ss[.uuuuuu]")]));
        };
        if self.column {
            fits_column(span, cx)?;
        }
        Ok(Value::Duration(span))
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let Value::Duration(span) = value else {
            return;
        };
        limit::check((self.min.as_ref(), self.max.as_ref()), |limit| span.cmp(&limit.0), cx, errors);
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let span = match cell {
            Cell::Duration(span) => span,
            Cell::Int(microseconds) => TimeDelta::microseconds(microseconds),
            Cell::Text(text) => match duration::parse(text) {
                Ok(Some(span)) => span,
                // as with dates, any other text is shown as it is
                _ => {
                    write::string(text, out);
                    return Ok(());
                }
            },
            _ => return Err(Unrepresentable),
        };
        let text = match self.format {
            DurationFormat::Django => duration::django_string(span),
            DurationFormat::Iso8601 => duration::iso_string(span),
            DurationFormat::Seconds => duration::seconds_string(span),
        };
        write::string(&text, out);
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "duration"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        limit::metadata(self.min.as_ref(), self.max.as_ref())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set, shown};
    use super::*;

    const WRONG: &str =
        "invalid: Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss[.uuuuuu].";

    #[test]
    fn durations() {
        let field = DurationField::new();
        for (json, seconds) in
            [("5", 5), (r#""1:00""#, 60), (r#""P1D""#, 86400), (r#""2 days 01:00:00""#, 176_400), ("5.0", 5)]
        {
            assert_eq!(set(&field, json), Value::Duration(TimeDelta::seconds(seconds)), "{json}");
        }
        for json in [r#""x""#, "true", "1e300", "[]", r#""1:2:3:4""#, r#""\ud800""#] {
            assert_eq!(error(&field, json), [WRONG], "{json}");
        }
        let message = "overflow: The number of days must be between -999999999 and 999999999.";
        assert_eq!(error(&field, r#""1000000000 0""#), [message]);
    }

    #[test]
    fn what_a_column_holds() {
        let field = DurationField::new().column();
        let last = TimeDelta::microseconds(i64::MAX);
        assert_eq!(set(&field, r#""106751991 04:00:54.775807""#), Value::Duration(last));
        let message = ["overflow: The number of days must be between -106751991 and 106751991."];
        for json in [r#""106751991 04:00:54.775808""#, r#""-999999999 0""#] {
            assert_eq!(error(&field, json), message, "{json}");
        }
    }

    #[test]
    fn limits() {
        let field = DurationField::new().min_value(TimeDelta::minutes(1)).max_value(TimeDelta::days(2));
        set(&field, "60");
        let min = ["min_value: Ensure this value is greater than or equal to 0:01:00."];
        assert_eq!(error(&field, "59.9"), min);
        let max = ["max_value: Ensure this value is less than or equal to 2 days, 0:00:00."];
        assert_eq!(error(&field, r#""2 0:00:00.1""#), max);
        let limits = [("min_value", "0:01:00".into()), ("max_value", "2 days, 0:00:00".into())];
        assert_eq!(field.metadata_limits(), limits);
    }

    #[test]
    fn cells() {
        let field = DurationField::new();
        for cell in [
            Cell::Duration(TimeDelta::seconds(-1)),
            Cell::Int(-1_000_000),
            Cell::Text("-00:00:01"),
            Cell::Text("-1 days +23:59:59"),
        ] {
            assert_eq!(shown(&field, cell).unwrap(), r#""-1 23:59:59""#, "{cell:?}");
        }
        let second = Cell::Int(1_500_000);
        assert_eq!(shown(&field.clone().format(DurationFormat::Iso8601), second).unwrap(), r#""P0DT00H00M01.500000S""#);
        assert_eq!(shown(&field.clone().format(DurationFormat::Seconds), second).unwrap(), r#""1.5""#);
        assert_eq!(shown(&field, Cell::Text("1 mon")).unwrap(), r#""1 mon""#);
    }
}
