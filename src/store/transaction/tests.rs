#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use sea_orm::entity::prelude::*;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, FromQueryResult, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect, Set,
    SqlErr, Statement,
};

use super::Transaction;
use crate::store::postgres::Postgres;
use crate::store::postgres::cluster::Cluster;
use crate::store::{Isolation, KnownEntities, Store, StoreError, StoreOptions, store_error};

/// A field of every Rust type, and an `Option` of each.
mod thing {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "String(StringLen::N(1))")]
    pub(super) enum Size {
        #[sea_orm(string_value = "S")]
        Small,
        #[sea_orm(string_value = "L")]
        Large,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "thing")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i32,
        pub(super) big: i64,
        pub(super) name: String,
        pub(super) flag: bool,
        pub(super) ratio: f64,
        pub(super) extra: Json,
        pub(super) key: Uuid,
        pub(super) utc: DateTimeUtc,
        pub(super) zoned: DateTimeWithTimeZone,
        pub(super) naive: DateTime,
        pub(super) day: Date,
        #[sea_orm(column_type = "Decimal(Some((12, 4)))")]
        pub(super) price: Decimal,
        pub(super) size: Size,
        pub(super) clock: Time,
        #[sea_orm(column_type = "Interval(None, None)")]
        pub(super) span: i64,
        #[sea_orm(column_type = "Inet")]
        pub(super) address: String,
        pub(super) maybe_id: Option<i32>,
        pub(super) maybe_big: Option<i64>,
        pub(super) maybe_name: Option<String>,
        pub(super) maybe_flag: Option<bool>,
        pub(super) maybe_ratio: Option<f64>,
        pub(super) maybe_extra: Option<Json>,
        pub(super) maybe_key: Option<Uuid>,
        pub(super) maybe_utc: Option<DateTimeUtc>,
        pub(super) maybe_zoned: Option<DateTimeWithTimeZone>,
        pub(super) maybe_naive: Option<DateTime>,
        pub(super) maybe_day: Option<Date>,
        #[sea_orm(column_type = "Decimal(Some((12, 4)))", nullable)]
        pub(super) maybe_price: Option<Decimal>,
        pub(super) maybe_size: Option<Size>,
        pub(super) maybe_clock: Option<Time>,
        #[sea_orm(column_type = "Interval(None, None)", nullable)]
        pub(super) maybe_span: Option<i64>,
        #[sea_orm(column_type = "Inet", nullable)]
        pub(super) maybe_address: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {
        #[sea_orm(has_many = "super::part::Entity")]
        Part,
    }

    impl Related<super::part::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Part.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod part {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "part")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i64,
        pub(super) thing_id: i32,
        pub(super) zoned: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {
        #[sea_orm(belongs_to = "super::thing::Entity", from = "Column::ThingId", to = "super::thing::Column::Id")]
        Thing,
    }

    impl Related<super::thing::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Thing.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "
    CREATE TABLE thing (id serial PRIMARY KEY, big int8 NOT NULL, name text NOT NULL UNIQUE, flag bool NOT NULL,
        ratio float8 NOT NULL, extra jsonb NOT NULL, key uuid NOT NULL, utc timestamptz NOT NULL,
        zoned timestamptz NOT NULL, naive timestamp NOT NULL, day date NOT NULL, price numeric(12, 4) NOT NULL,
        size varchar(1) NOT NULL, clock time NOT NULL, span interval NOT NULL, address inet NOT NULL, maybe_id int4, maybe_big int8, maybe_name text, maybe_flag bool, maybe_ratio float8,
        maybe_extra jsonb, maybe_key uuid, maybe_utc timestamptz, maybe_zoned timestamptz, maybe_naive timestamp,
        maybe_day date, maybe_price numeric(12, 4), maybe_size varchar(1), maybe_clock time, maybe_span interval,
        maybe_address inet);
    CREATE TABLE part (id bigserial PRIMARY KEY, thing_id int4 NOT NULL REFERENCES thing, zoned timestamptz);
";

fn known() -> KnownEntities {
    let mut known = KnownEntities::default();
    known.learn::<thing::Entity>();
    known.learn::<part::Entity>();
    known
}

