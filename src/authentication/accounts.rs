//! Users by Django's table `auth_user`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement};

use unicode_normalization::UnicodeNormalization;

use super::passwords::Passwords;
use super::row::Row;
use crate::context::User;
use crate::error::{Error, NON_FIELD_ERRORS, Result, ValidationError};
use crate::store::{Database, Rows, StoreError};
use crate::value::python;

/// A user of Django's, as a row of `auth_user` has it.
///
/// Handlers find it as [`User::extra`] of the request's user.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The primary key.
    pub id: i64,
    /// The name to log in with.
    pub username: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether it may use Django's admin.
    pub is_staff: bool,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it has every permission.
    pub is_superuser: bool,
    /// When it logged in to a session last.
    pub last_login: Option<DateTime<Utc>>,
    /// When it was made.
    pub date_joined: Option<DateTime<Utc>>,
    /// The hash of the password.
    pub(super) password: String,
}

/// Without the hash.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("id", &self.id).field("username", &self.username).finish_non_exhaustive()
    }
}

/// The columns of [`Account`] in its order.
const COLUMNS: [&str; 11] = [
    "id",
    "username",
    "first_name",
    "last_name",
    "email",
    "is_staff",
    "is_active",
    "is_superuser",
    "last_login",
    "date_joined",
    "password",
];

pub(super) const USERS: &str = "auth_user";
/// The most bytes of a name that is normalized at a login: no account has 150 characters of a longer one.
const LONGEST: usize = 4 << 10;

/// A SELECT of accounts, beside whatever else it is told.
pub(super) fn select() -> SelectStatement {
    let mut select = Query::select();
    select.columns(columns()).from(USERS);
    select
}

/// The columns that [`Account::read_from`] reads, in their order.
pub(super) fn columns() -> [(&'static str, &'static str); COLUMNS.len()] {
    COLUMNS.map(|column| (USERS, column))
}

impl Account {
    /// The account of the first row, if there is one.
    fn first(rows: &Rows) -> Result<Option<Self>> {
        if rows.is_empty() { Ok(None) } else { Account::read(rows, 0).map(Some) }
    }

    /// The account of a row.
    pub(super) fn read(rows: &Rows, row: usize) -> Result<Self> {
        Account::read_from(rows, row, 0)
    }

    /// The same of a row whose columns of the user begin further behind.
    pub(super) fn read_from(rows: &Rows, row: usize, from: usize) -> Result<Self> {
        let row = Row(rows, row);
        Ok(Account {
            id: row.int(from)?,
            username: row.text(from + 1)?,
            first_name: row.text(from + 2)?,
            last_name: row.text(from + 3)?,
            email: row.text(from + 4)?,
            is_staff: row.bool(from + 5)?,
            is_active: row.bool(from + 6)?,
            is_superuser: row.bool(from + 7)?,
            last_login: row.time(from + 8)?,
            date_joined: row.time(from + 9)?,
            password: row.text(from + 10)?,
        })
    }
}

/// The user that requests have; the account is its [`User::extra`].
impl From<Account> for User {
    fn from(account: Account) -> Self {
        User {
            is_staff: account.is_staff,
            is_superuser: account.is_superuser,
            ..User::new(account.id, account.username.clone()).with(Arc::new(account))
        }
    }
}

/// The accounts of Django's `auth_user`, with their passwords; cheap to clone.
///
/// ```
/// use bowline::authentication::{Accounts, Hasher, Passwords};
///
/// let accounts = Accounts::new(Passwords::new(Hasher::ARGON2));
/// # let _ = accounts;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    passwords: Passwords,
}

impl Accounts {
    /// With a way to hash passwords.
    pub fn new(passwords: Passwords) -> Self {
        Accounts { passwords }
    }

