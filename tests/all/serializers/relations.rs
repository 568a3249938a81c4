//! Other rows, by what names them.

use bowline::model::Model as Description;
use bowline::prelude::*;
use sea_orm::Order;
use serde_json::{Value as Json, json};

use crate::serializers::Api;
use crate::serializers::models::{band, box_label, boxes, event, label, labels, membership, player, ticket};
use crate::support::Database;

#[test]
fn many_rows_by_their_texts_are_asked_for() {
    Database::each(|database| {
        let boxes = || ModelSerializer::<boxes::Entity>::new().fields(["id", "name", "labels"]);
        let texts = boxes().related(RelatedField::string("labels"));
        let shown = boxes().related(RelatedField::string("labels").read_only());
        let router = labels()
            .register("boxes", ModelViewSet::new().serializer(boxes()).basename("box"))
            .register("texts", ModelViewSet::new().serializer(texts).basename("text"))
            .register("shown", ModelViewSet::new().serializer(shown).basename("shown"));
        let api = Api::new(database, router).unwrap();
        api.post("/labels/", json!({"text": "fragile"}));
        api.post("/boxes/", json!({"name": "a", "labels": [1]}));
        assert_eq!(api.get("/texts/1/")["labels"], json!(["fragile"]));
        for (labels, message) in [
            (None, "This field is required."),
            (Some(Json::Null), "This field may not be null."),
            (Some(json!("fragile")), "Expected a list of items but got type \"str\"."),
            (Some(json!(["fragile"])), "An object cannot be named by its text."),
        ] {
            let mut body = json!({"name": "b"});
            if let Some(labels) = labels {
                body["labels"] = labels;
            }
            for (method, path) in [("POST", "/texts/"), ("PUT", "/texts/1/")] {
                assert_eq!(api.call(method, path, body.clone()), (400, json!({"labels": [message]})), "{body}");
            }
        }
        assert_eq!(api.call("PATCH", "/texts/1/", json!({"name": "b"})).1["labels"], json!(["fragile"]));
        assert_eq!(api.call("PUT", "/shown/1/", json!({"name": "c"})).1["labels"], json!(["fragile"]));
        assert_eq!(api.call("PUT", "/texts/1/", json!({"name": "c", "labels": []})).1["labels"], json!([]));
        assert_eq!(api.post("/texts/", json!({"name": "d", "labels": []}))["labels"], json!([]));
    });
}

