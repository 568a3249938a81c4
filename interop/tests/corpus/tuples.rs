//! Tuples: by the place of a column, not by its name.

use sea_orm::entity::prelude::*;
use sea_orm::{DeriveColumn, EnumIter, FromQueryResult, QueryOrder, QuerySelect};

use super::answers::Answers;
use super::entities::thing;

#[derive(Copy, Clone, Debug, EnumIter, DeriveColumn)]
enum Names {
    Zebra,
    Apple,
}

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    use thing::Column as C;
    let select = || thing::Entity::find().select_only().order_by_asc(C::Id);
    out.add(
        "not alphabetical",
        select().columns([C::Name, C::Id, C::Big]).into_tuple::<(String, i32, i64)>().all(db).await,
    );
    out.add(
        "one name twice",
        select().column(C::Id).column_as(C::Number, "id").into_tuple::<(i32, i32)>().all(db).await,
    );
    out.add("one name twice, json", select().column(C::Id).column_as(C::Number, "id").into_json().all(db).await);
    out.add(
        "nulls",
        select().columns([C::MaybeUtc, C::MaybeKey]).into_tuple::<(Option<DateTimeUtc>, Option<Uuid>)>().all(db).await,
    );
    out.add("a null into no option", select().column(C::MaybeNumber).into_tuple::<i32>().all(db).await);
    out.add("fewer than columns", select().columns([C::Id, C::Name]).into_tuple::<i32>().all(db).await);
    out.add("more than columns", select().columns([C::Id]).into_tuple::<(i32, String)>().all(db).await);
    out.add(
        "of all kinds",
        select()
            .columns([C::Price, C::Flag, C::Data, C::Extra, C::Day, C::Clock, C::Single])
            .into_tuple::<(Decimal, bool, Vec<u8>, Json, Date, Time, f32)>()
            .all(db)
            .await,
    );
    out.add(
        "enums",
        select()
            .columns([C::Size, C::Level, C::MaybeSize])
            .into_tuple::<(thing::Size, thing::Level, Option<thing::Size>)>()
            .all(db)
            .await,
    );
    out.add("wrong: text as i32", select().column(C::Name).into_tuple::<Option<i32>>().all(db).await);
    out.add("wrong: i32 as text", select().column(C::Number).into_tuple::<Option<String>>().all(db).await);
    out.add("wrong: i64 as i32", select().column(C::Big).into_tuple::<Option<i32>>().all(db).await);
    out.add("i32 as i64", select().column(C::Number).into_tuple::<Option<i64>>().all(db).await);
    out.add("i16 as i32", select().column(C::Small).into_tuple::<Option<i32>>().all(db).await);
    out.add("i32 as bool", select().column(C::Number).into_tuple::<Option<bool>>().all(db).await);
    out.add("bool as i32", select().column(C::Flag).into_tuple::<Option<i32>>().all(db).await);
    out.add("i32 as f64", select().column(C::Number).into_tuple::<Option<f64>>().all(db).await);
    out.add("decimal as f64", select().column(C::Price).into_tuple::<Option<f64>>().all(db).await);
    out.add("f64 as decimal", select().column(C::Ratio).into_tuple::<Option<Decimal>>().all(db).await);
    out.add("uuid as text", select().column(C::Key).into_tuple::<Option<String>>().all(db).await);
    out.add("uuid as bytes", select().column(C::Key).into_tuple::<Option<Vec<u8>>>().all(db).await);
    out.add("text as uuid", select().column(C::Name).into_tuple::<Option<Uuid>>().all(db).await);
    out.add("json as text", select().column(C::Extra).into_tuple::<Option<String>>().all(db).await);
    out.add("text as json", select().column(C::Name).into_tuple::<Option<Json>>().all(db).await);
    out.add("bytes as text", select().column(C::Data).into_tuple::<Option<String>>().all(db).await);
    out.add("text as bytes", select().column(C::Name).into_tuple::<Option<Vec<u8>>>().all(db).await);
    out.add("day as time", select().column(C::Day).into_tuple::<Option<DateTimeUtc>>().all(db).await);
    out.add("time as day", select().column(C::Utc).into_tuple::<Option<Date>>().all(db).await);
    out.add("clock as text", select().column(C::Day).into_tuple::<Option<Time>>().all(db).await);
    out.add("u32", select().column(C::Number).into_tuple::<Option<u32>>().all(db).await);
    out.add("u8", select().column(C::Number).into_tuple::<Option<u8>>().all(db).await);
    out.add("u16", select().column(C::Number).into_tuple::<Option<u16>>().all(db).await);
    out.add("u64", select().column(C::Number).into_tuple::<Option<u64>>().all(db).await);
    out.add("i8", select().column(C::Number).into_tuple::<Option<i8>>().all(db).await);
    out.add("small as i8", select().column(C::Small).into_tuple::<Option<i8>>().all(db).await);
    out.add("list", select().column(C::Name).into_tuple::<Option<Vec<String>>>().all(db).await);
    let named = select().column_as(C::Id, "zebra").column_as(C::Name, "apple");
    out.add("values by names", named.clone().into_values::<(i32, String), Names>().all(db).await);
    out.add("json of the lot", thing::Entity::find().order_by_asc(C::Id).into_json().all(db).await);
    out.add("json of one", thing::Entity::find_by_id(2).into_json().one(db).await);
    out.add("json of none", thing::Entity::find_by_id(-2).into_json().one(db).await);

    #[derive(Debug, FromQueryResult)]
    #[allow(dead_code)]
    struct Lacking {
        id: i32,
        missing: Option<i32>,
    }
    out.add("a missing column into an option", select().column(C::Id).into_model::<Lacking>().all(db).await);
}
