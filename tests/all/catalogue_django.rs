//! What the catalogues of both databases say of the tables that Django made, and what a violation is called then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use crate::support;

use crate::models;

use bowline::model::entity::ModelSource;
use bowline::model::{ColumnKind, OnDelete};
use bowline::store::catalogue::{self, Catalogue, StartupError, TableInfo};
use bowline::store::{Dialect, Isolation, Statement, Store, StoreError, StoreOptions, Unit, Violation, ViolationKind};
use models::{book, loan, member, sample, seat, tag};
use support::Database;

async fn each() -> [(Database, Store); 2] {
    let open = async |database: Database| {
        let options = StoreOptions { max_connections: 2, ..StoreOptions::default() };
        let store = Store::connect(&database.url(), options).await.unwrap();
        (database, store)
    };
    [open(Database::django_sqlite()).await, open(Database::django_postgres()).await]
}

fn sources() -> Vec<ModelSource> {
    vec![
        ModelSource::of::<book::Entity>(),
        ModelSource::of::<tag::Entity>(),
        ModelSource::of::<loan::Entity>(),
        ModelSource::of::<member::Entity>(),
        ModelSource::of::<seat::Entity>(),
        ModelSource::of::<sample::Entity>(),
    ]
}

async fn learn(store: &Store) -> std::sync::Arc<Catalogue> {
    let models: Vec<_> = sources().into_iter().map(|source| source.meta).collect();
    catalogue::learn(store, &models).await.unwrap()
}

fn uniques(info: &TableInfo) -> Vec<(String, String, bool)> {
    let mut uniques: Vec<_> = info
        .uniques
        .iter()
        .map(|u| {
            let columns: Vec<&str> = u.columns.iter().flatten().map(String::as_str).collect();
            (u.name.clone().unwrap(), columns.join(" "), u.predicate.is_some())
        })
        .collect();
    uniques.sort();
    uniques
}

#[tokio::test]
async fn both_databases_say_the_same() {
    for (_database, store) in each().await {
        let found = learn(&store).await;
        let table = |name: &str| found.table(None, name).unwrap();
        let expected = |all: &[(&str, &str, bool)]| {
            all.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), *c)).collect::<Vec<_>>()
        };
        assert_eq!(
            uniques(table("library_book")),
            expected(&[
                ("library_book_isbn_key", "isbn", false),
                ("library_book_pkey", "id", false),
                ("library_book_slug_key", "slug", false),
            ])
        );
        assert_eq!(
            uniques(table("library_loan")),
            expected(&[
                ("library_loan_pkey", "id", false),
                ("loan_member_book_due", "member_id book_id due", false),
                ("loan_open_book", "book_id", true),
            ])
        );
        assert_eq!(
            uniques(table("library_seat")),
            expected(&[
                ("library_seat_pkey", "id", false),
                ("seat_badge", "room badge", true),
                ("seat_code", "code", false),
                ("seat_place", "room row number", false),
                ("seat_zone_number", "zone number", false),
            ])
        );
        assert_eq!(uniques(table("library_member")).len(), 2);
        let checks: Vec<_> =
            table("library_book").checks.iter().map(|c| (c.name.as_str(), c.columns.join(" "))).collect();
        assert_eq!(checks.len(), 2);
        assert!(checks.contains(&("library_book_pages_check", "pages".into())), "{checks:?}");
        assert!(checks.contains(&("library_book_edition_check", "edition".into())), "{checks:?}");

        // a table that no model has, found because it points to one
        let join = table("library_book_tags").join().unwrap();
        assert!(join.unique);
        let [own, other] = join.keys;
        assert_eq!((own.columns[0].as_str(), own.to_table.1.as_str()), ("book_id", "library_book"));
        assert_eq!((other.columns[0].as_str(), other.to_table.1.as_str()), ("tag_id", "library_tag"));
        assert!(own.deferred && own.deferrable && own.on_delete == OnDelete::Protect);
        assert!(table("library_book_tags").column("id").unwrap().numbered);
        assert!(found.table(None, "library_loan").unwrap().join().is_none());
        assert!(found.table(None, "library_attachment").unwrap().join().is_none());
        assert!(found.table(None, "library_shelf").is_none());
        let kinds = |name: &str| table("library_sample").column(name).unwrap().db_type.clone();
        let expected = match store.dialect() {
            Dialect::Postgres => ["interval", "inet", "numeric(8,3)", "uuid"],
            Dialect::Sqlite => ["bigint", "char(39)", "decimal", "char(32)"],
        };
        assert_eq!(["duration", "ip", "decimal", "uuid"].map(kinds), expected);
        assert!(store.catalogue().is_some());
    }
}

#[tokio::test]
async fn models_learn_what_the_tables_know() {
    for (_database, store) in each().await {
        let models = catalogue::models(&store, &sources()).await.unwrap();
        let book = &models[0];
        let pages = book.columns.iter().find(|c| c.column == "pages").unwrap();
        let weight = book.columns.iter().find(|c| c.column == "weight").unwrap();
        assert!(pages.attributes.positive && !weight.attributes.positive);
        assert!(book.checks.iter().any(|c| c.name == "library_book_pages_check" && c.columns.len() == 1));
        let tags = book.referenced_by.iter().find(|r| r.table == "library_book_tags").unwrap();
        assert_eq!((tags.on_delete, tags.by_database), (OnDelete::Cascade, false));
        // what no entity says of other tables is what the database does: it refuses
        let reviews = book.referenced_by.iter().find(|r| r.table == "library_review").unwrap();
        assert_eq!(reviews.on_delete, OnDelete::Protect);
        let sample = &models[5];
        let kind = |column: &str| sample.columns.iter().find(|c| c.column == column).unwrap().kind;
        assert_eq!((kind("json"), kind("uuid")), (ColumnKind::Json, ColumnKind::Uuid));
        if store.dialect() == Dialect::Postgres {
            assert_eq!(kind("duration"), ColumnKind::Duration);
            assert_eq!(kind("ip"), ColumnKind::Inet);
            assert_eq!(kind("decimal"), ColumnKind::Decimal(Some((8, 3))));
        }
    }
}

