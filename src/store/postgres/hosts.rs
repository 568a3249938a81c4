//! From addresses to sessions: what the pool opens.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::chain;
use super::session;
use super::unnamed::Unnamed;
use crate::store::{Pooler, StoreError};

/// The sessions that are open.
pub(super) type Pool = managed::Pool<Hosts>;
/// One of them, until it is given back.
pub(super) type Object = managed::Object<Hosts>;

/// An open session.
pub(super) struct Opened {
    client: ClientWrapper,
    dismissed: Arc<AtomicBool>,
    doubted: Arc<AtomicBool>,
}

impl Opened {
    /// Whether a commit on it was cut short while it waited for its standby, which may not have it: the server acknowledges it
    /// all the same, and a failover would lose it.
    pub(super) fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Acquire)
    }

    /// Whether the server ended it, and said so, while it was asked nothing: no call that was left without an answer was sent.
    pub(super) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::Acquire)
    }
}

impl Deref for Opened {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}

/// Where sessions are to be had, and how.
pub(super) struct Hosts {
    config: Config,
    tls: MakeRustlsConnect,
    pooler: Pooler,
    /// The host that answered last.
    last: AtomicUsize,
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("hosts", &self.config.get_hosts()).field("pooler", &self.pooler).finish()
    }
}

impl Hosts {
    pub(super) fn new(config: Config, tls: MakeRustlsConnect, pooler: Pooler) -> Self {
        Hosts { config, tls, pooler, last: AtomicUsize::new(0) }
    }

    /// A session of the driver's own making.
    async fn session(&self) -> Result<Opened, StoreError> {
        match self.config.connect(self.tls.clone()).await {
            Ok((client, connection)) => Ok(wrapped(client, connection)),
            Err(error) => Err(session::refused(chain(&error))),
        }
    }

    /// A connection without a session, to the first of the hosts that takes it: the one that did so last is asked first.
    async fn pooled(&self) -> Result<Opened, StoreError> {
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let last = self.last.load(Ordering::Relaxed);
        let mut failure = StoreError::Internal("the URL names no host".into());
        for n in 0..hosts {
            let host = (last + n) % hosts;
            match self.pooled_at(host).await {
                Ok(client) => {
                    self.last.store(host, Ordering::Relaxed);
                    return Ok(client);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn pooled_at(&self, n: usize) -> Result<Opened, StoreError> {
        let limit = self.config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5));
        let (stream, name) = match timeout(limit, self.dial(n)).await {
            Ok(Ok(dialled)) => dialled,
            Ok(Err(error)) => return Err(unreachable(&error)),
            Err(_) => return Err(unreachable(&"no answer in time")),
        };
        let opening = async {
            let client = if self.config.get_ssl_mode() == SslMode::Disable {
                let (client, connection) = self.config.connect_raw(Unnamed::new(stream), NoTls).await?;
                wrapped(client, connection)
            } else {
                let tls = MakeTlsConnect::<Stream>::make_tls_connect(&mut self.tls.clone(), &name);
                let tls = tls.map_err(|error| StoreError::Internal(Box::new(error)))?;
                let (client, connection) = self.config.connect_raw(stream, Unnaming(tls)).await?;
                wrapped(client, connection)
            };
            self.has_target_attributes(&client).await?;
            Ok(client)
        };
        match timeout(limit, opening).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(Refusal::Driver(error))) => Err(session::refused(chain(&error))),
            Ok(Err(Refusal::Store(error))) => Err(error),
            Err(_) => Err(unreachable(&"no answer in time")),
        }
    }

