//! Tables that are altered while the server runs: it goes on, and judges by what holds now.

use serde_json::{Value as Json, json};

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Client, Database, Pooler, Postgres, Response, Server, query, within};

const UNIQUE: &str = "seed_document_collection_uid";

/// The name of the constraint or index that holds the documents' pairs apart.
fn unique(database: &Database) -> String {
    let named = "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'seed_document'::regclass AND indisunique \
                 AND NOT indisprimary";
    database.list(named).concat()
}

fn post(client: &mut Client, collection: i64, uid: &str) -> (u16, Json) {
    let body = json!({"collection": collection, "uid": uid, "blob": {}});
    let answer = client.call("POST", "/documents/", Some(&body));
    (answer.status, answer.json())
}

/// New rows, changed rows and rows that are taken, with DRF's answers.
fn works(client: &mut Client, collection: i64, name: &str) {
    let taken = json!({"non_field_errors": ["The fields collection, uid must make a unique set."]});
    for n in 0..3 {
        let (first, second) = (format!("{name}-{n}"), format!("{name}-{n}-other"));
        assert_eq!(post(client, collection, &first).0, 201, "{name}");
        assert_eq!(post(client, collection, &first), (400, taken.clone()), "{name}");
        let (status, body) = post(client, collection, &second);
        assert_eq!(status, 201, "{name}");
        let path = format!("/documents/{}/", body["id"]);
        let answer = client.call("PATCH", &path, Some(&json!({"uid": first})));
        assert_eq!((answer.status, answer.json()), (400, taken.clone()), "{name}");
        assert_eq!(client.call("PATCH", &path, Some(&json!({"uid": format!("{second}!")}))).status, 200, "{name}");
        let answer = client.call("POST", "/documents/", Some(&json!({"collection": 987_654, "uid": "x", "blob": {}})));
        let missing = json!({"collection": ["Invalid pk \"987654\" - object does not exist."]});
        assert_eq!((answer.status, answer.json()), (400, missing), "{name}");
        assert_eq!(client.call("GET", &path, None).status, 200, "{name}");
    }
}

