//! What single actions of view sets say otherwise than the view set, and what extra actions are told of bodies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bowline::authentication::{Accounts, Authentication, BasicAuthentication};
use bowline::fields::{Field, IntegerField};
use bowline::permissions::{DjangoModelPermissions, IsAdminUser, IsAuthenticated};
use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, Renderers};
use bowline::serializers::Serializer;
use bowline::testing::Client;
use bowline::throttling::{ScopedRateThrottle, ThrottleRates};
use bowline::value;

mod note {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub text: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn grow(action: ActionRequest) -> bowline::Result<Response> {
    Ok(Response::new(action.validate()?))
}

/// Asks twice for a body, whatever it was told first.
async fn insist(action: ActionRequest) -> bowline::Result<Response> {
    let first = action.data().cloned().map_err(|error| error.status().as_u16());
    let second = action.data().cloned().map_err(|error| error.status().as_u16());
    Ok(Response::new(format!("{first:?} {second:?}")))
}

fn settings(rate: &str) -> Settings {
    Settings {
        throttle_rates: ThrottleRates::new([("notes", rate)]),
        renderers: Renderers::json(),
        ..Settings::default()
    }
}

#[tokio::test]
async fn actions_of_a_model_view_set() {
    let notes = ModelViewSet::<note::Entity>::new()
        .permissions_for(Action::Destroy, IsAdminUser)
        .for_action(Action::Create, |create| create.throttles(ScopedRateThrottle::new()).throttle_scope("notes"))
        .for_action(Action::List, |list| list.renderers(Renderers::json().and(BrowsableAPIRenderer::new())));
    let api = DefaultRouter::new().register("notes", notes).settings(settings("2/day"));
    let mut client = Client::new(api).await.unwrap();
    for status in [201, 201, 429] {
        assert_eq!(client.post("/notes/", value!({"text": "x"})).await.unwrap().status, status);
    }
    // the other actions are not counted
    let list = client.get("/notes/").await.unwrap();
    assert_eq!((list.status.as_u16(), list.header("vary")), (200, Some("Accept")));
    let one = client.get("/notes/1/").await.unwrap();
    assert_eq!((one.status.as_u16(), one.header("vary")), (200, None));
    assert_eq!(client.patch("/notes/1/", value!({"text": "y"})).await.unwrap().status, 200);
    assert_eq!(client.delete("/notes/1/").await.unwrap().status, 403);
    client.force_authenticate(User { is_staff: true, ..User::new(1, "admin") });
    assert_eq!(client.delete("/notes/1/").await.unwrap().status, 204);
    assert_eq!(client.delete("/notes/1/").await.unwrap().status, 404);
}

#[tokio::test]
async fn actions_of_a_plain_view_set() {
    async fn hello(_: Request) -> Value {
        value!("hello")
    }
    let words = ViewSet::new("WordViewSet")
        .list(hello)
        .create(hello)
        .retrieve(hello)
        .destroy(hello)
        .for_action(Action::Create, |create| create.throttles(ScopedRateThrottle::new()).throttle_scope("notes"))
        .for_action(Action::Destroy, |destroy| destroy.permissions(IsAuthenticated))
        .for_action(Action::Retrieve, |retrieve| retrieve.permissions(IsAuthenticated));
    let mut client =
        Client::new(DefaultRouter::new().view_set("words", words).settings(settings("1/day"))).await.unwrap();
    assert_eq!(client.post("/words/", value!({})).await.unwrap().status, 200);
    assert_eq!(client.post("/words/", value!({})).await.unwrap().status, 429);
    assert_eq!(client.get("/words/").await.unwrap().status, 200);
    assert_eq!(client.get("/words/1/").await.unwrap().status, 403);
    assert_eq!(client.send(http::Method::HEAD, "/words/1/", None).await.unwrap().status, 403);
    assert_eq!(client.delete("/words/1/").await.unwrap().status, 403);
    client.force_authenticate(User::new(1, "ada"));
    assert_eq!(client.delete("/words/1/").await.unwrap().status, 200);
}

#[tokio::test]
async fn extra_actions_have_serializers_and_bodies() {
    let hours = Serializer::new().field(Field::new("hours", IntegerField::new().min_value(1)));
    let notes = ModelViewSet::<note::Entity>::new()
        .action(ExtraAction::list("grow").serializer(hours).post(grow))
        .action(ExtraAction::list("insist").post(insist));
    let client = Client::new(DefaultRouter::new().register("notes", notes)).await.unwrap();
    let grown = client.post("/notes/grow/", value!({"hours": "3", "more": 1})).await.unwrap();
    assert_eq!(grown.data, value!({"hours": 3}));
    let wrong = client.post("/notes/grow/", value!({"hours": 0})).await.unwrap();
    assert_eq!(wrong.data, value!({"hours": ["Ensure this value is greater than or equal to 1."]}));
    let described = client.options("/notes/grow/").await.unwrap();
    assert_eq!(described.data["actions"]["POST"]["hours"]["min_value"], 1.into());
    assert_eq!(described.data["actions"]["POST"]["text"], value!(null));

    let send = |kind: &str, body: &'static str| {
        let request = http::Request::post("/notes/insist/").header("content-type", kind);
        client.request(request.body(body.into()).unwrap())
    };
    // what could not be read does not become an empty object when it is asked again
    assert_eq!(send("application/json", "{").await.unwrap().data, "Err(400) Err(400)".into());
    assert_eq!(send("text/x-unknown", "{").await.unwrap().data, "Err(415) Err(400)".into());

    let wrong = Serializer::new().validate_field("name", |value, _| Ok(value));
    let notes = ModelViewSet::<note::Entity>::new().action(ExtraAction::list("grow").serializer(wrong).post(grow));
    let error = Client::new(DefaultRouter::new().register("notes", notes)).await.unwrap_err().to_string();
    assert!(error.contains("NoteViewSet: a hook validates the field `name`"), "{error}");
}

#[tokio::test]
async fn tables_of_django_that_are_not_there_stop_the_start() {
    let basic =
        || ModelViewSet::<note::Entity>::new().authentication([BasicAuthentication::new(Accounts::default()).shared()]);
    let settings = Settings { create_tables: false, ..Settings::default() };
    let ready = Client::new(DefaultRouter::new().register("notes", basic())).await;
    assert!(ready.is_ok(), "it is made");
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("rows.sqlite3");
    let notes = DefaultRouter::new().register("notes", ModelViewSet::<note::Entity>::new());
    drop(Client::over(url.to_str().unwrap(), notes).await.unwrap());
    let api = DefaultRouter::new().register("notes", basic()).settings(settings);
    let error = Client::over(url.to_str().unwrap(), api).await.unwrap_err().to_string();
    assert!(error.starts_with("The database has no table auth_user, which"), "{error}");

    let described = Model::<note::Entity>::new().app_label("notes");
    let permitted = ModelViewSet::<note::Entity>::new().permissions_for(Action::Create, DjangoModelPermissions::new());
    let api = DefaultRouter::new().register("notes", permitted).describe(described);
    let error = Client::new(api).await.unwrap_err().to_string();
    assert!(error.contains("auth_permission, auth_user_groups, "), "{error}");
}
