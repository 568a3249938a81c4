//! A server under callgrind, whose counter is switched and read while it runs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;

use crate::Result;
use crate::server::{Program, Server};

/// A server under callgrind; it counts nothing until it is told to.
#[derive(Debug)]
pub(crate) struct Counted {
    server: Server,
    out: PathBuf,
    dumps: AtomicU32,
    used: AtomicU32,
}

/// Fails with how to install valgrind if it is not there.
pub(super) async fn find() -> Result<()> {
    match Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().await {
        Ok(_) => Ok(()),
        Err(_) => Err("valgrind is not installed; on Debian and Ubuntu: apt-get install valgrind".into()),
    }
}

impl Counted {
    pub(super) async fn start(program: &Program, url: &str, environment: &[(&str, &str)], path: &Path) -> Result<Self> {
        let out = path.with_extension("callgrind");
        // `/proc/self/exe` would be valgrind
        let path_of_program = match program.path == Path::new("/proc/self/exe") {
            true => env::current_exe()?,
            false => program.path.clone(),
        };
        let mut arguments = vec![
            "--tool=callgrind".to_owned(),
            "--instr-atstart=no".to_owned(),
            format!("--callgrind-out-file={}", out.display()),
            path_of_program.display().to_string(),
        ];
        arguments.extend(program.arguments.iter().cloned());
        let program = Program { path: "valgrind".into(), arguments };
        let mut all = vec![("TOKIO_WORKER_THREADS", "1")];
        all.extend(environment);
        let server = Server::start(&program, url, &all, &path.with_extension("log")).await?;
        Ok(Counted { server, out, dumps: AtomicU32::new(0), used: AtomicU32::new(0) })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// The number of the last request that was sent: a later one with the same number could not be told from it.
    pub(super) fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn note_used(&self, last: u32) {
        self.used.store(last, Ordering::Relaxed);
    }

    pub(super) async fn instrument(&self, on: bool) -> Result<()> {
        self.control(&["-i", if on { "on" } else { "off" }]).await
    }

    /// The instructions since the last dump.
    pub(super) async fn dump(&self) -> Result<f64> {
        self.control(&["-d"]).await?;
        let number = self.dumps.fetch_add(1, Ordering::Relaxed) + 1;
        let path = format!("{}.{number}", self.out.display());
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        fs::remove_file(&path)?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let total = total.ok_or_else(|| format!("callgrind wrote no totals into {path}"))?;
        Ok(total.trim().parse()?)
    }

    async fn control(&self, arguments: &[&str]) -> Result<()> {
        let id = self.server.id().to_string();
        let output = Command::new("callgrind_control").args(arguments).arg(&id).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && said.contains("OK") {
            return Ok(());
        }
        Err(format!("callgrind_control {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr)).into())
    }
}
