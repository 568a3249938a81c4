//! bowline beside the program that a good engineer would write by hand: processor time per request, measured.
//!
//! ```text
//! cargo run --release -p bowline-bench -- --help
//! ```
//!
//! Each operation gets fresh databases and fresh servers. Both servers must give the same answers, then they are loaded in
//! turn, the order reversed every other round, and the medians are printed as a Markdown table. On a machine that does
//! other work, only the ratios mean something, and those under ten per cent are ties.
#![allow(clippy::expect_used, reason = "a benchmark may stop with a message where a service may not")]

mod check;
mod cluster;
mod cpu;
mod instructions;
mod layers;
mod load;
mod operation;
mod peer_postgres;
mod peer_sqlite;
mod report;
mod rivals;
mod server;
mod statistics;
mod wire;

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use cluster::Databases;
use operation::{EXAMPLES, OPERATIONS, Operation};
use report::{Comparison, Sample};
use server::{Program, Server};

pub(crate) type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const HELP: &str = "\
bowline-bench [--seconds 4] [--rounds 3] [--db postgres|sqlite|both] [--only NAME,NAME] [--out FILE]
              [--program PATH|peer] [--parameters TEXT] [--pg-bin DIRECTORY]
bowline-bench --rivals FILE [--seconds 4] [--rounds 3] [--out FILE]
bowline-bench --instructions hold|write|show [--requests 300] [--tolerance 3] [--db postgres|sqlite|both]
              [--only NAME,NAME]

  --seconds   length of one run
  --rounds    runs of each server for each operation
  --db        which databases; both by default
  --only      operations: retrieve, page, page-uncounted, list, relations, filtered, searched, patch, post, conflict;
              `layers` for what each layer costs
  --out       a file for the tables, beside standard output
  --program   the server under test; by default the examples `documents` and `books`, built first.
              `peer` compares the peer with itself, which shows the noise
  --parameters  of the database's URL for the server under test, such as `pooler=transaction`; the peer goes without
  --pg-bin    where PostgreSQL's programs are
  --instructions
              counts instructions under callgrind instead of timing, and holds the ratios against bench/limits.toml,
              writes them there and into the README, or only shows them
  --rivals    times other frameworks too, on PostgreSQL, and draws FILE, an SVG; installs them from PyPI and npm
  --tolerance how many per cent a ratio may be above its limit; two more below it
  --requests  requests of each server for each operation whose instructions are counted
";

#[derive(Debug)]
struct Arguments {
    seconds: u32,
    rounds: u32,
    postgres: bool,
    sqlite: bool,
    only: Option<Vec<String>>,
    out: Option<PathBuf>,
    program: Option<PathBuf>,
    parameters: Option<String>,
    pg_bin: Option<PathBuf>,
    instructions: Option<Instructions>,
    rivals: Option<PathBuf>,
    requests: u32,
    tolerance: instructions::Tolerance,
}

/// What is done with counted instructions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Instructions {
    Hold,
    Write,
    Show,
}

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    let result = match words.peek().map(String::as_str) {
        Some("--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        // The peers are modes of this program, in processes of their own.
        Some("peer-postgres") => serve(peer_postgres::serve()),
        Some(operation::LAYERS) => serve(layers::serve()),
        Some(rivals::SEAORM) => serve(rivals::seaorm::serve()),
        Some("peer-sqlite") => serve(peer_sqlite::serve()),
        _ => Arguments::parse(words).and_then(|arguments| serve(until_stopped(arguments))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Arguments {
            seconds: 4,
            rounds: 3,
            postgres: true,
            sqlite: true,
            only: None,
            out: None,
            program: None,
            parameters: None,
            pg_bin: None,
            instructions: None,
            rivals: None,
            requests: 300,
            tolerance: instructions::Tolerance { above: 3 },
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value\n\n{HELP}"))?;
            match (name.as_str(), value.as_str()) {
                ("--seconds", _) => arguments.seconds = positive(&name, &value)?,
                ("--rounds", _) => arguments.rounds = positive(&name, &value)?,
                ("--db", "both") => {}
                ("--db", "postgres") => arguments.sqlite = false,
                ("--db", "sqlite") => arguments.postgres = false,
                ("--only", _) => {
                    arguments.only = Some(value.split(',').map(str::to_owned).collect());
                }
                ("--out", _) => arguments.out = Some(value.into()),
                ("--program", _) => arguments.program = Some(value.into()),
                ("--parameters", _) => arguments.parameters = Some(value),
                ("--rivals", _) => arguments.rivals = Some(value.into()),
                ("--requests", _) => arguments.requests = positive(&name, &value)?,
                ("--tolerance", _) => arguments.tolerance.above = positive(&name, &value)?.min(90),
                ("--instructions", "hold") => arguments.instructions = Some(Instructions::Hold),
                ("--instructions", "write") => arguments.instructions = Some(Instructions::Write),
                ("--instructions", "show") => arguments.instructions = Some(Instructions::Show),
                ("--pg-bin", _) => arguments.pg_bin = Some(value.into()),
                _ => return Err(format!("{name} {value} is not known\n\n{HELP}").into()),
            }
        }
        for name in arguments.only.iter().flatten() {
            if name != operation::LAYERS && !OPERATIONS.iter().any(|operation| operation.name == name) {
                return Err(format!("there is no operation {name}\n\n{HELP}").into());
            }
        }
        Ok(arguments)
    }

    /// The databases of one kind, filled.
    async fn databases(&self, directory: &Path, postgres: bool) -> Result<Databases> {
        eprintln!("preparing databases");
        match postgres {
            true => Databases::postgres(directory, self.pg_bin.clone()).await,
            false => Databases::sqlite(directory),
        }
    }

    fn wants(&self, operation: &str) -> bool {
        self.only.as_ref().is_none_or(|names| names.iter().any(|name| name == operation))
    }
}

fn positive(name: &str, value: &str) -> Result<u32> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{name} wants a number over zero, not {value}").into()),
    }
}