    /// How passwords are hashed.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// The active account of a name and password, Django's `authenticate`: of the name as it is, else of the normalized one
    /// ([`normalize_username`](Self::normalize_username)). Whatever is wrong, the answer is none after the same work. A hash that was made in another way than new ones is made anew.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn authenticate(&self, database: &Database, username: &str, password: &str) -> Result<Option<Account>> {
        let mut account = self.by_username(database, username).await?;
        if account.is_none() && username.len() <= LONGEST {
            // new accounts have normalized names; those that somebody else made may have others
            let normalized = Self::normalize_username(username);
            if normalized != username {
                account = self.by_username(database, &normalized).await?;
            }
        }
        let hash = account.as_ref().map(|account| account.password.as_str());
        let checked = self.passwords.check(password, hash).await?;
        let Some(mut account) = account.filter(|_| checked.is_correct) else { return Ok(None) };
        if let Some(new) = checked.rehashed {
            // another login, or a change of the password, may have come in between: its hash stays
            let mut update = Query::update();
            update.table(USERS).value("password", new.clone());
            update.and_where(Expr::col("id").eq(account.id)).and_where(Expr::col("password").eq(&account.password));
            update.returning_col("id");
            if database.apply(&update).await?.is_empty() {
                let Some(now) = self.by_key(database, account.id).await? else { return Ok(None) };
                // a new password that somebody set is not the one that was checked
                if !self.passwords.check(password, Some(&now.password)).await?.is_correct {
                    return Ok(None);
                }
                account = now;
            } else {
                account.password = new;
            }
        }
        Ok(Some(account).filter(|account| account.is_active))
    }

    /// The account of a name, whether active or not.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn by_username(&self, database: &Database, username: &str) -> Result<Option<Account>> {
        if username.contains('\0') {
            return Ok(None);
        }
        let by = |name| select().and_where(Expr::col((USERS, "username")).eq(name)).to_owned();
        Account::first(&database.lookup("auth_user.username", username, by).await?)
    }

    /// The account of a key, whether active or not.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn by_key(&self, database: &Database, id: i64) -> Result<Option<Account>> {
        if i32::try_from(id).is_err() {
            return Ok(None);
        }
        let by = |id| select().and_where(Expr::col((USERS, "id")).eq(id)).to_owned();
        Account::first(&database.lookup("auth_user.id", id, by).await?)
    }

    /// A name as accounts have it, Django's `normalize_username`: in Unicode's form NFKC, in which `ﬁsh` and `fish` are one name.
    ///
    /// ```
    /// use bowline::authentication::Accounts;
    /// assert_eq!(Accounts::normalize_username("ﬁsh"), "fish");
    /// ```
    pub fn normalize_username(username: &str) -> String {
        username.nfkc().collect()
    }

    /// An e-mail address as accounts have it, Django's `normalize_email`: the domain in small letters.
    ///
    /// ```
    /// use bowline::authentication::Accounts;
    /// assert_eq!(Accounts::normalize_email(" Ada@Example.ORG "), "Ada@example.org");
    /// ```
    pub fn normalize_email(email: &str) -> String {
        match python::strip(email).rsplit_once('@') {
            Some((name, domain)) => format!("{name}@{}", domain.to_lowercase()),
            None => email.to_owned(),
        }
    }

    /// Makes an active account that may log in, Django's `create_user`; the name is normalized
    /// ([`normalize_username`](Self::normalize_username)).
    ///
    /// # Errors
    ///
    /// 400 where the name is taken, empty, too long (150) or holds a NUL.
    pub async fn create_user(&self, database: &Database, username: &str, password: &str) -> Result<Account> {
        self.create_user_with_email(database, username, "", password).await
    }

    /// The same with an e-mail address, which is normalized ([`normalize_email`](Self::normalize_email)) and not judged
    /// otherwise.
    ///
    /// # Errors
    ///
    /// As [`create_user`](Self::create_user); 400 where the address is too long (254) or holds a NUL.
    pub async fn create_user_with_email(
        &self,
        database: &Database,
        username: &str,
        email: &str,
        password: &str,
    ) -> Result<Account> {
        let wrong = |field: &'static str, message: &'static str, code| {
            Error::from(ValidationError::field(field, ValidationError::new(message, code)))
        };
        let (username, email) = (Self::normalize_username(username), Self::normalize_email(email));
        if username.is_empty() || username.contains('\0') {
            return Err(wrong("username", "The given username must be set", "invalid"));
        }
        if username.chars().count() > 150 {
            return Err(wrong("username", "Ensure this field has no more than 150 characters.", "max_length"));
        }
        if email.contains('\0') {
            return Err(wrong("email", "Null characters are not allowed.", "null_characters_not_allowed"));
        }
        if email.chars().count() > 254 {
            return Err(wrong("email", "Ensure this field has no more than 254 characters.", "max_length"));
        }
        let password = self.passwords.make(password).await?;
        let mut insert = Query::insert();
        insert.into_table(USERS).columns(COLUMNS.into_iter().skip(1));
        let (nothing, no, never) = ("", false, None::<DateTime<Utc>>);
        let names = [username.into(), nothing.into(), nothing.into(), email.into()];
        let others = [no.into(), true.into(), no.into(), never.into(), Utc::now().into(), password.into()];
        insert.values(names.into_iter().chain(others)).map_err(Error::internal)?;
        insert.on_conflict(OnConflict::column("username").do_nothing().to_owned());
        insert.returning(Query::returning().columns(COLUMNS));
        let rows = database.apply(&insert).await.map_err(|error| match error {
            // a constraint of the table that Django does not make
            StoreError::Violation(_) => {
                let message = "A constraint of the database is violated.";
                ValidationError::field(NON_FIELD_ERRORS, ValidationError::new(message, "invalid")).into()
            }
            error => Error::from(error),
        })?;
        if rows.is_empty() {
            return Err(wrong("username", "A user with that username already exists.", "unique"));
        }
        Account::read(&rows, 0)
    }

    /// Gives an account another password; whether there is such an account. Its sessions end with the old one.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn set_password(&self, database: &Database, id: i64, password: &str) -> Result<bool> {
        let password = self.passwords.make(password).await?;
        let mut update = Query::update();
        update.table(USERS).value("password", password).and_where(Expr::col("id").eq(id)).returning_col("id");
        Ok(!database.apply(&update).await?.is_empty())
    }
}
