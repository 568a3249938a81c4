//! Tables that are altered while the server runs: it goes on, and judges by what holds now.

use serde_json::{Value as Json, json};

use crate::support::{Client, Database, Server, query};

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
    assert_eq!((status, body.to_string().contains("check")), (400, false), "{body}");
    assert!(server.log().contains("made deferrable"), "{}", server.log());
    server.terminate();
}