/// Runs to the end or to a signal. Either way what was started is stopped: dropping the work drops its guards.
async fn until_stopped(arguments: Arguments) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        result = run(&arguments) => result,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
        _ = hangup.recv() => Err("hung up".into()),
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    if let Some(way) = arguments.instructions {
        return count(arguments, way).await;
    }
    load::find_wrk().await?;
    let against_itself = arguments.program.as_deref() == Some(Path::new("peer"));
    if arguments.program.is_none() {
        build().await?;
    }
    let load = statistics::load_average();
    if load > 0.5 {
        eprintln!("warning: the load average is {load}: other work will disturb the measurement");
    }
    let mut text = format!(
        "{}. `wrk -t1 -c{}` over loopback on the same machine, {} rounds of {} s in turn, medians; two worker threads and \
         the system allocator for both programs, no access log. µs are processor time per request, user and system.\n",
        statistics::machine(),
        load::CONNECTIONS,
        arguments.rounds,
        arguments.seconds,
    );
    if let Some(picture) = &arguments.rivals {
        let directory = tempfile::Builder::new().prefix("bowline-bench-").tempdir()?;
        let databases = arguments.databases(directory.path(), true).await?;
        let lines = Bench::new(&databases, true, directory.path(), arguments).rivals().await?;
        let _ = write!(text, "\n{}\n\n{}", databases.conditions().await?, rivals::table(&lines));
        print!("\n{text}");
        rivals::draw(&lines, picture)?;
        return match &arguments.out {
            Some(out) => Ok(fs::write(out, text)?),
            None => Ok(()),
        };
    }
    let mut failures = Vec::new();
    for postgres in [true, false] {
        if !(if postgres { arguments.postgres } else { arguments.sqlite }) {
            continue;
        }
        let directory = tempfile::Builder::new().prefix("bowline-bench-").tempdir()?;
        let databases = arguments.databases(directory.path(), postgres).await?;
        let bench = Bench::new(&databases, postgres, directory.path(), arguments);
        let mut comparisons = Vec::new();
        for operation in OPERATIONS.iter().filter(|o| arguments.wants(o.name)) {
            match bench.compare(operation).await {
                Ok(comparison) => comparisons.push(comparison),
                Err(error) => {
                    let failure = format!("{}, {}: {error}", databases.title(), operation.title);
                    eprintln!("not timed: {failure}");
                    failures.push(failure);
                }
            }
        }
        let name = if against_itself { "peer again" } else { "bowline" };
        text.push_str(&format!(
            "\n## {}\n\n{}\n\n{}",
            databases.title(),
            databases.conditions().await?,
            if comparisons.is_empty() { String::new() } else { report::table(name, "peer", &comparisons) }
        ));
        if arguments.wants(operation::LAYERS) && arguments.program.is_none() {
            match bench.layers().await {
                Ok(table) => text.push_str(&format!("\n{table}")),
                Err(error) => failures.push(format!("{}, layers: {error}", databases.title())),
            }
        }
    }
    print!("\n{text}");
    if let Some(out) = &arguments.out {
        fs::write(out, text)?;
    }
    match failures.len() {
        0 => Ok(()),
        n => Err(format!("{n} operations were not timed:\n{}", failures.join("\n")).into()),
    }
}

