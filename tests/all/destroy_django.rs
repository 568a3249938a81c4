//! Deletion in the tables that Django made, whose foreign keys the database neither cascades nor checks before the
//! commit: what Django's `on_delete` says is done, rows of join tables go along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use crate::support;

use crate::models;

use axum::body::Body;
use axum::http::Request;
use bowline::prelude::*;
use http_body_util::BodyExt;
use models::{
    attachment, author, author_profile, book, entry, loan, member, publisher, review, shelf, shelf_item, shelf_lock,
    tag,
};
use sea_orm::EntityTrait;
use support::Database;
use tower::ServiceExt;

const MEMBER: &str = "00000000-0000-4000-8000-000000000001";

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

impl Api {
    fn new(database: &Database, router: DefaultRouter) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let router = runtime.block_on(router.into_axum(&database.url()));
        Api { router: router.unwrap_or_else(|error| panic!("{}: {error}", database.name())), runtime }
    }

    fn delete(&self, path: &str) -> u16 {
        let request = Request::builder().method("DELETE").uri(path).header("host", "testserver");
        let request = request.body(Body::empty()).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(status != 204 || body.is_empty());
            status
        })
    }
}

/// A view set that shows the key alone: deletion is what is tried here.
fn view<E: EntityTrait>() -> ModelViewSet<E> {
    ModelViewSet::<E>::new().serializer(ModelSerializer::new().fields(["id"])).actions([Action::Destroy])
}

fn views(router: DefaultRouter) -> DefaultRouter {
    router
        .register("authors", view::<author::Entity>())
        .register("books", view::<book::Entity>().lookup_field("slug"))
        .register("entries", view::<entry::Entity>())
        .register("loans", view::<loan::Entity>())
        .register("members", view::<member::Entity>())
        .register("publishers", view::<publisher::Entity>())
        .register("shelves", view::<shelf::Entity>())
        .register("tags", view::<tag::Entity>().lookup_field("slug"))
}

/// Everything described, join tables known as entities.
fn described() -> DefaultRouter {
    views(models::describe(DefaultRouter::new()))
}

/// Described, but no entity of a join table.
fn without_joins() -> DefaultRouter {
    let router = DefaultRouter::new()
        .describe(book::model())
        .describe(entry::model())
        .describe(loan::model())
        .describe(author::model())
        .model::<author_profile::Entity>()
        .model::<attachment::Entity>()
        .model::<review::Entity>()
        .model::<shelf_item::Entity>()
        .model::<shelf_lock::Entity>();
    views(router)
}

/// The entities alone: that a table joins two others shows in its columns.
fn bare() -> DefaultRouter {
    let router = DefaultRouter::new()
        .model::<author_profile::Entity>()
        .model::<attachment::Entity>()
        .model::<review::Entity>()
        .model::<shelf_item::Entity>()
        .model::<shelf_lock::Entity>();
    views(router)
}

/// A test on each database with each way to say what there is.
fn each(test: impl Fn(&Database, &Api)) {
    for router in [described, without_joins, bare] {
        for database in [Database::django_sqlite(), Database::django_postgres()] {
            test(&database, &Api::new(&database, router()));
        }
    }
}

fn keys(database: &Database, column: &str, table: &str, condition: &str) -> String {
    database.list(&format!("SELECT {column} FROM {table} WHERE {condition} ORDER BY 1")).join(" ")
}

#[test]
fn rows_below_go_along() {
    each(|database, api| {
        // the scenario relations/delete-cascade
        assert_eq!(api.delete(&format!("/members/{MEMBER}/")), 204);
        assert_eq!(keys(database, "id", "library_loan", "true"), "");
        assert_eq!(api.delete("/books/salt/"), 204);
        assert_eq!(keys(database, "id", "library_book", "id < 4"), "1 3");
        assert_eq!(keys(database, "id", "library_review", "true"), "1 2");
        assert_eq!(keys(database, "id", "library_attachment", "true"), "1");
        assert_eq!(keys(database, "id", "library_book_tags", "true"), "1 2 4 5 6 7 8 9");
        assert_eq!(api.delete("/books/salt/"), 404);
        assert_eq!(api.delete("/shelves/1/"), 204);
        assert_eq!(keys(database, "id", "library_shelfitem", "true"), "4");
        assert_eq!(keys(database, "id", "library_shelflock", "true"), "");
    });
}

#[test]
fn protected_rows_stay_with_all_that_hangs_on_them() {
    each(|database, api| {
        // the scenario relations/delete-protect
        assert_eq!(api.delete("/authors/1/"), 409);
        assert_eq!(keys(database, "id", "library_author", "true"), "1 2 3 4");
        assert_eq!(keys(database, "author_id", "library_authorprofile", "true"), "1 2");
        assert_eq!(keys(database, "id", "library_author", "mentor_id = 1"), "2 3");
        assert_eq!(api.delete("/books/glass-garden/"), 409);
        assert_eq!(keys(database, "id", "library_book_tags", "book_id = 1"), "1 2");
        assert_eq!(keys(database, "id", "library_review", "book_id = 1"), "1 2");
        assert_eq!(keys(database, "id", "library_attachment", "book_id = 1"), "1");
        assert_eq!(api.delete("/authors/9/"), 404);
    });
}

