//! The serializer under test.

use std::hint::black_box;
use std::time::Duration;

use bowline::context::Context;
use bowline::fields::{
    BooleanField, CharField, ChoiceField, DateField, DateTimeField, DecimalField, EmailField, Field, FieldType,
    FloatField, IntegerField, ListField, SlugField, URLField, UUIDField,
};
use bowline::serializers::{ListSerializer, Serializer};
use bowline::store::Cell;
use bowline::value::{Value, json};

use crate::{Program, Result, Work, processor_time, rows};

fn serializer() -> Serializer {
    let address = Serializer::new()
        .field(Field::new("street", CharField::new().max_length(100)))
        .field(Field::new("city", CharField::new().max_length(60)))
        .field(Field::new("zip", CharField::new().min_length(4).max_length(10)));
    Serializer::new()
        .field(Field::new("id", IntegerField::new().min_value(1).max_value(2_147_483_647)))
        .field(Field::new("quantity", IntegerField::new().min_value(0).max_value(1000)))
        .field(Field::new("title", CharField::new().max_length(100)))
        .field(Field::new("code", CharField::new().min_length(3).max_length(12)))
        .field(Field::new("note", CharField::new().allow_blank(true).max_length(500)).default(""))
        .field(Field::new("email", EmailField::new().max_length(254)))
        .field(Field::new("website", URLField::new().max_length(200)))
        .field(Field::new("slug", SlugField::new().max_length(50)))
        .field(Field::new("key", UUIDField::new()))
        .field(Field::new("price", DecimalField::new(10, 2).min_value(0)))
        .field(Field::new("weight", DecimalField::new(8, 3)))
        .field(Field::new("score", FloatField::new().min_value(0).max_value(1)))
        .field(Field::new("temperature", FloatField::new()).allow_null(true).default(Value::Null))
        .field(Field::new("active", BooleanField::new()))
        .field(Field::new("archived", BooleanField::new()))
        .field(Field::new("birthday", DateField::new()))
        .field(Field::new("created_at", DateTimeField::new()))
        .field(Field::new("status", ChoiceField::new(["draft", "review", "published", "archived"])))
        .field(Field::new("ratings", ListField::of(IntegerField::new().min_value(1).max_value(5)).max_length(10)))
        .field(Field::new("address", address))
}

pub(crate) struct Bowline {
    one: Serializer,
    many: ListSerializer,
    request: Context,
    bodies: Vec<String>,
    list: String,
    rows: Value,
}

impl Bowline {
    pub(crate) fn new(bodies: &[String]) -> Result<Self> {
        let one = serializer();
        let many = ListSerializer::new(one.clone());
        let request = Context::default();
        let list = rows::list(bodies);
        let rows = parse_all(&many, list.as_bytes(), &request)?;
        Ok(Bowline { one, many, request, bodies: bodies.to_vec(), list, rows })
    }
}

fn parse(serializer: &Serializer, body: &[u8], request: &Context) -> Result<Value> {
    let data = json::parse(body)?;
    serializer.run_validation(data, request).map_err(|errors| errors.to_json().into())
}

fn parse_all(serializer: &ListSerializer, body: &[u8], request: &Context) -> Result<Value> {
    let data = json::parse(body)?;
    serializer.run_validation(data, request).map_err(|errors| errors.to_json().into())
}

fn show(serializer: &Serializer, row: &Value, request: &Context) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(128);
    serializer.represent(row, request, &mut out).map_err(|_| "a row cannot be shown")?;
    Ok(out)
}

fn show_all(serializer: &ListSerializer, rows: &Value, request: &Context) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(128);
    serializer.to_representation(Cell::from(rows), request, &mut out).map_err(|_| "a row cannot be shown")?;
    Ok(out)
}

impl Program for Bowline {
    fn name(&self) -> &'static str {
        "bowline"
    }

    fn echo(&mut self) -> Result<Vec<u8>> {
        show_all(&self.many, &self.rows, &self.request)
    }

    fn refuses(&mut self, body: &[u8]) -> Result<bool> {
        Ok(parse(&self.one, body, &self.request).is_err())
    }

    fn run(&mut self, work: Work, times: u32) -> Result<Duration> {
        let rows = self.rows.as_list().ok_or("the rows are a list")?;
        let request = &self.request;
        let mut wrong = 0;
        let used = processor_time(|| {
            for _ in 0..times {
                match work {
                    Work::ParseOne => {
                        for body in &self.bodies {
                            wrong +=
                                u32::from(black_box(parse(&self.one, black_box(body.as_bytes()), request)).is_err());
                        }
                    }
                    Work::ParseMany => {
                        let body = black_box(self.list.as_bytes());
                        wrong += u32::from(black_box(parse_all(&self.many, body, request)).is_err());
                    }
                    Work::ShowOne => {
                        for row in rows {
                            wrong += u32::from(black_box(show(&self.one, black_box(row), request)).is_err());
                        }
                    }
                    Work::ShowMany => {
                        wrong += u32::from(black_box(show_all(&self.many, black_box(&self.rows), request)).is_err());
                    }
                }
            }
        });
        if wrong == 0 { Ok(used) } else { Err("a row was refused".into()) }
    }
}
