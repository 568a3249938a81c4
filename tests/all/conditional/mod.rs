//! An application with entity tags over both databases, and requests that have preconditions.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest};
use bowline::doc::{booking, shop};
use bowline::fields::{CharField, Field, IntegerField};
use bowline::prelude::*;
use bowline::value;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::support::Database;

pub mod note {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub version: i64,
        pub blob: Json,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn tag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no tag: {self:?}")).to_owned()
    }
}

/// Headers of a request.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

#[derive(Clone)]
pub struct App(pub axum::Router);

impl App {
    pub async fn over(database: &Database, router: DefaultRouter) -> App {
        App(router.into_axum(&database.url()).await.unwrap())
    }

    pub fn request(method: &str, path: &str, headers: Headers<'_>, body: impl ToString) -> HttpRequest<Body> {
        let mut request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
    }

    pub async fn send(&self, request: HttpRequest<Body>) -> Answer {
        // no interleaving may leave a request hanging
        let answer = tokio::time::timeout(Duration::from_secs(60), self.0.clone().oneshot(request)).await;
        let (parts, body) = answer.expect("a request hangs").unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn call(&self, method: &str, path: &str, headers: Headers<'_>, body: impl ToString) -> Answer {
        self.send(App::request(method, path, headers, body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "").await
    }

    /// A new object; its path.
    pub async fn make(&self, list: &str, body: Json) -> String {
        let answer = self.call("POST", list, &[], body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        format!("{list}{}/", answer.json()["id"])
    }

    /// The statuses of requests that are sent at once.
    pub async fn at_once(&self, requests: Vec<HttpRequest<Body>>) -> Vec<u16> {
        let tasks: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let app = self.clone();
                tokio::spawn(async move { app.send(request).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses
    }
}

/// Runs a test on an empty database of each kind.
pub async fn each(test: impl AsyncFn(&Database)) {
    for database in [Database::sqlite(), Database::postgres()] {
        test(&database).await;
    }
}

struct Saves;

#[bowline::async_trait]
impl ViewSetHooks<booking::Entity> for Saves {}

#[derive(Debug)]
struct OnlyRoomOne;

impl Permission for OnlyRoomOne {
    fn has_object_permission(&self, _: &Context, _: &ViewInfo, booking: &Object<'_>) -> bowline::Result<bool> {
        Ok(booking.get::<i64>(booking::Column::RoomId)? == 1)
    }
}

/// Makes a booking longer by an hour.
async fn lengthen(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.get_object::<booking::Entity>().await?;
    let end = found.end + 1;
    let mut changed: booking::ActiveModel = found.into();
    changed.end = ActiveValue::Set(end);
    changed.update(action.connection()).await?;
    action.representation().await
}

async fn empty(_: ActionRequest) -> bowline::Result<Response> {
    Ok(Response::new(value!({"emptied": true})))
}

pub fn lines() -> ModelSerializer<shop::line::Entity> {
    ModelSerializer::new()
        .fields(["id", "sku", "quantity"])
        .declare(Field::new("id", IntegerField::new()).required(false))
}

/// Lines are made within their orders.
const LINES: [Action; 5] = [Action::List, Action::Retrieve, Action::Update, Action::PartialUpdate, Action::Destroy];

/// Bookings, which are a row each; orders, which show their lines and write them; lines, which show their order's customer.
pub fn api() -> DefaultRouter {
    let bookings = ModelViewSet::<booking::Entity>::new;
    let with_actions = bookings()
        .action(ExtraAction::detail("lengthen").post(lengthen))
        .action(ExtraAction::list("empty").post(empty))
        .etags(ETags::new());
    let customer = Field::new("customer", CharField::new()).source("order.customer").read_only();
    let line =
        ModelSerializer::<shop::line::Entity>::new().fields(["id", "sku", "quantity", "customer"]).declare(customer);
    let orders = ModelSerializer::<shop::order::Entity>::new().fields(["id", "customer", "lines"]).nested(
        "lines",
        lines(),
        |lines| lines.required(false),
    );
    shop::models()
        .register("bookings", with_actions)
        .register("hooked", bookings().hooks(Saves).basename("hooked").etags(ETags::new()))
        .register("untagged", bookings().basename("untagged"))
        .register("careful", bookings().basename("careful").etags(ETags::new().required()))
        .register("mine", bookings().basename("mine").permissions(OnlyRoomOne).etags(ETags::new().required()))
        .register(
            "lists",
            bookings()
                .basename("lists")
                .etags(ETags::new())
                .create_many(Lists::Also)
                .update_many([Action::Update, Action::PartialUpdate])
                .destroy_many(),
        )
        .register("orders", ModelViewSet::new().serializer(orders).etags(ETags::new()))
        .register("lines", ModelViewSet::new().serializer(line).etags(ETags::new()).actions(LINES))
        .register("notes", ModelViewSet::<note::Entity>::new().etags(ETags::new()))
        .register(
            "versions",
            ModelViewSet::<note::Entity>::new().basename("versions").etags(ETags::from_field("version")),
        )
}

pub fn slot(room: i64, start: i64) -> Json {
    json!({"room_id": room, "start": start, "end": start + 1})
}
