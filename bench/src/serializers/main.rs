//! A serializer of twenty mixed fields beside a struct with serde and the `validator` crate, and beside pydantic.
//!
//! ```text
//! cargo run --release -p bowline-bench --bin bowline-bench-serializers -- --help
//! ```
//!
//! All three read the same JSON with the same checks and write the same JSON; nothing is timed before that is shown.
//! Then each is run in turn, the order reversed every other round. What is measured is processor time of the thread that
//! does the work.
#![allow(clippy::expect_used, reason = "a benchmark may stop with a message where a service may not")]

mod bowline;
mod pydantic;
mod rows;
mod serde_validator;
#[path = "../statistics.rs"]
mod statistics;

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use statistics::{median, ratio};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const HELP: &str = "\
bowline-bench-serializers [--rounds 9] [--milliseconds 200] [--only PROGRAM] [--work WORK] [--venv DIRECTORY] [--out FILE]

  --rounds        how often each program does each piece of work
  --milliseconds  processor time of one such run
  --only          one program alone, for a profile: bowline, serde or pydantic
  --work          one piece of work alone: parse-1, parse-1000, show-1 or show-1000
  --venv          where pydantic is, or is to be put; by default beside this program
  --out           a file for the table, beside standard output
";

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    /// Each row from a body of its own.
    ParseOne,
    /// All rows from one body.
    ParseMany,
    /// Each row to a body of its own.
    ShowOne,
    /// All rows to one body.
    ShowMany,
}

impl Work {
    const ALL: [Work; 4] = [Work::ParseOne, Work::ParseMany, Work::ShowOne, Work::ShowMany];

    fn name(self) -> &'static str {
        match self {
            Work::ParseOne => "parse-1",
            Work::ParseMany => "parse-1000",
            Work::ShowOne => "show-1",
            Work::ShowMany => "show-1000",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Work::ParseOne => "parse, 1 row",
            Work::ParseMany => "parse, 1,000 rows",
            Work::ShowOne => "represent, 1 row",
            Work::ShowMany => "represent, 1,000 rows",
        }
    }
}

/// What is compared.
trait Program {
    fn name(&self) -> &'static str;

    /// What it makes of all bodies, shown again.
    fn echo(&mut self) -> Result<Vec<u8>>;

    /// Why it refuses a body; none where it does not.
    fn refuses(&mut self, body: &[u8]) -> Result<bool>;

    /// The processor time of doing the work with all rows, so many times.
    fn run(&mut self, work: Work, times: u32) -> Result<Duration>;
}

struct Arguments {
    rounds: u32,
    time: Duration,
    only: Option<String>,
    work: Option<Work>,
    venv: Option<PathBuf>,
    out: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments =
            Arguments { rounds: 9, time: Duration::from_millis(200), only: None, work: None, venv: None, out: None };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value\n\n{HELP}"))?;
            match name.as_str() {
                "--rounds" => arguments.rounds = value.parse()?,
                "--milliseconds" => arguments.time = Duration::from_millis(value.parse()?),
                "--only" => arguments.only = Some(value),
                "--work" => {
                    let work = Work::ALL.into_iter().find(|work| work.name() == value);
                    arguments.work = Some(work.ok_or_else(|| format!("there is no work {value}\n\n{HELP}"))?);
                }
                "--venv" => arguments.venv = Some(value.into()),
                "--out" => arguments.out = Some(value.into()),
                _ => return Err(format!("{name} is not known\n\n{HELP}").into()),
            }
        }
        Ok(arguments)
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if matches!(words.first().map(String::as_str), Some("--help" | "-h")) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match Arguments::parse(words.into_iter()).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let bodies = rows::bodies();
    let wanted = |name: &str| arguments.only.as_ref().is_none_or(|only| only == name);
    let mut programs: Vec<Box<dyn Program>> = Vec::new();
    if wanted("bowline") {
        programs.push(Box::new(bowline::Bowline::new(&bodies)?));
    }
    if wanted("serde") {
        programs.push(Box::new(serde_validator::Serde::new(&bodies)?));
    }
    if wanted("pydantic") {
        let venv = match &arguments.venv {
            Some(venv) => venv.clone(),
            None => env::current_exe()?.with_file_name("bench-pydantic"),
        };
        programs.push(Box::new(pydantic::Pydantic::start(&venv, &bodies)?));
    }
    if programs.is_empty() {
        return Err(format!("there is no such program\n\n{HELP}").into());
    }
    same_answers(&mut programs)?;
    let load = statistics::load_average();
    if load > 0.5 {
        eprintln!("warning: the load average is {load}: other work will disturb the measurement");
    }
    let mut table = Table::new(&programs);
    for work in Work::ALL.into_iter().filter(|work| arguments.work.is_none_or(|only| only == *work)) {
        table.add(work, &measure(&mut programs, work, arguments)?);
    }
    let text = format!(
        "{}. {} rounds of about {} ms in turn, medians. ns are processor time per field.\n\n{}",
        statistics::machine(),
        arguments.rounds,
        arguments.time.as_millis(),
        table.text
    );
    print!("\n{text}");
    if let Some(out) = &arguments.out {
        fs::write(out, text)?;
    }
    Ok(())
}

