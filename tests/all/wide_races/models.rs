//! The models of the races, and their tables as Django makes them.
//!
//! Django's foreign keys are checked at the commit and cascade nowhere; those that the router makes are checked at once and
//! cascade by themselves. A race can be lost in either way, so every test runs on both.

use bowline::model::Model as Description;
use bowline::prelude::*;

pub mod tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tag")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub slug: String,
        #[sea_orm(has_many, via = "book_tag")]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "author")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub email: String,
        #[sea_orm(default_value = true)]
        pub is_active: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "book")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        pub author_id: Option<i64>,
        #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "SetNull")]
        pub author: HasOne<super::author::Entity>,
        #[sea_orm(has_many, via = "book_tag")]
        pub tags: HasMany<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod book_tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "book_tag")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "pair")]
        pub book_id: i64,
        #[sea_orm(unique_key = "pair")]
        pub tag_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
        pub book: HasOne<super::book::Entity>,
        #[sea_orm(belongs_to, from = "tag_id", to = "id", on_delete = "Cascade")]
        pub tag: HasOne<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod shelf {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shelf")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub items: HasMany<super::item::Entity>,
        #[sea_orm(has_one)]
        pub lock: HasOne<super::lock::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What stands on a shelf; a code is nowhere twice, a label not twice on a shelf.
pub mod item {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "shelf_label")]
        pub shelf_id: i64,
        #[sea_orm(unique_key = "shelf_label")]
        pub label: String,
        #[sea_orm(unique)]
        pub code: Option<String>,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
        pub shelf: HasOne<super::shelf::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The lock of a shelf, one to one.
pub mod lock {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "lock")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub shelf_id: i64,
        pub code: String,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
        pub shelf: HasOne<super::shelf::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod owner {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "owner")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

