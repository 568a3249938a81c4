//! A client's connection: how slowly it may take its answers, and how it is closed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::settings::ServerLimits;

/// How much is read at once of what nobody wants.
const PIECE: usize = 16 << 10;
/// A client that is told that its connection is closed may send so many times as much, and take so many times as long, as one whose
/// connection stays: it costs nobody else anything.
const LINGERS: u32 = 5;

/// A connection with its limits.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    limits: Arc<ServerLimits>,
    timer: Pin<Box<Sleep>>,
    /// The client's pace, since it last took less than was there for it.
    slow: Option<Slow>,
    closing: Option<Closing>,
    /// Whether a request's body was left unread.
    unread: Arc<AtomicBool>,
}

/// A client that takes less than there is.
#[derive(Clone, Copy, Debug)]
struct Slow {
    end: Instant,
    taken: u64,
    /// Whether something waits for it now.
    waiting: bool,
}

/// A connection of which only the client's end is open.
#[derive(Clone, Copy, Debug, Default)]
struct Closing {
    read: u64,
}

impl Line {
    pub(super) fn new(stream: TcpStream, limits: Arc<ServerLimits>, unread: Arc<AtomicBool>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Line { stream, limits, timer, slow: None, closing: None, unread }
    }

    /// Judges a client that has to be waited for.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let least = self.limits.write_timeout.as_secs().saturating_mul(self.limits.write_rate.into()).max(1);
        loop {
            let now = Instant::now();
            let over = |slow: &Slow| slow.end <= now && (!slow.waiting || slow.taken >= least);
            let mut slow = self.slow.filter(|slow| !over(slow)).unwrap_or_else(|| {
                let end = now + self.limits.write_timeout;
                self.timer.as_mut().reset(end);
                Slow { end, taken: 0, waiting: true }
            });
            slow.waiting = true;
            self.slow = Some(slow);
            ready!(self.timer.as_mut().poll(cx));
            if slow.taken < least {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn written(&mut self, polled: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Pending => self.poll_slow(cx).map(Err),
            Poll::Ready(Ok(bytes)) => {
                if let Some(slow) = &mut self.slow {
                    slow.taken += bytes as u64;
                    slow.waiting = false;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Closes the way to the client, and waits for its end of what it is still sending: closed under it, the connection would
    /// take the answer along that it has not read yet.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            let end = Instant::now() + self.limits.drain_time * LINGERS;
            self.timer.as_mut().reset(end);
            self.closing = Some(Closing::default());
        }
        let mut piece = [0; PIECE];
        loop {
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
            let closing = self.closing.get_or_insert_default();
            closing.read += buffer.filled().len() as u64;
            if closing.read > self.limits.drain_bytes.saturating_mul(LINGERS.into()) {
                return Poll::Ready(Ok(()));
            }
        }
        let sends = self.closing.is_some_and(|closing| closing.read > 0) || self.unread.load(Ordering::Relaxed);
        if sends {
            ready!(self.timer.as_mut().poll(cx));
        }
        Poll::Ready(Ok(()))
    }
}
