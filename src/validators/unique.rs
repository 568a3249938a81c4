//! Uniqueness: declared here, enforced by the database.

use std::borrow::Cow;
use std::fmt;

use sea_orm::{ColumnTrait, IdenStatic};

use crate::error::ErrorDetail;

/// No other row has this field's value, DRF's `UniqueValidator`.
///
/// The serializer derives one for each unique column; an explicit one changes its message. The check is the database's
/// unique index: where none backs it, the start fails with the statement to run, unless it is
/// [`unenforced`](Self::unenforced).
///
/// ```
/// use bowline::prelude::*;
/// let validator = UniqueValidator::new().message("That name is taken.");
/// ```
#[derive(Clone, Debug, Default)]
pub struct UniqueValidator {
    pub(crate) message: Option<Cow<'static, str>>,
    pub(crate) unenforced: bool,
}

impl UniqueValidator {
    /// With DRF's message, `This field must be unique.`
    pub fn new() -> Self {
        UniqueValidator::default()
    }

    /// With a message of one's own.
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Makes it a query rule: no index backs it, and every write of the application runs serializable instead.
    pub fn unenforced(mut self) -> Self {
        self.unenforced = true;
        self
    }

    pub(crate) fn detail(&self) -> ErrorDetail {
        let message = self.message.clone().unwrap_or(Cow::Borrowed("This field must be unique."));
        ErrorDetail::new(message, "unique")
    }
}

/// No other row has the same values in all of these fields, DRF's `UniqueTogetherValidator`.
///
/// The serializer derives one for each unique set of columns it shows; declaring one replaces the derived ones, as
/// `Meta.validators` does. The check is the database's unique index, as for [`UniqueValidator`].
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let validator = UniqueTogetherValidator::new([booking::Column::RoomId, booking::Column::Start])
///     .message("One booking at a time.");
/// ```
#[derive(Clone)]
pub struct UniqueTogetherValidator {
    pub(crate) columns: Vec<String>,
    pub(crate) message: Option<Cow<'static, str>>,
    pub(crate) code: Cow<'static, str>,
    pub(crate) unenforced: bool,
}

impl UniqueTogetherValidator {
    /// Over these columns, with DRF's message: `The fields a, b must make a unique set.`
    pub fn new<C: ColumnTrait>(columns: impl IntoIterator<Item = C>) -> Self {
        let columns = columns.into_iter().map(|c| IdenStatic::as_str(&c).to_owned()).collect();
        UniqueTogetherValidator { columns, message: None, code: Cow::Borrowed("unique"), unenforced: false }
    }

    /// With a message of one's own; `{field_names}` is filled in.
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// With a machine code of one's own.
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// Makes it a query rule: no index backs it, and every write of the application runs serializable instead.
    pub fn unenforced(mut self) -> Self {
        self.unenforced = true;
        self
    }

    pub(crate) fn detail(&self, names: &[Cow<'static, str>]) -> ErrorDetail {
        let names = names.join(", ");
        let message = match &self.message {
            Some(message) => message.replace("{field_names}", &names),
            None => format!("The fields {names} must make a unique set."),
        };
        ErrorDetail::new(message, self.code.clone())
    }
}

impl fmt::Debug for UniqueTogetherValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueTogetherValidator").field("columns", &self.columns).finish_non_exhaustive()
    }
}