/// Fails if two programs make different things of the same rows, or one accepts what it should refuse.
fn same_answers(programs: &mut [Box<dyn Program>]) -> Result<()> {
    let mut expected: Option<Vec<u8>> = None;
    for program in programs.iter_mut() {
        let answer = program.echo()?;
        match &expected {
            Some(expected) if *expected != answer => {
                let at = expected.iter().zip(&answer).position(|(a, b)| a != b).unwrap_or(0);
                let part = |bytes: &[u8]| {
                    String::from_utf8_lossy(&bytes[at.saturating_sub(40)..bytes.len().min(at + 40)]).into_owned()
                };
                return Err(format!(
                    "{} answers otherwise: {} instead of {}",
                    program.name(),
                    part(&answer),
                    part(expected)
                )
                .into());
            }
            Some(_) => {}
            None => expected = Some(answer),
        }
        for (what, body) in rows::wrong() {
            if !program.refuses(&body)? {
                return Err(format!("{} accepts {what}", program.name()).into());
            }
        }
    }
    Ok(())
}

/// Nanoseconds per field, for each program and each round.
fn measure(programs: &mut [Box<dyn Program>], work: Work, arguments: &Arguments) -> Result<Vec<Vec<f64>>> {
    let mut times = Vec::new();
    for program in programs.iter_mut() {
        // what warms the caches shows how many times make up the wanted length
        let mut one = program.run(work, 1)?;
        if one < Duration::from_millis(5) {
            one = program.run(work, 10)? / 10;
        }
        let wanted = arguments.time.as_secs_f64() / one.as_secs_f64().max(1e-6);
        times.push((wanted as u32).max(1));
    }
    let mut samples = vec![Vec::new(); programs.len()];
    for round in 0..arguments.rounds {
        let mut order: Vec<usize> = (0..programs.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for n in order {
            let used = programs[n].run(work, times[n])?;
            samples[n].push(used.as_secs_f64() * 1e9 / f64::from(times[n]) / (rows::ROWS * rows::FIELDS) as f64);
        }
    }
    Ok(samples)
}

struct Table {
    names: Vec<&'static str>,
    text: String,
}

impl Table {
    fn new(programs: &[Box<dyn Program>]) -> Self {
        let names: Vec<_> = programs.iter().map(|p| p.name()).collect();
        let mut text = "| work |".to_owned();
        for name in &names {
            let _ = write!(text, " {name} |");
        }
        for name in names.iter().skip(1) {
            let _ = write!(text, " {} ÷ {name} |", names[0]);
        }
        text.push_str("\n|---|");
        text.push_str(&"--:|".repeat(names.len() * 2 - 1));
        text.push('\n');
        Table { names, text }
    }

    fn add(&mut self, work: Work, samples: &[Vec<f64>]) {
        let _ = write!(self.text, "| {} |", work.title());
        for of_program in samples {
            let _ = write!(self.text, " {:.1} |", median(of_program.clone()));
        }
        for n in 1..self.names.len() {
            let _ = write!(self.text, " {} |", ratio(samples[0].iter().copied().zip(samples[n].iter().copied())));
        }
        self.text.push('\n');
    }
}

/// The processor time that the thread uses for something.
fn processor_time(work: impl FnOnce()) -> Duration {
    let now = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    };
    let before = now();
    work();
    now() - before
}
