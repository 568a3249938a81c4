//! Django's sessions: who logged in once is known by a cookie.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use http::header::{COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue};
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::accounts::USERS;
use super::keys::{self, Weakness};
use super::row::Row;
use super::signing::{self, dumps, loads, salted_hmac};
use super::tables::{AUTH_USER, DJANGO_SESSION};
use super::{Account, Accounts, Authenticated, Authentication, cookies, csrf, random};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::{Database, Needs};
use crate::value::Value;

pub(super) const SESSIONS: &str = "django_session";
const SALT: &str = "django.contrib.sessions.SessionStore";
const HASH_SALT: &str = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";
const BACKEND: &str = "django.contrib.auth.backends.ModelBackend";
const KEY_CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// A year less a day, as Django's `CSRF_COOKIE_AGE`.
const CSRF_AGE: i64 = 31_449_600;

/// Sessions in Django's table `django_session`, read and written as Django does: an application of Django's beside this one,
/// with the same secret key, shares them. Cheap to clone.
///
/// A router with an empty key does not start; with one that Django's check would warn of (shorter than 50 characters, less than
/// five different ones, `django-insecure-`), [`serve`](crate::serve) listens on loopback addresses only.
///
/// ```
/// use bowline::authentication::{Authentication, SessionAuthentication, Sessions};
/// use bowline::prelude::*;
/// use bowline::views::{login, logout};
///
/// let sessions = Sessions::new("the SECRET_KEY of Django's settings, at least 50 characters");
/// let me = ApiView::new("Me").get(async |request: Request| Response::new(request.user().map(|user| user.username.clone())));
/// let api = DefaultRouter::new()
///     .path("login/", login(sessions.clone()))
///     .path("logout/", logout(sessions.clone()))
///     .path("me/", me.authentication([SessionAuthentication::new(sessions).shared()]));
/// # let _ = api;
/// ```
///
/// A login view of one's own begins with [`check_csrf`](Sessions::check_csrf), else any page could log its readers in as somebody
/// whose account it knows, and see what they enter there:
///
/// ```
/// use bowline::authentication::Sessions;
/// use bowline::prelude::*;
///
/// async fn login(sessions: Sessions, mut request: Request) -> bowline::Result<Response> {
///     sessions.check_csrf(&request)?;
///     let data = request.validate().await?; // by the view's serializer
///     let text = |name| data.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
///     let (username, password) = (text("username"), text("password"));
///     let database = request.database()?;
///     let account = sessions.accounts().authenticate(database, &username, &password).await?;
///     let account = account.ok_or_else(|| Error::authentication_failed("Unable to log in."))?;
///     Ok(Response::no_content().extended(sessions.login(&request, database, &account).await?))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    /// The key that signs, and before it those that did.
    secrets: Vec<Vec<u8>>,
    accounts: Accounts,
    session_cookie: Cow<'static, str>,
    csrf_cookie: Cow<'static, str>,
    domain: Option<Cow<'static, str>>,
    secure: bool,
    age: i64,
    trusted: Vec<String>,
    backends: Vec<Cow<'static, str>>,
}

/// Without the secrets.
impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("cookie", &self.session_cookie)
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}

/// What a request's session is.
#[derive(Debug)]
enum Found {
    /// No cookie came.
    None,
    /// A cookie came, of no session that there is.
    Unknown,
    /// A session.
    Session(Session),
}

/// A session as the database has it.
#[derive(Debug)]
struct Session {
    key: String,
    data: Value,
    /// The signed text of its data.
    stored: String,
}

impl Sessions {
    /// With Django's `SECRET_KEY`.
    pub fn new(secret_key: impl AsRef<[u8]>) -> Self {
        let inner = Inner {
            secrets: vec![secret_key.as_ref().to_vec()],
            accounts: Accounts::default(),
            session_cookie: "sessionid".into(),
            csrf_cookie: "csrftoken".into(),
            domain: None,
            secure: false,
            age: 1_209_600,
            trusted: Vec::new(),
            backends: vec![BACKEND.into()],
        };
        Sessions { inner: Arc::new(inner) }
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    /// With other accounts than Django's defaults.
    pub fn with_accounts(self, accounts: Accounts) -> Self {
        self.with(|inner| inner.accounts = accounts)
    }

    /// With keys that signed before, Django's `SECRET_KEY_FALLBACKS`: what they signed holds on.
    pub fn with_fallback_keys<K: AsRef<[u8]>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        self.with(|inner| inner.secrets.extend(keys.into_iter().map(|key| key.as_ref().to_vec())))
    }

