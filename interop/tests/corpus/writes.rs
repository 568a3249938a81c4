//! Inserts, updates, deletions.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue, DbBackend, ExprTrait, IntoActiveModel, QueryOrder, Set, Statement, TryInsertResult,
    Unchanged,
};

use super::answers::Answers;
use super::entities::{another, label, maker, tag, thing};

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    let backend = db.get_database_backend();
    out.add("insert", another(11).insert(db).await);
    out.add("insert without key", {
        let mut model = another(12);
        model.id = ActiveValue::NotSet;
        model.insert(db).await.map(|model| (model.name, model.utc, model.key))
    });
    out.add(
        "insert and its key",
        maker::Entity::insert(maker::ActiveModel { id: Set(50), name: Set("fifty".into()), founded: Set(None) })
            .exec(db)
            .await
            .map(|result| result.last_insert_id),
    );
    out.add(
        "insert and a uuid key",
        tag::Entity::insert(tag::ActiveModel {
            id: Set(Uuid::from_u128(50)),
            name: Set("fifty".into()),
            seen: Set(None),
        })
        .exec(db)
        .await
        .map(|result| result.last_insert_id),
    );
    out.add(
        "insert and two keys",
        label::Entity::insert(label::ActiveModel {
            thing_id: Set(2),
            tag_id: Set(Uuid::from_u128(50)),
            weight: Set(1),
        })
        .exec(db)
        .await
        .map(|result| result.last_insert_id),
    );
    out.add(
        "insert returning",
        maker::Entity::insert(maker::ActiveModel { id: Set(51), name: Set("more".into()), founded: Set(None) })
            .exec_with_returning(db)
            .await,
    );
    out.add(
        "insert without returning",
        maker::Entity::insert(maker::ActiveModel { id: Set(52), name: Set("count".into()), founded: Set(None) })
            .exec_without_returning(db)
            .await,
    );
    let many = |from: i32| {
        (from..from + 3).map(|id| maker::ActiveModel { id: Set(id), name: Set(format!("m{id}")), founded: Set(None) })
    };
    out.add("insert many", maker::Entity::insert_many(many(60)).exec(db).await.map(|result| result.last_insert_id));
    out.add("insert many returning", maker::Entity::insert_many(many(70)).exec_with_returning(db).await);
    out.add("insert many, count", maker::Entity::insert_many(many(80)).exec_without_returning(db).await);
    out.add(
        "insert many of none",
        maker::Entity::insert_many(Vec::<maker::ActiveModel>::new()).exec(db).await.map(|result| result.last_insert_id),
    );
    out.add("insert many models", thing::Entity::insert_many([another(21), another(22)]).exec_with_returning(db).await);
    let again = || maker::ActiveModel { id: Set(1), name: Set("first anew".into()), founded: Set(None) };
    out.add(
        "on conflict do nothing",
        match maker::Entity::insert(again()).on_conflict_do_nothing().exec(db).await {
            Ok(TryInsertResult::Conflicted) => Ok("conflicted"),
            Ok(TryInsertResult::Inserted(_)) => Ok("inserted"),
            Ok(TryInsertResult::Empty) => Ok("empty"),
            Err(error) => Err(error),
        },
    );
    out.add(
        "on conflict update",
        maker::Entity::insert(again())
            .on_conflict(OnConflict::column(maker::Column::Id).update_column(maker::Column::Name).to_owned())
            .exec_with_returning(db)
            .await,
    );

    let first = thing::Entity::find_by_id(1).one(db).await.ok().flatten();
    if let Some(first) = first {
        let mut model = first.clone().into_active_model();
        model.utc = Set("2030-01-01T00:00:00.5Z".parse().unwrap());
        model.maybe_key = Set(None);
        model.price = Set(Decimal::new(25, 2));
        out.add("update", model.update(db).await);
        let mut model = first.into_active_model();
        model.title = Set(None);
        out.add("save", model.save(db).await);
    }
    let gone = thing::ActiveModel { id: Unchanged(-5), number: Set(1), ..Default::default() };
    out.add("update of no row", gone.update(db).await);
    out.add(
        "save of a new one",
        maker::ActiveModel { id: ActiveValue::NotSet, name: Set("saved".into()), founded: Set(None) }
            .save(db)
            .await
            .map(|model| model.name),
    );
    out.add(
        "update many",
        thing::Entity::update_many()
            .col_expr(thing::Column::Number, Expr::col(thing::Column::Number).add(1))
            .filter(thing::Column::Id.lt(4))
            .exec(db)
            .await
            .map(|result| result.rows_affected),
    );
    out.add(
        "update many of none",
        thing::Entity::update_many()
            .col_expr(thing::Column::Number, Expr::value(1))
            .filter(thing::Column::Id.lt(-4))
            .exec(db)
            .await
            .map(|result| result.rows_affected),
    );
    out.add(
        "update many returning",
        thing::Entity::update_many()
            .col_expr(thing::Column::Flag, Expr::value(true))
            .filter(thing::Column::Id.is_in([2, 4]))
            .exec_with_returning(db)
            .await
            .map(|mut all| {
                all.sort_by_key(|thing| thing.id);
                all
            }),
    );
    out.add(
        "update many to times",
        thing::Entity::update_many()
            .col_expr(thing::Column::MaybeUtc, Expr::value("2031-01-01T00:00:00Z".parse::<DateTimeUtc>().unwrap()))
            .col_expr(thing::Column::MaybeKey, Expr::value(Uuid::from_u128(8)))
            .filter(thing::Column::Id.eq(2))
            .exec(db)
            .await
            .map(|result| result.rows_affected),
    );
    out.add(
        "found by the new values",
        thing::Entity::find()
            .filter(thing::Column::MaybeUtc.eq("2031-01-01T00:00:00Z".parse::<DateTimeUtc>().unwrap()))
            .filter(thing::Column::MaybeKey.eq(Uuid::from_u128(8)))
            .all(db)
            .await,
    );
    out.add(
        "delete a model",
        match maker::Entity::find_by_id(60).one(db).await {
            Ok(Some(model)) => model.delete(db).await.map(|result| result.rows_affected),
            Ok(None) => Ok(0),
            Err(error) => Err(error),
        },
    );
    out.add("delete by key", maker::Entity::delete_by_id(61).exec(db).await.map(|result| result.rows_affected));
    out.add(
        "delete by a uuid key",
        tag::Entity::delete_by_id(Uuid::from_u128(3)).exec(db).await.map(|result| result.rows_affected),
    );
    out.add(
        "delete many",
        maker::Entity::delete_many()
            .filter(maker::Column::Id.gte(70))
            .filter(maker::Column::Id.lt(73))
            .exec(db)
            .await
            .map(|result| result.rows_affected),
    );
    out.add(
        "delete many returning",
        maker::Entity::delete_many()
            .filter(maker::Column::Id.gte(80))
            .filter(maker::Column::Id.lt(83))
            .exec_with_returning(db)
            .await
            .map(|mut all| {
                all.sort_by_key(|maker| maker.id);
                all
            }),
    );
    out.add("delete of none", maker::Entity::delete_by_id(-1).exec(db).await.map(|result| result.rows_affected));
    let insert = Query::insert()
        .into_table(maker::Entity)
        .columns([maker::Column::Id, maker::Column::Name])
        .values_panic([90.into(), "ninety".into()])
        .to_owned();
    out.add("execute a built insert", db.execute(&insert).await.map(|result| result.rows_affected()));
    let raw = |sql: &str| Statement::from_string(backend, sql);
    out.add(
        "execute raw",
        db.execute_raw(raw("UPDATE maker SET name = name || '!' WHERE id < 3"))
            .await
            .map(|result| result.rows_affected()),
    );
    out.add(
        "execute raw of none",
        db.execute_raw(raw("UPDATE maker SET name = name WHERE id < 0")).await.map(|result| result.rows_affected()),
    );
    out.add("execute raw many", db.execute_raw(raw("INSERT INTO maker (id, name) WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 3499) SELECT i, 'bulk ' || i FROM n")).await.map(|result| result.rows_affected()));
    if backend == DbBackend::Sqlite {
        out.add(
            "last insert id",
            db.execute_raw(raw("INSERT INTO maker (id, name) VALUES (95, 'last')"))
                .await
                .map(|result| (result.last_insert_id(), result.rows_affected())),
        );
        out.add(
            "last insert id after another",
            db.execute_raw(raw("UPDATE maker SET name = 'x' WHERE id = 95"))
                .await
                .map(|result| (result.last_insert_id(), result.rows_affected())),
        );
    }
    out.add(
        "execute unprepared",
        db.execute_unprepared("UPDATE maker SET founded = NULL WHERE id < 4")
            .await
            .map(|result| result.rows_affected()),
    );
    out.add(
        "execute several unprepared",
        db.execute_unprepared("DELETE FROM maker WHERE id = 1000; DELETE FROM maker WHERE id IN (1001, 1002);")
            .await
            .map(|result| result.rows_affected()),
    );
    out.add(
        "raw returning",
        super::raw::tuples::<(i32, String), C>(
            db,
            raw("UPDATE maker SET name = 'renamed' WHERE id = 3 RETURNING id, name"),
        )
        .await,
    );
    out.add(
        "create and use a table",
        async {
            db.execute_unprepared("CREATE TABLE extra (id integer PRIMARY KEY, at timestamp)").await?;
            db.execute_unprepared("INSERT INTO extra VALUES (1, '2026-01-01 00:00:00')").await?;
            super::raw::tuples::<(i32, DateTime), C>(db, raw("SELECT id, at FROM extra")).await
        }
        .await,
    );
    out.add(
        "the makers afterwards",
        maker::Entity::find().filter(maker::Column::Id.lt(100)).order_by_asc(maker::Column::Id).all(db).await,
    );
    out.add(
        "the things afterwards",
        thing::Entity::find().filter(thing::Column::Id.lt(100)).order_by_asc(thing::Column::Id).all(db).await,
    );
    out.add("the tags afterwards", tag::Entity::find().order_by_asc(tag::Column::Name).all(db).await);
}
