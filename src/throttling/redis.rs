//! The times of requests in Redis, shared by several processes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, Script};

use super::{Hit, Rate, ThrottleStore};
use crate::error::{Error, Result};

/// How long one question may take, and a connection to be made.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Judges a request and counts it: Redis runs nothing else in between. Times are the server's own, in microseconds, the newest
/// first in the list; `{1}` for a request that is counted, else `{0, requests, age of the oldest}`.
const HIT: &str = "
local key, limit, period = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local oldest = redis.call('LINDEX', key, -1)
while oldest and tonumber(oldest) <= now - period do
    redis.call('RPOP', key)
    oldest = redis.call('LINDEX', key, -1)
end
local requests = redis.call('LLEN', key)
if requests >= limit then
    return {0, requests, oldest and string.format('%.0f', now - tonumber(oldest)) or '-1'}
end
redis.call('LPUSH', key, string.format('%.0f', now))
redis.call('PEXPIRE', key, math.ceil(period / 1000))
return {1, requests + 1, '-1'}
";

/// The times of requests in Redis: several processes count together, and a restart forgets nothing.
///
/// One script judges and counts a request, so that of any number of requests to any number of processes at once exactly as many
/// pass as the rate allows. The clock is that of the Redis server. Where Redis does not answer within a second, requests that are to
/// be counted are answered with 503.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use bowline::prelude::*;
/// use bowline::throttling::RedisThrottleStore;
///
/// # async fn run() -> bowline::Result<()> {
/// let store = RedisThrottleStore::connect("redis://127.0.0.1/").await?;
/// let settings = Settings { throttle_store: Arc::new(store), ..Settings::default() };
/// # Ok(())
/// # }
/// ```
pub struct RedisThrottleStore {
    connection: ConnectionManager,
    script: Script,
    prefix: String,
}

impl RedisThrottleStore {
    /// Connects to a server by its URL (`redis://host:port/database`), again and again where the connection is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Startup`] where the URL is none, or the server is not there.
    pub async fn connect(url: &str) -> Result<Self> {
        let failed = |error: RedisError| Error::startup(format!("The throttles' Redis cannot be reached: {error}."));
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let client = Client::open(url).map_err(failed)?;
        let connection = ConnectionManager::new_with_config(client, config).await.map_err(failed)?;
        Ok(RedisThrottleStore { connection, script: Script::new(HIT), prefix: String::new() })
    }

    /// With something before every key, where several applications share a server.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

#[async_trait]
impl ThrottleStore for RedisThrottleStore {
    async fn hit(&self, key: &str, rate: Rate) -> Result<Hit> {
        let mut connection = self.connection.clone();
        let period = u64::try_from(rate.period().as_micros()).unwrap_or(u64::MAX);
        let mut call = self.script.prepare_invoke();
        call.key(format!("{}{key}", self.prefix)).arg(rate.requests()).arg(period);
        let found: Result<(u8, u64, String), RedisError> = call.invoke_async(&mut connection).await;
        let (counted, requests, oldest) = found.map_err(Error::unavailable)?;
        if counted == 1 {
            return Ok(Hit::Counted);
        }
        let oldest = oldest.parse().ok().filter(|age: &f64| *age >= 0.0).map(|age| age / 1e6);
        Ok(Hit::Full { requests, oldest })
    }
}

impl fmt::Debug for RedisThrottleStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisThrottleStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
