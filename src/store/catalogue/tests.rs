#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

use sea_orm::entity::prelude::*;

use super::super::{Dialect, Statement, StoreOptions, Unit};
use super::*;

mod collection {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seed_collection")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod document {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "seed_document")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Text", unique_key = "uid_collection")]
        pub uid: String,
        pub blob: Option<Json>,
        #[sea_orm(unique_key = "uid_collection")]
        pub collection_id: i64,
        #[sea_orm(belongs_to, from = "collection_id", to = "id", on_delete = "Cascade")]
        pub collection: HasOne<super::collection::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod seat {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_seat")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub code: String,
        #[sea_orm(unique_key = "badge")]
        pub room: String,
        #[sea_orm(unique_key = "badge")]
        pub badge: Option<String>,
        pub active: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// As Django's migrations leave them.
const DJANGO: [&str; 9] = [
    r#"CREATE TABLE "seed_collection" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT)"#,
    r#"CREATE TABLE "seed_document" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "uid" text NOT NULL,
       "blob" text NOT NULL CHECK ((JSON_VALID("blob") OR "blob" IS NULL)),
       "collection_id" bigint NOT NULL REFERENCES "seed_collection" ("id") DEFERRABLE INITIALLY DEFERRED)"#,
    r#"CREATE UNIQUE INDEX "seed_document_collection_id_uid_cdc2fc72_uniq" ON "seed_document" ("collection_id", "uid")"#,
    r#"CREATE INDEX "seed_document_collection_id_aa5bb48f" ON "seed_document" ("collection_id")"#,
    r#"CREATE TABLE "library_seat" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "code" varchar(10) NOT NULL,
       "room" varchar(20) NOT NULL, "badge" varchar(10) NULL, "active" bool NOT NULL,
       CONSTRAINT "seat_code" UNIQUE ("code"))"#,
    r#"CREATE UNIQUE INDEX "seat_badge" ON "library_seat" ("room", "badge") WHERE "active""#,
    r#"CREATE UNIQUE INDEX "seat_room_ci" ON "library_seat" (lower("room"), "code")"#,
    r#"CREATE TABLE "note" ("id" text PRIMARY KEY, "seat" integer CONSTRAINT "note_seat" REFERENCES "LIBRARY_SEAT",
       "document" bigint REFERENCES "seed_document" ("id") ON DELETE SET NULL, "twice" AS ("seat" * 2))"#,
    r#"CREATE TABLE "mark" ("seat" integer, "id" integer, PRIMARY KEY ("seat", "id")) WITHOUT ROWID"#,
];

async fn store(folder: &tempfile::TempDir, statements: &[&str]) -> Store {
    let path = folder.path().join("db.sqlite3");
    let store = Store::connect(path.to_str().unwrap(), StoreOptions::default()).await.unwrap();
    let statements = statements.iter().map(|sql| Statement::once(*sql).bind(Vec::new())).collect();
    store.write(Unit { statements, verdict: None }).await.unwrap();
    store
}

fn name(table: &str) -> TableName {
    (None, table.to_owned())
}

