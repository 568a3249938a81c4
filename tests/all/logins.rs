//! What a login may not do: leave a session that others know something of, be sent by another site's page, be signed by a key that
//! anybody can guess; and tokens that demand more than is understood.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use bowline::authentication::{
    Accounts, Authentication, BasicAuthentication, Hasher, JsonWebTokens, Passwords, SessionAuthentication, Sessions,
};
use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use bowline::testing::{Answer, Client};
use bowline::value;
use bowline::views::{login, logout, token_obtain_pair, token_refresh, token_verify};
use hmac::{Hmac, KeyInit, Mac};
use http::header::SET_COOKIE;
use http::{Request as HttpRequest, StatusCode};
use sha2::{Digest, Sha256};
use support::Database as Db;

const KEY: &str = "a key of sessions with more than fifty characters, for tests";
const OLD_KEY: &str = "the key of sessions that was the key before this one was";
const JWT_KEY: &str = "a key of more than thirty-two bytes, for tests";
const SESSIONS: &str = "django.contrib.sessions.SessionStore";
const HASHES: &str = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";

fn accounts() -> Accounts {
    Accounts::new(Passwords::new(Hasher::Pbkdf2Sha256 { iterations: 3 }))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn salted(salt: &str, text: &str, secret: &str) -> Vec<u8> {
    hmac(&Sha256::digest(format!("{salt}{secret}")), text)
}

/// Data as Django signs it.
fn signed(json: &str, secret: &str) -> String {
    let stamped = format!("{}:1rKGxc", BASE64.encode(json));
    let signature = BASE64.encode(salted(&format!("{SESSIONS}signer"), &stamped, secret));
    format!("{stamped}:{signature}")
}

/// The data of a session's row.
fn data(stored: &str) -> String {
    let encoded = stored.split(':').next().unwrap();
    match encoded.strip_prefix('.') {
        None => String::from_utf8(BASE64.decode(encoded).unwrap()).unwrap(),
        Some(compressed) => {
            let mut text = String::new();
            let compressed = BASE64.decode(compressed).unwrap();
            flate2::read::ZlibDecoder::new(compressed.as_slice()).read_to_string(&mut text).unwrap();
            text
        }
    }
}

/// A JSON web token with any header and claims, signed as they should be.
fn token(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = BASE64.encode(hmac(JWT_KEY.as_bytes(), &signed));
    format!("{signed}.{signature}")
}

fn claims(more: &str) -> String {
    format!(r#"{{"token_type": "access", "exp": 4000000000, "iat": 1, "jti": "x", "user_id": "1"{more}}}"#)
}

struct Site {
    client: Client,
    database: Db,
}

async fn sign_up(mut request: Request) -> bowline::Result<Response> {
    let data = request.data().await?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let (username, email, password) = (text("username"), text("email"), text("password"));
    let account = accounts().create_user_with_email(request.database()?, &username, &email, &password).await?;
    Ok(Response::new(value!({"id": account.id, "username": account.username, "email": account.email})))
}

async fn me(request: Request) -> Response {
    Response::new(value!({"user": request.user().map(|user| user.username.clone())}))
}

/// A login view of a program's own, without a check of the CSRF token.
async fn careless_login(sessions: Sessions, mut request: Request) -> bowline::Result<Response> {
    let data = request.data().await?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let (username, password) = (text("username"), text("password"));
    let database = request.database()?;
    let account = accounts().authenticate(database, &username, &password).await?;
    let account = account.ok_or_else(|| Error::authentication_failed("Unable to log in."))?;
    Ok(Response::no_content().extended(sessions.login(&request, database, &account).await?))
}

impl Site {
    async fn new(database: Db, tokens: JsonWebTokens) -> Site {
        let sessions = Sessions::new(KEY).with_fallback_keys([OLD_KEY]).with_accounts(accounts());
        let careless = sessions.clone();
        let known = |way| ApiView::new("Me").get(me).post(me).authentication([way]).permissions(IsAuthenticated);
        let api = DefaultRouter::new()
            .path("sign-up/", ApiView::new("SignUp").post(sign_up))
            .path("login/", login(sessions.clone()))
            .path("logout/", logout(sessions.clone()))
            .path("careless/", ApiView::new("Login").post(move |request| careless_login(careless.clone(), request)))
            .path("me/", known(SessionAuthentication::new(sessions).shared()))
            .path("basic/", known(BasicAuthentication::new(accounts()).shared()))
            .path("jwt/", known(tokens.clone().shared()))
            .path("jwt/obtain/", token_obtain_pair(tokens.clone()))
            .path("jwt/refresh/", token_refresh(tokens.clone()))
            .path("jwt/verify/", token_verify(tokens));
        let client = Client::over(&database.url(), api).await.unwrap();
        let site = Site { client, database };
        for name in ["ada", "bob"] {
            let user = value!({"username": name, "password": "s3cret"});
            assert_eq!(site.client.post("/sign-up/", user).await.unwrap().status, 200);
        }
        site
    }

    async fn both() -> [Site; 2] {
        let tokens = || JsonWebTokens::new(JWT_KEY, accounts());
        [Site::new(Db::sqlite(), tokens()).await, Site::new(Db::postgres(), tokens()).await]
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = HttpRequest::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.client.request(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }

    /// A session as the table has it.
    fn put_session(&self, key: &str, json: &str, secret: &str) {
        self.database.run(&format!(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES ('{key}', '{}', '2999-01-01 00:00:00')",
            signed(json, secret)
        ));
    }

    fn session(&self, key: &str) -> Option<String> {
        let rows = self.database.list(&format!("SELECT session_data FROM django_session WHERE session_key = '{key}'"));
        rows.first().cloned()
    }

    fn auth_hash(&self, username: &str, secret: &str) -> String {
        let hash = self.database.list(&format!("SELECT password FROM auth_user WHERE username = '{username}'"));
        salted(HASHES, &hash[0], secret).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = all.filter_map(|text| text.split(';').next()?.strip_prefix(&format!("{name}=")).map(str::to_owned));
    found.next()
}

const ADA: &str = r#"{"username": "ada", "password": "s3cret"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test(flavor = "multi_thread")]
async fn a_login_keeps_nothing_of_another_user_or_another_password() {
    for site in Site::both().await {
        let user = |id: u32, hash: &str| {
            format!(
                r#"{{"_auth_user_id": "{id}", "_auth_user_backend": "django.contrib.auth.backends.ModelBackend", "_auth_user_hash": "{hash}", "cart": "ham"}}"#
            )
        };
        let (ada, by_fallback) = (site.auth_hash("ada", KEY), site.auth_hash("ada", OLD_KEY));
        let cases = [
            ("anonymous", r#"{"cart": "ham"}"#.to_owned(), true),
            ("same", user(1, &ada), true),
            // the password, or the key, is another one since
            ("changed", user(1, &site.auth_hash("bob", KEY)), false),
            ("nohash", user(1, ""), false),
            ("fallback", user(1, &by_fallback), false),
            ("other", user(2, &site.auth_hash("bob", KEY)), false),
        ];
        for (name, json, stays) in cases {
            let old = format!("{name}-{}", "k".repeat(20));
            site.put_session(&old, &json, KEY);
            let cookies = format!("sessionid={old}");
            let answer = site.ask("POST", "/careless/", &[JSON, ("cookie", &cookies)], ADA).await;
            assert_eq!(answer.status, 204, "{name}: {answer:?}");
            let new = site.session(&cookie(&answer, "sessionid").unwrap()).unwrap();
            assert_eq!(data(&new).contains("ham"), stays, "{name}: {}", data(&new));
            assert!(data(&new).contains(&ada), "{name}");
            assert_eq!(site.session(&old), None, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_by_a_fallback_key_is_signed_anew_and_outlives_it() {
    for site in Site::both().await {
        let key = "fallback-session-of-ada";
        let json = format!(
            r#"{{"_auth_user_id": "1", "_auth_user_backend": "django.contrib.auth.backends.ModelBackend", "_auth_user_hash": "{}", "cart": "ham"}}"#,
            site.auth_hash("ada", OLD_KEY)
        );
        site.put_session(key, &json, OLD_KEY);
        let cookies = format!("sessionid={key}");
        assert_eq!(site.ask("GET", "/me/", &[("cookie", &cookies)], "").await.data, value!({"user": "ada"}));
        let renewed = site.session(key).unwrap();
        let (stamped, signature) = renewed.rsplit_once(':').unwrap();
        assert_eq!(BASE64.encode(salted(&format!("{SESSIONS}signer"), stamped, KEY)), signature);
        assert!(data(&renewed).contains(&site.auth_hash("ada", KEY)) && data(&renewed).contains("ham"));
        // once is enough
        assert_eq!(site.ask("GET", "/me/", &[("cookie", &cookies)], "").await.status, 200);
        assert_eq!(site.session(key).unwrap(), renewed);
        // a hash by no key at all ends it
        site.put_session("stale-session-of-ada", &json.replace("_hash\": \"", "_hash\": \"0"), KEY);
        let stale = site.ask("GET", "/me/", &[("cookie", "sessionid=stale-session-of-ada")], "").await;
        assert_eq!((stale.status, cookie(&stale, "sessionid").as_deref()), (StatusCode::FORBIDDEN, Some("\"\"")));
        assert_eq!(site.session("stale-session-of-ada"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_needs_the_token_of_the_site() {
    for site in Site::both().await {
        let page = site.ask("GET", "/login/", &[], "").await;
        assert_eq!(page.status, 204);
        let token = cookie(&page, "csrftoken").unwrap();
        let cookies = format!("csrftoken={token}");
        let form = "username=ada&password=s3cret";
        let other = "b".repeat(32);
        for (headers, body) in [
            // as a page of another site has a browser send it
            (vec![FORM], form),
            (vec![FORM, ("origin", "https://evil.example")], form),
            (vec![FORM, ("cookie", &cookies)], form),
            (vec![FORM, ("cookie", &cookies), ("x-csrftoken", &other)], form),
            (vec![FORM, ("cookie", &cookies), ("x-csrftoken", &token), ("origin", "https://evil.example")], form),
            (vec![FORM, ("cookie", &cookies), ("x-csrftoken", &token), ("origin", "null")], form),
            (vec![("content-type", "text/plain")], ADA),
            (vec![JSON], ADA),
            (vec![], ""),
        ] {
            let answer = site.ask("POST", "/login/", &headers, body).await;
            let expected = if headers.first() == Some(&("content-type", "text/plain")) { 415 } else { 403 };
            assert_eq!(answer.status, expected, "{headers:?}: {answer:?}");
            assert_eq!(cookie(&answer, "sessionid"), None, "{headers:?}");
        }
        let own = [JSON, ("cookie", cookies.as_str()), ("x-csrftoken", &token), ("origin", "http://testserver")];
        let by_header = site.ask("POST", "/login/", &own, ADA).await;
        assert_eq!(by_header.status, 204, "{by_header:?}");
        let by_field = format!("{form}&csrfmiddlewaretoken={token}");
        let by_field = site.ask("POST", "/login/", &[FORM, ("cookie", &cookies)], &by_field).await;
        assert_eq!(by_field.status, 204, "{by_field:?}");
        let wrong = site.ask("POST", "/login/", &own, r#"{"username": "ada", "password": "x"}"#).await;
        assert_eq!(wrong.data, value!({"non_field_errors": ["Unable to log in with provided credentials."]}));

        let key = cookie(&by_field, "sessionid").unwrap();
        let token = cookie(&by_field, "csrftoken").unwrap();
        let cookies = format!("sessionid={key}; csrftoken={token}");
        assert_eq!(site.ask("GET", "/me/", &[("cookie", &cookies)], "").await.data, value!({"user": "ada"}));
        assert_eq!(site.ask("POST", "/logout/", &[("cookie", &cookies)], "").await.status, 403);
        let left = site.ask("POST", "/logout/", &[("cookie", &cookies), ("x-csrftoken", &token)], "").await;
        assert_eq!((left.status.as_u16(), cookie(&left, "sessionid").as_deref()), (204, Some("\"\"")));
        assert_eq!(site.session(&key), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_view_lets_another_site_s_page_log_in() {
    for site in Site::both().await {
        let asked = async |headers: &[(&str, &str)]| site.ask("POST", "/careless/", headers, ADA).await;
        for from in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://other.testserver"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = asked(&[JSON, from]).await;
            assert_eq!((answer.status.as_u16(), cookie(&answer, "sessionid")), (403, None), "{from:?}: {answer:?}");
        }
        // programs say nothing of a page, and the site's own page says that it is
        for from in [("x-nothing", "-"), ("origin", "http://testserver"), ("sec-fetch-site", "same-origin")] {
            assert_eq!(asked(&[JSON, from]).await.status, 204, "{from:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_look_the_same_are_the_same() {
    for site in Site::both().await {
        let sign_up = async |name: &str| {
            let user = value!({"username": name, "email": "Ada.B@EXAMPLE.Org", "password": "s3cret"});
            site.client.post("/sign-up/", user).await.unwrap()
        };
        let fish = sign_up("ﬁsh").await;
        assert_eq!(fish.data, value!({"id": 3, "username": "fish", "email": "Ada.B@example.org"}));
        let taken = value!({"username": ["A user with that username already exists."]});
        for same in ["fish", "ﬁsh", "ｆｉｓｈ", "ⓕⓘⓢⓗ", "𝐟𝐢𝐬𝐡"] {
            assert_eq!(sign_up(same).await.data, taken, "{same}");
        }
        // composed and not
        assert_eq!(sign_up("e\u{301}").await.data["username"], "\u{e9}".into());
        assert_eq!(sign_up("\u{e9}").await.data, taken);
        // it is the normalized name that has to fit
        assert_eq!(sign_up(&"\u{fdfa}".repeat(10)).await.status, 400);
        let no_room = value!({"username": "ann", "email": "a".repeat(260), "password": "x"});
        assert_eq!(site.client.post("/sign-up/", no_room).await.unwrap().status, 400);
        let nul = value!({"username": "ann", "email": "a\0@b", "password": "x"});
        assert_eq!(site.client.post("/sign-up/", nul).await.unwrap().status, 400);
        // Django's login form normalizes too
        let page = site.ask("GET", "/login/", &[], "").await;
        let token = cookie(&page, "csrftoken").unwrap();
        let cookies = format!("csrftoken={token}");
        let headers = [JSON, ("cookie", cookies.as_str()), ("x-csrftoken", token.as_str())];
        let answer = site.ask("POST", "/login/", &headers, r#"{"username": "ﬁsh", "password": "s3cret"}"#).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        // and whoever signed up by a name logs in by it, in every way
        for name in ["ﬁsh", "fish", "ⓕⓘⓢⓗ"] {
            let credentials = value!({"username": name, "password": "s3cret"});
            assert_eq!(site.client.post("/jwt/obtain/", credentials).await.unwrap().status, 200, "{name}");
            let basic = format!("Basic {}", STANDARD.encode(format!("{name}:s3cret")));
            let known = site.ask("GET", "/basic/", &[("authorization", &basic)], "").await;
            assert_eq!(known.data, value!({"user": "fish"}), "{name}");
        }
        // a name that somebody else wrote otherwise is found as it is, and goes before
        site.database.run("UPDATE auth_user SET username = 'ⓕⓘⓢⓗ' WHERE username = 'bob'");
        let basic = format!("Basic {}", STANDARD.encode("ⓕⓘⓢⓗ:s3cret"));
        let known = site.ask("GET", "/basic/", &[("authorization", &basic)], "").await;
        assert_eq!(known.data, value!({"user": "ⓕⓘⓢⓗ"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_demand_what_nobody_understands_are_refused() {
    for site in Site::both().await {
        let ask = async |header: &str, claims: &str| {
            let token = token(header, claims);
            let (used, verified) = (
                site.ask("GET", "/jwt/", &[("authorization", &format!("Bearer {token}"))], "").await,
                site.client.post("/jwt/verify/", value!({"token": token})).await.unwrap(),
            );
            assert_eq!(used.status, verified.status, "{header} {claims}: {used:?} {verified:?}");
            used.status.as_u16()
        };
        let plain = r#"{"alg":"HS256","typ":"JWT"}"#;
        for header in [
            plain,
            r#"{"alg":"HS256"}"#,
            // what a header says beside is nothing that has to be understood
            r#"{"alg":"HS256","typ":"at+jwt","kid":"../../dev/null","jku":"https://evil.example/"}"#,
            r#"{"alg":"HS256","x-own":[1,{"a":null}]}"#,
        ] {
            assert_eq!(ask(header, &claims("")).await, 200, "{header}");
        }
        for header in [
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":["http://example.com/UNDEFINED"],"http://example.com/UNDEFINED":true}"#,
            r#"{"alg":"HS256","crit":["b64"],"b64":true}"#,
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","crit":null}"#,
            r#"{"alg":"HS256","crit":"x"}"#,
            r#"{"alg":"HS256","b64":false}"#,
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"none","alg":"HS256"}"#,
            r#"{}"#,
            r#"[]"#,
            r#"null"#,
            "",
            r#"{"alg":"HS256""#,
        ] {
            assert_eq!(ask(header, &claims("")).await, 401, "{header}");
        }
        for fine in [r#", "aud": null"#, r#", "aud": []"#, r#", "sub": "1""#, r#", "nbf": 5"#, r#", "user_id": "1""#] {
            assert_eq!(ask(plain, &claims(fine)).await, 200, "{fine}");
        }
        for wrong in [
            r#", "aud": "somebody else""#,
            r#", "aud": ["somebody else"]"#,
            r#", "aud": 5"#,
            r#", "nbf": 4000000000"#,
            r#", "iat": 4000000000"#,
            r#", "exp": 5"#,
            r#", "exp": "soon""#,
            r#", "exp": 1e300"#,
            r#", "nbf": null"#,
            r#", "jti": 5"#,
            r#", "jti": "a\u0000b""#,
            r#", "sub": 5"#,
        ] {
            assert_eq!(ask(plain, &claims(wrong)).await, 401, "{wrong}");
        }
        assert_eq!(ask(plain, &claims(&format!(r#", "jti": "{}""#, "x".repeat(300)))).await, 401);
        assert_eq!(ask(plain, &claims(&format!(r#", "deep": {}{}"#, "[".repeat(5_000), "]".repeat(5_000)))).await, 401);
        let huge = token(plain, &claims(&format!(r#", "more": "{}""#, "x".repeat(1_000_000))));
        assert_eq!(site.client.post("/jwt/verify/", value!({"token": huge})).await.unwrap().status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_for_an_audience() {
    let site = Site::new(Db::sqlite(), JsonWebTokens::new(JWT_KEY, accounts()).audience("library").rotating()).await;
    let pair = site.client.post("/jwt/obtain/", value!({"username": "ada", "password": "s3cret"})).await.unwrap();
    let refresh = pair.data["refresh"].clone();
    let pair = site.client.post("/jwt/refresh/", value!({"refresh": refresh})).await.unwrap();
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let own = pair.data["access"].as_str().unwrap().to_owned();
    for (token, status) in [
        (own, 200),
        (token(header, &claims(r#", "aud": ["x", "library"]"#)), 200),
        (token(header, &claims("")), 401),
        (token(header, &claims(r#", "aud": "libraries""#)), 401),
    ] {
        let answer = site.ask("GET", "/jwt/", &[("authorization", &format!("Bearer {token}"))], "").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// What the start of a server says.
async fn start(way: std::sync::Arc<dyn Authentication>, bind: &str) -> Result<(), String> {
    start_with(way, bind, |_| ()).await
}

async fn start_with(
    way: std::sync::Arc<dyn Authentication>,
    bind: &str,
    change: fn(&mut Settings),
) -> Result<(), String> {
    let file = support::Database::sqlite();
    let view = ApiView::new("Me").get(me).authentication([way]);
    let url = file.url();
    let served = bowline::serve_at(DefaultRouter::new().path("me/", view).configure(change), &url, bind);
    match tokio::time::timeout(Duration::from_secs(2), served).await {
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(())) => panic!("it ended"),
        Err(_) => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_can_be_guessed_are_for_the_machine_itself() {
    let session = |key: &str| SessionAuthentication::new(Sessions::new(key)).shared();
    let jwt = |key: &str| JsonWebTokens::new(key, accounts()).shared();
    let fallback = |key: &str| SessionAuthentication::new(Sessions::new(KEY).with_fallback_keys([key])).shared();
    let insecure = format!("django-insecure-{KEY}");
    for weak in [session("short"), session(&insecure), session(&"ab".repeat(40)), fallback("short"), jwt("short")] {
        let refusal = start(weak.clone(), "0.0.0.0:0").await.unwrap_err();
        assert!(refusal.contains("50 random characters") && refusal.contains("loopback"), "{refusal}");
        assert!(!refusal.contains("short\""), "{refusal}");
        start(weak.clone(), "127.0.0.1:0").await.unwrap();
        // a proxy brings other machines to a loopback address
        let behind: [fn(&mut Settings); 2] = [
            |settings| settings.num_proxies = Some(1),
            |settings| settings.public_origin = Some("https://api.example.org".into()),
        ];
        for behind in behind {
            let refusal = start_with(weak.clone(), "127.0.0.1:0", behind).await.unwrap_err();
            assert!(refusal.contains("50 random characters") && refusal.contains("proxy"), "{refusal}");
        }
    }
    for empty in [session(""), fallback(""), jwt("")] {
        for bind in ["127.0.0.1:0", "0.0.0.0:0"] {
            let refusal = start(empty.clone(), bind).await.unwrap_err();
            assert!(refusal.contains("is empty"), "{refusal}");
        }
        let view = ApiView::new("Me").get(me).authentication([empty]);
        assert!(DefaultRouter::new().path("me/", view).into_axum(&Db::sqlite().url()).await.is_err());
    }
    // the views that give tokens out have them without any way of authentication
    let giving = DefaultRouter::new().path("jwt/", token_obtain_pair(JsonWebTokens::new("", accounts())));
    assert!(giving.into_axum(&Db::sqlite().url()).await.is_err());
    let giving = DefaultRouter::new().path("login/", login(Sessions::new("")));
    assert!(giving.into_axum(&Db::sqlite().url()).await.is_err());
    for fine in [session(KEY), jwt(JWT_KEY)] {
        start(fine, "0.0.0.0:0").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_repeats_no_address_that_it_does_not_know() {
    for address in [
        "postgress://me:s3cret@host/db",
        "mysql://me:s3cret@host/db",
        "POSTGRES://me:s3cret@host/db",
        "host=localhost password=s3cret",
        "password=s3cret host=localhost",
        "postgres://me:s3cret@localhost:1/db?connect_timeout=1",
        "postgres://localhost:1/db?password=s3cret&connect_timeout=1",
        "postgres://me:s3cret@localhost:port/db",
        "postgres://localhost/db?sslpassword=s3cret",
        "postgres://me:s3%cret@localhost/db",
        // what lost a part of its beginning, or has no place for a secret
        "postgres:me:s3cret@localhost/db",
        "postgres:/me:s3cret@localhost/db",
        "postgresql//me:s3cret@localhost/db",
        "me:s3cret@localhost/db",
        "'postgres:/s3cret@localhost/db'",
        "sqlite:///nonexistent/x?password=s3cret",
        "sqlite:x?key=s3cret",
        "/nonexistent/x?password=s3cret",
    ] {
        let error = DefaultRouter::new().into_axum(address).await.unwrap_err();
        let (said, shown) = (error.to_string(), format!("{error:?}"));
        assert!(!said.contains("cret") && !shown.contains("cret"), "{address}: {said} {shown}");
    }
    for file in ["host=localhost password=s3cret", "me:s3cret@localhost", "x?key=s3cret"] {
        assert!(!std::path::Path::new(file).exists(), "{file}");
    }
}
