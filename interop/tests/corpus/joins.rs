//! Two entities at once, and more.

use sea_orm::entity::prelude::*;
use sea_orm::{JoinType, LoaderTrait, QueryOrder, QuerySelect, RelationTrait};

use super::answers::Answers;
use super::entities::{label, maker, tag, thing};

pub(crate) async fn run<C: ConnectionTrait>(db: &C, out: &mut Answers) {
    let things = || thing::Entity::find().order_by_asc(thing::Column::Id);
    let makers = || maker::Entity::find().order_by_asc(maker::Column::Id);
    out.add("also related", things().find_also_related(maker::Entity).all(db).await);
    out.add("also related, one", things().find_also_related(maker::Entity).one(db).await);
    out.add("with related", makers().find_with_related(thing::Entity).order_by_asc(thing::Column::Id).all(db).await);
    out.add("both related", things().find_both_related(maker::Entity).all(db).await);
    out.add(
        "with related through a table",
        things().find_with_related(tag::Entity).order_by_asc(tag::Column::Name).all(db).await,
    );
    out.add("also linked", things().find_also_linked(thing::ThingToTag).all(db).await.map(|pairs| pairs.len()));
    out.add(
        "with linked",
        things().find_with_linked(thing::ThingToTag).all(db).await.map(|pairs| {
            pairs
                .into_iter()
                .map(|(thing, mut tags)| {
                    tags.sort_by_key(|tag| tag.id);
                    (thing.id, tags)
                })
                .collect::<Vec<_>>()
        }),
    );
    let third = thing::Entity::find_by_id(1).one(db).await;
    let third = third.ok().flatten();
    if let Some(third) = third {
        out.add("related of a model", third.find_related(maker::Entity).one(db).await);
        out.add(
            "related through a table",
            third.find_related(tag::Entity).order_by_asc(tag::Column::Name).all(db).await,
        );
        out.add(
            "linked of a model",
            third.find_linked(thing::ThingToTag).order_by_asc(tag::Column::Name).all(db).await,
        );
    }
    let joined = things()
        .join(JoinType::InnerJoin, thing::Relation::Maker.def())
        .select_only()
        .column_as(maker::Column::Name, "maker")
        .column_as(thing::Column::Name, "thing")
        .column_as(maker::Column::Founded, "founded");
    out.add("columns of both", joined.into_tuple::<(String, String, Option<Date>)>().all(db).await);
    let weights = label::Entity::find()
        .join(JoinType::InnerJoin, label::Relation::Tag.def())
        .join(JoinType::InnerJoin, label::Relation::Thing.def())
        .select_only()
        .column(thing::Column::Name)
        .column(tag::Column::Name)
        .column(label::Column::Weight)
        .order_by_asc(label::Column::Weight);
    out.add("two names", weights.clone().into_tuple::<(String, String, i64)>().all(db).await);
    out.add("two names, json", weights.into_json().all(db).await);
    out.add("joined as it stands", things().left_join(maker::Entity).into_json().all(db).await);
    match makers().all(db).await {
        Ok(found) => {
            out.add("loaded", found.load_many(things(), db).await);
            match things().all(db).await {
                Ok(found) => {
                    out.add("loaded, one each", found.load_one(maker::Entity, db).await);
                    out.add(
                        "loaded through a table",
                        found.load_many_to_many(tag::Entity, label::Entity, db).await.map(|all| {
                            all.into_iter()
                                .map(|mut tags| {
                                    tags.sort_by_key(|tag| tag.id);
                                    tags
                                })
                                .collect::<Vec<_>>()
                        }),
                    );
                }
                Err(error) => out.add::<()>("loaded, one each", Err(error)),
            }
        }
        Err(error) => out.add::<()>("loaded", Err(error)),
    }
    out.add("cursor", {
        let mut cursor = thing::Entity::find().cursor_by(thing::Column::Id);
        cursor.after(2).first(2).all(db).await
    });
    out.add("cursor by time", {
        let mut cursor = thing::Entity::find().cursor_by(thing::Column::Utc);
        let at: DateTimeUtc = "2026-02-05T04:05:06.789012Z".parse().unwrap();
        cursor.before(at).last(2).all(db).await
    });
}
