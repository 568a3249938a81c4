//! Statements on one connection: prepared, bound, and sent together.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use deadpool_postgres::ClientWrapper;
use futures_util::TryStreamExt;
use tokio_postgres::{Error, Row};

use super::bind::{Params, bind};
use super::lease::Lease;
use super::verdict::Failure;
use crate::store::Bound;

/// A statement that is ready to be sent: nothing of ours can fail any more.
#[derive(Debug)]
pub(super) struct Ready {
    statement: tokio_postgres::Statement,
    params: Params,
    /// The text, where it has to be sent each time: the session that knew the statement is somebody else's now. Only the types
    /// of its values are remembered.
    text: Option<Arc<str>>,
}

/// What a statement answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    pub(super) affected: u64,
}

/// Prepares a statement, or finds it prepared, and writes its values.
pub(super) async fn ready(lease: &Lease, bound: &Bound) -> Result<Ready, Failure> {
    let client = lease.client()?;
    let sql = &bound.statement.sql;
    let types = bound.statement.types.as_deref().unwrap_or_default();
    let statement = if bound.statement.cached {
        client.prepare_typed_cached(sql, types).await?
    } else {
        client.prepare_typed(sql, types).await?
    };
    let params = bind(&bound.values, statement.params())?;
    Ok(Ready { statement, params, text: lease.is_pooled().then(|| Arc::clone(sql)) })
}

/// Runs one statement and reads to the end of its answer, which is after the commit of a statement that
/// stands alone: a deferred constraint that fails there is this statement's error.
pub(super) async fn run(client: &ClientWrapper, ready: &Ready) -> Result<Answer, Error> {
    let stream = match &ready.text {
        None => client.query_raw(&ready.statement, ready.params.iter()).await?,
        Some(text) => {
            let types = ready.statement.params().iter().cloned();
            client.query_typed_raw(text, ready.params.iter().zip(types)).await?
        }
    };
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { rows, affected: stream.rows_affected().unwrap_or(0) })
}

/// One of several calls that are sent together.
pub(super) type Call<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// A prepared statement as a call.
pub(super) fn statement<'a>(client: &'a ClientWrapper, ready: &'a Ready) -> Call<'a> {
    Box::pin(run(client, ready))
}

/// BEGIN, COMMIT and the like as a call.
pub(super) fn command<'a>(client: &'a ClientWrapper, sql: &'a str) -> Call<'a> {
    Box::pin(async move {
        client.batch_execute(sql).await?;
        Ok(Answer::default())
    })
}

/// Sends the calls in their order, before any answer is awaited, and collects their answers.
///
/// The driver sends a call when its future is polled first, and answers in the order of sending; hence the
/// first poll of all of them, in order, is one write to the server.
pub(super) async fn together(mut calls: Vec<Call<'_>>) -> Vec<Result<Answer, Error>> {
    let mut answers: Vec<Option<Result<Answer, Error>>> = calls.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match call.as_mut().poll(context) {
                    Poll::Ready(result) => *answer = Some(result),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    answers.into_iter().flatten().collect()
}
