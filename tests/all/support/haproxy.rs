//! An HAProxy in front of two clusters, which leads to the one that may write.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::postgres::{Postgres, free_port};
use super::within;

/// A private HAProxy on a port of its own; ended with its owner.
pub(crate) struct HaProxy {
    _folder: tempfile::TempDir,
    port: u16,
    child: Child,
    watchdog: Child,
}

impl HaProxy {
    /// Asks each cluster at an interval whether it may write, as PostgreSQL's clients ask; `options` are further words for each
    /// server.
    pub(crate) fn start(clusters: [&Postgres; 2], interval: Duration, options: &str) -> HaProxy {
        let folder = tempfile::Builder::new().prefix("bowline-haproxy-").tempdir().unwrap();
        let port = free_port();
        let mut text = format!(
            "defaults\n mode tcp\n timeout connect 2s\n timeout client 1h\n timeout server 1h\n timeout check 1s\n\
             listen primary\n bind 127.0.0.1:{port}\n option tcp-check\n tcp-check connect\n \
             tcp-check send-binary {startup}\n tcp-check expect binary 5a0000000549\n \
             tcp-check send-binary {question}\n tcp-check expect binary {off}\n tcp-check send-binary 5800000004\n",
            startup = hex(&message(None, b"\x00\x03\x00\x00user\x00bowline\x00database\x00postgres\x00\x00")),
            question = hex(&message(Some(b'Q'), b"SHOW transaction_read_only\x00")),
            off = hex(&message(Some(b'D'), b"\x00\x01\x00\x00\x00\x03off")),
        );
        let interval = interval.as_millis();
        for (n, cluster) in clusters.iter().enumerate() {
            let server = cluster.port();
            writeln!(text, " server s{n} 127.0.0.1:{server} check inter {interval}ms fall 2 rise 1 {options}").unwrap();
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(binary());
        command.arg("-db").arg("-f").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", &format!("read _; kill -KILL {}", child.id())]).stdin(Stdio::piped()).process_group(0);
        let watchdog = watchdog.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let proxy = HaProxy { _folder: folder, port, child, watchdog };
        assert!(within(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok()), "no HAProxy");
        proxy
    }

    /// The address of a database behind it, whose own address this is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://bowline@127.0.0.1:{}/{}", self.port, database.rsplit('/').next().unwrap())
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        for process in [&mut self.watchdog, &mut self.child] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A message of PostgreSQL's protocol.
fn message(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    kind.into_iter().chain(length.to_be_bytes()).chain(body.iter().copied()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("haproxy")).find(|program| program.is_file());
    found.expect("`haproxy` must be installed")
}
