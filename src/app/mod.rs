//! A whole program around a router: environment, logs, server, shutdown.
//!
//! The only place that reads the environment.

use std::env;
use std::io::IsTerminal;
use std::net::IpAddr;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::authentication::{Weakness, random_hex, weakness_of_secret};
use crate::error::{Error, Result};
use crate::routers::DefaultRouter;

mod address;
mod environment;
mod files;
mod line;
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
/// | `DATABASE_DEADLINE` | seconds that a request's work in the database may take, its waits and replays included | 5 |
/// | `NUM_PROXIES` | proxies of one's own before the server | 0 |
/// | `ALLOWED_HOSTS` | the hosts that are answered to, with commas: `api.example.org,.example.com` | those of this machine |
/// | `PUBLIC_ORIGIN` | what links begin with, whatever a request says: `https://api.example.org` | |
/// | `SECURE_PROXY_SSL_HEADER` | the header by which a proxy tells of HTTPS: `X-Forwarded-Proto: https` | |
/// | `USE_X_FORWARDED_HOST` | `on` takes the host from the header of a proxy | `off` |
/// | `SECURE_SSL_REDIRECT` | `on` redirects to HTTPS | `off` |
/// | `SECURE_HSTS_SECONDS` | how long browsers use nothing but HTTPS | |
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
/// [`Error::Startup`] where the variable is empty; where Django's check would warn of it (less than 50 characters or 5 different
/// ones, `django-insecure-` at its beginning) and `BIND` is no loopback address; 500 where the system has no random numbers.
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
        Ok(key) => judged(key, &env::var("BIND").unwrap_or_else(|_| DEFAULT_BIND.into())),
        Err(env::VarError::NotPresent) => random_hex(32),
        Err(env::VarError::NotUnicode(_)) => Err(Error::Startup("SECRET_KEY is no text in UTF-8.".into())),
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
    let api = api.exposed(!address.ip().to_canonical().is_loopback());
    let hosts_are_set = api.hosts_are_set();
    let (served, store) = api.build(database).await?;
    // before the address is announced: whoever reads it may send a signal at once
    let signals = server::Signals::new().map_err(Error::startup)?;
    println!("bowline listens on http://{address}/ and keeps its rows in {}", address::shown(database));
    if !hosts_are_set {
        println!(
            "it answers to localhost, 127.0.0.1, [::1] and testserver alone: ALLOWED_HOSTS=api.example.org (or \
             Settings::allowed_hosts) names other hosts"
        );
    }
    if let Some(prefix) = first {
        println!("try: curl -H 'Content-Type: application/json' -d '{{}}' http://{address}/{prefix}/");
    }
    server::run(listener, served, limits, signals).await;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Whether no other machine reaches a `host:port`.
fn is_loopback(bind: &str) -> bool {
    let host = bind.rsplit_once(':').map_or(bind, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

/// Judges a `SECRET_KEY` of the environment.
fn judged(key: String, bind: &str) -> Result<String> {
    match weakness_of_secret(key.as_bytes()) {
        Some(Weakness::Empty) => Err(Error::Startup("SECRET_KEY is empty: give it 50 random characters.".into())),
        Some(_) if !is_loopback(bind) => Err(Error::Startup(format!(
            "SECRET_KEY is shorter than 50 characters, has less than 5 different ones or begins with `django-insecure-`, so that it \
             may be guessed: give it 50 random characters, or listen on a loopback address, which BIND={bind} is not."
        ))),
        _ => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn loopback_addresses() {
        for bind in ["127.0.0.1:8000", "127.3.2.1:80", "localhost:8000", "[::1]:8000", "[::ffff:127.0.0.1]:80"] {
            assert!(is_loopback(bind), "{bind}");
        }
        for bind in [
            "0.0.0.0:8000",
            "[::]:8000",
            "10.0.0.1:80",
            "example.org:80",
            "localhost.evil:80",
            ":8000",
            "127.0.0.1.x:1",
        ] {
            assert!(!is_loopback(bind), "{bind}");
        }
    }

    #[test]
    fn weak_keys_are_for_loopback_addresses() {
        let fine = "a-key-of-fifty-characters-which-are-not-all-the-same!";
        for bind in ["127.0.0.1:8000", "0.0.0.0:8000"] {
            assert_eq!(judged(fine.into(), bind).unwrap(), fine);
            assert!(judged(String::new(), bind).unwrap_err().to_string().contains("SECRET_KEY is empty"));
        }
        for weak in ["s3cret", &"a".repeat(60), &format!("django-insecure-{fine}")] {
            assert_eq!(judged(weak.into(), "localhost:80").unwrap(), weak);
            let refusal = judged(weak.into(), "0.0.0.0:80").unwrap_err().to_string();
            assert!(refusal.contains("50 random characters") && !refusal.contains(weak), "{refusal}");
        }
    }
}
