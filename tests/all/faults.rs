//! The server is killed, the database is restarted, both under load: what was acknowledged is there, nothing is half
//! there, and service resumes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support::{Client, Database, Postgres, Random, Response, Server, within};

/// Kills per test; two tests make fifty for each database.
const KILLS: u64 = 25;
const WRITERS: u64 = 4;
/// No request may take longer than this, whatever happens to the database.
const BOUND: Duration = Duration::from_secs(15);

#[test]
fn kills_on_sqlite() {
    kill_and_restart(&Database::sqlite());
}

#[test]
fn kills_on_postgres() {
    kill_and_restart(&Database::postgres());
}

#[test]
fn kills_on_sqlite_with_tables_of_django() {
    kill_and_restart(&Database::django_sqlite());
}

/// Django's foreign keys have no ON DELETE: here a cascade is more than one statement.
#[test]
fn kills_on_postgres_with_tables_of_django() {
    kill_and_restart(&Database::django_postgres());
}

fn kill_and_restart(database: &Database) {
    let mut books = (0..WRITERS).map(Book::new).collect::<Vec<_>>();
    let mut random = Random::new(9);
    for round in 0..KILLS {
        let server = Server::start(&database.url(), &[]);
        for book in &mut books {
            book.check_through(&mut server.client());
        }
        let address = server.address();
        thread::scope(|scope| {
            for book in &mut books {
                scope.spawn(move || book.write_until_it_breaks(&mut Client::new(address)));
            }
            thread::sleep(Duration::from_millis(40 + random.below(120)));
            server.kill9();
        });
        if round % 5 == 4 {
            check_rows(database, &books);
        }
    }
    // a start of its own, so that what a crash left in the database is put right by whoever comes next
    Server::start(&database.url(), &[]).terminate();
    check_rows(database, &books);
    let written = books.iter().map(|book| book.acknowledged).sum::<usize>();
    assert!(written > 500, "only {written} writes were acknowledged: the kills met no load");
}

/// What one writer knows about its own rows.
struct Book {
    writer: u64,
    random: Random,
    acknowledged: usize,
    /// Counts the marks, whose order a failure then shows.
    sent: usize,
    /// Documents: the mark that was acknowledged, and the one that was sent and not answered.
    documents: BTreeMap<i64, (Mark, Option<Mark>)>,
    /// Rows that are surely gone.
    gone: BTreeSet<i64>,
    /// Creations without an answer: there as a whole, or not at all.
    perhaps: BTreeSet<String>,
    /// Collections that are surely gone.
    gone_collections: BTreeSet<i64>,
    /// Collections, and their documents, whose DELETE was not answered.
    torn: BTreeMap<i64, [i64; 2]>,
}

/// The tag that both columns of a row carry; `None` for a row that was deleted.
type Mark = Option<String>;

/// The connection broke: nobody knows what became of the request.
struct Broken;

impl Book {
    fn new(writer: u64) -> Book {
        Book {
            writer,
            random: Random::new(writer),
            acknowledged: 0,
            sent: 0,
            documents: BTreeMap::new(),
            gone: BTreeSet::new(),
            perhaps: BTreeSet::new(),
            gone_collections: BTreeSet::new(),
            torn: BTreeMap::new(),
        }
    }

    fn write_until_it_breaks(&mut self, client: &mut Client) {
        let mut run = || -> Result<Infallible, Broken> {
            let collection = self.send(client, "POST", "/collections/", Some(json!({})), 201)?.id();
            loop {
                match self.random.below(10) {
                    0 => self.cascade(client)?,
                    1 => self.delete(client)?,
                    2..6 => self.patch(client)?,
                    _ => drop(self.create(client, collection)?),
                }
            }
        };
        let Err(Broken) = run();
    }

    fn create(&mut self, client: &mut Client, collection: i64) -> Result<i64, Broken> {
        let tag = self.tag();
        let body = json!({"collection": collection, "uid": tag, "blob": {"of": tag}});
        self.perhaps.insert(tag.clone());
        let id = self.send(client, "POST", "/documents/", Some(body), 201)?.id();
        self.perhaps.remove(&tag);
        self.documents.insert(id, (Some(tag), None));
        Ok(id)
    }

    fn patch(&mut self, client: &mut Client) -> Result<(), Broken> {
        let Some(id) = self.any_document() else {
            return Ok(());
        };
        let tag = self.tag();
        self.begin(id, Some(tag.clone()));
        self.send(client, "PATCH", &path(id), Some(json!({"uid": tag, "blob": {"of": tag}})), 200)?;
        self.documents.insert(id, (Some(tag), None));
        Ok(())
    }

