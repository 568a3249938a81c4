//! What clients saw of one document, and whether some order of their requests explains it.

pub(crate) mod checker;

use std::fmt;

/// A document as clients see it: two registers in one object. The values are numbers that stand for marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) uid: u32,
    pub(crate) blob: u32,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Create(State),
    Get,
    PatchUid(u32),
    PatchBlob(u32),
    Put(State),
    Delete,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200 or 201 with the document.
    Row(State),
    /// 204.
    Deleted,
    /// 404.
    Missing,
    /// None: it may have been carried out, now or later, or never.
    Unknown,
}

/// A request of one client with its answer and the time between.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) client: usize,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    /// Before it was sent, in nanoseconds since any moment.
    pub(crate) start: u64,
    /// After it was answered.
    pub(crate) end: u64,
}

impl Request {
    /// The state after the request and its answer, when it meets this state; `None` is a document that does not exist.
    fn meets(self, before: Option<State>) -> (Option<State>, Answer) {
        let row = |after: State| (Some(after), Answer::Row(after));
        match (self, before) {
            (Request::Create(new), None) => row(new),
            (Request::Create(_), Some(_)) => (before, Answer::Unknown),
            (_, None) => (None, Answer::Missing),
            (Request::Get, Some(state)) => row(state),
            (Request::PatchUid(uid), Some(state)) => row(State { uid, ..state }),
            (Request::PatchBlob(blob), Some(state)) => row(State { blob, ..state }),
            (Request::Put(new), Some(_)) => row(new),
            (Request::Delete, Some(_)) => (None, Answer::Deleted),
        }
    }
}

/// One line per operation, in the order in which they were sent.
pub(crate) struct Shown<'a>(pub(crate) &'a [Operation]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operations = self.0.iter().collect::<Vec<_>>();
        operations.sort_by_key(|operation| operation.start);
        let first = operations.first().map_or(0, |operation| operation.start);
        for operation in operations {
            let Operation { client, request, answer, start, end } = operation;
            let (start, took) = ((start - first) / 1000, (end - start) / 1000);
            writeln!(f, "  client {client} at {start:>7} µs for {took:>6} µs: {request:?} -> {answer:?}")?;
        }
        Ok(())
    }
}
