//! The rows that all programs read and write.

use serde_json::{Map, Value, json};

/// How many rows there are.
pub(crate) const ROWS: usize = 1000;
/// How many fields a row has.
pub(crate) const FIELDS: usize = 20;

/// One body for each row, compact, with the fields in their order.
pub(crate) fn bodies() -> Vec<String> {
    (0..ROWS).map(|n| body(&row(n))).collect()
}

/// The bodies as one list.
pub(crate) fn list(bodies: &[String]) -> String {
    format!("[{}]", bodies.join(","))
}

/// Bodies that each break one rule, with what it is.
pub(crate) fn wrong() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for (name, value) in [
        ("id", json!(0)),
        ("id", json!(2_147_483_648_u32)),
        ("quantity", json!(-1)),
        ("quantity", json!("many")),
        ("title", json!("x".repeat(101))),
        ("title", json!("   ")),
        ("title", json!("nul\0")),
        ("code", json!("ab")),
        ("note", json!("x".repeat(501))),
        ("note", Value::Null),
        ("email", json!("nobody")),
        ("email", json!("nobody@-x.org")),
        ("website", json!("example.org")),
        ("slug", json!("not a slug")),
        ("key", json!("0000")),
        ("price", json!("1.234")),
        ("price", json!("123456789.00")),
        ("price", json!("-1.00")),
        ("weight", json!("x")),
        ("score", json!(1.5)),
        ("temperature", json!("cold")),
        ("active", json!("perhaps")),
        ("archived", Value::Null),
        ("birthday", json!("2024-02-30")),
        ("created_at", json!("yesterday")),
        ("status", json!("unknown")),
        ("ratings", json!([1, 6])),
        ("ratings", json!("12")),
        ("address", json!({"street": "x", "zip": "1234"})),
        ("address", json!({"street": "x", "city": "", "zip": "1234"})),
        ("address", json!([])),
    ] {
        let mut row = row(1);
        let what = format!("{name}: {value}");
        if let Some(place) = row.iter_mut().find(|(n, _)| *n == name) {
            place.1 = value;
        }
        found.push((what, body(&row).into_bytes()));
    }
    for n in 0..FIELDS {
        let mut row = row(1);
        let (name, _) = row.remove(n);
        if name != "note" && name != "temperature" {
            found.push((format!("no {name}"), body(&row).into_bytes()));
        }
    }
    found
}

type Row = Vec<(&'static str, Value)>;

fn row(n: usize) -> Row {
    let note = match n % 4 {
        0 => String::new(),
        1 => "A few words, as notes have them.".to_owned(),
        2 => format!("Line {n}\nand \"another\" one."),
        _ => format!("Ünïcode ☃ {n}"),
    };
    let temperature = if n % 5 == 0 { Value::Null } else { json!(f64::from(n as u32) / 8.0 - 40.0) };
    vec![
        ("id", json!(n + 1)),
        ("quantity", json!(n * 37 % 1000)),
        ("title", json!(format!("The title of row number {n}"))),
        ("code", json!(format!("AB-{n:04}"))),
        ("note", json!(note)),
        ("email", json!(format!("user.{n}@mail.example.org"))),
        ("website", json!(format!("https://www.example.org/articles/{n}?page=2"))),
        ("slug", json!(format!("article-{n}-of-many"))),
        ("key", json!(format!("5ce0e9a5-5ffa-454b-8ee0-1238041f{n:04x}"))),
        ("price", json!(format!("{}.{:02}", n * 7, n % 100))),
        ("weight", json!(format!("{}.{:03}", n % 90, n))),
        ("score", json!(f64::from(n as u32) / 1000.0)),
        ("temperature", temperature),
        ("active", json!(n % 2 == 0)),
        ("archived", json!(n % 3 == 0)),
        ("birthday", json!(format!("19{:02}-{:02}-{:02}", n % 100, n % 12 + 1, n % 28 + 1))),
        (
            "created_at",
            json!(format!("2024-{:02}-{:02}T{:02}:34:56.{:06}Z", n % 12 + 1, n % 28 + 1, n % 24, n * 710 + 1)),
        ),
        ("status", json!(["draft", "review", "published", "archived"][n % 4])),
        ("ratings", json!((0..5).map(|i| (n + i) % 5 + 1).collect::<Vec<_>>())),
        ("address", nested(n)),
    ]
}

fn nested(n: usize) -> Value {
    json!({"street": format!("{n} High Street"), "city": "Springfield", "zip": format!("{:05}", n * 13)})
}

/// The row as JSON in its own order; `serde_json` would sort the names.
fn body(row: &Row) -> String {
    let fields: Vec<String> = row.iter().map(|(name, value)| format!("\"{name}\":{}", text(value))).collect();
    format!("{{{}}}", fields.join(","))
}

fn text(value: &Value) -> String {
    let Value::Object(object) = value else { return value.to_string() };
    let ordered = |object: &Map<String, Value>| {
        let names = ["street", "city", "zip"].into_iter().filter_map(|name| Some((name, object.get(name)?)));
        names.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",")
    };
    format!("{{{}}}", ordered(object))
}