/// Counts instructions, and holds their ratios against the limits or writes them.
async fn count(arguments: &Arguments, way: Instructions) -> Result<()> {
    instructions::find_valgrind().await?;
    if arguments.program.is_none() {
        build().await?;
    }
    let mut limits = instructions::Limits::read(instructions::limits_path())?;
    let mut text = String::new();
    let mut failures = Vec::new();
    for (name, postgres) in [("postgres", true), ("sqlite", false)] {
        if !(if postgres { arguments.postgres } else { arguments.sqlite }) {
            continue;
        }
        let directory = tempfile::Builder::new().prefix("bowline-bench-").tempdir()?;
        let databases = arguments.databases(directory.path(), postgres).await?;
        let bench = Bench::new(&databases, postgres, directory.path(), arguments);
        let mut lines = bench.count_operations().await?;
        lines.extend(bench.count_layers().await?);
        text.push_str(&format!("\n## {}\n\n{}", databases.title(), instructions::table(&lines)));
        match way {
            Instructions::Hold => failures.extend(limits.judge(name, &lines, arguments.tolerance)),
            Instructions::Write => limits.take(name, &lines),
            Instructions::Show => {}
        }
    }
    print!("{text}");
    if let Some(out) = &arguments.out {
        fs::write(out, text)?;
    }
    match failures.is_empty() {
        true if way == Instructions::Write => instructions::write_limits(&limits),
        true => Ok(()),
        false => Err(format!("the ratios of instructions changed:\n{}", failures.join("\n")).into()),
    }
}

/// Builds the examples beside this program.
async fn build() -> Result<()> {
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "-p", "bowline"])
        .args(EXAMPLES.iter().flat_map(|example| ["--example", example]))
        .kill_on_drop(true)
        .status()
        .await?;
    for example in EXAMPLES {
        if !status.success() || !path_of(example)?.exists() {
            return Err(format!("there is no example `{example}` to measure; --program names another server").into());
        }
    }
    Ok(())
}

fn path_of(example: &str) -> Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("examples").join(example))
}

/// The comparison of two programs on one kind of database.
struct Bench<'a> {
    databases: &'a Databases,
    peer: Program,
    directory: &'a Path,
    arguments: &'a Arguments,
}

impl<'a> Bench<'a> {
    fn new(databases: &'a Databases, postgres: bool, directory: &'a Path, arguments: &'a Arguments) -> Self {
        let peer = Program {
            // This very program, even if a build has replaced the file meanwhile.
            path: "/proc/self/exe".into(),
            arguments: vec![if postgres { "peer-postgres" } else { "peer-sqlite" }.to_owned()],
        };
        Bench { databases, peer, directory, arguments }
    }

    async fn compare(&self, operation: &Operation<'_>) -> Result<Comparison> {
        let ours = match &self.arguments.program {
            Some(path) if path == Path::new("peer") => self.peer.clone(),
            Some(path) => Program { path: path.clone(), arguments: Vec::new() },
            None => self.program(operation.example)?,
        };
        let ours = self.start(&ours, "ours", operation).await?;
        let peer = self.start(&self.peer, "peer", operation).await?;
        check::same_answers(operation, &ours, &peer).await?;
        // Statements prepared, caches warm.
        for server in [&ours, &peer] {
            load::run(operation, &server.address, 0, 1, self.directory).await?;
        }
        let mut rounds = Vec::new();
        for round in 1..=self.arguments.rounds {
            let pair = if round % 2 == 1 {
                let first = self.time(operation, &ours, "ours", round).await?;
                (first, self.time(operation, &peer, "peer", round).await?)
            } else {
                let first = self.time(operation, &peer, "peer", round).await?;
                (self.time(operation, &ours, "ours", round).await?, first)
            };
            eprintln!(
                "{}, {}, round {round}: server {:.1} and {:.1} µs, database {:.1} and {:.1} µs",
                self.databases.title(),
                operation.title,
                pair.0.server,
                pair.1.server,
                pair.0.database,
                pair.1.database
            );
            rounds.push(pair);
        }
        Ok(Comparison { title: operation.title, rounds })
    }

    /// The program of an example, or this one in another mode.
    fn program(&self, example: &str) -> Result<Program> {
        if example == operation::LAYERS {
            return Ok(Program { path: self.peer.path.clone(), arguments: vec![example.to_owned()] });
        }
        Ok(Program { path: path_of(example)?, arguments: Vec::new() })
    }

    async fn start(&self, program: &Program, name: &str, operation: &Operation<'_>) -> Result<Server> {
        let mut url = self.databases.make(name, operation.data).await?;
        if let ("ours", Some(parameters)) = (name, &self.arguments.parameters) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(parameters);
        }
        let log = self.directory.join(format!("{name}.log"));
        Server::start(program, &url, operation.environment, &log).await
    }

    async fn time(&self, operation: &Operation<'_>, server: &Server, name: &str, round: u32) -> Result<Sample> {
        if operation.writes {
            self.databases.settle(name).await?;
        }
        let database = || self.databases.process().map_or(Ok(Default::default()), cpu::tree);
        let (server_before, database_before) = (cpu::tree(server.id())?, database()?);
        let seconds = self.arguments.seconds;
        let load = load::run(operation, &server.address, round, seconds, self.directory).await?;
        let (server_after, database_after) = (cpu::tree(server.id())?, database()?);
        let each = |time: std::time::Duration| time.as_secs_f64() * 1e6 / load.requests;
        Ok(Sample {
            server: each(server_after - server_before),
            database: each(database_after - database_before),
            rate: load.requests * 1e6 / load.duration,
            p50: load.p50 / 1e3,
            p99: load.p99 / 1e3,
        })
    }
}