#[test]
fn a_row_is_named_by_a_column_of_any_kind() {
    Database::each(|database| {
        let columns = ["day", "at", "clock", "price", "span", "host", "share", "open", "token"];
        let mut router = DefaultRouter::new().register("events", ModelViewSet::<event::Entity>::new());
        for column in columns {
            let tickets = ModelSerializer::<ticket::Entity>::new().fields(["event"]);
            let tickets = tickets.related(RelatedField::slug("event", column));
            router = router.register(column, ModelViewSet::new().serializer(tickets).basename(column));
        }
        let api = Api::new(database, router).unwrap();
        api.post(
            "/events/",
            json!({"day": "2024-02-29", "at": "2024-02-29T12:00:05.25+02:00", "clock": "08:30", "price": "12.50",
                "span": "1 02:00:00.5", "host": "2001:db8::1", "share": 0.1, "open": true,
                "token": "0123456789abcdef0123456789abcdef"}),
        );
        api.post(
            "/events/",
            json!({"day": "2024-03-01", "at": "2024-03-01T00:00:00Z", "clock": "09:00:00.5", "price": "1.00",
                "span": "00:00:01", "host": "10.0.0.1", "share": 3, "open": false, "token": "x"}),
        );
        for (column, named, shown) in [
            ("day", json!("2024-02-29"), json!("2024-02-29")),
            ("day", json!("2024-3-1"), json!("2024-03-01")),
            ("at", json!("2024-02-29 10:00:05.250Z"), json!("2024-02-29T10:00:05.250000Z")),
            ("at", json!("2024-02-29T13:00:05.25+03:00"), json!("2024-02-29T10:00:05.250000Z")),
            ("at", json!("2024-03-01"), json!("2024-03-01T00:00:00Z")),
            ("clock", json!("8:30"), json!("08:30:00")),
            ("clock", json!("09:00:00.50"), json!("09:00:00.500000")),
            ("price", json!("12.5"), json!(12.5)),
            ("price", json!(1), json!(1.0)),
            ("price", json!(12.5), json!(12.5)),
            ("span", json!("P1DT2H0.5S"), json!("93600.5")),
            ("span", json!("1"), json!("1.0")),
            ("host", json!("2001:DB8:0::1"), json!("2001:db8::1")),
            ("host", json!("10.0.0.1"), json!("10.0.0.1")),
            ("share", json!("0.1"), json!(0.1)),
            ("share", json!(3), json!(3.0)),
            ("open", json!(true), json!(true)),
            ("open", json!("f"), json!(false)),
            ("token", json!("0123456789abcdef0123456789abcdef"), json!("0123456789abcdef0123456789abcdef")),
        ] {
            let (status, answer) = api.call("POST", &format!("/{column}/"), json!({"event": named}));
            assert_eq!((status, &answer), (201, &json!({"event": shown})), "{column} {named}");
        }
        let missing = |column: &str, named: &str| format!("Object with {column}={named} does not exist.");
        for (column, named, message) in [
            ("day", json!("2024-02-28"), missing("day", "2024-02-28")),
            (
                "day",
                json!("2024-02-30"),
                "“2024-02-30” value has the correct format (YYYY-MM-DD) but it is an invalid date.".into(),
            ),
            ("day", json!("x"), "“x” value has an invalid date format. It must be in YYYY-MM-DD format.".into()),
            ("day", json!(1), "Invalid value.".into()),
            ("clock", json!("x"), "“x” value has an invalid format. It must be in HH:MM[:ss[.uuuuuu]] format.".into()),
            ("price", json!("x"), "“x” value must be a decimal number.".into()),
            ("price", json!("1e900"), missing("price", "1e900")),
            ("price", json!("1.004"), missing("price", "1.004")),
            ("span", json!("999999999 00:00:00"), missing("span", "999999999 00:00:00")),
            ("host", json!("x"), missing("host", "x")),
            ("share", json!("x"), "Invalid value.".into()),
            ("open", json!("x"), "“x” value must be either True or False.".into()),
        ] {
            let (status, answer) = api.call("POST", &format!("/{column}/"), json!({"event": named}));
            assert_eq!((status, &answer), (400, &json!({"event": [message]})), "{column} {named}");
        }
    });
}

#[test]
fn a_relation_by_way_of_a_model_is_read_only() {
    Database::each(|database| {
        let players = || ModelSerializer::<player::Entity>::new().fields(["id", "name", "bands"]);
        let bands = ModelSerializer::<band::Entity>::new().related(RelatedField::primary_key("players"));
        let router = DefaultRouter::new()
            .describe(
                Description::<band::Entity>::new()
                    .many_to_many::<player::Entity>("players", |players| players.related_name("bands")),
            )
            .register("bands", ModelViewSet::<band::Entity>::new())
            .register("players", ModelViewSet::new().serializer(players()))
            .register("memberships", ModelViewSet::<membership::Entity>::new())
            .register("own", ModelViewSet::new().serializer(bands).basename("own"));
        let api = Api::new(database, router).unwrap();
        assert_eq!(
            api.post("/bands/", json!({"name": "a", "players": [9]})),
            json!({"id": 1, "name": "a", "players": []})
        );
        assert_eq!(
            api.post("/players/", json!({"name": "b", "bands": [1]})),
            json!({"id": 1, "name": "b", "bands": []})
        );
        api.post("/memberships/", json!({"band": 1, "player": 1, "instrument": "drums"}));
        assert_eq!(api.call("PUT", "/bands/1/", json!({"name": "c", "players": []})).1["players"], json!([1]));
        assert_eq!(api.call("PATCH", "/players/1/", json!({"bands": []})).1["bands"], json!([1]));
        let field = &api.call("OPTIONS", "/bands/", Json::Null).1["actions"]["POST"]["players"];
        assert_eq!((&field["read_only"], &field["required"]), (&json!(true), &json!(false)));
        assert_eq!(api.call("PATCH", "/own/1/", json!({"players": [9]})).0, 400, "a field of its own writes it");
    });
}