    /// For an application that clients reach by HTTPS alone: cookies are `Secure`, and what writes must come from the site
    /// itself by its `Referer` where it has no `Origin`. Without it this holds for requests that are known to come by HTTPS
    /// ([`is_secure`](Context::is_secure)).
    pub fn secure(self) -> Self {
        self.with(|inner| inner.secure = true)
    }

    /// With cookies for a domain, Django's `SESSION_COOKIE_DOMAIN` and `CSRF_COOKIE_DOMAIN`.
    pub fn domain(self, domain: impl Into<Cow<'static, str>>) -> Self {
        self.with(|inner| inner.domain = Some(domain.into()))
    }

    /// With another life than two weeks, Django's `SESSION_COOKIE_AGE`.
    pub fn age(self, age: std::time::Duration) -> Self {
        self.with(|inner| inner.age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
    }

    /// With other origins whose pages may write, Django's `CSRF_TRUSTED_ORIGINS`: `https://*.example.org`.
    pub fn trusted_origins<O: Into<String>>(self, origins: impl IntoIterator<Item = O>) -> Self {
        self.with(|inner| inner.trusted = origins.into_iter().map(Into::into).collect())
    }

    /// With other names in sessions of who checked the password, Django's `AUTHENTICATION_BACKENDS`; the first is written.
    pub fn backends<B: Into<Cow<'static, str>>>(self, backends: impl IntoIterator<Item = B>) -> Self {
        self.with(|inner| inner.backends = backends.into_iter().map(Into::into).collect())
    }

    /// The accounts that log in.
    pub fn accounts(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Refuses a request that another site's page may have had a browser send, Django's `csrf_protect`: what writes needs the
    /// token of the cookie `csrftoken` in the header `X-CSRFToken`, and comes from the site itself or a trusted one.
    ///
    /// [`SessionAuthentication`] does so for clients that are logged in; a login view has to do it by itself.
    ///
    /// # Errors
    ///
    /// 403 in Django's words.
    pub fn check_csrf(&self, request: &Context) -> Result<()> {
        self.check_csrf_of(request, None)
    }

    /// The same where the form has a field `csrfmiddlewaretoken`.
    pub(crate) fn check_csrf_of(&self, request: &Context, field: Option<&str>) -> Result<()> {
        csrf::refusal(request, field, &self.site()).map_or(Ok(()), refused)
    }

    fn site(&self) -> csrf::Site<'_> {
        let Inner { csrf_cookie, secure, domain, trusted, .. } = &*self.inner;
        csrf::Site { cookie: csrf_cookie, secure: *secure, domain: domain.as_deref(), trusted }
    }

    /// Logs a user in: a new session, and a new CSRF secret, whose cookies are to be set on the answer. The key that the client
    /// came with is worth nothing any more, so nobody can have put it there beforehand. What an anonymous session held stays, and
    /// that of the same user; that of another user, or from before the password was changed, is flushed.
    ///
    /// # Errors
    ///
    /// 403 where a browser says that the request comes from another site, whatever [`check_csrf`](Self::check_csrf) was asked;
    /// where the database fails.
    pub async fn login(&self, request: &Context, database: &Database, account: &Account) -> Result<HeaderMap> {
        csrf::cross_site(request, &self.site()).map_or(Ok(()), refused)?;
        keys::must_not_be_empty(self.inner.weakness())?;
        let Inner { age, backends, .. } = &*self.inner;
        let secret = self.inner.secret();
        let hash = auth_hash(account, secret);
        let user = account.id.to_string();
        let (old, mut data) = match self.found(request, database).await? {
            Found::Session(Session { key, data, .. }) => {
                let is_known = text(&data, "_auth_user_id").is_some();
                let is_same = text(&data, "_auth_user_id") == Some(&user)
                    && signing::same(text(&data, "_auth_user_hash").unwrap_or("").as_bytes(), hash.as_bytes());
                (Some(key), if is_known && !is_same { Value::map() } else { data })
            }
            Found::None | Found::Unknown => (None, Value::map()),
        };
        if let Value::Map(map) = &mut data {
            map.insert("_auth_user_id", user.into());
            let backend = backends.first().map_or(BACKEND, |backend| backend.as_ref());
            map.insert("_auth_user_backend", backend.into());
            map.insert("_auth_user_hash", hash.into());
        }
        let now = Utc::now();
        let key = random::text(32, KEY_CHARACTERS)?;
        let expires =
            now.checked_add_signed(TimeDelta::seconds(*age)).ok_or_else(|| Error::internal("the age of sessions"))?;
        let mut insert = Query::insert();
        insert.into_table(SESSIONS).columns(["session_key", "session_data", "expire_date"]);
        let packed = dumps(&data, SALT, secret, now.timestamp())?;
        insert.values([key.clone().into(), packed.into(), expires.into()]).map_err(Error::internal)?;
        let mut seen = Query::update();
        seen.table(USERS).value("last_login", now).and_where(Expr::col("id").eq(account.id));
        let mut unit = vec![database.built(&insert), database.built(&seen)];
        if let Some(old) = old {
            let mut delete = Query::delete();
            delete.from_table(SESSIONS).and_where(Expr::col("session_key").eq(old));
            unit.push(database.built(&delete));
        }
        database.apply_all(unit).await?;
        let mut headers = varying();
        let attributes = self.attributes(request, *age, true);
        add(&mut headers, &cookies::set(&self.inner.session_cookie, &key, &attributes, now));
        self.set_csrf(request, &mut headers, &csrf::secret()?);
        Ok(headers)
    }

