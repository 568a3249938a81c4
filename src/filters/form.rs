//! What a parameter's text has to be: Django's form fields, and the messages of theirs.

use std::borrow::Cow;

use chrono::NaiveDateTime;

use crate::error::ErrorDetail;
use crate::value::strptime::Pattern;
use crate::value::{Decimal, Value, duration, iso, python};

/// The longest text that a filter takes: patterns of LIKE have a limit.
pub(crate) const LONGEST_TEXT: usize = 10_000;

/// Django's `DATE_INPUT_FORMATS` for English.
const DATES: [&str; 11] = [
    "%Y-%m-%d",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%d %b, %Y",
    "%B %d %Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%d %B, %Y",
];

/// Django's `DATETIME_INPUT_FORMATS` for English; the days alone come after them.
const DATETIMES: [&str; 9] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S.%f",
    "%m/%d/%Y %H:%M",
    "%m/%d/%y %H:%M:%S",
    "%m/%d/%y %H:%M:%S.%f",
    "%m/%d/%y %H:%M",
];

/// Django's `TIME_INPUT_FORMATS` for English.
const TIMES: [&str; 3] = ["%H:%M:%S", "%H:%M:%S.%f", "%H:%M"];

/// A choice by its value, with its name for people.
pub(crate) type Choices = Vec<(String, String)>;

/// What one text is read as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// `CharField`
    Text,
    /// `DecimalField`, up to the limit of `NumberFilter` or without one.
    Number { limited: bool },
    /// `NullBooleanField`, by the widget of DRF's own filters (`true`, `1`) or by Django's (`true`, `2`).
    Boolean { lenient: bool },
    /// `ChoiceField`, and the value that stands for NULL where there is one.
    Choice(Choices, Option<String>),
    /// `DateField`
    Date,
    /// `DateTimeField`, by ISO 8601 alone or by Django's formats too.
    DateTime { iso: bool },
    /// `TimeField`
    Time,
    /// `DurationField`
    Duration,
    /// `UUIDField`
    Uuid,
}

pub(crate) fn required() -> ErrorDetail {
    ErrorDetail::new("This field is required.", "required")
}

pub(crate) fn invalid_choice(value: &str) -> ErrorDetail {
    let text = format!("Select a valid choice. {value} is not one of the available choices.");
    ErrorDetail::new(text, "invalid_choice")
}

fn invalid(message: &'static str) -> ErrorDetail {
    ErrorDetail::new(message, "invalid")
}

impl Input {
    /// Reads a text; [`Value::Null`] or an empty text is none.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(&self, text: &str) -> Result<Value, ErrorDetail> {
        match self {
            Input::Text => read_text(text),
            Input::Boolean { lenient } => Ok(read_boolean(text, *lenient).map_or(Value::Null, Value::Bool)),
            _ if text.is_empty() => Ok(Value::Null),
            Input::Number { limited } => read_number(text, *limited),
            Input::Choice(choices, null) => {
                let known = choices.iter().any(|(value, _)| value == text) || null.as_deref() == Some(text);
                if known { Ok(text.into()) } else { Err(invalid_choice(text)) }
            }
            Input::Date => {
                let day = first_of(&DATES, python::strip(text)).map(|at| Value::Date(at.date()));
                day.ok_or_else(|| invalid("Enter a valid date."))
            }
            Input::DateTime { iso } => read_datetime(text, *iso).ok_or_else(|| invalid("Enter a valid date/time.")),
            Input::Time => {
                let time = first_of(&TIMES, python::strip(text)).map(|at| Value::Time(at.time()));
                time.ok_or_else(|| invalid("Enter a valid time."))
            }
            Input::Duration => match duration::parse(text) {
                Ok(Some(span)) => Ok(Value::Duration(span)),
                Ok(None) => Err(invalid("Enter a valid duration.")),
                Err(_) => {
                    let days = duration::MAX_DAYS;
                    let text = format!("The number of days must be between -{days} and {days}.");
                    Err(ErrorDetail::new(text, "overflow"))
                }
            },
            Input::Uuid => match python::strip(text) {
                "" => Ok(Value::Null),
                text => read_uuid(text).ok_or_else(|| invalid("Enter a valid UUID.")),
            },
        }
    }
}

/// Django's `CharField`: without white space around it.
pub(crate) fn read_text(text: &str) -> Result<Value, ErrorDetail> {
    let text = python::strip(text);
    if text.contains('\0') {
        return Err(null_characters());
    }
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        return Err(too_long(length));
    }
    Ok(text.into())
}

pub(crate) fn null_characters() -> ErrorDetail {
    ErrorDetail::new("Null characters are not allowed.", "null_characters_not_allowed")
}

pub(crate) fn too_long(length: usize) -> ErrorDetail {
    let text = format!("Ensure this value has at most {LONGEST_TEXT} characters (it has {length}).");
    ErrorDetail::new(text, "max_length")
}

fn read_boolean(text: &str, lenient: bool) -> Option<bool> {
    if lenient {
        return match text.to_lowercase().as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
    }
    match text {
        "True" | "true" | "2" => Some(true),
        "False" | "false" | "3" => Some(false),
        _ => None,
    }
}

fn read_number(text: &str, limited: bool) -> Result<Value, ErrorDetail> {
    let number = python::parse_decimal(text).ok_or_else(|| invalid("Enter a number."))?;
    let most = Decimal::new(false, "1", 50);
    if limited && number > most {
        let text: Cow<'static, str> = "Ensure this value is less than or equal to 1e+50.".into();
        return Err(ErrorDetail::new(text, "max_value"));
    }
    Ok(Value::Decimal(number))
}

