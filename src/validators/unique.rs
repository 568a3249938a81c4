//! Uniqueness: declared here, enforced by the database.

use std::borrow::Cow;
use std::fmt;

use sea_orm::{ColumnTrait, EntityName, IdenStatic};

use crate::error::ErrorDetail;
use crate::model::{Condition, Period};
use crate::store::plan::Lookup;

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
    pub(crate) lookup: Lookup,
    pub(crate) among: Option<Condition>,
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

    /// Compares in another way than by the same value, which no plain index backs: a query rule.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// use bowline::validators::Lookup;
    /// let validator = UniqueValidator::new().lookup(Lookup::IExact);
    /// ```
    pub fn lookup(mut self, lookup: Lookup) -> Self {
        self.lookup = lookup;
        self
    }

    /// Among these rows only (the validator's `queryset`), which no plain index backs: a query rule.
    pub fn among(mut self, only: Condition) -> Self {
        self.among = Some(only);
        self
    }

    /// Whether it has to ask other rows, since no index can back it.
    pub(crate) fn reads_other_rows(&self) -> bool {
        self.unenforced || self.lookup != Lookup::Exact || self.among.is_some()
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
    pub(crate) table: &'static str,
    pub(crate) columns: Vec<String>,
    pub(crate) message: Option<Cow<'static, str>>,
    pub(crate) code: Cow<'static, str>,
    pub(crate) condition: Option<Condition>,
    pub(crate) unenforced: bool,
}

impl UniqueTogetherValidator {
    /// Over these columns, with DRF's message: `The fields a, b must make a unique set.`
    pub fn new<C: ColumnTrait>(columns: impl IntoIterator<Item = C>) -> Self {
        let columns = columns.into_iter().map(|c| IdenStatic::as_str(&c).to_owned()).collect();
        UniqueTogetherValidator {
            table: C::EntityName::default().table_name(),
            columns,
            message: None,
            code: Cow::Borrowed("unique"),
            condition: None,
            unenforced: false,
        }
    }

    /// With a message of one's own; `{field_names}` is filled in.
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Only among rows like this, which a partial index backs.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
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

/// No other row has this field's value on the same day, in the same month or the same year: DRF's
/// `UniqueForDateValidator`, `UniqueForMonthValidator` and `UniqueForYearValidator`.
///
/// No index backs it: it is a query rule, and every write of the application runs serializable. Both fields have to be in
/// every body, PATCH included, as in DRF.
///
/// ```
/// use bowline::prelude::*;
/// let validator = UniqueForValidator::date("title", "day").message("Already that day ({date_field}).");
/// # let _ = validator;
/// ```
#[derive(Clone, Debug)]
pub struct UniqueForValidator {
    pub(crate) field: Cow<'static, str>,
    pub(crate) date_field: Cow<'static, str>,
    pub(crate) period: Period,
    pub(crate) message: Option<Cow<'static, str>>,
}

impl UniqueForValidator {
    /// On the same day.
    pub fn date(field: impl Into<Cow<'static, str>>, date_field: impl Into<Cow<'static, str>>) -> Self {
        UniqueForValidator::new(field, date_field, Period::Date)
    }

    /// In the same month, of whatever year (as Django has it).
    pub fn month(field: impl Into<Cow<'static, str>>, date_field: impl Into<Cow<'static, str>>) -> Self {
        UniqueForValidator::new(field, date_field, Period::Month)
    }

    /// In the same year.
    pub fn year(field: impl Into<Cow<'static, str>>, date_field: impl Into<Cow<'static, str>>) -> Self {
        UniqueForValidator::new(field, date_field, Period::Year)
    }

    pub(crate) fn new(
        field: impl Into<Cow<'static, str>>,
        date_field: impl Into<Cow<'static, str>>,
        period: Period,
    ) -> Self {
        UniqueForValidator { field: field.into(), date_field: date_field.into(), period, message: None }
    }

    /// With a message of one's own; `{date_field}` is filled in.
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(crate) fn detail(&self) -> ErrorDetail {
        let default = match self.period {
            Period::Date => "This field must be unique for the \"{date_field}\" date.",
            Period::Month => "This field must be unique for the \"{date_field}\" month.",
            Period::Year => "This field must be unique for the \"{date_field}\" year.",
        };
        let message = self.message.as_deref().unwrap_or(default).replace("{date_field}", &self.date_field);
        ErrorDetail::new(message, "unique")
    }
}
