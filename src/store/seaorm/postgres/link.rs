//! A connection of SeaORM's driver whose other end is ours.

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use sea_orm::sqlx::{ConnectOptions, Error, PgConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use uuid::Uuid;

use super::protocol;

/// How long the two ends may take to meet.
const MEETING: Duration = Duration::from_secs(5);
/// How long a stranger may take to say who it is.
const STRANGER: Duration = Duration::from_millis(500);
/// The most bytes of a startup message that is ours.
const STARTUP: usize = 4096;

/// Our end: any stream of bytes.
pub(in super::super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// Connects the two ends: by a Unix socket in a folder that nobody else may enter and that is gone afterwards, else by the
/// loopback address. Either way the driver says a name that nobody else knows.
pub(super) async fn connect() -> Result<(PgConnection, Box<dyn Duplex>), Error> {
    let secret = Uuid::new_v4().simple().to_string();
    let options = options(&secret);
    let meeting = timeout(MEETING, async {
        #[cfg(unix)]
        if let Ok(ends) = unix(options.clone(), &secret).await {
            return Ok(ends);
        }
        loopback(options, &secret).await
    });
    meeting.await.unwrap_or_else(|_| Err(Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Everything is said, so that nothing of the environment counts.
pub(in super::super) fn options(secret: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .username(secret)
        .password("")
        .database("bowline")
        .application_name("bowline")
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging()
}

#[cfg(unix)]
async fn unix(options: PgConnectOptions, secret: &str) -> Result<(PgConnection, Box<dyn Duplex>), Error> {
    let folder = tempfile::Builder::new().prefix("bowline-").tempdir()?;
    let listener = tokio::net::UnixListener::bind(folder.path().join(".s.PGSQL.5432"))?;
    let options = options.socket(folder.path()).port(5432);
    meet(options, secret, || async { Ok(listener.accept().await?.0) }).await
}

pub(in super::super) async fn loopback(
    options: PgConnectOptions,
    secret: &str,
) -> Result<(PgConnection, Box<dyn Duplex>), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let options = options.host("127.0.0.1").port(listener.local_addr()?.port());
    let accept = || async {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    meet(options, secret, accept).await
}

/// The driver connects while we take calls, until one is the driver's.
pub(in super::super) async fn meet<S, F>(
    options: PgConnectOptions,
    secret: &str,
    accept: impl Fn() -> F,
) -> Result<(PgConnection, Box<dyn Duplex>), Error>
where
    S: Duplex + 'static,
    F: Future<Output = io::Result<S>>,
{
    let answer = async {
        loop {
            let mut stream = accept().await?;
            if let Ok(Ok(user)) = timeout(STRANGER, startup(&mut stream)).await
                && user == secret
            {
                stream.write_all(&protocol::welcome()).await?;
                return Ok(stream);
            }
        }
    };
    let (connection, stream) = tokio::try_join!(options.connect(), answer)?;
    Ok((connection, Box::new(stream)))
}

/// Reads the first message and finds the user's name in it.
async fn startup(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if !(8..STARTUP).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = BytesMut::zeroed(length - 4);
    stream.read_exact(&mut message).await?;
    message.advance(4);
    let words: Vec<&[u8]> = message.as_ref().split(|byte| *byte == 0).collect();
    let user = words.chunks(2).find_map(|pair| match pair {
        [b"user", name] => Some(String::from_utf8_lossy(name).into_owned()),
        _ => None,
    });
    user.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
