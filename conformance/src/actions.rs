//! The extra actions of books.

use bowline::fields::{DecimalField, Field};
use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use bowline::serializers::Serializer;
use bowline::value;
use http::StatusCode;
use sea_orm::ActiveValue::Set;

use crate::models::{book, book_tag, tag};

pub fn all() -> [ExtraAction; 6] {
    [
        ExtraAction::detail("reprint").post(reprint).description("Raises the edition by one."),
        ExtraAction::detail("tag_list").url_path("tag-list").url_name("tags").get(tag_list).delete(clear_tags),
        ExtraAction::list("cheapest").get(cheapest),
        ExtraAction::list("price_check")
            .url_path("price-check/(?P<currency>[A-Z]{3})")
            .post(price_check)
            .patch(price_check),
        ExtraAction::detail("private").get(private).permissions(IsAuthenticated),
        ExtraAction::detail("history")
            .get(history)
            .post(add_history)
            .description("GET and POST of one path are two functions."),
    ]
}

async fn reprint(action: ActionRequest) -> bowline::Result<Value> {
    let book = action.get_object::<book::Entity>().await?;
    let edition = book.edition + 1;
    let changed = book::ActiveModel {
        id: Set(book.id),
        edition: Set(edition),
        in_print: Set(true),
        updated_at: Set(chrono::Utc::now()),
        ..Default::default()
    };
    changed.update(action.connection()).await?;
    Ok(value!({"slug": book.slug, "edition": edition}))
}

async fn tag_list(action: ActionRequest) -> bowline::Result<Value> {
    let book = action.get_object::<book::Entity>().await?;
    let links = book_tag::Entity::find().filter(book_tag::Column::BookId.eq(book.id)).all(action.connection()).await?;
    let ids = links.into_iter().map(|link| link.tag_id);
    let tags = tag::Entity::find().filter(tag::Column::Id.is_in(ids)).order_by_asc(tag::Column::Id);
    let tags = tags.all(action.connection()).await?.into_iter();
    let shown = tags.map(|t| value!({"id": t.id, "name": t.name, "slug": t.slug, "colour": t.colour}));
    Ok(Value::List(shown.collect()))
}

async fn clear_tags(action: ActionRequest) -> bowline::Result<Response> {
    let book = action.get_object::<book::Entity>().await?;
    book_tag::Entity::delete_many().filter(book_tag::Column::BookId.eq(book.id)).exec(action.connection()).await?;
    Ok(Response::no_content())
}

async fn cheapest(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.first([(book::Column::Price, false), (book::Column::Id, false)]).await?;
    found.ok_or_else(|| Error::NotFound("No books at all.".into()))
}

async fn price_check(action: ActionRequest) -> bowline::Result<Response> {
    let prices = Serializer::new().field(Field::new("amount", DecimalField::new(7, 2).min_value(0)));
    let amount = prices.data(&action.validate_with(&prices)?, &action)?;
    let (currency, method) = (action.path_value::<String>("currency")?, action.method().as_str());
    let answer = value!({"currency": currency, "method": method, "amount": amount.get("amount").cloned()});
    Ok(Response::new(answer).status(StatusCode::ACCEPTED))
}

async fn private(action: ActionRequest) -> bowline::Result<Value> {
    let book = action.get_object::<book::Entity>().await?;
    Ok(value!({"book": book.title, "user": action.user().map(|user| user.username.clone())}))
}

async fn history(action: ActionRequest) -> bowline::Result<Value> {
    let book = action.get_object::<book::Entity>().await?;
    Ok(value!({"editions": (1..=i64::from(book.edition)).map(Value::from).collect::<Vec<_>>()}))
}

async fn add_history(action: ActionRequest) -> bowline::Result<Response> {
    action.get_object::<book::Entity>().await?;
    Ok(Response::new(value!({"got": action.data()?.clone()})).status(StatusCode::CREATED))
}
