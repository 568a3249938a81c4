//! From a URL to a pool: session settings, TLS, timeouts.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::PoolError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::hosts::{Hosts, Object, Pool};
use super::{Postgres, session};
use crate::error::Source;
use crate::store::deadline::{Deadline, limited};
use crate::store::{Bound, Cell, Pooler, Statement, StoreError, StoreOptions};

/// PostgreSQL 13.
const OLDEST: i64 = 130_000;

/// Builds the pool, and completes the options from the URL; nothing is connected yet.
pub(super) fn pool(
    url: &str,
    mut options: StoreOptions,
) -> Result<(Pool, MakeRustlsConnect, StoreOptions), StoreError> {
    let address = Address::parse(url)?;
    options.pooler = address.pooler.unwrap_or(options.pooler);
    let mut config: Config = address.url.parse().map_err(|e: tokio_postgres::Error| refused(&e))?;
    // libpq does not encrypt what never leaves the machine.
    let by_socket = !config.get_hosts().is_empty() && config.get_hosts().iter().all(|h| matches!(h, Host::Unix(_)));
    let encrypt = address.encrypt && !by_socket;
    config.ssl_mode(if encrypt { SslMode::Require } else { SslMode::Disable });
    open(&mut config, &options)?;

    let tls = MakeRustlsConnect::new(client_config(roots(encrypt, address.root_file.as_deref())?)?);
    let pool = Pool::builder(Hosts::new(config, tls.clone(), options.pooler))
        .max_size(options.max_connections.max(1))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|e| StoreError::Internal(Box::new(e)))?;
    Ok((pool, tls, options))
}

/// Takes a connection out of the pool, or makes one.
pub(super) async fn acquire(pool: &Pool, most: Duration, until: Option<Deadline>) -> Result<Object, StoreError> {
    match limited(most, until, pool.get()).await {
        Some(Ok(object)) => Ok(object),
        Some(Err(PoolError::Backend(error))) => Err(error),
        Some(Err(error)) => Err(StoreError::Unavailable(Box::new(error))),
        None => Err(StoreError::Unavailable(format!("no connection to PostgreSQL within {most:?}").into())),
    }
}

/// Finds out whether the server is there, its sessions are what they are taken for, and its version will do.
pub(super) async fn check(postgres: &Postgres) -> Result<(), StoreError> {
    if postgres.inner.options.pooler == Pooler::None {
        session::check(postgres).await?;
    }
    let sql = Statement::once("SELECT current_setting('server_version_num')::int4");
    let rows = postgres.read(Bound { statement: sql, values: Vec::new() }).await?;
    match rows.cell(0, 0)? {
        Cell::Int(version) if version >= OLDEST => Ok(()),
        version => Err(StoreError::Internal(
            format!("PostgreSQL 13 or later is needed; the server's version number is {version:?}").into(),
        )),
    }
}

/// Sets what every connection starts with.
fn open(config: &mut Config, options: &StoreOptions) -> Result<(), StoreError> {
    let own = config.get_options().unwrap_or_default();
    match options.pooler {
        Pooler::None => {
            let all = format!("{own} {}", session::startup(options));
            config.options(all.trim_start());
        }
        Pooler::Transaction if own.is_empty() => {}
        Pooler::Transaction => {
            let sentence = "`options` in the URL are for a session, which `pooler=transaction` says there is none of: set \
                            them for the role, by ALTER ROLE … SET";
            return Err(StoreError::Internal(sentence.into()));
        }
    }
    if config.get_application_name().is_none() {
        config.application_name("bowline");
    }
    // A host that is silent must not use up the time of those after it.
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.acquire_timeout / u32::try_from(hosts.max(1)).unwrap_or(1));
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
    Ok(())
}

/// The URL without the parts that tokio-postgres does not know.
struct Address {
    url: String,
    encrypt: bool,
    root_file: Option<String>,
    pooler: Option<Pooler>,
}

impl Address {
    fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut address = Address { url: base.to_owned(), encrypt: false, root_file: None, pooler: None };
        let mut separator = '?';
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "disable" | "allow" | "prefer")) => address.encrypt = false,
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => address.encrypt = true,
                Some(("sslmode", other)) => {
                    return Err(StoreError::Internal(format!("there is no sslmode `{other}`").into()));
                }
                Some(("pooler", "transaction")) => address.pooler = Some(Pooler::Transaction),
                Some(("pooler", "none")) => address.pooler = Some(Pooler::None),
                Some(("pooler", other)) => {
                    return Err(StoreError::Internal(
                        format!("there is no pooler `{other}`; say `transaction`, or `none`").into(),
                    ));
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
pub(super) fn chain(error: &tokio_postgres::Error) -> Source {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}
