//! A connection on which no statement has a name, for poolers that give each transaction another server session.
//!
//! The driver prepares by name (`s0`, `s1`, …), counted anew in each process: behind such a pooler it would run another
//! process's statement, or find none. This stands between the driver and its stream. It keeps the texts of the
//! statements that the driver prepares, leaves their names out, and has each `Bind` of one preceded by its `Parse`, in the same
//! round trip:
//!
//! | the driver sends | the server gets |
//! |---|---|
//! | `Parse s7`, `Describe s7`, `Sync` | the same without the name |
//! | `Bind s7`, `Execute`, `Sync` | `Parse`, `Bind`, `Execute`, `Sync` |
//! | `Close s7`, `Sync` | the same without the name |
//!
//! The answers to what was added are left out. So it serves even those statements that the driver prepares for itself, to learn
//! the types that an application or an extension defined. Portals keep their names: they end with their transaction.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// How many bytes may wait to be sent before the driver has to.
const MOST_WAITING: usize = 1 << 20;
/// How many bytes are read at once.
const PORTION: usize = 16 << 10;
/// A message's tag and length.
const HEAD: usize = 5;

/// A stream of PostgreSQL's protocol, seen from the driver's side.
#[derive(Debug)]
pub(super) struct Unnamed<S> {
    inner: S,
    rewriter: Rewriter,
    /// What the driver wrote, up to the end of the last whole message.
    written: BytesMut,
    /// What is to be sent.
    outgoing: BytesMut,
    /// Where what comes is kept until it is looked at, and which part of it was not yet.
    incoming: Box<[u8]>,
    from: usize,
    to: usize,
    /// How many bytes of the message that is being handed on are still to come.
    passing: usize,
}

impl<S> Unnamed<S> {
    pub(super) fn new(inner: S) -> Self {
        Unnamed {
            inner,
            rewriter: Rewriter::default(),
            written: BytesMut::new(),
            outgoing: BytesMut::new(),
            incoming: vec![0; PORTION].into(),
            from: 0,
            to: 0,
            passing: 0,
        }
    }
}

/// What has to be known of the messages that went before.
#[derive(Debug)]
struct Rewriter {
    /// The driver's first message has no tag.
    started: bool,
    /// The server's first `ReadyForQuery` answers nothing that was asked.
    greeted: bool,
    /// The text and the types of each statement that the driver has a name for, as `Parse` has them.
    texts: HashMap<Bytes, Bytes>,
    /// For each answer that ends with `ReadyForQuery`, whether its `ParseComplete`s are answers to what was added; the last one
    /// is still being asked for.
    answers: VecDeque<VecDeque<bool>>,
}

impl Default for Rewriter {
    fn default() -> Self {
        Rewriter { started: false, greeted: false, texts: HashMap::new(), answers: VecDeque::from([VecDeque::new()]) }
    }
}

impl Rewriter {
    /// Takes the whole messages off what the driver wrote.
    fn rewrite(&mut self, written: &mut BytesMut, out: &mut BytesMut) -> io::Result<()> {
        if !self.started {
            let Some(length) = length(written, 0)? else { return Ok(()) };
            if written.len() < length {
                return Ok(());
            }
            out.put_slice(&written.split_to(length));
            self.started = true;
        }
        while let Some(length) = length(written, 1)? {
            if written.len() <= length {
                break;
            }
            let message = written.split_to(length + 1).freeze();
            self.message(&message, out)?;
        }
        Ok(())
    }