fn some(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

#[tokio::test]
async fn the_tables_of_a_django_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &DJANGO).await;
    let asked = [
        name("library_seat"),
        name("absent"),
        name("seed_document"),
        name("seed_document"),
        name("note"),
        name("mark"),
    ];
    let infos = read(&store, &asked).await.unwrap();
    assert_eq!(
        infos.iter().map(|i| i.name.1.as_str()).collect::<Vec<_>>(),
        ["library_seat", "seed_document", "note", "mark"]
    );

    let seat = &infos[0];
    let types: Vec<_> = seat.columns.iter().map(|c| (c.name.as_str(), c.db_type.as_str(), c.not_null)).collect();
    assert_eq!(
        types,
        [
            ("id", "INTEGER", true),
            ("code", "varchar(10)", true),
            ("room", "varchar(20)", true),
            ("badge", "varchar(10)", false),
            ("active", "bool", true),
        ]
    );
    assert!(seat.columns[0].numbered && seat.columns[0].has_default && !seat.columns[1].has_default);
    let unique = |name: &str| seat.uniques.iter().find(|u| u.name.as_deref() == Some(name)).unwrap();
    assert_eq!(unique("seat_code").columns, some(&["code"]));
    assert_eq!(unique("seat_badge").columns, some(&["room", "badge"]));
    assert_eq!(unique("seat_badge").predicate.as_deref(), Some("\"active\""));
    assert_eq!(unique("seat_room_ci").columns, [None, Some("code".to_owned())]);
    let primary: Vec<_> = seat.uniques.iter().filter(|u| u.primary).map(|u| u.columns.clone()).collect();
    assert_eq!(primary, [some(&["id"])]);
    assert_eq!(seat.uniques.len(), 4);
    // found under the name that the table was asked for, though the key spells it otherwise and names no column
    let key = &seat.referenced_by[0];
    assert_eq!((key.name.as_str(), &key.to_table), ("note_seat", &name("library_seat")));
    assert_eq!((&key.columns, &key.to_columns), (&vec!["seat".to_owned()], &vec!["id".to_owned()]));

    let document = &infos[1];
    assert_eq!(document.checks[0].text, r#"(JSON_VALID("blob") OR "blob" IS NULL)"#);
    let key = &document.foreign_keys[0];
    assert_eq!((&key.to_table, key.on_delete, key.deferred), (&name("seed_collection"), OnDelete::Protect, true));

    let note = &infos[2];
    assert_eq!(note.foreign_keys.len(), 2);
    assert_eq!((note.foreign_keys[1].on_delete, note.foreign_keys[1].deferred), (OnDelete::SetNull, false));
    assert!(note.columns[3].generated && note.columns[3].has_default);
    // a text key has an index, is not numbered, and SQLite lets it be NULL
    assert!(!note.columns[0].numbered && !note.columns[0].not_null);
    assert_eq!(note.uniques.iter().filter(|u| u.primary).count(), 1);

    let mark = &infos[3];
    assert_eq!((mark.uniques.len(), mark.uniques[0].primary), (1, true));
    assert_eq!(mark.uniques[0].columns, some(&["seat", "id"]));
    assert!(mark.columns.iter().all(|column| !column.numbered));
}

#[tokio::test]
async fn models_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &DJANGO).await;
    let sources = [ModelSource::of::<document::Entity>(), ModelSource::of::<collection::Entity>()];
    let models = models(&store, &sources).await.unwrap();

    let document = &models[0];
    assert_eq!(document.columns[3].db_type, "bigint");
    // the table refuses what the entity would allow
    assert!(!document.columns[2].null);
    assert_eq!(document.uniques.len(), 1);
    let unique = &document.uniques[0];
    assert_eq!(unique.name.as_deref(), Some("seed_document_collection_id_uid_cdc2fc72_uniq"));
    assert!(unique.declared && unique.backed && unique.immediate);
    let relation = &document.relations[0];
    assert_eq!((relation.constraint.as_deref(), relation.deferred), (Some("seed_document_collection_id_fkey"), true));
    // a table without an entity: the database does what it says
    let note = &document.referenced_by[0];
    assert_eq!((note.table.as_str(), note.on_delete, note.by_database), ("note", OnDelete::SetNull, true));
    // Django's key does nothing on deletion, the entity's declaration is bowline's to do
    let reference = &models[1].referenced_by[0];
    assert_eq!((reference.table.as_str(), reference.on_delete), ("seed_document", OnDelete::Cascade));
    assert!(!reference.by_database);
    assert_eq!(
        (&reference.columns, &reference.to_columns),
        (&vec!["collection_id".to_owned()], &vec!["id".to_owned()])
    );
}

