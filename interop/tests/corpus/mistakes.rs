//! Statements that the database refuses, each in a transaction of its own.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveModelTrait, QuerySelect, Set, Statement};

use super::answers::Answers;
use super::entities::{another, label, maker, thing};

/// How many there are.
pub(crate) const COUNT: usize = 11;

/// The statement of a number.
pub(crate) async fn run<C: ConnectionTrait>(db: &C, number: usize, out: &mut Answers) {
    let raw = |sql: &str| Statement::from_string(db.get_database_backend(), sql);
    match number {
        0 => out.add(
            "a name that is taken",
            maker::ActiveModel { name: Set("second".into()), ..Default::default() }.insert(db).await,
        ),
        1 => out.add("a key that is taken", another(1).insert(db).await),
        2 => out.add(
            "a target that is missing",
            label::ActiveModel { thing_id: Set(99), tag_id: Set(Uuid::from_u128(1)), weight: Set(1) }.insert(db).await,
        ),
        3 => out.add("no such table", db.query_all_raw(raw("SELECT * FROM missing")).await.map(drop)),
        4 => out.add(
            "no such column",
            thing::Entity::find().select_only().column_as(Expr::cust("missing"), "x").into_tuple::<i32>().all(db).await,
        ),
        5 => out.add("no SQL", db.execute_unprepared("SELEKT 1").await.map(drop)),
        6 => out.add(
            "a row that is in use",
            thing::Entity::delete_by_id(1).exec(db).await.map(|result| result.rows_affected),
        ),
        7 => out.add(
            "null where none may be",
            db.execute_raw(raw("INSERT INTO maker (id, name) VALUES (200, NULL)")).await.map(drop),
        ),
        8 => out.add(
            "a taken name by exec",
            maker::Entity::insert(maker::ActiveModel { name: Set("second".into()), ..Default::default() })
                .exec_without_returning(db)
                .await,
        ),
        9 => out.add(
            "a taken name by SQL",
            db.execute_raw(raw("UPDATE maker SET name = 'second' WHERE id = 3")).await.map(drop),
        ),
        _ => out.add(
            "several, one of them wrong",
            db.execute_unprepared("UPDATE maker SET name = 'y' WHERE id = 3; SELEKT 1").await.map(drop),
        ),
    }
}
