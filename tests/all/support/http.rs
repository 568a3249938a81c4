//! A small blocking HTTP/1.1 client: it keeps its connection, and it can break off where it likes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value as Json;

/// Longer than any wait that the server allows itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Json {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {text:?}: {error}", self.status))
    }

    pub(crate) fn id(&self) -> i64 {
        self.json()["id"].as_i64().unwrap_or_else(|| panic!("no id in {self:?}"))
    }
}

/// A client with one connection, opened when it is needed.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Client {
        Client { address, connection: None }
    }

    /// Sends a request and reads its answer. Nothing is sent twice: an error leaves it open whether it was carried out.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<&Json>) -> io::Result<Response> {
        let body = body.map(Json::to_string).unwrap_or_default();
        self.write(request(method, path, &body).as_bytes())?;
        self.read(method)
    }

    /// As [`Client::send`] where an answer must come.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: Option<&Json>) -> Response {
        self.send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends any bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.connect().and_then(|connection| connection.get_mut().write_all(bytes));
        if written.is_err() {
            self.connection = None;
        }
        written
    }

    /// Reads the answer to what was sent.
    pub(crate) fn read(&mut self, method: &str) -> io::Result<Response> {
        let answer = self.connect().and_then(|connection| read(connection, method));
        let closing = |answer: &Response| answer.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
        if answer.as_ref().map_or(true, closing) {
            self.connection = None;
        }
        answer
    }

    fn connect(&mut self) -> io::Result<&mut BufReader<TcpStream>> {
        if self.connection.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            self.connection = Some(BufReader::new(stream));
        }
        Ok(self.connection.as_mut().unwrap())
    }
}

/// Sends the first `part` of a request's bytes, waits, and cuts the connection. The status, if it had come by then.
pub(crate) fn cut_short(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &Json,
    part: f64,
    wait: Duration,
) -> Option<u16> {
    let bytes = request(method, path, &body.to_string()).into_bytes();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.write_all(&bytes[..(bytes.len() as f64 * part) as usize]).ok()?;
    std::thread::sleep(wait);
    stream.set_nonblocking(true).ok()?;
    let mut head = [0; 12];
    // a head that has come in part is none
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

fn request(method: &str, path: &str, body: &str) -> String {
    let length = if body.is_empty() && matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    format!("{method} {path} HTTP/1.1\r\nHost: testserver\r\n{length}\r\n{body}")
}

fn read(connection: &mut BufReader<TcpStream>, method: &str) -> io::Result<Response> {
    let bad = |line: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {line:?}"));
    let first = line(connection)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| bad(&first))?;
    let mut answer = Response { status, headers: Vec::new(), body: Vec::new() };
    loop {
        let header = line(connection)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or_else(|| bad(&header))?;
        answer.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
        return Ok(answer);
    }
    if let Some(length) = answer.header("content-length") {
        answer.body = vec![0; length.parse().map_err(|_| bad(length))?];
        connection.read_exact(&mut answer.body)?;
    } else if answer.header("transfer-encoding").is_some() {
        loop {
            let size = line(connection)?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| bad(&size))?;
            let start = answer.body.len();
            answer.body.resize(start + size, 0);
            connection.read_exact(&mut answer.body[start..])?;
            line(connection)?;
            if size == 0 {
                break;
            }
        }
    } else {
        connection.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

/// One line without its end.
fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
