//! Days and points in time.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeDelta, Utc};

use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::{Value, iso};

/// A point in time, in ISO 8601.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Datetime has wrong format. Use one of these formats instead: {format}.` |
/// | `overflow` | `Datetime value out of range.` (outside the years 1 to 9999) |
///
/// Input without an offset is meant in the field's time zone, UTC unless [`default_timezone`] says otherwise; answers
/// are in that zone. Everything is stored in UTC. A stored date and time without a zone is taken for UTC, as Django
/// stores it.
///
/// [`default_timezone`]: DateTimeField::default_timezone
///
/// ```
/// use bowline::fields::{DateTimeField, Field};
/// use bowline::value::Value;
/// let field = Field::new("at", DateTimeField::new());
/// assert!(field.run_validation(Some(&Value::Str("2024-01-02T03:04:05+02:00".into())), &FieldContext::new(&Context::default())).is_ok());
/// assert!(field.run_validation(Some(&Value::Str("02/01/2024".into())), &FieldContext::new(&Context::default())).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct DateTimeField {
    zone: FixedOffset,
}

impl Default for DateTimeField {
    fn default() -> Self {
        DateTimeField::new()
    }
}

impl DateTimeField {
    /// A point in time, shown in UTC.
    pub fn new() -> Self {
        DateTimeField { zone: Utc.fix() }
    }

    /// The zone of input that names none, and of answers.
    pub fn default_timezone(mut self, zone: FixedOffset) -> Self {
        self.zone = zone;
        self
    }

    fn local(&self, utc: NaiveDateTime) -> Option<NaiveDateTime> {
        utc.checked_add_offset(self.zone).filter(|local| iso::in_range(*local))
    }

    /// The point in time, where it can be stored and shown.
    fn utc(&self, written: iso::Written) -> Option<DateTime<Utc>> {
        let own = || TimeDelta::seconds(self.zone.local_minus_utc().into());
        let utc = written.local.checked_sub_signed(written.offset.unwrap_or_else(own))?;
        self.local(utc).filter(|_| iso::in_range(utc)).map(|_| utc.and_utc())
    }
}

impl FieldType for DateTimeField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let Value::Str(text) = input else {
            return Err(wrong_datetime(cx));
        };
        let written = iso::parse_datetime(text).ok_or_else(|| wrong_datetime(cx))?;
        match self.utc(written) {
            Some(at) => Ok(Value::DateTime(at.with_timezone(&self.zone))),
            None => Err(cx.error("overflow", "Datetime value out of range.", &[])),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let utc = match cell {
            Cell::Timestamp(at) => at.naive_utc(),
            Cell::DateTime(at) => at,
            Cell::Text(text) => {
                let written = iso::parse_datetime(text).ok_or(Unrepresentable)?;
                let offset = written.offset.unwrap_or_default();
                written.local.checked_sub_signed(offset).ok_or(Unrepresentable)?
            }
            _ => return Err(Unrepresentable),
        };
        let local = self.local(utc).ok_or(Unrepresentable)?;
        out.push(b'"');
        iso::write_date(local.date(), out);
        out.push(b'T');
        iso::write_time(local.time(), out);
        iso::write_offset(self.zone.local_minus_utc(), out);
        out.push(b'"');
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "datetime"
    }
}

fn wrong_datetime(cx: &FieldContext<'_>) -> ValidationError {
    let default = "Datetime has wrong format. Use one of these formats instead: {format}.";
    cx.error("invalid", default, &[("format", "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]")])
}

/// A day, in ISO 8601.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Date has wrong format. Use one of these formats instead: {format}.` |
///
/// ```
/// use bowline::fields::{DateField, Field};
/// use bowline::value::Value;
/// let field = Field::new("day", DateField::new());
/// assert!(field.run_validation(Some(&Value::Str("2024-02-29".into())), &FieldContext::new(&Context::default())).is_ok());
/// assert!(field.run_validation(Some(&Value::Str("2023-02-29".into())), &FieldContext::new(&Context::default())).is_err());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DateField;

impl DateField {
    /// A day.
    pub fn new() -> Self {
        DateField
    }
}

