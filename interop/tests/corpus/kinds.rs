//! Types that PostgreSQL alone has.

use sea_orm::entity::prelude::*;
use sea_orm::{DbBackend, FromQueryResult, Statement};

use super::answers::Answers;
use super::raw::tuples;

mod mood {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood")]
    pub(crate) enum Mood {
        #[sea_orm(string_value = "sad")]
        Sad,
        #[sea_orm(string_value = "so \"so\"")]
        SoSo,
        #[sea_orm(string_value = "happy")]
        Happy,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "kinds")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i32,
        pub(crate) numbers: Option<Vec<i32>>,
        pub(crate) bigs: Option<Vec<i64>>,
        pub(crate) texts: Option<Vec<String>>,
        pub(crate) flags: Option<Vec<bool>>,
        pub(crate) keys: Option<Vec<Uuid>>,
        pub(crate) days: Option<Vec<DateTimeUtc>>,
        pub(crate) mood: Option<Mood>,
        pub(crate) moods: Option<Vec<Mood>>,
        pub(crate) email: Option<String>,
        pub(crate) score: Option<i32>,
        #[sea_orm(column_type = "Json", nullable)]
        pub(crate) plain: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Debug, FromQueryResult)]
#[allow(dead_code)]
struct Text {
    text: Option<String>,
}

/// Columns that are read in every type.
const COLUMNS: [&str; 28] = [
    "numbers", "bigs", "texts", "flags", "ratios", "keys", "days", "moods", "mood", "email", "score", "address", "net",
    "mac", "bits", "varbits", "ints", "moments", "plain", "pair", "code", "oid", "money", "xml", "spot", "at",
    "prices", "id",
];

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    use sea_orm::{ActiveModelTrait, IntoActiveModel, QueryOrder, Set};

    let plain = |sql: String| Statement::from_string(DbBackend::Postgres, sql);
    for column in COLUMNS {
        macro_rules! read {
            ($($ty:ty),*) => {$(
                let sql = format!("SELECT {column} FROM kinds ORDER BY id");
                out.add(format!("{column} as {}", stringify!($ty)), tuples::<(Option<$ty>,), C>(db, plain(sql)).await);
            )*};
        }
        read!(
            i8,
            i16,
            i32,
            i64,
            u32,
            f64,
            bool,
            String,
            Json,
            Uuid,
            Decimal,
            DateTimeUtc,
            Time,
            Vec<u8>,
            Vec<i32>,
            Vec<i64>
        );
        read!(Vec<String>, Vec<bool>, Vec<f64>, Vec<Uuid>, Vec<DateTimeUtc>, Vec<Decimal>, IpNetwork, Vec<Json>);
        let sql = format!("SELECT {column} AS x FROM kinds ORDER BY id");
        out.add(format!("{column} as json"), db_json(db, plain(sql)).await);
        let sql = format!("SELECT {column}::text AS text FROM kinds ORDER BY id");
        out.add(format!("{column} cast to text"), Text::find_by_statement(plain(sql)).all(db).await);
    }
    for column in ["span", "pairs"] {
        let sql = format!("SELECT {column}::text AS text FROM kinds ORDER BY id");
        out.add(format!("{column} cast to text"), Text::find_by_statement(plain(sql)).all(db).await);
        let sql = format!("SELECT {column} FROM kinds ORDER BY id");
        out.add(format!("{column} as text"), tuples::<(Option<String>,), C>(db, plain(sql)).await);
    }
    let all = || mood::Entity::find().order_by_asc(mood::Column::Id);
    out.add("models of many types", all().all(db).await);
    out.add("by a native enum", all().filter(mood::Column::Mood.eq(mood::Mood::SoSo)).all(db).await);
    out.add("json of many types", all().into_json().all(db).await);
    let model = mood::Model {
        id: 3,
        numbers: Some(vec![1]),
        bigs: Some(vec![]),
        texts: Some(vec!["x".into(), "{\"".into()]),
        flags: None,
        keys: Some(vec![Uuid::from_u128(1)]),
        days: Some(vec!["2026-01-01T00:00:00Z".parse().unwrap()]),
        mood: Some(mood::Mood::Happy),
        moods: Some(vec![mood::Mood::Sad, mood::Mood::SoSo]),
        email: Some("c@D".into()),
        score: Some(4),
        plain: Some(Json::from(1)),
    };
    out.add("insert of many types", model.into_active_model().insert(db).await);
    let change =
        mood::ActiveModel { id: Set(3), mood: Set(None), numbers: Set(Some(vec![2, 3])), ..Default::default() };
    out.add("update of many types", change.update(db).await);
    out.add(
        "by a case-insensitive text",
        all().filter(mood::Column::Email.eq("a@B")).all(db).await.map(|all| all.len()),
    );
}

async fn db_json<C: ConnectionTrait>(db: &C, statement: Statement) -> Result<Vec<Json>, DbErr> {
    sea_orm::JsonValue::find_by_statement(statement).all(db).await
}
