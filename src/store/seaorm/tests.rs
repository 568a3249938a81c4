#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use rusqlite::types::ValueRef;
use sea_orm::sqlx::Executor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::store::{PackedColumn, PackedRows, Violation, ViolationKind};

fn packed(declared: Option<&str>, values: &[ValueRef<'_>]) -> Rows {
    let mut rows = PackedRows::new(1);
    let declared = declared.map(str::to_owned);
    rows.set_columns(vec![PackedColumn { name: "a \"b\"".into(), declared, origin: None }]);
    values.iter().for_each(|value| rows.push(*value).unwrap());
    Rows::Packed(rows)
}

#[tokio::test]
async fn cells_of_sqlite_keep_their_class_under_every_declared_type() {
    let converters = Converters::default();
    let declared =
        ["integer", "varchar(3)", "BOOLEAN", "datetime", "\"odd 'type\"", "decimal(12, 4)", "4x", "", "a b (1)"];
    for declared in declared.map(Some).into_iter().chain([None]) {
        let values = [
            ValueRef::Integer(7),
            ValueRef::Real(0.5),
            ValueRef::Text(b"1"),
            ValueRef::Blob(b"\x00\xff"),
            ValueRef::Null,
        ];
        let rows = converters.rows(&packed(declared, &values), &KnownEntities::default()).await.unwrap();
        let name = "a \"b\"";
        assert_eq!(rows[0].try_get::<i64>("", name).unwrap(), 7, "{declared:?}");
        assert!(rows[0].try_get::<Option<String>>("", name).is_err(), "{declared:?}");
        assert_eq!(rows[1].try_get::<f64>("", name).unwrap(), 0.5);
        assert_eq!(rows[2].try_get::<String>("", name).unwrap(), "1", "{declared:?}");
        assert!(rows[2].try_get::<Option<i32>>("", name).is_err());
        assert_eq!(rows[3].try_get::<Vec<u8>>("", name).unwrap(), [0, 255]);
        assert_eq!(rows[4].try_get::<Option<i32>>("", name).unwrap(), None);
    }
}

#[tokio::test]
async fn results_have_every_number() {
    let converters = Converters::default();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        for affected in [0, 1, 999, 1000, 1001, 2500] {
            let result = converters.result(dialect, affected, 1 << 40).await.unwrap();
            assert_eq!(result.rows_affected(), affected, "{dialect:?}");
            if dialect == Dialect::Sqlite {
                assert_eq!(result.last_insert_id(), 1 << 40);
            }
        }
    }
}

#[tokio::test]
async fn violations_are_the_drivers_errors() {
    use sea_orm::SqlErr;
    let converters = Converters::default();
    let kinds = [
        ViolationKind::Unique,
        ViolationKind::ForeignKey,
        ViolationKind::NotNull,
        ViolationKind::Check,
        ViolationKind::Exclusion,
    ];
    for (dialect, kind) in [Dialect::Sqlite, Dialect::Postgres].into_iter().flat_map(|d| kinds.map(|kind| (d, kind))) {
        // names that the converter's own tables have, too
        for (table, columns) in [("last", vec!["id"]), ("missing", vec!["c", "od\"d"]), ("t0", vec![])] {
            let columns = columns.into_iter().map(str::to_owned).collect();
            let violation = Violation { kind, table: Some(table.into()), constraint: Some("named".into()), columns };
            let error = Arc::new(StoreError::Violation(violation.clone()));
            let error = converters.failed(dialect, Asked::Exec, error).await;
            assert!(matches!(store_error(&error), Some(StoreError::Violation(found)) if *found == violation));
            match (kind, error.sql_err()) {
                (ViolationKind::Unique, Some(SqlErr::UniqueConstraintViolation(_)))
                | (ViolationKind::ForeignKey, Some(SqlErr::ForeignKeyConstraintViolation(_)))
                | (ViolationKind::NotNull | ViolationKind::Check | ViolationKind::Exclusion, None) => {}
                (kind, found) => panic!("{dialect:?}, {kind:?}: {found:?}"),
            }
        }
    }
    let conflict = Arc::new(StoreError::Conflict("x".into()));
    let error = converters.failed(Dialect::Postgres, Asked::Query, conflict).await;
    assert!(matches!(store_error(&error), Some(StoreError::Conflict(_))));
    assert!(error.sql_err().is_none());
}

#[tokio::test]
async fn a_converter_that_was_left_in_the_middle_is_thrown_away() {
    let converters = Arc::new(Converters::default());
    let many: Vec<ValueRef<'_>> = (0..50_000).map(ValueRef::Integer).collect();
    let rows = Arc::new(packed(Some("integer"), &many));
    for patience in 0..20 {
        let known = KnownEntities::default();
        let limit = std::time::Duration::from_micros(patience * 700);
        let _ = tokio::time::timeout(limit, converters.rows(&rows, &known)).await;
        let _ = tokio::time::timeout(limit, converters.result(Dialect::Postgres, 1, 0)).await;
        assert_eq!(converters.result(Dialect::Postgres, 5, 0).await.unwrap().rows_affected(), 5);
        let one = converters.rows(&packed(None, &[ValueRef::Integer(3)]), &known).await.unwrap();
        assert_eq!(one[0].try_get_by_index::<i32>(0).unwrap(), 3);
    }
    let all = (0..100).map(|n| {
        let converters = Arc::clone(&converters);
        tokio::spawn(async move { converters.result(Dialect::Postgres, n, 0).await.unwrap().rows_affected() })
    });
    for (n, task) in all.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), n as u64);
    }
    assert!(converters.postgres.idle.lock().unwrap().len() <= CONVERTERS);
}

#[test]
fn converters_outlive_the_runtime_that_made_them() {
    let converters = Converters::default();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                assert_eq!(converters.result(dialect, 2, 0).await.unwrap().rows_affected(), 2);
            }
        });
    }
}

#[tokio::test]
async fn the_ends_meet_on_the_loopback_address_and_strangers_are_turned_away() {
    use super::postgres::link;
    let (mut driver, _ours) = link::loopback(link::options("secret"), "secret").await.unwrap();
    drop(driver.execute("x"));
    // a program that is not ours is there first
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stranger = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stranger.write_all(b"\0\0\0\x10\0\x03\0\0user\0me\0\0").await.unwrap();
    let options = link::options("secret").host("127.0.0.1").port(port);
    let accept = || async { Ok(listener.accept().await?.0) };
    link::meet(options, "secret", accept).await.unwrap();
}
