//! All integration tests, in one program: one link instead of one for each file.
//!
//! A file holds the tests of one idea; `support` is what they stand on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "entities and models of the conformance program, of which each test uses a part"
)]

mod actions;
mod altered;
mod authentication;
mod catalogue;
mod catalogue_django;
mod conditional;
mod contention;
mod deadlines;
mod derive;
mod destroy_django;
mod differences;
mod django_models;
mod edge;
mod exchanges;
mod failover;
mod faults;
mod fields_oracle;
mod filters;
mod hangup;
mod heavy;
mod histories;
mod history;
mod idempotency;
mod injection;
mod input;
#[cfg(feature = "pause")]
mod interleave;
#[cfg(feature = "pause")]
mod interleavings;
mod json_columns;
mod large_lists;
mod law;
mod layers;
mod limits;
mod logins;
mod mistakes;
mod nested;
mod nginx;
mod on_commit;
mod outcomes;
mod pagination;
mod parked;
mod pooler;
mod preconditions;
mod proxies;
mod redirects;
mod renderers;
mod resources;
mod rules;
mod savepoints;
mod security;
mod sequences;
mod serializers;
mod shutdown;
mod statements;
mod streams;
mod support;
mod throttling;
mod ties;
mod token_tables;
mod views;
mod wide_races;

#[path = "../../conformance/src/composites.rs"]
mod composites;
#[path = "../../conformance/src/kinds.rs"]
mod kinds;
#[path = "../../conformance/src/models/mod.rs"]
mod models;