    async fn dial(&self, n: usize) -> io::Result<(Stream, String)> {
        let (hosts, addresses, ports) = (self.config.get_hosts(), self.config.get_hostaddrs(), self.config.get_ports());
        let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        let name = match (hosts.get(n), addresses.get(n)) {
            (Some(Host::Unix(folder)), None) => {
                let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
                return Ok((Stream::Unix(stream), String::new()));
            }
            (Some(Host::Tcp(name)), _) => name.clone(),
            (_, Some(address)) => address.to_string(),
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        let stream = match addresses.get(n) {
            Some(address) => TcpStream::connect((*address, port)).await?,
            None => TcpStream::connect((name.as_str(), port)).await?,
        };
        stream.set_nodelay(true)?;
        self.watch(&stream)?;
        Ok((Stream::Tcp(stream), name))
    }

    /// Has the system notice a peer that is gone without a word.
    fn watch(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        if self.config.get_keepalives() {
            let mut keepalive = TcpKeepalive::new().with_time(self.config.get_keepalives_idle());
            if let Some(interval) = self.config.get_keepalives_interval() {
                keepalive = keepalive.with_interval(interval);
            }
            if let Some(retries) = self.config.get_keepalives_retries() {
                keepalive = keepalive.with_retries(retries);
            }
            socket.set_tcp_keepalive(&keepalive)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(limit) = self.config.get_tcp_user_timeout() {
            socket.set_tcp_user_timeout(Some(*limit))?;
        }
        Ok(())
    }

    async fn has_target_attributes(&self, client: &Client) -> Result<(), Refusal> {
        let wanted = match self.config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => "off",
            TargetSessionAttrs::ReadOnly => "on",
            _ => return Ok(()),
        };
        let found = client.simple_query("SHOW transaction_read_only").await?;
        let is_wanted = found.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some(wanted),
            _ => false,
        });
        if is_wanted { Ok(()) } else { Err(Refusal::Store(unreachable(&"it is not as target_session_attrs asks"))) }
    }
}

/// Why a host was left.
enum Refusal {
    Driver(tokio_postgres::Error),
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        Refusal::Driver(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Refusal::Store(error)
    }
}

fn unreachable(reason: &dyn fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("error connecting to server: {reason}").into())
}

/// The client, whose connection is served by a task until the client is dropped.
fn wrapped<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Opened
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (dismissed, doubted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let task = tokio::spawn({
        let (dismissed, doubted) = (Arc::clone(&dismissed), Arc::clone(&doubted));
        async move {
            // it lives on until the note is made: calls learn of its end by its drop
            let mut connection = connection;
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    // a warning comes before the answer that it is about
                    Ok(AsyncMessage::Notice(notice)) if notice.routine() == Some("SyncRepWaitForLSN") => {
                        doubted.store(true, Ordering::Release);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        // an error that answers a call is handed to that call; this one came out of turn
                        dismissed.store(error.as_db_error().is_some(), Ordering::Release);
                        tracing::debug!(%error, "a connection to PostgreSQL ended");
                        break;
                    }
                }
            }
        }
    });
    Opened { client: ClientWrapper::new(client, task), dismissed, doubted }
}

impl managed::Manager for Hosts {
    type Type = Opened;
    type Error = StoreError;

    async fn create(&self) -> Result<Opened, StoreError> {
        match self.pooler {
            // seldom, and large: who waits for a session need not carry it
            Pooler::None => Box::pin(self.session()).await,
            Pooler::Transaction => Box::pin(self.pooled()).await,
        }
    }

    async fn recycle(&self, client: &mut Opened, _: &Metrics) -> RecycleResult<StoreError> {
        if client.is_closed() { Err(RecycleError::message("the connection was closed")) } else { Ok(()) }
    }
}

/// What bytes come from and go to.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp(stream) => {
                let $inner = Pin::new(stream);
                $call
            }
            Stream::Unix(stream) => {
                let $inner = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_read(cx, to))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, inner => inner.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_shutdown(cx))
    }
}

/// Leaves the names out within the encryption.
struct Unnaming<T>(T);

impl<T> TlsConnect<Stream> for Unnaming<T>
where
    T: TlsConnect<Stream>,
    T::Future: Send + 'static,
{
    type Stream = Unnamed<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: Stream) -> Self::Future {
        let connecting = self.0.connect(stream);
        Box::pin(async move { Ok(Unnamed::new(connecting.await?)) })
    }
}
