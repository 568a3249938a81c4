use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bowline::fields::EmailField;
use bowline::prelude::*;
use bowline::serializers::Validate;
use bowline::value::{Decimal, Upload};

mod inner {
    #[derive(bowline::Serializer)]
    #[serializer(crate = ::bowline)]
    pub(crate) struct Part {
        #[serializer(max_digits = 6, decimal_places = 2, min_value = 0)]
        pub(crate) price: bowline::value::Decimal,
    }
}

const MOST: usize = 10;

#[derive(Serializer)]
struct Everything {
    #[serializer(max_length = MOST, min_length = 1 + 1)]
    text: String,
    #[serializer(min_value = 0.5, max_value = 10)]
    float: f64,
    #[serializer(max_value = Decimal::from(7))]
    decimal: Option<Decimal>,
    parts: Vec<inner::Part>,
    by_name: HashMap<String, inner::Part>,
    #[serializer(field = EmailField::new(), rename = "e-mail")]
    email: Option<String>,
    #[serializer(read_only)]
    ids: Vec<u32>,
    json: serde_json::Value,
    file: Option<Arc<Upload>>,
    nested: BTreeMap<String, Vec<Option<bool>>>,
    #[serializer(default = false)]
    yes: bool,
    #[serializer(required = true)]
    nullable: Option<u8>,
    #[serializer(default = 3, initial = 4, label = "L", help_text = "H", write_only)]
    number: i32,
}

#[derive(Serializer)]
struct Nothing {}

fn main() {
    let _ = (Everything::serializer(), Nothing::serializer());
}