fn full() -> thing::Model {
    let utc: DateTimeUtc = "2026-02-03T04:05:06.789012Z".parse().unwrap();
    let price: Decimal = "-1234.5".parse().unwrap();
    let extra: Json = serde_json::from_str(r#"{"a":[1,"x"]}"#).unwrap();
    thing::Model {
        id: 1,
        big: i64::MAX,
        name: "first".into(),
        flag: true,
        ratio: 0.1,
        extra: extra.clone(),
        key: Uuid::from_u128(7),
        utc,
        zoned: utc.fixed_offset(),
        naive: utc.naive_utc(),
        day: utc.date_naive(),
        price,
        size: thing::Size::Large,
        clock: "23:59:59.000001".parse().unwrap(),
        span: -90_061_000_001,
        address: "10.0.0.1".into(),
        maybe_id: Some(3),
        maybe_big: Some(4),
        maybe_name: Some("x".into()),
        maybe_flag: Some(false),
        maybe_ratio: Some(2.0),
        maybe_extra: Some(extra),
        maybe_key: Some(Uuid::from_u128(8)),
        maybe_utc: Some(utc),
        maybe_zoned: Some(utc.fixed_offset()),
        maybe_naive: Some(utc.naive_utc()),
        maybe_day: Some(utc.date_naive()),
        maybe_price: Some(price),
        maybe_size: Some(thing::Size::Small),
        maybe_clock: Some("12:30:00".parse().unwrap()),
        maybe_span: Some(0),
        maybe_address: Some("2001:db8::1".into()),
    }
}

fn empty() -> thing::Model {
    thing::Model {
        id: 2,
        name: "second".into(),
        maybe_id: None,
        maybe_big: None,
        maybe_name: None,
        maybe_flag: None,
        maybe_ratio: None,
        maybe_extra: None,
        maybe_key: None,
        maybe_utc: None,
        maybe_zoned: None,
        maybe_naive: None,
        maybe_day: None,
        maybe_price: None,
        maybe_size: None,
        maybe_clock: None,
        maybe_span: None,
        maybe_address: None,
        ..full()
    }
}

async fn postgres() -> (Arc<Cluster>, Postgres) {
    let cluster = Cluster::shared();
    let options = StoreOptions { max_connections: 4, ..StoreOptions::default() };
    let postgres = cluster.database(TABLES, options).await;
    (cluster, postgres)
}

async fn begin(postgres: &Postgres) -> Transaction {
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, None).await.unwrap();
    Transaction::postgres(tx).knowing(Arc::new(known()))
}

#[tokio::test]
async fn models_come_back_from_postgres() {
    let (_cluster, postgres) = postgres().await;
    let tx = begin(&postgres).await;
    for model in [full(), empty()] {
        let inserted = model.clone().into_active_model().reset_all().insert(&tx).await.unwrap();
        assert_eq!(inserted, model);
    }
    assert_eq!(thing::Entity::find().order_by_asc(thing::Column::Id).all(&tx).await.unwrap(), [full(), empty()]);
    assert_eq!(thing::Entity::find_by_id(2).one(&tx).await.unwrap(), Some(empty()));
    let by_utc = thing::Entity::find().filter(thing::Column::Utc.eq(full().utc));
    assert_eq!(by_utc.count(&tx).await.unwrap(), 2);

    let mut change = full().into_active_model();
    change.big = Set(5);
    assert_eq!(change.update(&tx).await.unwrap(), thing::Model { big: 5, ..full() });
    let many = thing::Entity::update_many().col_expr(thing::Column::Flag, Expr::value(false));
    assert_eq!(many.exec(&tx).await.unwrap().rows_affected, 2);

    let zoned = Some(full().utc);
    let part = part::ActiveModel { thing_id: Set(1), zoned: Set(zoned), ..Default::default() };
    let part = part.insert(&tx).await.unwrap();
    assert_eq!((part.id, part.zoned), (1, zoned));
    // Both tables have columns of the same names and of other Rust types.
    let pairs = part::Entity::find().find_also_related(thing::Entity).all(&tx).await.unwrap();
    assert_eq!(pairs, [(part, Some(thing::Model { big: 5, flag: false, ..full() }))]);

    let names: Vec<(i32, Option<DateTimeUtc>)> = thing::Entity::find()
        .select_only()
        .columns([thing::Column::Id, thing::Column::MaybeUtc])
        .filter(thing::Column::Id.eq(1))
        .into_tuple()
        .all(&tx)
        .await
        .unwrap();
    assert_eq!(names, [(1, zoned)]);
    assert_eq!(part::Entity::delete_many().exec(&tx).await.unwrap().rows_affected, 1);
    tx.commit().await.unwrap();

    let tx = begin(&postgres).await;
    assert_eq!(thing::Entity::find().count(&tx).await.unwrap(), 2);
    tx.execute_unprepared("DELETE FROM thing; SELECT 1").await.unwrap();
    tx.rollback().await.unwrap();
    let tx = begin(&postgres).await;
    assert_eq!(thing::Entity::find().count(&tx).await.unwrap(), 2);
}

