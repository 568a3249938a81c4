//! Lists of objects: what is wrong stands at the place of its object.

use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::serializers::models::{boxes, labels};
use crate::serializers::{Api, nested};
use crate::support::Database;

/// An application that shows the errors of a list as a dictionary, and one that shows them as DRF did before 3.18.
fn both(database: &Database) -> [Api; 2] {
    [true, false].map(|as_dict| {
        let serializer = ModelSerializer::<boxes::Entity>::new().fields(["id", "name", "labels"]);
        let boxes = ModelViewSet::new()
            .serializer(serializer.field("name", |f| f.unique(UniqueValidator::new().unenforced())))
            .create_many(Lists::Also)
            .update_many([Action::Update])
            .destroy_many();
        let router = nested::chests().include("", labels()).register("boxes", boxes);
        Api::new(database, router.configure(move |settings| settings.list_errors_as_dict = as_dict)).unwrap()
    })
}

#[test]
fn errors_of_the_objects_of_a_list() {
    Database::each(|database| {
        let apis = both(database);
        apis[0].post("/labels/", json!({"text": "x"}));
        apis[0].post("/boxes/", json!({"name": "a", "labels": [1]}));
        apis[0].post("/chests/", json!({"name": "a", "coins": []}));
        let one = |name: &str| json!({"name": name, "labels": [1]});
        let required = json!({"name": ["This field is required."]});
        let taken = json!({"name": ["This field must be unique."]});
        let label = json!({"labels": ["Invalid pk \"9\" - object does not exist."]});
        let missing = json!({"non_field_errors": ["Not found."]});
        let repeated = json!({"id": ["This object is in the list more than once."]});
        let under = json!({"under": ["Invalid pk \"9\" - object does not exist."]});
        let value = json!({"value": ["A valid biginteger is required."]});
        for (method, path, body, length, errors, key) in [
            ("POST", "/boxes/", json!([one("b"), {"labels": [1]}, one("c")]), 3, vec![(1, &required)], None),
            ("POST", "/boxes/", json!([one("b"), one("a")]), 2, vec![(1, &taken)], None),
            ("POST", "/boxes/", json!([one("b"), one("c"), one("b")]), 3, vec![(2, &taken)], None),
            ("POST", "/boxes/", json!([one("b"), {"name": "c", "labels": [9]}]), 2, vec![(1, &label)], None),
            (
                "PUT",
                "/boxes/",
                json!([{"id": 1, "name": "b", "labels": [1]}, {"id": 9, "name": "c", "labels": [1]}]),
                2,
                vec![(1, &missing)],
                None,
            ),
            ("DELETE", "/boxes/", json!([1, 8, 9]), 3, vec![(1, &missing), (2, &missing)], None),
            ("DELETE", "/boxes/", json!([1, 1]), 2, vec![(1, &repeated)], None),
            (
                "PATCH",
                "/chests/1/",
                json!({"coins": [{"value": 1}, {"value": "x"}]}),
                2,
                vec![(1, &value)],
                Some("coins"),
            ),
            (
                "PATCH",
                "/chests/1/",
                json!({"coins": [{"value": 1}, {"value": 2, "under": 9}]}),
                2,
                vec![(1, &under)],
                Some("coins"),
            ),
        ] {
            let mut dict = json!({});
            let mut list: Vec<Json> = (0..length).map(|_| json!({})).collect();
            for (n, error) in errors {
                dict[n.to_string()] = error.clone();
                list[n] = error.clone();
            }
            for (api, expected) in apis.iter().zip([dict, Json::Array(list)]) {
                let expected = key.map_or(expected.clone(), |key| json!({key: expected}));
                assert_eq!(api.call(method, path, body.clone()), (400, expected), "{method} {path} {body}");
            }
        }
        assert_eq!(apis[0].get("/boxes/").as_array().unwrap().len(), 1, "nothing of it is kept");
    });
}
