//! A PostgreSQL cluster of the tests' own.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process};

/// Ends the cluster and removes its folder as soon as nobody holds the other end of its input any more: the cluster
/// does not outlive the test process, however that ends.
const WATCHDOG: &str = r#"
cat >/dev/null
while [ -e data/postmaster.pid ] && "$1" -D data -m immediate -w stop; do :; done
cd / && rm -rf "$2"
"#;

/// A private cluster on a port of its own.
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    databases: AtomicUsize,
    watchdog: Child,
}

impl Postgres {
    /// The cluster that the tests of this process share.
    pub(crate) fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    /// A cluster that one test may stop and start.
    ///
    /// Nothing here waits for the disk: the tests end processes, they do not cut the power. What was committed is in
    /// the log all the same when the server dies.
    pub(crate) fn start() -> Postgres {
        let postgres = Postgres::prepare();
        let options = "-U bowline -A trust -N --encoding=UTF8 --locale=C --lc-ctype=C.UTF-8";
        postgres.run("initdb", &options.split(' ').collect::<Vec<_>>());
        postgres.resume();
        postgres
    }

    /// A folder and a port for a cluster, and what ends it.
    fn prepare() -> Postgres {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("bowline-postgres-{}-{number}", process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((uid, gid)) = owner() {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let mut watchdog = command("sh", &folder);
        watchdog.args(["-c", WATCHDOG, "sh"]).arg(binary("pg_ctl")).arg(&folder);
        // a group of its own, so that Ctrl-C in a terminal does not end it before its work
        watchdog.stdin(Stdio::piped()).process_group(0);
        Postgres { watchdog: watchdog.spawn().unwrap(), port: free_port(), databases: AtomicUsize::new(0), folder }
    }

    /// Stops the cluster as an administrator would: sessions are ended.
    pub(crate) fn stop(&self) {
        self.run("pg_ctl", &["-m", "fast", "-w", "stop"]);
    }

    /// Stops the cluster as a crash would: no session learns why, the log is replayed at the next start.
    pub(crate) fn kill(&self) {
        self.run("pg_ctl", &["-m", "immediate", "-w", "stop"]);
    }

    /// Starts a stopped cluster again, at the same address.
    pub(crate) fn resume(&self) {
        let folder = self.folder.display();
        let options = format!(
            "-p {} -k {folder} -h 127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=200 -c timezone=UTC",
            self.port
        );
        self.run("pg_ctl", &["-w", "-t", "60", "-l", &format!("{folder}/log"), "-o", &options, "start"]);
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A standby that follows this cluster, which acknowledges no commit from now on before the standby has it.
    pub(crate) fn synchronous_standby(&self) -> Postgres {
        let standby = Postgres::prepare();
        let port = self.port.to_string();
        let mut copy = command(binary("pg_basebackup"), &standby.folder);
        copy.args(["-h", "127.0.0.1", "-p", &port, "-U", "bowline", "-D", "data", "-R", "-X", "stream", "-c", "fast"]);
        assert!(copy.stdin(Stdio::null()).status().unwrap().success(), "pg_basebackup failed");
        standby.resume();
        query(&self.url("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '*'");
        query(&self.url("postgres"), "SELECT pg_reload_conf()");
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let end = Instant::now() + Duration::from_secs(30);
        while query(&self.url("postgres"), follows) != "1" {
            assert!(Instant::now() < end, "the standby does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
        standby
    }

    /// Runs SQL as an administrator.
    pub(crate) fn sql(&self, sql: &str) {
        query(&self.url("postgres"), sql);
    }

    /// Makes a standby a primary.
    pub(crate) fn promote(&self) {
        self.run("pg_ctl", &["-w", "-t", "60", "promote"]);
    }

    /// Starts a stopped cluster again as what answers reads alone, as a former primary is that was made a standby.
    pub(crate) fn resume_read_only(&self) {
        fs::write(self.folder.join("data/standby.signal"), "").unwrap();
        self.resume();
    }

    /// The address of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://bowline@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and gives its address.
    pub(crate) fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        query(&self.url("postgres"), &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Makes a database from a file of SQL and gives its address.
    pub(crate) fn load(&self, file: &Path) -> String {
        let url = self.database();
        psql(&url, &["-f", file.to_str().unwrap()]);
        url
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = command(binary(program), &self.folder);
        command.args(["-D", "data"]).args(arguments);
        let status = command.stdin(Stdio::null()).status().unwrap();
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {status}\n{}", log());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Runs SQL and gives what it prints, without decoration.
pub(crate) fn query(url: &str, sql: &str) -> String {
    psql(url, &["-c", sql])
}

fn psql(url: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(binary("psql"));
    command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", url]).args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "psql {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A program in the cluster's folder, as a user that PostgreSQL runs as.
fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((uid, gid)) = owner() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Who runs the cluster when the tests run as root, which PostgreSQL refuses to.
pub(crate) fn owner() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let entry = ["postgres:", "nobody:"].iter().find_map(|name| users.lines().find(|line| line.starts_with(name)));
    let fields = entry.expect("a user `postgres` or `nobody`").split(':').collect::<Vec<_>>();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

/// A program of PostgreSQL's: Debian keeps those of the server off the path.
fn binary(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).collect::<Vec<_>>();
    let mut installed = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .collect::<Vec<_>>();
    installed.sort_unstable();
    folders.extend(installed.iter().rev().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()));
    let found = folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("`{name}` was not found: PostgreSQL's server and client must be installed"))
}

/// A port below those that the system gives to outgoing connections: it stays free while the cluster is down.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let mut seed = [0; 2];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut seed).unwrap();
    let first = u16::from_ne_bytes(seed);
    loop {
        let port = 20_000 + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