    /// Logs the client out: its session is deleted, and its cookie is to be deleted by the answer.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn logout(&self, request: &Context, database: &Database) -> Result<HeaderMap> {
        let mut headers = varying();
        if let Some(key) = cookies::read(request, &self.inner.session_cookie) {
            self.delete(database, &key).await?;
            self.forget(&mut headers);
        }
        Ok(headers)
    }

    /// The cookie that a page needs before it may write, Django's `ensure_csrf_cookie`: the one that the client has, for
    /// longer, or a new one.
    ///
    /// # Errors
    ///
    /// 500 where the machine has no random numbers.
    pub fn csrf_cookie(&self, request: &Context) -> Result<HeaderMap> {
        let mut headers = varying();
        let secret = match csrf::secret_of(request, &self.inner.csrf_cookie) {
            Some(secret) => secret,
            None => csrf::secret()?,
        };
        self.set_csrf(request, &mut headers, &secret);
        Ok(headers)
    }

    fn set_csrf(&self, request: &Context, headers: &mut HeaderMap, secret: &str) {
        let attributes = self.attributes(request, CSRF_AGE, false);
        add(headers, &cookies::set(&self.inner.csrf_cookie, secret, &attributes, Utc::now()));
    }

    fn attributes(&self, request: &Context, max_age: i64, http_only: bool) -> cookies::Attributes<'_> {
        let secure = self.inner.secure || request.is_secure();
        cookies::Attributes { domain: self.inner.domain.as_deref(), secure, http_only, max_age }
    }

    /// Has the client forget its cookie.
    fn forget(&self, headers: &mut HeaderMap) {
        add(headers, &cookies::delete(&self.inner.session_cookie, self.inner.domain.as_deref()));
    }

    async fn delete(&self, database: &Database, key: &str) -> Result<()> {
        if !key.contains('\0') {
            let mut delete = Query::delete();
            delete.from_table(SESSIONS).and_where(Expr::col("session_key").eq(key));
            database.apply(&delete).await?;
        }
        Ok(())
    }

    async fn found(&self, request: &Context, database: &Database) -> Result<Found> {
        let Some(key) = cookies::read(request, &self.inner.session_cookie) else { return Ok(Found::None) };
        if key.chars().count() < 8 || key.contains('\0') {
            return Ok(Found::Unknown);
        }
        let by = |key| {
            let mut select = Query::select();
            select.columns(["session_data", "expire_date"]).from(SESSIONS);
            select.and_where(Expr::col("session_key").eq(key)).to_owned()
        };
        let rows = database.lookup("django_session.session_key", key.as_str(), by).await?;
        if rows.is_empty() {
            return Ok(Found::Unknown);
        }
        let row = Row(&rows, 0);
        if row.time(1)?.is_none_or(|expires| expires <= Utc::now()) {
            return Ok(Found::Unknown);
        }
        let stored = row.text(0)?;
        let data = loads(&stored, SALT, &self.inner.secrets).filter(|data| data.as_map().is_some());
        Ok(Found::Session(Session { key, data: data.unwrap_or_else(Value::map), stored }))
    }

    /// The user of a request's session.
    async fn user(&self, request: &Context, database: &Database, headers: &mut HeaderMap) -> Result<Option<Account>> {
        let session = match self.found(request, database).await? {
            Found::None => return Ok(None),
            Found::Unknown => {
                self.forget(headers);
                return Ok(None);
            }
            Found::Session(session) => session,
        };
        let id = text(&session.data, "_auth_user_id").and_then(|id| id.parse().ok());
        let backend = text(&session.data, "_auth_user_backend").unwrap_or("");
        let Some(id) = id.filter(|_| self.inner.backends.iter().any(|known| known == backend)) else { return Ok(None) };
        let account = self.accounts().by_key(database, id).await?;
        let Some(account) = account.filter(|account| account.is_active) else { return Ok(None) };
        let hash = text(&session.data, "_auth_user_hash").unwrap_or("");
        let is_by = |secret: &Vec<u8>| signing::same(hash.as_bytes(), auth_hash(&account, secret).as_bytes());
        match self.inner.secrets.iter().position(is_by) {
            Some(0) => Ok(Some(account)),
            Some(_) => {
                self.renew(database, session, &account).await?;
                Ok(Some(account))
            }
            None => {
                // the password is another one since
                self.delete(database, &session.key).await?;
                self.forget(headers);
                Ok(None)
            }
        }
    }

    /// Signs a session that a fallback key signed by the present one, so that it outlives the fallback. Django gives it another
    /// key too, which logs out whoever sends two requests at once; nothing is won by that here.
    async fn renew(&self, database: &Database, session: Session, account: &Account) -> Result<()> {
        let Session { key, mut data, stored } = session;
        let secret = self.inner.secret();
        if let Value::Map(map) = &mut data {
            map.insert("_auth_user_hash", auth_hash(account, secret).into());
        }
        let mut update = Query::update();
        update.table(SESSIONS).value("session_data", dumps(&data, SALT, secret, Utc::now().timestamp())?);
        // what somebody else wrote meanwhile stays
        update.and_where(Expr::col("session_key").eq(key)).and_where(Expr::col("session_data").eq(stored));
        database.apply(&update).await?;
        Ok(())
    }
}

