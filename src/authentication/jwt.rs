//! JSON web tokens, with the contract of djangorestframework-simplejwt.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, OnConflict, Query, Table, TableCreateStatement};
use serde_json::{Map, Value as Json};

use super::keys::{self, Weakness};
use super::tables::AUTH_USER;
use super::token::is_orphan;
use super::{Account, Accounts, Authenticated, Authentication, random};
use crate::context::Context;
use crate::error::{Error, ErrorDetail, Result, ValidationError};
use crate::store::{Bound, Database, Needs, Rows, StoreError};
use crate::value::{Value, json};

const OUTSTANDING: &str = "token_blacklist_outstandingtoken";
const BLACKLISTED: &str = "token_blacklist_blacklistedtoken";
/// The most bytes of a token; no header can be longer.
const LONGEST: usize = 64 << 10;

/// Access and refresh tokens signed by HMAC, as djangorestframework-simplejwt makes and reads them: an application of Django's
/// with the same key accepts them, and the other way round. Cheap to clone.
///
/// ```
/// use std::time::Duration;
///
/// use bowline::authentication::{Accounts, Authentication, JsonWebTokens};
/// use bowline::prelude::*;
/// use bowline::views::{token_blacklist, token_obtain_pair, token_refresh, token_verify};
///
/// let tokens = JsonWebTokens::new("a secret of at least 32 bytes, please", Accounts::default())
///     .access_lifetime(Duration::from_secs(300))
///     .rotating()
///     .blacklisting();
/// let api = DefaultRouter::new()
///     .path("api/token/", token_obtain_pair(tokens.clone()))
///     .path("api/token/refresh/", token_refresh(tokens.clone()))
///     .path("api/token/verify/", token_verify(tokens.clone()))
///     .path("api/token/blacklist/", token_blacklist(tokens.clone()))
///     .settings(Settings { authentication: vec![tokens.shared()], ..Settings::default() });
/// # let _ = api;
/// ```
#[derive(Clone, Debug)]
pub struct JsonWebTokens {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    signing: EncodingKey,
    verifying: DecodingKey,
    accounts: Accounts,
    access: TimeDelta,
    refresh: TimeDelta,
    rotates: bool,
    blacklists: bool,
    audience: Option<Cow<'static, str>>,
    /// Why the key is none to sign with.
    weakness: Option<Weakness>,
}

/// Without the keys.
impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonWebTokens")
            .field("access", &self.access)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}

/// What a client gets.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// For requests, for some minutes.
    pub access: String,
    /// For new access tokens; none where a refresh keeps the one that the client has.
    pub refresh: Option<String>,
}

/// Without the tokens.
impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenPair").finish_non_exhaustive()
    }
}

type Claims = Map<String, Json>;

impl JsonWebTokens {
    /// Signed by HS256 with a key, simplejwt's `SIGNING_KEY` (Django's `SECRET_KEY` there), for accounts.
    ///
    /// RFC 7518 demands 32 bytes of it. A router with an empty key does not start; with a shorter one, or one that can be guessed,
    /// [`serve`](crate::serve) listens on loopback addresses only.
    pub fn new(key: impl AsRef<[u8]>, accounts: Accounts) -> Self {
        let inner = Inner {
            signing: EncodingKey::from_secret(key.as_ref()),
            verifying: DecodingKey::from_secret(key.as_ref()),
            accounts,
            access: TimeDelta::minutes(5),
            refresh: TimeDelta::days(1),
            rotates: false,
            blacklists: false,
            audience: None,
            weakness: keys::of_token(key.as_ref()),
        };
        JsonWebTokens { inner: Arc::new(inner) }
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    /// With another life of access tokens than five minutes, `ACCESS_TOKEN_LIFETIME`.
    pub fn access_lifetime(self, lifetime: Duration) -> Self {
        self.with(|inner| inner.access = TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::days(36_500)))
    }

