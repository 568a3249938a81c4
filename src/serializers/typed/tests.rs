#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::value;
use crate::value::{Decimal, Upload, json};

/// What a type's field makes of an input, as the type.
fn read<T: FieldValue>(limits: &Limits, input: Value) -> Result<T, String> {
    let field = Field::shared("f", T::field_type(limits)).allow_null(T::OPTIONAL);
    field.clean(&input).and_then(T::from_value).map_err(|error| error.to_json())
}

fn plain<T: FieldValue>(input: impl Into<Value>) -> Result<T, String> {
    read(&Limits::new(), input.into())
}

#[test]
fn simple_types() {
    assert_eq!(plain::<String>(" a ").unwrap(), "a");
    assert_eq!(plain::<String>(5).unwrap(), "5");
    assert!(plain::<bool>("yes").unwrap());
    assert!((plain::<f64>("1.5").unwrap() - 1.5).abs() < f64::EPSILON);
    assert_eq!(plain::<Uuid>(Uuid::nil().to_string()).unwrap(), Uuid::nil());
    assert_eq!(plain::<NaiveDate>("2024-02-29").unwrap().to_string(), "2024-02-29");
    assert_eq!(plain::<NaiveTime>("10:20").unwrap().to_string(), "10:20:00");
    assert_eq!(plain::<TimeDelta>("1 00:00:01").unwrap(), TimeDelta::seconds(86_401));
    assert_eq!(plain::<DateTime<Utc>>("2024-01-01T02:00:00+02:00").unwrap().to_rfc3339(), "2024-01-01T00:00:00+00:00");
    assert!(plain::<DateTime<FixedOffset>>("2024-01-01T02:00:00Z").is_ok());
    assert_eq!(plain::<NaiveDateTime>("2024-01-01T02:00:00").unwrap().to_string(), "2024-01-01 02:00:00");
    assert_eq!(plain::<Decimal>("1.50").unwrap().to_string(), "1.50");
    assert_eq!(plain::<sea_orm::prelude::Decimal>("1.50").unwrap().to_string(), "1.50");
    let long = format!("1.{}", "1".repeat(40));
    assert!(plain::<sea_orm::prelude::Decimal>(long).unwrap_err().contains("no more than 28 digits"));
    assert_eq!(plain::<serde_json::Value>(value!({"a": [1, null]})).unwrap(), serde_json::json!({"a": [1, null]}));
    assert_eq!(plain::<Option<i32>>(Value::Null).unwrap(), None);
    assert_eq!(plain::<Option<i32>>(3).unwrap(), Some(3));
    assert!(plain::<i32>(Value::Null).is_err());
    let file = Arc::new(Upload::new("a", None, "x"));
    assert_eq!(plain::<Arc<Upload>>(Value::File(Arc::clone(&file))).unwrap(), file);
}