impl Inner {
    /// The key that signs.
    fn secret(&self) -> &[u8] {
        self.secrets.first().map_or(&[], Vec::as_slice)
    }

    /// What is wrong with the keys; an empty one goes before.
    fn weakness(&self) -> Option<Weakness> {
        let found = self.secrets.iter().filter_map(|secret| keys::of_secret(secret));
        found.max_by_key(|weakness| *weakness == Weakness::Empty)
    }
}

/// Django's `get_session_auth_hash`.
fn auth_hash(account: &Account, secret: &[u8]) -> String {
    random::to_hex(&salted_hmac(HASH_SALT, &account.password, secret))
}

fn refused(reason: String) -> Result<()> {
    Err(Error::denied(format!("CSRF Failed: {reason}"), "permission_denied"))
}

fn text<'a>(data: &'a Value, name: &str) -> Option<&'a str> {
    data.as_map()?.get(name)?.as_str()
}

fn varying() -> HeaderMap {
    HeaderMap::from_iter([(VARY, HeaderValue::from_static("Cookie"))])
}

fn add(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// By the cookie of a session, DRF's `SessionAuthentication`. What writes needs Django's CSRF token in the header
/// `X-CSRFToken`; without one the answer is 403.
///
/// See [`Sessions`].
#[derive(Clone, Debug)]
pub struct SessionAuthentication {
    sessions: Sessions,
}

impl SessionAuthentication {
    /// By sessions.
    pub fn new(sessions: Sessions) -> Self {
        SessionAuthentication { sessions }
    }
}

#[async_trait]
impl Authentication for SessionAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        self.authenticate_with(request, database, &mut HeaderMap::new()).await
    }

    async fn authenticate_with(
        &self,
        request: &Context,
        database: &Database,
        headers: &mut HeaderMap,
    ) -> Result<Option<Authenticated>> {
        if csrf::is_broken(request, &self.sessions.inner.csrf_cookie) {
            // its client could not write with it
            self.sessions.set_csrf(request, headers, &csrf::secret()?);
        }
        let Some(account) = self.sessions.user(request, database, headers).await? else { return Ok(None) };
        self.sessions.check_csrf(request)?;
        Ok(Some(Authenticated::new(account.into())))
    }

    fn has_credentials(&self, request: &Context) -> bool {
        request.headers().is_some_and(|headers| headers.contains_key(COOKIE))
    }

    fn tables(&self) -> &'static [Needs] {
        &[AUTH_USER, DJANGO_SESSION]
    }

    fn check(&self) -> Result<(), String> {
        keys::check("Sessions", self.sessions.inner.weakness())
    }

    fn weakness(&self) -> Option<String> {
        self.sessions.inner.weakness().map(|weakness| keys::sentence("Sessions", weakness))
    }

    fn vary(&self) -> Option<&'static str> {
        Some("Cookie")
    }

    fn csrf_cookie(&self, request: &Context) -> Option<HeaderMap> {
        // without random numbers there is a page, but nobody writes from it
        self.sessions.csrf_cookie(request).ok()
    }
}
