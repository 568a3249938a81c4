#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn error(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

#[test]
fn values() {
    for (text, value) in [
        ("null", Value::Null),
        ("  true\n", Value::Bool(true)),
        ("-0", Value::Int(0)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("9223372036854775808", Value::BigInt("9223372036854775808".into())),
        ("-10000000000000000000", Value::BigInt("-10000000000000000000".into())),
        ("1E+2", Value::Float(100.0)),
        ("1e400", Value::Float(f64::INFINITY)),
        (r#""\"\\\/\b\f\n\r\t""#, Value::Str("\"\\/\u{8}\u{c}\n\r\t".into())),
        (r#""\u00e9\ud83d\ude00é""#, Value::Str("é😀é".into())),
        ("\"\u{7f}\u{2028}\"", Value::Str("\u{7f}\u{2028}".into())),
        ("[ ]", Value::List(vec![])),
        (r#"  {"a" : [ ] }  "#, Value::Map([("a".to_owned(), Value::List(vec![]))].into())),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap(), value, "{text}");
    }
    let Value::Float(zero) = parse(b"-0.0").unwrap() else { panic!() };
    assert!(zero.is_sign_negative());
}

#[test]
fn of_equal_keys_the_last_value_at_the_first_place() {
    let Value::Map(map) = parse(br#"{"a": 1, "b": 2, "a": 3}"#).unwrap() else { panic!() };
    let pairs: Vec<_> = map.into_iter().collect();
    assert_eq!(pairs, [("a".into(), Value::Int(3)), ("b".into(), Value::Int(2))]);
}

#[test]
fn lone_surrogates() {
    for (text, unit, replaced) in [
        (r#""\ud800""#, 0xd800, "\u{fffd}"),
        (r#""a\udc00\ud800b""#, 0xdc00, "a\u{fffd}\u{fffd}b"),
        (r#""\ud800\u0041""#, 0xd800, "\u{fffd}A"),
        (r#""\ud801\ud83d\ude00""#, 0xd801, "\u{fffd}😀"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap(), Value::Surrogates(unit, replaced.into()), "{text}");
    }
    let Value::Map(map) = parse(br#"{"\ud800": 1}"#).unwrap() else { panic!() };
    assert_eq!(map.get("\u{fffd}"), Some(&Value::Surrogates(0xd800, "\u{fffd}".into())));
}

#[test]
fn messages_are_pythons() {
    for (text, message) in [
        (r#"{"a": 1"#, "Expecting ',' delimiter: line 1 column 8 (char 7)"),
        ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
        (r#"{"a": NaN}"#, "Out of range float values are not JSON compliant: 'NaN'"),
        ("[-Infinity", "Out of range float values are not JSON compliant: '-Infinity'"),
        ("Infinity", "Out of range float values are not JSON compliant: 'Infinity'"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (r#"{"a": 1,}"#, "Expecting property name enclosed in double quotes: line 1 column 9 (char 8)"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (r#"{"a"; 1}"#, "Expecting ':' delimiter: line 1 column 5 (char 4)"),
        (r#"{"a": 1} x"#, "Extra data: line 1 column 10 (char 9)"),
        ("01", "Extra data: line 1 column 2 (char 1)"),
        ("1.", "Extra data: line 1 column 2 (char 1)"),
        ("1e+", "Extra data: line 1 column 2 (char 1)"),
        ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[1,", "Expecting value: line 1 column 4 (char 3)"),
        ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
        ("nul", "Expecting value: line 1 column 1 (char 0)"),
        ("-x", "Expecting value: line 1 column 1 (char 0)"),
        (".5", "Expecting value: line 1 column 1 (char 0)"),
        ("{\"a\": \"\t\"}", "Invalid control character at: line 1 column 8 (char 7)"),
        (r#"{"a": "x"#, "Unterminated string starting at: line 1 column 7 (char 6)"),
        (r#""\"#, "Unterminated string starting at: line 1 column 1 (char 0)"),
        (r#""\x""#, "Invalid \\escape: line 1 column 2 (char 1)"),
        (r#""\u12g4""#, "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        (r#""\u+123""#, "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        (r#""\u0041"#, "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        (r#""\ud83d\ude00"#, "Invalid \\uXXXX escape: line 1 column 9 (char 8)"),
        ("[\"é😀\",\n \"é\" x]", "Expecting ',' delimiter: line 2 column 6 (char 12)"),
    ] {
        assert_eq!(error(text.as_bytes()), message, "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf_8() {
    for (bytes, message) in [
        (&b"{\"a\": \"\xff\"}"[..], "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte"),
        (b"\"\xc3\"", "'utf-8' codec can't decode byte 0xc3 in position 1: invalid continuation byte"),
        (b"\xe2\x98\"", "'utf-8' codec can't decode bytes in position 0-1: invalid continuation byte"),
        (b"\xf0\x9f\x98\"", "'utf-8' codec can't decode bytes in position 0-2: invalid continuation byte"),
        (b"\xed\xa0\x80", "'utf-8' codec can't decode byte 0xed in position 0: invalid continuation byte"),
        (b"\x80", "'utf-8' codec can't decode byte 0x80 in position 0: invalid start byte"),
        (b"\"\xe2\x98", "Unterminated string starting at: line 1 column 1 (char 0)"),
    ] {
        assert_eq!(error(bytes), message, "{bytes:?}");
    }
    assert_eq!(parse(b"1\xc3"), Ok(Value::Int(1)));
}

#[test]
fn limits() {
    let nested = |depth| format!("{}{}", "[{\"a\":".repeat(depth), "1");
    assert_eq!(error(nested(MAX_DEPTH / 2 + 1).as_bytes()), "Maximum nesting depth exceeded");
    assert!(error(nested(MAX_DEPTH / 2).as_bytes()).starts_with("Expecting ',' delimiter"));
    let lists = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(parse(format!("[{lists}]").as_bytes()).is_err());
    assert!(parse(lists.as_bytes()).is_ok());
    assert_eq!(error("[".repeat(1_000_000).as_bytes()), "Maximum nesting depth exceeded");
    assert!(parse("1".repeat(4300).as_bytes()).is_ok());
    assert_eq!(
        error(format!("[-{}", "1".repeat(4301)).as_bytes()),
        "Exceeds the limit (4300 digits) for integer string conversion: value has 4301 digits; \
         use sys.set_int_max_str_digits() to increase the limit"
    );
}

fn as_serde(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::Str(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(as_serde).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.to_owned(), as_serde(value))).collect(),
        _ => panic!("{value:?} was not in the document"),
    }
}

fn documents() -> impl Strategy<Value = serde_json::Value> {
    let text = "(\\PC|[\"\\\\/\u{0}-\u{1f}\u{2028}é😀]){0,20}";
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(text, inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// The document in ASCII, as most programs but serde write it.
fn escaped(text: &str) -> String {
    let unit = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { unit(c) }).collect()
}

proptest! {
    #[test]
    fn valid_documents_are_read_as_serde_json_reads_them(document in documents()) {
        let pretty = serde_json::to_string_pretty(&document).unwrap();
        for text in [document.to_string(), escaped(&pretty), pretty] {
            let value = parse(text.as_bytes()).unwrap();
            prop_assert_eq!(as_serde(&value), document.clone());
            let (mut written, mut transcoded) = (Vec::new(), Vec::new());
            write::value(&value, &mut written);
            write::transcode(&text, &mut transcoded).unwrap();
            prop_assert_eq!(String::from_utf8(transcoded), String::from_utf8(written.clone()));
            prop_assert_eq!(parse(&written).unwrap(), value);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_text_is_read_otherwise_than_by_serde_json(
        text in r#"([\[\]{},: \n0-9eE.+-]|"a"|"b"|"\\u00e9\\ud83d\\ude00"|\\|"|true|null|é|\PC){0,24}"#
    ) {
        match (parse(text.as_bytes()), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(value), Ok(theirs)) if !text.contains(['e', 'E', '.']) => {
                prop_assert_eq!(as_serde(&value), theirs);
            }
            // Python reads what is too large for a float
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range")),
            (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
            _ => {}
        }
    }
}