impl FieldType for DateField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let date = match input {
            Value::Str(text) => iso::parse_date(text),
            _ => None,
        };
        match date {
            Some(date) => Ok(Value::Date(date)),
            None => {
                let default = "Date has wrong format. Use one of these formats instead: {format}.";
                Err(cx.error("invalid", default, &[("format", "YYYY-MM-DD")]))
            }
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let date = match cell {
            Cell::Date(date) if iso::in_range(date) => date,
            Cell::Text(text) => iso::parse_date(text).ok_or(Unrepresentable)?,
            _ => return Err(Unrepresentable),
        };
        out.push(b'"');
        iso::write_date(date, out);
        out.push(b'"');
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "date"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use chrono::NaiveDate;

    use super::super::testing::{error, set, shown};
    use super::*;

    const WRONG: &str = "invalid: Datetime has wrong format. Use one of these formats instead: \
                         YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";

    fn india() -> DateTimeField {
        DateTimeField::new().default_timezone(FixedOffset::east_opt(19800).unwrap())
    }

    /// Reads an input and shows what was read.
    fn there_and_back(field: &DateTimeField, input: &str) -> String {
        match set(field, &format!("\"{input}\"")) {
            Value::DateTime(at) => shown(field, Cell::Timestamp(at.to_utc())).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn datetimes() {
        let field = DateTimeField::new();
        for (input, output) in [
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05.1", "2024-01-02T03:04:05.100000Z"),
            ("2024-01-02T03:04:05.000001Z", "2024-01-02T03:04:05.000001Z"),
            ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z"),
            ("2024-01-02T03:04:05-0530", "2024-01-02T08:34:05Z"),
            ("2024-01-02", "2024-01-02T00:00:00Z"),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(there_and_back(&field, input), format!("\"{output}\""), "{input}");
        }
        for json in [r#""x""#, r#""""#, r#""2024-02-30T00:00:00Z""#, r#""\ud800""#, "1704164645", "true", "[]", "{}"] {
            assert_eq!(error(&field, json), [WRONG], "{json}");
        }
    }

    #[test]
    fn datetimes_out_of_range() {
        let overflow = ["overflow: Datetime value out of range."];
        for json in [r#""0001-01-01T00:00:00+05:00""#, r#""9999-12-31T23:59:59-05:00""#] {
            assert_eq!(error(&DateTimeField::new(), json), overflow, "{json}");
        }
        for json in [r#""0001-01-01T00:00:00""#, r#""9999-12-31T23:59:59Z""#] {
            assert_eq!(error(&india(), json), overflow, "{json}");
        }
    }

    #[test]
    fn zones() {
        assert_eq!(there_and_back(&india(), "2024-07-01T12:00:00"), r#""2024-07-01T12:00:00+05:30""#);
        assert_eq!(there_and_back(&india(), "2024-07-01T12:00:00Z"), r#""2024-07-01T17:30:00+05:30""#);
        let west = DateTimeField::new().default_timezone(FixedOffset::west_opt(3600).unwrap());
        assert_eq!(there_and_back(&west, "2024-07-01T12:00:00Z"), r#""2024-07-01T11:00:00-01:00""#);
    }

    #[test]
    fn datetime_cells() {
        let field = DateTimeField::new();
        let at = NaiveDate::from_ymd_opt(2024, 5, 6).unwrap().and_hms_nano_opt(7, 8, 9, 123_456_789).unwrap();
        let json = r#""2024-05-06T07:08:09.123456Z""#;
        assert_eq!(shown(&field, Cell::Timestamp(at.and_utc())).unwrap(), json);
        assert_eq!(shown(&field, Cell::DateTime(at)).unwrap(), json);
        assert_eq!(shown(&field, Cell::Text("2024-05-06 07:08:09.123456")).unwrap(), json);
        assert_eq!(shown(&field, Cell::Text("2024-05-06 09:08:09.123456+02:00")).unwrap(), json);
        assert_eq!(shown(&field, Cell::Text("2024-05-06 07:08:09")).unwrap(), r#""2024-05-06T07:08:09Z""#);
        for cell in [
            Cell::Text("yesterday"),
            Cell::Int(1),
            Cell::Timestamp(DateTime::<Utc>::MAX_UTC),
            Cell::DateTime(NaiveDateTime::MIN),
        ] {
            assert!(shown(&field, cell).is_err(), "{cell:?}");
        }
        assert!(shown(&india(), Cell::DateTime(NaiveDateTime::MAX)).is_err());
    }

    #[test]
    fn dates() {
        let field = DateField::new();
        for json in [r#""2024-01-02""#, r#""2024-1-2""#, r#""20240102""#, r#""2024-W01-2""#] {
            let day = NaiveDate::from_ymd_opt(2024, 1, 2);
            assert_eq!(set(&field, json), day.map_or(Value::Null, Value::Date), "{json}");
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
        for cell in [Cell::Text("2024-05-06 07:08:09"), Cell::Date(NaiveDate::MAX), Cell::DateTime(NaiveDateTime::MIN)]
        {
            assert!(shown(&field, cell).is_err(), "{cell:?}");
        }
    }
}
