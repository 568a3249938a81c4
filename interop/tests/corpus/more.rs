//! Small and unsigned numbers, enums of every kind, values that do not fit, WITH, UNION, windows, pages by several columns.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, CommonTableExpression, Func, Order, Query, UnionType, WindowStatement, WithClause};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, DerivePartialModel, ExprTrait, FromQueryResult, IntoActiveModel,
    Iterable, JoinType, LoaderTrait, PaginatorTrait, QueryOrder, QuerySelect, RelationTrait, Schema, SelectExt, Set,
    Statement,
};

use super::answers::Answers;
use super::entities::{label, maker, tag, thing};
use super::raw::tuples;

pub(crate) mod tiny {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
    pub(crate) enum Rank {
        #[sea_orm(num_value = -1)]
        Below,
        #[sea_orm(num_value = 3)]
        Above,
    }

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "camelCase")]
    pub(crate) enum State {
        NotYet,
        Done,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tiny")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        pub(crate) a: i16,
        pub(crate) b: Option<i16>,
        pub(crate) c: u16,
        pub(crate) d: u32,
        pub(crate) e: Option<u32>,
        pub(crate) f: f32,
        pub(crate) g: Option<f32>,
        pub(crate) rank: Rank,
        pub(crate) maybe_rank: Option<Rank>,
        pub(crate) state: State,
        pub(crate) maybe_state: Option<State>,
        pub(crate) at: DateTimeUtc,
        pub(crate) key: Uuid,
        pub(crate) updated_at: Option<DateTimeWithTimeZone>,
        pub(crate) n: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "tag::Entity")]
#[allow(dead_code)]
struct TagPart {
    id: Uuid,
    name: String,
    seen: Option<DateTimeUtc>,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "label::Entity")]
#[allow(dead_code)]
struct LabelPart {
    weight: i64,
    #[sea_orm(nested)]
    tag: TagPart,
    #[sea_orm(nested)]
    thing: ThingPart,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "thing::Entity")]
#[allow(dead_code)]
struct ThingPart {
    id: i32,
    utc: DateTimeUtc,
    maybe_key: Option<Uuid>,
    #[sea_orm(from_expr = "thing::Column::Number.into_expr().add(1)")]
    next: i32,
}

#[derive(Debug, FromQueryResult)]
#[allow(dead_code)]
struct Spread {
    id: i32,
    #[sea_orm(from_alias = "other")]
    name: String,
    #[sea_orm(skip)]
    skipped: Option<i32>,
    #[sea_orm(nested)]
    times: Times,
}

#[derive(Debug, FromQueryResult)]
#[allow(dead_code)]
struct Times {
    utc: DateTimeUtc,
    maybe_utc: Option<DateTimeUtc>,
}

fn small(id: i64) -> tiny::ActiveModel {
    let some = id % 2 == 0;
    tiny::ActiveModel {
        id: Set(id),
        a: Set(-1),
        b: Set(some.then_some(i16::MIN)),
        c: Set(u16::MAX),
        d: Set(3_000_000_000),
        e: Set(some.then_some(7)),
        f: Set(0.1),
        g: Set(some.then_some(f32::MAX)),
        rank: Set(if some { tiny::Rank::Above } else { tiny::Rank::Below }),
        maybe_rank: Set(some.then_some(tiny::Rank::Below)),
        state: Set(if some { tiny::State::NotYet } else { tiny::State::Done }),
        maybe_state: Set(some.then_some(tiny::State::Done)),
        at: Set("2026-02-03T04:05:06.5Z".parse().unwrap()),
        key: Set(Uuid::from_u128(id as u128)),
        updated_at: Set(some.then(|| "2026-02-03T04:05:06+00:00".parse().unwrap())),
        n: Set(id as i32),
    }
}

