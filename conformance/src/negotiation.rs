//! How answers are written: `/nego/`.

use bowline::negotiation::ContentNegotiation;
use bowline::prelude::*;
use bowline::renderers::{Accepted, JSONRenderer, RenderContext, Renderer, Renderers, Unrenderable};
use bowline::value;
use bowline::value::Decimal;
use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeDelta};
use http::StatusCode;
use sea_orm::prelude::Uuid;

/// `text/plain`: the keys of an object, in order.
#[derive(Debug)]
struct PlainRenderer;

impl Renderer for PlainRenderer {
    fn media_type(&self) -> &str {
        "text/plain"
    }

    fn format(&self) -> &str {
        "txt"
    }

    fn render(&self, data: &Data, _: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let data = data.to_value()?;
        let shown = match data.as_map() {
            Some(map) => {
                let mut keys: Vec<&str> = map.keys().collect();
                keys.sort();
                let keys: Vec<String> = keys.into_iter().map(|key| format!("'{key}'")).collect();
                format!("[{}]", keys.join(", "))
            }
            None => data.to_python_str().into_owned(),
        };
        out.extend_from_slice(format!("plain: {shown}").as_bytes());
        Ok(())
    }
}

async fn sample(_: Request) -> Value {
    value!({
        "text": "héllo ☃ \u{2028} <b>&\"'", "number": 1.5, "none": null, "list": [1, [true]],
        "big": 10_i64.pow(18), "empty": {},
    })
}

async fn got(mut request: Request) -> bowline::Result<Response> {
    Ok(Response::new(value!({"got": request.data().await?})).status(StatusCode::CREATED))
}

fn view(type_name: &'static str) -> ApiView {
    ApiView::new(type_name).get(sample).post(got)
}

async fn null(_: Request) -> Response {
    Response::empty()
}

fn empty() -> ApiView {
    ApiView::new("NegoEmpty")
        .get(null)
        .post(async |_: Request| Response::empty().status(StatusCode::CREATED))
        .put(async |_: Request| Response::new(""))
        .patch(async |_: Request| Response::no_content())
        .delete(async |_: Request| Response::new(value!({"ignored": true})).status(StatusCode::NO_CONTENT))
}

/// The first renderer, whatever the client takes.
#[derive(Debug)]
struct IgnoreClientNegotiation;

impl ContentNegotiation for IgnoreClientNegotiation {
    fn select_renderer(&self, renderers: &Renderers, _: &Context, _: Option<&str>) -> bowline::Result<Accepted> {
        Ok(renderers.first())
    }
}

/// The JSON encoder's own types.
async fn types(_: Request) -> bowline::Result<Value> {
    let date = NaiveDate::from_ymd_opt(2021, 2, 3).ok_or_else(Error::http404)?;
    let time = |micro| NaiveTime::from_hms_micro_opt(4, 5, 6, micro).ok_or_else(Error::http404);
    let east = FixedOffset::east_opt(7200).ok_or_else(Error::http404)?;
    let at = date.and_time(time(0)?);
    let span = TimeDelta::days(1) + TimeDelta::seconds(30) + TimeDelta::microseconds(5);
    Ok(value!({
        "decimal": "10.50".parse::<Decimal>().map_err(Error::internal)?,
        "date": date,
        "time": time(0)?,
        "time_micro": time(789)?,
        "datetime_utc": at.and_utc().fixed_offset(),
        "datetime_micro": date.and_time(time(789_000)?).and_utc().fixed_offset(),
        "datetime_naive": Value::NaiveDateTime(at),
        "datetime_offset": at.and_local_timezone(east).single(),
        "timedelta": span,
        "uuid": Uuid::from_u128(7),
        "tuple": [1, 2],
        "bytes": Value::Bytes(b"abc".to_vec()),
        "set_list": [1, 3],
        "float": 1e20,
        "small": 1e-7,
        "neg": -0.0,
        "int_key": {"1": "c", "null": "b"},
    }))
}

pub fn urls() -> DefaultRouter {
    let vendor = JSONRenderer::new().media_type("application/vnd.library+json", "vendor");
    let plain_first = Renderers::of(PlainRenderer).and(JSONRenderer::new());
    let default = view("NegoDefault");
    let json = view("NegoJson").renderers(Renderers::json());
    let plain = view("NegoPlain").renderers(Renderers::json().and(PlainRenderer).and(vendor));
    let first = view("NegoPlainFirst").renderers(plain_first.clone());
    let ignore = view("NegoIgnore").renderers(plain_first).negotiation(IgnoreClientNegotiation);
    DefaultRouter::new()
        .path("default", default.clone())
        .path("json", json.clone())
        .path("plain", plain.clone())
        .path("plain-first", first.clone())
        .format_suffix_patterns()
        .path("default/", default)
        .path("json/", json)
        .path("plain/", plain)
        .path("plain-first/", first)
        .path("ascii/", view("NegoAscii").renderers(Renderers::of(JSONRenderer::new().ensure_ascii(true))))
        .path("spaced/", view("NegoSpaced").renderers(Renderers::of(JSONRenderer::new().compact(false))))
        .path("ignore/", ignore)
        .path("empty/", empty())
        .path("types/", ApiView::new("NegoTypes").description("The JSON encoder's own types.").get(types))
}
