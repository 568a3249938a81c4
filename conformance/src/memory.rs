//! A plain view set without any model.

use bowline::prelude::*;
use bowline::value;
use http::StatusCode;
use http::header::LOCATION;

const ROWS: [(i64, &str); 2] = [(1, "one"), (2, "two")];

fn row((id, word): (i64, &str)) -> Value {
    value!({"id": id, "word": word})
}

async fn list(_: Request) -> Value {
    ROWS.map(row).to_vec().into()
}

async fn retrieve(request: Request) -> bowline::Result<Value> {
    let pk: i64 = request.path_value("pk")?;
    ROWS.into_iter().find(|(id, _)| *id == pk).map(row).ok_or_else(Error::http404)
}

async fn create(mut request: Request) -> bowline::Result<Response> {
    let echo = value!({"echo": request.data().await?});
    Ok(Response::new(echo).status(StatusCode::CREATED).header(LOCATION, "/elsewhere/9/"))
}

async fn count(_: Request) -> Value {
    ROWS.len().into()
}

async fn say(request: Request) -> bowline::Result<Value> {
    let (pk, what): (String, String) = (request.path_value("pk")?, request.path_value("what")?);
    Ok(format!("{pk} says {what}").into())
}

pub fn view_set() -> ViewSet {
    ViewSet::new("MemoryViewSet")
        .description("A plain ViewSet without any model.")
        .list(list)
        .retrieve(retrieve)
        .create(create)
        .action("count", ApiView::new("count").get(count))
        .detail_action("say/(?P<what>[a-z]+)", ApiView::new("say").post(say))
}
