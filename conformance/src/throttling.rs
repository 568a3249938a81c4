//! Throttles (`/throttle/`).

use std::time::Duration;

use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use bowline::throttling::{
    Allowance, AnonRateThrottle, Rate, ScopedRateThrottle, Throttle, ThrottleRates, Throttling, UserRateThrottle,
};
use bowline::value;
use http::Method;

/// `DEFAULT_THROTTLE_RATES`
pub fn rates() -> ThrottleRates {
    ThrottleRates::new([
        ("anon", "3/minute"),
        ("user", "4/minute"),
        ("uploads", "2/hour"),
        ("reports", "3/day"),
        ("burst", "2/minute"),
        ("sustained", "4/day"),
    ])
}

/// No wait: no `Retry-After`.
#[derive(Debug)]
struct NeverThrottle;

#[bowline::async_trait]
impl Throttle for NeverThrottle {
    async fn allow_request(&self, _: &Context, _: &ViewInfo, _: &Throttling) -> bowline::Result<Allowance> {
        Ok(Allowance::Refused { wait: None })
    }
}

/// Two in a thousand seconds, of POST alone.
#[derive(Debug)]
struct PostThrottle(AnonRateThrottle);

impl PostThrottle {
    fn new() -> Self {
        PostThrottle(AnonRateThrottle::new().scope("posts").rate(Rate::new(2, Duration::from_secs(1_000))))
    }
}

#[bowline::async_trait]
impl Throttle for PostThrottle {
    async fn allow_request(&self, request: &Context, view: &ViewInfo, by: &Throttling) -> bowline::Result<Allowance> {
        if *request.method() != Method::POST {
            return Ok(Allowance::Allowed);
        }
        self.0.allow_request(request, view, by).await
    }
}

async fn pong(request: Request) -> Value {
    let name = request.user().map(|user| user.username.clone());
    value!({"pong": name.filter(|name| !name.is_empty())})
}

fn view(name: &'static str) -> ApiView {
    ApiView::new(name).get(pong).post(pong)
}

fn scoped(name: &'static str, scope: &'static str) -> ApiView {
    view(name).throttles(ScopedRateThrottle::new()).throttle_scope(scope)
}

async fn throttled_function(_: Request) -> Value {
    value!({"function": true})
}

pub fn urls() -> DefaultRouter {
    let both = (UserRateThrottle::new().scope("burst"), UserRateThrottle::new().scope("sustained"));
    let function =
        api_view([Method::GET], throttled_function).throttles(ScopedRateThrottle::new()).throttle_scope("reports");
    DefaultRouter::new()
        .path("anon/", view("ThrottleAnon").throttles(AnonRateThrottle::new()))
        .path("user/", view("ThrottleUser").throttles(UserRateThrottle::new()))
        .path("both/", view("ThrottleBoth").throttles(both))
        .path("uploads/", scoped("ThrottleUploads", "uploads"))
        .path("uploads-too/", scoped("ThrottleUploadsToo", "uploads"))
        .path("reports/", scoped("ThrottleReports", "reports"))
        .path("no-scope/", view("ThrottleNoScope").throttles(ScopedRateThrottle::new()))
        .path("never/", view("ThrottleNever").throttles(NeverThrottle))
        .path("post/", view("ThrottlePost").throttles(PostThrottle::new()))
        .path("permission/", view("ThrottlePermission").throttles(AnonRateThrottle::new()).permissions(IsAuthenticated))
        .path("function/", function)
}

async fn list(_: Request) -> Value {
    value!([])
}

async fn limited(_: Request) -> Value {
    value!({"ok": true})
}

/// `/sets/throttled/`
pub fn view_set() -> ViewSet {
    let limited = ApiView::new("limited").get(limited).throttles(ScopedRateThrottle::new()).throttle_scope("uploads");
    ViewSet::new("ThrottledViewSet").list(list).action("limited", limited)
}
