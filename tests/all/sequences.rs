//! Keys that the database gives out, and rows that it takes away: what a client is told where a sequence is behind or a
//! trigger keeps a row.

use bowline::model::Model as Description;
use bowline::prelude::*;
use bowline::testing::{Answer, Client};
use bowline::value;

use crate::support::Database;

mod shelf {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "store_shelf")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub label: String,
        #[sea_orm(has_many)]
        pub boxes: HasMany<super::case::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod case {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "store_case")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub shelf_id: i64,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
        pub shelf: HasOne<super::shelf::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

struct Hooked;

#[bowline::async_trait]
impl<E: bowline::prelude::EntityTrait> ViewSetHooks<E> for Hooked {}

fn api() -> DefaultRouter {
    let cases = ModelSerializer::<case::Entity>::new().fields(["id", "name"]);
    let whole =
        ModelSerializer::<shelf::Entity>::new().fields(["id", "label", "boxes"]).nested("boxes", cases, |boxes| boxes);
    let shelves = || ModelViewSet::<shelf::Entity>::new();
    DefaultRouter::new()
        .describe(
            Description::<case::Entity>::new().foreign_key(case::Column::ShelfId, |shelf| shelf.related_name("boxes")),
        )
        .register("shelves", shelves().create_many(Lists::Also))
        .register("hooked", shelves().basename("hooked").hooks(Hooked))
        .register("whole", shelves().basename("whole").serializer(whole))
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

async fn client(database: &Database) -> Client {
    Client::over(&database.url(), api()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_is_behind_is_caught_up() {
    let database = Database::postgres();
    let client = client(&database).await;
    for behind in [1, 2, 10_000] {
        // rows that were loaded with their keys
        let load = |table: &str, columns: &str, values: &str| {
            database.run(&format!(
                "INSERT INTO {table} (id, {columns}) SELECT g, {values} FROM (SELECT coalesce(max(id), 0) AS m FROM {table}) \
                 AS t, generate_series(t.m + 1, t.m + {behind}) AS g"
            ));
        };
        for (path, body) in [
            ("/shelves/", value!({"label": "single statement"})),
            ("/hooked/", value!({"label": "transaction"})),
            ("/shelves/", value!([{"label": "list"}, {"label": "of two"}])),
            ("/whole/", value!({"label": "children", "boxes": [{"name": "a"}, {"name": "b"}]})),
        ] {
            load("store_shelf", "label", "'loaded'");
            load("store_case", "name, shelf_id", "'loaded', 1");
            let answer = client.post(path, body.clone()).await.unwrap();
            assert_eq!(answer.status, 201, "{behind} {path}: {}", text(&answer));
            let again = client.post(path, body.clone()).await.unwrap();
            assert_eq!(again.status, 201, "{behind} {path}: {}", text(&again));
        }
    }
}

/// Nobody asked for a million numbers: the program's log says what to run.
#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_is_far_behind_is_the_programs_matter() {
    let database = Database::postgres();
    let client = client(&database).await;
    database.run("INSERT INTO store_shelf (id, label) VALUES (1, 'loaded'), (2, 'x'), (5000000000, 'loaded')");
    let answer = client.post("/shelves/", value!({"label": "new"})).await.unwrap();
    assert_eq!(answer.status, 500, "{}", text(&answer));
    assert!(!text(&answer).contains("id"), "{}", text(&answer));
    database.run("SELECT setval('store_shelf_id_seq', (SELECT max(id) FROM store_shelf))");
    assert_eq!(client.post("/shelves/", value!({"label": "new"})).await.unwrap().status, 201);
}

#[test]
fn a_trigger_that_keeps_rows_promises_no_retry() {
    Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = client(database).await;
            assert_eq!(client.post("/shelves/", value!({"label": "kept"}).clone()).await.unwrap().status, 201);
            match database {
                Database::Postgres(_) => database.run(
                    "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                     CREATE TRIGGER swallow BEFORE INSERT OR UPDATE OR DELETE ON store_shelf
                     FOR EACH ROW EXECUTE FUNCTION swallow();",
                ),
                Database::Sqlite(_) => database.run(
                    "CREATE TRIGGER i BEFORE INSERT ON store_shelf BEGIN SELECT RAISE(IGNORE); END;
                     CREATE TRIGGER u BEFORE UPDATE ON store_shelf BEGIN SELECT RAISE(IGNORE); END;
                     CREATE TRIGGER d BEFORE DELETE ON store_shelf BEGIN SELECT RAISE(IGNORE); END;",
                ),
            }
            let body = value!({"label": "new"});
            let answers = [
                client.post("/shelves/", body.clone()).await.unwrap(),
                client.post("/hooked/", body.clone()).await.unwrap(),
                client.patch("/shelves/1/", body.clone()).await.unwrap(),
                client.patch("/hooked/1/", body.clone()).await.unwrap(),
                client.delete("/shelves/1/").await.unwrap(),
                client.delete("/hooked/1/").await.unwrap(),
            ];
            for (n, answer) in answers.iter().enumerate() {
                assert_eq!(answer.status, 409, "{} {n}: {}", database.name(), text(answer));
                assert!(answer.header("retry-after").is_none());
                assert!(!text(answer).contains("again"), "{}", text(answer));
            }
            assert_eq!(client.patch("/shelves/2/", body.clone()).await.unwrap().status, 404);
            assert_eq!(client.delete("/shelves/2/").await.unwrap().status, 404);
            assert_eq!(database.list("SELECT label FROM store_shelf"), ["kept"]);
        });
    });
}
