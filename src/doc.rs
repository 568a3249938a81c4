//! The entity that the examples in the documentation speak of.
#![allow(missing_docs)]

pub mod booking {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "room_start")]
        pub room_id: i64,
        #[sea_orm(unique_key = "room_start")]
        pub start: i64,
        pub end: i64,
        #[sea_orm(default_value = "")]
        pub note: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
