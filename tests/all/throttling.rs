//! Throttles over HTTP's path through a router: exact with many requests at once, in the process and through Redis.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use bowline::authentication::{Authenticated, Authentication};
use bowline::prelude::*;
use bowline::throttling::{
    AnonRateThrottle, MemoryThrottleStore, ThrottleRates, ThrottleStore, UserRateThrottle, throttles,
};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// One process: a router with a store.
struct Process {
    router: axum::Router,
    _folder: tempfile::TempDir,
}

/// The status, what `Retry-After` says, and the body.
type Answer = (u16, Option<String>, String);

impl Process {
    async fn new(store: Arc<dyn ThrottleStore>, rate: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ping = ApiView::new("PingView").get(async |_: Request| Value::from("pong"));
        let settings = Settings {
            throttles: throttles(AnonRateThrottle::new()),
            throttle_rates: ThrottleRates::new([("anon", rate)]),
            throttle_store: store,
            ..Settings::default()
        };
        let router = DefaultRouter::new().path("ping/", ping).settings(settings);
        let router = router.into_axum(&format!("sqlite://{}/db.sqlite3", folder.path().display())).await.unwrap();
        Process { router, _folder: folder }
    }

    async fn ask(&self, from: &str, forwarded: &str) -> Answer {
        let mut request =
            axum::http::Request::get("/ping/").header("x-forwarded-for", forwarded).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(from.parse::<SocketAddr>().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, wait, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// Asks all processes with many requests at once; how many passed, whose other answers are 429.
async fn passed(processes: &[Arc<Process>], requests: usize, from: &'static str) -> usize {
    let asks = (0..requests).map(|n| {
        let process = Arc::clone(&processes[n % processes.len()]);
        // a header that a client makes up does not make it another
        tokio::spawn(async move { process.ask(from, &format!("10.0.0.{n}")).await })
    });
    let mut passed = 0;
    for ask in asks.collect::<Vec<_>>() {
        match ask.await.unwrap() {
            (200, None, _) => passed += 1,
            (429, Some(wait), body) => {
                let wait: u64 = wait.parse().unwrap();
                assert!(wait > 3_500, "{wait}");
                let text = format!("Request was throttled. Expected available in {wait} seconds.");
                assert_eq!(body, format!("{{\"detail\":\"{text}\"}}"));
            }
            other => panic!("{other:?}"),
        }
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_requests_at_once_exactly_the_limit_pass() {
    for _ in 0..5 {
        let process = [Arc::new(Process::new(Arc::new(MemoryThrottleStore::default()), "5/hour").await)];
        assert_eq!(passed(&process, 200, "192.0.2.1:9").await, 5);
        assert_eq!(passed(&process, 20, "192.0.2.1:10").await, 0, "the port is nobody");
        assert_eq!(passed(&process, 200, "192.0.2.2:9").await, 5);
    }
}

#[cfg(feature = "redis")]
mod shared {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use bowline::throttling::{Hit, Rate, RedisThrottleStore};

    use super::*;

    /// A Redis server of the test's own, on a port of its own.
    struct Redis {
        server: Child,
        url: String,
        _folder: tempfile::TempDir,
    }

    impl Redis {
        async fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new("redis-server");
            command
                .args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
                .arg(folder.path());
            let server = command.stdout(Stdio::null()).spawn();
            let server =
                server.unwrap_or_else(|error| panic!("redis-server (Debian: redis-server) is needed: {error}"));
            let redis = Redis { server, url: format!("redis://127.0.0.1:{port}/"), _folder: folder };
            let start = Instant::now();
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(start.elapsed() < Duration::from_secs(20), "redis-server does not answer");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            redis
        }

        fn stop(&mut self) {
            self.server.kill().unwrap();
            self.server.wait().unwrap();
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn of_many_requests_to_several_processes_exactly_the_limit_pass() {
        let redis = Redis::start().await;
        let mut processes = Vec::new();
        for _ in 0..3 {
            let store = RedisThrottleStore::connect(&redis.url).await.unwrap();
            processes.push(Arc::new(Process::new(Arc::new(store), "7/hour").await));
        }
        assert_eq!(passed(&processes, 300, "192.0.2.1:9").await, 7);
        assert_eq!(passed(&processes[..1], 30, "192.0.2.1:9").await, 0);
        assert_eq!(passed(&processes[1..], 300, "192.0.2.2:9").await, 7);
    }

    #[tokio::test]
    async fn a_window_slides_and_is_forgotten() {
        let redis = Redis::start().await;
        let store = RedisThrottleStore::connect(&redis.url).await.unwrap().prefix("a:");
        let other = RedisThrottleStore::connect(&redis.url).await.unwrap().prefix("b:");
        let rate = Rate::new(2, Duration::from_millis(600));
        assert_eq!(store.hit("k", rate).await.unwrap(), Hit::Counted);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(store.hit("k", rate).await.unwrap(), Hit::Counted);
        let Hit::Full { requests: 2, oldest: Some(oldest) } = store.hit("k", rate).await.unwrap() else { panic!() };
        assert!((0.3..0.6).contains(&oldest), "{oldest}");
        assert_eq!(other.hit("k", rate).await.unwrap(), Hit::Counted);
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(store.hit("k", rate).await.unwrap(), Hit::Counted, "the first is over");
        assert_eq!(
            store.hit("none", Rate::new(0, Duration::from_secs(1))).await.unwrap(),
            Hit::Full { requests: 0, oldest: None }
        );
    }

    #[tokio::test]
    async fn without_redis_the_answer_is_503() {
        assert!(RedisThrottleStore::connect("redis://127.0.0.1:1/").await.is_err());
        assert!(RedisThrottleStore::connect("nonsense").await.is_err());
        let mut redis = Redis::start().await;
        let store = RedisThrottleStore::connect(&redis.url).await.unwrap();
        let process = Process::new(Arc::new(store), "5/hour").await;
        assert_eq!(process.ask("192.0.2.1:9", "").await.0, 200);
        redis.stop();
        let (status, wait, body) = process.ask("192.0.2.1:9", "").await;
        assert_eq!((status, wait.as_deref()), (503, Some("1")));
        assert!(!body.contains("127.0.0.1"), "{body}");
    }
}

/// Who says in a header which user it is.
#[derive(Debug)]
struct ByHeader;

#[bowline::async_trait]
impl Authentication for ByHeader {
    async fn authenticate(
        &self,
        request: &bowline::context::Context,
        _: &Database,
    ) -> bowline::Result<Option<Authenticated>> {
        let user = request.header("x-user").and_then(|user| user.parse::<i64>().ok());
        Ok(user.map(|user| Authenticated::new(User::new(user, "ada"))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_counts_against_no_user() {
    for proxies in [None, Some(1)] {
        let folder = tempfile::tempdir().unwrap();
        let ping = ApiView::new("PingView").get(async |_: Request| Value::from("pong"));
        let settings = Settings {
            authentication: vec![ByHeader.shared()],
            throttles: throttles(UserRateThrottle::new()),
            throttle_rates: ThrottleRates::new([("user", "1/hour")]),
            num_proxies: proxies,
            ..Settings::default()
        };
        let router = DefaultRouter::new().path("ping/", ping).settings(settings);
        let router = router.into_axum(&format!("sqlite://{}/db.sqlite3", folder.path().display())).await.unwrap();
        let ask = async |name: &str, value: &str| {
            let request = axum::http::Request::get("/ping/").header(name, value).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        for address in ["7", "user 7"] {
            assert_eq!(ask("x-forwarded-for", address).await, 200, "{address}");
            assert_eq!(ask("x-forwarded-for", address).await, 429, "{address}");
        }
        assert_eq!((ask("x-user", "7").await, ask("x-user", "7").await), (200, 429), "{proxies:?}");
    }
}
