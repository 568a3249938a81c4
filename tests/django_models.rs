//! The tables of a Django application as entities with their descriptions, held against what Django really made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod support;

#[path = "../conformance/src/models/mod.rs"]
mod models;

use std::io;
use std::sync::{Arc, Mutex};

use bowline::prelude::*;
use support::Database;

/// A view set of every entity.
fn every(router: DefaultRouter) -> DefaultRouter {
    macro_rules! register {
        ($router:expr, $($module:ident)+) => {
            $router$(.register(stringify!($module), ModelViewSet::<models::$module::Entity>::new()))+
        };
    }
    register!(
        router,
        account attachment author author_profile book book_tag collection content_type document entry entry_tag event
        group group_permission job loan member permission publisher review sample seat session shelf shelf_item
        shelf_lock strict tag token user user_group user_permission
    )
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn starts(database: &Database) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(every(models::describe(DefaultRouter::new())).into_axum(&database.url()))
    });
    if let Err(error) = started {
        panic!("{}:\n{error}", database.name());
    }
    let warnings = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(warnings, "", "{}", database.name());
}

#[test]
fn models_fit_what_django_made_on_sqlite() {
    starts(&Database::django_sqlite());
}

#[test]
fn models_fit_what_django_made_on_postgres() {
    starts(&Database::django_postgres());
}