    fn delete(&mut self, client: &mut Client) -> Result<(), Broken> {
        let Some(id) = self.any_document() else {
            return Ok(());
        };
        self.begin(id, None);
        self.send(client, "DELETE", &path(id), None, 204)?;
        self.documents.remove(&id);
        self.gone.insert(id);
        Ok(())
    }

    /// Deletes a collection with its documents.
    fn cascade(&mut self, client: &mut Client) -> Result<(), Broken> {
        let collection = self.send(client, "POST", "/collections/", Some(json!({})), 201)?.id();
        let ids = [self.create(client, collection)?, self.create(client, collection)?];
        for id in ids {
            self.documents.remove(&id);
        }
        self.torn.insert(collection, ids);
        self.send(client, "DELETE", &format!("/collections/{collection}/"), None, 204)?;
        self.torn.remove(&collection);
        self.gone.extend(ids);
        self.gone_collections.insert(collection);
        Ok(())
    }

    fn send(
        &mut self,
        client: &mut Client,
        method: &str,
        path: &str,
        body: Option<Json>,
        expected: u16,
    ) -> Result<Response, Broken> {
        let answer = client.send(method, path, body.as_ref()).map_err(|_| Broken)?;
        assert_eq!(answer.status, expected, "{method} {path} {body:?}: {answer:?}");
        self.acknowledged += 1;
        Ok(answer)
    }

    fn begin(&mut self, id: i64, mark: Mark) {
        self.documents.get_mut(&id).unwrap().1 = Some(mark);
    }

    fn any_document(&mut self) -> Option<i64> {
        // one whose last write was not answered is left as it is, for the check of the rows
        let ids = self.documents.iter().filter(|(_, (_, open))| open.is_none()).map(|(id, _)| *id).collect::<Vec<_>>();
        (!ids.is_empty()).then(|| *self.random.pick(&ids))
    }

    fn tag(&mut self) -> String {
        self.sent += 1;
        format!("{}-{}", self.writer, self.sent)
    }

    /// Reads this writer's documents through the server that came after, and settles the writes that have landed.
    ///
    /// One that has not may do so later: PostgreSQL finishes a statement whose client is gone.
    fn check_through(&mut self, client: &mut Client) {
        let recent = self.documents.iter().rev().take(20).map(|(id, _)| *id);
        let open = self.documents.iter().filter(|(_, (_, open))| open.is_some()).map(|(id, _)| *id);
        for id in recent.chain(open).collect::<BTreeSet<_>>() {
            let answer = client.call("GET", &path(id), None);
            let found = match answer.status {
                200 => Some(answer.json()["uid"].as_str().unwrap().to_owned()),
                404 => None,
                _ => panic!("{answer:?}"),
            };
            let (acknowledged, open) = &self.documents[&id];
            let allowed = found == *acknowledged || open.as_ref() == Some(&found);
            assert!(allowed, "document {id}: {acknowledged:?} was acknowledged, {open:?} sent, {found:?} found");
            if found == *acknowledged {
                continue;
            }
            if found.is_some() {
                self.documents.insert(id, (found, None));
            } else {
                self.documents.remove(&id);
                self.gone.insert(id);
            }
        }
    }
}

/// Holds what the database has against what the writers know.
fn check_rows(database: &Database, books: &[Book]) {
    // the sessions of a server that was killed finish what they were about
    assert!(within(Duration::from_secs(30), || database.sessions() == 0), "sessions outlive their server");
    let rows = database.documents();
    let collections = database.collections();
    for book in books {
        for (id, (acknowledged, open)) in &book.documents {
            let found = rows.get(id).map(|row| row.uid.clone());
            let allowed = found == *acknowledged || open.as_ref() == Some(&found);
            assert!(allowed, "document {id}: {acknowledged:?} was acknowledged, {open:?} sent, {found:?} found");
        }
        for (collection, ids) in &book.torn {
            let parent = collections.contains(collection);
            let children = ids.map(|id| rows.get(&id).is_some_and(|row| row.collection == *collection));
            assert_eq!(children, [parent; 2], "collection {collection} is deleted in part");
        }
        for id in &book.gone {
            assert!(!rows.contains_key(id), "document {id} was deleted and is back");
        }
        for id in &book.gone_collections {
            assert!(!collections.contains(id), "collection {id} was deleted and is back");
        }
    }
    let known = |id: &i64, uid: &str| {
        let knows = |book: &Book| {
            book.documents.contains_key(id)
                || book.perhaps.contains(uid)
                || book.torn.values().any(|ids| ids.contains(id))
        };
        books.iter().any(knows)
    };
    for (id, row) in &rows {
        assert!(collections.contains(&row.collection), "document {id} has no collection");
        // Django's own rows have no such key
        if let Some(of) = row.blob.get("of") {
            assert_eq!(of, &row.uid, "document {id} is half written");
            assert!(known(id, &row.uid), "nobody sent document {id}: {row:?}");
        }
    }
}

