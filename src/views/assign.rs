//! Columns that hooks set, and the values that fit them.

use sea_orm::sea_query::{
    DateLikeValueNullable, DateTimeLikeValueNullable, NumericValue, NumericValueNullable, TimeLikeValueNullable,
};
use sea_orm::{
    BoolColumn, BytesColumn, DateLikeColumn, DateTimeLikeColumn, EntityTrait, GenericArrayColumn, IntoOption,
    IpNetworkColumn, JsonColumn, NumericArrayColumn, NumericColumn, NumericColumnNullable, StringColumn,
    StringColumnNullable, TextUuidColumn, TimeLikeColumn, UuidColumn,
};

use crate::value::DbValue;

/// A column of an entity that takes values of a type: `booking::Column::Note`, which takes any, or `booking::COLUMN.note`, which
/// takes what its type allows.
///
/// What the compiler cannot see (a text that is too long, text for a `booking::Column::Start`) is found when it is set:
/// the request is answered with 500 and the log names the column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column of `{E}` that takes a `{V}`",
    label = "another entity's column, or another type's value",
    note = "hooks set columns of their own entity: `save.set(booking::Column::Note, …)` or `save.set(booking::COLUMN.note, …)`"
)]
pub trait Assign<E: EntityTrait, V, How> {
    /// The column.
    fn column(self) -> E::Column;
}

/// By a constant of the entity's `Column`, whose type the compiler does not know.
#[derive(Clone, Copy, Debug)]
pub struct ByName;

/// By a field of the entity's `COLUMN`, whose type it does.
#[derive(Clone, Copy, Debug)]
pub struct ByType;

impl<E: EntityTrait, V: Into<DbValue>> Assign<E, V, ByName> for E::Column {
    fn column(self) -> E::Column {
        self
    }
}

macro_rules! typed {
    ($($column:ident: $($bound:path),+;)+) => {$(
        impl<E: EntityTrait, V: Into<DbValue> $(+ $bound)+> Assign<E, V, ByType> for $column<E> {
            fn column(self) -> E::Column {
                self.0
            }
        }
    )+};
}

typed! {
    BoolColumn: Into<Option<bool>>;
    NumericColumn: NumericValue;
    NumericColumnNullable: NumericValueNullable;
    StringColumn: Into<String>;
    StringColumnNullable: IntoOption<String>;
    DateLikeColumn: DateLikeValueNullable;
    TimeLikeColumn: TimeLikeValueNullable;
    DateTimeLikeColumn: DateTimeLikeValueNullable;
    BytesColumn: Sized;
    JsonColumn: Sized;
    UuidColumn: Sized;
    TextUuidColumn: Sized;
    IpNetworkColumn: Sized;
    NumericArrayColumn: Sized;
    GenericArrayColumn: Sized;
}
