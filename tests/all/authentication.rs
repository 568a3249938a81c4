//! Authentication over the tables that Django made, on both databases: hostile headers, fixed sessions, forged requests,
//! and races.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::time::Duration;

use axum::body::Body;
use bowline::authentication::{
    Account, Accounts, Authentication, BasicAuthentication, BearerTokens, Hasher, JsonWebTokens, Passwords,
    SessionAuthentication, Sessions, TokenAuthentication, revoke_token,
};
use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use bowline::testing::{Answer, Client};
use bowline::value;
use bowline::views::{obtain_auth_token, token_blacklist, token_obtain_pair, token_refresh, token_verify};
use http::header::{COOKIE, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderValue, Request as HttpRequest};
use support::Database as Db;

const KEY: &str = "oracle-fixed-secret-key-not-for-production";
const ALICE: &str = "8bd14cf63bf765d814ed7374bc6779dbccdb3bb1";

fn accounts() -> Accounts {
    Accounts::new(Passwords::new(Hasher::Pbkdf2Sha256 { iterations: 1000 }))
}

async fn me(request: Request) -> Response {
    Response::new(value!({"user": request.user().map(|user| user.username.clone())}))
}

async fn login(sessions: Sessions, mut request: Request) -> bowline::Result<Response> {
    let data = request.data().await?;
    let text = |name| data.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let (username, password) = (text("username"), text("password"));
    let database = request.database()?;
    let account = sessions.accounts().authenticate(database, &username, &password).await?;
    let account = account.ok_or_else(|| Error::authentication_failed("Unable to log in."))?;
    Ok(Response::no_content().extended(sessions.login(&request, database, &account).await?))
}

async fn logout(sessions: Sessions, request: Request) -> bowline::Result<Response> {
    Ok(Response::no_content().extended(sessions.logout(&request, request.database()?).await?))
}

async fn issue(tokens: BearerTokens, request: Request) -> bowline::Result<Response> {
    Ok(Response::new(value!({"token": tokens.issue(request.database()?, 3, "test").await?})))
}

async fn revoke(tokens: BearerTokens, request: Request) -> bowline::Result<Response> {
    Ok(Response::new(value!({"gone": tokens.revoke_all(request.database()?, 3).await?})))
}

/// What the tests ask.
struct Site {
    client: Client,
    accounts: Accounts,
    _database: Db,
}

impl Site {
    async fn new(database: Db, tokens: JsonWebTokens) -> Site {
        let accounts = tokens.accounts().clone();
        let sessions = Sessions::new(KEY).with_accounts(accounts.clone());
        let bearer = BearerTokens::new(accounts.clone());
        let known = |way| ApiView::new("Me").get(me).post(me).authentication([way]).permissions(IsAuthenticated);
        let (a, b, c, d) = (sessions.clone(), sessions.clone(), bearer.clone(), bearer.clone());
        let session = SessionAuthentication::new(sessions);
        let router = DefaultRouter::new()
            .path("token/", known(TokenAuthentication::new().shared()))
            .path("basic/", known(BasicAuthentication::new(accounts.clone()).shared()))
            .path("session/", known(session.shared()))
            .path("bearer/", known(bearer.shared()))
            .path("jwt/", known(tokens.clone().shared()))
            .path("issue/", ApiView::new("Issue").post(move |request| issue(c.clone(), request)))
            .path("revoke/", ApiView::new("Revoke").post(move |request| revoke(d.clone(), request)))
            .path("login/", ApiView::new("Login").post(move |request| login(a.clone(), request)))
            .path("logout/", ApiView::new("Logout").post(move |request| logout(b.clone(), request)))
            .path("obtain/", obtain_auth_token(accounts.clone()))
            .path("jwt/obtain/", token_obtain_pair(tokens.clone()))
            .path("jwt/refresh/", token_refresh(tokens.clone()))
            .path("jwt/verify/", token_verify(tokens.clone()))
            .path("jwt/blacklist/", token_blacklist(tokens))
            .settings(Settings { create_tables: false, ..Settings::default() });
        let client = Client::over(&database.url(), router).await.unwrap();
        Site { client, accounts, _database: database }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = HttpRequest::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        self.client.request(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn bearing(&self, path: &str, keyword: &str, key: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("{keyword} {key}"))]).await
    }
}

