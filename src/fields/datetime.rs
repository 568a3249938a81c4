//! Points in time.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset, NaiveDateTime};

use super::formats::{InputFormats, OutputFormat};
use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::iso::Written;
use crate::value::strftime::{Moment, strftime};
use crate::value::{TimeZone, Value, iso, write};

/// What messages call ISO 8601.
const ISO: &str = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]";

/// A point in time, in ISO 8601 or by patterns of `strftime`.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Datetime has wrong format. Use one of these formats instead: {format}.` |
/// | `date` | `Expected a datetime but got a date.` |
/// | `overflow` | `Datetime value out of range.` (outside the years 1 to 9999) |
///
/// Input without an offset is meant in the field's time zone, UTC unless [`default_timezone`] says otherwise; answers
/// are in that zone. Where the zone's clocks show a time twice the first is meant, and a time that they skip keeps the
/// offset from before. Everything is stored in UTC. A stored date and time without a zone is taken for UTC, as Django
/// stores it.
///
/// [`default_timezone`]: DateTimeField::default_timezone
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{DateTimeField, Field, FieldContext};
/// use bowline::value::{TimeZone, Value};
/// let field = Field::new("at", DateTimeField::new());
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// assert!(field.run_validation(Some(&Value::Str("2024-01-02T03:04:05+02:00".into())), &cx).is_ok());
/// assert!(field.run_validation(Some(&Value::Str("02/01/2024".into())), &cx).is_err());
///
/// let berlin = TimeZone::named("Europe/Berlin").unwrap();
/// let local = DateTimeField::new().input_formats(["%d/%m/%Y %H:%M"]).default_timezone(berlin);
/// assert!(Field::new("at", local).run_validation(Some(&Value::Str("02/01/2024 9:30".into())), &cx).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct DateTimeField {
    zone: TimeZone,
    format: OutputFormat,
    input_formats: InputFormats,
}

impl Default for DateTimeField {
    fn default() -> Self {
        DateTimeField::new()
    }
}

impl DateTimeField {
    /// A point in time, shown in UTC.
    pub fn new() -> Self {
        DateTimeField { zone: TimeZone::UTC, format: OutputFormat::Iso, input_formats: InputFormats::iso(ISO) }
    }

    /// The zone of input that names none, and of answers.
    pub fn default_timezone(mut self, zone: impl Into<TimeZone>) -> Self {
        self.zone = zone.into();
        self
    }

    /// How answers show it: `iso-8601`, or a pattern of `strftime`.
    pub fn format(mut self, format: &str) -> Self {
        self.format = format.into();
        self
    }

    /// Shows it in ISO 8601, in the zone that it has by itself (DRF's `format=None`).
    pub fn without_format(mut self) -> Self {
        self.format = OutputFormat::Raw;
        self
    }

    /// The formats that are read, tried in this order: `iso-8601`, or patterns of `strptime`.
    pub fn input_formats<F: AsRef<str>>(mut self, formats: impl IntoIterator<Item = F>) -> Self {
        self.input_formats = InputFormats::new(formats, ISO);
        self
    }

    /// DRF's `enforce_timezone`; none where it is out of range.
    fn enforce(&self, written: Written) -> Option<Value> {
        let Some(offset) = written.offset else {
            return match self.zone {
                TimeZone::Naive => Some(Value::NaiveDateTime(written.local)),
                zone => zone.localize(written.local).map(Value::DateTime),
            };
        };
        let utc = written.local.checked_sub_signed(offset).filter(|utc| iso::in_range(*utc))?;
        match self.zone {
            TimeZone::Naive => Some(Value::NaiveDateTime(utc)),
            zone => zone.at(utc).map(Value::DateTime),
        }
    }

    /// An attribute in the field's zone.
    fn zoned(&self, at: DateTime<FixedOffset>) -> Option<DateTime<FixedOffset>> {
        // a time that the zone's clocks skip stays as it was read
        let is_own = self.zone.offset_of(at.naive_local()) == *at.offset();
        if is_own { Some(at) } else { self.zone.at(at.naive_utc()) }
    }

    fn write(&self, local: NaiveDateTime, offset: Option<FixedOffset>, out: &mut Vec<u8>) {
        let seconds = offset.map(|o| o.local_minus_utc());
        if let OutputFormat::Pattern(pattern) = &self.format {
            let zone = match offset {
                Some(offset) => self.zone.abbreviation(local, offset),
                None => Cow::Borrowed(""),
            };
            let moment = Moment { local, offset: seconds, zone: &zone };
            return write::string(&strftime(pattern, moment), out);
        }
        out.push(b'"');
        iso::write_date(local.date(), out);
        out.push(b'T');
        iso::write_time(local.time(), out);
        if let Some(seconds) = seconds {
            iso::write_offset(seconds, out);
        }
        out.push(b'"');
    }
}