    fn message(&mut self, message: &Bytes, out: &mut BytesMut) -> io::Result<()> {
        match message.first() {
            Some(b'P') => {
                let (name, text) = split(message, HEAD)?;
                parse(&text, out)?;
                self.note_parse(false);
                if !name.is_empty() {
                    self.texts.insert(name, text);
                }
            }
            Some(b'B') => {
                let (portal, rest) = split(message, HEAD)?;
                let (name, values) = split(&rest, 0)?;
                if name.is_empty() {
                    out.put_slice(message);
                    return Ok(());
                }
                let text = self.texts.get(&name).ok_or_else(|| broken("a statement that was never prepared"))?;
                parse(text, out)?;
                self.note_parse(true);
                head(b'B', portal.len() + 2 + values.len(), out)?;
                out.put_slice(&portal);
                out.put_slice(&[0, 0]);
                out.put_slice(&values);
            }
            Some(tag @ (b'D' | b'C')) if message.get(HEAD) == Some(&b'S') => {
                if *tag == b'C' {
                    self.texts.remove(&split(message, HEAD + 1)?.0);
                }
                head(*tag, 2, out)?;
                out.put_slice(b"S\0");
            }
            tag => {
                if let Some(b'S' | b'Q') = tag {
                    self.answers.push_back(VecDeque::new());
                }
                out.put_slice(message);
            }
        }
        Ok(())
    }

    fn note_parse(&mut self, added: bool) {
        if let Some(asked) = self.answers.back_mut() {
            asked.push_back(added);
        }
    }

    /// Whether the driver is to see a message of the server's.
    fn is_for_the_driver(&mut self, tag: u8) -> bool {
        match tag {
            b'1' => !self.answers.front_mut().and_then(VecDeque::pop_front).unwrap_or(false),
            b'Z' => {
                if std::mem::replace(&mut self.greeted, true) && self.answers.len() > 1 {
                    self.answers.pop_front();
                }
                true
            }
            _ => true,
        }
    }
}

/// The length that a message says, which counts itself.
fn length(bytes: &[u8], at: usize) -> io::Result<Option<usize>> {
    let Some(field) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
    match usize::try_from(i32::from_be_bytes(*field)) {
        Ok(length @ 4..) => Ok(Some(length)),
        _ => Err(broken("a message without a length")),
    }
}

/// The text up to the next NUL, and what comes after that.
fn split(message: &Bytes, from: usize) -> io::Result<(Bytes, Bytes)> {
    let rest = message.get(from..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(|| broken("a name without an end"))?;
    Ok((message.slice(from..from + end), message.slice(from + end + 1..)))
}

fn parse(text: &Bytes, out: &mut BytesMut) -> io::Result<()> {
    head(b'P', 1 + text.len(), out)?;
    out.put_u8(0);
    out.put_slice(text);
    Ok(())
}

fn head(tag: u8, body: usize, out: &mut BytesMut) -> io::Result<()> {
    out.put_u8(tag);
    out.put_i32(i32::try_from(body + 4).map_err(|_| broken("a message that is too long"))?);
    Ok(())
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}, on the way to PostgreSQL"))
}

