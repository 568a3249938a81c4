//! The chapter "Behind nginx" of `docs/deployment.md`: its configuration runs, and does what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::{Client, Database, Response, Server, free_port, unprivileged, within};

const CHAPTER: &str = include_str!("../../docs/deployment.md");

/// The first block of a language in the chapter.
fn block(language: &str) -> &'static str {
    let chapter = CHAPTER.split_once("## Behind nginx").expect("the chapter").1;
    let (_, rest) = chapter.split_once(&format!("```{language}\n")).expect(language);
    rest.split_once("```").unwrap().0
}

/// What the chapter sets in the environment of the program.
fn environment() -> Vec<(&'static str, &'static str)> {
    let pairs = block("sh").lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name, value.trim_matches('"'))).filter(|(name, _)| *name != "BIND").collect()
}

/// nginx with the chapter's configuration, on ports of its own.
struct Nginx {
    child: Child,
    http: SocketAddr,
    https: u16,
    folder: TempDir,
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder: PathBuf| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("`{name}` was not found: it must be installed"))
}

/// A certificate for the host of the chapter.
fn certificate(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=api.example.org".split(' '));
    openssl.arg("-keyout").arg(folder.join("key")).arg("-out").arg(folder.join("pem"));
    assert!(openssl.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
}

impl Nginx {
    fn before(server: &Server) -> Nginx {
        let folder = tempfile::Builder::new().prefix("bowline-nginx-").tempdir().unwrap();
        let at = folder.path().display().to_string();
        certificate(folder.path());
        let (http, https) = (free_port(), free_port());
        let mut site = block("nginx").to_owned();
        for (from, to) in [
            ("listen 80;", format!("listen 127.0.0.1:{http};")),
            ("listen 443 ssl;", format!("listen 127.0.0.1:{https} ssl;")),
            ("127.0.0.1:8000", server.address().to_string()),
            ("/etc/ssl/api.example.org.pem", format!("{at}/pem")),
            ("/etc/ssl/api.example.org.key", format!("{at}/key")),
        ] {
            assert!(site.contains(from), "the chapter has {from}");
            site = site.replace(from, &to);
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String = temporary.iter().map(|name| format!("{name}_temp_path {at}/{name};\n")).collect();
        let whole = format!(
            "daemon off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{site}}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), whole).unwrap();
        let mut command = Command::new(program("nginx"));
        if let Some((uid, gid)) = unprivileged() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
            command.uid(uid).gid(gid);
        }
        command.arg("-p").arg(&at).arg("-e").arg(format!("{at}/error.log")).arg("-c").arg(format!("{at}/nginx.conf"));
        let child = command.current_dir("/").stdin(Stdio::null()).spawn().unwrap();
        let http = SocketAddr::from(([127, 0, 0, 1], http));
        let nginx = Nginx { child, http, https, folder };
        assert!(within(Duration::from_secs(20), || TcpStream::connect(http).is_ok()), "{}", nginx.log());
        nginx
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }

    fn http(&self, method: &str, path: &str, headers: &str) -> Response {
        let mut client = Client::new(self.http);
        client.write(format!("{method} {path} HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
        client.read(method).unwrap()
    }

    /// Asks by TLS; status, headers and body as text.
    fn https(&self, request: &[u8]) -> (u16, String, String) {
        let mut tls = Command::new("openssl");
        tls.args([
            "s_client",
            "-quiet",
            "-servername",
            "api.example.org",
            "-connect",
            &format!("127.0.0.1:{}", self.https),
        ]);
        let mut tls = tls.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = tls.stdin.take().unwrap();
        input.write_all(request).unwrap();
        let mut said = String::new();
        tls.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        drop(input);
        let _ = tls.wait();
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said:?}\n{}", self.log()));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    fn get(&self, path: &str, headers: &str) -> (u16, String, Json) {
        let request = format!("GET {path} HTTP/1.0\r\nHost: api.example.org\r\n{headers}\r\n");
        let (status, head, body) = self.https(request.as_bytes());
        (status, head, serde_json::from_str(&body).unwrap_or(Json::String(body)))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

#[test]
fn the_chapter_does_what_it_says() {
    let database = Database::sqlite();
    let environment: Vec<_> = environment().into_iter().chain([("PAGE_SIZE", "1")]).collect();
    assert!(environment.len() > 4, "{environment:?}");
    let server = Server::start(&database.url(), &environment);
    let nginx = Nginx::before(&server);
    for _ in 0..2 {
        let post = "POST /collections/ HTTP/1.0\r\nHost: api.example.org\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(nginx.https(post.as_bytes()).0, 201);
    }
    // links are those of the client, whatever it says about proxies
    for headers in
        ["", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: evil.example\r\n", "X-Forwarded-For: 1.2.3.4\r\n"]
    {
        let (status, head, root) = nginx.get("/", headers);
        assert_eq!((status, &root["documents"]), (200, &json!("https://api.example.org/documents/")), "{headers}");
        assert!(head.contains("strict-transport-security: max-age=31536000"), "{head}");
        assert!(head.contains("x-frame-options: deny") && head.contains("x-content-type-options: nosniff"), "{head}");
    }
    let (_, _, page) = nginx.get("/collections/", "");
    assert_eq!(page["next"], "https://api.example.org/collections/?page=2");
    let (status, head, _) = nginx.get("/collections", "");
    assert_eq!(status, 301);
    assert!(
        head.contains("location: /collections/\r\n") || head.contains("location: https://api.example.org"),
        "{head}"
    );
    // without TLS there is a redirect, whatever a client claims
    for headers in ["", "X-Forwarded-Proto: https\r\n"] {
        let answer = nginx.http("GET", "/collections/?page=2", &format!("Host: api.example.org\r\n{headers}"));
        assert_eq!(answer.status, 301, "{headers}");
        assert_eq!(answer.header("location"), Some("https://api.example.org/collections/?page=2"), "{headers}");
    }
    assert_eq!(nginx.http("GET", "/", "Host: evil.example\r\n").status, 400);
    // a refusal of a large body comes through
    let head = "POST /documents/ HTTP/1.0\r\nHost: api.example.org\r\nContent-Type: application/json\r\n";
    let refused = format!("{head}Authorization: Token nonsense\r\nContent-Length: {}\r\n\r\n", 5 << 20);
    let (status, ..) = nginx.https(&[refused.as_bytes(), &vec![b' '; 5 << 20]].concat());
    assert_eq!(status, 401);
    // on connections that are kept
    let mut client = Client::new(nginx.http);
    for _ in 0..50 {
        client.write(b"GET /collections/ HTTP/1.1\r\nHost: api.example.org\r\n\r\n").unwrap();
        assert_eq!(client.read("GET").unwrap().status, 301);
    }
    drop(nginx);
    server.terminate();
}
