//! The reference Django application of the conformance suite, written with bowline.
//!
//! `conformance --db PATH-OR-URL --port N --media DIR` serves it on 127.0.0.1; what is not given is taken from `ORACLE_DB`,
//! `PORT` and `ORACLE_MEDIA`.

use std::collections::HashMap;
use std::env;

mod actions;
mod authentication;
mod composites;
mod fields;
mod filters;
mod functions;
mod kinds;
mod memory;
mod models;
mod negotiation;
mod pagination;
mod parsers;
mod permissions;
mod raise;
mod serializers;
mod throttling;
mod urls;
mod versions;
mod viewsets;

/// What the program is told.
struct Options {
    db: String,
    port: String,
    media: String,
}

impl Options {
    fn read() -> bowline::Result<Self> {
        let mut given: HashMap<String, String> = HashMap::new();
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next();
            match (word.strip_prefix("--"), value) {
                (Some(name @ ("db" | "port" | "media")), Some(value)) => given.insert(name.to_owned(), value),
                _ => return Err(usage()),
            };
        }
        let mut take = |name: &str, variable: &str| given.remove(name).or_else(|| env::var(variable).ok());
        Ok(Options {
            db: take("db", "ORACLE_DB").ok_or_else(usage)?,
            port: take("port", "PORT").ok_or_else(usage)?,
            media: take("media", "ORACLE_MEDIA").unwrap_or_else(|| "media".into()),
        })
    }
}

fn usage() -> bowline::Error {
    bowline::Error::Startup("usage: conformance --db PATH-OR-URL --port N [--media DIR]".into())
}

#[tokio::main]
async fn main() -> bowline::Result<()> {
    let options = Options::read()?;
    bowline::serve_at(urls::urls(&options.media)?, &options.db, &format!("127.0.0.1:{}", options.port)).await
}
