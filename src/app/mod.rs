//! A whole program around a router: environment, logs, server, shutdown.
//!
//! The only place that reads the environment.

use std::env;
use std::io::IsTerminal;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::authentication::random_hex;
use crate::error::{Error, Result};
use crate::routers::DefaultRouter;

mod environment;
mod server;

/// The file that is used where no database is named.
const DEFAULT_DATABASE: &str = "sqlite://db.sqlite3";
/// The address that is used where none is named.
const DEFAULT_BIND: &str = "127.0.0.1:8000";

/// Serves an API until SIGTERM or SIGINT; requests in flight are finished first. What the environment says goes before the
/// program's settings.
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `DATABASE_URL` | `postgres://…`, `sqlite://path` or a bare path | `sqlite://db.sqlite3` |
/// | `BIND` | `host:port` | `127.0.0.1:8000` |
/// | `PAGE_SIZE` | pages of this size for every list that does not say otherwise | no pages |
/// | `PAGE_COUNT` | `off` leaves the count out of these pages | counted |
/// | `MAX_CONNECTIONS` | connections to PostgreSQL | 16 |
/// | `NUM_PROXIES` | proxies of one's own before the server | 0 |
/// | `MEDIA_ROOT`, `MEDIA_URL` | where uploaded files go, and below which address they are shown | `media`, `/media/` |
/// | `SECRET_KEY` | what signs sessions, where the program asks for it by [`secret_key`] | made up anew |
/// | `RUST_LOG` | what is logged; `warn` leaves out the line per request | `info` |
///
/// # Errors
///
/// [`Error::Startup`] with a sentence that says what to change: the port is taken, the database cannot be reached, or
/// the models and the database do not agree.
///
/// ```no_run
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// #[tokio::main]
/// async fn main() -> bowline::Result<()> {
///     bowline::serve(DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new())).await
/// }
/// ```
pub async fn serve(api: DefaultRouter) -> Result<()> {
    log_to_stderr(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")));
    let database = env::var("DATABASE_URL").unwrap_or_else(|_| DEFAULT_DATABASE.into());
    let bind = env::var("BIND").unwrap_or_else(|_| DEFAULT_BIND.into());
    let mut mistake = Ok(());
    let api = api.configure(|settings| mistake = environment::overlay(settings, |name| env::var(name).ok()));
    mistake?;
    listen(api, &database, &bind).await
}

/// The key that signs sessions, Django's `SECRET_KEY`: the environment's variable of that name, else one that was made up now,
/// with which everybody is logged out when the program ends.
///
/// # Errors
///
/// [`Error::Startup`] where the variable is empty; 500 where the system has no random numbers.
///
/// ```no_run
/// use bowline::authentication::{Authentication, SessionAuthentication, Sessions};
/// use bowline::prelude::*;
/// # fn main() -> bowline::Result<()> {
/// let sessions = Sessions::new(bowline::app::secret_key()?);
/// let settings = Settings { authentication: vec![SessionAuthentication::new(sessions).shared()], ..Settings::default() };
/// # Ok(())
/// # }
/// ```
pub fn secret_key() -> Result<String> {
    match env::var("SECRET_KEY") {
        Ok(key) if key.is_empty() => Err(Error::Startup("SECRET_KEY is empty: give it 50 random characters.".into())),
        Ok(key) => Ok(key),
        Err(_) => random_hex(32),
    }
}

/// Serves an API from a database at an address until SIGTERM or SIGINT, for programs that have their own way to be told
/// these; requests in flight are finished first. It reads no environment, and logs warnings and errors only.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_at(api: DefaultRouter, database: &str, bind: &str) -> Result<()> {
    log_to_stderr(EnvFilter::new("warn"));
    listen(api, database, bind).await
}

/// A program that has its own subscriber keeps it.
fn log_to_stderr(filter: EnvFilter) {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

async fn listen(api: DefaultRouter, database: &str, bind: &str) -> Result<()> {
    let listener = TcpListener::bind(bind).await.map_err(|error| {
        Error::Startup(format!("Cannot listen on {bind}: {error}. Choose another address by BIND=host:port."))
    })?;
    let address = listener.local_addr().map_err(Error::startup)?;
    let first = api.first_prefix();
    let limits = api.server_limits().clone();
    let (served, store) = api.build(database).await?;
    // before the address is announced: whoever reads it may send a signal at once
    let signals = server::Signals::new().map_err(Error::startup)?;
    println!("bowline listens on http://{address}/ and keeps its rows in {}", without_password(database));
    if let Some(prefix) = first {
        println!("try: curl -H 'Content-Type: application/json' -d '{{}}' http://{address}/{prefix}/");
    }
    server::run(listener, served, limits, signals).await;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// A database URL that can be shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or("");
            url.replacen(user, &format!("{name}:***"), 1)
        }
        _ => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("postgres://me:secret@host/db"), "postgres://me:***@host/db");
        assert_eq!(without_password("postgres://me@host/db"), "postgres://me@host/db");
        assert_eq!(without_password("rows.sqlite3"), "rows.sqlite3");
    }
}