fn read_datetime(text: &str, only_iso: bool) -> Option<Value> {
    let text = python::strip(text);
    if let Some(written) = iso::parse_datetime(text) {
        let utc = written.local.checked_sub_signed(written.offset.unwrap_or_default())?;
        if !iso::in_range(utc) {
            return None;
        }
        return Some(Value::DateTime(utc.and_utc().fixed_offset()));
    }
    // `fromisoformat` wants two digits for a month and a day
    let padded = text.len() == 10 || text.matches('-').count() != 2;
    let day = iso::parse_date(text).filter(|_| padded).map(NaiveDateTime::from);
    let other = || first_of(&DATETIMES, text).or_else(|| first_of(&DATES, text));
    let found = if only_iso { day } else { day.or_else(other) };
    found.map(|at| Value::DateTime(at.and_utc().fixed_offset()))
}

fn first_of(formats: &[&str], text: &str) -> Option<NaiveDateTime> {
    formats.iter().find_map(|format| Pattern::new(format)?.parse(text)).map(|written| written.local)
}

/// `uuid.UUID(text)`
fn read_uuid(text: &str) -> Option<Value> {
    let bare: String = text.replace("urn:", "").replace("uuid:", "");
    let bare = bare.trim_matches(['{', '}']).replace('-', "");
    (bare.chars().count() == 32).then_some(())?;
    Some(Value::Uuid(uuid::Uuid::from_u128(python::parse_hex(&bare)?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(input: Input, text: &str) -> Result<String, String> {
        input.read(text).map(|v| v.to_python_str().into_owned()).map_err(|e| e.message.into_owned())
    }

    #[test]
    fn texts_are_read_as_django_reads_them() {
        let ok = |text: &str| Ok(text.to_owned());
        let wrong = |text: &str| Err(text.to_owned());
        assert_eq!(read(Input::Text, " a b "), ok("a b"));
        assert_eq!(read(Input::Text, "a\0"), wrong("Null characters are not allowed."));
        assert_eq!(read(Input::Number { limited: true }, " 7.50 "), ok("7.50"));
        for text in ["x", "NaN", "Infinity", "0x10", "1e"] {
            assert_eq!(read(Input::Number { limited: true }, text), wrong("Enter a number."), "{text}");
        }
        let most = wrong("Ensure this value is less than or equal to 1e+50.");
        assert_eq!(read(Input::Number { limited: true }, "1e400"), most);
        assert_eq!(read(Input::Number { limited: true }, "1.1e50"), most);
        assert_eq!(read(Input::Number { limited: true }, "1e50"), ok("1E+50"));
        for (text, lenient, django) in
            [("true", "True", "True"), ("1", "True", "None"), ("2", "None", "True"), ("x", "None", "None")]
        {
            assert_eq!(read(Input::Boolean { lenient: true }, text), ok(lenient));
            assert_eq!(read(Input::Boolean { lenient: false }, text), ok(django));
        }
        for text in ["2024-02-03", "02/03/2024", "2/3/24", "Feb 3 2024", "3 February, 2024", " 2024-2-3 "] {
            assert_eq!(read(Input::Date, text), ok("2024-02-03"), "{text}");
        }
        assert_eq!(read(Input::Date, "2024-02-30"), wrong("Enter a valid date."));
        assert_eq!(read(Input::Number { limited: false }, "1e60"), ok("1E+60"));
        let iso = Input::DateTime { iso: true };
        let forms = Input::DateTime { iso: false };
        assert_eq!(read(iso.clone(), "2024-01-01T15:00:00+05:00"), ok("2024-01-01 10:00:00+00:00"));
        assert_eq!(read(iso.clone(), "2024-01-01 15:00"), ok("2024-01-01 15:00:00+00:00"));
        for text in ["2024-2-3", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"] {
            assert_eq!(read(iso.clone(), text), wrong("Enter a valid date/time."), "{text}");
        }
        assert_eq!(read(iso, "01/02/2024 15:00"), wrong("Enter a valid date/time."));
        assert_eq!(read(forms.clone(), "01/02/2024 15:00"), ok("2024-01-02 15:00:00+00:00"));
        assert_eq!(read(forms, "Jan 2 2024"), ok("2024-01-02 00:00:00+00:00"));
        assert_eq!(read(Input::Time, "4:05"), ok("04:05:00"));
        assert_eq!(read(Input::Time, "25:00"), wrong("Enter a valid time."));
        assert_eq!(read(Input::Duration, "1 00:00:05"), ok("1 day, 0:00:05"));
        assert_eq!(read(Input::Uuid, "x"), wrong("Enter a valid UUID."));
        let key = "00000000-0000-4000-8000-000000000005";
        for text in [key, "{00000000-0000-4000-8000-000000000005}", "urn:uuid:00000000000040008000000000000005"] {
            assert_eq!(read(Input::Uuid, text), ok(key), "{text}");
        }
        let choice = Input::Choice(vec![("a".into(), "Alpha".into())], Some("null".into()));
        assert_eq!(read(choice.clone(), "a"), ok("a"));
        assert_eq!(read(choice.clone(), "null"), ok("null"));
        assert_eq!(read(choice, "z"), wrong("Select a valid choice. z is not one of the available choices."));
    }
}