/// The table, as SeaORM makes it.
pub(crate) async fn table(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    db.execute(&Schema::new(db.get_database_backend()).create_table_from_entity(tiny::Entity)).await.map(drop)
}

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    let backend = db.get_database_backend();
    let plain = |sql: &str| Statement::from_string(backend, sql);
    out.add("table of small numbers", table(db).await);
    for id in 1..=4 {
        out.add("insert of small numbers", small(id).insert(db).await);
    }
    let all = || tiny::Entity::find().order_by_asc(tiny::Column::Id);
    out.add("small numbers", all().all(db).await);
    out.add("json of the small", all().into_json().all(db).await);
    for column in tiny::Column::iter() {
        let select = || all().select_only().column(column);
        macro_rules! read {
            ($($ty:ty),*) => {$(
                out.add(format!("{column:?} as {}", stringify!($ty)), select().into_tuple::<$ty>().all(db).await);
                out.add(format!("{column:?} as maybe {}", stringify!($ty)), select().into_tuple::<Option<$ty>>().all(db).await);
            )*};
        }
        // how SeaORM's driver for SQLite reads a time as text or bytes is another matter where an entity is registered
        read!(
            i8,
            i16,
            i32,
            i64,
            u8,
            u16,
            u32,
            f32,
            f64,
            bool,
            Decimal,
            Uuid,
            tiny::Rank,
            tiny::State,
            Date,
            DateTimeUtc
        );
        let select = || tiny::Entity::find().select_only().column_as(column.max(), "m");
        if !matches!(column, tiny::Column::Key) {
            out.add(format!("max {column:?} as i8"), select().into_tuple::<Option<i8>>().one(db).await);
            out.add(format!("max {column:?} as i64"), select().into_tuple::<Option<i64>>().one(db).await);
            out.add(format!("max {column:?} as utc"), select().into_tuple::<Option<DateTimeUtc>>().one(db).await);
        }
        out.add(format!("count {column:?}"), all().filter(column.is_null()).count(db).await);
    }
    out.add("by rank", all().filter(tiny::Column::Rank.eq(tiny::Rank::Above)).all(db).await);
    out.add("by ranks", all().filter(tiny::Column::Rank.is_in(tiny::Rank::iter())).count(db).await);
    out.add("by state", all().filter(tiny::Column::State.eq(tiny::State::NotYet)).count(db).await);
    out.add("by i8", all().filter(tiny::Column::A.eq(-1_i16)).count(db).await);
    out.add("by u32", all().filter(tiny::Column::D.eq(3_000_000_000_u32)).count(db).await);
    out.add(
        "by time and key",
        all()
            .filter(tiny::Column::At.lte(at("2026-02-03T04:05:06.5Z")))
            .filter(tiny::Column::Key.eq(Uuid::from_u128(2)))
            .all(db)
            .await,
    );
    out.add("by keys", all().filter(tiny::Column::Key.is_in([2, 3].map(Uuid::from_u128))).all(db).await);
    out.add("not by keys", all().filter(tiny::Column::Key.is_not_in([2, 3].map(Uuid::from_u128))).count(db).await);
    out.add(
        "between times",
        all().filter(tiny::Column::At.between(at("2026-02-03T04:05:06Z"), at("2026-02-03T04:05:07Z"))).count(db).await,
    );
    out.add(
        "max of a time",
        tiny::Entity::find()
            .select_only()
            .column_as(tiny::Column::UpdatedAt.max(), "m")
            .into_tuple::<Option<DateTimeUtc>>()
            .one(db)
            .await,
    );
    let next = Func::coalesce([tiny::Column::N.max(), Expr::val(0)]).add(1);
    let select = || tiny::Entity::find().select_only().column_as(next.clone(), "next");
    out.add("coalesce(max(n), 0) + 1", select().into_tuple::<i32>().one(db).await);
    out.add(
        "coalesce(max(n), 0) + 1 of none",
        select().filter(tiny::Column::Id.lt(0)).into_tuple::<i32>().one(db).await,
    );
    out.add("coalesce(max(n), 0) + 1 as i64", select().into_tuple::<i64>().one(db).await);
    out.add("coalesce(max(n), 0) + 1 as Option<i64>", select().into_tuple::<Option<i64>>().one(db).await);
    // PostgreSQL refuses the others, and with them what comes after in a transaction
    let types = ["integer", "bigint", "smallint", "text", "real", "numeric", "boolean", "date"];
    let casts = if db.get_database_backend() == DbBackend::Postgres { 6 } else { types.len() };
    for ty in types.into_iter().take(casts) {
        let cast = tiny::Entity::find()
            .select_only()
            .column_as(Expr::col(tiny::Column::Id).cast_as(ty), "c")
            .filter(tiny::Column::Id.eq(1));
        let ours = |what: &str| format!("cast as {ty} into {what}");
        out.add(ours("i32"), cast.clone().into_tuple::<Option<i32>>().one(db).await);
        out.add(ours("i64"), cast.clone().into_tuple::<Option<i64>>().one(db).await);
        out.add(ours("text"), cast.clone().into_tuple::<Option<String>>().one(db).await);
        out.add(ours("f64"), cast.clone().into_tuple::<Option<f64>>().one(db).await);
        out.add(ours("decimal"), cast.clone().into_tuple::<Option<Decimal>>().one(db).await);
        out.add(ours("bool"), cast.into_tuple::<Option<bool>>().one(db).await);
    }
    // what does not fit the field of a model is an error, never another number
    for (name, sql) in [
        ("a small one", "UPDATE tiny SET a = 30000 WHERE id = 1"),
        ("an i16", "UPDATE tiny SET b = 32767 WHERE id = 1"),
        ("a u16", "UPDATE tiny SET c = -1 WHERE id = 1"),
        ("a u32", "UPDATE tiny SET d = -7 WHERE id = 1"),
        ("a rank", "UPDATE tiny SET rank = 77 WHERE id = 1"),
        ("a state", "UPDATE tiny SET state = 'unheard of' WHERE id = 1"),
        ("a maybe state", "UPDATE tiny SET maybe_state = '' WHERE id = 1"),
    ] {
        out.add(format!("{name} out of range"), db.execute_unprepared(sql).await.map(|result| result.rows_affected()));
        out.add(format!("{name} out of range, model"), tiny::Entity::find_by_id(1).one(db).await);
        out.add(format!("json, {name} out of range"), tiny::Entity::find_by_id(1).into_json().one(db).await);
        out.add(
            format!("{name} out of range, removed"),
            tiny::Entity::delete_by_id(1).exec(db).await.map(|r| r.rows_affected),
        );
        out.add(format!("{name} out of range, anew"), small(1).insert(db).await.map(drop));
    }
    out.add(
        "nested parts",
        label::Entity::find()
            .join(JoinType::LeftJoin, label::Relation::Tag.def())
            .join(JoinType::LeftJoin, label::Relation::Thing.def())
            .order_by_asc(label::Column::Weight)
            .into_partial_model::<LabelPart>()
            .all(db)
            .await,
    );
    let spread = thing::Entity::find()
        .order_by_asc(thing::Column::Id)
        .select_only()
        .columns([thing::Column::Id, thing::Column::Utc, thing::Column::MaybeUtc])
        .column_as(thing::Column::Name, "other");
    out.add("a spread struct", spread.clone().into_model::<Spread>().all(db).await);
    out.add("a spread struct, one", spread.into_model::<Spread>().one(db).await);
    let mut both = thing::Entity::find().select_only().column(thing::Column::Id).column(thing::Column::Name);
    let of_makers =
        Query::select().column(maker::Column::Id).column(maker::Column::Name).from(maker::Entity).to_owned();
    sea_orm::QueryTrait::query(&mut both).union(UnionType::All, of_makers);
    out.add(
        "union",
        both.into_tuple::<(i32, String)>().all(db).await.map(|mut all| {
            all.sort();
            all
        }),
    );
    let last = Query::select()
        .expr_as(Func::max(Expr::col(thing::Column::Utc)), Alias::new("last"))
        .column(thing::Column::MakerId)
        .from(thing::Entity)
        .group_by_col(thing::Column::MakerId)
        .to_owned();
    let with = WithClause::new()
        .cte(CommonTableExpression::new().table_name(Alias::new("latest")).query(last).to_owned())
        .to_owned();
    let main = Query::select()
        .column(Alias::new("maker_id"))
        .column(Alias::new("last"))
        .from(Alias::new("latest"))
        .and_where(Expr::col(Alias::new("last")).gt(at("2026-02-04T00:00:00Z")))
        .order_by(Alias::new("last"), Order::Asc)
        .to_owned();
    let rows = async {
        db.query_all(&main.with(with))
            .await?
            .iter()
            .map(|row| Ok((row.try_get::<Option<i32>>("", "maker_id")?, row.try_get::<DateTimeUtc>("", "last")?)))
            .collect::<Result<Vec<_>, DbErr>>()
    };
    out.add("with", rows.await);
    let window = Query::select()
        .column(thing::Column::Id)
        .expr_window_as(
            Func::cust("row_number"),
            WindowStatement::partition_by(thing::Column::Letter).order_by(thing::Column::Id, Order::Asc).to_owned(),
            "place",
        )
        .from(thing::Entity)
        .order_by(thing::Column::Id, Order::Asc)
        .to_owned();
    let rows = async {
        let rows = db.query_all(&window).await?;
        rows.iter()
            .map(|row| Ok((row.try_get::<i32>("", "id")?, row.try_get::<i64>("", "place")?)))
            .collect::<Result<Vec<_>, DbErr>>()
    };
    out.add("window", rows.await);
    let running = "SELECT id, max(utc) OVER (ORDER BY id) AS last, sum(price) OVER (ORDER BY id) AS total, first_value(key) OVER (ORDER BY id) AS first FROM thing ORDER BY id";
    out.add("windows in SQL", tuples::<(i32, DateTimeUtc, Option<f64>), C>(db, plain(running)).await.map(|r| r.len()));
    let latest =
        Query::select().expr(Func::max(Expr::col((thing::Entity, thing::Column::Utc)))).from(thing::Entity).to_owned();
    out.add("by the latest time", thing::Entity::find().filter(thing::Column::Utc.in_subquery(latest)).all(db).await);
    out.add("exists", thing::Entity::find().filter(thing::Column::Key.eq(Uuid::from_u128(3))).exists(db).await);
    let mut cursor = thing::Entity::find().cursor_by((thing::Column::Number, thing::Column::Id));
    out.add("cursor by two", cursor.after((10, 1)).first(3).all(db).await);
    let mut cursor = tag::Entity::find().cursor_by(tag::Column::Id);
    out.add("cursor by a uuid", cursor.after(Uuid::from_u128(1)).first(1).all(db).await);
    let mut cursor = thing::Entity::find().cursor_by((thing::Column::Utc, thing::Column::Id));
    out.add("cursor by a time", cursor.desc().after((at("2026-02-06T04:05:06.789012Z"), 3)).first(2).all(db).await);
    let mut cursor = thing::Entity::find().find_also_related(maker::Entity).cursor_by(thing::Column::Id);
    out.add("cursor over two", cursor.after(1).first(2).all(db).await);
    out.add(
        "related of several",
        async {
            let tags = tag::Entity::find().order_by_asc(tag::Column::Name).all(db).await?;
            let things = tags.load_many(thing::Entity, db).await?;
            Ok(things
                .into_iter()
                .map(|mut t| {
                    t.sort_by_key(|t| t.id);
                    t
                })
                .collect::<Vec<_>>())
        }
        .await,
    );
    out.add(
        "found by a related uuid",
        thing::Entity::find()
            .inner_join(tag::Entity)
            .filter(tag::Column::Id.eq(Uuid::from_u128(1)))
            .order_by_asc(thing::Column::Id)
            .all(db)
            .await,
    );
    out.add(
        "found by a related time",
        thing::Entity::find()
            .inner_join(tag::Entity)
            .filter(tag::Column::Seen.eq(at("2026-05-06T07:08:09Z")))
            .order_by_asc(thing::Column::Id)
            .all(db)
            .await,
    );
    out.add(
        "update and returning",
        tiny::Entity::update_many()
            .col_expr(tiny::Column::UpdatedAt, Expr::value(at("2027-01-01T00:00:00Z")))
            .col_expr(tiny::Column::Key, Expr::value(Uuid::from_u128(77)))
            .filter(tiny::Column::Key.eq(Uuid::from_u128(2)))
            .exec_with_returning(db)
            .await,
    );
    out.add(
        "update one",
        async {
            let mut model = tiny::Entity::find_by_id(3)
                .one(db)
                .await?
                .ok_or(DbErr::RecordNotFound("3".into()))?
                .into_active_model();
            model.key = Set(Uuid::from_u128(33));
            model.at = Set(at("2028-01-01T00:00:00Z"));
            tiny::Entity::update(model).validate()?.filter(tiny::Column::Key.eq(Uuid::from_u128(3))).exec(db).await
        }
        .await,
    );
    out.add(
        "update one of another",
        async {
            let mut model = tiny::Entity::find_by_id(3)
                .one(db)
                .await?
                .ok_or(DbErr::RecordNotFound("3".into()))?
                .into_active_model();
            model.n = Set(9);
            tiny::Entity::update(model).validate()?.filter(tiny::Column::Key.eq(Uuid::from_u128(3))).exec(db).await
        }
        .await,
    );
    out.add(
        "delete by a uuid",
        tiny::Entity::delete_many()
            .filter(tiny::Column::Key.eq(Uuid::from_u128(33)))
            .exec(db)
            .await
            .map(|r| r.rows_affected),
    );
    out.add(
        "delete by a time",
        tiny::Entity::delete_many()
            .filter(tiny::Column::At.lt(at("2026-02-03T04:05:06.6Z")))
            .exec(db)
            .await
            .map(|r| r.rows_affected),
    );
    out.add(
        "insert of a query",
        async {
            let select = Query::select()
                .expr(Expr::col(thing::Column::Id).add(500))
                .column(thing::Column::Name)
                .column(thing::Column::Day)
                .from(thing::Entity)
                .and_where(thing::Column::Key.eq(Uuid::from_u128(1)))
                .to_owned();
            let insert = Query::insert()
                .into_table(maker::Entity)
                .columns([maker::Column::Id, maker::Column::Name, maker::Column::Founded])
                .select_from(select)
                .map_err(|e| DbErr::Custom(e.to_string()))?
                .to_owned();
            db.execute(&insert).await?;
            maker::Entity::find_by_id(501).one(db).await
        }
        .await,
    );
    out.add("a comment, and two tables", tuples::<(i32, Option<String>), C>(db, plain("SELECT t.id, m.name /* FROM tag */ FROM thing AS t LEFT JOIN maker m ON m.id = t.maker_id -- x\n ORDER BY t.id")).await);
    out.add("the clean-up", db.execute_unprepared("DROP TABLE tiny").await.map(drop));
}

fn at(text: &str) -> DateTimeUtc {
    text.parse().unwrap()
}
