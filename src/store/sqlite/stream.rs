//! A long read on a thread and a connection of its own: a statement that is stepped on as its rows are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Row, Statement};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::bind::Param;
use super::connection::{File, Names, Role, control, run, stoppable};
use super::threads::Crew;
use super::verdict::failed;
use crate::store::stream::Command;
use crate::store::{Bound, PackedRows, Rows, StoreError};

/// How long one portion, and the wait for the next question, may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) answer: Duration,
    pub(super) idle: Duration,
}

/// Starts the thread, which answers until nobody asks any more.
pub(super) fn start(
    crew: &Crew,
    file: &File,
    bound: Bound,
    limits: Limits,
    asked: Receiver<Command>,
    gone: Arc<AtomicBool>,
) -> Result<(), StoreError> {
    let file = file.clone();
    let runtime = Handle::current();
    let mut job = Some(Job { bound, limits, asked, gone, runtime });
    crew.start("bowline-sqlite-stream", move || {
        // after a panic there is nothing left to do
        let Some(mut job) = job.take() else { return };
        let served = file.open(Role::Reader).and_then(|connection| job.serve(&connection));
        // the first one who asks learns it, all others that there is nobody
        if let Err(error) = served
            && let Some(command) = job.next()
        {
            let _ = command.answer().send(Err(error));
        }
    })
}

struct Job {
    bound: Bound,
    limits: Limits,
    asked: Receiver<Command>,
    /// Whether nobody waits any more.
    gone: Arc<AtomicBool>,
    runtime: Handle,
}

impl Job {
    fn serve(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let bound = self.bound.clone();
        control(connection, "BEGIN").map_err(failed)?;
        let mut statement = connection.prepare(&bound.statement.sql).map_err(failed)?;
        let (wanted, given) = (statement.parameter_count(), bound.values.len());
        if wanted != given {
            let text = format!("a statement with {wanted} places was given {given} values");
            return Err(StoreError::Internal(text.into()));
        }
        for (n, value) in bound.values.iter().enumerate() {
            statement.raw_bind_parameter(n + 1, Param(value)).map_err(failed)?;
        }
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        let mut at_end = false;
        while let Some(command) = self.next() {
            let (result, answer) = match command {
                Command::Next(_, answer) if at_end => (Ok(Rows::none()), answer),
                Command::Next(most, answer) => (
                    stoppable(connection, self.stop(), || {
                        let mut packed = PackedRows::new(width);
                        while packed.len() < most {
                            let Some(row) = rows.next().map_err(failed)? else {
                                at_end = true;
                                break;
                            };
                            keep(row, width, &mut packed)?;
                        }
                        Ok(Rows::Packed(packed))
                    }),
                    answer,
                ),
                Command::Read(bound, answer) => {
                    (stoppable(connection, self.stop(), || run(connection, &bound, Names::Dropped)), answer)
                }
            };
            let is_over = result.is_err();
            let _ = answer.send(result);
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// The next question; none where nobody asks for too long, or ever again.
    fn next(&mut self) -> Option<Command> {
        let asked = async { timeout(self.limits.idle, self.asked.recv()).await };
        self.runtime.clone().block_on(asked).ok().flatten()
    }

    /// When to stop: at the end of a portion's time, or when nobody waits for it any more.
    fn stop(&self) -> impl FnMut() -> bool + Send + 'static {
        let deadline = Instant::now() + self.limits.answer;
        let gone = Arc::clone(&self.gone);
        move || gone.load(Ordering::Relaxed) || Instant::now() >= deadline
    }
}

fn keep(row: &Row<'_>, width: usize, packed: &mut PackedRows) -> Result<(), StoreError> {
    let columns: &Statement<'_> = row.as_ref();
    if columns.column_count() != width {
        return Err(StoreError::Conflict("the table changed during a long read".into()));
    }
    for column in 0..width {
        packed.push(row.get_ref(column).map_err(failed)?)?;
    }
    Ok(())
}