impl<S: AsyncWrite + Unpin> Unnamed<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.outgoing.has_remaining() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.outgoing))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.outgoing.advance(sent),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unnamed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.outgoing.len() > MOST_WAITING {
            ready!(this.poll_send(cx))?;
        }
        this.written.put_slice(bytes);
        this.rewriter.rewrite(&mut this.written, &mut this.outgoing)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S> Unnamed<S> {
    /// Hands on what there is and the driver is to see; whether there was anything.
    fn hand_on(&mut self, to: &mut ReadBuf<'_>) -> io::Result<bool> {
        let before = to.filled().len();
        while to.remaining() > 0 {
            let unseen = self.incoming.get(self.from..self.to).unwrap_or_default();
            if self.passing > 0 {
                let most = self.passing.min(to.remaining());
                let some = unseen.get(..most).unwrap_or(unseen);
                if some.is_empty() {
                    break;
                }
                to.put_slice(some);
                self.from += some.len();
                self.passing -= some.len();
                continue;
            }
            let (Some(tag), Some(length)) = (unseen.first(), length(unseen, 1)?) else { break };
            if self.rewriter.is_for_the_driver(*tag) {
                self.passing = length + 1;
            } else {
                // a `ParseComplete` has no body
                self.from += HEAD;
            }
        }
        Ok(to.filled().len() > before)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unnamed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.hand_on(to)? || to.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            // what is left is less than a message's head
            this.incoming.copy_within(this.from..this.to, 0);
            (this.from, this.to) = (0, this.to - this.from);
            let mut space = ReadBuf::new(this.incoming.get_mut(this.to..).unwrap_or_default());
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut space))?;
            let read = space.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            this.to += read;
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Unnamed<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        out.extend(i32::try_from(body.len() + 4).unwrap().to_be_bytes());
        out.extend(body);
        out
    }

    fn start() -> Vec<u8> {
        vec![0, 0, 0, 9, 0, 3, 0, 0, 0]
    }

    const PARSE: &[u8] = b"s7\0SELECT $1\0\0\0";

    #[tokio::test]
    async fn names_are_left_out_and_texts_are_sent_along() {
        let (near, mut far) = duplex(1 << 16);
        let mut near = Unnamed::new(near);
        let sync = message(b'S', b"");
        let mut sent = start();
        for part in [message(b'P', PARSE), message(b'D', b"Ss7\0"), sync.clone()] {
            sent.extend(part);
        }
        for part in [message(b'B', b"p\0s7\0\0\0\0\0\0\0"), message(b'E', b"p\0\0\0\0\0"), sync.clone()] {
            sent.extend(part);
        }
        sent.extend(message(b'C', b"Ss7\0"));
        sent.extend(&sync);
        // a message may come in any number of pieces
        for piece in sent.chunks(3) {
            near.write_all(piece).await.unwrap();
            near.flush().await.unwrap();
        }
        let parse = message(b'P', b"\0SELECT $1\0\0\0");
        let mut expected = start();
        for part in [&parse, &message(b'D', b"S\0"), &sync, &parse, &message(b'B', b"p\0\0\0\0\0\0\0\0")] {
            expected.extend(part);
        }
        for part in [message(b'E', b"p\0\0\0\0\0"), sync.clone(), message(b'C', b"S\0"), sync.clone()] {
            expected.extend(part);
        }
        let mut got = vec![0; expected.len()];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(got, expected);
        assert!(near.rewriter.texts.is_empty());
    }

    #[tokio::test]
    async fn answers_to_what_was_added_are_left_out() {
        let (near, mut far) = duplex(1 << 16);
        let mut near = Unnamed::new(near);
        let sync = message(b'S', b"");
        let mut sent = start();
        sent.extend(message(b'P', PARSE));
        sent.extend(&sync);
        // the second of these fails before its `Parse` is answered
        for _ in 0..3 {
            sent.extend(message(b'B', b"\0s7\0\0\0\0\0\0\0"));
            sent.extend(&sync);
        }
        near.write_all(&sent).await.unwrap();
        near.flush().await.unwrap();
        let (parsed, bound, ready) = (message(b'1', b""), message(b'2', b""), message(b'Z', b"I"));
        let failed = message(b'E', b"SERROR\0\0");
        // the first `ReadyForQuery` is that of the start
        let groups = [vec![], vec![&parsed], vec![&parsed, &bound], vec![&failed], vec![&parsed, &bound]];
        for part in groups.iter().flat_map(|group| group.iter().copied().chain([&ready])) {
            for piece in part.chunks(2) {
                far.write_all(piece).await.unwrap();
            }
        }
        drop(far);
        let mut got = Vec::new();
        near.read_to_end(&mut got).await.unwrap();
        let mut expected: Vec<u8> = Vec::new();
        for part in [&ready, &parsed, &ready, &bound, &ready, &failed, &ready, &bound, &ready] {
            expected.extend(part);
        }
        assert_eq!(got, expected);
    }

    #[tokio::test]
    async fn a_statement_that_was_never_prepared_is_an_error() {
        let (near, _far) = duplex(1 << 16);
        let mut near = Unnamed::new(near);
        near.write_all(&start()).await.unwrap();
        near.write_all(&message(b'B', b"\0s9\0\0\0\0\0\0\0")).await.unwrap_err();
    }
}
