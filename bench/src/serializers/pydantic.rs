//! pydantic, in a Python process of its own that does what it is asked over a pipe.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{Program, Result, Work};

/// What is installed into the virtual environment.
const PACKAGE: &str = "pydantic==2.14.4";

pub(crate) struct Pydantic {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _directory: TempDir,
}

impl Pydantic {
    /// Starts it; makes the virtual environment first where there is none.
    pub(crate) fn start(venv: &Path, bodies: &[String]) -> Result<Self> {
        let python = venv.join("bin/python");
        if !venv.join("complete").exists() {
            eprintln!("installing {PACKAGE} into {}", venv.display());
            succeed(Command::new("/usr/bin/env").args(["python3", "-m", "venv", "--clear"]).arg(venv))?;
            succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
            fs::write(venv.join("complete"), PACKAGE)?;
        }
        let directory = tempfile::Builder::new().prefix("bowline-bench-").tempdir()?;
        let data = directory.path().join("rows.jsonl");
        fs::write(&data, bodies.join("\n"))?;
        let mut process = Command::new(&python)
            .args(["-c", include_str!("pydantic.py")])
            .arg(&data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("stdin is a pipe")?;
        let output = BufReader::new(process.stdout.take().ok_or("stdout is a pipe")?);
        let mut pydantic = Pydantic { process, input, output, _directory: directory };
        match pydantic.line()?.as_str() {
            "ready" => Ok(pydantic),
            other => Err(format!("pydantic does not start: {other}").into()),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end_matches('\n').to_owned())
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        writeln!(self.input, "{request}")?;
        self.input.flush()?;
        self.line()
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

impl Program for Pydantic {
    fn name(&self) -> &'static str {
        "pydantic"
    }

    fn echo(&mut self) -> Result<Vec<u8>> {
        Ok(self.ask("echo")?.into_bytes())
    }

    fn refuses(&mut self, body: &[u8]) -> Result<bool> {
        let text = serde_json::to_string(std::str::from_utf8(body)?)?;
        Ok(self.ask(&format!("refuses {text}"))? == "yes")
    }

    fn run(&mut self, work: Work, times: u32) -> Result<Duration> {
        let answer = self.ask(&format!("{} {times}", work.name()))?;
        Ok(Duration::from_nanos(answer.parse()?))
    }
}

impl Drop for Pydantic {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