#[tokio::test]
async fn raw_statements_decode_by_the_database_type() {
    #[derive(Debug, FromQueryResult, PartialEq)]
    struct Row {
        small: i16,
        int: i32,
        big: Option<i64>,
        at: Option<DateTimeWithTimeZone>,
        text: String,
        single: f32,
        exact: Decimal,
        none: Option<i32>,
        span: i64,
        address: String,
        clock: chrono::NaiveTime,
    }
    let (_cluster, postgres) = postgres().await;
    let tx = begin(&postgres).await;
    let sql = "SELECT 1::int2 AS small, 2 AS int, $1::int8 AS big, '2026-01-01Z'::timestamptz AS at, 'x' AS text, \
               0.1::float4 AS single, 100000000.00025 AS exact, NULL::int4 AS none, '1 day 1us'::interval AS span, \
               '::1'::inet AS address, '12:30'::time AS clock";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [3_i64.into()]);
    let row = Row::find_by_statement(statement).one(&tx).await.unwrap().unwrap();
    let at = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let exact = "100000000.00025".parse().unwrap();
    let clock = "12:30:00".parse().unwrap();
    let (span, address) = (86_400_000_001, "::1".into());
    let expected = Row {
        small: 1,
        int: 2,
        big: Some(3),
        at,
        text: "x".into(),
        single: 0.1,
        exact,
        none: None,
        span,
        address,
        clock,
    };
    assert_eq!(row, expected);
}

mod bag {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "bag")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i32,
        pub(super) numbers: Vec<i32>,
        pub(super) texts: Vec<String>,
        pub(super) keys: Option<Vec<Uuid>>,
        pub(super) none: Option<Vec<i64>>,
        #[sea_orm(column_type = "custom(\"hstore\")", select_as = "text", save_as = "hstore")]
        pub(super) pairs: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn lists_come_back_from_postgres() {
    let (_cluster, postgres) = postgres().await;
    let sql = "CREATE EXTENSION hstore; CREATE TABLE bag (id serial PRIMARY KEY, numbers int4[] NOT NULL,
        texts text[] NOT NULL, keys uuid[], none int8[], pairs hstore NOT NULL)";
    postgres.batch(sql).await;
    let mut known = known();
    known.learn::<bag::Entity>();
    let tx = begin(&postgres).await.knowing(Arc::new(known));
    let model = bag::Model {
        id: 1,
        numbers: vec![1, -2],
        texts: vec!["a\"b".into(), String::new()],
        keys: Some(vec![Uuid::from_u128(7)]),
        none: None,
        pairs: "\"a\"=>NULL".into(),
    };
    model.clone().into_active_model().reset_all().insert(&tx).await.unwrap();
    assert_eq!(bag::Entity::find().all(&tx).await.unwrap(), [model]);
    let has = Expr::cust_with_values("1 = ANY($1)", [vec![1_i32, 5]]);
    assert_eq!(bag::Entity::find().filter(has).count(&tx).await.unwrap(), 1);
}

#[tokio::test]
async fn numerics_of_every_shape_decode() {
    let (_cluster, postgres) = postgres().await;
    let tx = begin(&postgres).await;
    for text in ["0", "1", "-1", "0.00001", "10000", "100000000", "12345678.000100", "-0.5", "99999999999999999999.99"]
    {
        let statement = Statement::from_string(DbBackend::Postgres, format!("SELECT {text}::numeric AS n"));
        let row = tx.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<Decimal>("", "n").unwrap().to_string(), text);
    }
    let nan = Statement::from_string(DbBackend::Postgres, "SELECT 'NaN'::numeric AS n");
    let row = tx.query_one_raw(nan).await.unwrap().unwrap();
    row.try_get::<Option<Decimal>>("", "n").unwrap_err();
}

