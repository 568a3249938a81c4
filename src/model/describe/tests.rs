#![allow(clippy::unwrap_used, unreachable_pub)]

use super::*;
use crate::doc::booking;
use crate::model::{ColumnKind, OrderMeta, RelationMeta};

/// People who know people, read books, and lend each other some of them.
mod person {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "town", table_name = "person")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub waiting: i64,
        pub boss_id: Option<i64>,
        #[sea_orm(self_ref, relation_enum = "Boss", from = "boss_id", to = "id", on_delete = "SetNull")]
        pub boss: HasOne<Entity>,
        #[sea_orm(has_many, via = "reading")]
        pub books: HasMany<super::volume::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod volume {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "volume")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub owner_id: i64,
        #[sea_orm(belongs_to, from = "owner_id", to = "id")]
        pub owner: HasOne<super::person::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod reading {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "town", table_name = "readings")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub reader_id: i64,
        pub volume_id: i64,
        #[sea_orm(belongs_to, from = "reader_id", to = "id")]
        pub reader: HasOne<super::person::Entity>,
        #[sea_orm(belongs_to, from = "volume_id", to = "id")]
        pub volume: HasOne<super::volume::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod friendship {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "friendship")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub from_id: i64,
        pub to_id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn mistakes<E: EntityTrait>(model: Model<E>) -> Vec<String> {
    model.into_source().1
}

#[test]
fn an_order_by_constants_or_by_text() {
    let model = Model::<booking::Entity>::new().ordering([booking::Column::Start, booking::Column::Id]);
    assert_eq!(model.meta().ordering, [(2, false), (0, false)].map(OrderMeta::from));
    let model = model.ordering(["-room_id"]);
    assert_eq!(model.meta().ordering, [(2, false), (0, false), (1, true)].map(OrderMeta::from));
    assert_eq!(mistakes(model), [""; 0]);
    let model = Model::<booking::Entity>::new().name("Stay").ordering(["start", "-guest"]);
    assert_eq!(
        mistakes(model),
        ["Stay: cannot order by guest: no such column. There are id, room_id, start, end, note."]
    );
}

#[test]
fn words_about_a_column_add_up() {
    let model = Model::<person::Entity>::new()
        .column(person::Column::Waiting, |waiting| waiting.help_text("In line."))
        .column(person::Column::Waiting, |waiting| waiting.duration().default(0));
    let column = &model.meta().columns[1];
    assert_eq!(column.attributes.help_text.as_deref(), Some("In line."));
    assert_eq!((column.kind, column.has_default), (ColumnKind::Duration, true));
    assert_eq!(column.default_value(), Some(Value::Int(0)));
    assert!(!model.meta().columns[2].has_default);
}

#[test]
fn a_foreign_key_keeps_what_its_entity_says() {
    let relation = |model: &Model<person::Entity>| -> RelationMeta { model.meta().relations[0].clone() };
    let model = Model::<person::Entity>::new().foreign_key(person::Column::BossId, |boss| {
        boss.related_name("staff").limit_choices_to(Condition::gt("id", 0))
    });
    let boss = relation(&model);
    assert_eq!((boss.name.as_str(), boss.on_delete, boss.one_to_one), ("boss", OnDelete::SetNull, false));
    assert_eq!(boss.related_name.as_deref(), Some("staff"));
    let model = model.foreign_key(person::Column::BossId, |boss| boss.one_to_one().on_delete(OnDelete::Cascade));
    let boss = relation(&model);
    assert_eq!((boss.on_delete, boss.one_to_one), (OnDelete::Cascade, true));
    assert_eq!(boss.related_name.as_deref(), Some("staff"));
    assert_eq!(boss.limit_choices_to, Some(Condition::gt("id", 0)));
    let model = model.foreign_key(person::Column::Waiting, |waiting| waiting);
    assert_eq!(mistakes(model), ["Person: waiting is not a foreign key."]);
}

#[test]
fn the_entities_know_their_join_table() {
    let model = Model::<person::Entity>::new()
        .many_to_many::<volume::Entity>("books", |books| books.related_name("readers").blank().help_text("By heart."));
    let [books] = &model.meta().many_to_many[..] else { unreachable!() };
    let table = (books.schema.as_deref(), books.table.as_str(), books.from_column.as_str(), books.to_column.as_str());
    assert_eq!(table, (Some("town"), "readings", "reader_id", "volume_id"));
    assert_eq!((books.to_schema.as_deref(), books.to_table.as_str()), (None, "volume"));
    assert_eq!((books.related_name.as_deref(), books.blank), (Some("readers"), true));
    assert_eq!((books.label().as_str(), books.help_text.as_deref()), ("Books", Some("By heart.")));

    // a foreign key is not a relation by way of a table
    let model = Model::<volume::Entity>::new().many_to_many::<person::Entity>("owners", |owners| owners);
    assert!(model.meta().many_to_many.is_empty());
    let mistake = "Volume: owners does not lead to person by way of a join table with one column for each; name them \
                   with .many_to_many_through(…).";
    assert_eq!(mistakes(model), [mistake]);
}

#[test]
fn a_join_table_by_its_columns() {
    use friendship::Column::{FromId, ToId};
    let model = Model::<person::Entity>::new().many_to_many_through::<person::Entity, friendship::Entity>(
        "close_friends",
        FromId,
        ToId,
        |friends| friends.verbose_name("dear ones"),
    );
    let [friends] = &model.meta().many_to_many[..] else { unreachable!() };
    let table = (friends.table.as_str(), friends.from_column.as_str(), friends.to_column.as_str());
    assert_eq!(table, ("friendship", "from_id", "to_id"));
    assert_eq!((friends.to_schema.as_deref(), friends.to_table.as_str()), (Some("town"), "person"));
    assert_eq!((friends.label().as_str(), friends.blank), ("Dear ones", false));
}

#[test]
fn constraints_know_their_columns() {
    use booking::Column::{End, RoomId, Start};
    let model = Model::<booking::Entity>::new().constraint(
        UniqueConstraint::new([RoomId, Start])
            .condition(Condition::is_null(End))
            .name("open")
            .message("Taken.")
            .code("taken"),
    );
    let [open] = &model.meta().constraints[..] else { unreachable!() };
    assert_eq!((open.name.as_deref(), &open.columns[..]), (Some("open"), &[1, 2][..]));
    assert_eq!((open.message.as_deref(), open.code.as_deref()), (Some("Taken."), Some("taken")));
    assert_eq!((open.nulls_distinct, open.unenforced), (None, false));
    let model = model
        .constraint(UniqueConstraint::new(["room_id", "guest"]).nulls_distinct(false).unenforced())
        .constraint(UniqueConstraint::new([RoomId]).condition(Condition::eq(volume::Column::OwnerId, 1)));
    assert_eq!(model.meta().constraints[1].nulls_distinct, Some(false));
    assert_eq!(
        mistakes(model),
        [
            "Booking: a unique constraint over guest: no such column. There are id, room_id, start, end, note.",
            "Booking: a unique constraint over owner_id: no such column. There are id, room_id, start, end, note.",
        ]
    );
}

#[test]
fn unique_for_a_period() {
    use booking::Column::{RoomId, Start};
    let model = Model::<booking::Entity>::new().unique_for_date(RoomId, Start).unique_for_year(RoomId, Start);
    let found: Vec<_> = model.meta().unique_for.iter().map(|u| (u.column, u.date, u.period)).collect();
    assert_eq!(found, [(1, 2, Period::Date), (1, 2, Period::Year)]);
}
