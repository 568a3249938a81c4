//! Values of every type, there and back.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use sea_orm::sea_query::{Enum, OptionEnum};
use uuid::Uuid;

use super::{kind, options, sql, sql1};
use crate::model::ColumnKind;
use crate::store::postgres::cluster::Cluster;
use crate::store::{Cell, Unit};
use crate::value::{DbValue as V, convert};

#[tokio::test]
async fn values_of_every_type_come_back() {
    let cluster = Cluster::shared();
    let postgres =
        cluster.database("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN small AS int2", options()).await;
    let instant: DateTime<Utc> = "2026-02-03T04:05:06.789012Z".parse().unwrap();
    let ancient: DateTime<Utc> = "0101-01-01T00:00:00.000001Z".parse().unwrap();
    let naive: NaiveDateTime = instant.naive_utc();
    let day = NaiveDate::from_ymd_opt(1999, 12, 31).unwrap();
    let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap();
    let uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
    let json: serde_json::Value = serde_json::from_str(r#"{"a": [1, null]}"#).unwrap();
    let mood = V::Enum(OptionEnum::Some(Box::new(Enum { type_name: "mood".into(), value: "ok".into() })));
    let cases: Vec<(&str, V, Cell<'_>)> = vec![
        ("bool", true.into(), Cell::Bool(true)),
        ("int2", V::TinyInt(Some(-3)), Cell::Int(-3)),
        ("int2", V::BigInt(Some(-32768)), Cell::Int(-32768)),
        ("small", V::Int(Some(7)), Cell::Int(7)),
        ("int4", V::BigUnsigned(Some(7)), Cell::Int(7)),
        ("int8", V::SmallInt(Some(-1)), Cell::Int(-1)),
        ("int8", i64::MIN.into(), Cell::Int(i64::MIN)),
        ("oid", u32::MAX.into(), Cell::Int(u32::MAX.into())),
        ("int4", "12".into(), Cell::Int(12)),
        ("float4", 0.1_f32.into(), Cell::Float(0.1)),
        ("float4", 0.1_f64.into(), Cell::Float(0.1)),
        ("float8", 1e300.into(), Cell::Float(1e300)),
        ("float8", V::Int(Some(3)), Cell::Float(3.0)),
        ("float8", f64::INFINITY.into(), Cell::Float(f64::INFINITY)),
        ("text", "h\u{e9}".into(), Cell::Text("h\u{e9}")),
        ("varchar(3)", V::Char(Some('x')), Cell::Text("x")),
        ("bpchar(3)", "abc".into(), Cell::Text("abc")),
        ("name", "abc".into(), Cell::Text("abc")),
        ("text", V::Int(Some(5)), Cell::Text("5")),
        ("mood", "sad".into(), Cell::Text("sad")),
        ("mood", mood, Cell::Text("ok")),
        ("bytea", vec![0_u8, 255].into(), Cell::Bytes(&[0, 255])),
        ("json", r#"{"b" : 1}"#.into(), Cell::Json(r#"{"b" : 1}"#)),
        ("jsonb", json.clone().into(), Cell::Json(r#"{"a": [1, null]}"#)),
        ("jsonb", r#"{"a":[1,null]}"#.into(), Cell::Json(r#"{"a": [1, null]}"#)),
        ("uuid", uuid.into(), Cell::Uuid(uuid)),
        ("uuid", uuid.to_string().into(), Cell::Uuid(uuid)),
        ("text", uuid.into(), Cell::Text("12345678-9abc-def0-1234-56789abcdef0")),
        ("timestamptz", instant.into(), Cell::Timestamp(instant)),
        ("timestamptz", ancient.into(), Cell::Timestamp(ancient)),
        ("timestamptz", instant.fixed_offset().into(), Cell::Timestamp(instant)),
        ("timestamptz", naive.into(), Cell::Timestamp(instant)),
        ("timestamptz", "2026-02-03T05:05:06.789012+01:00".into(), Cell::Timestamp(instant)),
        ("timestamp", naive.into(), Cell::DateTime(naive)),
        ("timestamp", instant.into(), Cell::DateTime(naive)),
        ("date", day.into(), Cell::Date(day)),
        ("date", "1999-12-31".into(), Cell::Date(day)),
        ("time", time.into(), Cell::Time(time)),
        ("timetz", time.into(), Cell::Time(time)),
        ("timetz", "23:59:59.999999+07".into(), Cell::Time(time)),
        ("interval", V::BigInt(Some(1)), Cell::Duration(TimeDelta::microseconds(1))),
        ("interval", V::Int(Some(-1)), Cell::Duration(TimeDelta::microseconds(-1))),
        ("interval", i64::MIN.into(), Cell::Duration(TimeDelta::microseconds(i64::MIN))),
        ("interval", i64::MAX.into(), Cell::Duration(TimeDelta::microseconds(i64::MAX))),
        ("interval", "2 years 3 mons 4 days 00:00:05".into(), Cell::Duration(TimeDelta::seconds(824 * 86_400 + 5))),
        ("interval", "-14 months".into(), Cell::Duration(TimeDelta::days(-425))),
        ("interval", "1 month -1 day".into(), Cell::Duration(TimeDelta::days(29))),
        ("interval", V::BigInt(None), Cell::Null),
        ("inet", "".into(), Cell::Null),
        ("date", V::Int(None), Cell::Null),
        ("jsonb", V::Json(None), Cell::Null),
        ("text", V::Uuid(None), Cell::Null),
    ];
    for (ty, value, expected) in cases {
        let rows = postgres.read(sql1(&format!("SELECT $1::{ty}"), value.clone())).await;
        let rows = rows.unwrap_or_else(|e| panic!("{value:?} as {ty}: {e}"));
        assert_eq!(rows.cell(0, 0).unwrap(), expected, "{value:?} as {ty}");
    }
    // printed as PostgreSQL prints it
    for (ty, value) in [
        ("numeric", "0"),
        ("numeric", "-0.00"),
        ("numeric(7,2)", "12.5"),
        ("numeric", "100000000.00025"),
        ("numeric", "0.00000000000000000000000000000000000000000012345"),
        ("numeric", "-99999999999999999999999999999999999999999999.9900"),
        ("numeric", "1e30"),
        ("numeric", "1e-30"),
        ("numeric", "NaN"),
        ("inet", "10.0.0.1"),
        ("inet", "10.0.0.1/8"),
        ("cidr", "10.0.0.0/8"),
        ("cidr", "10.0.0.1"),
        ("inet", "2001:DB8:0:0:1::1"),
        ("inet", "2001:db8::/32"),
        ("inet", "::ffff:1.2.3.4"),
        ("inet", "::1.2.3.4"),
        ("inet", "::1"),
        ("inet", "::"),
        ("inet", "::1:2"),
        ("inet", "1:0:3:4:5:6:7:8"),
        ("inet", "0:0:1::"),
    ] {
        let rows = postgres.read(sql1(&format!("SELECT v, v::text FROM (SELECT $1::{ty} AS v) x"), value)).await;
        let rows = rows.unwrap_or_else(|e| panic!("{value:?} as {ty}: {e}"));
        let printed = match rows.cell(0, 0).unwrap() {
            Cell::Numeric(number) => number.to_string(),
            Cell::Inet(inet) => inet.to_string(),
            other => panic!("{other:?}"),
        };
        let Cell::Text(text) = rows.cell(0, 1).unwrap() else { panic!() };
        // Django does not show that an address is whole
        let text = if ty == "inet" { text.trim_end_matches("/32").trim_end_matches("/128") } else { text };
        let text = if value == "2001:db8::/32" { value } else { text };
        assert_eq!(printed, text, "{value} as {ty}");
    }
    let decimal: sea_orm::prelude::Decimal = "-12345.6789".parse().unwrap();
    for (ty, value, printed) in [
        ("numeric", decimal.into(), "-12345.6789"),
        ("numeric", V::Double(Some(0.1)), "0.1"),
        ("numeric(22,2)", V::BigUnsigned(Some(u64::MAX)), "18446744073709551615.00"),
        ("interval", V::BigInt(Some(-1)), "-1 days +23:59:59.999999"),
        ("int4[]", "{1,2}".into(), "{1,2}"),
        ("inet", "10.0.0.1".into(), "10.0.0.1"),
    ] {
        let rows = postgres.read(sql1(&format!("SELECT ($1::{ty})::text"), value)).await.unwrap();
        let Cell::Text(text) = rows.cell(0, 0).unwrap() else { panic!() };
        assert!(text.starts_with(printed), "{text}");
    }
}

#[tokio::test]
async fn lists_and_maps_come_back() {
    let cluster = Cluster::shared();
    let sql = "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE EXTENSION hstore; CREATE EXTENSION citext";
    let postgres = cluster.database(sql, options()).await;
    // what is bound, and what comes back where that is something else
    for (ty, json, back) in [
        ("int4[]", "[1,null,-3]", ""),
        ("int8[]", "{9,8}", "[9,8]"),
        ("int4[]", "[]", ""),
        ("int4[]", "[[1,2],[3,4]]", ""),
        ("int4[]", "[0:1]={5,6}", "[5,6]"),
        ("text[]", r#"["a","b \\ \"c\"","NULL","","{}"]"#, ""),
        ("varchar(3)[]", r#"[["é"],[null]]"#, ""),
        ("bool[]", "[true,false]", ""),
        ("float8[]", "[0.1,-2.5]", ""),
        ("numeric(5,2)[]", r#"[1,2.5,"3.333"]"#, "[1.0,2.5,3.33]"),
        ("date[]", r#"["2026-02-03"]"#, ""),
        ("uuid[]", r#"["00000000-0000-0000-0000-000000000007"]"#, ""),
        ("inet[]", r#"["10.0.0.1"]"#, ""),
        ("jsonb[]", r#"[{"a":[1]},["x"],"y",null]"#, ""),
        ("mood[]", r#"["so so","sad"]"#, ""),
        ("citext[]", r#"["A"]"#, ""),
        ("hstore", r#"{"a":"b","z":"","q\"=>":null}"#, ""),
        ("hstore", r#"{"a":1}"#, r#"{"a":"1"}"#),
        ("hstore", "a=>b", r#"{"a":"b"}"#),
        ("hstore", "{}", ""),
    ] {
        let rows = postgres.read(sql1(&format!("SELECT $1::{ty}"), json)).await;
        let rows = rows.unwrap_or_else(|e| panic!("{json} as {ty}: {e}"));
        let cell = rows.cell(0, 0).unwrap();
        let V::String(Some(text)) = cell.to_value(ColumnKind::Other) else { panic!("{cell:?}") };
        assert_eq!(text, if back.is_empty() { json } else { back }, "{json} as {ty}");
        assert_eq!(convert::json_text(&cell.to_plain_attribute()), text);
    }
    let refused = async |ty: &str, value: V| kind(postgres.read(sql1(&format!("SELECT $1::{ty}"), value)).await);
    assert_eq!(refused("int4[]", r#"["x"]"#.into()).await, "data");
    assert_eq!(refused("int4[]", "[[1],[2,3]]".into()).await, "data");
    assert_eq!(refused("int4[]", "[".into()).await, "data");
    assert_eq!(refused("int2[]", "[70000]".into()).await, "data");
    let points = postgres.read(super::sql("SELECT ARRAY[point(1,2)]")).await.unwrap();
    assert_eq!(kind(points.cell(0, 0)), "internal");
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused() {
    let cluster = Cluster::shared();
    let postgres = cluster.database("CREATE TABLE t (v varchar(2))", options()).await;
    let refused = async |ty: &str, value: V| kind(postgres.read(sql1(&format!("SELECT $1::{ty}"), value)).await);
    assert_eq!(refused("int2", V::Int(Some(32768))).await, "data");
    assert_eq!(refused("int4", V::BigUnsigned(Some(u64::MAX))).await, "data");
    assert_eq!(refused("float4", V::Double(Some(1e300))).await, "data");
    assert_eq!(refused("text", "\0".into()).await, "data");
    assert_eq!(refused("jsonb", r#""\u0000""#.into()).await, "data");
    assert_eq!(refused("uuid", "no".into()).await, "data");
    assert_eq!(refused("int4", "x".into()).await, "data");
    assert_eq!(refused("int4", V::Double(Some(1.0))).await, "internal");
    assert_eq!(refused("bytea", "x".into()).await, "internal");
    assert_eq!(refused("bool", V::Int(Some(1))).await, "internal");
    assert_eq!(kind(postgres.read(sql("SELECT $1::int4")).await), "internal");
    let long = Unit::one(sql1("INSERT INTO t VALUES ($1)", "abc"));
    assert_eq!(kind(postgres.write(long).await), "data");
    let rows = postgres.read(sql("SELECT point(1, 2)")).await.unwrap();
    for (row, column) in [(0, 0), (0, 1), (1, 0)] {
        assert_eq!(kind(rows.cell(row, column)), "internal");
    }
    for (text, shown) in [
        ("'infinity'::date", "infinity"),
        ("'-infinity'::date", "-infinity"),
        ("'infinity'::timestamp", "infinity"),
        ("'-infinity'::timestamptz", "-infinity"),
        ("'5874897-12-31'::date", "out of range"),
        ("'294276-12-31'::timestamptz", "out of range"),
        ("'24:00'::time", "24:00:00"),
        ("'3000000 years'::interval", "out of range"),
    ] {
        let rows = postgres.read(sql(&format!("SELECT {text}"))).await.unwrap();
        assert_eq!(rows.cell(0, 0).unwrap(), Cell::Text(shown), "{text}");
    }
}