fn tokens() -> JsonWebTokens {
    JsonWebTokens::new("a key of more than thirty-two bytes, for tests", accounts()).rotating().blacklisting()
}

async fn sites() -> [Site; 2] {
    [Site::new(Db::django_sqlite(), tokens()).await, Site::new(Db::django_postgres(), tokens()).await]
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = all.filter_map(|text| text.split(';').next()?.strip_prefix(&format!("{name}=")).map(str::to_owned));
    found.next()
}

fn text(answer: &Answer, name: &str) -> String {
    answer.data.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_headers_are_told_so_and_never_a_failure_of_ours() {
    for site in sites().await {
        for path in ["/token/", "/basic/", "/bearer/", "/jwt/", "/session/"] {
            for keyword in ["Token", "Basic", "Bearer", "token", "BASIC", "", " "] {
                for rest in [
                    "",
                    " ",
                    "x",
                    "x y",
                    "\t",
                    "\u{e9}",
                    "=",
                    "====",
                    "AA==",
                    "Og==",
                    "AAAA",
                    "OgA=",
                    "AGE6AGI=",
                    "a.b",
                    "a.b.c",
                    "..",
                    "eyJhbGciOiJub25lIn0.e30.",
                    "' OR 1=1 --",
                    "/w==",
                    "//86//8=",
                    "%00",
                    "\u{ff}\u{fe}",
                    &"x".repeat(5000),
                    &"A".repeat(5000),
                ] {
                    let answer = site.bearing(path, keyword, rest).await;
                    assert!(matches!(answer.status.as_u16(), 401 | 403), "{path} {keyword} {rest}: {answer:?}");
                    assert!(answer.data.get("detail").is_some(), "{answer:?}");
                }
            }
        }
        // NUL, which PostgreSQL cannot hold: `\0:x` and `a:\0`
        for encoded in ["ADp4", "YToA"] {
            let answer = site.bearing("/basic/", "Basic", encoded).await;
            assert_eq!((answer.status.as_u16(), text(&answer, "detail").as_str()), (401, "Invalid username/password."));
        }
        for cookies in
            ["sessionid", "sessionid=", "sessionid=x", "sessionid=\"\\000aaaaaaaaa\"", "=;;", "sessionid=a;sessionid=b"]
        {
            assert_eq!(site.ask("GET", "/session/", &[("cookie", cookies)]).await.status, 403, "{cookies}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_cookies_are_mended_and_a_broken_host_is_none() {
    for site in sites().await {
        // both cookies: the one does not stand in the way of the other
        for broken in ["", "short", "--------------------------------", "\u{e9}"] {
            let cookies = format!("csrftoken={broken}; sessionid=nobody-has-this-session");
            let answer = site.ask("GET", "/session/", &[("cookie", &cookies)]).await;
            assert_eq!(answer.status, 403);
            assert_eq!(cookie(&answer, "sessionid").as_deref(), Some("\"\""), "{broken}");
            assert_eq!(cookie(&answer, "csrftoken").map(|secret| secret.len()), Some(32), "{broken}");
        }
        let whole = [("cookie", "csrftoken=abcdefghijklmnopqrstuvwxyzABCDEF")];
        assert_eq!(cookie(&site.ask("GET", "/session/", &whole).await, "csrftoken"), None);
        for host in ["testserver:", "a/b", "a_b", "user@testserver", "a b", ""] {
            assert_eq!(site.ask("GET", "/session/", &[("host", host)]).await.status, 400, "{host}");
        }
        assert_eq!(site.ask("GET", "/session/", &[("host", "[::1]:80")]).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_costs_as_much_as_a_wrong_password() {
    for site in sites().await {
        let mut spent = Vec::new();
        // alice:x, nobody:x, inactive:x
        for encoded in ["YWxpY2U6eA==", "bm9ib2R5Ong=", "aW5hY3RpdmU6eA=="] {
            let before = site.accounts.passwords().work();
            assert_eq!(site.bearing("/basic/", "Basic", encoded).await.status, 401);
            spent.push(site.accounts.passwords().work() - before);
        }
        assert_eq!(spent, [1000, 1000, 1000]);
        // every other way to log in
        for path in ["/login/", "/obtain/", "/jwt/obtain/"] {
            let mut spent = Vec::new();
            for username in ["alice", "nobody", "inactive", "\u{0}"] {
                let before = site.accounts.passwords().work();
                let body = value!({"username": username, "password": "x"});
                let answer = site.client.post(path, body).await.unwrap();
                assert!(answer.status.is_client_error(), "{path} {username}: {answer:?}");
                spent.push(site.accounts.passwords().work() - before);
            }
            // a name that no column can hold is nobody's, which may be seen at once
            assert_eq!(spent[..3], [1000, 1000, 1000], "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_hash_is_made_anew_at_the_next_login() {
    for database in [Db::django_sqlite(), Db::django_postgres()] {
        let old = Hasher::Pbkdf2Sha1 { iterations: 5 }.encode("alice-pass").unwrap();
        database.run(&format!("UPDATE auth_user SET password = '{old}' WHERE username = 'alice'"));
        let site = Site::new(database, tokens()).await;
        for _ in 0..2 {
            let answer = site.bearing("/basic/", "Basic", "YWxpY2U6YWxpY2UtcGFzcw==").await;
            assert_eq!(answer.status, 200);
        }
        let stored = site._database.list("SELECT password FROM auth_user WHERE username = 'alice'");
        assert!(stored[0].starts_with("pbkdf2_sha256$1000$"), "{stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_never_the_one_that_the_client_came_with() {
    for site in sites().await {
        let alice = "oraclesessionkeyalice00000000000";
        let body = value!({"username": "bob", "password": "bob-pass"});
        for theirs in ["attackerchosenkey000000000000000", alice] {
            let mut request = HttpRequest::post("/login/").header(COOKIE, format!("sessionid={theirs}"));
            request = request.header("content-type", "application/json");
            let sent = Body::from(r#"{"username": "bob", "password": "bob-pass"}"#);
            let answer = site.client.request(request.body(sent).unwrap()).await.unwrap();
            assert_eq!(answer.status, 204, "{answer:?}");
            let key = cookie(&answer, "sessionid").unwrap();
            assert_ne!(key, theirs);
            let mine = site.ask("GET", "/session/", &[("cookie", &format!("sessionid={key}"))]).await;
            assert_eq!(text(&mine, "user"), "bob");
            // what the client came with is nobody's
            let old = site.ask("GET", "/session/", &[("cookie", &format!("sessionid={theirs}"))]).await;
            assert_eq!(old.status, 403);
            assert_eq!(cookie(&old, "sessionid").as_deref(), Some("\"\""));
        }
        // nor the client's own from before, even if it is valid
        let first = site.client.post("/login/", body.clone()).await.unwrap();
        let (key, token) = (cookie(&first, "sessionid").unwrap(), cookie(&first, "csrftoken").unwrap());
        let again = HttpRequest::post("/login/").header(COOKIE, format!("sessionid={key}; csrftoken={token}"));
        let again = again.header("content-type", "application/json");
        let sent = Body::from(r#"{"username": "bob", "password": "bob-pass"}"#);
        let second = site.client.request(again.body(sent).unwrap()).await.unwrap();
        assert_eq!(second.status, 204, "{second:?}");
        let (other, new_token) = (cookie(&second, "sessionid").unwrap(), cookie(&second, "csrftoken").unwrap());
        assert!(other != key && new_token != token);
        let ask =
            async |key: &str| site.ask("GET", "/session/", &[("cookie", &format!("sessionid={key}"))]).await.status;
        assert_eq!((ask(&key).await.as_u16(), ask(&other).await.as_u16()), (403, 200));
        let answer = site.client.post("/login/", body).await.unwrap();
        let (key, token) = (cookie(&answer, "sessionid").unwrap(), cookie(&answer, "csrftoken").unwrap());
        let cookies = format!("sessionid={key}; csrftoken={token}");
        // forged: no token, another token, another site
        assert_eq!(site.ask("POST", "/session/", &[("cookie", &cookies)]).await.status, 403);
        let other = "b".repeat(32);
        let forged = site.ask("POST", "/session/", &[("cookie", &cookies), ("x-csrftoken", &other)]).await;
        assert!(text(&forged, "detail").starts_with("CSRF Failed: "), "{forged:?}");
        let headers = [("cookie", cookies.as_str()), ("x-csrftoken", &token), ("origin", "https://evil.example")];
        assert_eq!(site.ask("POST", "/session/", &headers).await.status, 403);
        let headers = [("cookie", cookies.as_str()), ("x-csrftoken", &token), ("origin", "http://testserver")];
        assert_eq!(site.ask("POST", "/session/", &headers).await.status, 200);
        let left = site.ask("POST", "/logout/", &[("cookie", &cookies)]).await;
        assert_eq!(cookie(&left, "sessionid").as_deref(), Some("\"\""));
        assert_eq!(site.ask("GET", "/session/", &[("cookie", &cookies)]).await.status, 403);
        // a new password ends the sessions that the old one opened
        let answer = site.client.post("/login/", value!({"username": "bob", "password": "bob-pass"})).await.unwrap();
        let cookies = format!("sessionid={}", cookie(&answer, "sessionid").unwrap());
        assert_eq!(site.ask("GET", "/session/", &[("cookie", &cookies)]).await.status, 200);
        site._database.run("UPDATE auth_user SET password = '!' WHERE username = 'bob'");
        assert_eq!(site.ask("GET", "/session/", &[("cookie", &cookies)]).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_obtain_a_token_at_once_get_the_same() {
    for site in sites().await {
        let site = std::sync::Arc::new(site);
        let asked = (0..16).map(|_| {
            let site = site.clone();
            tokio::spawn(async move {
                let credentials = value!({"username": "bob", "password": "bob-pass"});
                let answer = site.client.post("/obtain/", credentials).await.unwrap();
                assert_eq!(answer.status, 200, "{answer:?}");
                text(&answer, "token")
            })
        });
        let mut keys = Vec::new();
        for asked in asked.collect::<Vec<_>>() {
            keys.push(asked.await.unwrap());
        }
        keys.dedup();
        assert_eq!(keys.len(), 1, "{keys:?}");
        assert_eq!(site.bearing("/token/", "Token", &keys[0]).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_after_the_revocation_is_let_in() {
    for site in sites().await {
        let site = std::sync::Arc::new(site);
        let key = text(&site.client.post("/issue/", value!({})).await.unwrap(), "token");
        assert_eq!(text(&site.bearing("/bearer/", "Bearer", &key).await, "user"), "alice");
        assert_eq!(site._database.list(&format!("SELECT digest FROM bowline_token WHERE digest = '{key}'")).len(), 0);
        let asking: Vec<_> = (0..8)
            .map(|_| {
                let (site, key) = (site.clone(), key.clone());
                tokio::spawn(async move {
                    // once refused, it stays refused
                    let mut refused = false;
                    for _ in 0..20 {
                        let status = site.bearing("/bearer/", "Bearer", &key).await.status.as_u16();
                        assert!(status == 401 || (status == 200 && !refused), "{status}");
                        refused |= status == 401;
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let gone = site.client.post("/revoke/", value!({})).await.unwrap();
        assert_eq!(gone.data, value!({"gone": 1}));
        assert_eq!(text(&site.bearing("/bearer/", "Bearer", &key).await, "detail"), "Invalid token.");
        for asking in asking {
            asking.await.unwrap();
        }
        site._database.run("DELETE FROM authtoken_token WHERE user_id = 3");
        assert_eq!(site.bearing("/token/", "Token", ALICE).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_token_says_so() {
    for site in sites().await {
        let key = text(&site.client.post("/issue/", value!({})).await.unwrap(), "token");
        site._database.run("UPDATE bowline_token SET expires_at = '2020-01-01 00:00:00'");
        assert_eq!(text(&site.bearing("/bearer/", "Bearer", &key).await, "detail"), "Token has expired.");
        let key = text(&site.client.post("/issue/", value!({})).await.unwrap(), "token");
        site._database.run("UPDATE auth_user SET is_active = (1 = 0) WHERE username = 'alice'");
        assert_eq!(text(&site.bearing("/bearer/", "Bearer", &key).await, "detail"), "User inactive or deleted.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_refreshes_at_once_exactly_one_wins() {
    for site in sites().await {
        let site = std::sync::Arc::new(site);
        for _ in 0..5 {
            let credentials = value!({"username": "alice", "password": "alice-pass"});
            let pair = site.client.post("/jwt/obtain/", credentials).await.unwrap();
            let refresh = text(&pair, "refresh");
            assert_eq!(site.bearing("/jwt/", "Bearer", &text(&pair, "access")).await.status, 200);
            let tries: Vec<_> = (0..4)
                .map(|_| {
                    let (site, refresh) = (site.clone(), refresh.clone());
                    tokio::spawn(async move {
                        site.client.post("/jwt/refresh/", value!({"refresh": refresh})).await.unwrap()
                    })
                })
                .collect();
            let mut won = Vec::new();
            for tried in tries {
                let answer = tried.await.unwrap();
                if answer.status == 200 {
                    won.push(text(&answer, "refresh"));
                } else {
                    assert_eq!(answer.status, 401);
                    assert_eq!(answer.data, value!({"detail": "Token is blacklisted", "code": "token_not_valid"}));
                }
            }
            assert_eq!(won.len(), 1);
            assert_eq!(site.client.post("/jwt/verify/", value!({"token": won[0].clone()})).await.unwrap().status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_web_tokens_are_simplejwt_s() {
    for site in sites().await {
        let post = async |path: &str, data: Value| site.client.post(path, data).await.unwrap();
        let wrong = post("/jwt/obtain/", value!({"username": "alice", "password": "x"})).await;
        assert_eq!(wrong.status, 401);
        assert_eq!(wrong.headers[WWW_AUTHENTICATE], "Bearer realm=\"api\"");
        assert_eq!(wrong.data, value!({"detail": "No active account found with the given credentials"}));
        let missing = post("/jwt/obtain/", value!({})).await;
        let required = value!(["This field is required."]);
        assert_eq!(missing.data, value!({"username": required.clone(), "password": required}));

        let pair = post("/jwt/obtain/", value!({"username": "alice", "password": "alice-pass"})).await;
        let (access, refresh) = (text(&pair, "access"), text(&pair, "refresh"));
        let as_access = site.bearing("/jwt/", "Bearer", &refresh).await;
        assert_eq!(
            as_access.data,
            value!({
                "detail": "Given token not valid for any token type",
                "code": "token_not_valid",
                "messages": [
                    {"token_class": "AccessToken", "token_type": "access", "message": "Token has wrong type"},
                ],
            })
        );
        let two = site.bearing("/jwt/", "Bearer", "a b").await;
        assert_eq!(text(&two, "code"), "bad_authorization_header");
        let invalid = |detail: &str| value!({"detail": detail, "code": "token_not_valid"});
        assert_eq!(post("/jwt/refresh/", value!({"refresh": "x"})).await.data, invalid("Token is invalid"));
        assert_eq!(
            post("/jwt/refresh/", value!({"refresh": access.clone()})).await.data,
            invalid("Token has wrong type")
        );
        assert_eq!(post("/jwt/verify/", value!({"token": access})).await.data, value!({}));
        assert_eq!(post("/jwt/verify/", value!({"token": "a.b.c"})).await.data, invalid("Token is invalid"));

        assert_eq!(post("/jwt/blacklist/", value!({"refresh": refresh.clone()})).await.data, value!({}));
        let again = post("/jwt/blacklist/", value!({"refresh": refresh.clone()})).await;
        assert_eq!((again.status.as_u16(), again.data), (401, invalid("Token is blacklisted")));
        let verified = post("/jwt/verify/", value!({"token": refresh})).await;
        assert_eq!(
            (verified.status.as_u16(), verified.data),
            (400, value!({"non_field_errors": ["Token is blacklisted"]}))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_json_web_tokens_are_refused() {
    for database in [Db::django_sqlite(), Db::django_postgres()] {
        // each database has a table of its own to be made
        let ended = tokens().access_lifetime(Duration::ZERO).refresh_lifetime(Duration::ZERO);
        let site = Site::new(database, ended).await;
        let credentials = value!({"username": "alice", "password": "alice-pass"});
        let pair = site.client.post("/jwt/obtain/", credentials).await.unwrap();
        let answer = site.client.post("/jwt/refresh/", value!({"refresh": text(&pair, "refresh")})).await.unwrap();
        assert_eq!(answer.data, value!({"detail": "Token is expired", "code": "token_not_valid"}));
        assert_eq!(site.bearing("/jwt/", "Bearer", &text(&pair, "access")).await.status, 401);
    }
}

async fn sign_up(mut request: Request) -> bowline::Result<Response> {
    let data = request.data().await?;
    let text = |name| data.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let (username, password) = (text("username"), text("password"));
    let account = accounts().create_user(request.database()?, &username, &password).await?;
    Ok(Response::new(value!({"id": account.id})))
}

/// Whether there was a token.
async fn log_out(request: Request) -> bowline::Result<Response> {
    let account = request.user().and_then(|user| user.extra::<Account>()).ok_or_else(Error::not_authenticated)?;
    Ok(Response::new(revoke_token(request.database()?, account).await?))
}

async fn change_password(mut request: Request) -> bowline::Result<Response> {
    let data = request.data().await?;
    let (id, password) = (data["id"].clone(), data["password"].as_str().unwrap_or("").to_owned());
    let Value::Int(id) = id else { return Err(Error::parse_error()) };
    Ok(Response::new(accounts().set_password(request.database()?, id, &password).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn users_on_a_database_without_django() {
    for database in [Db::sqlite(), Db::postgres()] {
        let sessions = Sessions::new(KEY).with_accounts(accounts());
        let other = sessions.clone();
        let router = DefaultRouter::new()
            .path("signup/", ApiView::new("SignUp").post(sign_up).authentication([]))
            .path("password/", ApiView::new("Password").post(change_password).authentication([]))
            .path("login/", ApiView::new("Login").post(move |request| login(other.clone(), request)).authentication([]))
            .path("obtain/", obtain_auth_token(accounts()))
            .path("log-out/", ApiView::new("LogOut").post(log_out))
            .path("me/", ApiView::new("Me").get(me).permissions(IsAuthenticated))
            .settings(Settings {
                authentication: vec![
                    TokenAuthentication::new().shared(),
                    BasicAuthentication::new(accounts()).shared(),
                    SessionAuthentication::new(sessions).shared(),
                ],
                ..Settings::default()
            });
        let client = Client::over(&database.url(), router).await.unwrap();
        let ada = || value!({"username": "ada", "password": "s3cret"});
        assert_eq!(client.post("/signup/", ada()).await.unwrap().data, value!({"id": 1}));
        let again = client.post("/signup/", ada()).await.unwrap();
        assert_eq!(again.data, value!({"username": ["A user with that username already exists."]}));
        for name in [String::new(), "x".repeat(151), "a\0b".into()] {
            let answer = client.post("/signup/", value!({"username": name, "password": "x"})).await.unwrap();
            assert_eq!(answer.status, 400);
        }
        let with = |header: &'static str, value: String| {
            let request = HttpRequest::get("/me/").header(header, value);
            client.request(request.body(Body::empty()).unwrap())
        };
        // ada:s3cret
        let basic = || with("authorization", "Basic YWRhOnMzY3JldA==".into());
        assert_eq!(basic().await.unwrap().data, value!({"user": "ada"}));
        let token = client.post("/obtain/", ada()).await.unwrap();
        let token = format!("Token {}", token.data["token"].as_str().unwrap());
        assert_eq!(with("authorization", token.clone()).await.unwrap().data, value!({"user": "ada"}));
        // by password: the token is that of the user, not of the request
        let log_out = || {
            let request = HttpRequest::builder().method("POST").uri("/log-out/");
            client.request(request.header("authorization", "Basic YWRhOnMzY3JldA==").body(Body::empty()).unwrap())
        };
        assert_eq!(log_out().await.unwrap().data, true.into());
        assert_eq!(log_out().await.unwrap().data, false.into());
        assert_eq!(with("authorization", token).await.unwrap().status, 401);
        let login = client.post("/login/", ada()).await.unwrap();
        let session = format!("sessionid={}", cookie(&login, "sessionid").unwrap());
        assert_eq!(with("cookie", session.clone()).await.unwrap().data, value!({"user": "ada"}));

        // another password ends what the old one had begun
        let changed = client.post("/password/", value!({"id": 1, "password": "other"})).await.unwrap();
        assert_eq!(changed.data, true.into());
        assert_eq!(basic().await.unwrap().status, 401);
        assert_eq!(with("cookie", session).await.unwrap().status, 401);
    }
}
