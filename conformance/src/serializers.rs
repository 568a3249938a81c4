//! The serializers of `/lib/`, `/rel/`, `/sets/`, `/generic/` and `/bulk/`.

use bowline::fields::{CharField, CurrentUserDefault, EmailField, Field, IntegerField, ReadOnlyField, RegexField};
use bowline::prelude::*;
use bowline::validators::Lookup;

use crate::models::{
    account, attachment, author, author_profile, book, collection, document, entry, event, job, loan, member,
    publisher, review, sample, seat, shelf, shelf_item, shelf_lock, strict, tag, user,
};

// == core ==========================================================================

pub fn authors() -> ModelSerializer<author::Entity> {
    ModelSerializer::new()
        .fields([
            "id",
            "first_name",
            "last_name",
            "full_name",
            "email",
            "born",
            "bio",
            "rating",
            "is_active",
            "mentor",
            "book_count",
        ])
        .count("book_count", "books")
}

pub fn profiles() -> ModelSerializer<author_profile::Entity> {
    ModelSerializer::new()
        .fields(["id", "author", "author_name", "nickname", "homepage", "verified"])
        .declare(Field::new("author_name", CharField::new()).source("author.full_name").read_only())
        .field("nickname", |f| f.min_length(3).help_text("Three letters or more."))
        .field("homepage", |f| f.write_only(true))
}

pub fn publishers() -> ModelSerializer<publisher::Entity> {
    ModelSerializer::new()
        .hyperlinked()
        .fields(["url", "id", "name", "slug", "website", "country", "founded", "books"])
        .related(RelatedField::hyperlink("books", "book-detail").lookup_field("slug").read_only())
}

pub fn tags() -> ModelSerializer<tag::Entity> {
    ModelSerializer::new().fields(["id", "name", "slug", "colour"]).declare(colour())
}

#[expect(clippy::expect_used, reason = "the pattern is the program's own")]
fn colour() -> Field {
    Field::new("colour", RegexField::new("^#[0-9a-f]{6}$").expect("a pattern")).required(false)
}

pub fn books() -> ModelSerializer<book::Entity> {
    ModelSerializer::new()
        .fields([
            "id",
            "title",
            "slug",
            "isbn",
            "author",
            "publisher",
            "tags",
            "price",
            "pages",
            "edition",
            "weight",
            "published",
            "in_print",
            "language",
            "created_at",
            "updated_at",
        ])
        .read_only_fields(["edition"])
}

pub fn reviews() -> ModelSerializer<review::Entity> {
    ModelSerializer::new()
        .fields(["id", "book", "reviewer", "reviewer_name", "stars", "text", "created_at"])
        .declare(Field::hidden("reviewer", CurrentUserDefault))
        .declare(Field::new("reviewer_name", CharField::new()).source("reviewer.username").read_only())
}

pub fn loans() -> ModelSerializer<loan::Entity> {
    ModelSerializer::new().fields(["id", "book", "member", "due", "loaned_at", "returned_at", "extension"])
}

pub fn attachments() -> ModelSerializer<attachment::Entity> {
    ModelSerializer::new().fields(["id", "book", "title", "file", "cover"])
}

// == relations =====================================================================

fn related_books() -> ModelSerializer<book::Entity> {
    ModelSerializer::new().fields(["id", "title", "slug", "isbn", "author", "publisher", "tags", "price", "pages"])
}

pub fn books_pk() -> ModelSerializer<book::Entity> {
    related_books()
        .related(RelatedField::primary_key("author").filter(Condition::eq("is_active", true)))
        .related(RelatedField::primary_key("publisher").allow_null(true).required(false))
        .related(RelatedField::primary_key("tags").allow_empty(false))
}

pub fn books_slug() -> ModelSerializer<book::Entity> {
    related_books()
        .related(RelatedField::slug("author", "email"))
        .related(RelatedField::slug("publisher", "slug").allow_null(true))
        .related(RelatedField::slug("tags", "slug"))
}

