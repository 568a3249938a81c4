//! SQL of one's own.

use sea_orm::entity::prelude::*;
use sea_orm::{DbBackend, FromQueryResult, QueryResult, Statement, TryGetable, Value};

use super::answers::Answers;
use super::entities::{maker, thing};

#[derive(Debug, FromQueryResult)]
#[allow(dead_code)]
struct Total {
    letter: String,
    total: i64,
    last: Option<DateTimeUtc>,
    share: Option<f64>,
}

fn get<T: TryGetable>(row: &Option<QueryResult>, name: &str) -> Result<T, DbErr> {
    row.as_ref().ok_or(DbErr::RecordNotFound(String::new()))?.try_get("", name)
}

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    let backend = db.get_database_backend();
    let is_postgres = backend == DbBackend::Postgres;
    let plain = |sql: &str| Statement::from_string(backend, sql);
    let with = |sql: &str, values: Vec<Value>| {
        let sql = if is_postgres { sql.to_owned() } else { sql.replace('$', "?") };
        Statement::from_sql_and_values(backend, sql, values)
    };

    out.add(
        "an entity from SQL",
        thing::Entity::find().from_raw_sql(plain("SELECT * FROM thing ORDER BY id")).all(db).await,
    );
    out.add(
        "an entity from SQL, one",
        thing::Entity::find().from_raw_sql(with("SELECT * FROM thing WHERE id = $1", vec![2.into()])).one(db).await,
    );
    out.add(
        "another entity from SQL",
        maker::Entity::find().from_raw_sql(plain("select id, name, founded from maker order by id")).all(db).await,
    );
    out.add(
        "json from SQL",
        thing::Entity::find()
            .from_raw_sql(plain("SELECT id, name, flag, maybe_flag FROM thing ORDER BY id"))
            .into_json()
            .all(db)
            .await,
    );

    let row = db.query_one_raw(plain("SELECT * FROM thing ORDER BY id")).await;
    out.add(
        "names of columns",
        row.as_ref().map(|row| row.as_ref().map(QueryResult::column_names)).map_err(Clone::clone),
    );
    let row = row.unwrap_or_default();
    out.add("id as i32", get::<i32>(&row, "id"));
    out.add("flag as bool", get::<bool>(&row, "flag"));
    out.add("flag as Option<bool>", get::<Option<bool>>(&row, "maybe_flag"));
    out.add("utc", get::<DateTimeUtc>(&row, "utc"));
    out.add("utc as naive", get::<DateTime>(&row, "utc"));
    out.add("day", get::<Date>(&row, "day"));
    out.add("clock", get::<Time>(&row, "clock"));
    out.add("price", get::<Decimal>(&row, "price"));
    out.add("key", get::<Uuid>(&row, "key"));
    out.add("extra", get::<Json>(&row, "extra"));
    out.add("data", get::<Vec<u8>>(&row, "data"));
    out.add("size", get::<thing::Size>(&row, "size"));
    out.add("level", get::<Option<thing::Level>>(&row, "level"));
    out.add("missing", get::<i32>(&row, "missing"));
    out.add("missing into an option", get::<Option<i32>>(&row, "missing"));
    if let Some(row) = &row {
        out.add("first by index", row.try_get_by_index::<i32>(0));
        out.add("third by index", row.try_get_by_index::<String>(2));
        out.add("past the end by index", row.try_get_by_index::<i32>(99));
        out.add("by nullable", row.try_get_by_nullable::<Option<i32>, _>("id").map_err(DbErr::from));
        out.add("many by index", row.try_get_many_by_index::<(i32, Option<i32>, String)>());
        out.add("a model of a row", thing::Model::from_query_result(row, ""));
    }
    let computed = "SELECT 1 AS one, 1.5 AS half, 'x' AS text, NULL AS nothing, count(*) AS n, max(utc) AS last, 2 > 1 AS more FROM thing";
    let row = db.query_one_raw(plain(computed)).await.unwrap_or_default();
    out.add("one as i32", get::<i32>(&row, "one"));
    out.add("one as i64", get::<i64>(&row, "one"));
    out.add("one as u32", get::<u32>(&row, "one"));
    out.add("half as f64", get::<f64>(&row, "half"));
    out.add("half as decimal", get::<Decimal>(&row, "half"));
    out.add("text", get::<String>(&row, "text"));
    out.add("nothing", get::<Option<i32>>(&row, "nothing"));
    out.add("nothing as text", get::<Option<String>>(&row, "nothing"));
    out.add("nothing into no option", get::<i32>(&row, "nothing"));
    out.add("n as i32", get::<i32>(&row, "n"));
    out.add("n as i64", get::<i64>(&row, "n"));
    out.add("last", get::<Option<DateTimeUtc>>(&row, "last"));
    out.add("last as naive", get::<Option<DateTime>>(&row, "last"));
    out.add("more as bool", get::<bool>(&row, "more"));
    out.add("more as i32", get::<i32>(&row, "more"));
    out.add(
        "unquoted, no alias",
        db.query_all_raw(plain("select count(*), max(number) from thing")).await.map(|rows| {
            rows.iter()
                .map(|row| {
                    (row.column_names(), row.try_get_by_index::<i64>(0).ok(), row.try_get_by_index::<i32>(1).ok())
                })
                .collect::<Vec<_>>()
        }),
    );
    out.add("no rows", db.query_all_raw(plain("SELECT * FROM thing WHERE id < 0")).await.map(|rows| rows.len()));
    out.add("no row", db.query_one_raw(plain("SELECT * FROM thing WHERE id < 0")).await.map(|row| row.is_some()));

    let totals = "SELECT letter, sum(number) AS total, max(utc) AS last, avg(ratio) AS share FROM thing GROUP BY letter ORDER BY letter";
    out.add("totals", Total::find_by_statement(plain(totals)).all(db).await);
    let union = "SELECT id, name FROM thing WHERE id < 3 UNION ALL SELECT id, name FROM maker ORDER BY name, id";
    out.add("union", tuples::<(i32, String), C>(db, plain(union)).await);
    let cte = "WITH big AS (SELECT id, utc FROM thing WHERE id > 4) SELECT id, utc FROM big ORDER BY id";
    out.add("cte", tuples::<(i32, DateTimeUtc), C>(db, plain(cte)).await);
    let recursive = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n";
    out.add("recursion", tuples::<(i32,), C>(db, plain(recursive)).await);
    let window = "SELECT id, row_number() OVER (PARTITION BY letter ORDER BY id) AS place, lag(utc) OVER (ORDER BY id) AS before FROM thing ORDER BY id";
    out.add("window", tuples::<(i32, i64, Option<DateTimeUtc>), C>(db, plain(window)).await);
    let sub = "SELECT id, (SELECT name FROM maker WHERE maker.id = maker_id) AS maker FROM thing ORDER BY id";
    out.add("scalar subquery", tuples::<(i32, Option<String>), C>(db, plain(sub)).await);
    let derived = "SELECT s.day, s.key FROM (SELECT day, key FROM thing WHERE id = 1) AS s";
    out.add("derived table", tuples::<(Date, Uuid), C>(db, plain(derived)).await);
    let cast = "SELECT CAST(number AS text) AS t, CAST(id AS real) AS r FROM thing ORDER BY id";
    out.add("casts", tuples::<(String, f32), C>(db, plain(cast)).await);
    out.add(
        "bound values",
        tuples::<(i32, i64, String, bool, f64), C>(
            db,
            with("SELECT $1, $2, $3, $4, $5", vec![1.into(), 2_i64.into(), "x".into(), true.into(), 0.5.into()]),
        )
        .await,
    );
    out.add("added values", tuples::<(i32,), C>(db, with("SELECT $1 + $2", vec![1.into(), 2.into()])).await);
    out.add("joined values", tuples::<(String,), C>(db, with("SELECT $1 || $2", vec!["a".into(), "b".into()])).await);
    out.add(
        "a bound null",
        tuples::<(Option<i32>,), C>(db, with("SELECT $1 AS v1", vec![Option::<i32>::None.into()])).await,
    );
    out.add("is null", tuples::<(bool,), C>(db, with("SELECT $1 IS NULL", vec!["a".into()])).await);
    let at: DateTimeUtc = "2026-01-02T03:04:05.678Z".parse().unwrap();
    out.add("a bound time", tuples::<(DateTimeUtc,), C>(db, with("SELECT $1 AS v2", vec![at.into()])).await);
    out.add(
        "a bound naive time",
        tuples::<(DateTime,), C>(db, with("SELECT $1 AS v3", vec![at.naive_utc().into()])).await,
    );
    out.add("a bound uuid", tuples::<(Uuid,), C>(db, with("SELECT $1 AS v4", vec![Uuid::from_u128(3).into()])).await);
    out.add(
        "a bound decimal",
        tuples::<(Decimal,), C>(db, with("SELECT $1 + 0", vec![Decimal::new(15, 1).into()])).await,
    );
    out.add(
        "a bound json",
        tuples::<(Json,), C>(db, with("SELECT $1 AS v5", vec![Json::from(vec![1, 2]).into()])).await,
    );
    out.add("bound bytes", tuples::<(Vec<u8>,), C>(db, with("SELECT $1 AS v6", vec![vec![1_u8, 0].into()])).await);
    out.add("a bound day", tuples::<(Date,), C>(db, with("SELECT $1 AS v7", vec![at.date_naive().into()])).await);
    out.add("a bound clock", tuples::<(Time,), C>(db, with("SELECT $1 AS v8", vec![at.time().into()])).await);
    out.add("a bound small", tuples::<(i16,), C>(db, with("SELECT $1 AS v9", vec![5_i16.into()])).await);
    out.add(
        "bound unsigneds",
        tuples::<(i64, i32), C>(db, with("SELECT $1 AS a, $2 AS b", vec![5_u32.into(), 6_u16.into()])).await,
    );
    out.add("a bound single", tuples::<(f32,), C>(db, with("SELECT $1 AS v10", vec![0.1_f32.into()])).await);
    out.add("a bound char", tuples::<(String,), C>(db, with("SELECT $1 AS v11", vec!['c'.into()])).await);
    if is_postgres {
        out.add(
            "concat",
            tuples::<(String,), C>(
                db,
                with("SELECT concat($1, $2, name) FROM thing WHERE id = 1", vec!["a".into(), 1.into()]),
            )
            .await,
        );
        out.add(
            "a bound list",
            tuples::<(i64,), C>(db, with("SELECT count(*) FROM thing WHERE id = ANY($1)", vec![vec![1, 2].into()]))
                .await,
        );
        out.add(
            "a built json",
            tuples::<(Json,), C>(db, with("SELECT jsonb_build_object('a', $1)", vec!["x".into()])).await,
        );
    }
    let wide: Vec<String> = (0..300).map(|n| format!("{n} AS c{n}")).collect();
    out.add(
        "three hundred columns",
        db.query_one_raw(plain(&format!("SELECT {}", wide.join(", ")))).await.map(|row| {
            row.map(|row| (0..300).map(|n| row.try_get::<i32>("", &format!("c{n}")).ok()).collect::<Vec<_>>())
        }),
    );
    let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 'text ' || i AS t FROM n";
    out.add(
        "twenty thousand rows",
        tuples::<(i32, String), C>(db, plain(long)).await.map(|rows| {
            (
                rows.len(),
                rows.first().cloned(),
                rows.last().cloned(),
                rows.iter().map(|row| i64::from(row.0)).sum::<i64>(),
            )
        }),
    );
    let huge = if is_postgres {
        "SELECT repeat('x', 5000000) AS t, 1 AS n"
    } else {
        "SELECT printf('%.*c', 5000000, 'x') AS t, 1 AS n"
    };
    out.add(
        "a huge text",
        tuples::<(String, i32), C>(db, plain(huge))
            .await
            .map(|rows| rows.iter().map(|row| (row.0.len(), row.1)).collect::<Vec<_>>()),
    );
    let odd = r#"SELECT 1 AS "a b", 2 AS "ü", 3 AS "x""y", 4 AS "A_id" "#;
    out.add(
        "odd names",
        db.query_one_raw(plain(odd)).await.map(|row| {
            row.map(|row| {
                (
                    row.column_names(),
                    row.try_get::<i32>("", "a b").ok(),
                    row.try_get::<i32>("", "ü").ok(),
                    row.try_get::<i32>("", "x\"y").ok(),
                    row.try_get::<i32>("A_", "id").ok(),
                )
            })
        }),
    );
}

/// The rows of a statement as tuples.
pub(crate) async fn tuples<T: sea_orm::TryGetableMany, C: ConnectionTrait>(
    db: &C,
    statement: Statement,
) -> Result<Vec<T>, DbErr> {
    db.query_all_raw(statement).await?.iter().map(QueryResult::try_get_many_by_index).collect()
}
