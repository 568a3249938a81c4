//! What the driver asks of `pg_type`, answered from what our own connection knows of its types.

use std::collections::HashMap;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Kind, Type};

use super::protocol::{Field, TEXT, complete, fields, message, value};

const CHAR: u32 = 18;
const OID: u32 = 26;
const TEXTS: u32 = 1009;
const RECORDS: u32 = 2287;

/// The columns of the driver's question.
const COLUMNS: [(&str, u32); 11] = [
    ("oid", OID),
    ("pretty_name", TEXT),
    ("catalog_name", TEXT),
    ("original_name", TEXT),
    ("typtype", CHAR),
    ("typcategory", CHAR),
    ("typelem", OID),
    ("typbasetype", OID),
    ("rngsubtype", OID),
    ("enum_labels", TEXTS),
    ("record_attributes", RECORDS),
];

/// The types of some columns, and those that they are made of.
#[derive(Debug, Default)]
pub(super) struct Types(HashMap<u32, Type>);

impl Types {
    pub(super) fn add(&mut self, ty: &Type) {
        if self.0.insert(ty.oid(), ty.clone()).is_some() {
            return;
        }
        match ty.kind() {
            Kind::Array(inner) | Kind::Domain(inner) | Kind::Range(inner) => self.add(inner),
            Kind::Composite(attributes) => attributes.iter().for_each(|attribute| self.add(attribute.type_())),
            _ => {}
        }
    }

    /// Answers the question for the types whose numbers stand in it, as `(NULL, 16385)`.
    pub(super) fn answer(&self, question: &str, out: &mut BytesMut) {
        let columns = COLUMNS.iter().map(|(name, oid)| Field::computed(name, *oid, false));
        fields(out, columns);
        let mut rows = 0;
        for part in question.split("(NULL, ").skip(1) {
            let digits = part.split(')').next().and_then(|digits| digits.trim().parse().ok());
            if let Some(ty) = digits.and_then(|oid: u32| self.0.get(&oid)) {
                row(ty, out);
                rows += 1;
            }
        }
        complete(out, rows);
    }
}

fn row(ty: &Type, out: &mut BytesMut) {
    let (mut class, mut category) = ("b", "U");
    let (mut element, mut base, mut range) = (None, None, None);
    let (mut labels, mut attributes) = (String::from("{}"), String::from("{}"));
    let mut name = ty.name().to_owned();
    match ty.kind() {
        Kind::Array(inner) => {
            category = "A";
            element = Some(inner.oid().to_string());
            name = format!("{}[]", inner.name());
        }
        Kind::Domain(inner) => {
            class = "d";
            base = Some(inner.oid().to_string());
        }
        Kind::Range(inner) => {
            (class, category) = ("r", "R");
            range = Some(inner.oid().to_string());
        }
        Kind::Enum(values) => {
            (class, category) = ("e", "E");
            labels = list(values.iter().cloned());
        }
        Kind::Composite(fields) => {
            (class, category) = ("c", "C");
            let field = |(name, oid): (&str, u32)| format!("({},{oid})", quoted(name));
            attributes = list(fields.iter().map(|attribute| field((attribute.name(), attribute.type_().oid()))));
        }
        Kind::Pseudo => (class, category) = ("p", "P"),
        _ if ty.name() == "citext" => category = "S",
        _ => {}
    }
    let oid = ty.oid().to_string();
    let values: [Option<&str>; COLUMNS.len()] = [
        Some(&oid),
        Some(&name),
        Some(ty.name()),
        None,
        Some(class),
        Some(category),
        element.as_deref(),
        base.as_deref(),
        range.as_deref(),
        Some(&labels),
        Some(&attributes),
    ];
    message(out, b'D', |out| {
        out.put_u16(u16::try_from(values.len()).unwrap_or(u16::MAX));
        values.into_iter().for_each(|text| value(out, text.map(str::as_bytes)));
    });
}

/// A list as text: `{"a","b"}`.
fn list(items: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", items.map(|item| quoted(&item)).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