pub fn books_string() -> ModelSerializer<book::Entity> {
    ModelSerializer::new()
        .fields([
            "id",
            "title",
            "author",
            "publisher",
            "tags",
            "publisher_country",
            "mentor_name",
            "mentor_email",
            "language_name",
        ])
        .related(RelatedField::string("author"))
        .related(RelatedField::string("publisher"))
        .related(RelatedField::string("tags"))
        .declare(
            Field::new("publisher_country", CharField::new()).source("publisher.country").default("??").read_only(),
        )
        .declare(
            Field::new("mentor_name", CharField::new())
                .source("author.mentor.full_name")
                .default(Value::Null)
                .read_only(),
        )
        .declare(Field::new("mentor_email", ReadOnlyField::new()).source("author.mentor.email").read_only())
        .declare(Field::new("language_name", CharField::new()).source("get_language_display").read_only())
}

pub fn books_hyper() -> ModelSerializer<book::Entity> {
    ModelSerializer::new()
        .fields(["link", "id", "title", "slug", "isbn", "author", "publisher", "tags", "price", "pages"])
        .related(RelatedField::identity("link", "rel-book-hyper-detail"))
        .related(RelatedField::hyperlink("author", "author-detail"))
        .related(RelatedField::hyperlink("publisher", "publisher-detail").allow_null(true).required(false))
        .related(RelatedField::hyperlink("tags", "tag-detail").lookup_field("slug"))
}

pub fn books_nested() -> ModelSerializer<book::Entity> {
    ModelSerializer::new()
        .fields(["id", "title", "slug", "isbn", "author", "author_id", "publisher", "tags", "price", "pages"])
        .nested("author", authors(), |f| f.read_only())
        .related(RelatedField::primary_key("author_id").source("author").write_only())
        .nested("tags", tags(), |f| f.read_only())
}

pub fn books_depth1() -> ModelSerializer<book::Entity> {
    ModelSerializer::new().exclude(["created_at", "updated_at"]).depth(1)
}

pub fn books_depth2() -> ModelSerializer<book::Entity> {
    ModelSerializer::new().fields(["id", "title", "author", "publisher", "tags"]).depth(2)
}

pub fn authors_reverse() -> ModelSerializer<author::Entity> {
    ModelSerializer::new()
        .fields(["id", "first_name", "last_name", "mentor", "mentor_name", "pupils", "books", "book_titles", "profile"])
        .related(RelatedField::primary_key("books").read_only())
        .related(RelatedField::slug("book_titles", "title").source("books").read_only())
        .related(RelatedField::primary_key("pupils").required(false))
        .nested("profile", profiles(), |f| f.read_only())
        .related(RelatedField::string("mentor_name").source("mentor"))
}

// == validators ====================================================================

pub fn events_custom() -> ModelSerializer<event::Entity> {
    ModelSerializer::new()
        .fields(["id", "title", "room", "on"])
        .unique_for(UniqueForValidator::date("title", "on").message("Already that day ({date_field})."))
        .on_create(event::Column::Sponsor, "none")
}

pub fn accounts() -> ModelSerializer<account::Entity> {
    ModelSerializer::new()
        .fields(["id", "handle", "email", "alias"])
        .declare(Field::new("email", EmailField::new()))
        .unique("email", UniqueValidator::new().lookup(Lookup::IExact).message("That address is in use."))
        .declare(Field::new("alias", CharField::new().max_length(20)).source("nick").required(false))
        .unique("alias", UniqueValidator::new().among(Condition::eq("nick", "").negate()))
}

pub fn reviews_together() -> ModelSerializer<review::Entity> {
    ModelSerializer::new().fields(["id", "book", "reviewer", "stars"]).validator(
        UniqueTogetherValidator::new([review::Column::ReviewerId, review::Column::BookId])
            .message("One review per book ({field_names}).")
            .code("twice"),
    )
}

/// A member of unique_together that is read-only has no validator on it.
pub fn reviews_readonly() -> ModelSerializer<review::Entity> {
    ModelSerializer::new().fields(["id", "book", "reviewer", "stars"]).read_only_fields(["reviewer"])
}

// == nested writes =================================================================

