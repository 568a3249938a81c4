//! From a URL to a pool: session settings, TLS, timeouts.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Postgres;
use crate::error::Source;
use crate::store::{Bound, Cell, Statement, StoreError, StoreOptions};

/// PostgreSQL 13.
const OLDEST: i64 = 130_000;

/// Builds the pool; nothing is connected yet.
pub(super) fn pool(url: &str, options: &StoreOptions) -> Result<(Pool, MakeRustlsConnect), StoreError> {
    let address = Address::parse(url)?;
    let mut config: Config = address.url.parse().map_err(|e: tokio_postgres::Error| refused(&e))?;
    // libpq does not encrypt what never leaves the machine.
    let by_socket = !config.get_hosts().is_empty() && config.get_hosts().iter().all(|h| matches!(h, Host::Unix(_)));
    let encrypt = address.encrypt && !by_socket;
    config.ssl_mode(if encrypt { SslMode::Require } else { SslMode::Disable });
    session(&mut config, options);

    let tls = MakeRustlsConnect::new(client_config(roots(encrypt, address.root_file.as_deref())?)?);
    let manager = Manager::from_config(config, tls.clone(), ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let pool = Pool::builder(manager)
        .max_size(options.max_connections.max(1))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|e| StoreError::Internal(Box::new(e)))?;
    Ok((pool, tls))
}

/// Takes a connection out of the pool, or makes one.
pub(super) async fn acquire(pool: &Pool, limit: Duration) -> Result<Object, StoreError> {
    match timeout(limit, pool.get()).await {
        Ok(Ok(object)) => Ok(object),
        Ok(Err(PoolError::Backend(error))) => Err(StoreError::Unavailable(chain(&error))),
        Ok(Err(error)) => Err(StoreError::Unavailable(Box::new(error))),
        Err(_) => Err(StoreError::Unavailable(format!("no connection to PostgreSQL within {limit:?}").into())),
    }
}

/// Asks the server for its version, to see that it is there.
pub(super) async fn check(postgres: &Postgres) -> Result<(), StoreError> {
    let sql = Statement::once("SELECT current_setting('server_version_num')::int4");
    let rows = postgres.read(Bound { statement: sql, values: Vec::new() }).await?;
    match rows.cell(0, 0)? {
        Cell::Int(version) if version >= OLDEST => Ok(()),
        version => Err(StoreError::Internal(
            format!("PostgreSQL 13 or later is needed; the server's version number is {version:?}").into(),
        )),
    }
}

/// Sets what every connection starts with; it travels in the start-up packet and costs no round trip.
fn session(config: &mut Config, options: &StoreOptions) {
    let isolation = if options.serializable { "serializable" } else { "read\\ committed" };
    let settings = format!(
        "{} -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} \
         -c timezone=UTC -c default_transaction_isolation={isolation}",
        config.get_options().unwrap_or_default(),
        millis(options.statement_timeout),
        millis(options.lock_timeout),
        millis(options.idle_timeout),
    );
    config.options(settings.trim_start());
    if config.get_application_name().is_none() {
        config.application_name("bowline");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.acquire_timeout);
    }
    // A server that is gone without a word: noticed in a minute when idle, sooner when something was sent.
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(Duration::from_secs(30));
        config.keepalives_interval(Duration::from_secs(10));
        config.keepalives_retries(3);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(30));
    }
}

/// PostgreSQL takes 0 for "no limit", which is not what a duration of zero asks for.
fn millis(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// The URL without the parts that tokio-postgres does not know.
struct Address {
    url: String,
    encrypt: bool,
    root_file: Option<String>,
}

impl Address {
    fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut address = Address { url: base.to_owned(), encrypt: false, root_file: None };
        let mut separator = '?';
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "disable" | "allow" | "prefer")) => address.encrypt = false,
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => address.encrypt = true,
                Some(("sslmode", other)) => {
                    return Err(StoreError::Internal(format!("there is no sslmode `{other}`").into()));
                }
                Some(("sslrootcert", file)) => address.root_file = Some(unescape(file)?),
                _ => {
                    address.url.push(separator);
                    address.url.push_str(pair);
                    separator = '&';
                }
            }
        }
        Ok(address)
    }
}

/// Undoes `%2F` and the like.
fn unescape(text: &str) -> Result<String, StoreError> {
    let bad = || StoreError::Internal("a `%` in the URL is not followed by two hexadecimal digits of UTF-8".into());
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).ok_or_else(bad)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

fn roots(encrypt: bool, file: Option<&str>) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    if !encrypt {
        return Ok(roots);
    }
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unusable = |e: &dyn StdError| StoreError::Internal(format!("sslrootcert `{file}`: {e}").into());
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unusable(&e))? {
        roots.add(certificate.map_err(|e| unusable(&e))?).map_err(|e| unusable(&e))?;
    }
    Ok(roots)
}

fn client_config(roots: RootCertStore) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| StoreError::Internal(Box::new(e)))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn refused(error: &tokio_postgres::Error) -> StoreError {
    StoreError::Internal(chain(error))
}

/// An error with its causes in one line: the driver's own says only "error connecting to server".
fn chain(error: &tokio_postgres::Error) -> Source {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}
