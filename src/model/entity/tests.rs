#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

use super::*;

mod collection {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "collection")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        pub documents: HasMany<super::document::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The dense format.
mod document {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "document")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "collection_uid")]
        pub collection_id: i64,
        #[sea_orm(column_type = "Text", unique_key = "collection_uid", comment = "Its own mark")]
        pub uid: String,
        pub blob: Json,
        #[sea_orm(default_value = true)]
        pub open: bool,
        #[sea_orm(default_expr = "Expr::current_timestamp()")]
        pub made_at: DateTimeUtc,
        #[sea_orm(belongs_to, from = "collection_id", to = "id", on_delete = "Cascade")]
        pub collection: HasOne<super::collection::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The expanded format, in a schema, with a relation onto itself, one to one, and one over two columns.
mod staff {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "hr", table_name = "staff_member")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: Uuid,
        #[sea_orm(column_name = "full_name", column_type = "String(StringLen::N(60))")]
        pub name: String,
        pub mentor_id: Option<Uuid>,
        #[sea_orm(unique)]
        pub seat_id: i32,
        pub seat: String,
        pub room: String,
        pub number: u32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::MentorId", to = "Column::Code", on_delete = "SetNull")]
        Mentor,
        #[sea_orm(
            belongs_to = "super::place::Entity",
            from = "Column::SeatId",
            to = "super::place::Column::Id",
            on_delete = "Restrict"
        )]
        Seat,
        #[sea_orm(
            belongs_to = "super::place::Entity",
            from = "(Column::Room, Column::Number)",
            to = "(super::place::Column::Room, super::place::Column::Number)"
        )]
        WorkPlace,
        #[sea_orm(has_many = "super::place::Entity")]
        Places,
    }

    impl Related<super::place::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Places.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod place {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "place")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub room: String,
        pub number: u32,
        pub holder: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::staff::Entity", from = "Column::Holder", to = "super::staff::Column::Code")]
        Holder,
    }

    impl Related<super::staff::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Holder.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn a_dense_entity_tells_its_columns() {
    let meta = meta::<document::Entity>();
    assert_eq!((meta.name.as_str(), meta.table.as_str(), &meta.schema), ("Document", "document", &None));
    let columns: Vec<_> = meta.columns.iter().map(|c| (c.column.as_str(), c.name.as_str(), c.kind)).collect();
    assert_eq!(
        columns,
        [
            ("id", "id", ColumnKind::BigInteger),
            ("collection_id", "collection", ColumnKind::BigInteger),
            ("uid", "uid", ColumnKind::Text),
            ("blob", "blob", ColumnKind::Json),
            ("open", "open", ColumnKind::Boolean),
            ("made_at", "made_at", ColumnKind::DateTime(true)),
        ]
    );
    assert_eq!(meta.primary_key, [0]);
    assert!(meta.columns[0].auto_increment && meta.columns[0].has_default);
    assert!(!meta.columns[1].auto_increment && !meta.columns[1].has_default);
    assert_eq!(meta.columns[2].comment.as_deref(), Some("Its own mark"));
    assert_eq!(meta.columns[4].default, Some(DbValue::Bool(Some(true))));
    assert!(meta.columns[5].default.is_none() && meta.columns[5].has_default);
}

#[test]
fn a_dense_entity_tells_its_keys() {
    let meta = meta::<document::Entity>();
    assert_eq!(meta.uniques.len(), 1);
    assert_eq!(meta.uniques[0].columns, [1, 2]);
    assert!(meta.uniques[0].declared && !meta.uniques[0].backed);
    assert_eq!(meta.relations.len(), 1);
    let relation = &meta.relations[0];
    assert_eq!((relation.name.as_str(), &relation.columns[..]), ("collection", &[1][..]));
    assert_eq!((relation.to_table.as_str(), &relation.to_columns), ("collection", &vec!["id".to_owned()]));
    assert_eq!(relation.on_delete, OnDelete::Cascade);
    // the side that is pointed to has no foreign key
    assert!(super::meta::<collection::Entity>().relations.is_empty());
}

