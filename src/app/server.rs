//! The HTTP server: connections, their limits, the line per request, shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_io_timeout::TimeoutStream;

use crate::routers::Served;
use crate::settings::ServerLimits;

/// How long requests in flight may take to finish after a signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until a signal comes, then lets requests in flight finish.
pub(super) async fn run(listener: TcpListener, served: Served, limits: ServerLimits, mut signals: Signals) {
    let served = Arc::new(served);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = signals.stopped() => break,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // answers are written whole: nothing is gained by waiting for more
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write_timeout));
        let served = Arc::clone(&served);
        let service = service_fn(move |request| answer(Arc::clone(&served), request, client));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_header_size(limits.header_bytes)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    tracing::info!("stopping: requests in flight are finished first");
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// One request, with its line in the log.
async fn answer(
    served: Arc<Served>,
    request: hyper::Request<Incoming>,
    client: SocketAddr,
) -> Result<hyper::Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(client));
    if !tracing::enabled!(target: "bowline::request", tracing::Level::INFO) {
        return Ok(served.handle(request).await);
    }
    let start = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = served.handle(request).await;
    let bytes = response.body().size_hint().exact().unwrap_or(0);
    let time = start.elapsed();
    tracing::info!(target: "bowline::request", %method, path, status = response.status().as_u16(), ?time, bytes);
    Ok(response)
}

/// The signals that stop the server, heard from the moment this is made.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Listens to SIGTERM and SIGINT.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Signals { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Ends with the first of them.
    async fn stopped(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