#[tokio::test]
async fn a_partial_index_backs_no_declared_unique() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &DJANGO).await;
    let mut metas = vec![ModelSource::of::<seat::Entity>().meta];
    let infos = read(&store, &[name("library_seat")]).await.unwrap();
    let errors = complete(&mut metas, &infos, Dialect::Sqlite).unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["The model Seat declares that (room, badge) is unique, but no index of the database enforces it; run: \
          CREATE UNIQUE INDEX \"library_seat_room_badge_uniq\" ON \"library_seat\" (\"room\", \"badge\"); or \
          declare it .unenforced(), which makes every write of the application serializable."]
    );
    // the rest is completed all the same
    let uniques: Vec<_> = metas[0]
        .uniques
        .iter()
        .map(|u| (u.name.as_deref(), u.columns.clone(), u.declared, u.backed, u.expression))
        .collect();
    assert_eq!(
        uniques,
        [
            (Some("seat_code"), vec![1], true, true, false),
            (None, vec![2, 3], true, false, false),
            (Some("seat_badge"), vec![2, 3], false, true, false),
            (Some("seat_room_ci"), vec![], false, true, true),
        ]
    );
    assert_eq!(metas[0].uniques[2].predicate.as_deref(), Some("\"active\""));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let seat = r#"CREATE TABLE library_seat (id integer PRIMARY KEY, code text NOT NULL, room text, active bool)"#;
    let store = store(&folder, &[seat]).await;
    let sources = [ModelSource::of::<seat::Entity>(), ModelSource::of::<collection::Entity>()];
    let errors: Vec<String> = models(&store, &sources).await.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors[0].starts_with(
        "The table \"library_seat\" of the model Seat has no column \"badge\" (it has id, code, room, active);"
    ));
    assert!(errors[1].contains("CREATE UNIQUE INDEX \"library_seat_code_uniq\" ON \"library_seat\" (\"code\");"));
    assert!(errors[2].contains("(\"room\", \"badge\");"));
    assert!(errors[3].starts_with("The table \"seed_collection\" of the model Collection does not exist;"));
}

#[test]
fn several_indexes_over_the_same_columns_are_one_unique() {
    let mut meta = ModelSource::of::<seat::Entity>().meta;
    meta.uniques.retain(|unique| unique.columns == [1]);
    let index = |name: &str, immediate: bool, primary: bool| UniqueInfo {
        name: Some(name.to_owned()),
        columns: some(&[if primary { "id" } else { "code" }]),
        expressions: Vec::new(),
        parts: Vec::new(),
        predicate: None,
        nulls_distinct: true,
        immediate,
        primary,
    };
    let column = |c: &crate::model::ColumnMeta| ColumnInfo {
        name: c.column.clone(),
        db_type: "text".into(),
        not_null: !c.null,
        has_default: c.auto_increment,
        default: None,
        numbered: c.auto_increment,
        generated: false,
        readable: true,
    };
    let mut info = TableInfo::new(name("library_seat"));
    info.columns = meta.columns.iter().map(column).collect();
    info.uniques = vec![index("a", true, false), index("b", false, false), index("p", true, true)];
    // declared over the primary key, which backs it
    meta.uniques.push(crate::model::UniqueMeta { columns: vec![0], ..meta.uniques[0].clone() });
    let mut metas = vec![meta];
    complete(&mut metas, &[info], Dialect::Sqlite).unwrap();
    let uniques: Vec<_> =
        metas[0].uniques.iter().map(|u| (u.name.as_deref(), u.columns.clone(), u.immediate, u.backed)).collect();
    assert_eq!(uniques, [(Some("a"), vec![1], false, true), (None, vec![0], true, true)]);
}

#[tokio::test]
async fn what_an_entity_declares_goes_before_what_the_database_does() {
    let table = |key: &str| {
        format!(
            r#"CREATE TABLE seed_document (id integer PRIMARY KEY, uid text NOT NULL, blob text,
               collection_id integer NOT NULL {key}, UNIQUE (collection_id, uid))"#
        )
    };
    let cases = [
        ("REFERENCES seed_collection ON DELETE CASCADE", OnDelete::Cascade, (true, true)),
        ("REFERENCES seed_collection ON DELETE CASCADE", OnDelete::Protect, (true, false)),
        ("REFERENCES seed_collection", OnDelete::Protect, (true, true)),
        ("REFERENCES seed_collection", OnDelete::Cascade, (true, false)),
        ("REFERENCES seed_collection DEFERRABLE INITIALLY DEFERRED", OnDelete::Protect, (true, false)),
        ("", OnDelete::Cascade, (false, false)),
    ];
    for (key, declared, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder, &[DJANGO[0], &table(key)]).await;
        let mut metas = vec![ModelSource::of::<collection::Entity>().meta, ModelSource::of::<document::Entity>().meta];
        metas[1].relations[0].on_delete = declared;
        let infos = read(&store, &[name("seed_collection"), name("seed_document")]).await.unwrap();
        complete(&mut metas, &infos, Dialect::Sqlite).unwrap();
        let references = &metas[0].referenced_by;
        assert_eq!(references.len(), 1, "{key}");
        assert_eq!(references[0].on_delete, declared, "{key}");
        assert_eq!((references[0].constraint.is_some(), references[0].by_database), expected, "{key} {declared:?}");
    }
}
