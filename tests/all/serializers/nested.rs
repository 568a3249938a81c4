//! Rows within the body of another row, and what is shown of the rows around them.

use bowline::fields::{CharField, Field, IntegerField};
use bowline::model::Model as Description;
use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::serializers::models::{CHESTS, chest, claim, coin};
use crate::serializers::{Api, each_kind};
use crate::support::Database;

pub fn chests() -> DefaultRouter {
    let coins = ModelSerializer::<coin::Entity>::new()
        .fields(["id", "value", "under"])
        .declare(Field::new("id", IntegerField::new()).required(false));
    let serializer = ModelSerializer::new().fields(["id", "name", "coins"]).nested("coins", coins, |f| f);
    DefaultRouter::new()
        .describe(
            Description::<coin::Entity>::new().foreign_key(coin::Column::ChestId, |chest| chest.related_name("coins")),
        )
        .register("chests", ModelViewSet::<chest::Entity>::new().serializer(serializer))
        .register("coins", ModelViewSet::<coin::Entity>::new())
        .register("claims", ModelViewSet::<claim::Entity>::new())
}

#[test]
fn a_nested_row_that_is_protected_stays_and_stops_the_whole_write() {
    each_kind(CHESTS, |database| {
        let api = Api::new(database, chests()).unwrap();
        let chest = api.post("/chests/", json!({"name": "a", "coins": [{"value": 1}, {"value": 2}, {"value": 3}]}));
        api.post("/claims/", json!({"coin": 2}));
        let sentence = "Cannot delete some instances of model 'Coin' because they are referenced through protected \
                        foreign keys: 'Claim.coin'.";
        let protected = (409, json!({"detail": sentence}));
        assert_eq!(api.call("DELETE", "/coins/2/", Json::Null), protected, "alone");
        for (method, body) in [
            ("PUT", json!({"name": "b", "coins": []})),
            ("PATCH", json!({"coins": [{"id": 1, "value": 9}, {"value": 4}]})),
        ] {
            assert_eq!(api.call(method, "/chests/1/", body), protected, "{method}");
            assert_eq!(api.get("/chests/1/"), chest, "nothing of it is kept");
        }
        let kept = json!({"name": "b", "coins": [{"id": 2, "value": 5}]});
        let expected = json!({"id": 1, "name": "b", "coins": [{"id": 2, "value": 5, "under": null}]});
        assert_eq!(api.call("PUT", "/chests/1/", kept), (200, expected));
    });
}

#[test]
fn nested_rows_that_go_with_each_other_go_together() {
    each_kind(CHESTS, |database| {
        let api = Api::new(database, chests()).unwrap();
        api.post("/chests/", json!({"name": "a", "coins": [{"value": 1}]}));
        let two = json!({"name": "a", "coins": [{"id": 1, "value": 1}, {"value": 2, "under": 1}]});
        assert_eq!(api.call("PUT", "/chests/1/", two).1["coins"][1]["under"], 1);
        assert_eq!(api.call("PATCH", "/chests/1/", json!({"coins": []})).1["coins"], json!([]));
        let errors = json!({"coins": {"0": {"under": ["Invalid pk \"9\" - object does not exist."]}}});
        let missing = json!({"coins": [{"value": 2, "under": 9}]});
        assert_eq!(api.call("PATCH", "/chests/1/", missing), (400, errors));
    });
}

#[test]
fn the_answer_to_a_patch_has_no_defaults() {
    Database::each(|database| {
        let whole = || {
            Field::new("name", CharField::new())
                .source("under.chest.name")
                .default("nowhere")
                .allow_null(true)
                .read_only()
        };
        let coins = ModelSerializer::<coin::Entity>::new()
            .fields(["id", "value", "name"])
            .declare(Field::new("id", IntegerField::new()).required(false))
            .declare(whole());
        let single = ModelSerializer::<coin::Entity>::new().fields(["id", "value", "chest", "under", "name"]);
        let single = ModelViewSet::new().serializer(single.declare(whole()));
        let single = single.update_many([Action::Update, Action::PartialUpdate]);
        let nested = ModelSerializer::<chest::Entity>::new().fields(["coins"]).nested("coins", coins, |f| f);
        let router = chests().register("single", single.basename("single")).register(
            "nested",
            ModelViewSet::new().serializer(nested).basename("nested").actions([
                Action::Retrieve,
                Action::Update,
                Action::PartialUpdate,
            ]),
        );
        let api = Api::new(database, router).unwrap();
        api.post("/chests/", json!({"name": "a", "coins": [{"value": 1}]}));
        assert_eq!(api.get("/single/1/")["name"], "nowhere");
        let put = json!({"value": 2, "chest": 1, "under": null});
        assert_eq!(api.call("PUT", "/single/1/", put).1["name"], "nowhere");
        for body in [json!({}), json!({"value": 3})] {
            let (status, answer) = api.call("PATCH", "/single/1/", body.clone());
            assert_eq!((status, answer.get("name")), (200, None), "{body}");
        }
        let (status, answer) = api.call("PATCH", "/single/", json!([{"id": 1, "value": 4}]));
        assert_eq!((status, answer[0].get("name")), (200, None), "{answer}");
        let (status, answer) = api.call("PATCH", "/nested/1/", json!({"coins": [{"id": 1, "value": 5}]}));
        assert_eq!((status, answer), (200, json!({"coins": [{"id": 1, "value": 5}]})));
        assert_eq!(api.get("/nested/1/")["coins"][0]["name"], "nowhere");
        api.post("/single/", json!({"value": 6, "chest": 1, "under": 1}));
        assert_eq!(api.call("PATCH", "/single/2/", json!({"value": 7})).1["name"], "a", "what is there is shown");
    });
}
