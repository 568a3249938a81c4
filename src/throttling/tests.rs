#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use http::Request;

use super::*;
use crate::context::User;

fn request(forwarded: &[&str], remote: Option<&str>) -> Context {
    let mut request = Request::get("/");
    for line in forwarded {
        request = request.header("x-forwarded-for", *line);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    if let Some(remote) = remote {
        parts.extensions.insert(ConnectInfo(remote.parse::<SocketAddr>().unwrap()));
    }
    Context::new(parts, Vec::new())
}

fn throttling(rates: &[(&str, &str)]) -> Throttling {
    let rates = ThrottleRates::new(rates.iter().copied());
    Throttling::new(Arc::new(MemoryThrottleStore::default()), rates, Some(0))
}

#[test]
fn rates_are_read_as_in_drf() {
    let seconds = |n, seconds| Ok(Rate::new(n, Duration::from_secs(seconds)));
    for (text, rate) in [("5/s", seconds(5, 1)), ("3/min", seconds(3, 60)), (" 1_0 /hours", seconds(10, 3_600))] {
        assert_eq!(text.parse(), rate, "{text}");
    }
    assert_eq!("0/day".parse(), seconds(0, 86_400));
    for text in ["", "5", "5/", "/m", "5/m/h", "5/Minute", "five/m", "-1/m", "1.5/m", "5 / m"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

#[test]
fn the_wait_is_drfs() {
    let rate = Rate::new(3, Duration::from_secs(60));
    assert_eq!(rate.wait(3, Some(10.0)), Some(50.0));
    assert_eq!(rate.wait(2, Some(10.0)), Some(25.0));
    assert_eq!(rate.wait(0, None), Some(15.0));
    // the rate was higher when they came
    assert_eq!(rate.wait(4, Some(10.0)), None);
    assert_eq!(rate.wait(9, Some(10.0)), None);
    assert_eq!(Rate::new(0, Duration::from_secs(60)).wait(0, None), Some(60.0));
}

#[test]
fn a_client_is_known_by_the_configured_proxies_only() {
    let remote = Some("192.0.2.7:4000");
    let cases: [(&[&str], Option<usize>, &str); 12] = [
        (&[], Some(0), "192.0.2.7"),
        (&["10.0.0.1"], Some(0), "192.0.2.7"),
        (&[], Some(2), "192.0.2.7"),
        (&["10.0.0.1"], Some(1), "10.0.0.1"),
        (&["6.6.6.6, 10.0.0.1"], Some(1), "10.0.0.1"),
        (&["6.6.6.6, 10.0.0.1 ,10.0.0.2"], Some(2), "10.0.0.1"),
        (&["10.0.0.1"], Some(3), "10.0.0.1"),
        (&["6.6.6.6", "10.0.0.1"], Some(1), "10.0.0.1"),
        (&[], None, "192.0.2.7"),
        (&[""], None, "192.0.2.7"),
        (&["10.0.0.1, 10.0.0.9"], None, "10.0.0.1,10.0.0.9"),
        (&[""], Some(1), ""),
    ];
    for (forwarded, proxies, address) in cases {
        assert_eq!(client::address(&request(forwarded, remote), proxies), address, "{forwarded:?} {proxies:?}");
    }
    assert_eq!(client::address(&request(&[], None), Some(0)), "None");
    assert_eq!(client::address(&request(&[], Some("[::ffff:10.1.2.3]:80")), Some(0)), "10.1.2.3");
}

#[test]
fn an_ipv6_client_is_its_network() {
    let by_connection = |remote: &str| client::address(&request(&[], Some(remote)), Some(0));
    let by_proxy = |forwarded: &str| client::address(&request(&[forwarded], Some("192.0.2.7:1")), Some(1));
    assert_eq!(by_connection("[2001:db8:1:2::1]:80"), "2001:db8:1:2::/64");
    assert_eq!(by_connection("[2001:db8:1:2:ffff:ffff:ffff:ffff]:80"), "2001:db8:1:2::/64");
    assert_eq!(by_connection("[2001:db8:1:3::1]:80"), "2001:db8:1:3::/64");
    assert_eq!(by_connection("[::1]:80"), "::1");
    for same in ["2001:db8:1:2::9", "2001:DB8:0001:2:0:0:0:9", "[2001:db8:1:2::9]", "[2001:db8:1:2::9]:4711"] {
        assert_eq!(by_proxy(same), "2001:db8:1:2::/64", "{same}");
    }
    assert_eq!(by_proxy("fe80::1%eth0"), "fe80::/64");
    for four in
        ["10.1.2.3", "10.1.2.3:4711", "::ffff:10.1.2.3", "::ffff:a01:203", "[::ffff:10.1.2.3]:80", "64:ff9b::10.1.2.3"]
    {
        assert_eq!(by_proxy(four), "10.1.2.3", "{four}");
    }
    assert_eq!(by_proxy("unknown"), "unknown");
}

/// Keeps the keys that it is asked about.
#[derive(Debug, Default)]
struct Keys(std::sync::Mutex<Vec<String>>);

#[async_trait]
impl ThrottleStore for Keys {
    async fn hit(&self, key: &str, _: Rate) -> Result<Hit> {
        self.0.lock().unwrap().push(key.to_owned());
        Ok(Hit::Counted)
    }
}

#[tokio::test]
async fn long_names_are_known_by_their_hash() {
    let (keys, view) = (Arc::new(Keys::default()), ViewInfo::new("View"));
    let throttling = Throttling::new(keys.clone(), ThrottleRates::new([("anon", "1/day")]), None);
    let by_key =
        SimpleRateThrottle::new("keys", |request, _, _| request.header("x-key").map(str::to_owned)).rate("1/day");
    let long = |last: char| format!("{}{last}", "k".repeat(50_000));
    for key in ["short".to_owned(), long('a'), long('b'), long('a')] {
        let request = Request::get("/").header("x-key", key).body(()).unwrap();
        by_key.allow_request(&Context::new(request.into_parts().0, Vec::new()), &view, &throttling).await.unwrap();
    }
    for forwarded in [format!("{}1", "1.1.1.1,".repeat(500)), format!("{}2", "1.1.1.1,".repeat(500))] {
        AnonRateThrottle::new().allow_request(&request(&[&forwarded], None), &view, &throttling).await.unwrap();
    }
    let keys = keys.0.lock().unwrap();
    assert_eq!(keys[0], "throttle_keys_short");
    assert!(keys.iter().all(|key| key.len() < 150), "{keys:?}");
    assert!(keys[1] == keys[3] && keys[1] != keys[2] && keys[4] != keys[5], "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn a_window_slides() {
    let throttling = throttling(&[("anon", "2/minute")]);
    let (throttle, view, who) = (AnonRateThrottle::new(), ViewInfo::new("View"), request(&[], Some("192.0.2.7:1")));
    let ask = || throttle.allow_request(&who, &view, &throttling);
    let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
    assert_eq!(ask().await.unwrap(), Allowance::Allowed);
    pass(20).await;
    assert_eq!(ask().await.unwrap(), Allowance::Allowed);
    pass(20).await;
    assert_eq!(ask().await.unwrap(), Allowance::Refused { wait: Some(20.0) });
    pass(20).await;
    // the first is a minute ago; what was refused did not count
    assert_eq!(ask().await.unwrap(), Allowance::Allowed);
    assert_eq!(ask().await.unwrap(), Allowance::Refused { wait: Some(20.0) });
    let other = request(&[], Some("192.0.2.8:1"));
    assert_eq!(throttle.allow_request(&other, &view, &throttling).await.unwrap(), Allowance::Allowed);
}

#[tokio::test]
async fn of_many_at_once_exactly_the_limit_pass() {
    let store = Arc::new(MemoryThrottleStore::default());
    let rate = Rate::new(37, Duration::from_secs(3_600));
    let asks = (0..400).map(|_| {
        let store = Arc::clone(&store);
        tokio::task::spawn_blocking(move || futures_util::FutureExt::now_or_never(store.hit("k", rate)))
    });
    let mut passed = 0;
    for ask in asks.collect::<Vec<_>>() {
        passed += u64::from(ask.await.unwrap().unwrap().unwrap() == Hit::Counted);
    }
    assert_eq!(passed, 37);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_the_newest_stay() {
    let store = MemoryThrottleStore::with_capacity(160);
    let rate = Rate::new(1, Duration::from_secs(60));
    for n in 0..5_000 {
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(store.hit(&format!("{n}"), rate).await.unwrap(), Hit::Counted);
        assert!(store.len() <= 160);
        assert!(matches!(store.hit(&format!("{n}"), rate).await.unwrap(), Hit::Full { requests: 1, .. }));
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    for n in 0..200 {
        store.hit(&format!("later {n}"), rate).await.unwrap();
    }
    assert!(store.len() <= 160);
}

#[tokio::test]
async fn scopes_keep_clients_apart_and_users_are_known_by_their_key() {
    let throttling = throttling(&[("anon", "1/day"), ("user", "1/day"), ("uploads", "1/day")]);
    let mut view = ViewInfo::new("View");
    let anonymous = request(&[], Some("192.0.2.7:1"));
    let mut known = request(&[], Some("192.0.2.7:1"));
    known.set_user(User::new(7, "alice"), None);
    let (anon, user, scoped) = (AnonRateThrottle::new(), UserRateThrottle::new(), ScopedRateThrottle::new());
    let passes = async |throttle: &dyn Throttle, request: &Context, view: &ViewInfo| {
        throttle.allow_request(request, view, &throttling).await.unwrap() == Allowance::Allowed
    };
    assert!(passes(&anon, &anonymous, &view).await && !passes(&anon, &anonymous, &view).await);
    assert!(passes(&anon, &known, &view).await && passes(&anon, &known, &view).await);
    assert!(passes(&user, &known, &view).await && !passes(&user, &known, &view).await);
    assert!(passes(&user, &anonymous, &view).await && !passes(&user, &anonymous, &view).await);
    assert!(passes(&scoped, &known, &view).await && passes(&scoped, &known, &view).await);
    view.throttle_scope = Some("uploads".into());
    assert!(passes(&scoped, &known, &view).await && !passes(&scoped, &known, &view).await);
    assert!(passes(&scoped, &anonymous, &view).await);
}

#[test]
fn mistakes_are_found_when_the_router_is_built() {
    let throttling = throttling(&[("anon", "many/day")]);
    let mut view = ViewInfo::new("View");
    assert!(AnonRateThrottle::new().check(&view, &throttling).is_err());
    assert!(AnonRateThrottle::new().rate("1/day").check(&view, &throttling).is_ok());
    assert!(UserRateThrottle::new().check(&view, &throttling).is_ok(), "no limit is one");
    assert!(UserRateThrottle::new().scope("burst").check(&view, &throttling).is_err());
    assert!(ScopedRateThrottle::new().check(&view, &throttling).is_ok());
    view.throttle_scope = Some("uploads".into());
    assert!(ScopedRateThrottle::new().check(&view, &throttling).unwrap_err().contains("\"uploads\""));
}

/// Refuses, with a wait or without.
#[derive(Debug)]
struct Refuses(Option<f64>);

#[async_trait]
impl Throttle for Refuses {
    async fn allow_request(&self, _: &Context, _: &ViewInfo, _: &Throttling) -> Result<Allowance> {
        Ok(Allowance::Refused { wait: self.0 })
    }
}

#[tokio::test]
async fn the_longest_wait_is_told() {
    let throttling = throttling(&[]);
    let wait = async |list: Vec<Arc<dyn Throttle>>| {
        let found = check_throttles(&list, &Context::default(), &ViewInfo::new("View"), &throttling).await;
        match found {
            Err(Error::Throttled(throttled)) => throttled.wait,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(throttles((Refuses(Some(2.0)), Refuses(Some(9.5)), Refuses(None)))).await, Some(9.5));
    assert_eq!(wait(throttles(Refuses(None))).await, None);
    assert!(check_throttles(&[], &Context::default(), &ViewInfo::new("View"), &throttling).await.is_ok());
}
