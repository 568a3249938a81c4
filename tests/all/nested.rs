//! View sets below the objects of others, on both databases: what is out of scope is not there, for reads and for writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use bowline::prelude::*;
use bowline::testing::Client;
use bowline::value;
use support::Database;

mod shelf {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shelf")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub label: String,
        #[sea_orm(has_many)]
        pub boxes: HasMany<super::crate_::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod crate_ {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "crate")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub shelf_id: i64,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
        pub shelf: HasOne<super::shelf::Entity>,
        #[sea_orm(has_many)]
        pub things: HasMany<super::thing::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod thing {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "thing")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub crate_id: i64,
        #[sea_orm(belongs_to, from = "crate_id", to = "id", on_delete = "Cascade")]
        pub container: HasOne<super::crate_::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn place(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.get_object::<crate_::Entity>().await?;
    Ok(Response::new(value!({"name": found.name, "shelf": action.kwarg("shelf_label")})))
}

fn api() -> DefaultRouter {
    let things = ModelViewSet::<thing::Entity>::new()
        .parent_lookup("shelf_label", "crate__shelf__label")
        .parent_lookup("crate_pk", "crate__pk");
    let crates = ModelViewSet::<crate_::Entity>::new()
        .parent_lookup("shelf_label", "shelf__label")
        .serializer(ModelSerializer::new().related(RelatedField::slug("shelf", "label")))
        .create_many(Lists::Also)
        .action(ExtraAction::detail("place").post(place));
    let below = DefaultRouter::simple().register("crates", crates).nested(
        "crates",
        "crate",
        DefaultRouter::new().register("things", things),
    );
    DefaultRouter::new()
        .register("shelves", ModelViewSet::<shelf::Entity>::new().lookup_field("label"))
        .nested("shelves", "shelf", below)
        .register("shelves/<str:shelf_label>/all/<int:n>/crates", ModelViewSet::<crate_::Entity>::new().basename("all"))
}

#[tokio::test]
async fn below_objects() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), api()).await.unwrap();
        for label in ["a", "b"] {
            client.post("/shelves/", value!({"label": label})).await.unwrap();
        }
        // the body's own word does not count
        let made = client.post("/shelves/a/crates/", value!({"name": "one", "shelf": "b"})).await.unwrap();
        assert_eq!(made.data, value!({"id": 1, "name": "one", "shelf": "a"}), "{}", database.name());
        let many = client.post("/shelves/b/crates/", value!([{"name": "two"}, {"name": "three"}])).await.unwrap();
        assert_eq!(many.data[0]["shelf"], "b".into());
        let nobody = client.post("/shelves/z/crates/", value!({"name": "x"})).await.unwrap();
        assert_eq!(
            (nobody.status.as_u16(), nobody.data["shelf"][0].clone()),
            (400, "Object with label=z does not exist.".into())
        );

        let names = |answer: &bowline::testing::Answer| answer.data.as_list().map(<[Value]>::len);
        assert_eq!(names(&client.get("/shelves/a/crates/").await.unwrap()), Some(1));
        assert_eq!(names(&client.get("/shelves/b/crates/").await.unwrap()), Some(2));
        assert_eq!(names(&client.get("/shelves/z/crates/").await.unwrap()), Some(0));
        for (method, status) in [("get", 404), ("put", 404), ("patch", 404), ("delete", 404)] {
            let path = "/shelves/b/crates/1/";
            let body = value!({"name": "stolen"});
            let answer = match method {
                "get" => client.get(path).await,
                "put" => client.put(path, body).await,
                "patch" => client.patch(path, body).await,
                _ => client.delete(path).await,
            };
            assert_eq!(answer.unwrap().status, status, "{method}");
        }
        // a PATCH cannot take it away to another shelf either
        let patched = client.patch("/shelves/a/crates/1/", value!({"name": "uno", "shelf": "b"})).await.unwrap();
        assert_eq!(patched.data, value!({"id": 1, "name": "uno", "shelf": "a"}));
        let placed = client.post("/shelves/a/crates/1/place/", value!({})).await.unwrap();
        assert_eq!(placed.data, value!({"name": "uno", "shelf": "a"}));
        assert_eq!(client.post("/shelves/b/crates/1/place/", value!({})).await.unwrap().status, 404);

        let thing = client.post("/shelves/a/crates/1/things/", value!({"name": "nut"})).await.unwrap();
        assert_eq!(thing.data, value!({"id": 1, "name": "nut", "crate": 1}));
        assert_eq!(client.get("/shelves/a/crates/1/things/1.json").await.unwrap().data, thing.data);
        assert_eq!(client.get("/shelves/b/crates/1/things/1/").await.unwrap().status, 404);
        assert_eq!(client.get("/shelves/a/crates/2/things/1/").await.unwrap().status, 404);
        assert_eq!(client.get("/shelves/a/crates/x/things/").await.unwrap().status, 404);
        // a prefix with values of its own, and one that narrows nothing
        assert_eq!(names(&client.get("/shelves/a/all/7/crates/").await.unwrap()), Some(3));
        assert_eq!(client.get("/shelves/a/all/x/crates/").await.unwrap().status, 404);
        // a PATCH that does not speak of the shelf does not write it
        if let Database::Sqlite(_) = database {
            database.run(
                "CREATE TRIGGER still BEFORE UPDATE OF shelf_id ON crate \
                 BEGIN SELECT RAISE(ABORT, 'the shelf was written'); END",
            );
        }
        let patched = client.patch("/shelves/a/crates/1/", value!({"name": "un"})).await.unwrap();
        assert_eq!((patched.status.as_u16(), patched.data), (200, value!({"id": 1, "name": "un", "shelf": "a"})));
        let root = client.get("/").await.unwrap();
        assert_eq!(root.data, value!({"shelves": "http://testserver/shelves/"}));
    }
}

#[tokio::test]
async fn mistakes() {
    for (router, sentence) in [
        (
            DefaultRouter::new().nested("rooms", "room", api()),
            "Nothing can be nested in \"rooms\": no view set has that prefix.",
        ),
        (
            DefaultRouter::new().register("a/<float:x>/b", ModelViewSet::<shelf::Entity>::new()),
            "The path \"<float:x>/b\" has a value of the kind \"float\"; the kinds are str, int, slug, uuid and path.",
        ),
        (
            DefaultRouter::new()
                .register("shelves", ModelViewSet::<shelf::Entity>::new().parent_lookup("x_pk", "nothing__pk")),
            "nothing",
        ),
    ] {
        let error = Client::new(router).await.unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
}
