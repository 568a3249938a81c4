//! Many clients at one object: they queue, and nobody is turned away.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request as HttpRequest;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::support::Database;

mod member {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "lend_member")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        pub loans: HasMany<super::loan::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod loan {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "lend_loan")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: i64,
        pub member_id: i64,
        #[sea_orm(belongs_to, from = "member_id", to = "id", on_delete = "Cascade")]
        pub member: HasOne<super::member::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const MOST: u64 = 5;
const CLIENTS: i64 = 64;

/// At most five open loans for each member.
struct Few;

#[bowline::async_trait]
impl QueryValidator for Few {
    async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()> {
        use loan::Column::{Id, MemberId};
        let member: Option<i64> = object.get(MemberId)?;
        let own = object.get::<i64>(Id).unwrap_or(0);
        let open = loan::Entity::find().filter(MemberId.eq(member)).filter(Id.ne(own)).count(tx).await?;
        if open < MOST { Ok(()) } else { Err(ValidationError::new("Too many loans.", "many").into()) }
    }
}

fn api() -> DefaultRouter {
    let loans = ModelSerializer::<loan::Entity>::new().query_validator(Few);
    DefaultRouter::new()
        .register("members", ModelViewSet::<member::Entity>::new())
        .register("loans", ModelViewSet::new().serializer(loans))
}

async fn call(app: &axum::Router, method: &str, path: &str, body: &Json) -> (u16, Json) {
    let request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Json::Null))
}

/// What one client saw: what was made and deleted again, refused, anything else.
async fn lend(app: axum::Router, client: i64, until: Instant) -> (u32, u32, Vec<String>, Duration) {
    let (mut made, mut refused, mut odd, mut slowest) = (0, 0, Vec::new(), Duration::ZERO);
    while Instant::now() < until {
        let start = Instant::now();
        let (status, body) = call(&app, "POST", "/loans/", &json!({"title": client, "member": 1})).await;
        match status {
            201 => {
                made += 1;
                let path = format!("/loans/{}/", body["id"]);
                let changed = call(&app, "PATCH", &path, &json!({"title": client + 1000})).await;
                let gone = call(&app, "DELETE", &path, &json!(null)).await;
                if (changed.0, gone.0) != (200, 204) {
                    odd.push(format!("{changed:?} {gone:?}"));
                }
            }
            400 => refused += 1,
            _ => odd.push(format!("{status} {body}")),
        }
        slowest = slowest.max(start.elapsed());
    }
    (made, refused, odd, slowest)
}

#[test]
fn clients_of_one_rule_queue() {
    Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // each has connections, and queues, of its own, as processes have
            for processes in [1, 3] {
                let mut apps = Vec::new();
                for _ in 0..processes {
                    apps.push(api().into_axum(&database.url()).await.unwrap());
                }
                if processes == 1 {
                    assert_eq!(call(&apps[0], "POST", "/members/", &json!({})).await.0, 201);
                }
                let until = Instant::now() + Duration::from_secs(5);
                let clients: Vec<_> =
                    (0..CLIENTS).map(|n| tokio::spawn(lend(apps[n as usize % apps.len()].clone(), n, until))).collect();
                // at no moment are there more than the rule allows
                let mut most = 0;
                while Instant::now() < until {
                    let open = database.list("SELECT count(*) FROM lend_loan")[0].parse().unwrap();
                    most = most.max(open);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                let (mut made, mut refused, mut slowest) = (0, 0, Duration::ZERO);
                for client in clients {
                    let (own_made, own_refused, odd, took) = client.await.unwrap();
                    assert!(odd.is_empty(), "{} with {processes}: {odd:?}", database.name());
                    (made, refused, slowest) = (made + own_made, refused + own_refused, slowest.max(took));
                }
                println!("{}, {processes}: {made} made, {refused} refused, slowest {slowest:?}", database.name());
                assert!(most <= MOST, "{} with {processes}: {most}", database.name());
                assert!(made > 5, "{} with {processes}: {made}", database.name());
                assert_eq!(database.list("SELECT count(*) FROM lend_loan"), ["0"]);
            }
        });
    });
}
