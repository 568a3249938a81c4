//! The tables of users and tokens: nothing that happens beside a request is a 500, and they are there when the program starts.

use std::time::{Duration, Instant};

use bowline::authentication::{Accounts, Authentication, BearerTokens, JsonWebTokens, revoke_token};
use bowline::prelude::*;
use bowline::testing::Client;
use bowline::value;
use bowline::views::{obtain_auth_token, token_blacklist, token_obtain_pair, token_refresh};

use crate::support::Database;

/// Quick to check, and of no other use.
fn accounts() -> Accounts {
    use bowline::authentication::{Hasher, Passwords};
    Accounts::new(Passwords::new(Hasher::Pbkdf2Sha256 { iterations: 1 }))
}

async fn register(accounts: Accounts, mut request: Request) -> bowline::Result<Response> {
    let name = request.data().await?.get("username").and_then(Value::as_str).unwrap_or("").to_owned();
    let account = accounts.create_user(request.database()?, &name, "pw").await?;
    Ok(Response::new(value!({"id": account.id})))
}

async fn revoke(accounts: Accounts, request: Request) -> bowline::Result<Response> {
    if let Some(account) = accounts.by_username(request.database()?, "ann").await? {
        revoke_token(request.database()?, &account).await?;
    }
    Ok(Response::no_content())
}

fn tokens() -> JsonWebTokens {
    JsonWebTokens::new("a secret of at least 32 bytes, please", accounts()).rotating().blacklisting()
}

fn api() -> DefaultRouter {
    let accounts = accounts();
    let (to_register, to_revoke) = (accounts.clone(), accounts.clone());
    DefaultRouter::new()
        .path("register/", ApiView::new("R").post(move |request| register(to_register.clone(), request)))
        .path("revoke/", ApiView::new("V").post(move |request| revoke(to_revoke.clone(), request)))
        .path("token/", obtain_auth_token(accounts))
        .path("jwt/", token_obtain_pair(tokens()))
        .path("jwt/refresh/", token_refresh(tokens()))
        .path("jwt/blacklist/", token_blacklist(tokens()))
}

fn each(test: impl AsyncFn(&Database)) {
    Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(test(database));
    });
}

/// Asks again and again from several tasks, and counts the statuses.
async fn churn(
    database: &Database,
    tasks: &[(&'static str, Value)],
    other: impl AsyncFn(&Database),
) -> Vec<(u16, u32)> {
    let until = Instant::now() + Duration::from_secs(3);
    let mut asked = Vec::new();
    for (path, body) in tasks.iter().cycle().take(8.max(tasks.len())).cloned() {
        let client = Client::over(&database.url(), api()).await.unwrap();
        asked.push(tokio::spawn(async move {
            let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
            while Instant::now() < until {
                let answer = client.post(path, body.clone()).await.unwrap();
                *statuses.entry(answer.status.as_u16()).or_default() += 1;
                if answer.status != 200 {
                    eprintln!("{path} {} {}", answer.status, String::from_utf8_lossy(&answer.body));
                }
            }
            statuses
        }));
    }
    while Instant::now() < until {
        other(database).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let mut all = std::collections::BTreeMap::<u16, u32>::new();
    for asked in asked {
        for (status, count) in asked.await.unwrap() {
            *all.entry(status).or_default() += count;
        }
    }
    all.into_iter().collect()
}

#[test]
fn a_token_is_obtained_beside_those_who_revoke_it() {
    each(async |database| {
        let client = Client::over(&database.url(), api()).await.unwrap();
        assert_eq!(client.post("/register/", value!({"username": "ann"})).await.unwrap().status, 200);
        let body = value!({"username": "ann", "password": "pw"});
        let tasks =
            [("/token/", body.clone()), ("/revoke/", Value::Null), ("/token/", body), ("/revoke/", Value::Null)];
        let statuses = churn(database, &tasks, async |_| {}).await;
        println!("{}: {statuses:?}", database.name());
        assert!(statuses.iter().all(|(status, _)| matches!(status, 200 | 204)), "{}: {statuses:?}", database.name());
    });
}

/// The user of a token goes between the check of its password and the token.
#[test]
fn a_user_goes_while_it_logs_in() {
    each(async |database| {
        let client = Client::over(&database.url(), api()).await.unwrap();
        // as in Django's table, a refresh token belongs to a user
        if matches!(database, Database::Postgres(_)) {
            database.run(
                "ALTER TABLE token_blacklist_outstandingtoken ADD FOREIGN KEY (user_id) REFERENCES auth_user (id) \
                 DEFERRABLE INITIALLY DEFERRED",
            );
        }
        let body = value!({"username": "ann", "password": "pw"});
        let tasks = [("/token/", body.clone()), ("/jwt/", body.clone())];
        let statuses = churn(database, &tasks, async |database| {
            let made = client.post("/register/", value!({"username": "ann"})).await.unwrap();
            // a token that came between two of the deletions has kept the user
            assert!(matches!(made.status.as_u16(), 200 | 400), "{}", String::from_utf8_lossy(&made.body));
            let token = client.post("/token/", body.clone()).await.unwrap();
            assert_eq!(token.status, 200, "{}", String::from_utf8_lossy(&token.body));
            tokio::time::sleep(Duration::from_millis(60)).await;
            // PostgreSQL: a token that comes during the deletion would fail it, and not the request
            let lock = match database {
                Database::Sqlite(_) => "",
                Database::Postgres(_) => {
                    "LOCK TABLE token_blacklist_outstandingtoken, authtoken_token IN SHARE ROW EXCLUSIVE MODE; "
                }
            };
            database.run(&format!(
                "{lock}DELETE FROM token_blacklist_outstandingtoken; DELETE FROM authtoken_token; \
                 DELETE FROM auth_user WHERE NOT EXISTS (SELECT 1 FROM authtoken_token) \
                 AND NOT EXISTS (SELECT 1 FROM token_blacklist_outstandingtoken)",
            ));
        });
        let statuses = statuses.await;
        println!("{}: {statuses:?}", database.name());
        assert!(statuses.iter().all(|(status, _)| *status < 500), "{}: {statuses:?}", database.name());
    });
}

/// Two rotations, and a blacklisting, of one refresh token at once: one succeeds.
#[test]
fn a_refresh_token_is_used_once() {
    each(async |database| {
        let client = Client::over(&database.url(), api()).await.unwrap();
        client.post("/register/", value!({"username": "ann"})).await.unwrap();
        for _ in 0..10 {
            let pair = client.post("/jwt/", value!({"username": "ann", "password": "pw"})).await.unwrap();
            let body = value!({"refresh": pair.data.get("refresh").unwrap().clone()});
            let all = futures_util::future::join_all(
                ["/jwt/refresh/", "/jwt/blacklist/", "/jwt/refresh/", "/jwt/blacklist/"]
                    .map(|path| client.post(path, body.clone())),
            );
            let statuses: Vec<u16> = all.await.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, 200 | 401)), "{statuses:?}");
        }
    });
}

