#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use ColumnKind as Kind;

fn numeric(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
    let head = [u16::try_from(groups.len()).unwrap(), weight.cast_unsigned(), sign, scale];
    head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect()
}

fn decimal(text: &str) -> DbValue {
    DbValue::Decimal(Some(text.parse().unwrap()))
}

#[test]
fn the_same_value_from_both_databases() {
    let uuid = Uuid::from_u128(7);
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let time = NaiveTime::from_hms_micro_opt(12, 0, 5, 1200).unwrap();
    let at = day.and_time(time).and_utc();
    let price = numeric(0, 0, 2, &[12, 5000]);
    let price = Cell::Numeric(Numeric::read(&price).unwrap());
    let address = Cell::Inet(Inet::read(&[2, 32, 0, 4, 10, 0, 0, 1]).unwrap());
    let span = TimeDelta::microseconds(-90_061_000_001);
    let cases = [
        (Kind::Boolean, Cell::Bool(true), Cell::Int(1), DbValue::Bool(Some(true))),
        (Kind::SmallInteger, Cell::Int(3), Cell::Int(3), DbValue::BigInt(Some(3))),
        (Kind::Float, Cell::Float(2.0), Cell::Int(2), DbValue::Double(Some(2.0))),
        (Kind::Text, Cell::Text("x"), Cell::Text("x"), DbValue::String(Some("x".into()))),
        (Kind::Json, Cell::Json("[1]"), Cell::Text("[1]"), DbValue::String(Some("[1]".into()))),
        (Kind::Uuid, Cell::Uuid(uuid), Cell::Text("00000000000000000000000000000007"), uuid.into()),
        (Kind::Uuid, Cell::Uuid(uuid), Cell::Bytes(uuid.as_bytes()), uuid.into()),
        (Kind::DateTime(true), Cell::Timestamp(at), Cell::Text("2024-02-29 12:00:05.001200"), at.into()),
        (Kind::Date, Cell::Date(day), Cell::Text("2024-02-29"), day.into()),
        (Kind::Time, Cell::Time(time), Cell::Text("12:00:05.001200"), time.into()),
        (Kind::Decimal(Some((7, 2))), price, Cell::Float(12.5), decimal("12.50")),
        (Kind::Decimal(Some((7, 2))), price, Cell::Text("12.5"), decimal("12.50")),
        (Kind::Duration, Cell::Duration(span), Cell::Int(-90_061_000_001), DbValue::BigInt(Some(-90_061_000_001))),
        (Kind::Inet, address, Cell::Text("10.0.0.1"), DbValue::String(Some("10.0.0.1".into()))),
        (Kind::Binary, Cell::Bytes(&[1]), Cell::Bytes(&[1]), DbValue::Bytes(Some(vec![1]))),
    ];
    for (kind, postgres, sqlite, expected) in cases {
        let as_text = |value: &DbValue| match value {
            // rust_decimal's equality does not see the scale
            DbValue::Decimal(Some(decimal)) => decimal.to_string(),
            value => format!("{value:?}"),
        };
        for cell in [postgres, sqlite] {
            assert_eq!(as_text(&cell.to_value(kind)), as_text(&expected), "{cell:?} as {kind:?}");
        }
    }
}

#[test]
fn decimals_of_sqlite_are_rounded_as_django_does() {
    let shown = |cell: Cell<'_>, places| stored_decimal(cell, places).unwrap().to_string();
    assert_eq!(shown(Cell::Float(0.1 + 0.2), None), "0.3");
    assert_eq!(shown(Cell::Float(1234567.891), Some(2)), "1234567.89");
    assert_eq!(shown(Cell::Float(2.675), Some(2)), "2.68");
    // a half goes to the even digit
    assert_eq!(shown(Cell::Float(0.125), Some(2)), "0.12");
    assert_eq!(shown(Cell::Int(3), Some(3)), "3.000");
    assert_eq!(shown(Cell::Float(1e15), Some(1)), "1000000000000000.0");
    assert_eq!(shown(Cell::Text("1e2"), None), "100");
    assert!(stored_decimal(Cell::Float(1e300), Some(2)).is_none());
    assert!(stored_decimal(Cell::Text("x"), Some(2)).is_none());
    assert_eq!(Cell::Text("x").to_value(Kind::Decimal(None)), DbValue::String(Some("x".into())));
}

#[test]
fn a_numeric_is_what_its_column_wants() {
    let raw = numeric(0, 0, 0, &[42]);
    let number = Cell::Numeric(Numeric::read(&raw).unwrap());
    assert_eq!(number.to_value(Kind::BigInteger), DbValue::BigInt(Some(42)));
    assert_eq!(number.to_value(Kind::Float), DbValue::Double(Some(42.0)));
    assert_eq!(number.to_value(Kind::Text), DbValue::String(Some("42".into())));
    assert_eq!(number.to_value(Kind::Other), decimal("42"));
    let raw = numeric(9, 0, 0, &[1]);
    let long = Cell::Numeric(Numeric::read(&raw).unwrap());
    let text = format!("1{}", "0".repeat(36));
    assert_eq!(long.to_value(Kind::Decimal(None)), DbValue::String(Some(text.clone())));
    assert_eq!(long.to_plain_attribute(), Value::Decimal(text.parse().unwrap()));
    let raw = numeric(0, 0xC000, 0, &[]);
    let nan = Cell::Numeric(Numeric::read(&raw).unwrap());
    assert_eq!(nan.to_value(Kind::Decimal(None)), DbValue::String(Some("NaN".into())));
    assert_eq!(nan.to_plain_attribute(), Value::Str("NaN".into()));
}
