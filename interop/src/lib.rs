//! SeaORM with its own drivers, and its migrations, beside bowline.
//!
//! That this builds is half of the point: an application may use both. The other half is `tests/corpus`: one set of queries,
//! generic over SeaORM's `ConnectionTrait`, runs over SeaORM's drivers and over bowline, on SQLite and on PostgreSQL, and has
//! to answer the same.
//!
//! ```text
//! cargo test -p bowline-interop
//! cargo run --release -p bowline-interop --example cost
//! ```
