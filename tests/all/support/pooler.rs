//! A PgBouncer in front of a cluster, as it is run: every transaction gets whichever of a few sessions is free.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::postgres::{Postgres, free_port, owner};
use super::within;

/// A private PgBouncer on a port of its own; ended with its owner.
pub(crate) struct Pooler {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
    watchdog: Child,
}

impl Pooler {
    /// In transaction mode, with so many sessions for each database; `settings` are further lines of its file.
    pub(crate) fn start(postgres: &Postgres, sessions: usize, settings: &str) -> Pooler {
        let folder = tempfile::Builder::new().prefix("bowline-pgbouncer-").tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=bowline\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {sessions}\nmax_client_conn = 500\nlogfile = {}\n{settings}\n",
            postgres.port(),
            folder.path().join("log").display(),
        );
        fs::write(&file, text).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(binary());
        command.arg("-q").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // it refuses to run as root
        if let Some((uid, gid)) = owner() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
            command.uid(uid).gid(gid);
        }
        let child = command.spawn().unwrap();
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", &format!("read _; kill -KILL {}", child.id())]).stdin(Stdio::piped()).process_group(0);
        let watchdog = watchdog.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Pooler { folder, port, child, watchdog };
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(within(Duration::from_secs(20), listens), "PgBouncer did not start:\n{}", pooler.log());
        pooler
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database behind it, whose own address this is.
    pub(crate) fn url(&self, database: &str) -> String {
        let name = database.rsplit('/').next().unwrap();
        format!("postgres://bowline@127.0.0.1:{}/{name}", self.port)
    }

    /// The same, saying that it is a pooler.
    pub(crate) fn pooled_url(&self, database: &str) -> String {
        format!("{}?pooler=transaction", self.url(database))
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        for process in [&mut self.watchdog, &mut self.child] {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines = log.lines().rev().take(20).collect::<Vec<_>>();
            eprintln!("the end of PgBouncer's log, backwards:\n{}", lines.join("\n"));
        }
    }
}

fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file());
    found.expect("`pgbouncer` must be installed")
}
