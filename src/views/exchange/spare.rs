//! Values that a row may have for a moment, between two statements of one transaction.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta};
use sea_orm::prelude::Decimal;

use crate::error::{Error, Result};
use crate::model::{ColumnKind, ColumnMeta};
use crate::value::DbValue;

/// How many values of one kind are tried: a CHECK may refuse some, another row have others.
const TRIES: usize = 3;

/// Values for a column that no other row is likely to have, those first that are least likely to be refused.
///
/// Text keeps the form of the text that it stands for (a digit for a digit, a capital for a capital), so that it passes most
/// rules about form. NULL, where the column takes it, says best that the row has let go; `null` tells whether it frees.
pub(super) fn values(column: &ColumnMeta, stored: &DbValue, null: bool) -> Result<Vec<DbValue>> {
    let mut values = Vec::new();
    if null && column.null {
        values.push(DbValue::String(None));
    }
    for _ in 0..TRIES {
        values.extend(random(column, stored)?);
    }
    Ok(values)
}

/// Values that SQLite takes into a column of whatever type, since it has none; a CHECK may refuse them.
pub(super) fn loose() -> Result<Vec<DbValue>> {
    let dice = Dice::roll()?;
    let number = i64::try_from(dice.bits >> 2).unwrap_or(i64::MAX);
    Ok(vec![DbValue::BigInt(Some(-2 - number)), DbValue::String(Some(format!("parked {:x}", dice.bits)))])
}

fn random(column: &ColumnMeta, stored: &DbValue) -> Result<Vec<DbValue>> {
    let dice = Dice::roll()?;
    let bits = dice.bits;
    let below = |n: u64| i64::try_from(bits % n.max(1)).unwrap_or(0);
    let integer = |i: i64| DbValue::BigInt(Some(i));
    Ok(match column.kind {
        ColumnKind::Boolean => vec![DbValue::Bool(Some(*stored != DbValue::Bool(Some(true))))],
        ColumnKind::SmallInteger => vec![integer(below(32_000)), integer(below(200)), integer(-1 - below(32_000))],
        ColumnKind::Integer => {
            vec![integer(below(2_000_000_000)), integer(below(1_000)), integer(-1 - below(2_000_000_000))]
        }
        ColumnKind::BigInteger => vec![integer(below(1 << 53)), integer(below(1_000)), integer(-1 - below(1 << 53))],
        ColumnKind::Float => vec![DbValue::Double(Some(bits as f64 / 1e9))],
        ColumnKind::Decimal(digits) => {
            let (all, places) = column.attributes.digits.or(digits).unwrap_or((15, 0));
            let most = 10_u64.saturating_pow(all.min(18));
            vec![DbValue::Decimal(Some(Decimal::new(below(most), places.min(28))))]
        }
        ColumnKind::Char(most) => text(stored, most, &dice),
        ColumnKind::Text => text(stored, None, &dice),
        ColumnKind::Uuid => vec![DbValue::Uuid(Some(uuid::Uuid::from_bytes(dice.bytes)))],
        ColumnKind::DateTime(true) => {
            let at = DateTime::UNIX_EPOCH + TimeDelta::microseconds(below(4_000_000_000_000_000));
            vec![DbValue::ChronoDateTimeUtc(Some(at))]
        }
        ColumnKind::DateTime(false) => {
            let at = DateTime::UNIX_EPOCH + TimeDelta::microseconds(below(4_000_000_000_000_000));
            vec![DbValue::ChronoDateTime(Some(at.naive_utc()))]
        }
        ColumnKind::Date => {
            let day =
                NaiveDate::from_ymd_opt(1900, 1, 1).and_then(|day| day.checked_add_days(Days::new(bits % 90_000)));
            vec![DbValue::ChronoDate(day)]
        }
        ColumnKind::Time => {
            let (time, _) = NaiveTime::MIN.overflowing_add_signed(TimeDelta::microseconds(below(86_400_000_000)));
            vec![DbValue::ChronoTime(Some(time))]
        }
        ColumnKind::Duration => vec![integer(below(1 << 50))],
        ColumnKind::Inet => {
            vec![DbValue::String(Some(format!("10.{}.{}.{}", bits as u8, (bits >> 8) as u8, (bits >> 16) as u8)))]
        }
        ColumnKind::Binary => vec![DbValue::Bytes(Some(dice.bytes.to_vec()))],
        ColumnKind::Json => vec![DbValue::String(Some(format!("\"{bits:x}\"")))],
        ColumnKind::Other => text(stored, None, &dice),
    })
}

