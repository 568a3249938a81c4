//! Models, columns, filters, order.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, DerivePartialModel, ExprTrait, FromQueryResult, QueryOrder, QuerySelect, sea_query};
use sea_query::{Func, Query};

use super::answers::Answers;
use super::entities::{maker, thing};

#[derive(Debug, FromQueryResult)]
#[allow(dead_code)]
struct Brief {
    id: i32,
    renamed: String,
    maybe: Option<i32>,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "thing::Entity")]
#[allow(dead_code)]
struct Part {
    id: i32,
    #[sea_orm(from_col = "name")]
    called: String,
    #[sea_orm(from_expr = "Expr::col(thing::Column::Number).add(1)")]
    next: i32,
    maybe_utc: Option<DateTimeUtc>,
    utc: DateTimeUtc,
    key: Uuid,
    price: Decimal,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "maker::Entity")]
#[allow(dead_code)]
struct MakerPart {
    id: i32,
    name: String,
    founded: Option<Date>,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "thing::Entity")]
#[allow(dead_code)]
struct Nested {
    id: i32,
    day: Date,
    #[sea_orm(nested)]
    maker: Option<MakerPart>,
}

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    let all = || thing::Entity::find().order_by_asc(thing::Column::Id);
    out.add("all models", all().all(db).await);
    out.add("one model", thing::Entity::find_by_id(1).one(db).await);
    out.add("no model", thing::Entity::find_by_id(-1).one(db).await);
    out.add(
        "descending, limited",
        thing::Entity::find().order_by_desc(thing::Column::Id).limit(2).offset(1).all(db).await,
    );
    let found = |condition: Condition| {
        all().filter(condition).select_only().column(thing::Column::Id).into_tuple::<i32>().all(db)
    };
    let is = Condition::all;
    let utc: DateTimeUtc = "2026-02-04T04:05:06.789012Z".parse().unwrap();
    out.add("by uuid", found(is().add(thing::Column::Key.eq(Uuid::from_u128(2)))).await);
    out.add("by uuids", found(is().add(thing::Column::Key.is_in([1, 3].map(Uuid::from_u128)))).await);
    out.add("by utc", found(is().add(thing::Column::Utc.eq(utc))).await);
    out.add("after utc", found(is().add(thing::Column::Utc.gt(utc))).await);
    out.add("by zoned", found(is().add(thing::Column::Utc.lte(utc.fixed_offset()))).await);
    out.add("by naive", found(is().add(thing::Column::Naive.eq(utc.naive_utc()))).await);
    out.add(
        "between naives",
        found(is().add(
            thing::Column::Naive.between(utc.naive_utc(), utc.naive_utc() + std::time::Duration::from_secs(100_000)),
        ))
        .await,
    );
    out.add("by day", found(is().add(thing::Column::Day.eq(utc.date_naive()))).await);
    let clock: Time = "23:59:59.000001".parse().unwrap();
    out.add("by clock", found(is().add(thing::Column::Clock.eq(clock))).await);
    out.add("by flag", found(is().add(thing::Column::Flag.eq(true))).await);
    out.add("by not flag", found(Condition::not(is().add(thing::Column::Flag.eq(true)))).await);
    out.add("by decimal", found(is().add(thing::Column::Price.lt(Decimal::new(-12_300_000, 4)))).await);
    out.add("by float", found(is().add(thing::Column::Ratio.gt(0.25))).await);
    out.add("by single", found(is().add(thing::Column::Single.eq(1.5_f32))).await);
    out.add("by bytes", found(is().add(thing::Column::Data.eq(vec![0_u8, 255, 4]))).await);
    out.add("by string enum", found(is().add(thing::Column::Size.eq(thing::Size::Small))).await);
    out.add("by integer enum", found(is().add(thing::Column::Level.eq(thing::Level::High))).await);
    out.add("by big", found(is().add(thing::Column::Big.eq(i64::MAX - 5))).await);
    out.add("by small", found(is().add(thing::Column::Small.lt(i16::MAX - 4))).await);
    out.add("by nulls", found(is().add(thing::Column::MaybeKey.is_null())).await);
    out.add("by no nulls", found(is().add(thing::Column::MaybeUtc.is_not_null())).await);
    out.add("contains", found(is().add(thing::Column::Title.contains("quoted"))).await);
    out.add("starts with", found(is().add(thing::Column::Name.starts_with("thing"))).await);
    out.add("like", found(is().add(thing::Column::Name.like("%g 4"))).await);
    out.add("lower", found(is().add(Expr::expr(Func::lower(Expr::col(thing::Column::Name))).eq("thing 2"))).await);
    out.add("any of", found(Condition::any().add(thing::Column::Id.eq(1)).add(thing::Column::Letter.eq("c"))).await);
    let made = Query::select()
        .column(maker::Column::Id)
        .from(maker::Entity)
        .and_where(maker::Column::Name.eq("first"))
        .to_owned();
    out.add("in a subquery", found(is().add(thing::Column::MakerId.in_subquery(made.clone()))).await);
    out.add("exists", found(is().add(Expr::exists(made))).await);

    let brief = all()
        .select_only()
        .column(thing::Column::Id)
        .column_as(thing::Column::Name, "renamed")
        .column_as(thing::Column::MaybeNumber, "maybe");
    out.add("into a struct", brief.clone().into_model::<Brief>().all(db).await);
    out.add("into a struct, one", brief.into_model::<Brief>().one(db).await);
    let lacking = all().select_only().column(thing::Column::Id);
    out.add("into a struct that wants more", lacking.into_model::<Brief>().all(db).await);
    out.add("a partial model", all().into_partial_model::<Part>().all(db).await);
    out.add("a nested partial model", all().left_join(maker::Entity).into_partial_model::<Nested>().all(db).await);
    out.add(
        "distinct",
        thing::Entity::find()
            .select_only()
            .column(thing::Column::Number)
            .distinct()
            .order_by_asc(thing::Column::Number)
            .into_tuple::<i32>()
            .all(db)
            .await,
    );

    for (name, column) in
        [("utc", thing::Column::Utc), ("zoned", thing::Column::Zoned), ("naive", thing::Column::Naive)]
    {
        let one = || all().select_only().column(column).limit(1);
        out.add(format!("{name} as utc"), one().into_tuple::<DateTimeUtc>().one(db).await);
        out.add(format!("{name} as zoned"), one().into_tuple::<DateTimeWithTimeZone>().one(db).await);
        out.add(format!("{name} as naive"), one().into_tuple::<DateTime>().one(db).await);
        out.add(format!("{name} as local"), one().into_tuple::<Option<DateTimeLocal>>().one(db).await);
        out.add(format!("{name} as i64"), one().into_tuple::<Option<i64>>().one(db).await);
    }
}
