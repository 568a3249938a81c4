//! A field of every kind, relations of every kind.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, Schema, Set};

pub(crate) mod maker {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "maker")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        #[sea_orm(unique)]
        pub(crate) name: String,
        pub(crate) founded: Option<Date>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(has_many = "super::thing::Entity")]
        Thing,
    }

    impl Related<super::thing::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Thing.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod thing {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "String(StringLen::N(1))")]
    pub(crate) enum Size {
        #[sea_orm(string_value = "S")]
        Small,
        #[sea_orm(string_value = "L")]
        Large,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "i32", db_type = "Integer")]
    pub(crate) enum Level {
        #[sea_orm(num_value = 1)]
        Low,
        #[sea_orm(num_value = 9)]
        High,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "thing")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        pub(crate) maker_id: Option<i32>,
        #[sea_orm(unique)]
        pub(crate) name: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) title: Option<String>,
        #[sea_orm(column_type = "Char(Some(1))")]
        pub(crate) letter: String,
        pub(crate) flag: bool,
        pub(crate) small: i16,
        pub(crate) number: i32,
        pub(crate) big: i64,
        pub(crate) single: f32,
        pub(crate) ratio: f64,
        #[sea_orm(column_type = "Decimal(Some((12, 4)))")]
        pub(crate) price: Decimal,
        pub(crate) data: Vec<u8>,
        pub(crate) extra: Json,
        pub(crate) key: Uuid,
        pub(crate) day: Date,
        pub(crate) clock: Time,
        pub(crate) naive: DateTime,
        pub(crate) utc: DateTimeUtc,
        pub(crate) zoned: DateTimeWithTimeZone,
        pub(crate) size: Size,
        pub(crate) level: Level,
        pub(crate) maybe_number: Option<i32>,
        pub(crate) maybe_big: Option<i64>,
        pub(crate) maybe_ratio: Option<f64>,
        #[sea_orm(column_type = "Decimal(Some((12, 4)))", nullable)]
        pub(crate) maybe_price: Option<Decimal>,
        pub(crate) maybe_flag: Option<bool>,
        pub(crate) maybe_data: Option<Vec<u8>>,
        pub(crate) maybe_extra: Option<Json>,
        pub(crate) maybe_key: Option<Uuid>,
        pub(crate) maybe_day: Option<Date>,
        pub(crate) maybe_clock: Option<Time>,
        pub(crate) maybe_naive: Option<DateTime>,
        pub(crate) maybe_utc: Option<DateTimeUtc>,
        pub(crate) maybe_zoned: Option<DateTimeWithTimeZone>,
        pub(crate) maybe_size: Option<Size>,
        pub(crate) maybe_level: Option<Level>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(belongs_to = "super::maker::Entity", from = "Column::MakerId", to = "super::maker::Column::Id")]
        Maker,
        #[sea_orm(has_many = "super::label::Entity")]
        Label,
    }

    impl Related<super::maker::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Maker.def()
        }
    }

    impl Related<super::tag::Entity> for Entity {
        fn to() -> RelationDef {
            super::label::Relation::Tag.def()
        }

        fn via() -> Option<RelationDef> {
            Some(super::label::Relation::Thing.def().rev())
        }
    }

    #[derive(Debug)]
    pub(crate) struct ThingToTag;

    impl Linked for ThingToTag {
        type FromEntity = Entity;
        type ToEntity = super::tag::Entity;

        fn link(&self) -> Vec<RelationDef> {
            vec![super::label::Relation::Thing.def().rev(), super::label::Relation::Tag.def()]
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod tag {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tag")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) name: String,
        pub(crate) seen: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl Related<super::thing::Entity> for Entity {
        fn to() -> RelationDef {
            super::label::Relation::Thing.def()
        }

        fn via() -> Option<RelationDef> {
            Some(super::label::Relation::Tag.def().rev())
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod label {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "label")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) thing_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) tag_id: Uuid,
        pub(crate) weight: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(belongs_to = "super::thing::Entity", from = "Column::ThingId", to = "super::thing::Column::Id")]
        Thing,
        #[sea_orm(belongs_to = "super::tag::Entity", from = "Column::TagId", to = "super::tag::Column::Id")]
        Tag,
    }

    impl Related<super::thing::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Thing.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The tables, as SeaORM makes them.
pub(crate) async fn tables(db: &impl ConnectionTrait) {
    let backend = db.get_database_backend();
    let schema = Schema::new(backend);
    for table in [
        schema.create_table_from_entity(maker::Entity),
        schema.create_table_from_entity(thing::Entity),
        schema.create_table_from_entity(tag::Entity),
        schema.create_table_from_entity(label::Entity),
    ] {
        db.execute(&table).await.unwrap();
    }
    if backend == DbBackend::Postgres {
        db.execute_unprepared(POSTGRES).await.unwrap();
    }
}

/// Columns of types that PostgreSQL alone has.
const POSTGRES: &str = r#"
    CREATE EXTENSION citext; CREATE EXTENSION hstore;
    CREATE TYPE mood AS ENUM ('sad', 'so "so"', 'happy');
    CREATE TYPE pair AS (a int4, b text);
    CREATE DOMAIN score AS int4 CHECK (VALUE >= 0);
    CREATE TABLE kinds (id int4 PRIMARY KEY, numbers int4[], bigs int8[], texts text[], flags bool[], ratios float8[],
        keys uuid[], days timestamptz[], moods mood[], mood mood, email citext, score score, address inet, net cidr,
        mac macaddr, bits bit(3), varbits varbit, span interval, ints int4range, moments tstzrange, plain json,
        pairs hstore, pair pair, code "char", oid oid, money money, xml xml, spot point, at timetz, prices numeric[]);
    INSERT INTO kinds VALUES (1, '{1,-2}', '{}', '{"a\"b",""}', '{t,f}', '{0.5,NaN}',
        '{00000000-0000-0000-0000-000000000007}', '{2026-01-01Z}', '{sad,"so \"so\""}', 'so "so"', 'A@b', 7, '10.0.0.1/8',
        '10.0.0.0/8', '08:00:2b:01:02:03', '101', '10', '1 day 2 us', '[1,5)', '[2026-01-01Z,)', '{"b": 1, "a": [null]}',
        'a=>1', '(1,x)', 'c', 42, 12.34, '<a/>', '(1,2)', '12:30:00+02', '{1.50,2}');
    INSERT INTO kinds (id) VALUES (2);
"#;

fn thing(id: i32) -> thing::ActiveModel {
    let utc: DateTimeUtc = "2026-02-03T04:05:06.789012Z".parse().unwrap();
    let utc = utc + std::time::Duration::from_secs(86_400 * u64::from(id.unsigned_abs()));
    let zoned = utc.with_timezone(
        &sea_orm::prelude::ChronoDateTimeWithTimeZone::parse_from_rfc3339("2026-01-01T00:00:00+02:00")
            .unwrap()
            .timezone(),
    );
    let price: Decimal = Decimal::new(-12_345_000 + i64::from(id) * 15_000, 4);
    let full = id % 2 == 1;
    let some = |value: i64| full.then_some(value);
    thing::ActiveModel {
        id: Set(id),
        maker_id: Set(match id {
            1 | 2 => Some(1),
            3 => Some(2),
            _ => None,
        }),
        name: Set(format!("thing {id}")),
        title: Set(full.then(|| "It's \"quoted\", \\ and späte 🎈".to_owned())),
        letter: Set(["a", "b", "c"][id.unsigned_abs() as usize % 3].to_owned()),
        flag: Set(full),
        small: Set(i16::MAX - id as i16),
        number: Set(id % 3 * 10),
        big: Set(i64::MAX - i64::from(id)),
        single: Set(0.5 * id as f32),
        ratio: Set(0.1 * f64::from(id)),
        price: Set(price),
        data: Set(vec![0, 255, id as u8]),
        extra: Set(serde_json_value(id)),
        key: Set(Uuid::from_u128(id as u128)),
        day: Set(utc.date_naive()),
        clock: Set("23:59:59.000001".parse().unwrap()),
        naive: Set(utc.naive_utc()),
        utc: Set(utc),
        zoned: Set(zoned),
        size: Set(if full { thing::Size::Large } else { thing::Size::Small }),
        level: Set(if id < 3 { thing::Level::Low } else { thing::Level::High }),
        maybe_number: Set(some(i64::from(id)).map(|n| n as i32)),
        maybe_big: Set(some(1 << 40)),
        maybe_ratio: Set(full.then_some(2.0)),
        maybe_price: Set(full.then(|| Decimal::new(1_5000, 4))),
        maybe_flag: Set(full.then_some(false)),
        maybe_data: Set(full.then(Vec::new)),
        maybe_extra: Set(full.then(|| serde_json_value(-id))),
        maybe_key: Set(full.then(|| Uuid::from_u128(99))),
        maybe_day: Set(full.then(|| utc.date_naive())),
        maybe_clock: Set(full.then(|| "12:30:00".parse().unwrap())),
        maybe_naive: Set(full.then(|| utc.naive_utc())),
        maybe_utc: Set(full.then_some(utc)),
        maybe_zoned: Set(full.then_some(zoned)),
        maybe_size: Set(full.then_some(thing::Size::Small)),
        maybe_level: Set(full.then_some(thing::Level::High)),
    }
}

fn serde_json_value(id: i32) -> Json {
    sea_orm::JsonValue::from_iter([("id", id)].map(|(key, id)| (key.to_owned(), Json::from(id))))
}

/// Another thing, for tests that write.
pub(crate) fn another(id: i32) -> thing::ActiveModel {
    thing(id)
}

/// The rows, by SeaORM's own statements.
pub(crate) async fn rows(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    for (id, name) in [(1, "first"), (2, "second"), (3, "idle")] {
        let founded = (id != 2).then(|| Date::from_ymd_opt(1990, 1, id as u32).unwrap());
        maker::ActiveModel { id: Set(id), name: Set(name.to_owned()), founded: Set(founded) }.insert(db).await?;
    }
    for id in 1..=6 {
        thing(id).insert(db).await?;
    }
    for id in 1..=3_u128 {
        let seen = (id == 1).then(|| "2026-05-06T07:08:09Z".parse().unwrap());
        tag::ActiveModel { id: Set(Uuid::from_u128(id)), name: Set(format!("tag {id}")), seen: Set(seen) }
            .insert(db)
            .await?;
    }
    for (thing, tag, weight) in [(1, 1, 5), (1, 2, 7), (3, 1, -1)] {
        label::ActiveModel { thing_id: Set(thing), tag_id: Set(Uuid::from_u128(tag)), weight: Set(weight) }
            .insert(db)
            .await?;
    }
    if db.get_database_backend() == DbBackend::Postgres {
        let sequences = "SELECT setval('thing_id_seq', 100), setval('maker_id_seq', 100)";
        db.execute_unprepared(sequences).await?;
    }
    Ok(())
}
