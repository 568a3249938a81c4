//! What becomes of a body that nobody has read to its end when the answer is there.
//!
//! A client that is still sending sees no answer where its connection is closed under it, and its next request gets the rest of the
//! body for its head where it is not. So a little of the rest is read, for nothing; where that does not reach the end, the
//! answer says that the connection is closed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::place::{Place, Turn};
use crate::parsers::BodyLimits;
use crate::settings::ServerLimits;

/// The body of a request that is under way.
#[derive(Debug)]
pub(super) struct Unread {
    state: Arc<Mutex<State>>,
    /// The request's place, which it has not while it waits for its body.
    place: Arc<OnceLock<Place>>,
    /// Whether the client waits to be asked for it.
    waits: bool,
}

/// What became of a body.
#[derive(Debug)]
enum State {
    /// Somebody reads it, or has read it to its end.
    Taken,
    /// Nobody reads on; and whether any of it was asked for.
    Left(Body, bool),
    /// It did not arrive.
    Lost,
}

/// Watches the body of a request; none where it has none, and where other requests do not depend on its end.
///
/// It arrives in the time that the limits give it, whoever reads it.
pub(super) fn watch(request: Request, limits: &BodyLimits) -> (Request, Option<Unread>) {
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return (request, None);
    }
    let state = Arc::new(Mutex::new(State::Taken));
    let waits = request.headers().get(header::EXPECT).is_some_and(|expected| !expected.is_empty());
    let pace = Pace { started: Instant::now(), share: limits.timeout, bytes: limits.bytes.max(1) as u64, read: 0 };
    let (watched, place) = (Arc::clone(&state), Arc::new(OnceLock::new()));
    let left = Arc::clone(&place);
    let request = request.map(|body| {
        let (body, timer) = (Some(body), None);
        Body::new(Watched { body, begun: false, pace, timer, place: left, turn: None, arrived: None, state: watched })
    });
    (request, Some(Unread { state, place, waits }))
}

impl Unread {
    /// Has the request give up its place while it waits for its body.
    pub(super) fn gives_up(&self, place: &Place) {
        // it is said once
        let _ = self.place.set(place.clone());
    }