#[test]
fn a_join_table_may_be_called_a_model() {
    Database::each(|database| {
        let said = Description::<boxes::Entity>::new()
            .many_to_many::<label::Entity>("labels", |labels| labels.through_model());
        let router = DefaultRouter::new()
            .describe(said)
            .model::<box_label::Entity>()
            .register("boxes", ModelViewSet::<boxes::Entity>::new())
            .register("labels", ModelViewSet::<label::Entity>::new());
        let api = Api::new(database, router).unwrap();
        assert_eq!(
            api.post("/boxes/", json!({"name": "a", "labels": [9]})),
            json!({"id": 1, "name": "a", "labels": []})
        );
    });
}

#[test]
fn lists_are_ordered_by_what_a_row_points_to() {
    Database::each(|database| {
        let tickets = Description::<ticket::Entity>::new()
            .foreign_key(ticket::Column::EventId, |event| event.related_name("tickets"))
            .ordering_by::<event::Entity>(ticket::Column::EventId, event::Column::Price, Order::Desc)
            .ordering(["-id"]);
        let events = ModelSerializer::<event::Entity>::new().fields(["id", "tickets"]);
        let named = ModelSerializer::<event::Entity>::new().fields(["token", "tickets"]);
        let named = named.related(RelatedField::slug("tickets", "id"));
        let router = DefaultRouter::new()
            .describe(tickets)
            .register("events", ModelViewSet::<event::Entity>::new())
            .register("tickets", ModelViewSet::<ticket::Entity>::new())
            .register(
                "pages",
                ModelViewSet::<ticket::Entity>::new().pagination(PageNumberPagination::new(2)).basename("page"),
            )
            .register("ids", ModelViewSet::<ticket::Entity>::new().ordering(["id"]).basename("id"))
            .register("shown", ModelViewSet::new().serializer(events).basename("shown").read_only())
            .register(
                "named",
                ModelViewSet::new()
                    .serializer(named)
                    .basename("named")
                    .actions([Action::Retrieve, Action::PartialUpdate]),
            );
        let api = Api::new(database, router).unwrap();
        let mut body = json!({"day": "2024-02-29", "at": "2024-02-29T12:00:05Z", "clock": "08:30", "price": "12.50",
            "span": "1", "host": "::1", "share": 0.1, "open": true, "token": "a"});
        for price in ["5", "7", "6"] {
            body["price"] = price.into();
            api.post("/events/", body.clone());
        }
        for event in [1, 2, 3, 2] {
            api.post("/tickets/", json!({"event": event}));
        }
        let ids = |rows: &Json| rows.as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&api.get("/tickets/")), [4, 2, 3, 1]);
        assert_eq!(ids(&api.get("/ids/")), [1, 2, 3, 4]);
        let page = api.get("/pages/?page=2");
        assert_eq!((ids(&page["results"]), &page["count"]), (vec![json!(3), json!(1)], &json!(4)));
        assert_eq!(api.get("/shown/2/")["tickets"], json!([4, 2]));
        assert_eq!(api.call("PATCH", "/named/2/", json!({"tickets": [1, 4]})).1["tickets"], json!([4, 1]));
        assert_eq!(api.call("PATCH", "/tickets/1/", json!({"event": 3})).0, 200);
        assert_eq!(api.call("DELETE", "/tickets/1/", Json::Null).0, 204);
    });
}