    /// With another life of refresh tokens than a day, `REFRESH_TOKEN_LIFETIME`.
    pub fn refresh_lifetime(self, lifetime: Duration) -> Self {
        self.with(|inner| inner.refresh = TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::days(36_500)))
    }

    /// A refresh answers a new refresh token too, `ROTATE_REFRESH_TOKENS`.
    pub fn rotating(self) -> Self {
        self.with(|inner| inner.rotates = true)
    }

    /// Refresh tokens may be ended before their time, `BLACKLIST_AFTER_ROTATION` with the app `token_blacklist`: one that was
    /// rotated is worth nothing any more, and of two that rotate it at once exactly one succeeds. simplejwt's tables are made when
    /// the program starts where they are absent.
    pub fn blacklisting(self) -> Self {
        self.with(|inner| inner.blacklists = true)
    }

    /// For one audience, simplejwt's `AUDIENCE`: tokens name it in `aud`, and those that do not are refused.
    ///
    /// Without it a token that is for some audience is refused, as RFC 7519, section 4.1.3, demands.
    pub fn audience(self, audience: impl Into<Cow<'static, str>>) -> Self {
        self.with(|inner| inner.audience = Some(audience.into()))
    }

    /// The accounts that log in.
    pub fn accounts(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Tokens for a user that has logged in, `RefreshToken.for_user`.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn issue(&self, database: &Database, account: &Account) -> Result<TokenPair> {
        let now = Utc::now();
        let mut claims = self.fresh("refresh", self.inner.refresh, now)?;
        claims.insert("user_id".into(), account.id.to_string().into());
        let refresh = self.sign(&claims)?;
        if self.inner.blacklists {
            self.made(database).await?;
            let outstanding = self.outstanding(database, &claims, &refresh, Some(account.id), now)?;
            database.apply_all(vec![outstanding]).await.map_err(no_orphan)?;
        }
        Ok(TokenPair { access: self.access(&claims, now)?, refresh: Some(refresh) })
    }

    /// New tokens for a refresh token.
    ///
    /// # Errors
    ///
    /// 401 where the token, or its user, is not good any more.
    pub async fn refresh(&self, database: &Database, token: &str) -> Result<TokenPair> {
        let now = Utc::now();
        let claims = self.verified_refresh(database, token, now).await?;
        let account = match user_id(&claims) {
            Some(id) => self.accounts().by_key(database, id).await?,
            None => None,
        };
        let has_user = claims.get("user_id").is_some_and(|id| !id.is_null());
        if has_user && account.as_ref().is_none_or(|account| !account.is_active) {
            return Err(no_account());
        }
        let access = self.access(&claims, now)?;
        if !self.inner.rotates {
            return Ok(TokenPair { access, refresh: None });
        }
        let mut next = claims.clone();
        next.extend(self.fresh("refresh", self.inner.refresh, now)?);
        let refresh = self.sign(&next)?;
        if self.inner.blacklists {
            let user = account.as_ref().map(|account| account.id);
            let next = self.outstanding(database, &next, &refresh, user, now)?;
            self.end(database, &claims, token, user, now, Some(next)).await?;
        }
        Ok(TokenPair { access, refresh: Some(refresh) })
    }

    /// Whether a token of any type is good, simplejwt's `TokenVerifySerializer`.
    ///
    /// # Errors
    ///
    /// 401 where it is not; 400 where it is blacklisted.
    pub async fn verify(&self, database: &Database, token: &str) -> Result<()> {
        let claims = self.decode(token, Utc::now()).and_then(|claims| checked(claims, None)).map_err(invalid)?;
        if self.inner.blacklists && self.is_blacklisted(database, &claims).await? {
            return Err(ValidationError::field(
                crate::error::NON_FIELD_ERRORS,
                ValidationError::new("Token is blacklisted", "invalid"),
            )
            .into());
        }
        Ok(())
    }

    /// Ends a refresh token before its time.
    ///
    /// # Errors
    ///
    /// 401 where the token is not good any more.
    pub async fn blacklist(&self, database: &Database, token: &str) -> Result<()> {
        let now = Utc::now();
        let claims = self.verified_refresh(database, token, now).await?;
        if !self.inner.blacklists {
            return Ok(());
        }
        let account = match user_id(&claims) {
            Some(id) => self.accounts().by_key(database, id).await?,
            None => None,
        };
        self.end(database, &claims, token, account.map(|account| account.id), now, None).await
    }

    async fn verified_refresh(&self, database: &Database, token: &str, now: DateTime<Utc>) -> Result<Claims> {
        let claims = self.decode(token, now).map_err(invalid)?;
        if self.inner.blacklists && self.is_blacklisted(database, &claims).await? {
            return Err(invalid("Token is blacklisted"));
        }
        checked(claims, Some("refresh")).map_err(invalid)
    }

    /// The claims that every new token has of its own.
    fn fresh(&self, kind: &str, lifetime: TimeDelta, now: DateTime<Utc>) -> Result<Claims> {
        let end = now.checked_add_signed(lifetime).ok_or_else(|| Error::internal("the life of a token"))?;
        let mut claims = Claims::new();
        claims.insert("token_type".into(), kind.into());
        claims.insert("exp".into(), end.timestamp().into());
        claims.insert("iat".into(), now.timestamp().into());
        claims.insert("jti".into(), random::hex(16)?.into());
        if let Some(audience) = &self.inner.audience {
            claims.insert("aud".into(), audience.as_ref().into());
        }
        Ok(claims)
    }

    fn access(&self, refresh: &Claims, now: DateTime<Utc>) -> Result<String> {
        let mut claims = self.fresh("access", self.inner.access, now)?;
        let copied = refresh.iter().filter(|(name, _)| !matches!(name.as_str(), "token_type" | "exp" | "jti" | "iat"));
        claims.extend(copied.map(|(name, value)| (name.clone(), value.clone())));
        self.sign(&claims)
    }

    fn sign(&self, claims: &Claims) -> Result<String> {
        keys::must_not_be_empty(self.inner.weakness)?;
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.inner.signing).map_err(Error::internal)
    }

    /// The claims of a token whose signature and times are good; why not otherwise.
    fn decode(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, &'static str> {
        if self.inner.weakness == Some(Weakness::Empty) || token.len() > LONGEST || !is_understood(token) {
            return Err("Token is invalid");
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.inner.verifying, &validation);
        let claims = decoded.map_err(|_| "Token is invalid")?.claims;
        // as PyJWT judges the registered claims
        let now = now.timestamp();
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or("Token is invalid"),
        };
        let is_early = time("iat")?.is_some_and(|at| at > now) || time("nbf")?.is_some_and(|at| at > now);
        let is_text = |name: &str| claims.get(name).is_none_or(Json::is_string);
        if is_early || !is_text("sub") || !is_text("jti") || !self.is_for_us(&claims) || !has_storable_id(&claims) {
            return Err("Token is invalid");
        }
        if time("exp")?.is_some_and(|at| at <= now) {
            return Err("Token is expired");
        }
        Ok(claims)
    }

    /// Whether the audience of a token is the one that is configured, or none where none is.
    fn is_for_us(&self, claims: &Claims) -> bool {
        match (&self.inner.audience, claims.get("aud")) {
            (None, None | Some(Json::Null)) => true,
            (None, Some(Json::String(named))) => named.is_empty(),
            (None, Some(Json::Array(named))) => named.is_empty(),
            (Some(own), Some(Json::String(named))) => named == own,
            (Some(own), Some(Json::Array(named))) => {
                named.iter().all(Json::is_string) && named.iter().any(|name| name.as_str() == Some(own))
            }
            _ => false,
        }
    }

    async fn is_blacklisted(&self, database: &Database, claims: &Claims) -> Result<bool> {
        let Some(jti) = claims.get("jti").and_then(Json::as_str).filter(|jti| !jti.contains('\0')) else {
            return Ok(false);
        };
        self.made(database).await?;
        let mut select = Query::select();
        select.column((BLACKLISTED, "id")).from(BLACKLISTED);
        select.inner_join(OUTSTANDING, Expr::col((OUTSTANDING, "id")).equals((BLACKLISTED, "token_id")));
        let rows = database.select(select.and_where(Expr::col((OUTSTANDING, "jti")).eq(jti))).await?;
        Ok(!rows.is_empty())
    }

    /// Ends a token; of all who try at once the first alone succeeds. The token that takes its place is remembered in the same
    /// transaction, so that nobody is left without either.
    async fn end(
        &self,
        database: &Database,
        claims: &Claims,
        token: &str,
        user: Option<i64>,
        now: DateTime<Utc>,
        next: Option<Bound>,
    ) -> Result<()> {
        self.made(database).await?;
        let jti = claims.get("jti").and_then(Json::as_str).unwrap_or("");
        let mut found = Query::select();
        found.column("id").expr(Expr::val(now)).from(OUTSTANDING).and_where(Expr::col("jti").eq(jti));
        let mut insert = Query::insert();
        insert.into_table(BLACKLISTED).columns(["token_id", "blacklisted_at"]);
        insert.select_from(found).map_err(Error::internal)?;
        insert.on_conflict(OnConflict::column("token_id").do_nothing().to_owned()).returning_col("id");
        let outstanding = self.outstanding(database, claims, token, user, now)?;
        let statements = [outstanding, database.built(&insert)].into_iter().chain(next).collect();
        let rows = database.apply_all(statements).await.map_err(no_orphan)?;
        if rows.get(1).is_none_or(Rows::is_empty) {
            return Err(invalid("Token is blacklisted"));
        }
        Ok(())
    }

    /// The statement that remembers a token, where it is not remembered yet.
    fn outstanding(
        &self,
        database: &Database,
        claims: &Claims,
        token: &str,
        user: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Bound> {
        let jti = claims.get("jti").and_then(Json::as_str).unwrap_or("").to_owned();
        let expires = claims.get("exp").and_then(seconds).and_then(|at| DateTime::from_timestamp(at, 0)).unwrap_or(now);
        let mut insert = Query::insert();
        insert.into_table(OUTSTANDING).columns(["user_id", "jti", "token", "created_at", "expires_at"]);
        let values = [user.into(), jti.into(), token.into(), now.into(), expires.into()];
        insert.values(values).map_err(Error::internal)?;
        insert.on_conflict(OnConflict::column("jti").do_nothing().to_owned());
        Ok(database.built(&insert))
    }

    /// Makes the tables where they are absent, as simplejwt's migrations would, for a program whose router does not know of them.
    async fn made(&self, database: &Database) -> Result<()> {
        database.make_table(OUTSTANDING, outstanding_table).await?;
        Ok(database.make_table(BLACKLISTED, blacklisted_table).await?)
    }
}

