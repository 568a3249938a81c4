//! bowline beside the frameworks that somebody would take instead, on PostgreSQL, in one run.
//!
//! Their programs are in `bench/rivals/`: small, in the style of each framework's documentation, and checked to give the same
//! answers before they are timed. Each has two workers, as the programs in Rust have two threads.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::operation::{OPERATIONS, Operation};
use crate::report::Sample;
use crate::server::{Program, Server};
use crate::statistics::median;
use crate::{Bench, Result, load, path_of};

mod chart;
pub(crate) mod seaorm;

pub(crate) use chart::chart;

/// The mode of this program that serves over SeaORM.
pub(crate) const SEAORM: &str = "rival-seaorm";

/// The operations, by their names.
const TIMED: [&str; 5] = ["retrieve", "page", "patch", "post", "conflict"];

/// Requests whose answers must be those of bowline, as JSON: status and value.
const PROBES: [(&str, &str, Option<&str>); 14] = [
    ("GET", "/documents/1/", None),
    ("GET", "/documents/777777/", None),
    ("GET", "/documents/", None),
    ("GET", "/documents/?page=2", None),
    ("GET", "/documents/?page=3", None),
    ("GET", "/documents/?page=5000", None),
    ("GET", "/documents/?page=99999", None),
    ("POST", "/documents/", Some(r#"{"collection":1,"uid":"fresh","blob":{"k": [1, 2.5, null, "a \" b\\"]}}"#)),
    ("GET", "/documents/100001/", None),
    ("POST", "/documents/", Some(r#"{"collection":1,"uid":"fresh","blob":{}}"#)),
    ("POST", "/documents/", Some(r#"{"collection":99,"uid":"fresh","blob":{}}"#)),
    ("PATCH", "/documents/7/", Some(r#"{"blob":{"size":7,"title":"Changed"}}"#)),
    ("PATCH", "/documents/777777/", Some(r#"{"blob":{"size":7}}"#)),
    ("GET", "/documents/7/", None),
];

/// A framework, and its program.
#[derive(Debug)]
struct Rival {
    title: &'static str,
    program: Program,
}

/// The samples of one program, by operation.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) title: &'static str,
    /// One for each of the operations: processor time in microseconds, requests in a second.
    pub(crate) figures: Vec<(f64, f64)>,
}

/// Installs the rivals' packages, beside this program.
async fn install() -> Result<PathBuf> {
    let folder = std::env::current_exe()?.with_file_name("rivals");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals/install");
    let status = Command::new(&script).arg(&folder).kill_on_drop(true).status().await?;
    match status.success() {
        true => Ok(folder),
        false => Err(format!("{} ended with {status}; it needs PyPI and npm", script.display()).into()),
    }
}

fn rivals(folder: &Path) -> Result<Vec<Rival>> {
    let own = |arguments: &[&str]| Program { path: "/proc/self/exe".into(), arguments: owned(arguments) };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals/python");
    let python = |name: &str, arguments: &[&str]| Program {
        path: folder.join("python/bin").join(name),
        arguments: owned(arguments),
    };
    let file = |name: &str| sources.join(name).display().to_string();
    let configuration =
        ["--chdir", &sources.display().to_string(), "--config", &file("gunicorn.conf.py")].map(str::to_owned);
    let gunicorn = |module: &str| Program {
        arguments: [&configuration[..], &[module.to_owned()]].concat(),
        ..python("gunicorn", &[])
    };
    Ok(vec![
        Rival { title: "bowline", program: Program { path: path_of("documents")?, arguments: Vec::new() } },
        Rival { title: "axum and tokio-postgres, by hand", program: own(&["peer-postgres"]) },
        Rival { title: "axum and SeaORM over sqlx, by hand", program: own(&[SEAORM]) },
        Rival {
            title: "Fastify with pg",
            program: Program {
                path: "node".into(),
                arguments: owned(&[&folder.join("fastify.js").display().to_string()]),
            },
        },
        Rival { title: "FastAPI with asyncpg", program: python("python", &["-B", &file("fastapi_app.py")]) },
        Rival { title: "Django Ninja under gunicorn", program: gunicorn("ninja_api:application") },
        Rival { title: "DRF under gunicorn", program: gunicorn("drf:application") },
    ])
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Bench<'_> {
    /// Times every rival, one after another, for each operation.
    pub(crate) async fn rivals(&self) -> Result<Vec<Line>> {
        let folder = install().await?;
        let rivals = rivals(&folder)?;
        let mut lines: Vec<Line> =
            rivals.iter().map(|rival| Line { title: rival.title, figures: Vec::new() }).collect();
        for operation in OPERATIONS.iter().filter(|operation| TIMED.contains(&operation.name)) {
            let mut expected = None;
            for (rival, line) in rivals.iter().zip(&mut lines) {
                line.figures.push(self.rival(operation, rival, &mut expected).await?);
            }
        }
        Ok(lines)
    }

    async fn rival(
        &self,
        operation: &Operation<'_>,
        rival: &Rival,
        expected: &mut Option<Vec<(u16, Value)>>,
    ) -> Result<(f64, f64)> {
        let fail = |error| format!("{}, {}: {error}", rival.title, operation.name);
        let server = self.start(&rival.program, "rival", operation).await.map_err(fail)?;
        let answers = answers(&server).await.map_err(fail)?;
        match expected {
            None => *expected = Some(answers),
            Some(expected) => {
                if let Some(n) = (0..expected.len()).find(|n| expected[*n] != answers[*n]) {
                    let (asked, expected, answer) = (PROBES[n], &expected[n], &answers[n]);
                    let shown = |answer: &(u16, Value)| format!("{} {:.400}", answer.0, answer.1.to_string());
                    let text = format!("{asked:?}\n  bowline: {}\n  it: {}", shown(expected), shown(answer));
                    return Err(fail(text.into()).into());
                }
            }
        }
        load::run(operation, &server.address, 0, 2, self.directory).await.map_err(fail)?;
        let mut samples = Vec::new();
        for round in 1..=self.arguments.rounds {
            samples.push(self.time(operation, &server, "rival", round).await.map_err(fail)?);
        }
        let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        let figures = (of(Sample::sum), of(|sample| sample.rate));
        eprintln!("{}, {}: {:.0} µs, {:.0} requests/s", rival.title, operation.name, figures.0, figures.1);
        Ok(figures)
    }
}

async fn answers(server: &Server) -> Result<Vec<(u16, Value)>> {
    let mut all = Vec::new();
    for (method, path, body) in PROBES {
        let answer = server.ask(method, path, body).await?;
        let value = serde_json::from_str(&answer.body)
            .map_err(|error| format!("{method} {path}: {error}: {} {}", answer.status, answer.body))?;
        all.push((answer.status, value));
    }
    Ok(all)
}

/// The Markdown table.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut out = format!("| µs, requests/s | {} |\n|---|{}\n", TIMED.join(" | "), "--:|".repeat(TIMED.len()));
    for line in lines {
        let _ = write!(out, "| {} |", line.title);
        for (time, rate) in &line.figures {
            let _ = write!(out, " {time:.0} µs, {rate:.0} |");
        }
        out.push('\n');
    }
    out
}

/// Writes the picture for the documentation.
pub(crate) fn draw(lines: &[Line], path: &Path) -> Result<()> {
    Ok(fs::write(path, chart(&TIMED, lines))?)
}
