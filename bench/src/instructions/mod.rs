//! Instructions for each request of bowline and of the hand-written program, counted by callgrind.
//!
//! Times are noise on a machine that does other work; instructions are the same number twice. Both servers run under
//! `valgrind --tool=callgrind` with one worker thread, get the same requests one after another over one connection, and their
//! ratio is held against `bench/limits.toml`. PostgreSQL's own work is not counted: it runs outside of valgrind.

use std::fmt::Write;
use std::path::Path;

use crate::layers::Credentials;
use crate::operation::{LAYERS, OPERATIONS, Operation};
use crate::server::Connection;
use crate::statistics::median;
use crate::{Bench, Result, check};

mod callgrind;
mod limits;
mod readme;
mod requests;

use callgrind::Counted;
pub(crate) use limits::{Limits, Tolerance};
use requests::{Request, layer_requests};

/// Requests before anything is counted: statements are prepared, caches warm.
const WARM: u32 = 60;
/// Batches of each measurement; their median counts.
const BATCHES: u32 = 5;

/// The instructions for one request, by batch.
#[derive(Debug)]
struct Count(Vec<f64>);

impl Count {
    fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// How far the batches lie apart, as a part of their median.
    fn spread(&self) -> f64 {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.0.iter().copied().fold(0.0, f64::max);
        (high - low) / self.median()
    }
}

/// One line of the table: two programs, or one with a layer and without.
#[derive(Debug)]
pub(crate) struct Line {
    /// As in `--only` and in `limits.toml`.
    pub(crate) name: String,
    first: Count,
    second: Count,
}

impl Line {
    pub(crate) fn ratio(&self) -> f64 {
        self.first.median() / self.second.median()
    }
}

impl Bench<'_> {
    /// Counts every operation that is asked for, ours beside the peer's.
    pub(crate) async fn count_operations(&self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for operation in OPERATIONS.iter().filter(|operation| self.arguments.wants(operation.name)) {
            let ours = self.count_under(&self.program(operation.example)?, "ours", operation).await?;
            let peer = self.count_under(&self.peer, "peer", operation).await?;
            check::same_answers(operation, ours.server(), peer.server()).await?;
            let first = self.count(&ours, |n| requests::of(operation, n)).await?;
            let second = self.count(&peer, |n| requests::of(operation, n)).await?;
            lines.push(self.told(operation.name, first, second));
        }
        Ok(lines)
    }

    /// Counts each layer, through it beside without it.
    pub(crate) async fn count_layers(&self) -> Result<Vec<Line>> {
        if !self.arguments.wants(LAYERS) {
            return Ok(Vec::new());
        }
        let base = requests::layered();
        let server = self.count_under(&self.program(LAYERS)?, "ours", &base).await?;
        let given = Credentials::of(server.server()).await?;
        let mut lines = Vec::new();
        for (name, through, without) in layer_requests(&given) {
            let first = self.count(&server, through).await?;
            let second = self.count(&server, without).await?;
            // an operation is called `filtered` too
            lines.push(self.told(&format!("layer-{name}"), first, second));
        }
        Ok(lines)
    }

    fn told(&self, name: &str, first: Count, second: Count) -> Line {
        let line = Line { name: name.to_owned(), first, second };
        eprintln!(
            "{}, {}: {:.0} and {:.0} instructions, {:.3}, batches within {:.1} % and {:.1} %",
            self.databases.title(),
            line.name,
            line.first.median(),
            line.second.median(),
            line.ratio(),
            line.first.spread() * 100.0,
            line.second.spread() * 100.0
        );
        line
    }

    async fn count_under(&self, program: &crate::Program, name: &str, operation: &Operation<'_>) -> Result<Counted> {
        let url = self.databases.make(name, operation.data).await?;
        Counted::start(program, &url, operation.environment, &self.directory.join(name)).await
    }

    async fn count(&self, server: &Counted, request: impl Fn(u32) -> Request) -> Result<Count> {
        let each = self.arguments.requests.div_ceil(BATCHES);
        let mut sender = Sender { connection: server.server().connect().await?, request, n: server.used() };
        sender.send(WARM).await?;
        server.instrument(true).await?;
        // The first requests under instrumentation are translated by valgrind; what they count is thrown away.
        sender.send(each / 2 + 1).await?;
        server.dump().await?;
        let mut batches = Vec::new();
        for _ in 0..BATCHES {
            sender.send(each).await?;
            batches.push(server.dump().await? / f64::from(each));
        }
        server.instrument(false).await?;
        server.note_used(sender.n);
        Ok(Count(batches))
    }
}

/// Requests one after another, each with a number of its own.
#[derive(Debug)]
struct Sender<F> {
    connection: Connection,
    request: F,
    n: u32,
}

impl<F: Fn(u32) -> Request> Sender<F> {
    async fn send(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.n += 1;
            let Request { method, path, body, headers, status } = (self.request)(self.n);
            let answer = self.connection.ask(method, &path, body.as_deref(), &headers).await?;
            if answer.status != status {
                return Err(format!("{method} {path}: {answer:?}").into());
            }
        }
        Ok(())
    }
}

/// The Markdown table of one database.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut out = String::from("| operation | bowline | by hand | ratio |\n|---|--:|--:|--:|\n");
    for line in lines {
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.0} | {:.2} |",
            line.name,
            line.first.median(),
            line.second.median(),
            line.ratio()
        );
    }
    out
}

/// Fails with how to install valgrind if it is not there.
pub(crate) async fn find_valgrind() -> Result<()> {
    callgrind::find().await
}

/// Writes limits, and the table that the README shows of them.
pub(crate) fn write_limits(limits: &Limits) -> Result<()> {
    limits.write(limits_path())?;
    readme::write(readme_path(), limits)
}

fn readme_path() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))
}

/// Where the limits are, beside this program's source.
pub(crate) fn limits_path() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/limits.toml"))
}