fn shelf_items() -> ModelSerializer<shelf_item::Entity> {
    ModelSerializer::new()
        .fields(["id", "label", "position"])
        .declare(Field::new("id", IntegerField::new()).required(false))
        .validate_field("label", |value, _| match value.as_str() {
            Some(label) if label.starts_with('!') => Err("May not start with \"!\".".into()),
            _ => Ok(value),
        })
}

fn shelf_locks() -> ModelSerializer<shelf_lock::Entity> {
    ModelSerializer::new().fields(["code"])
}

pub fn shelves() -> ModelSerializer<shelf::Entity> {
    ModelSerializer::new()
        .fields(["id", "name", "floor", "items", "lock"])
        .nested("items", shelf_items(), |f| f)
        .nested("lock", shelf_locks(), |f| f.required(false).allow_null(true))
        .validate_field("items", |items, _| {
            let labels: Vec<Option<&Value>> =
                items.as_list().unwrap_or_default().iter().map(|item| item.get("label")).collect();
            let repeated = labels.iter().enumerate().any(|(n, label)| labels[..n].contains(label));
            if repeated { Err("Labels must differ.".into()) } else { Ok(items) }
        })
}

// == lists =========================================================================

pub fn entries_brief() -> ModelSerializer<entry::Entity> {
    ModelSerializer::new().fields(["id", "label", "rank"])
}

pub fn stricts_extra() -> ModelSerializer<strict::Entity> {
    ModelSerializer::new()
        .fields(["id", "name", "code", "amount", "quantity", "kind", "serial", "day", "at", "ok", "data"])
        .read_only_fields(["data"])
        .field("name", |f| f.allow_blank(true).max_length(6).label("Short name"))
        .field("code", |f| f.required(false).default("none"))
        .field("amount", |f| f.min_value(10).coerce_to_string(false))
        .field("quantity", |f| f.required(true))
        .field("day", |f| f.format("%d/%m/%Y").input_formats(["%d/%m/%Y"]))
        .field("at", |f| f.write_only(true))
        .field("ok", |f| f.default(true))
        .on_create(strict::Column::Data, Value::map())
}

// == bulk ==========================================================================

pub fn bulk_tags() -> ModelSerializer<tag::Entity> {
    tags().validate_list(|tags| {
        let slugs: Vec<Option<&Value>> = tags.iter().map(|tag| tag.get("slug")).collect();
        let repeated = slugs.iter().enumerate().any(|(n, slug)| slugs[..n].contains(slug));
        if repeated { Err("Repeated slug in the list.".into()) } else { Ok(()) }
    })
}

pub fn bulk_items() -> ModelSerializer<shelf_item::Entity> {
    ModelSerializer::new().fields(["id", "shelf", "label", "position"]).allow_empty(false).max_length(4)
}

// == permissions ===================================================================

pub fn jobs() -> ModelSerializer<job::Entity> {
    ModelSerializer::new()
        .fields(["id", "title", "owner", "public", "done"])
        .related(RelatedField::slug("owner", "username").read_only())
}

pub fn users() -> ModelSerializer<user::Entity> {
    ModelSerializer::new()
        .fields(["id", "username", "email", "is_staff", "is_active", "groups", "date_joined", "last_login"])
        .related(RelatedField::slug("groups", "name").read_only())
}

// == as they are ===================================================================

pub fn collections() -> ModelSerializer<collection::Entity> {
    ModelSerializer::new()
}

pub fn documents() -> ModelSerializer<document::Entity> {
    ModelSerializer::new()
        .validator(UniqueTogetherValidator::new([document::Column::CollectionId, document::Column::Uid]))
}

pub fn members() -> ModelSerializer<member::Entity> {
    ModelSerializer::new()
}

pub fn samples() -> ModelSerializer<sample::Entity> {
    ModelSerializer::new()
}

pub fn stricts() -> ModelSerializer<strict::Entity> {
    ModelSerializer::new()
}

pub fn seats() -> ModelSerializer<seat::Entity> {
    ModelSerializer::new()
}

pub fn events() -> ModelSerializer<event::Entity> {
    ModelSerializer::new()
}
