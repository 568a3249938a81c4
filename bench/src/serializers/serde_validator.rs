//! The yardstick: a struct with serde, serde_json and the `validator` crate.
//!
//! It does the same checks, and trims text where a serializer does. It does not coerce (`"5"` is no number), and what it
//! says about a bad row is not compared.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use regex::Regex;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;
use validator::{Validate, ValidationError};

use crate::{Program, Result, Work, processor_time, rows};

static SLUG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[-a-zA-Z0-9_]+$").expect("the pattern is right"));

#[derive(Debug, Deserialize, Serialize, Validate)]
struct Row {
    #[validate(range(min = 1, max = 2_147_483_647))]
    id: i64,
    #[validate(range(min = 0, max = 1000))]
    quantity: i64,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(min = 1, max = 100), does_not_contain(pattern = "\0"))]
    title: String,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(min = 3, max = 12), does_not_contain(pattern = "\0"))]
    code: String,
    #[serde(default, deserialize_with = "trimmed")]
    #[validate(length(max = 500), does_not_contain(pattern = "\0"))]
    note: String,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(max = 254), email)]
    email: String,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(max = 200), url)]
    website: String,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(min = 1, max = 50), regex(path = *SLUG))]
    slug: String,
    key: Uuid,
    #[validate(custom(function = "price"))]
    price: Decimal,
    #[validate(custom(function = "weight"))]
    weight: Decimal,
    #[validate(range(min = 0.0, max = 1.0))]
    score: f64,
    temperature: Option<f64>,
    active: bool,
    archived: bool,
    birthday: NaiveDate,
    created_at: DateTime<Utc>,
    status: Status,
    #[validate(length(max = 10), custom(function = "ratings"))]
    ratings: Vec<i64>,
    #[validate(nested)]
    address: Address,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Draft,
    Review,
    Published,
    Archived,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
struct Address {
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(min = 1, max = 100), does_not_contain(pattern = "\0"))]
    street: String,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(min = 1, max = 60), does_not_contain(pattern = "\0"))]
    city: String,
    #[serde(deserialize_with = "trimmed")]
    #[validate(length(min = 4, max = 10), does_not_contain(pattern = "\0"))]
    zip: String,
}

fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let trimmed = text.trim();
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}

fn price(price: &Decimal) -> Result<(), ValidationError> {
    digits(price, 10, 2)?;
    if price.is_sign_negative() && !price.is_zero() { Err(ValidationError::new("min_value")) } else { Ok(()) }
}

fn weight(weight: &Decimal) -> Result<(), ValidationError> {
    digits(weight, 8, 3)
}

fn digits(number: &Decimal, max_digits: u32, places: u32) -> Result<(), ValidationError> {
    if number.scale() > places {
        return Err(ValidationError::new("max_decimal_places"));
    }
    let whole = number.mantissa().unsigned_abs() / 10_u128.pow(number.scale());
    if whole >= 10_u128.pow(max_digits - places) {
        return Err(ValidationError::new("max_whole_digits"));
    }
    Ok(())
}

fn ratings(ratings: &[i64]) -> Result<(), ValidationError> {
    let fits = ratings.iter().all(|rating| (1..=5).contains(rating));
    if fits { Ok(()) } else { Err(ValidationError::new("range")) }
}

pub(crate) struct Serde {
    bodies: Vec<String>,
    list: String,
    rows: Vec<Row>,
}

impl Serde {
    pub(crate) fn new(bodies: &[String]) -> Result<Self> {
        let list = rows::list(bodies);
        let rows = parse_all(list.as_bytes())?;
        Ok(Serde { bodies: bodies.to_vec(), list, rows })
    }
}

fn parse(body: &[u8]) -> Result<Row> {
    let row: Row = serde_json::from_slice(body)?;
    row.validate()?;
    Ok(row)
}

fn parse_all(body: &[u8]) -> Result<Vec<Row>> {
    let rows: Vec<Row> = serde_json::from_slice(body)?;
    rows.iter().try_for_each(Validate::validate)?;
    Ok(rows)
}

impl Program for Serde {
    fn name(&self) -> &'static str {
        "serde + validator"
    }

    fn echo(&mut self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&self.rows)?)
    }

    fn refuses(&mut self, body: &[u8]) -> Result<bool> {
        Ok(parse(body).is_err())
    }

    fn run(&mut self, work: Work, times: u32) -> Result<Duration> {
        let mut wrong = 0;
        let used = processor_time(|| {
            for _ in 0..times {
                match work {
                    Work::ParseOne => {
                        for body in &self.bodies {
                            wrong += u32::from(black_box(parse(black_box(body.as_bytes()))).is_err());
                        }
                    }
                    Work::ParseMany => {
                        wrong += u32::from(black_box(parse_all(black_box(self.list.as_bytes()))).is_err());
                    }
                    Work::ShowOne => {
                        for row in &self.rows {
                            wrong += u32::from(black_box(serde_json::to_vec(black_box(row))).is_err());
                        }
                    }
                    Work::ShowMany => {
                        wrong += u32::from(black_box(serde_json::to_vec(black_box(&self.rows))).is_err());
                    }
                }
            }
        });
        if wrong == 0 { Ok(used) } else { Err("a row was refused".into()) }
    }
}
