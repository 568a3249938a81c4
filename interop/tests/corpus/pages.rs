//! Pages, counts, existence.

use sea_orm::entity::prelude::*;
use sea_orm::{PaginatorTrait, QueryOrder, QuerySelect, SelectExt};

use super::answers::Answers;
use super::entities::{maker, thing};

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    let things = || thing::Entity::find().order_by_asc(thing::Column::Id);
    out.add("count", things().count(db).await);
    out.add("count of a filter", things().filter(thing::Column::Flag.eq(true)).count(db).await);
    out.add("count of none", things().filter(thing::Column::Id.eq(-1)).count(db).await);
    out.add("count of a join", things().inner_join(maker::Entity).count(db).await);
    out.add(
        "count of groups",
        thing::Entity::find()
            .select_only()
            .column(thing::Column::Number)
            .group_by(thing::Column::Number)
            .into_tuple::<i32>()
            .count(db)
            .await,
    );
    out.add("exists", things().filter(thing::Column::Id.eq(1)).exists(db).await);
    out.add("exists not", things().filter(thing::Column::Id.eq(-1)).exists(db).await);
    let pages = things().paginate(db, 4);
    out.add("number of pages", pages.num_pages().await);
    out.add("number of items", pages.num_items().await);
    out.add("items and pages", pages.num_items_and_pages().await);
    out.add("first page", pages.fetch_page(0).await);
    out.add("second page", pages.fetch_page(1).await);
    out.add("page after the last", pages.fetch_page(2).await);
    out.add(
        "pages of tuples",
        things()
            .select_only()
            .columns([thing::Column::Name, thing::Column::Id])
            .into_tuple::<(String, i32)>()
            .paginate(db, 5)
            .fetch_page(1)
            .await,
    );
    out.add(
        "pages of json",
        things().select_only().column(thing::Column::Id).into_json().paginate(db, 5).fetch_page(0).await,
    );
    let mut all = things().paginate(db, 2);
    let mut seen = Vec::new();
    loop {
        match all.fetch_and_next().await {
            Ok(Some(page)) => seen.extend(page.into_iter().map(|thing| thing.id)),
            Ok(None) => break,
            Err(error) => {
                out.add::<()>("all pages", Err(error));
                break;
            }
        }
    }
    out.add("all pages", Ok(seen));
}