fn no_account() -> Error {
    Error::authentication_failed(ErrorDetail::new("No active account found for the given token.", "no_active_account"))
}

/// A token whose user was deleted meanwhile is nobody's.
fn no_orphan(error: StoreError) -> Error {
    if is_orphan(&error) { no_account() } else { error.into() }
}

fn outstanding_table() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(OUTSTANDING).if_not_exists();
    table.col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key());
    table.col(ColumnDef::new("user_id").integer());
    table.col(ColumnDef::new("jti").string_len(255).not_null().unique_key());
    table.col(ColumnDef::new("token").text().not_null());
    table.col(ColumnDef::new("created_at").timestamp_with_time_zone());
    table.col(ColumnDef::new("expires_at").timestamp_with_time_zone().not_null());
    table
}

fn blacklisted_table() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(BLACKLISTED).if_not_exists();
    table.col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key());
    table.col(ColumnDef::new("token_id").big_integer().not_null().unique_key());
    table.col(ColumnDef::new("blacklisted_at").timestamp_with_time_zone().not_null());
    table
}

/// Whether the header of a token demands nothing that is not done here. Every extension that `crit` names is unknown here, so a
/// token with it is refused (RFC 7515, section 4.1.11), as is a payload that is not encoded (RFC 7797, section 7).
fn is_understood(token: &str) -> bool {
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<Map<String, Json>> = header.and_then(|text| serde_json::from_slice(&text).ok());
    header.is_some_and(|header| !header.contains_key("crit") && header.get("b64").is_none_or(|b64| *b64 == true))
}

