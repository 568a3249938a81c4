//! Rows that exchange unique values of every kind, also where there is no third value that one of them could have meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use bowline::fields::{Field, IntegerField};
use bowline::model::Model as Description;
use bowline::prelude::*;
use bowline::testing::Client;
use serde_json::{Value as Json, json};

use crate::support::Database;

mod board {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "board")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub pegs: HasMany<super::peg::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod peg {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "peg")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "flagged")]
        pub board_id: i64,
        #[sea_orm(unique_key = "flagged")]
        pub flag: bool,
        #[sea_orm(unique)]
        pub lit: bool,
        #[sea_orm(unique)]
        pub word: String,
        #[sea_orm(unique)]
        pub num: i16,
        #[sea_orm(unique)]
        pub big: i64,
        #[sea_orm(unique)]
        pub key: Uuid,
        #[sea_orm(unique)]
        pub day: Date,
        #[sea_orm(unique)]
        pub clock: Time,
        #[sea_orm(unique)]
        pub at: DateTimeUtc,
        #[sea_orm(unique, column_type = "Decimal(Some((3, 1)))")]
        pub price: Decimal,
        #[sea_orm(unique)]
        pub ratio: f64,
        #[sea_orm(default_value = "")]
        pub note: String,
        #[sea_orm(belongs_to, from = "board_id", to = "id", on_delete = "Cascade")]
        pub board: HasOne<super::board::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// One for each board.
mod owner {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "owner")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub board_id: i64,
        #[sea_orm(belongs_to, from = "board_id", to = "id")]
        pub board: HasOne<super::board::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a peg holds, so that the peg cannot be taken out of its table.
mod hat {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hat")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub peg_id: i64,
        #[sea_orm(belongs_to, from = "peg_id", to = "id", on_delete = "Cascade")]
        pub peg: HasOne<super::peg::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn router() -> DefaultRouter {
    let id = || Field::new("id", IntegerField::new()).required(false);
    let pegs = ModelSerializer::<peg::Entity>::new().exclude(["board"]).declare(id());
    let boards = ModelSerializer::<board::Entity>::new().fields(["id", "name", "pegs"]).nested("pegs", pegs, |f| f);
    let many = [Action::Update, Action::PartialUpdate];
    DefaultRouter::new()
        .describe(
            Description::<peg::Entity>::new().foreign_key(peg::Column::BoardId, |board| board.related_name("pegs")),
        )
        .register("boards", ModelViewSet::new().serializer(boards))
        .register("pegs", ModelViewSet::<peg::Entity>::new().update_many(many))
        .register("owners", ModelViewSet::<owner::Entity>::new().update_many(many))
        .register("hats", ModelViewSet::<hat::Entity>::new())
}

/// Tables in which each column takes the two values that are exchanged, and no others; on PostgreSQL with columns that the entity
/// does not know of, a generated one among them.
fn checked(database: &Database) {
    let (pk, uuid, at, more) = match database.name() {
        "SQLite" => ("integer NOT NULL PRIMARY KEY AUTOINCREMENT", "char(32)", "datetime", ""),
        _ => (
            "bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY",
            "uuid",
            "timestamptz",
            "sum integer GENERATED ALWAYS AS (num * 2) STORED, \"odd \"\"name\" bytea DEFAULT '\\x00ff', spans interval[],",
        ),
    };
    database.run(&format!(
        "CREATE TABLE board (id {pk}, name text NOT NULL);
         CREATE TABLE peg (id {pk}, board_id bigint NOT NULL REFERENCES board (id), flag boolean NOT NULL,
             lit boolean NOT NULL UNIQUE, word varchar(1) NOT NULL UNIQUE CHECK (word IN ('a', 'b')),
             num smallint NOT NULL UNIQUE CHECK (num BETWEEN 0 AND 1), big bigint NOT NULL UNIQUE CHECK (big IN (0, 1)),
             key {uuid} NOT NULL UNIQUE, day date NOT NULL UNIQUE CHECK (day IN ('2024-01-01', '2024-01-02')),
             clock time NOT NULL UNIQUE, at {at} NOT NULL UNIQUE, price numeric(3,1) NOT NULL UNIQUE CHECK (price IN (1, 2)),
             {more} ratio double precision NOT NULL UNIQUE CHECK (ratio IN (0.5, 1.5)), note text NOT NULL,
             UNIQUE (board_id, flag));
         CREATE TABLE owner (id {pk}, board_id bigint NOT NULL UNIQUE REFERENCES board (id));
         CREATE TABLE hat (id {pk}, peg_id bigint NOT NULL REFERENCES peg (id) ON DELETE CASCADE);"
    ));
}

fn pegs() -> [Json; 2] {
    let one = |n: usize, word: &str, day: &str, clock: &str, at: &str, price: &str| {
        let key = format!("00000000-0000-0000-0000-00000000000{n}");
        json!({"flag": n == 1, "lit": n == 1, "word": word, "num": n, "big": n, "key": key, "day": day, "clock": clock,
            "at": at, "price": price, "ratio": n as f64 + 0.5, "note": format!("no. {n}")})
    };
    [
        one(0, "a", "2024-01-01", "10:00:00.120000", "2024-01-01T00:00:00Z", "1.0"),
        one(1, "b", "2024-01-02", "11:00:00", "2024-01-02T00:00:00.500000Z", "2.0"),
    ]
}

const KINDS: [&str; 11] = ["flag", "lit", "word", "num", "big", "key", "day", "clock", "at", "price", "ratio"];

async fn call(client: &Client, method: &str, path: &str, body: Json) -> (u16, Json) {
    let body = bowline::value::json::parse(body.to_string().as_bytes()).unwrap();
    let answer = match method {
        "POST" => client.post(path, body).await,
        "PATCH" => client.patch(path, body).await,
        _ => client.get(path).await,
    };
    let answer = answer.unwrap();
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Json::Null))
}

