//! What the integration tests stand on: a PostgreSQL cluster of their own, fresh databases, the example as a process,
//! and a client that can also misbehave.
//!
//! What should run and does not fails the test; nothing is skipped.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod cut;
mod database;
mod haproxy;
mod http;
mod log;
mod pooler;
mod postgres;
mod random;
mod server;

pub(crate) use corpus::CORPUS;
pub(crate) use cut::{COMMIT, Cut};
pub(crate) use database::{Database, Document};
pub(crate) use haproxy::HaProxy;
pub(crate) use http::{Client, Response, cut_short};
pub(crate) use log::logged;
pub(crate) use pooler::Pooler;
pub(crate) use postgres::{Postgres, free_port, owner as unprivileged, query};
pub(crate) use random::Random;
pub(crate) use server::{Ended, Server};

use std::time::{Duration, Instant};

/// Asks until the answer is yes; `false` when it was not within `limit`.
pub(crate) fn within(limit: Duration, mut answer: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if answer() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
