//! Days and times of day.

use chrono::{NaiveDate, NaiveTime};

use super::formats::{InputFormats, OutputFormat};
use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::strftime::strftime;
use crate::value::{Value, iso, write};

/// What messages call ISO 8601 for days.
const ISO_DATE: &str = "YYYY-MM-DD";

/// What messages call ISO 8601 for times of day.
const ISO_TIME: &str = "hh:mm[:ss[.uuuuuu]]";

/// A day, in ISO 8601 or by patterns of `strftime`.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Date has wrong format. Use one of these formats instead: {format}.` |
/// | `datetime` | `Expected a date but got a datetime.` |
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{DateField, Field, FieldContext};
/// use bowline::value::Value;
/// let field = Field::new("day", DateField::new().input_formats(["%d.%m.%Y", "iso-8601"]));
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// assert!(field.run_validation(Some(&Value::Str("2024-02-29".into())), &cx).is_ok());
/// assert!(field.run_validation(Some(&Value::Str("29.2.2024".into())), &cx).is_ok());
/// let errors = field.run_validation(Some(&Value::Str("29.2.2023".into())), &cx).unwrap_err();
/// let message = "Date has wrong format. Use one of these formats instead: DD.MM.YYYY, YYYY-MM-DD.";
/// assert_eq!(errors.to_json(), format!("[\"{message}\"]"));
/// ```
#[derive(Clone, Debug)]
pub struct DateField {
    format: OutputFormat,
    input_formats: InputFormats,
}

impl Default for DateField {
    fn default() -> Self {
        DateField::new()
    }
}

impl DateField {
    /// A day, in ISO 8601.
    pub fn new() -> Self {
        DateField { format: OutputFormat::Iso, input_formats: InputFormats::iso(ISO_DATE) }
    }

    /// How answers show it: `iso-8601`, or a pattern of `strftime`.
    pub fn format(mut self, format: &str) -> Self {
        self.format = format.into();
        self
    }

    /// The formats that are read, tried in this order: `iso-8601`, or patterns of `strptime`.
    pub fn input_formats<F: AsRef<str>>(mut self, formats: impl IntoIterator<Item = F>) -> Self {
        self.input_formats = InputFormats::new(formats, ISO_DATE);
        self
    }

    fn write(&self, date: NaiveDate, out: &mut Vec<u8>) {
        if let OutputFormat::Pattern(pattern) = &self.format {
            return write::string(&strftime(pattern, date.into()), out);
        }
        out.push(b'"');
        iso::write_date(date, out);
        out.push(b'"');
    }
}

impl FieldType for DateField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let date = match input {
            Value::Str(text) => self.input_formats.read(text, iso::parse_date, |written| written.local.date()),
            Value::Date(date) => Some(*date),
            Value::DateTime(_) | Value::NaiveDateTime(_) => {
                return Err(cx.error("datetime", "Expected a date but got a datetime.", &[]));
            }
            _ => None,
        };
        date.map(Value::Date).ok_or_else(|| {
            let default = "Date has wrong format. Use one of these formats instead: {format}.";
            cx.error("invalid", default, &[("format", self.input_formats.humanized())])
        })
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Date(date) if iso::in_range(date) => self.write(date, out),
            // no day of Python's: as ISO 8601 has it
            Cell::Date(date) => write::string(&date.to_string(), out),
            Cell::Text("") => out.extend_from_slice(b"null"),
            Cell::Text(text) => match iso::parse_date(text) {
                Some(date) => self.write(date, out),
                // DRF shows any other text as it is
                None => write::string(text, out),
            },
            _ => return Err(Unrepresentable),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "date"
    }
}

/// A time of day, in ISO 8601 or by patterns of `strftime`.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Time has wrong format. Use one of these formats instead: {format}.` |
///
/// An offset from UTC that is written with it is dropped, as DRF does.
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{Field, FieldContext, TimeField};
/// use bowline::value::Value;
/// let field = Field::new("opens", TimeField::new().input_formats(["%I:%M %p"]));
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// assert!(field.run_validation(Some(&Value::Str("7:30 am".into())), &cx).is_ok());
/// let errors = field.run_validation(Some(&Value::Str("07:30".into())), &cx).unwrap_err();
/// let message = "Time has wrong format. Use one of these formats instead: hh:mm [AM|PM].";
/// assert_eq!(errors.to_json(), format!("[\"{message}\"]"));
/// ```
#[derive(Clone, Debug)]
pub struct TimeField {
    format: OutputFormat,
    input_formats: InputFormats,
}

impl Default for TimeField {
    fn default() -> Self {
        TimeField::new()
    }
}

impl TimeField {
    /// A time of day, in ISO 8601.
    pub fn new() -> Self {
        TimeField { format: OutputFormat::Iso, input_formats: InputFormats::iso(ISO_TIME) }
    }

    /// How answers show it: `iso-8601`, or a pattern of `strftime`.
    pub fn format(mut self, format: &str) -> Self {
        self.format = format.into();
        self
    }

