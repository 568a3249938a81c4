//! A book in a member's hands.

use bowline::model::{Condition, Model as Description, UniqueConstraint};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_loan")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub book_id: i64,
    pub member_id: Uuid,
    pub due: Date,
    pub loaned_at: DateTimeUtc,
    pub returned_at: Option<DateTimeUtc>,
    /// Microseconds.
    #[sea_orm(column_type = "Interval(None, None)")]
    pub extension: Option<i64>,
    #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Restrict")]
    pub book: HasOne<super::book::Entity>,
    #[sea_orm(belongs_to, from = "member_id", to = "id", on_delete = "Cascade")]
    pub member: HasOne<super::member::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .foreign_key(Column::BookId, |book| book.related_name("loans"))
        .foreign_key(Column::MemberId, |member| member.related_name("loans"))
        .constraint(UniqueConstraint::new([Column::MemberId, Column::BookId, Column::Due]).name("loan_member_book_due"))
        .constraint(
            UniqueConstraint::new([Column::BookId])
                .condition(Condition::is_null(Column::ReturnedAt))
                .name("loan_open_book")
                .message("This book is already on loan.")
                .code("on_loan"),
        )
}