/// PostgreSQL goes away under load, twice, once as after a crash and once in order.
#[test]
fn postgres_restarts() {
    let cluster = Postgres::start();
    let url = cluster.database();
    let server = Server::start(&url, &[]);
    let collection = server.client().call("POST", "/collections/", Some(&json!({}))).id();
    let stop = AtomicBool::new(false);
    let mut outages = Vec::new();
    let answers = thread::scope(|scope| {
        let writers = (0..WRITERS * 2)
            .map(|writer| {
                let (mut client, stop) = (server.client(), &stop);
                scope.spawn(move || write_until_told(&mut client, collection, writer, stop))
            })
            .collect::<Vec<_>>();
        for take_away in [Postgres::kill, Postgres::stop] {
            thread::sleep(Duration::from_millis(500));
            take_away(&cluster);
            let away = Instant::now();
            thread::sleep(Duration::from_millis(1500));
            outages.push((away, Instant::now()));
            cluster.resume();
            let mut client = server.client();
            let mut works = || client.call("GET", "/collections/", None).status == 200;
            assert!(within(Duration::from_secs(30), &mut works), "service did not resume");
        }
        thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let database = Database::Postgres(url);
    assert!(within(Duration::from_secs(5), || database.idle_in_transaction() == 0));
    server.terminate();

    let rows = database.documents();
    let there = rows.values().map(|row| &row.uid).collect::<BTreeSet<_>>();
    for row in rows.values() {
        assert_eq!(row.blob["of"], row.uid, "half written");
    }
    for writer in &answers {
        for answer in writer {
            assert!(matches!(answer.status, 200 | 201 | 503), "{answer:?}");
            assert!(answer.took < BOUND, "{answer:?}");
            assert!(answer.status != 503 || answer.retry_after != answer.is_unknown, "{answer:?}");
            assert!(answer.status != 201 || there.contains(&answer.uid), "acknowledged and gone: {answer:?}");
        }
        for (away, back) in &outages {
            let meanwhile = writer.iter().filter(|answer| answer.start > *away && answer.start + answer.took < *back);
            for answer in meanwhile {
                assert_eq!(answer.status, 503, "there was no database: {answer:?}");
            }
        }
        let last = writer.last().unwrap();
        assert!(matches!(last.status, 200 | 201), "a client is still refused at the end: {last:?}");
    }
    for (away, _) in &outages {
        let during = |answer: &&Answer| answer.start + answer.took > *away && answer.status == 503;
        assert!(answers.iter().flatten().any(|answer| during(&answer)), "nobody noticed that the database was away");
    }
}

/// What a client saw of one request.
#[derive(Debug)]
struct Answer {
    start: Instant,
    took: Duration,
    status: u16,
    retry_after: bool,
    is_unknown: bool,
    uid: String,
}

/// Creates documents and reads the last one, until it is told to stop.
fn write_until_told(client: &mut Client, collection: i64, writer: u64, stop: &AtomicBool) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut last = None;
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let uid = format!("{writer}-{n}");
        let start = Instant::now();
        let answer = match last.take() {
            Some(id) => client.call("GET", &path(id), None),
            None => {
                let body = json!({"collection": collection, "uid": uid, "blob": {"of": uid}});
                client.call("POST", "/documents/", Some(&body))
            }
        };
        let took = start.elapsed();
        if answer.status == 201 {
            last = Some(answer.id());
        }
        let retry_after = answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok());
        let is_unknown = answer.status == 503 && String::from_utf8_lossy(&answer.body).contains("is not known");
        answers.push(Answer { start, took, status: answer.status, retry_after, is_unknown, uid });
        if answer.status == 503 {
            thread::sleep(Duration::from_millis(20));
        }
    }
    answers
}

fn path(id: i64) -> String {
    format!("/documents/{id}/")
}
