//! What columns hold, and what is not theirs.

use bowline::fields::{DurationField, Field};
use bowline::prelude::*;
use serde_json::json;

use crate::Api;
use crate::models::event;
use crate::support::Database;

#[test]
fn a_span_beyond_its_column_is_refused() {
    Database::each(|database| {
        let events = ModelSerializer::<event::Entity>::new().declare(Field::new("span", DurationField::new()));
        let router = DefaultRouter::new()
            .register("events", ModelViewSet::<event::Entity>::new())
            .register("declared", ModelViewSet::new().serializer(events).basename("declared"));
        let api = Api::new(database, router).unwrap();
        let mut body = json!({"day": "2024-02-29", "at": "2024-02-29T12:00:05Z", "clock": "08:30", "price": "12.50",
            "host": "::1", "share": 0.1, "open": true, "token": "a"});
        let errors = json!({"span": ["The number of days must be between -106751991 and 106751991."]});
        for path in ["/events/", "/declared/"] {
            for span in ["106751991 04:00:54.775808", "-999999999 00:00:00"] {
                body["span"] = span.into();
                assert_eq!(api.call("POST", path, body.clone()), (400, errors.clone()), "{path} {span}");
            }
            for span in ["106751991 04:00:54.775807", "-106751991 00:00:00"] {
                body["span"] = span.into();
                assert_eq!(api.post(path, body.clone())["span"], span, "{path}");
            }
        }
    });
}
