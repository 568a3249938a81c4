//! Entities that the application serves: the rows are as Django keeps them, the answers are the same.

use bowline::store::KnownEntities;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::answers::Answers;
use super::entities::{self, label, maker, tag, thing};
use super::run::Fresh;
use super::{aggregates, columns, joins, more, pages, tuples, writes};

/// What must differ on SQLite, where the text that is stored is Django's: `2026-02-03 04:05:06` in UTC, 32 digits of a UUID.
fn is_stored_form(difference: &str) -> bool {
    let mut lines = difference.lines();
    let name = lines.next().unwrap_or_default();
    // Django keeps a point in time without the offset that it was written with
    let in_utc = |line: &str| {
        line.split_once("  ").map(|(_, answer)| answer.replace("T06:05:06.789012+02:00", "T04:05:06.789012+00:00"))
    };
    let (theirs, ours) = (lines.next().and_then(in_utc), lines.next().and_then(in_utc));
    let answer = |line: Option<String>| {
        line.and_then(|line| line.trim_start().split_once(": ").map(|(_, answer)| answer.trim().to_owned()))
    };
    if answer(theirs) == answer(ours) {
        return true;
    }
    let times = ["utc", "naive", "zoned", "clock", "a time as"].iter().any(|time| name.to_lowercase().contains(time));
    let raw = ["String>", "String", "Vec<u8>", " json"].iter().any(|shown| name.ends_with(shown))
        || name.ends_with("Vec<u8>>");
    let whole = ["json of the lot", "json of one", "joined as it stands", "zoned as naive", "max Zoned as json"]
        .contains(&name);
    let uuid = name.starts_with("max Key") || name.starts_with("max MaybeKey");
    // a whole row shows its times
    let row = name == "json of the small" || name.starts_with("json, ");
    (times && raw) || whole || uuid || row
}

async fn queries<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    entities::rows(db).await.unwrap();
    columns::run(db, out).await;
    aggregates::run(db, out).await;
    joins::run(db, out).await;
    tuples::run(db, out).await;
    pages::run(db, out).await;
    more::run(db, out).await;
    writes::run(db, out).await;
}

async fn compared(backend: DbBackend) -> Vec<String> {
    let (one, two) = (Fresh::made(backend, false).await, Fresh::made(backend, false).await);
    let mut known = KnownEntities::default();
    known.learn::<maker::Entity>();
    known.learn::<thing::Entity>();
    known.learn::<tag::Entity>();
    known.learn::<label::Entity>();
    known.learn::<more::tiny::Entity>();
    let (seaorm, bowline) = (one.seaorm().await, two.bowline(known).await);
    let (mut theirs, mut ours) = (Answers::default(), Answers::default());
    queries(&seaorm, &mut theirs).await;
    queries(&bowline, &mut ours).await;
    if backend == DbBackend::Sqlite {
        let stored = "SELECT typeof(key) || ' ' || utc FROM thing WHERE id = 3";
        let row = bowline.query_one_raw(Statement::from_string(backend, stored)).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "text 2026-02-06 04:05:06.789012");
    }
    seaorm.close().await.unwrap();
    bowline.store().close().await;
    theirs.differences(&ours)
}

#[tokio::test]
async fn on_postgres() {
    let differences = compared(DbBackend::Postgres).await;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn on_sqlite() {
    let differences: Vec<String> =
        compared(DbBackend::Sqlite).await.into_iter().filter(|difference| !is_stored_form(difference)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
