//! The HTTP server: connections, their limits, the line per request, shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderValue, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::files;
use super::line::Line;
use crate::edge;
use crate::error::{Error, ErrorFormat};
use crate::routers::Served;
use crate::settings::ServerLimits;

/// How long requests in flight may take to finish after a signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How many connections at once are told that there are too many; others wait to be accepted.
const TURNED_AWAY: usize = 64;
/// How long one that is told so may take to say what it wants.
const TURNED_AWAY_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves until a signal comes, then lets requests in flight finish.
pub(super) async fn run(listener: TcpListener, served: Served, limits: ServerLimits, mut signals: Signals) {
    let (served, limits) = (Arc::new(served), Arc::new(limits));
    let graceful = GracefulShutdown::new();
    let most = files::connections(limits.connections, files::limit());
    if most < limits.connections {
        let wanted = limits.connections;
        tracing::info!(most, wanted, "the process may not open as many files as server.connections: raise its limit");
    }
    let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
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
        let unread = Arc::new(AtomicBool::new(false));
        let line = Line::new(stream, Arc::clone(&limits), Arc::clone(&unread));
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let turn = tokio::select! {
                turn = Arc::clone(&turned_away).acquire_owned() => turn.ok(),
                () = signals.stopped() => break,
            };
            tracing::warn!(%client, "a connection was turned away: too many are open");
            tokio::spawn(turn_away(Arc::clone(&served), line, unread, turn));
            continue;
        };
        let served = Arc::clone(&served);
        let service = service_fn(move |request| answer(Arc::clone(&served), request, client, Arc::clone(&unread)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_header_size(limits.header_bytes)
            .serve_connection(TokioIo::new(line), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tracing::info!("stopping: requests in flight are finished first");
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// Tells one connection that there are too many.
async fn turn_away(served: Arc<Served>, line: Line, unread: Arc<AtomicBool>, turn: Option<OwnedSemaphorePermit>) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (served, unread) = (Arc::clone(&served), Arc::clone(&unread));
        async move {
            unread.store(!request.body().is_end_stream(), Ordering::Relaxed);
            let error = Error::unavailable("too many connections are open");
            let mut response = edge::error(&error, request.method(), ErrorFormat::Messages);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            served.secure(&mut response);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TURNED_AWAY_TIMEOUT)
        .serve_connection(TokioIo::new(line), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(turn);
}

/// One request, with its line in the log; `unread` is set where its body is left unread.
async fn answer(
    served: Arc<Served>,
    request: hyper::Request<Incoming>,
    client: SocketAddr,
    unread: Arc<AtomicBool>,
) -> Result<hyper::Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(client));
    let noted = tracing::enabled!(target: "bowline::request", tracing::Level::INFO)
        .then(|| (Instant::now(), request.method().clone(), request.uri().path().to_owned()));
    let response = served.handle(request).await;
    if response.headers().contains_key(header::CONNECTION) {
        unread.store(true, Ordering::Relaxed);
    }
    let Some((start, method, path)) = noted else { return Ok(response) };
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