    /// The formats that are read, tried in this order: `iso-8601`, or patterns of `strptime`.
    pub fn input_formats<F: AsRef<str>>(mut self, formats: impl IntoIterator<Item = F>) -> Self {
        self.input_formats = InputFormats::new(formats, ISO_TIME);
        self
    }

    fn write(&self, time: NaiveTime, out: &mut Vec<u8>) {
        if let OutputFormat::Pattern(pattern) = &self.format {
            return write::string(&strftime(pattern, time.into()), out);
        }
        out.push(b'"');
        iso::write_time(time, out);
        out.push(b'"');
    }
}

impl FieldType for TimeField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let time = match input {
            Value::Str(text) => self.input_formats.read(text, iso::parse_time, |written| written.local.time()),
            Value::Time(time) => Some(*time),
            _ => None,
        };
        time.map(Value::Time).ok_or_else(|| {
            let default = "Time has wrong format. Use one of these formats instead: {format}.";
            cx.error("invalid", default, &[("format", self.input_formats.humanized())])
        })
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Time(time) => self.write(time, out),
            Cell::Text("") => out.extend_from_slice(b"null"),
            Cell::Text(text) => match iso::parse_time(text) {
                Some(time) => self.write(time, out),
                // DRF shows any other text as it is
                None => write::string(text, out),
            },
            _ => return Err(Unrepresentable),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "time"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use chrono::NaiveDateTime;

    use super::super::testing::{error, set, shown};
    use super::*;

    #[test]
    fn dates() {
        let field = DateField::new();
        for json in [r#""2024-01-02""#, r#""2024-1-2""#, r#""20240102""#, r#""2024-W01-2""#] {
            let day = NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
            assert_eq!(set(&field, json), Value::Date(day), "{json}");
        }
        for json in [r#""2024-01-02T03:04:05""#, r#""2024-02-30""#, r#""x""#, r#""""#, "20240102", "true", "[]", "{}"] {
            let message = "invalid: Date has wrong format. Use one of these formats instead: YYYY-MM-DD.";
            assert_eq!(error(&field, json), [message], "{json}");
        }
    }

    #[test]
    fn date_cells() {
        let field = DateField::new();
        let day = NaiveDate::from_ymd_opt(987, 6, 5).unwrap();
        assert_eq!(shown(&field, Cell::Date(day)).unwrap(), r#""0987-06-05""#);
        assert_eq!(shown(&field, Cell::Text("2024-05-06")).unwrap(), r#""2024-05-06""#);
        assert_eq!(shown(&field, Cell::Text("2024-05-06 07:08:09")).unwrap(), r#""2024-05-06 07:08:09""#);
        assert_eq!(shown(&field, Cell::Date(NaiveDate::MAX)).unwrap(), r#""+262142-12-31""#);
        for cell in [Cell::Int(1), Cell::DateTime(NaiveDateTime::MIN)] {
            assert!(shown(&field, cell).is_err(), "{cell:?}");
        }
    }

    #[test]
    fn date_formats() {
        let field = DateField::new().format("%d %b %Y").input_formats(["%d.%m.%Y", "%Y%m%d"]);
        let day = NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
        for json in [r#""2.1.2024""#, r#""20240102""#] {
            assert_eq!(set(&field, json), Value::Date(day), "{json}");
        }
        assert_eq!(shown(&field, Cell::Date(day)).unwrap(), r#""02 Jan 2024""#);
        let message = "invalid: Date has wrong format. Use one of these formats instead: DD.MM.YYYY, YYYYMMDD.";
        assert_eq!(error(&field, r#""2024-01-02""#), [message]);
    }

    #[test]
    fn times() {
        let field = TimeField::new();
        let time = NaiveTime::from_hms_opt(3, 4, 0).unwrap();
        for json in [r#""03:04""#, r#""3:4:0""#, r#""T0304""#, r#""03:04:00+02:00""#] {
            assert_eq!(set(&field, json), Value::Time(time), "{json}");
        }
        let message = "invalid: Time has wrong format. Use one of these formats instead: hh:mm[:ss[.uuuuuu]].";
        for json in [r#""24:00""#, r#""""#, "3", "true", "[]", r#""\ud800""#] {
            assert_eq!(error(&field, json), [message], "{json}");
        }
        let late = NaiveTime::from_hms_micro_opt(23, 4, 0, 5).unwrap();
        assert_eq!(shown(&field, Cell::Time(late)).unwrap(), r#""23:04:00.000005""#);
        assert_eq!(shown(&field, Cell::Text("03:04:00")).unwrap(), r#""03:04:00""#);
        assert!(shown(&field, Cell::Int(3)).is_err());
        let field = field.format("%H.%M").input_formats(["%H.%M", "%I:%M %p"]);
        assert_eq!(set(&field, r#""3:04 AM""#), Value::Time(time));
        assert_eq!(shown(&field, Cell::Time(late)).unwrap(), r#""23.04""#);
    }
}