macro_rules! owned {
    ($($(#[$doc:meta])* $module:ident $table:literal $type:ty, $on_delete:literal;)+) => {$(
        $(#[$doc])*
        pub mod $module {
            use sea_orm::entity::prelude::*;

            #[sea_orm::model]
            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                #[sea_orm(default_value = 1)]
                pub owner_id: $type,
                #[sea_orm(belongs_to, from = "owner_id", to = "id", on_delete = $on_delete)]
                pub owner: HasOne<super::owner::Entity>,
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    )+};
}

owned! {
    /// Protects its owner.
    contract "contract" i64, "Restrict";
    /// Loses its owner.
    tool "tool" Option<i64>, "SetNull";
    /// Goes with its owner.
    pet "pet" i64, "Cascade";
    /// Falls to the first owner.
    house "house" i64, "SetDefault";
}

/// Makes the models of books known.
pub fn library() -> DefaultRouter {
    DefaultRouter::new()
        .describe(Description::<tag::Entity>::new())
        .describe(Description::<author::Entity>::new())
        .describe(
            Description::<book::Entity>::new()
                .foreign_key(book::Column::AuthorId, |author| author.related_name("books"))
                .many_to_many::<tag::Entity>("tags", |tags| tags.related_name("books").blank()),
        )
        .model::<book_tag::Entity>()
}

/// Makes the models of shelves known.
pub fn shelves() -> DefaultRouter {
    DefaultRouter::new()
        .describe(Description::<shelf::Entity>::new())
        .describe(
            Description::<item::Entity>::new().foreign_key(item::Column::ShelfId, |shelf| shelf.related_name("items")),
        )
        .describe(
            Description::<lock::Entity>::new()
                .foreign_key(lock::Column::ShelfId, |shelf| shelf.one_to_one().related_name("lock")),
        )
}

pub const LIBRARY: [&str; 2] = [
    "CREATE TABLE tag (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, slug varchar(50) NOT NULL UNIQUE);
     CREATE TABLE author (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, email varchar(254) NOT NULL UNIQUE,
         is_active boolean NOT NULL);
     CREATE TABLE book (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, title varchar(200) NOT NULL,
         author_id bigint REFERENCES author (id) DEFERRABLE INITIALLY DEFERRED);
     CREATE TABLE book_tag (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
         book_id bigint NOT NULL REFERENCES book (id) DEFERRABLE INITIALLY DEFERRED,
         tag_id bigint NOT NULL REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED,
         CONSTRAINT book_tag_pair_uniq UNIQUE (book_id, tag_id));",
    "CREATE TABLE tag (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, slug varchar(50) NOT NULL UNIQUE);
     CREATE TABLE author (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, email varchar(254) NOT NULL UNIQUE,
         is_active bool NOT NULL);
     CREATE TABLE book (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, title varchar(200) NOT NULL,
         author_id bigint REFERENCES author (id) DEFERRABLE INITIALLY DEFERRED);
     CREATE TABLE book_tag (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
         book_id bigint NOT NULL REFERENCES book (id) DEFERRABLE INITIALLY DEFERRED,
         tag_id bigint NOT NULL REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED);
     CREATE UNIQUE INDEX book_tag_pair_uniq ON book_tag (book_id, tag_id);",
];

pub const SHELVES: [&str; 2] = [
    "CREATE TABLE shelf (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, name varchar(50) NOT NULL);
     CREATE TABLE item (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
         shelf_id bigint NOT NULL REFERENCES shelf (id) DEFERRABLE INITIALLY DEFERRED,
         label varchar(50) NOT NULL, code varchar(50) UNIQUE,
         CONSTRAINT item_shelf_label_uniq UNIQUE (shelf_id, label));
     CREATE TABLE lock (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
         shelf_id bigint NOT NULL UNIQUE REFERENCES shelf (id) DEFERRABLE INITIALLY DEFERRED,
         code varchar(50) NOT NULL);",
    "CREATE TABLE shelf (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(50) NOT NULL);
     CREATE TABLE item (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
         shelf_id bigint NOT NULL REFERENCES shelf (id) DEFERRABLE INITIALLY DEFERRED,
         label varchar(50) NOT NULL, code varchar(50) UNIQUE);
     CREATE UNIQUE INDEX item_shelf_label_uniq ON item (shelf_id, label);
     CREATE TABLE lock (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
         shelf_id bigint NOT NULL UNIQUE REFERENCES shelf (id) DEFERRABLE INITIALLY DEFERRED,
         code varchar(50) NOT NULL);",
];

/// An evening in a room.
pub mod event {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        pub room: String,
        pub sponsor: String,
        pub on: Date,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// An account, unique by its name in the database and by other columns in rules alone.
pub mod account {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub email: String,
        #[sea_orm(default_value = "")]
        pub nick: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A book in somebody's hands; only one at a time has it.
pub mod loan {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "loan")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub book: i64,
        pub member: i64,
        pub returned_at: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A seat, whose number is in several unique sets.
pub mod seat {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seat")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub number: i64,
        pub room: String,
        pub zone: Option<String>,
        pub badge: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod booking {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub start: i64,
        pub end: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Constraints that entities cannot say.
pub const CONSTRAINED: [&str; 2] = [
    "CREATE TABLE loan (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, book bigint NOT NULL,
         member bigint NOT NULL, returned_at timestamptz);
     CREATE UNIQUE INDEX loan_open_book ON loan (book) WHERE returned_at IS NULL;
     CREATE TABLE seat (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, number bigint NOT NULL UNIQUE,
         room text NOT NULL, zone text, badge text NOT NULL,
         CONSTRAINT seat_badge UNIQUE (badge, room),
         CONSTRAINT seat_zone UNIQUE NULLS NOT DISTINCT (room, zone));
     CREATE TABLE booking (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, start bigint NOT NULL,
         \"end\" bigint NOT NULL, CONSTRAINT booking_order CHECK (start < \"end\"));",
    "CREATE TABLE loan (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, book bigint NOT NULL,
         member bigint NOT NULL, returned_at datetime);
     CREATE UNIQUE INDEX loan_open_book ON loan (book) WHERE returned_at IS NULL;
     CREATE TABLE seat (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, number bigint NOT NULL UNIQUE,
         room text NOT NULL, zone text, badge text NOT NULL);
     CREATE UNIQUE INDEX seat_badge ON seat (badge, room);
     CREATE UNIQUE INDEX seat_zone ON seat (room, zone);
     CREATE TABLE booking (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, start bigint NOT NULL,
         \"end\" bigint NOT NULL, CONSTRAINT booking_order CHECK (start < \"end\"));",
];

pub mod paper {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "paper")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub title: String,
        pub file: String,
        #[sea_orm(has_many)]
        pub pages: HasMany<super::page::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod page {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "page")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub paper_id: i64,
        pub scan: String,
        #[sea_orm(belongs_to, from = "paper_id", to = "id", on_delete = "Cascade")]
        pub paper: HasOne<super::paper::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