async fn laid(database: &Database) -> Client {
    let client = Client::over(&database.url(), router()).await.unwrap();
    let made = call(&client, "POST", "/boards/", json!({"name": "x", "pegs": pegs()})).await;
    assert_eq!(made.0, 201, "{}", made.1);
    call(&client, "POST", "/boards/", json!({"name": "y", "pegs": []})).await;
    for board in [1, 2] {
        assert_eq!(call(&client, "POST", "/owners/", json!({"board": board})).await.0, 201);
    }
    client
}

/// The pegs' values of one field, by their ids.
async fn values(client: &Client, field: &str) -> [Json; 2] {
    let rows = call(client, "GET", "/pegs/", Json::Null).await.1;
    [1, 2].map(|id| rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()[field].clone())
}

#[tokio::test]
async fn values_of_every_kind_change_places() {
    for is_checked in [false, true] {
        for database in [Database::sqlite(), Database::postgres()] {
            if is_checked {
                checked(&database);
            }
            let client = laid(&database).await;
            let before = call(&client, "GET", "/pegs/", Json::Null).await.1;
            for field in KINDS {
                let place = format!("{}, {field}, checked: {is_checked}", database.name());
                let [one, two] = pegs().map(|peg| peg[field].clone());
                let items = |one: &Json, two: &Json| json!([{"id": 1, field: one}, {"id": 2, field: two}]);
                let (status, answer) = call(&client, "PATCH", "/pegs/", items(&two, &one)).await;
                assert_eq!(status, 200, "{place}: {answer}");
                assert_eq!(values(&client, field).await, [two.clone(), one.clone()], "{place}");
                let back = json!({"pegs": items(&one, &two)});
                let (status, answer) = call(&client, "PATCH", "/boards/1/", back).await;
                assert_eq!(status, 200, "{place}: {answer}");
            }
            assert_eq!(call(&client, "GET", "/pegs/", Json::Null).await.1, before, "{}", database.name());
            // owners of whom each board has one
            let swap = json!([{"id": 1, "board": 2}, {"id": 2, "board": 1}]);
            let (status, answer) = call(&client, "PATCH", "/owners/", swap.clone()).await;
            assert_eq!((status, &answer), (200, &swap), "{}", database.name());
            if is_checked && database.name() == "PostgreSQL" {
                // what the entity does not know of is there as it was
                let kept = database.list("SELECT sum || ' ' || (\"odd \"\"name\" = '\\x00ff') FROM peg ORDER BY id");
                assert_eq!(kept, ["0 true", "2 true"]);
            }
        }
    }
}

