//! Whether a client may do what it asks for.
//!
//! A [`Permission`] judges a request before anything else is done ([`has_permission`](Permission::has_permission)), and the
//! object that the request is about ([`has_object_permission`](Permission::has_object_permission)). The second is an object
//! rule: it sees the row and nothing else, and where the request writes, it judges the row that the write has locked, inside
//! the write's own transaction. Who is no longer the owner when the lock is granted changes nothing.
//!
//! | permission | who may |
//! |---|---|
//! | [`AllowAny`] | everybody |
//! | [`IsAuthenticated`] | who is logged in |
//! | [`IsAdminUser`] | who has `is_staff` |
//! | [`IsAuthenticatedOrReadOnly`] | who is logged in; everybody may read |
//! | [`DjangoModelPermissions`] | who has Django's permission to add, change or delete rows of the model |
//! | [`DjangoObjectPermissions`] | the same, and has it for the object |
//!
//! They are put together with `&`, `|` and `!`, and those of a list must all be granted:
//!
//! ```
//! use bowline::permissions::{IsAdminUser, IsAuthenticated, Permission, Rule};
//! use bowline::prelude::*;
//! # use bowline::doc::booking;
//!
//! #[derive(Debug)]
//! struct IsMine;
//!
//! #[bowline::async_trait]
//! impl Permission for IsMine {
//!     fn has_object_permission(&self, request: &Context, _: &ViewInfo, object: &Object<'_>) -> bowline::Result<bool> {
//!         let note: Option<String> = object.get(booking::Column::Note)?;
//!         Ok(request.user().is_some_and(|user| Some(&user.username) == note.as_ref()))
//!     }
//!
//!     fn message(&self) -> Option<Value> {
//!         Some("This is not your booking.".into())
//!     }
//! }
//!
//! let bookings = ModelViewSet::<booking::Entity>::new()
//!     .permissions((IsAuthenticated, Rule::new(IsMine) | IsAdminUser))
//!     .permissions_for(Action::Destroy, IsAdminUser);
//! ```
//!
//! Who may not is told so as in DRF: 401 (or 403 where the view knows no header to log in by) while nobody is logged in, 403
//! after that. See DRF's chapter "Permissions".

use std::fmt;

use async_trait::async_trait;
use http::Method;

use crate::context::Context;
use crate::error::Result;
use crate::store::{Database, Needs};
use crate::validators::Object;
use crate::value::Value;
use crate::view_info::ViewInfo;

mod django;
mod policy;
mod rule;

pub use django::{DjangoModelPermissions, DjangoModelPermissionsOrAnonReadOnly, DjangoObjectPermissions, PermsMap};
pub(crate) use policy::Granted;
pub use policy::Permissions;
pub use rule::{IntoRules, Rule};

/// Whether a client may do what it asks for, DRF's `BasePermission`.
///
/// ```
/// use bowline::permissions::Permission;
/// use bowline::prelude::*;
///
/// /// Closed on Sundays.
/// #[derive(Debug)]
/// struct Open(bool);
///
/// #[bowline::async_trait]
/// impl Permission for Open {
///     async fn has_permission(&self, _: &Context, _: &ViewInfo, _: &Database) -> bowline::Result<bool> {
///         Ok(self.0)
///     }
///
///     fn judges_objects(&self) -> bool {
///         false
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a permission",
    label = "does not implement `Permission`",
    note = "write `#[bowline::async_trait] impl Permission for …`"
)]
pub trait Permission: Send + Sync + fmt::Debug + 'static {
    /// Whether the client may ask for this at all; everybody may by default.
    ///
    /// # Errors
    ///
    /// Whatever answers the request instead; an error of the database by its own kind.
    async fn has_permission(&self, _request: &Context, _view: &ViewInfo, _database: &Database) -> Result<bool> {
        Ok(true)
    }

    /// Whether the client may do this with an object, as it is before the request changes it; everybody may by default.
    ///
    /// It is asked about the one row that a request names, not about new rows and not about those of a list, as in DRF. Where the
    /// request writes, the row is locked before it is asked.
    ///
    /// # Errors
    ///
    /// Whatever answers the request instead: [`Error::http404`](crate::Error::http404) where the object is not to be known of.
    fn has_object_permission(&self, _request: &Context, _view: &ViewInfo, _object: &Object<'_>) -> Result<bool> {
        Ok(true)
    }

    /// Whether it has anything to say about objects. A write that no permission wants to see the row of needs no lock before
    /// it: a permission about requests alone says `false` here. True by default.
    fn judges_objects(&self) -> bool {
        true
    }

    /// Whether [`has_permission`](Self::has_permission) asks the database; true by default. Where none of a view's permissions
    /// does, an object is read together with who asks for it, in one round trip, and shown or not when they have judged.
    fn asks_database(&self) -> bool {
        true
    }

    /// The tables that it reads: a router over a database without them does not start.
    fn tables(&self) -> &'static [Needs] {
        &[]
    }

    /// What a client is told that may not: a sentence, or an object of them. DRF's sentence by default.
    fn message(&self) -> Option<Value> {
        None
    }

    /// The machine code of the message, `permission_denied` by default.
    fn code(&self) -> Option<&'static str> {
        None
    }

    /// Why it cannot be used for a view, found when the router is built.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    fn check(&self, _view: &ViewInfo) -> Result<(), String> {
        Ok(())
    }
}

/// Whether a method only reads: GET, HEAD and OPTIONS, DRF's `SAFE_METHODS`.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Everybody may.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAny;

#[async_trait]
impl Permission for AllowAny {
    fn judges_objects(&self) -> bool {
        false
    }

    fn asks_database(&self) -> bool {
        false
    }
}

/// Who is logged in may.
#[derive(Clone, Copy, Debug, Default)]
pub struct IsAuthenticated;

#[async_trait]
impl Permission for IsAuthenticated {
    async fn has_permission(&self, request: &Context, _: &ViewInfo, _: &Database) -> Result<bool> {
        Ok(request.user().is_some())
    }

    fn judges_objects(&self) -> bool {
        false
    }

    fn asks_database(&self) -> bool {
        false
    }
}

/// Who has `is_staff` may.
#[derive(Clone, Copy, Debug, Default)]
pub struct IsAdminUser;

#[async_trait]
impl Permission for IsAdminUser {
    async fn has_permission(&self, request: &Context, _: &ViewInfo, _: &Database) -> Result<bool> {
        Ok(request.user().is_some_and(|user| user.is_staff))
    }

    fn judges_objects(&self) -> bool {
        false
    }

    fn asks_database(&self) -> bool {
        false
    }
}

/// Who is logged in may, and everybody may read.
#[derive(Clone, Copy, Debug, Default)]
pub struct IsAuthenticatedOrReadOnly;

#[async_trait]
impl Permission for IsAuthenticatedOrReadOnly {
    async fn has_permission(&self, request: &Context, _: &ViewInfo, _: &Database) -> Result<bool> {
        Ok(is_safe(request.method()) || request.user().is_some())
    }

    fn judges_objects(&self) -> bool {
        false
    }

    fn asks_database(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
