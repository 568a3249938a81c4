//! One column of each kind.

use bowline::model::Model as Description;
use bowline::value::Value;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "library_sample")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "")]
    pub char: String,
    pub char_null: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub text: String,
    #[sea_orm(default_value = false)]
    pub boolean: bool,
    pub boolean_null: Option<bool>,
    pub email: String,
    pub slug: String,
    pub url: String,
    pub uuid: Option<Uuid>,
    #[sea_orm(column_type = "Inet")]
    pub ip: Option<String>,
    #[sea_orm(column_type = "Inet")]
    pub ip4: Option<String>,
    pub integer: Option<i32>,
    pub small: Option<i16>,
    pub big: Option<i64>,
    pub positive: Option<i32>,
    pub positive_small: Option<i16>,
    pub float: Option<f64>,
    #[sea_orm(column_type = "Decimal(Some((8, 3)))")]
    pub decimal: Option<Decimal>,
    pub datetime: Option<DateTimeUtc>,
    pub date: Option<Date>,
    pub time: Option<Time>,
    /// Microseconds.
    #[sea_orm(column_type = "Interval(None, None)")]
    pub duration: Option<i64>,
    pub choice: String,
    pub choice_int: Option<i32>,
    #[sea_orm(column_type = "JsonBinary")]
    pub json: Option<Json>,
    #[sea_orm(column_type = "JsonBinary")]
    pub json_default: Json,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .column(Column::Char, |char| char.blank())
        .column(Column::CharNull, |char| char.blank())
        .column(Column::Text, |text| text.blank())
        .column(Column::Email, |email| email.email().blank())
        .column(Column::Slug, |slug| slug.slug().blank())
        .column(Column::Url, |url| url.url().blank())
        .column(Column::Ip, |ip| ip.ip("both").blank())
        .column(Column::Ip4, |ip| ip.ip("ipv4").blank())
        .column(Column::Positive, |positive| positive.positive())
        .column(Column::PositiveSmall, |positive| positive.positive())
        .column(Column::Choice, |choice| choice.choices([("x", "Ex"), ("y", "Why")]).blank())
        .column(Column::ChoiceInt, |choice| choice.choices([(1, "One"), (2, "Two")]).blank())
        .column(Column::JsonDefault, |json| json.default(Value::List(Vec::new())).blank())
}