#[tokio::test]
async fn a_join_table_that_is_not_there() {
    for (_database, store) in each().await {
        let mut source = ModelSource::of::<book::Entity>();
        source.meta.many_to_many.push(bowline::model::ManyToManyMeta {
            name: "tags".into(),
            to_schema: None,
            to_table: "library_tag".into(),
            schema: None,
            table: "library_book_tag".into(),
            from_column: "book_id".into(),
            to_column: "tag_id".into(),
            through_model: false,
            related_name: None,
            blank: true,
            verbose_name: None,
            help_text: None,
        });
        let errors = catalogue::models(&store, &[source.clone()]).await.unwrap_err();
        assert!(matches!(&errors[..], [StartupError::MissingJoinTable { .. }]), "{errors:?}");
        assert!(errors[0].to_string().starts_with("The join table \"library_book_tag\" of Book.tags does not exist;"));
        source.meta.many_to_many[0].table = "library_book_tags".into();
        source.meta.many_to_many[0].to_column = "label_id".into();
        let errors = catalogue::models(&store, &[source]).await.unwrap_err();
        assert!(
            matches!(&errors[..], [StartupError::MissingColumn { column, .. }] if column == "label_id"),
            "{errors:?}"
        );
    }
}

/// What stopped a statement: by itself, inside of a transaction, and at its end.
async fn stopped(store: &Store, sql: &str) -> Violation {
    let bound = || Statement::once(sql).bind(Vec::new());
    let alone = store.write(Unit::one(bound())).await.unwrap_err();
    let (tx, _) = store.begin(Isolation::ReadCommitted, None).await.unwrap();
    let inside = tx.query(bound()).await.map(drop).unwrap_err();
    tx.rollback().await.unwrap();
    let (tx, _) = store.begin(Isolation::ReadCommitted, None).await.unwrap();
    let last = tx.commit_with(Some(bound())).await.map(drop).unwrap_err();
    let first = store.begin(Isolation::ReadCommitted, Some(bound())).await.map(drop).unwrap_err();
    let violation = |error: StoreError| match error {
        StoreError::Violation(violation) => violation,
        other => panic!("{sql}: {other}"),
    };
    let alone = violation(alone);
    for other in [inside, last, first] {
        assert_eq!(violation(other), alone, "{sql}");
    }
    alone
}

#[tokio::test]
async fn violations_are_called_the_same_on_both() {
    for (_database, store) in each().await {
        learn(&store).await;
        let expect = async |sql: &str, kind, constraint: Option<&str>, table: &str, columns: &[&str]| {
            let violation = stopped(&store, sql).await;
            let expected = Violation {
                kind,
                table: Some(table.into()),
                constraint: constraint.map(Into::into),
                columns: columns.iter().map(|c| (*c).into()).collect(),
            };
            assert_eq!(violation, expected, "{:?}: {sql}", store.dialect());
        };
        use ViolationKind::{Check, NotNull, Unique};
        expect(
            "UPDATE library_book SET slug = 'glass-garden' WHERE id = 2",
            Unique,
            Some("library_book_slug_key"),
            "library_book",
            &["slug"],
        )
        .await;
        expect(
            "UPDATE library_book SET id = 1 WHERE id = 2",
            Unique,
            Some("library_book_pkey"),
            "library_book",
            &["id"],
        )
        .await;
        expect(
            "UPDATE library_book SET pages = -1",
            Check,
            Some("library_book_pages_check"),
            "library_book",
            &["pages"],
        )
        .await;
        expect("UPDATE library_book SET title = NULL", NotNull, None, "library_book", &["title"]).await;
        expect(
            "INSERT INTO library_loan (due, loaned_at, book_id, member_id) SELECT '2030-01-01', loaned_at, book_id, \
             member_id FROM library_loan WHERE returned_at IS NULL",
            Unique,
            Some("loan_open_book"),
            "library_loan",
            &["book_id"],
        )
        .await;
        expect(
            "INSERT INTO library_book_tags (book_id, tag_id) SELECT book_id, tag_id FROM library_book_tags",
            Unique,
            Some("library_book_tags_book_id_tag_id_c3660ce1_uniq"),
            "library_book_tags",
            &["book_id", "tag_id"],
        )
        .await;
    }
}

#[tokio::test]
async fn a_check_without_a_name_is_known_by_its_text() {
    let (_database, store) = &each().await[0];
    learn(store).await;
    let json = stopped(store, "UPDATE library_sample SET json = '{'").await;
    assert_eq!(json.constraint.as_deref(), Some("library_sample_json_check"));
    assert_eq!((json.table.as_deref(), json.columns), (Some("library_sample"), vec!["json".to_owned()]));
}