#[test]
fn integers_keep_to_their_type() {
    assert_eq!(plain::<u8>(255), Ok(255));
    assert_eq!(plain::<u8>(256).unwrap_err(), r#"["Ensure this value is less than or equal to 255."]"#);
    assert_eq!(plain::<u64>(-1).unwrap_err(), r#"["Ensure this value is greater than or equal to 0."]"#);
    assert_eq!(plain::<i64>(i64::MIN), Ok(i64::MIN));
    let large = || json::parse_str("18446744073709551615").unwrap();
    assert_eq!(plain::<u64>(large()), Ok(u64::MAX));
    assert_eq!(
        plain::<i64>(large()).unwrap_err(),
        r#"["Ensure this value is less than or equal to 9223372036854775807."]"#
    );
    let huge = json::parse_str(&format!("-{}", "9".repeat(50))).unwrap();
    assert_eq!(
        plain::<i64>(huge).unwrap_err(),
        r#"["Ensure this value is greater than or equal to -9223372036854775808."]"#
    );
    let mut limits = Limits::new();
    limits.min_value::<i8>(0);
    limits.max_value::<i8>(5);
    assert_eq!(read::<i8>(&limits, Value::Int(6)).unwrap_err(), r#"["Ensure this value is less than or equal to 5."]"#);
    assert_eq!(read::<i8>(&limits, Value::Int(5)), Ok(5));
    assert!(plain::<f32>(1e300).unwrap_err().contains("less than or equal to 340282350000"));
}

#[test]
fn lists_and_dictionaries() {
    assert_eq!(plain::<Vec<i32>>(value!([1, "2"])), Ok(vec![1, 2]));
    assert_eq!(plain::<Vec<Option<i32>>>(value!([1, null])), Ok(vec![Some(1), None]));
    assert_eq!(
        plain::<Vec<Vec<u8>>>(value!([[1], [300]])).unwrap_err(),
        r#"{"1":{"0":["Ensure this value is less than or equal to 255."]}}"#
    );
    assert_eq!(plain::<HashMap<String, i32>>(value!({"a": 1})).unwrap()["a"], 1);
    let errors = plain::<BTreeMap<String, Vec<u64>>>(value!({"a": [0, (-1)]})).unwrap_err();
    assert_eq!(errors, r#"{"a":{"1":["Ensure this value is greater than or equal to 0."]}}"#);
    // what only the Rust type refuses has the same place
    let large = json::parse_str("[1,18446744073709551616]").unwrap();
    assert_eq!(
        plain::<Vec<u64>>(large).unwrap_err(),
        r#"{"1":["Ensure this value is less than or equal to 18446744073709551615."]}"#
    );
    let mut limits = Limits::new();
    limits.max_length::<Vec<String>>(1);
    limits.allow_empty::<Vec<String>>(false);
    assert!(read::<Vec<String>>(&limits, value!(["a", "b"])).unwrap_err().contains("no more than 1 elements"));
    assert!(read::<Vec<String>>(&limits, value!([])).unwrap_err().contains("may not be empty"));
    let choices = Field::shared("f", limits.choices::<Vec<String>>(vec![Choice::from("a")]));
    assert_eq!(choices.clean(&value!(["a"])), Ok(value!(["a"])));
    assert!(choices.clean(&value!(["b"])).is_err());
}

#[test]
fn attributes_at_their_places() {
    let mut map = Map::new();
    put(&mut map, &["a", "b"], 1.into());
    put(&mut map, &["a", "c"], 2.into());
    put(&mut map, &["d"], 3.into());
    put(&mut map, &[], value!({"e": 4}));
    assert_eq!(Value::Map(map.clone()), value!({"a": {"b": 1, "c": 2}, "d": 3, "e": 4}));
    let mut taken = Attributes::new(Value::Map(map.clone()));
    assert_eq!(taken.take::<i32>("x", &["a", "b"], None), Some(1));
    assert_eq!(taken.take::<i32>("y", &["d"], Some(|| 8.into())), Some(3));
    assert_eq!(taken.take::<Option<i32>>("z", &["a", "nothing"], None), Some(None));
    assert_eq!(taken.take::<i32>("z", &["a", "nothing"], Some(|| 7.into())), Some(7));
    assert_eq!(taken.take::<BTreeMap<String, Value>>("z", &[], None).unwrap().len(), 3);
    assert_eq!(taken.take::<i32>("gone", &["nothing", "at all"], None), None);
    assert_eq!(taken.take::<String>("wrong", &["d"], None), None);
    assert_eq!(
        taken.into_errors().to_json(),
        r#"{"gone":["This field is required."],"wrong":["Not a valid value: \"int\"."]}"#
    );
    forget(&mut map, &["a", "b"]);
    forget(&mut map, &["x", "b"]);
    assert_eq!(map.get("a"), Some(&value!({"c": 2})));
}

proptest! {
    /// What a type becomes is what it is made of.
    #[test]
    fn there_and_back(
        text in any::<String>(), int in any::<i64>(), wide in any::<u64>(), float in any::<f64>().prop_filter("a number", |f| !f.is_nan()),
        list in proptest::collection::vec(any::<Option<u16>>(), 0..4), seconds in -10_i64.pow(9)..10_i64.pow(9),
    ) {
        fn same<T: FieldValue + Clone + PartialEq + std::fmt::Debug>(value: T) {
            assert_eq!(T::from_value(value.clone().into_value()), Ok(value));
        }
        same(text.clone());
        same(int);
        same(wide);
        same(float);
        same(list.clone());
        same(DateTime::from_timestamp(seconds, 5000).unwrap());
        same(DateTime::from_timestamp(seconds, 5000).unwrap().naive_utc());
        same(TimeDelta::seconds(seconds));
        same(BTreeMap::from([(text.clone(), list.clone())]));
        same(serde_json::json!({"a": list, "b": text, "c": int}));
        same(sea_orm::prelude::Decimal::new(int, 5));
    }
}
