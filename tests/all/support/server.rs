//! The example `documents` as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::Client;

/// How long a start may take. It is generous: a loaded machine is slow, and no test is about speed.
const START: Duration = Duration::from_secs(60);
/// More than the server gives requests in flight after a signal.
const STOP: Duration = Duration::from_secs(50);

/// A server that runs; ended by force when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Ends the server when the test process ends without a drop.
    watchdog: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

/// How a server ended that did not come to serve.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Server {
    /// Starts the example on a free port and waits until it says where it listens.
    pub(crate) fn start(database: &str, environment: &[(&str, &str)]) -> Server {
        Server::try_start(database, environment)
            .unwrap_or_else(|ended| panic!("the server ended, {}:\n{}", ended.status, ended.log))
    }

    /// As [`Server::start`], where the start may fail by itself.
    pub(crate) fn try_start(database: &str, environment: &[(&str, &str)]) -> Result<Server, Ended> {
        Server::spawn(Command::new(binary()), database, environment)
    }

    /// Starts a test of this process's own program that serves, as [`Server::start`] starts the example.
    pub(crate) fn start_test(name: &str, database: &str, environment: &[(&str, &str)]) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]);
        Server::spawn(command, database, environment)
            .unwrap_or_else(|ended| panic!("the server ended, {}:\n{}", ended.status, ended.log))
    }

    fn spawn(mut command: Command, database: &str, environment: &[(&str, &str)]) -> Result<Server, Ended> {
        for name in ["PAGE_SIZE", "PAGE_COUNT"] {
            command.env_remove(name);
        }
        command.envs([("DATABASE_URL", database), ("BIND", "127.0.0.1:0"), ("RUST_LOG", "warn")]);
        command.envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = channel();
        let readers = [
            keep(child.stdout.take().unwrap(), log.clone(), found.clone()),
            keep(child.stderr.take().unwrap(), log.clone(), found),
        ];
        match wait_for(&address, &mut child) {
            Some(address) => Ok(Server { watchdog: watchdog(&child), child, address, log }),
            None => {
                let _ = child.kill();
                let status = child.wait().unwrap();
                for reader in readers {
                    reader.join().unwrap();
                }
                let log = log.lock().unwrap().clone();
                Err(Ended { status, log })
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Ends the process with SIGKILL.
    pub(crate) fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn signal(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Sends SIGTERM and waits for an orderly end.
    pub(crate) fn terminate(self) {
        self.signal();
        self.ended();
    }

    /// Waits for an orderly end.
    pub(crate) fn ended(mut self) {
        let end = Instant::now() + STOP;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "the server ended with {status}:\n{}", self.log());
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the server did not end within {STOP:?} of SIGTERM:\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in [&mut self.watchdog, &mut self.child] {
            let _ = process.kill();
            let _ = process.wait();
        }
        if thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// A shell that waits for the end of its input, which this process holds open.
fn watchdog(child: &Child) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("read _; kill -KILL {}", child.id())]);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // a group of its own: Ctrl-C in a terminal must not end it before its work
    shell.process_group(0).spawn().unwrap()
}

/// Keeps what a stream says, and finds the address in it.
fn keep(
    stream: impl Read + Send + 'static,
    log: Arc<Mutex<String>>,
    found: Sender<SocketAddr>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let address =
                line.split_once("listens on http://").and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
            if let Some(address) = address {
                let _ = found.send(address);
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    })
}

fn wait_for(address: &Receiver<SocketAddr>, child: &mut Child) -> Option<SocketAddr> {
    let end = Instant::now() + START;
    while Instant::now() < end {
        if let Ok(address) = address.recv_timeout(Duration::from_millis(20)) {
            return Some(address);
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
    }
    None
}

/// `target/<profile>/examples/documents`, beside this test's own folder.
/// The example, which a whole `cargo test` builds before it runs; with `--test` alone it is as old as it is.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/documents");
    assert!(path.is_file(), "{} is missing: `cargo build --example documents` makes it", path.display());
    path
}
