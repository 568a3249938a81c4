//! Aggregates into every type, groups, CASE, COALESCE, window functions.

use sea_orm::entity::prelude::*;
use sea_orm::{DbBackend, ExprTrait, Iterable, QueryOrder, QuerySelect, TryGetable, sea_query};
use sea_query::{CaseStatement, Func, SimpleExpr};

use super::answers::Answers;
use super::entities::{maker, thing};

/// A computed value into a type, plain and optional.
async fn both<T: TryGetable + std::fmt::Debug, C: ConnectionTrait>(
    db: &C,
    out: &mut Answers,
    name: &str,
    computed: &SimpleExpr,
    filter: bool,
) {
    let select = || {
        // SeaORM's driver keeps a statement by its text alone, whatever the types of its values are
        let select = thing::Entity::find().select_only().column_as(computed.clone(), name);
        if filter { select.filter(thing::Column::Id.lt(0)) } else { select }
    };
    let ty = std::any::type_name::<T>();
    out.add(format!("{name} as {ty}"), select().into_tuple::<T>().one(db).await);
    out.add(format!("{name} as Option<{ty}>"), select().into_tuple::<Option<T>>().one(db).await);
}

async fn every<C: ConnectionTrait>(db: &C, out: &mut Answers, name: &str, computed: SimpleExpr, filter: bool) {
    both::<i32, C>(db, out, name, &computed, filter).await;
    both::<i64, C>(db, out, name, &computed, filter).await;
    both::<u32, C>(db, out, name, &computed, filter).await;
    both::<f64, C>(db, out, name, &computed, filter).await;
    both::<f32, C>(db, out, name, &computed, filter).await;
    both::<bool, C>(db, out, name, &computed, filter).await;
    both::<Decimal, C>(db, out, name, &computed, filter).await;
    both::<String, C>(db, out, name, &computed, filter).await;
    both::<DateTimeUtc, C>(db, out, name, &computed, filter).await;
    both::<DateTimeWithTimeZone, C>(db, out, name, &computed, filter).await;
    both::<DateTime, C>(db, out, name, &computed, filter).await;
    both::<Date, C>(db, out, name, &computed, filter).await;
    both::<Time, C>(db, out, name, &computed, filter).await;
    both::<Vec<u8>, C>(db, out, name, &computed, filter).await;
    both::<Uuid, C>(db, out, name, &computed, filter).await;
    both::<Json, C>(db, out, name, &computed, filter).await;
}

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    use thing::Column as C;
    every(db, out, "count", C::Id.count(), false).await;
    every(db, out, "max number", C::Number.max(), false).await;
    every(db, out, "max of no rows", C::Number.max(), true).await;
    every(db, out, "min small", C::Small.min(), false).await;
    every(db, out, "sum number", C::Number.sum(), false).await;
    every(db, out, "sum small", C::Small.sum(), false).await;
    every(db, out, "avg number", Func::avg(Expr::col(C::Number)).into(), false).await;
    every(db, out, "sum ratio", C::Ratio.sum(), false).await;
    every(db, out, "max single", C::Single.max(), false).await;
    every(db, out, "max price", C::Price.max(), false).await;
    every(db, out, "max maybe_price", C::MaybePrice.max(), false).await;
    every(db, out, "max name", C::Name.max(), false).await;
    every(db, out, "max day", C::Day.max(), false).await;
    every(db, out, "max clock", C::Clock.max(), false).await;
    every(db, out, "max naive", C::Naive.max(), false).await;
    every(db, out, "max utc", C::Utc.max(), false).await;
    every(db, out, "min maybe_utc", C::MaybeUtc.min(), false).await;
    every(db, out, "max maybe_big", C::MaybeBig.max(), false).await;
    every(db, out, "a constant", Expr::val(1), false).await;
    every(db, out, "a big constant", Expr::val(1_i64 << 40), false).await;
    every(db, out, "a text", Expr::val("x"), false).await;
    every(db, out, "a null", Expr::val(Option::<i32>::None), false).await;
    every(db, out, "a time", Expr::val("2026-01-02T03:04:05Z".parse::<DateTimeUtc>().unwrap()), false).await;
    every(db, out, "a comparison", Expr::col(C::Number).gt(10), false).await;
    let case: SimpleExpr = CaseStatement::new().case(Expr::col(C::Number).gt(5), 1).finally(0).into();
    every(db, out, "a case", case, false).await;
    let case: SimpleExpr = CaseStatement::new().case(C::Flag.eq(true), "yes").finally("no").into();
    every(db, out, "a case of texts", case, false).await;
    every(db, out, "coalesce", Func::coalesce([Expr::col(C::MaybeNumber), Expr::val(7)]).into(), false).await;
    every(db, out, "coalesce utc", Func::coalesce([Expr::col(C::MaybeUtc), Expr::col(C::Utc)]).into(), false).await;
    every(db, out, "count as integer", Expr::col(C::Id).count().cast_as("integer"), false).await;
    every(db, out, "text length", Func::char_length(Expr::col(C::Name)).into(), false).await;

    // the hook of the founding example: one more than the highest number
    let next = thing::Entity::find().select_only().column_as(C::Id.max(), "max").into_tuple::<Option<i32>>();
    out.add("next number", next.one(db).await.map(|found| found.flatten().map_or(1, |max| max + 1)));

    let groups = || {
        let count = C::Id.count();
        thing::Entity::find().select_only().column(C::Number).column_as(count, "n").group_by(C::Number)
    };
    let ordered = || groups().order_by_asc(C::Number);
    out.add("groups", ordered().into_tuple::<(i32, i64)>().all(db).await);
    out.add("groups as i32", ordered().into_tuple::<(i32, i32)>().all(db).await);
    out.add("having", ordered().having(C::Id.count().gt(1)).into_tuple::<(i32, i64)>().all(db).await);
    out.add("having nothing", ordered().having(C::Id.count().gt(100)).into_tuple::<(i32, i64)>().all(db).await);
    let dates = thing::Entity::find().select_only().column(C::Level).column_as(C::Utc.max(), "last").group_by(C::Level);
    out.add(
        "last by enum",
        dates.order_by_asc(C::Level).into_tuple::<(thing::Level, Option<DateTimeUtc>)>().all(db).await,
    );
    let by_maker = maker::Entity::find()
        .left_join(thing::Entity)
        .select_only()
        .column(maker::Column::Name)
        .column_as(C::Price.sum(), "total")
        .column_as(C::Id.count(), "things")
        .group_by(maker::Column::Name)
        .order_by_asc(maker::Column::Name);
    out.add("sums by maker", by_maker.clone().into_tuple::<(String, Option<Decimal>, i64)>().all(db).await);
    out.add("sums by maker, json", by_maker.into_json().all(db).await);
    for column in C::iter() {
        let name = format!("{column:?}");
        let select = || thing::Entity::find().select_only().column_as(column.max(), "m");
        if matches!(
            column,
            C::Flag | C::MaybeFlag | C::Extra | C::MaybeExtra | C::Data | C::MaybeData | C::Key | C::MaybeKey
        ) && db.get_database_backend() == DbBackend::Postgres
        {
            continue;
        }
        out.add(format!("max {name} as json"), select().into_json().one(db).await);
    }
}