#[test]
fn an_expanded_entity_tells_the_same() {
    let meta = meta::<staff::Entity>();
    assert_eq!((meta.name.as_str(), meta.schema.as_deref()), ("Staff", Some("hr")));
    let names: Vec<_> = meta.columns.iter().map(|c| (c.column.as_str(), c.name.as_str())).collect();
    // `seat` is taken, so the foreign key keeps its suffix
    assert_eq!(names[1..5], [("full_name", "name"), ("mentor_id", "mentor"), ("seat_id", "seat_id"), ("seat", "seat")]);
    assert_eq!(meta.columns[1].kind, ColumnKind::Char(Some(60)));
    assert_eq!(meta.columns[6].kind, ColumnKind::BigInteger);
    assert!(!meta.columns[0].auto_increment && !meta.columns[0].has_default);
    assert!(meta.columns[2].null);
    assert_eq!(meta.uniques.iter().map(|u| u.columns.clone()).collect::<Vec<_>>(), [vec![3]]);
    let relations: Vec<_> = meta.relations.iter().map(|r| (r.name.as_str(), r.columns.clone(), r.on_delete)).collect();
    assert_eq!(
        relations,
        [
            ("mentor", vec![2], OnDelete::SetNull),
            ("seat_id", vec![3], OnDelete::Protect),
            ("work_place", vec![5, 6], OnDelete::Protect),
        ]
    );
    assert_eq!(meta.relations[0].to_schema.as_deref(), Some("hr"));
    assert_eq!(meta.relations[2].to_columns, ["room", "number"]);
}

#[test]
fn a_model_is_named_after_its_module() {
    assert_eq!(model_name("app::documents::document::Entity", "seed_document"), "Document");
    assert_eq!(model_name("app::book_tag::Entity", "t"), "BookTag");
    assert_eq!(model_name("app::r#type::Entity", "t"), "Type");
    assert_eq!(model_name("app::entities::Cake", "t"), "Cake");
    assert_eq!(model_name("app::main::{{closure}}::Entity", "seed_document"), "SeedDocument");
}

#[test]
fn definitions_for_sqlite() {
    let statements = ModelSource::of::<document::Entity>().definition(DbBackend::Sqlite).unwrap();
    assert_eq!(
        statements,
        [
            r#"CREATE TABLE IF NOT EXISTS "document" ( "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "collection_id" integer NOT NULL, "uid" text NOT NULL, "blob" json_text NOT NULL, "open" boolean NOT NULL DEFAULT TRUE, "made_at" datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY ("collection_id") REFERENCES "collection" ("id") ON DELETE CASCADE )"#,
            r#"CREATE UNIQUE INDEX IF NOT EXISTS "idx-document-collection_uid" ON "document" ("collection_id", "uid")"#,
        ]
    );
    let staff = ModelSource::of::<staff::Entity>().definition(DbBackend::Sqlite).unwrap();
    assert!(staff[0].starts_with(r#"CREATE TABLE IF NOT EXISTS "staff_member" ("#), "{}", staff[0]);
}

#[test]
fn definitions_for_postgres() {
    let statements = ModelSource::of::<document::Entity>().definition(DbBackend::Postgres).unwrap();
    assert_eq!(
        statements,
        [
            r#"CREATE TABLE IF NOT EXISTS "document" ( "id" bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY, "collection_id" bigint NOT NULL, "uid" text NOT NULL, "blob" jsonb NOT NULL, "open" bool NOT NULL DEFAULT TRUE, "made_at" timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP, CONSTRAINT "fk-document-collection_id" FOREIGN KEY ("collection_id") REFERENCES "collection" ("id") ON DELETE CASCADE )"#,
            r#"CREATE UNIQUE INDEX IF NOT EXISTS "idx-document-collection_uid" ON "document" ("collection_id", "uid")"#,
        ]
    );
    let staff = ModelSource::of::<staff::Entity>().definition(DbBackend::Postgres).unwrap();
    assert!(staff[0].starts_with(r#"CREATE TABLE IF NOT EXISTS "hr"."staff_member" ("#), "{}", staff[0]);
}