#[test]
fn constraints_and_columns_that_change_while_the_server_runs() {
    let database = Database::postgres();
    let Database::Postgres(url) = &database else { panic!("a database of PostgreSQL's") };
    let server = Server::start(url, &[]);
    let mut client = server.client();
    let collection = client.call("POST", "/collections/", Some(&json!({}))).id();
    works(&mut client, collection, "as it was");
    let found = unique(&database);
    let is_index = database.list(&format!("SELECT 1 FROM pg_constraint WHERE conname = '{found}'")).is_empty();
    let drop = match is_index {
        true => format!("DROP INDEX {found}"),
        false => format!("ALTER TABLE seed_document DROP CONSTRAINT {found}"),
    };
    let again = format!("ALTER TABLE seed_document ADD CONSTRAINT {UNIQUE} UNIQUE (collection_id, uid)");
    let gone = format!("ALTER TABLE seed_document DROP CONSTRAINT {UNIQUE}");
    for (name, sql) in [
        ("made again under another name", format!("{drop}; {again}")),
        ("deferrable", format!("{gone}; {again} DEFERRABLE INITIALLY IMMEDIATE")),
        ("deferred", format!("{gone}; {again} DEFERRABLE INITIALLY DEFERRED")),
        ("renamed", format!("ALTER TABLE seed_document RENAME CONSTRAINT {UNIQUE} TO another")),
        ("without one", "ALTER TABLE seed_document DROP CONSTRAINT another".into()),
        ("as an index", "CREATE UNIQUE INDEX an_index ON seed_document (collection_id, uid)".into()),
        ("with another column", "ALTER TABLE seed_document ADD extra int".into()),
        ("without it", "ALTER TABLE seed_document DROP extra".into()),
        ("with another type", "ALTER TABLE seed_document ALTER uid TYPE varchar(200)".into()),
        ("with keys of another type", "ALTER TABLE seed_document ALTER collection_id TYPE int".into()),
        ("with a check", "ALTER TABLE seed_document ADD CHECK (length(uid) < 100)".into()),
    ] {
        query(url, &sql);
        if name == "without one" {
            // nothing holds them apart any more; the rest goes on
            assert_eq!(post(&mut client, collection, name).0, 201);
            continue;
        }
        works(&mut client, collection, name);
    }
    let (status, body) = post(&mut client, collection, &"x".repeat(150));
    let expected = json!({"non_field_errors": ["Constraint “seed_document_uid_check” is violated."]});
    assert_eq!((status, body), (400, expected));
    assert!(server.log().contains("tables were altered"), "{}", server.log());
    server.terminate();
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// A server with two collections.
fn start(url: &str) -> (Server, [i64; 2]) {
    let server = Server::start(url, &[]);
    let mut client = server.client();
    let collections = [(); 2].map(|()| client.call("POST", "/collections/", Some(&json!({}))).id());
    (server, collections)
}

/// The answers to requests that constraints may stop, without what differs from one server to the next.
fn answers(server: &Server, [one, other]: [i64; 2], tag: &str, patch_first: bool) -> Vec<(u16, Json)> {
    let mut client = server.client();
    let mut found = Vec::new();
    let mut call = |method: &str, path: &str, body: Json| {
        let answer = client.call(method, path, Some(&body));
        let mut body = if answer.body.is_empty() { json!(null) } else { answer.json() };
        let status = answer.status;
        let id = body.get("id").and_then(Json::as_i64);
        if let Some(fields) = body.as_object_mut() {
            fields.remove("id");
            if let Some(collection) = fields.get_mut("collection").filter(|collection| collection.is_i64()) {
                *collection = json!(*collection == one);
            }
        }
        let body = body.to_string().replace(tag, "tag").replace(&tag.to_uppercase(), "TAG");
        found.push((status, serde_json::from_str(&body).unwrap()));
        id
    };
    let document =
        |collection: i64, uid: String| json!({"collection": collection, "uid": uid, "blob": {"a": [1, "x"]}});
    let first = call("POST", "/documents/", document(one, tag.to_owned())).expect("the first one is right");
    let path = format!("/documents/{first}/");
    if patch_first {
        let second = call("POST", "/documents/", document(other, format!("{tag}2"))).expect("another one");
        call("PATCH", &format!("/documents/{second}/"), json!({"uid": tag}));
        call("PUT", &format!("/documents/{second}/"), document(other, format!("forbidden {tag}")));
        call("DELETE", &format!("/documents/{second}/"), json!({}));
    }
    call("POST", "/documents/", document(other, tag.to_owned()));
    call("POST", "/documents/", document(other, tag.to_uppercase()));
    call("POST", "/documents/", document(one, tag.to_owned()));
    call("POST", "/documents/", document(one, format!("forbidden {tag}")));
    call("POST", "/documents/", document(one, format!("{tag} {}", "long ".repeat(20))));
    call("POST", "/documents/", document(987_654, format!("{tag}3")));
    call("PATCH", &path, json!({"uid": format!("{tag}4")}));
    call("GET", &path, json!({}));
    found
}

/// A server that runs on answers at once as one does that starts on the altered tables; `address` is how servers reach a database.
fn as_a_new_server(fresh: impl Fn() -> Database, address: impl Fn(&Database) -> String, alterations: &[&[&str]]) {
    for (n, statements) in alterations.iter().flat_map(|statements| [statements, statements]).enumerate() {
        let database = fresh();
        let (server, collections) = start(&address(&database));
        answers(&server, collections, "before", n % 2 == 0);
        database.run("DELETE FROM seed_document");
        for statement in *statements {
            database.run(statement);
        }
        let found = answers(&server, collections, "running", n % 2 == 0);
        let (new, collections) = start(&address(&database));
        let expected = answers(&new, collections, "started", n % 2 == 0);
        new.terminate();
        assert_eq!(found, expected, "{}: {statements:?}", database.name());
        assert!(expected.iter().all(|(status, _)| *status < 500), "{expected:?}");
        server.terminate();
    }
}

/// The foreign key, whatever its name, is judged at the end of each transaction.
const DEFERRED: &str = "DO $$ DECLARE name text; BEGIN
    SELECT conname INTO name FROM pg_constraint WHERE conrelid = 'seed_document'::regclass AND contype = 'f';
    EXECUTE format('ALTER TABLE seed_document ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', name);
END $$";

/// Alterations of PostgreSQL's tables.
const POSTGRES: &[&[&str]] = &[
    &["ALTER TABLE seed_document ADD CONSTRAINT own UNIQUE (uid)"],
    &["ALTER TABLE seed_document ADD CONSTRAINT own UNIQUE (uid) DEFERRABLE INITIALLY DEFERRED"],
    &[DEFERRED],
    &["CREATE UNIQUE INDEX part ON seed_document (uid) WHERE uid > ''"],
    &["CREATE UNIQUE INDEX lower ON seed_document (lower(uid))"],
    &["ALTER TABLE seed_document ADD CONSTRAINT harmless CHECK (uid NOT LIKE 'forbidden%')"],
    &["ALTER TABLE seed_document ADD CONSTRAINT apart EXCLUDE USING btree (uid WITH =)"],
    &["ALTER TABLE seed_document ALTER uid TYPE varchar(50)"],
    &["ALTER TABLE seed_document ALTER collection_id TYPE int"],
    &[
        "CREATE UNIQUE INDEX CONCURRENTLY again ON seed_document (uid, collection_id)",
        "DO $$ DECLARE name text; BEGIN
            SELECT indexrelid::regclass INTO name FROM pg_index
                WHERE indrelid = 'seed_document'::regclass AND indisunique AND NOT indisprimary ORDER BY indexrelid LIMIT 1;
            EXECUTE format('DROP INDEX %s', name);
        END $$",
        "ALTER INDEX again RENAME TO others",
    ],
    // a table in the place of another
    &[
        "CREATE TABLE copy (LIKE seed_document INCLUDING ALL)",
        "INSERT INTO copy SELECT * FROM seed_document",
        "ALTER TABLE seed_document RENAME TO gone",
        "ALTER TABLE copy RENAME TO seed_document",
        "ALTER TABLE seed_document ADD FOREIGN KEY (collection_id) REFERENCES seed_collection ON DELETE CASCADE",
    ],
];

/// What another process does to an SQLite file.
const SQLITE: &[&[&str]] = &[
    &["CREATE UNIQUE INDEX own ON seed_document (uid)"],
    &["CREATE UNIQUE INDEX part ON seed_document (uid) WHERE uid > ''"],
    &["CREATE UNIQUE INDEX lower ON seed_document (lower(uid))"],
    &["ALTER TABLE seed_document ADD COLUMN extra integer CHECK (uid NOT LIKE 'forbidden%')"],
    &["ALTER TABLE seed_document ADD COLUMN another text DEFAULT 'x'"],
];

#[test]
fn new_constraints_have_their_words_at_once() {
    as_a_new_server(Database::postgres, Database::url, POSTGRES);
    as_a_new_server(Database::sqlite, Database::url, SQLITE);
}

#[test]
fn new_constraints_have_their_words_behind_a_pooler() {
    let postgres = Postgres::start();
    let pooler = Pooler::start(&postgres, 6, "");
    as_a_new_server(
        || Database::Postgres(postgres.database()),
        |database| pooler.pooled_url(&database.url()),
        POSTGRES,
    );
}

/// Nothing tells of a constraint that is gone but the requests that are still refused by it.
#[test]
fn a_constraint_that_is_dropped_refuses_for_a_moment() {
    Database::each(|database| {
        let (server, collections) = start(&database.url());
        database.run("CREATE UNIQUE INDEX own ON seed_document (uid)");
        answers(&server, collections, "before", true);
        let mut client = server.client();
        let mut again = || post(&mut client, collections[1], "before4").0;
        assert_eq!(again(), 400);
        database.run("DROP INDEX own");
        assert!(within(Duration::from_secs(25), || again() == 201), "it is refused for ever");
        server.terminate();
    });
}

/// A column that is gone, or has another name, is told in the log; the rest goes on, and so does all once it is back.
#[test]
fn a_column_that_goes_and_comes_back() {
    Database::each(|database| {
        let (server, collections) = start(&database.url());
        answers(&server, collections, "before", false);
        let mut client = server.client();
        let blob = if matches!(database, Database::Sqlite(_)) { "json_text" } else { "jsonb" };
        let steps = [
            ("ALTER TABLE seed_document RENAME blob TO other", "ALTER TABLE seed_document RENAME other TO blob"),
            (
                "ALTER TABLE seed_document DROP COLUMN blob",
                &*format!("ALTER TABLE seed_document ADD COLUMN blob {blob} NOT NULL DEFAULT '{{}}'"),
            ),
        ];
        for (n, (gone, back)) in steps.into_iter().enumerate() {
            let before = server.log().len();
            database.run(gone);
            let told = || {
                let log = server.log()[before..].to_owned();
                log.lines().filter(|line| line.contains("does not fit")).map(str::to_owned).collect::<Vec<_>>()
            };
            let end = Instant::now() + Duration::from_secs(15);
            for tries in 0.. {
                // an error that had another reason a moment ago is looked into after a pause
                if tries > 50 && !told().is_empty() || Instant::now() > end {
                    break;
                }
                let answer = client.call("GET", "/documents/", None);
                assert_eq!((answer.status, text(&answer).contains("blob")), (500, false), "{}", text(&answer));
                let document = json!({"collection": collections[0], "uid": "x", "blob": {}});
                assert_eq!(client.call("POST", "/documents/", Some(&document)).status, 500);
                assert_eq!(client.call("GET", "/collections/", None).status, 200);
                assert_eq!(client.call("POST", "/collections/", Some(&json!({}))).status, 201);
            }
            let told = told();
            assert!(told.iter().all(|line| line.contains("seed_document") && line.contains("blob")), "{told:?}");
            // the catalogue is not read for each of the errors
            assert!((1..20).contains(&told.len()), "{told:?}");
            database.run(back);
            answers(&server, collections, &format!("again{n}"), false);
            assert_eq!(client.call("GET", "/documents/", None).status, 200);
        }
        server.terminate();
    });
}

/// What no request can fill is a mistake of who altered the table: a 500, and a line that names table and column.
#[test]
fn a_column_that_nobody_fills() {
    let database = Database::postgres();
    let (server, collections) = start(&database.url());
    answers(&server, collections, "before", false);
    database.run("ALTER TABLE seed_document ADD extra int NOT NULL DEFAULT 1");
    database.run("ALTER TABLE seed_document ALTER extra DROP DEFAULT");
    let mut client = server.client();
    for n in 0..5 {
        let document = json!({"collection": collections[0], "uid": format!("x{n}"), "blob": {}});
        let answer = client.call("POST", "/documents/", Some(&document));
        assert_eq!((answer.status, text(&answer).contains("extra")), (500, false), "{}", text(&answer));
        assert_eq!(client.call("GET", "/documents/", None).status, 200);
    }
    let log = server.log();
    assert!(log.lines().any(|line| line.contains("seed_document") && line.contains("extra")), "{log}");
    database.run("ALTER TABLE seed_document ALTER extra SET DEFAULT 2");
    answers(&server, collections, "after", true);
    server.terminate();
}

/// Tables are altered under load: nothing is a 500, and nothing stays wrong.
#[test]
fn tables_that_are_altered_under_load() {
    Database::each(|database| {
        let (server, collections) = start(&database.url());
        let stop = AtomicBool::new(false);
        let ended = Instant::now() + Duration::from_secs(4);
        thread::scope(|scope| {
            for writer in 0..6 {
                let (server, stop) = (&server, &stop);
                scope.spawn(move || {
                    let mut client = server.client();
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let uid = format!("{writer}-{}", n % 50);
                        let document = json!({"collection": collections[n % 2], "uid": uid, "blob": {}});
                        let answer = client.call("POST", "/documents/", Some(&document));
                        assert!(matches!(answer.status, 201 | 400 | 503), "{answer:?}");
                        if answer.status == 201 {
                            let path = format!("/documents/{}/", answer.id());
                            let answer = client.call("PATCH", &path, Some(&json!({"uid": format!("{writer}-x{n}")})));
                            assert!(matches!(answer.status, 200 | 400 | 503), "{answer:?}");
                        }
                        let answer = client.call("GET", "/documents/", None);
                        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
                    }
                });
            }
            let alterations: &[&str] = match database {
                Database::Postgres(_) => &[
                    "ALTER TABLE seed_document ADD extra int",
                    "ALTER TABLE seed_document ADD CHECK (uid <> 'nobody')",
                    "CREATE UNIQUE INDEX three ON seed_document (uid, collection_id, id)",
                    "ALTER TABLE seed_document ALTER uid TYPE varchar(200)",
                    "DROP INDEX three",
                    "ALTER TABLE seed_document DROP extra",
                    "ALTER TABLE seed_document ALTER uid TYPE text",
                ],
                Database::Sqlite(_) => &[
                    "PRAGMA busy_timeout = 5000; ALTER TABLE seed_document ADD COLUMN extra int",
                    "PRAGMA busy_timeout = 5000; CREATE UNIQUE INDEX three ON seed_document (uid, collection_id, id)",
                    "PRAGMA busy_timeout = 5000; DROP INDEX three",
                    "PRAGMA busy_timeout = 5000; ALTER TABLE seed_document DROP COLUMN extra",
                ],
            };
            while Instant::now() < ended {
                for alteration in alterations {
                    database.run(alteration);
                    thread::sleep(Duration::from_millis(50));
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(within(Duration::from_secs(5), || server.client().call("GET", "/documents/", None).status == 200));
        answers(&server, collections, "after", true);
        server.terminate();
    });
}
