//! A throw-away PostgreSQL server for tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::store::StoreOptions;
use crate::store::postgres::Postgres;

/// A server in a folder of its own, reached by a unix socket; stopped when dropped.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    databases: AtomicUsize,
    settings: String,
    port: Option<u16>,
}

impl Cluster {
    /// A server of the test's own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bowline-pg").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((uid, gid)) = server_user() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let cluster =
            Cluster { folder, databases: AtomicUsize::new(0), settings: "-c listen_addresses=''".into(), port: None };
        cluster.run("initdb", &["-U", "bowline", "-A", "trust", "-N", "--encoding=UTF8", "--locale=C"]);
        cluster.up();
        cluster
    }

    /// A server of the test's own that listens on a TCP port and has a certificate for `localhost`.
    pub(crate) fn encrypted() -> Self {
        let mut cluster = Cluster::start();
        cluster.down();
        let path = |name: &str| cluster.folder.path().join(name).display().to_string();
        let mut openssl = Command::new("openssl");
        openssl.args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '));
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.args(["-keyout", &path("key"), "-out", &path("certificate")]);
        openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(openssl.status().unwrap().success(), "openssl failed");
        if let Some((uid, gid)) = server_user() {
            chown(path("key"), Some(uid), Some(gid)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        cluster.settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_key_file={} -c ssl_cert_file={}",
            path("key"),
            path("certificate")
        );
        cluster.port = Some(port);
        cluster.up();
        cluster
    }

    /// The certificate of an encrypted cluster.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate")
    }

    /// The URL by TCP, with parameters.
    pub(crate) fn tcp_url(&self, query: &str) -> String {
        let port = self.port.expect("an encrypted cluster");
        format!("postgres://bowline@localhost:{port}/postgres?{query}")
    }

    /// A server that tests running at the same time share.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Cluster::start());
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn up(&self) {
        let settings = format!(
            "-k {} {} -c fsync=off -c full_page_writes=off -c max_connections=200 -c deadlock_timeout=100ms",
            self.folder.path().display(),
            self.settings
        );
        self.run(
            "pg_ctl",
            &["-w", "-l", &self.folder.path().join("log").display().to_string(), "-o", &settings, "start"],
        );
    }

    /// Stops the server at once, as a crash would.
    pub(crate) fn down(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://bowline@/{database}?host={}", self.folder.path().display())
    }

    /// The URL of a new database.
    pub(crate) async fn create(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let patient = StoreOptions { acquire_timeout: Duration::from_secs(30), ..StoreOptions::default() };
        let admin = Postgres::connect(&self.url("postgres"), patient).await.unwrap();
        admin.batch(&format!("CREATE DATABASE {name}")).await;
        admin.close().await;
        self.url(&name)
    }

    /// A new database that the statements have been run in.
    pub(crate) async fn database(&self, sql: &str, options: StoreOptions) -> Postgres {
        let postgres = Postgres::connect(&self.create().await, options).await.unwrap();
        postgres.batch(sql).await;
        postgres
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(binary(program));
        command.arg("-D").arg(self.folder.path().join("data")).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = server_user() {
            command.uid(uid).gid(gid);
        }
        assert!(command.status().unwrap().success(), "{program} {arguments:?} failed");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.down();
        }
    }
}

impl Postgres {
    /// Runs statements without values; fails the test where they fail.
    pub(crate) async fn batch(&self, sql: &str) {
        self.inner.pool.get().await.unwrap().batch_execute(sql).await.unwrap();
    }
}

fn binary(name: &str) -> PathBuf {
    let folder = Command::new("pg_config").arg("--bindir").output().expect("pg_config, of PostgreSQL's packages");
    Path::new(String::from_utf8(folder.stdout).unwrap().trim()).join(name)
}

/// Whom the server runs as, which refuses to run as root; nothing where the tests do not run as root.
fn server_user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let entry = ["postgres:", "nobody:"].iter().find_map(|name| users.lines().find(|line| line.starts_with(name)));
    let fields = entry.expect("a user `postgres` or `nobody`").split(':').collect::<Vec<_>>();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
