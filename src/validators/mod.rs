//! The four kinds of rules: what a rule may read decides how the write is isolated.
//!
//! | kind | reads | declared as | how the write runs |
//! |---|---|---|---|
//! | value rule | one value | [`ValueValidator`] | before any database work |
//! | constraint | the database's own constraint | [`UniqueValidator`], [`UniqueTogetherValidator`], keys | the constraint is the check: one statement |
//! | object rule | the object as it will be | [`ObjectValidator`] | row locked, judged, written, in one transaction |
//! | query rule | any rows | [`QueryValidator`] | a serializable transaction, replayed on conflict |
//!
//! A validator is shared by all requests and gets what it judges as an argument. It has nowhere to keep a request
//! (`&self`, `Sync`), a value validator has no handle to the database, an object validator none to other rows:
//! a validator that reads more than its plan protects does not compile.
//!
//! See DRF's chapter "Validators".

mod object;
mod unique;

use async_trait::async_trait;

pub use crate::fields::ValueValidator;
pub use crate::store::plan::Lookup;
pub use object::Object;
pub use unique::{UniqueForValidator, UniqueTogetherValidator, UniqueValidator};

use crate::error::{Error, Result};
use crate::store::Transaction;

/// A rule about the object as it will be: the changes laid over the stored row.
///
/// On an update the row is locked before the rule reads it and until the changes are committed, so that two
/// requests cannot each be right and break the rule together.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// struct StartBeforeEnd;
///
/// impl ObjectValidator for StartBeforeEnd {
///     fn validate(&self, object: &Object<'_>) -> bowline::Result<()> {
///         let start: i64 = object.get(booking::Column::Start)?;
///         let end: i64 = object.get(booking::Column::End)?;
///         if start < end { Ok(()) } else { Err(ValidationError::from("A booking ends after it starts.").into()) }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object validator",
    label = "does not implement `ObjectValidator`",
    note = "an object validator is a function of the object as it will be: `fn validate(&self, object: &Object<'_>) -> bowline::Result<()>`",
    note = "a rule that reads other rows is a `QueryValidator`, whose write runs serializable"
)]
pub trait ObjectValidator: Send + Sync + 'static {
    /// Judges the object as it will be.
    ///
    /// # Errors
    ///
    /// A [`ValidationError`](crate::error::ValidationError) is answered with 400: messages without a field (under
    /// `non_field_errors`) or by field. Any other error answers the request by its own kind.
    fn validate(&self, object: &Object<'_>) -> Result<()>;
}

impl<F, E> ObjectValidator for F
where
    F: Fn(&Object<'_>) -> Result<(), E> + Send + Sync + 'static,
    E: Into<Error>,
{
    fn validate(&self, object: &Object<'_>) -> Result<()> {
        self(object).map_err(Into::into)
    }
}

/// A rule that asks the database about any rows.
///
/// It alone gets a handle: the open transaction, through which SeaORM's queries run. When one is registered, every
/// write of the application runs serializable, and a unit that another transaction got in the way of is replayed as a
/// whole: the rule may run several times for one request.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// struct AtMostThree;
///
/// #[bowline::async_trait]
/// impl QueryValidator for AtMostThree {
///     async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()> {
///         let room: i64 = object.get(booking::Column::RoomId)?;
///         let taken = booking::Entity::find().filter(booking::Column::RoomId.eq(room)).all(tx).await?;
///         if taken.len() < 3 { Ok(()) } else { Err(ValidationError::from("The room is full.").into()) }
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query validator",
    label = "does not implement `QueryValidator`",
    note = "write `#[bowline::async_trait] impl QueryValidator for …` with `async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()>`"
)]
pub trait QueryValidator: Send + Sync + 'static {
    /// Judges the object as it will be, beside whatever rows it asks for.
    ///
    /// # Errors
    ///
    /// A [`ValidationError`](crate::error::ValidationError) is answered with 400; an error of the database by its own kind (503 when the database is
    /// away or the retries are used up).
    async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> Result<()>;
}