async fn whoami(request: Request) -> Response {
    Response::new(request.user().map(|user| user.username.clone()))
}

async fn issue(tokens: BearerTokens, request: Request) -> bowline::Result<Response> {
    Ok(Response::new(value!({"token": tokens.issue(request.database()?, 1, "test").await?})))
}

fn with_all_layers() -> DefaultRouter {
    let bearer = BearerTokens::new(accounts());
    let settings = Settings { authentication: vec![bearer.clone().shared(), tokens().shared()], ..Settings::default() };
    api()
        .path("me/", ApiView::new("Me").get(whoami))
        .path("issue/", ApiView::new("Issue").authentication([]).post(move |request| issue(bearer.clone(), request)))
        .settings(settings)
}

/// Tables are asked for when the program starts: made there, or missed there with the statement that makes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_make_tables() {
    let database = Database::postgres();
    database.run(
        "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    );
    let limited = database.url().replace("bowline@", "reader@");
    let refused = Client::over(&limited, with_all_layers()).await.expect_err("a start without tables").to_string();
    for table in ["auth_user", "bowline_token", "token_blacklist_outstandingtoken", "token_blacklist_blacklistedtoken"]
    {
        assert!(refused.contains(&format!("no table {table}")), "{refused}");
        assert!(refused.contains(&format!("CREATE TABLE IF NOT EXISTS \"{table}\"")), "{refused}");
    }
    // made by a role that may, without a request
    drop(Client::over(&database.url(), with_all_layers()).await.unwrap());
    let made = "SELECT count(*) FROM pg_tables WHERE tablename IN ('bowline_token', 'token_blacklist_outstandingtoken', \
                'token_blacklist_blacklistedtoken')";
    assert_eq!(database.list(made), ["3"]);
    database.run(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO reader",
    );
    let client = Client::over(&limited, with_all_layers()).await.unwrap();
    assert_eq!(client.post("/register/", value!({"username": "ann"})).await.unwrap().status, 200);
    let pair = client.post("/jwt/", value!({"username": "ann", "password": "pw"})).await.unwrap();
    assert_eq!(pair.status, 200);
    let refresh = value!({"refresh": pair.data.get("refresh").unwrap().clone()});
    assert_eq!(client.post("/jwt/refresh/", refresh).await.unwrap().status, 200);
    let issued = client.post("/issue/", Value::Null).await.unwrap();
    assert_eq!(issued.status, 200);
    let mut client = client;
    let header = format!("Bearer {}", issued.data.get("token").and_then(Value::as_str).unwrap());
    client.header(http::header::AUTHORIZATION, &header);
    assert_eq!(client.get("/me/").await.unwrap().data, Value::from("ann"));
}