#[tokio::test]
async fn an_entity_that_nobody_told_of_works_as_over_seaorms_driver() {
    let (_cluster, postgres) = postgres().await;
    let tx = begin(&postgres).await;
    full().into_active_model().reset_all().insert(&tx).await.unwrap();
    let tx = tx.knowing(Arc::default());
    let zoned = Some(full().utc);
    let part = part::ActiveModel { thing_id: Set(1), zoned: Set(zoned), ..Default::default() };
    assert_eq!(part.insert(&tx).await.unwrap().zoned, zoned);
    assert_eq!(part::Entity::find().one(&tx).await.unwrap().unwrap().zoned, zoned);
    // an address is no string to the driver, and so to nobody who has not said that it is one
    thing::Entity::find().one(&tx).await.unwrap_err();
}

#[tokio::test]
async fn the_stores_error_is_found_in_seaorms() {
    let (_cluster, postgres) = postgres().await;
    let tx = begin(&postgres).await;
    full().into_active_model().reset_all().insert(&tx).await.unwrap();
    let error = full().into_active_model().reset_all().insert(&tx).await.unwrap_err();
    assert!(
        matches!(store_error(&error), Some(StoreError::Violation(v)) if v.constraint.as_deref() == Some("thing_pkey")),
        "{error:?}"
    );
    assert!(matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(text)) if text.contains("thing_pkey")));
    assert!(matches!(tx.take_error().as_deref(), Some(StoreError::Violation(_))));
    assert!(tx.take_error().is_none());
    assert!(store_error(&DbErr::RecordNotInserted).is_none());
    assert!(matches!(tx.commit().await, Err(StoreError::Violation(_))));

    // A conflict inside of a hook is found, too.
    let one = begin(&postgres).await;
    full().into_active_model().reset_all().insert(&one).await.unwrap();
    one.commit().await.unwrap();
    let open = async || {
        let (tx, _) = postgres.begin(Isolation::Serializable, None).await.unwrap();
        let tx = Transaction::postgres(tx).knowing(Arc::new(known()));
        thing::Entity::find().count(&tx).await.unwrap();
        tx
    };
    let (one, two) = (open().await, open().await);
    let update = thing::Entity::update_many().col_expr(thing::Column::Big, Expr::value(1));
    update.clone().exec(&one).await.unwrap();
    one.commit().await.unwrap();
    let error = update.exec(&two).await.unwrap_err();
    assert!(matches!(store_error(&error), Some(StoreError::Conflict(_))), "{error}");
}

/// The columns as Django makes them on SQLite.
const DJANGO: [(&str, &str); 10] = [
    ("bigserial", "integer"),
    ("serial", "integer"),
    ("numeric(12, 4)", "decimal"),
    ("interval", "bigint"),
    ("inet", "char(39)"),
    ("uuid", "char(32)"),
    ("timestamptz", "datetime"),
    ("timestamp", "datetime"),
    ("int8", "bigint"),
    ("float8", "real"),
];

#[tokio::test]
async fn models_come_back_from_sqlite_as_django_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("things.db");
    let tables = DJANGO.iter().fold(TABLES.to_owned(), |sql, (from, to)| sql.replace(from, to));
    rusqlite::Connection::open(&path).unwrap().execute_batch(&tables).unwrap();
    let store = Store::connect(path.to_str().unwrap(), StoreOptions::default()).await.unwrap();
    let (tx, _) = store.begin(Isolation::Serializable, None).await.unwrap();
    let tx = tx.knowing(Arc::new(known()));
    for model in [full(), empty()] {
        let inserted = model.clone().into_active_model().reset_all().insert(&tx).await.unwrap();
        assert_eq!(inserted, model);
    }
    assert_eq!(thing::Entity::find().order_by_asc(thing::Column::Id).all(&tx).await.unwrap(), [full(), empty()]);
    let found = thing::Entity::find()
        .filter(thing::Column::Price.eq(full().price))
        .filter(thing::Column::Key.eq(full().key))
        .filter(thing::Column::Clock.eq(full().clock))
        .filter(thing::Column::Span.lt(0));
    assert_eq!(found.count(&tx).await.unwrap(), 2);
    let error = full().into_active_model().reset_all().insert(&tx).await.unwrap_err();
    assert!(matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(text)) if text.contains("thing.")));
    assert!(matches!(store_error(&error), Some(StoreError::Violation(_))));
    let error = tx.execute_unprepared("INSERT INTO part (thing_id) VALUES (99)").await.unwrap_err();
    assert!(matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))), "{error}");
    tx.commit().await.unwrap();
    let stored: String = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("SELECT quote(price) || quote(key) || quote(clock) || quote(span) FROM thing", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, "-1234.5'00000000000000000000000000000007''23:59:59.000001'-90061000001");
}
