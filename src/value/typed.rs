//! Database values of a wanted Rust type.

use sea_orm::sea_query::ValueType;

use super::DbValue;

/// The value as `T`, through the variants that hold the same thing: an `i32` is got from a 64 bit integer that fits,
/// a date-time with an offset from one in UTC.
///
/// ```
/// use bowline::value::{DbValue, typed};
/// assert_eq!(typed::get::<i32>(&DbValue::BigInt(Some(7))), Some(7));
/// assert_eq!(typed::get::<Option<i32>>(&DbValue::String(None)), Some(None));
/// assert_eq!(typed::get::<i32>(&DbValue::String(Some("7".into()))), None);
/// ```
pub fn get<T: ValueType>(value: &DbValue) -> Option<T> {
    if let Ok(found) = T::try_from(value.clone()) {
        return Some(found);
    }
    if value.is_some() {
        return variants(value).into_iter().find_map(|v| T::try_from(v).ok());
    }
    // only an `Option` takes a NULL, and that of its own type alone
    if !T::is_option() {
        return None;
    }
    nulls().into_iter().chain([DbValue::Array(T::array_type(), None)]).find_map(|null| T::try_from(null).ok())
}

/// NULL, in the variants that types of fields take.
fn nulls() -> [DbValue; 22] {
    [
        DbValue::String(None),
        DbValue::BigInt(None),
        DbValue::Int(None),
        DbValue::SmallInt(None),
        DbValue::TinyInt(None),
        DbValue::BigUnsigned(None),
        DbValue::Unsigned(None),
        DbValue::SmallUnsigned(None),
        DbValue::TinyUnsigned(None),
        DbValue::Bool(None),
        DbValue::Double(None),
        DbValue::Float(None),
        DbValue::Char(None),
        DbValue::Bytes(None),
        DbValue::Json(None),
        DbValue::Uuid(None),
        DbValue::Decimal(None),
        DbValue::ChronoDate(None),
        DbValue::ChronoTime(None),
        DbValue::ChronoDateTime(None),
        DbValue::ChronoDateTimeUtc(None),
        DbValue::ChronoDateTimeWithTimeZone(None),
    ]
}

/// The same value in other variants.
fn variants(value: &DbValue) -> Vec<DbValue> {
    match value {
        DbValue::SmallInt(Some(i)) => integers(i64::from(*i)),
        DbValue::Int(Some(i)) => integers(i64::from(*i)),
        DbValue::BigInt(Some(i)) => integers(*i),
        DbValue::Double(Some(f)) => vec![DbValue::Float(Some(*f as f32))],
        DbValue::Float(Some(f)) => vec![DbValue::Double(Some(f64::from(*f)))],
        DbValue::ChronoDateTimeUtc(Some(at)) => {
            vec![
                DbValue::ChronoDateTimeWithTimeZone(Some(at.fixed_offset())),
                DbValue::ChronoDateTime(Some(at.naive_utc())),
            ]
        }
        DbValue::ChronoDateTimeWithTimeZone(Some(at)) => {
            vec![DbValue::ChronoDateTimeUtc(Some(at.to_utc())), DbValue::ChronoDateTime(Some(at.naive_utc()))]
        }
        DbValue::ChronoDateTime(Some(at)) => vec![
            DbValue::ChronoDateTimeUtc(Some(at.and_utc())),
            DbValue::ChronoDateTimeWithTimeZone(Some(at.and_utc().fixed_offset())),
        ],
        DbValue::String(Some(text)) => {
            serde_json::from_str(text).map(|json| vec![DbValue::Json(Some(Box::new(json)))]).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn integers(i: i64) -> Vec<DbValue> {
    let mut all = vec![DbValue::BigInt(Some(i))];
    if let Ok(small) = <i32 as TryFrom<i64>>::try_from(i) {
        all.push(DbValue::Int(Some(small)));
    }
    if let Ok(small) = <i16 as TryFrom<i64>>::try_from(i) {
        all.push(DbValue::SmallInt(Some(small)));
    }
    if let Ok(unsigned) = <u64 as TryFrom<i64>>::try_from(i) {
        all.push(DbValue::BigUnsigned(Some(unsigned)));
    }
    if let Ok(unsigned) = <u32 as TryFrom<i64>>::try_from(i) {
        all.push(DbValue::Unsigned(Some(unsigned)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_in_another_variant() {
        assert_eq!(get::<i64>(&DbValue::Int(Some(3))), Some(3));
        assert_eq!(get::<i16>(&DbValue::BigInt(Some(1 << 20))), None);
        assert_eq!(get::<serde_json::Value>(&DbValue::String(Some("{}".into()))), Some(serde_json::json!({})));
        assert_eq!(get::<i64>(&DbValue::String(None)), None);
        assert_eq!(get::<Option<chrono::DateTime<chrono::FixedOffset>>>(&DbValue::String(None)), Some(None));
        assert_eq!(get::<Option<i64>>(&DbValue::String(Some("7".into()))), None);
        assert_eq!(get::<Option<Vec<i64>>>(&DbValue::String(None)), Some(None));
        let at = chrono::DateTime::UNIX_EPOCH;
        assert_eq!(
            get::<chrono::DateTime<chrono::FixedOffset>>(&DbValue::ChronoDateTimeUtc(Some(at))),
            Some(at.into())
        );
    }
}
