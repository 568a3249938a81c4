//! One corpus of SeaORM's queries over SeaORM's drivers and over bowline: the same answers, and errors where there are errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod aggregates;
mod answers;
mod columns;
mod entities;
mod joins;
mod kinds;
mod migrations;
mod mistakes;
mod more;
mod pages;
#[allow(dead_code)]
#[path = "../../../tests/all/support/postgres.rs"]
mod postgres;
mod raw;
mod run;
mod served;
mod shared;
mod tuples;
mod writes;
