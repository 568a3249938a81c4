//! Lists whose order leaves rows at the same place, on both databases: pages of them neither lose nor repeat a row, while what
//! decides between such rows for the database changes from page to page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

use bowline::filters::{OrderingFilter, SearchFilter};
use bowline::model::Model as Description;
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
        pub label: String,
        #[sea_orm(has_many)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "book")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub rank: i64,
        pub note: Option<String>,
        /// Unique, and NULL in many rows.
        #[sea_orm(unique)]
        pub code: Option<String>,
        pub moved: i64,
        pub shelf_id: Option<i64>,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id")]
        pub shelf: HasOne<super::shelf::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn first(action: ActionRequest) -> bowline::Result<Response> {
    Ok(action.first([(book::Column::Rank, false)]).await?.unwrap_or_else(|| Response::new(value!(null))))
}

fn router() -> DefaultRouter {
    let view = || {
        ModelViewSet::<book::Entity>::new()
            .filter_backend(SearchFilter::new())
            .filter_backend(OrderingFilter::new())
            .search_fields(["note", "shelf__label"])
            .ordering_fields(["rank", "note", "code", "shelf", "shelf__label"])
    };
    let shelves = ModelSerializer::<shelf::Entity>::new().fields(["id", "books"]).nested(
        "books",
        ModelSerializer::<book::Entity>::new().fields(["id"]),
        |books| books.read_only(),
    );
    DefaultRouter::new()
        .describe(
            Description::<book::Entity>::new()
                .ordering([book::Column::Rank])
                .foreign_key(book::Column::ShelfId, |shelf| shelf.related_name("books")),
        )
        .describe(Description::<shelf::Entity>::new().ordering([shelf::Column::Label]))
        .register("numbers", view().pagination(PageNumberPagination::new(4)).basename("numbers"))
        .register("uncounted", view().pagination(PageNumberPagination::new(4).estimated_count()).basename("uncounted"))
        .register("limits", view().pagination(LimitOffsetPagination::new(4)).basename("limits"))
        .register("cursor", view().pagination(CursorPagination::new(4, ["rank"])).basename("cursor"))
        .register(
            "drf",
            view().pagination(CursorPagination::new(4, ["-rank"]).offset_cutoff(1_000).drf_cursors()).basename("drf"),
        )
        .register("own", view().ordering(["-rank"]).pagination(PageNumberPagination::new(4)).basename("own"))
        .register("all", view().action(ExtraAction::list("first").get(first)).basename("all"))
        .register("shelves", ModelViewSet::<shelf::Entity>::new().serializer(shelves).read_only())
}

const ROWS: i64 = 45;

/// Three shelves of one label, and books of which many have the same rank and note, or none.
fn fill(database: &Database) {
    let mut rows = Vec::new();
    for n in 1..=ROWS {
        let note = if n % 3 == 0 { "NULL".into() } else { format!("'n{}'", n % 2) };
        let code = if n % 4 == 0 { format!("'c{n}'") } else { "NULL".into() };
        let shelf = if n % 5 == 0 { "NULL".into() } else { (n % 3 + 1).to_string() };
        rows.push(format!("({n}, {}, {note}, {code}, {n}, {shelf})", n % 3));
    }
    database.run(&format!(
        "INSERT INTO shelf (id, label) VALUES (1, 'same'), (2, 'same'), (3, 'same');
         INSERT INTO book (id, rank, note, code, moved, shelf_id) VALUES {}",
        rows.join(", ")
    ));
}

/// Moves rows to other places of the table, and has the database find them by another index.
fn stir(database: &Database, n: usize) {
    // nobody's power fails here
    let quick = if matches!(database, Database::Sqlite(_)) { "PRAGMA synchronous = OFF; BEGIN;" } else { "BEGIN;" };
    let direction = if n.is_multiple_of(2) { "DESC" } else { "ASC" };
    let columns = ["rank", "note", "code", "shelf_id"];
    let indexes: String = columns
        .iter()
        .map(|column| {
            format!("DROP INDEX IF EXISTS by_{column}; CREATE INDEX by_{column} ON book ({column}, moved {direction});")
        })
        .collect();
    database.run(&format!(
        "{quick} UPDATE book SET moved = (moved * 31 + {n}) % 1009 WHERE id % 4 = {};
         UPDATE shelf SET label = label WHERE id = {}; {indexes} COMMIT",
        n % 4,
        n % 3 + 1,
    ));
}

fn ids(rows: &Value) -> Vec<i64> {
    let id = |row: &Value| match row["id"] {
        Value::Int(id) => id,
        ref other => panic!("{other:?}"),
    };
    rows.as_list().unwrap().iter().map(id).collect()
}

const ORDERS: [&str; 9] =
    ["", "rank", "-rank", "note", "-note", "code", "-code,rank", "shelf,-note", "shelf__label,-rank"];

#[tokio::test]
async fn a_walk_meets_every_row_once_though_the_database_changes_its_mind() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), router()).await.unwrap();
        fill(&database);
        let mut times = 0;
        for (which, name) in ["numbers", "uncounted", "limits", "cursor", "drf", "own"].into_iter().enumerate() {
            for (place, order) in ORDERS.iter().enumerate() {
                let search = if (which + place).is_multiple_of(3) { "&search=same" } else { "" };
                let all = client.get(&format!("/all/?{}", search.trim_start_matches('&'))).await.unwrap();
                let mut all = ids(&all.data);
                all.sort_unstable();
                let mut met = Vec::new();
                let mut next = Some(format!("/{name}/?ordering={order}{search}"));
                let place = format!("{} {}", database.name(), next.as_ref().unwrap());
                while let Some(path) = next {
                    let page = client.get(path.trim_start_matches("http://testserver")).await.unwrap();
                    assert_eq!(page.status.as_u16(), 200, "{place}");
                    met.extend(ids(&page.data["results"]));
                    assert!(met.len() <= all.len(), "{place}: the walk has no end");
                    next = page.data["next"].as_str().map(str::to_owned);
                    times += 1;
                    stir(&database, times);
                }
                let mut sorted = met.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, all, "{place}: {met:?}");
            }
        }
    }
}

#[tokio::test]
async fn rows_of_one_place_come_in_the_order_of_their_keys() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), router()).await.unwrap();
        fill(&database);
        let ranked = |of: &dyn Fn(i64) -> bool| {
            let mut ids: Vec<i64> = (1..=ROWS).filter(|id| of(*id)).collect();
            ids.sort_by_key(|id| (id % 3, *id));
            ids
        };
        for n in 1..6 {
            stir(&database, n);
            let place = format!("{} {n}", database.name());
            assert_eq!(ids(&client.get("/all/").await.unwrap().data), ranked(&|_| true), "{place}: the model's");
            let own = ids(&client.get("/own/").await.unwrap().data["results"]);
            assert_eq!(own, [2, 5, 8, 11], "{place}: the view's");
            let shelves = client.get("/shelves/").await.unwrap().data;
            assert_eq!(ids(&shelves), [1, 2, 3], "{place}: of one label");
            for (place, shelf) in shelves.as_list().unwrap().iter().enumerate() {
                let there = |id: i64| id % 5 != 0 && id % 3 == place as i64;
                assert_eq!(ids(&shelf["books"]), ranked(&there), "{}: within another row", database.name());
            }
            assert_eq!(client.get("/all/first/").await.unwrap().data["id"], Value::Int(3), "{place}: the first one");
            let last = client.get("/numbers/?ordering=rank&page=last").await.unwrap();
            assert_eq!(ids(&last.data["results"]), [44], "{place}: the last page");
        }
    }
}
