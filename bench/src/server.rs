//! The programs under test, each a process of its own, and one request at a time to them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Result;

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    process: Child,
}

/// What a server said: status, content type, body.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: String,
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(crate) async fn start(program: &Program, url: &str, environment: &[(&str, &str)], log: &Path) -> Result<Self> {
        // Free a moment ago; nobody else is asking for ports in a hurry.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let output = File::create(log)?;
        let process = Command::new(&program.path)
            .args(&program.arguments)
            .env("DATABASE_URL", url)
            .env("BIND", &address)
            .env("TOKIO_WORKER_THREADS", "2")
            .env_remove("PAGE_SIZE")
            .env_remove("PAGE_COUNT")
            // requests say `Host: bench`
            .env("ALLOWED_HOSTS", "*")
            // The peers write no access log.
            .env("RUST_LOG", "warn")
            .envs(environment.iter().copied())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.path.display()))?;
        let mut server = Server { address, process };
        for _ in 0..300 {
            if let Some(status) = server.process.try_wait()? {
                let said = fs::read_to_string(log)?;
                let name = program.path.display();
                return Err(format!("{name} ended with {status}:\n{said}").into());
            }
            if server.ask("GET", "/documents/1/", None).await.is_ok() {
                return Ok(server);
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{} does not answer", program.path.display()).into())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
        self.connect().await?.ask(method, path, body, &[]).await
    }

    /// A connection for requests one after another.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.address).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection(sender))
    }
}

/// A connection to a server, kept alive.
#[derive(Debug)]
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Sends a request and reads its answer.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, String)],
    ) -> Result<Answer> {
        // The same host for everybody, as wrk sends it: links in answers must not differ by the port.
        let mut request = Request::builder().method(method).uri(path).header("Host", "bench");
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let body = Bytes::from(body.unwrap_or_default().to_owned());
        self.0.ready().await?;
        let response = self.0.send_request(request.body(Full::new(body))?).await?;
        let kind =
            response.headers().get("Content-Type").map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, kind: kind.unwrap_or_default(), body: String::from_utf8(body.into())? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // with its workers: one that outlived it would write into the next database of this name
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
    }
}