    /// Sees to the rest of the body before the answer is sent.
    pub(super) async fn settle(self, response: &mut Response, limits: &ServerLimits) {
        let state = std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Taken);
        let in_step = match state {
            State::Taken => true,
            State::Lost => false,
            // who waits to be asked is not asked for what nobody wants
            State::Left(_, false) if self.waits => false,
            State::Left(body, _) => drained(body, limits).await,
        };
        if !in_step {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Reads the rest for nothing: whether that reached its end within the limits.
async fn drained(mut body: Body, limits: &ServerLimits) -> bool {
    if body.size_hint().lower() > limits.drain_bytes {
        return false;
    }
    let mut read = 0;
    let rest = async {
        while let Some(frame) = body.frame().await {
            read += frame.ok()?.data_ref().map_or(0, |data| data.len() as u64);
            if read > limits.drain_bytes {
                return None;
            }
        }
        Some(())
    };
    matches!(timeout(limits.drain_time, rest).await, Ok(Some(())))
}

/// How fast a body has to arrive: all of it in the time of the limits, with as much again for each share that has come.
#[derive(Clone, Copy, Debug)]
struct Pace {
    started: Instant,
    share: Duration,
    bytes: u64,
    read: u64,
}

impl Pace {
    /// When what comes next is too late; a little after a parser, which knows a better answer, has said so.
    fn end(&self) -> Instant {
        let shares = u32::try_from(self.read / self.bytes).unwrap_or(u32::MAX).saturating_add(1);
        let end = self.started.checked_add(self.share.saturating_mul(shares).saturating_add(Duration::from_secs(1)));
        end.unwrap_or(self.started + Duration::from_secs(86_400 * 365))
    }
}

/// A body that leaves what was not read of it behind.
struct Watched {
    body: Option<Body>,
    begun: bool,
    pace: Pace,
    timer: Option<Pin<Box<Sleep>>>,
    place: Arc<OnceLock<Place>>,
    /// The wait for a place to go on with what has arrived.
    turn: Option<Turn>,
    arrived: Option<Arrived>,
    state: Arc<Mutex<State>>,
}

/// What a body gives: a frame, its end, or its failure.
type Arrived = Option<Result<Frame<Bytes>, axum::Error>>;

impl Watched {
    fn leave(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Counts what goes to the reader.
    fn gives(&mut self, arrived: Arrived) -> Arrived {
        match &arrived {
            Some(Ok(frame)) => self.pace.read += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => {
                self.body = None;
                self.leave(State::Lost);
            }
            None => self.body = None,
        }
        arrived
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        this.begun = true;
        let polled = match (this.arrived.take(), &mut this.body) {
            (Some(arrived), _) => Poll::Ready(arrived),
            (None, Some(body)) => Pin::new(body).poll_frame(cx),
            (None, None) => return Poll::Ready(None),
        };
        match (polled, this.place.get()) {
            (Poll::Ready(arrived), None) => return Poll::Ready(this.gives(arrived)),
            (Poll::Ready(arrived), Some(place)) => {
                if place.poll_back(&mut this.turn, cx).is_ready() {
                    return Poll::Ready(this.gives(arrived));
                }
                this.arrived = Some(arrived);
            }
            (Poll::Pending, place) => {
                if let Some(place) = place {
                    // what is on the disk is not counted
                    place.leave(this.pace.read.min(this.pace.bytes.saturating_mul(2)));
                }
            }
        }
        let end = this.pace.end();
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        ready!(timer.as_mut().poll(cx));
        this.body = None;
        this.arrived = None;
        this.leave(State::Lost);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.arrived.is_none() && self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint);
        if let Some(Some(Ok(frame))) = &self.arrived {
            let more = frame.data_ref().map_or(0, Bytes::len) as u64;
            let upper = hint.upper().map(|upper| upper + more);
            hint.set_lower(hint.lower() + more);
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if matches!(self.arrived, Some(Some(Err(_)))) {
            self.leave(State::Lost);
            return;
        }
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            self.leave(State::Left(body, self.begun));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;

    use super::*;

    /// Sends pieces of ten bytes to who reads none of them: how many were taken, and whether the connection stays.
    async fn refused(pieces: usize, pause: u64, expects: bool) -> (usize, bool) {
        let limits = ServerLimits { drain_bytes: 100, drain_time: Duration::from_secs(1), ..ServerLimits::default() };
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let body = stream::unfold(0, move |n| {
            let counted = Arc::clone(&counted);
            async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                counted.fetch_add(1, Ordering::Relaxed);
                (n < pieces).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"0123456789")), n + 1))
            }
        });
        let mut request = Request::new(Body::from_stream(body));
        if expects {
            request.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        }
        let (request, unread) = watch(request, &BodyLimits::default());
        drop(request);
        let mut response = Response::default();
        unread.unwrap().settle(&mut response, &limits).await;
        (sent.load(Ordering::Relaxed), !response.headers().contains_key(header::CONNECTION))
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_read_for_a_while_and_not_without_end() {
        assert_eq!(refused(9, 0, false).await, (10, true));
        assert_eq!(refused(10_000, 0, false).await, (11, false));
        assert_eq!(refused(50, 400, false).await, (2, false));
        assert_eq!(refused(9, 0, true).await, (0, false));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_arrive_ends_the_connection() {
        let never = stream::pending::<Result<Bytes, Infallible>>();
        let limits = BodyLimits { timeout: Duration::from_secs(3), ..BodyLimits::default() };
        let (request, unread) = watch(Request::new(Body::from_stream(never)), &limits);
        let begun = Instant::now();
        assert!(request.into_body().collect().await.is_err());
        assert_eq!(begun.elapsed().as_secs(), 4);
        let mut response = Response::default();
        unread.unwrap().settle(&mut response, &ServerLimits::default()).await;
        assert!(response.headers().contains_key(header::CONNECTION));
    }
}