/// Whether the id of a token, where it has one, fits its column.
fn has_storable_id(claims: &Claims) -> bool {
    let id = claims.get("jti").and_then(Json::as_str).unwrap_or("");
    id.chars().count() <= 255 && !id.contains('\0')
}

/// What simplejwt's `Token.verify` asks for, of a type or of any.
fn checked(claims: Claims, kind: Option<&str>) -> Result<Claims, &'static str> {
    if !claims.contains_key("exp") {
        return Err("Token has no 'exp' claim");
    }
    if !claims.contains_key("jti") {
        return Err("Token has no id");
    }
    match (kind, claims.get("token_type")) {
        (Some(_), None) => Err("Token has no type"),
        (Some(kind), Some(found)) if found != kind => Err("Token has wrong type"),
        _ => Ok(claims),
    }
}

/// Python's `int(…)` of a time.
fn seconds(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64().filter(|number| number.abs() < 1e15)?;
            #[allow(clippy::cast_possible_truncation, reason = "it is small")]
            Some(number.trunc() as i64)
        }),
        Json::String(text) => text.trim().parse().ok(),
        Json::Bool(yes) => Some((*yes).into()),
        _ => None,
    }
}

fn user_id(claims: &Claims) -> Option<i64> {
    match claims.get("user_id")? {
        Json::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}

/// simplejwt's `InvalidToken`.
fn invalid(detail: &'static str) -> Error {
    failed(detail, "token_not_valid")
}

/// An error that tells its code, as simplejwt's do.
fn failed(detail: &'static str, code: &'static str) -> Error {
    Error::authentication_failed(crate::value!({"detail": detail, "code": code}))
}

#[async_trait]
impl Authentication for JsonWebTokens {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        let header = request.headers().and_then(|headers| headers.get(http::header::AUTHORIZATION));
        let header = header.map_or(&b""[..], |value| value.as_bytes());
        let mut words = header.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        if words.next() != Some(b"Bearer") {
            return Ok(None);
        }
        let (Some(token), None) = (words.next(), words.next()) else {
            let detail = "Authorization header must contain two space-delimited values";
            return Err(failed(detail, "bad_authorization_header"));
        };
        let token = std::str::from_utf8(token).unwrap_or("");
        let claims = self.decode(token, Utc::now()).and_then(|claims| checked(claims, Some("access")));
        let claims = claims.map_err(|message| {
            Error::authentication_failed(crate::value!({
                "detail": "Given token not valid for any token type",
                "code": "token_not_valid",
                "messages": [{"token_class": "AccessToken", "token_type": "access", "message": message}],
            }))
        })?;
        if !claims.contains_key("user_id") {
            return Err(invalid("Token contained no recognizable user identification"));
        }
        let account = match user_id(&claims) {
            Some(id) => self.accounts().by_key(database, id).await?,
            None => None,
        };
        let account = account.ok_or_else(|| failed("User not found", "user_not_found"))?;
        if !account.is_active {
            return Err(failed("User is inactive", "user_inactive"));
        }
        let claims = serde_json::to_vec(&claims).ok().and_then(|text| json::parse(&text).ok());
        Ok(Some(Authenticated::by(account.into(), claims.unwrap_or(Value::Null))))
    }

    fn has_credentials(&self, request: &Context) -> bool {
        super::header::has_any(request)
    }

    fn tables(&self) -> &'static [Needs] {
        const LISTS: [Needs; 3] =
            [AUTH_USER, Needs::own(OUTSTANDING, outstanding_table), Needs::own(BLACKLISTED, blacklisted_table)];
        if self.inner.blacklists { &LISTS } else { &[AUTH_USER] }
    }

    fn check(&self) -> Result<(), String> {
        keys::check("JsonWebTokens", self.inner.weakness)
    }

    fn weakness(&self) -> Option<String> {
        self.inner.weakness.map(|weakness| keys::sentence("JsonWebTokens", weakness))
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some("Bearer realm=\"api\"".into())
    }
}

/// Tells how to log in, and knows nobody: for the views that give out tokens.
#[derive(Debug)]
pub(crate) struct BearerChallenge(pub(crate) JsonWebTokens);

#[async_trait]
impl Authentication for BearerChallenge {
    async fn authenticate(&self, _: &Context, _: &Database) -> Result<Option<Authenticated>> {
        Ok(None)
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    fn weakness(&self) -> Option<String> {
        self.0.weakness()
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some("Bearer realm=\"api\"".into())
    }
}