impl FieldType for DateTimeField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let written = match input {
            Value::Str(text) => self.input_formats.read_datetime(text, iso::parse_datetime),
            // Python lets anything stand between date and time
            Value::Surrogates(_, text) => self.input_formats.read(text, iso::parse_datetime, |written| written),
            Value::DateTime(at) => Some(Written {
                local: at.naive_local(),
                offset: Some(chrono::TimeDelta::seconds(at.offset().local_minus_utc().into())),
            }),
            Value::NaiveDateTime(at) => Some(Written { local: *at, offset: None }),
            Value::Date(_) => return Err(cx.error("date", "Expected a datetime but got a date.", &[])),
            _ => None,
        };
        let Some(written) = written else {
            let default = "Datetime has wrong format. Use one of these formats instead: {format}.";
            return Err(cx.error("invalid", default, &[("format", self.input_formats.humanized())]));
        };
        self.enforce(written).ok_or_else(|| cx.error("overflow", "Datetime value out of range.", &[]))
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let is_raw = self.format == OutputFormat::Raw;
        let own = match cell {
            Cell::Timestamp(at) => at.fixed_offset(),
            Cell::Zoned(at) => at,
            Cell::DateTime(at) if self.zone == TimeZone::Naive => {
                self.write(at, None, out);
                return Ok(());
            }
            Cell::DateTime(at) => at.and_utc().fixed_offset(),
            Cell::Text("") => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Cell::Text(text) => match iso::parse_datetime(text) {
                Some(Written { local, offset: None }) if self.zone == TimeZone::Naive => {
                    self.write(local, None, out);
                    return Ok(());
                }
                Some(Written { local, offset }) => {
                    let utc = local.checked_sub_signed(offset.unwrap_or_default()).ok_or(Unrepresentable)?;
                    utc.and_utc().fixed_offset()
                }
                // DRF shows any other text as it is
                None => {
                    write::string(text, out);
                    return Ok(());
                }
            },
            _ => return Err(Unrepresentable),
        };
        if self.zone == TimeZone::Naive && !is_raw {
            let utc = own.naive_utc();
            if iso::in_range(utc) {
                self.write(utc, None, out);
            } else {
                write::string(&own.to_rfc3339(), out);
            }
            return Ok(());
        }
        let shown = if is_raw { Some(own) } else { self.zoned(own) };
        match shown.filter(|at| iso::in_range(at.naive_local())) {
            Some(shown) => self.write(shown.naive_local(), Some(*shown.offset()), out),
            // no point in time of Python's: as ISO 8601 has it
            None => write::string(&own.to_rfc3339(), out),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "datetime"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use chrono::{NaiveDate, Utc};

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
            Value::DateTime(at) => shown(field, Cell::Zoned(at)).unwrap(),
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
        assert_eq!(shown(&field, Cell::Text("yesterday")).unwrap(), r#""yesterday""#);
        assert!(shown(&field, Cell::Int(1)).is_err());
        let first = r#""-262143-01-01T00:00:00+00:00""#;
        assert_eq!(shown(&field, Cell::DateTime(NaiveDateTime::MIN)).unwrap(), first);
        assert!(shown(&field, Cell::Timestamp(DateTime::<Utc>::MAX_UTC)).unwrap().starts_with(r#""+262142-12-31T23"#));
        let last = r#""+262142-12-31T23:59:59.999999999+00:00""#;
        assert_eq!(shown(&india(), Cell::DateTime(NaiveDateTime::MAX)).unwrap(), last);
    }

    #[test]
    fn zones_with_summer_time() {
        let field = DateTimeField::new().default_timezone(TimeZone::named("America/New_York").unwrap());
        for (input, output) in [
            ("2024-07-01T12:00:00", "2024-07-01T12:00:00-04:00"),
            ("2024-07-01T12:00:00Z", "2024-07-01T08:00:00-04:00"),
            ("2024-03-10T02:30:00", "2024-03-10T02:30:00-05:00"),
            ("2024-11-03T01:30:00", "2024-11-03T01:30:00-04:00"),
            ("2024-11-03T06:30:00Z", "2024-11-03T01:30:00-05:00"),
            ("1800-01-01T00:00:00", "1800-01-01T00:00:00-04:56:02"),
        ] {
            assert_eq!(there_and_back(&field, input), format!("\"{output}\""), "{input}");
        }
        let shown = shown(&field.format("%H:%M %Z%z"), Cell::Text("2024-07-01 12:00:00")).unwrap();
        assert_eq!(shown, r#""08:00 EDT-0400""#);
    }

    #[test]
    fn formats() {
        let field = DateTimeField::new().format("%d/%m/%Y %H:%M").input_formats(["%d/%m/%Y %H:%M", "iso-8601"]);
        for input in ["2/1/2024 3:04", "2024-01-02T03:04:05"] {
            assert_eq!(there_and_back(&field, input), r#""02/01/2024 03:04""#, "{input}");
        }
        let message = "invalid: Datetime has wrong format. Use one of these formats instead: DD/MM/YYYY hh:mm, \
                       YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
        assert_eq!(error(&field, r#""2 Jan""#), [message]);
        let raw = india().without_format();
        assert_eq!(shown(&raw, Cell::Text("2024-01-02 03:04:05")).unwrap(), r#""2024-01-02T03:04:05Z""#);
    }

    #[test]
    fn naive() {
        let field = DateTimeField::new().default_timezone(TimeZone::Naive);
        let at = NaiveDate::from_ymd_opt(2024, 1, 2).unwrap().and_hms_opt(3, 4, 5).unwrap();
        for json in [r#""2024-01-02T03:04:05""#, r#""2024-01-02T05:04:05+02:00""#] {
            assert_eq!(set(&field, json), Value::NaiveDateTime(at), "{json}");
        }
        for cell in [Cell::DateTime(at), Cell::Timestamp(at.and_utc()), Cell::Text("2024-01-02 03:04:05")] {
            assert_eq!(shown(&field, cell).unwrap(), r#""2024-01-02T03:04:05""#, "{cell:?}");
        }
    }

    #[test]
    fn values_of_other_types() {
        let field = super::super::Field::new("at", india());
        let request = Context::default();
        let cx = FieldContext::new(&request);
        let day = NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
        let errors = field.run_validation(Some(&Value::Date(day)), &cx).unwrap_err();
        assert_eq!(errors, ValidationError::new("Expected a datetime but got a date.", "date"));
        let at = Value::NaiveDateTime(day.and_hms_opt(3, 4, 5).unwrap());
        assert!(field.run_validation(Some(&at), &cx).is_ok());
    }
}
