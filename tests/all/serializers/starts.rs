//! Declarations that contradict themselves stop the start.

use bowline::fields::{CharField, Field, IntegerField, ListField};
use bowline::prelude::*;
use bowline::serializers::Serializer;

use crate::serializers::Api;
use crate::serializers::models::{boxes, chest, coin, labels};
use crate::support::Database;

/// Why an application does not start.
fn refused(router: DefaultRouter) -> String {
    match Api::new(&Database::sqlite(), router) {
        Ok(_) => panic!("it starts"),
        Err(why) => why,
    }
}

fn chests(say: impl FnOnce(ModelSerializer<chest::Entity>) -> ModelSerializer<chest::Entity>) -> DefaultRouter {
    let serializer = say(ModelSerializer::new());
    DefaultRouter::new()
        .model::<coin::Entity>()
        .register("chests", ModelViewSet::<chest::Entity>::new().serializer(serializer))
}

#[test]
fn a_field_of_a_model_serializer() {
    let name = || Field::new("name", CharField::new());
    let both = name().read_only().write_only();
    let why = refused(chests(|s| s.declare(both)));
    assert_eq!(why, "Chest: field `name`: may not be both read-only and write-only.");
    let why = refused(chests(|s| s.declare(name().source("name"))));
    assert_eq!(why, "Chest: field `name`: need not name its source, which has the same name.");
    let inner = ListField::of(Field::new("", IntegerField::new()).source("n"));
    let why = refused(chests(|s| s.declare(Field::new("name", inner))));
    assert_eq!(why, "Chest: field `name`: a source means nothing in the field of an item.");
    let why = refused(chests(|s| s.field("name", |f| f.default("a").required(true))));
    assert_eq!(why, "Chest: field `name`: may not be both required and have a default.");
    let why = refused(chests(|s| s.field("name", |f| f.read_only(true).required(true))));
    assert_eq!(why, "Chest: field `name`: may not be both read-only and required.");
    let serializer = ModelSerializer::<boxes::Entity>::new();
    let serializer = serializer.related(RelatedField::primary_key("labels").read_only().write_only());
    let why = refused(labels().register("boxes", ModelViewSet::new().serializer(serializer)));
    assert_eq!(why, "Boxes: field `labels`: may not be both read-only and write-only.");
}

#[test]
fn a_field_of_a_plain_serializer() {
    let serializer = Serializer::new().field(Field::new("n", IntegerField::new()).default(1).required(true));
    let view = ApiView::new("CountView").serializer(serializer);
    let why = refused(DefaultRouter::new().path("count/", view.clone()).path("number/", view));
    assert_eq!(why, "CountView: field `n`: may not be both required and have a default");
}
