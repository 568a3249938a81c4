//! Load by wrk, with a script that makes the requests and counts what was not expected.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use crate::Result;
use crate::operation::{COLLECTIONS, Operation};

/// Connections.
pub(crate) const CONNECTIONS: &str = "32";

/// What one run of wrk saw; latencies in microseconds.
#[derive(Debug, Deserialize)]
pub(crate) struct Load {
    pub(crate) requests: f64,
    /// How long it took, in microseconds.
    pub(crate) duration: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    unexpected: u64,
    example: u64,
    socket_errors: u64,
}

/// Fails with how to install wrk if it is not there.
pub(crate) async fn find_wrk() -> Result<()> {
    let found = Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    match found {
        Ok(_) => Ok(()),
        Err(_) => Err("wrk is not installed; on Debian and Ubuntu: apt-get install wrk".into()),
    }
}

/// Loads a server for some seconds. `run` tells runs apart: the uids of a run are its own.
///
/// Fails if an answer had another status than the operation expects, or a connection broke.
pub(crate) async fn run(
    operation: &Operation<'_>,
    address: &str,
    run: u32,
    seconds: u32,
    directory: &Path,
) -> Result<Load> {
    let path = directory.join("load.lua");
    fs::write(&path, script(operation, run))?;
    let output = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s"), "-s"])
        .arg(&path)
        .arg(format!("http://{address}/"))
        .kill_on_drop(true)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(line) = text.lines().find(|line| line.starts_with('{')) else {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("wrk: {text}{said}").into());
    };
    let load: Load = serde_json::from_str(line)?;
    if load.unexpected > 0 {
        return Err(format!(
            "{} of {} answers were not {}; one was {}",
            load.unexpected, load.requests, operation.status, load.example
        )
        .into());
    }
    if load.socket_errors > 0 || load.requests == 0.0 {
        return Err(format!("{} errors of connections", load.socket_errors).into());
    }
    Ok(load)
}

fn script(operation: &Operation<'_>, run: u32) -> String {
    format!(
        r#"
local run, documents, collections = {run}, {documents}, {COLLECTIONS}
local n = 0
local threads = {{}}
unexpected, example = 0, 0
wrk.headers["Host"] = "bench"
{content_type}
function setup(thread) table.insert(threads, thread) end
function init() math.randomseed(run) end
function request()
  n = n + 1
  {request}
end
function response(status)
  if status ~= {status} then
    unexpected = unexpected + 1
    example = status
  end
end
function done(summary, latency)
  local wrong, example = 0, 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("unexpected")
    example = thread:get("example")
  end
  local e = summary.errors
  print(string.format(
    '{{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"unexpected":%d,"example":%d,"socket_errors":%d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), wrong, example,
    e.connect + e.read + e.write + e.timeout))
end
"#,
        documents = operation.data.documents(),
        request = operation.request,
        status = operation.status,
        content_type = if operation.writes { r#"wrk.headers["Content-Type"] = "application/json""# } else { "" },
    )
}