/// A row that others point to stays in its table; another one of the ring makes way.
#[tokio::test]
async fn what_hangs_on_a_row_stays() {
    for database in [Database::sqlite(), Database::postgres()] {
        checked(&database);
        let client = laid(&database).await;
        assert_eq!(call(&client, "POST", "/hats/", json!({"peg": 1})).await.0, 201);
        let swap = |one: bool| json!([{"id": 1, "lit": one}, {"id": 2, "lit": !one}]);
        let (status, answer) = call(&client, "PATCH", "/pegs/", swap(true)).await;
        assert_eq!(status, 200, "{}: {answer}", database.name());
        assert_eq!(values(&client, "lit").await, [json!(true), json!(false)], "{}", database.name());
        assert_eq!(call(&client, "GET", "/hats/", Json::Null).await.1, json!([{"id": 1, "peg": 1}]));
        // where both are pointed to, PostgreSQL has no way
        assert_eq!(call(&client, "POST", "/hats/", json!({"peg": 2})).await.0, 201);
        let (status, answer) = call(&client, "PATCH", "/pegs/", swap(false)).await;
        let expected = if database.name() == "SQLite" { 200 } else { 400 };
        assert_eq!(status, expected, "{}: {answer}", database.name());
        assert_eq!(call(&client, "GET", "/hats/", Json::Null).await.1.as_array().unwrap().len(), 2);
    }
}

/// A write that is wrong for another reason leaves everything as it was, CHECKs included.
#[tokio::test]
async fn what_is_refused_leaves_no_trace() {
    for database in [Database::sqlite(), Database::postgres()] {
        checked(&database);
        let client = laid(&database).await;
        let before = call(&client, "GET", "/pegs/", Json::Null).await.1;
        for body in [
            json!([{"id": 1, "lit": true}, {"id": 2, "lit": false, "num": 7}]),
            json!([{"id": 1, "num": 1}, {"id": 2, "num": 0, "board": 9}]),
            json!([{"id": 1, "word": "b", "num": 5}, {"id": 2, "word": "a"}]),
        ] {
            let (status, answer) = call(&client, "PATCH", "/pegs/", body.clone()).await;
            assert_eq!(status, 400, "{}: {body} {answer}", database.name());
            assert_eq!(call(&client, "GET", "/pegs/", Json::Null).await.1, before, "{}: {body}", database.name());
        }
        // and the CHECKs hold for whoever comes next
        let (status, answer) = call(&client, "PATCH", "/pegs/1/", json!({"num": 9})).await;
        assert_eq!(status, 400, "{}: {answer}", database.name());
        let owners = json!([{"id": 1, "board": 2}, {"id": 2, "board": 9}]);
        let (status, answer) = call(&client, "PATCH", "/owners/", owners).await;
        assert_eq!(status, 400, "{}: {answer}", database.name());
        let message = &answer["1"]["board"][0];
        assert_eq!(message, "Invalid pk \"9\" - object does not exist.", "{}: {answer}", database.name());
        let owners = json!([{"id": 1, "board": 1}, {"id": 2, "board": 2}]);
        assert_eq!(call(&client, "GET", "/owners/", Json::Null).await.1, owners, "{}", database.name());
    }
}
