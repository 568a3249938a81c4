//! A long read on a connection of its own: a portal, from which rows are fetched as they are asked for.

use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{IsolationLevel, Portal};

use super::bind::bind;
use super::lease::{Dropped, Lease};
use super::verdict::Failure;
use super::wait::Wait;
use crate::store::stream::Command;
use crate::store::{Bound, Rows};

/// How long one portion, and the wait for the next question, may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) answer: Duration,
    pub(super) idle: Duration,
}

impl Limits {
    /// A list may take longer than the request's own deadline, as long as its client takes of it.
    fn wait(self) -> Wait {
        Wait { most: self.answer, deadline: None }
    }
}

/// How the transaction of a long read begins.
#[derive(Clone, Debug)]
pub(super) struct Begin {
    /// Whether it is to see what some order of the other transactions leads to. It waits for a state that none of those under way
    /// can make it wrong then: it can neither fail in the middle nor make a write fail.
    pub(super) serializable: bool,
    /// The limits, where its session does not know them.
    pub(super) limits: Option<String>,
}

/// Answers until nobody asks any more.
///
/// Dropped in the middle, or left there, the connection is closed with what runs on it; the portal's transaction ends
/// with it.
pub(super) async fn serve(
    mut lease: Lease,
    begin: Begin,
    bound: Bound,
    limits: Limits,
    mut asked: mpsc::Receiver<Command>,
) {
    lease.busy(Dropped::Close);
    let done = walk(&mut lease, &begin, &bound, limits, &mut asked).await;
    match done {
        Ok(()) => drop(lease.settle(Ok(()))),
        Err(failure) => {
            // the first one who asks learns it, all others that there is nobody
            let Some(failure) = failure else { return };
            lease.learn(&failure);
            if let Ok(Some(command)) = timeout(limits.idle, asked.recv()).await {
                let _ = command.answer().send(Err(failure.error));
            }
        }
    }
}

/// Whether all went well, so that the connection may serve others; the error is for the next one who asks.
async fn walk(
    lease: &mut Lease,
    begin: &Begin,
    bound: &Bound,
    limits: Limits,
    asked: &mut mpsc::Receiver<Command>,
) -> Result<(), Option<Failure>> {
    let pooled = lease.is_pooled();
    let opening = async {
        let start = lease.client_mut()?.build_transaction().read_only(true);
        let start = match begin.serializable {
            true => start.isolation_level(IsolationLevel::Serializable).deferrable(true),
            false => start.isolation_level(IsolationLevel::RepeatableRead),
        };
        let transaction = start.start().await?;
        if let Some(limits) = &begin.limits {
            transaction.batch_execute(limits).await?;
        }
        let statement = prepared(&transaction, bound, pooled).await?;
        let params = bind(&bound.values, statement.params())?;
        let portal = transaction.bind_raw(&statement, params.iter()).await?;
        Ok((transaction, portal))
    };
    let opened = limits.wait().bounded(opening).await;
    let (transaction, portal) = match opened {
        Ok(opened) => opened,
        Err(failure) => return Err(Some(failure.asked_for())),
    };
    let mut at_end = false;
    while let Ok(Some(command)) = timeout(limits.idle, asked.recv()).await {
        if at_end && matches!(command, Command::Next(..)) {
            let _ = command.answer().send(Ok(Rows::none()));
            continue;
        }
        let (mut answer, wanted) = match command {
            Command::Next(most, answer) => (answer, Ok(most)),
            Command::Read(bound, answer) => (answer, Err(bound)),
        };
        let work = limits.wait().bounded(async {
            match &wanted {
                Ok(most) => fetch(&transaction, &portal, *most).await,
                Err(bound) => read(&transaction, bound, pooled).await,
            }
        });
        let rows = tokio::select! {
            rows = work => rows,
            // nobody waits for it
            () = answer.closed() => return Err(None),
        };
        match rows {
            Ok(rows) => {
                at_end |= wanted.is_ok_and(|most| rows.len() < most);
                let _ = answer.send(Ok(Rows::Postgres(rows)));
            }
            Err(failure) => {
                let _ = answer.send(Err(failure.error));
                return Err(None);
            }
        }
    }
    limits.wait().bounded(async { Ok(transaction.rollback().await?) }).await.map_err(|_| None)
}

async fn fetch(
    transaction: &deadpool_postgres::Transaction<'_>,
    portal: &Portal,
    most: usize,
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    Ok(transaction.query_portal(portal, i32::try_from(most).unwrap_or(i32::MAX)).await?)
}

async fn read(
    transaction: &deadpool_postgres::Transaction<'_>,
    bound: &Bound,
    pooled: bool,
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    let statement = prepared(transaction, bound, pooled).await?;
    let params = bind(&bound.values, statement.params())?;
    let rows = transaction.query_raw(&statement, params.iter()).await?;
    Ok(rows.try_collect().await?)
}

/// Prepares a statement, or finds it prepared. Where sessions change, what was learned of its columns in another transaction may
/// not hold any more.
async fn prepared(
    transaction: &deadpool_postgres::Transaction<'_>,
    bound: &Bound,
    pooled: bool,
) -> Result<tokio_postgres::Statement, Failure> {
    let sql = &bound.statement.sql;
    if bound.statement.cached && !pooled {
        return Ok(transaction.prepare_cached(sql).await?);
    }
    Ok(transaction.prepare(sql).await?)
}