/// Random bytes, also as a number.
struct Dice {
    bytes: [u8; 16],
    bits: u64,
}

impl Dice {
    fn roll() -> Result<Dice> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
        let [a, b, c, d, e, f, g, h, ..] = bytes;
        Ok(Dice { bytes, bits: u64::from_le_bytes([a, b, c, d, e, f, g, h]) })
    }

    /// A letter or digit at a place.
    fn at(&self, place: usize, alphabet: &[u8]) -> char {
        // a text may be longer than the bytes: then its places share them, differently each time round
        let byte = usize::from(self.bytes[place % 16]) + place / 16 * 7;
        char::from(alphabet[byte % alphabet.len()])
    }
}

fn text(stored: &DbValue, most: Option<u32>, dice: &Dice) -> Vec<DbValue> {
    const LONG: usize = 16;
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGITS: &[u8] = b"0123456789";
    let stored = match stored {
        DbValue::String(Some(text)) => text.as_str(),
        _ => "",
    };
    let alike = |(place, c): (usize, char)| match c {
        '0'..='9' => dice.at(place, DIGITS),
        'A'..='Z' => dice.at(place, CAPITALS),
        'a'..='z' => dice.at(place, LETTERS),
        c => c,
    };
    let most = most.map_or(LONG, |most| LONG.min(most as usize));
    let same = stored.chars().enumerate().map(alike).collect();
    // the form again and again: there are few texts of one letter
    let longer = stored.chars().cycle().take(most).enumerate().map(alike).collect();
    let whole: String = dice.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut values = vec![same, longer, whole.chars().take(most).collect()];
    values.retain(|value: &String| value != stored && !value.is_empty());
    values.into_iter().map(|value| DbValue::String(Some(value))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::entity::ModelSource;

    #[test]
    fn every_kind_has_some() {
        let mut column = ModelSource::of::<crate::doc::booking::Entity>().meta.columns.swap_remove(0);
        for kind in [
            ColumnKind::Boolean,
            ColumnKind::SmallInteger,
            ColumnKind::Integer,
            ColumnKind::BigInteger,
            ColumnKind::Float,
            ColumnKind::Decimal(Some((5, 2))),
            ColumnKind::Char(Some(3)),
            ColumnKind::Text,
            ColumnKind::Uuid,
            ColumnKind::DateTime(true),
            ColumnKind::DateTime(false),
            ColumnKind::Date,
            ColumnKind::Time,
            ColumnKind::Duration,
            ColumnKind::Inet,
            ColumnKind::Binary,
            ColumnKind::Json,
        ] {
            column.kind = kind;
            let found = values(&column, &DbValue::String(Some("AB-12 x".into())), false).unwrap();
            assert!(found.len() >= TRIES && found.iter().all(|value| *value != DbValue::String(None)), "{kind:?}");
        }
        column.kind = ColumnKind::Char(Some(7));
        let DbValue::String(Some(alike)) =
            &values(&column, &DbValue::String(Some("AB-12 x".into())), false).unwrap()[0]
        else {
            unreachable!()
        };
        let form = |c: char| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_ascii_uppercase() {
                'A'
            } else {
                c
            }
        };
        assert!(alike.chars().map(form).collect::<String>().starts_with("AA-00 "), "{alike}");
        column.null = true;
        assert_eq!(values(&column, &DbValue::String(None), true).unwrap()[0], DbValue::String(None));
    }
}