#[test]
fn keys_that_may_be_null_become_null() {
    each(|database, api| {
        // the scenario relations/delete-set-null
        assert_eq!(api.delete("/publishers/1/"), 204);
        assert_eq!(keys(database, "id", "library_book", "publisher_id IS NULL"), "1 4 5 7");
        assert_eq!(keys(database, "id", "library_book", "publisher_id = 2"), "2 6");
        assert_eq!(api.delete("/loans/1/"), 204);
        assert_eq!(keys(database, "id", "library_loan", "true"), "2");
        assert_eq!(api.delete("/tags/fiction/"), 204);
        assert_eq!(keys(database, "tag_id", "library_book_tags", "book_id = 1"), "2");
        assert_eq!(keys(database, "count(*)", "library_book_tags", "tag_id = 1"), "0");
        assert_eq!(keys(database, "count(*)", "library_entry_tags", "true"), "26");
    });
}

#[test]
fn a_tree_goes_with_its_root() {
    each(|database, api| {
        assert_eq!(api.delete("/entries/3/"), 204);
        // 9, 11, and what is below them
        assert_eq!(keys(database, "id", "library_entry", "id IN (3, 9, 11, 27, 29, 33, 35)"), "");
        assert_eq!(keys(database, "count(*)", "library_entry", "true"), "38");
        let orphans = "NOT EXISTS (SELECT 1 FROM library_entry AS e WHERE e.id = entry_id)";
        assert_eq!(keys(database, "count(*)", "library_entry_tags", orphans), "0");
    });
}

/// A team with members, and tasks that a member protects; members fall back to a team of reserve.
mod team {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "team")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod player {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "player")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub team_id: i64,
        #[sea_orm(default_value = 9)]
        pub reserve_id: i64,
        pub coach_id: Option<i64>,
        #[sea_orm(belongs_to, from = "team_id", to = "id", on_delete = "Cascade")]
        pub team: HasOne<super::team::Entity>,
        #[sea_orm(belongs_to, from = "reserve_id", to = "id", on_delete = "SetDefault", relation_enum = "Reserve")]
        pub reserve: HasOne<super::team::Entity>,
        #[sea_orm(self_ref, relation_enum = "Coach", from = "coach_id", to = "id", on_delete = "Restrict")]
        pub coach: HasOne<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod task {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "task")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub team_id: i64,
        pub player_id: Option<i64>,
        #[sea_orm(belongs_to, from = "team_id", to = "id", on_delete = "Cascade")]
        pub team: HasOne<super::team::Entity>,
        #[sea_orm(belongs_to, from = "player_id", to = "id", on_delete = "Restrict")]
        pub player: HasOne<super::player::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TEAMS: &str = "
    CREATE TABLE team (id integer NOT NULL PRIMARY KEY);
    CREATE TABLE player (id integer NOT NULL PRIMARY KEY,
        team_id integer NOT NULL REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED,
        reserve_id integer NOT NULL REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED,
        coach_id integer NULL REFERENCES player (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE task (id integer NOT NULL PRIMARY KEY,
        team_id integer NOT NULL REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED,
        player_id integer NULL REFERENCES player (id) DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO team VALUES (1), (2), (3), (9);
    INSERT INTO player VALUES (1, 1, 1, NULL), (2, 2, 1, NULL), (3, 2, 3, NULL), (4, 9, 9, 4), (5, 9, 9, NULL);
    INSERT INTO task VALUES (1, 1, 1), (2, 2, NULL), (3, 3, 3);
";

fn teams(test: impl Fn(&Database, &Api)) {
    Database::each(|database| {
        database.run(TEAMS);
        let router = DefaultRouter::new()
            .register("teams", view::<team::Entity>())
            .register("players", view::<player::Entity>())
            .model::<task::Entity>();
        test(database, &Api::new(database, router));
    });
}

#[test]
fn a_row_protects_even_where_it_would_go_along() {
    teams(|database, api| {
        // task 1 goes with team 1, and so does player 1, whom it protects
        assert_eq!(api.delete("/teams/1/"), 409);
        assert_eq!(keys(database, "id", "task", "true"), "1 2 3");
        assert_eq!(keys(database, "id", "player", "true"), "1 2 3 4 5");
        // task 3 is another team's
        assert_eq!(api.delete("/teams/2/"), 409);
        assert_eq!(keys(database, "id", "player", "team_id = 2"), "2 3");
        // and a row protects itself
        assert_eq!(api.delete("/players/4/"), 409);
        assert_eq!(api.delete("/players/5/"), 204);
    });
}

#[test]
fn keys_with_a_default_get_it() {
    teams(|database, api| {
        assert_eq!(api.delete("/teams/3/"), 204);
        assert_eq!(keys(database, "id", "task", "true"), "1 2");
        assert_eq!(keys(database, "reserve_id", "player", "id = 3"), "9");
        database.run("UPDATE task SET player_id = NULL");
        assert_eq!(api.delete("/teams/1/"), 204);
        assert_eq!(keys(database, "id", "player", "reserve_id = 9"), "2 3 4 5");
    });
}
