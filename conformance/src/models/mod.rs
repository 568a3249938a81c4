//! The tables of a Django application: its own, and those of `django.contrib.auth` and DRF's tokens.
//!
//! Each entity stands beside what Django's model says and the entity cannot.

use bowline::prelude::*;

pub mod account;
pub mod attachment;
pub mod author;
pub mod author_profile;
pub mod book;
pub mod book_tag;
pub mod collection;
pub mod content_type;
pub mod document;
pub mod entry;
pub mod entry_tag;
pub mod event;
pub mod group;
pub mod group_permission;
pub mod job;
pub mod loan;
pub mod member;
pub mod permission;
pub mod publisher;
pub mod review;
pub mod sample;
pub mod seat;
pub mod session;
pub mod shelf;
pub mod shelf_item;
pub mod shelf_lock;
pub mod strict;
pub mod tag;
pub mod token;
pub mod user;
pub mod user_group;
pub mod user_permission;

/// Makes every model known to a router.
pub fn describe(router: DefaultRouter) -> DefaultRouter {
    router
        .describe(account::model())
        .describe(attachment::model())
        .describe(author::model())
        .describe(author_profile::model())
        .describe(book::model())
        .model::<book_tag::Entity>()
        .describe(collection::model())
        .describe(content_type::model())
        .describe(document::model())
        .describe(entry::model())
        .model::<entry_tag::Entity>()
        .describe(event::model())
        .describe(group::model())
        .model::<group_permission::Entity>()
        .describe(job::model())
        .describe(loan::model())
        .describe(member::model())
        .describe(permission::model())
        .describe(publisher::model())
        .describe(review::model())
        .describe(sample::model())
        .describe(seat::model())
        .describe(session::model())
        .describe(shelf::model())
        .describe(shelf_item::model())
        .describe(shelf_lock::model())
        .describe(strict::model())
        .describe(tag::model())
        .describe(token::model())
        .describe(user::model())
        .model::<user_group::Entity>()
        .model::<user_permission::Entity>()
}
