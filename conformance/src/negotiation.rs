//! How answers are written: `/nego/`.

use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, JSONRenderer, RenderContext, Renderer, Renderers, Unrenderable};
use bowline::value;
use http::StatusCode;

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

pub fn urls() -> DefaultRouter {
    let vendor = JSONRenderer::new().media_type("application/vnd.library+json", "vendor");
    let plain = Renderers::json().and(PlainRenderer).and(vendor);
    let plain_first = Renderers::of(PlainRenderer).and(JSONRenderer::new());
    let default = view("NegoDefault").renderers(Renderers::json().and(BrowsableAPIRenderer::new()));
    DefaultRouter::new()
        .path("default/", default)
        .path("json/", view("NegoJson").renderers(Renderers::json()))
        .path("plain/", view("NegoPlain").renderers(plain))
        .path("plain-first/", view("NegoPlainFirst").renderers(plain_first))
        .path("ascii/", view("NegoAscii").renderers(Renderers::of(JSONRenderer::new().ensure_ascii(true))))
        .path("spaced/", view("NegoSpaced").renderers(Renderers::of(JSONRenderer::new().compact(false))))
        .path("empty/", empty())
}
