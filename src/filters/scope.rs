//! Which rows a request may see: the answer of `get_queryset`.

use crate::error::{Error, Result};
use crate::model::Condition;

/// The rows that a request may see, the answer of
/// [`get_queryset`](crate::views::ModelViewSet::get_queryset).
///
/// | answer | rows | in DRF |
/// |---|---|---|
/// | `Scope::All` | those of the view set | `queryset.all()` |
/// | `Scope::Filter(condition)`, or a [`Condition`] | those of them that are like this | `queryset.filter(…)` |
/// | `Scope::None`, or `None` | none | `queryset.none()` |
///
/// A value that is missing leads to no row: all of them have to be asked for by name.
///
/// ```
/// use bowline::filters::Scope;
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// // staff sees all, others what is theirs, and who is not logged in nothing
/// fn visible(request: &Context) -> Option<Scope> {
///     let user = request.user()?;
///     if user.is_staff {
///         return Some(Scope::All);
///     }
///     Some(Condition::eq(booking::Column::RoomId, user.pk.as_int()?).into())
/// }
/// let bookings = ModelViewSet::<booking::Entity>::new().get_queryset(visible);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scope {
    /// Every row of the view set.
    All,
    /// Only rows like this.
    Filter(Condition),
    /// No row.
    #[default]
    None,
}

impl From<Condition> for Scope {
    fn from(condition: Condition) -> Self {
        Scope::Filter(condition)
    }
}

/// What [`get_queryset`](crate::views::ModelViewSet::get_queryset) may answer: a [`Scope`], a [`Condition`], an `Option` of
/// one (none is no row), or a `Result` of one (an error answers the request).
///
/// Whether somebody is logged in is not which rows they see, and does not compile:
///
/// ```compile_fail,E0277
/// use bowline::doc::booking;
/// use bowline::prelude::*;
///
/// let bookings = ModelViewSet::<booking::Entity>::new().get_queryset(|request: &Context| request.user().is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which rows a request may see",
    label = "not an answer of `get_queryset`",
    note = "answer a `Scope` (`All`, `Filter(condition)`, `None`), a `Condition`, or an `Option` or `Result` of one"
)]
pub trait IntoScope {
    /// The rows.
    ///
    /// # Errors
    ///
    /// Whatever answers the request instead.
    fn into_scope(self) -> Result<Scope>;
}

impl IntoScope for Scope {
    fn into_scope(self) -> Result<Scope> {
        Ok(self)
    }
}

impl IntoScope for Condition {
    fn into_scope(self) -> Result<Scope> {
        Ok(Scope::Filter(self))
    }
}

impl<S: IntoScope> IntoScope for Option<S> {
    fn into_scope(self) -> Result<Scope> {
        self.map_or(Ok(Scope::None), S::into_scope)
    }
}

impl<S: IntoScope, E: Into<Error>> IntoScope for Result<S, E> {
    fn into_scope(self) -> Result<Scope> {
        self.map_err(Into::into)?.into_scope()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ValidationError;

    #[test]
    fn what_is_missing_is_no_row() {
        let mine = Condition::eq("owner", 7);
        assert_eq!(Scope::default(), Scope::None);
        assert_eq!(None::<Condition>.into_scope().ok(), Some(Scope::None));
        assert_eq!(None::<Scope>.into_scope().ok(), Some(Scope::None));
        assert_eq!(Some(mine.clone()).into_scope().ok(), Some(Scope::Filter(mine.clone())));
        assert_eq!(Some(Scope::All).into_scope().ok(), Some(Scope::All));
        assert_eq!(Ok::<_, Error>(None::<Condition>).into_scope().ok(), Some(Scope::None));
        let refused = Err::<Condition, _>(ValidationError::from("Which one?")).into_scope();
        assert_eq!(refused.map_err(|error| error.status().as_u16()), Err(400));
    }
}
