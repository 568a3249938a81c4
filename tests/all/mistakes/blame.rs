//! Constraints that only the program can have broken, and those that are a client's to keep.

use bowline::prelude::*;
use serde_json::{Value as Json, json};

use super::models::{Does, answers, hall, post, refused, router, seat, seats, tables};
use crate::support::Database;

const NUMBER: &str = "Seat.number is NOT NULL without a default, and nothing fills it in a new row: give the serializer a field \
                      for it, or a value by on_create or a default, set it in a perform_create hook, or leave out Action::Create.";

#[test]
fn a_column_that_nothing_fills_stops_the_start() {
    Database::each(|database| {
        tables(database);
        let without = || seats(["id", "label", "hall"]);
        assert_eq!(refused(database, router(without())), NUMBER);
        let read_only =
            ModelSerializer::<seat::Entity>::new().fields(["number", "label", "hall"]).read_only_fields(["number"]);
        let sentence = refused(database, router(ModelViewSet::new().serializer(read_only)));
        assert_eq!(sentence, NUMBER.replace("a field for it", "a field that can be written for it"));
        // the serializer of the action counts
        let own = without().serializer_for(Action::Create, ModelSerializer::new().fields(["number", "label", "hall"]));
        let none = Does::before(|save| {
            save.set(seat::COLUMN.number, 7);
            Ok(())
        });
        let fixed = ModelSerializer::<seat::Entity>::new().fields(["label", "hall"]).on_create(seat::Column::Number, 7);
        for view in [
            own,
            without().hooks(none),
            without().actions([Action::List, Action::Update]),
            ModelViewSet::new().serializer(fixed),
        ] {
            let started = router(view);
            assert_eq!(answers(database, started, &[("GET", "/seats/", Json::Null)])[0].status, 200);
        }
        // what the entity does not know of
        database.run("ALTER TABLE hall ADD COLUMN size integer");
        let halls = || DefaultRouter::new().register("halls", ModelViewSet::<hall::Entity>::new());
        assert_eq!(answers(database, halls(), &[("POST", "/halls/", json!({"name": "c"}))])[0].status, 201);
        database.run("DROP TABLE seat; DROP TABLE hall;");
        let key = if database.name() == "SQLite" { "INTEGER PRIMARY KEY" } else { "bigserial PRIMARY KEY" };
        database.run(&format!("CREATE TABLE hall (id {key}, name text NOT NULL, size integer NOT NULL)"));
        let sentence = refused(database, halls());
        assert!(
            sentence.starts_with("hall has the column size, NOT NULL without a default, which the entity lacks"),
            "{sentence}"
        );
    });
}

/// A trigger that may fill what an INSERT leaves out is believed.
#[test]
fn a_trigger_may_fill_a_column() {
    let database = Database::postgres();
    tables(&database);
    database.run(
        "CREATE FUNCTION numbered() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.number := 5; RETURN NEW; END';
         CREATE TRIGGER seat_numbered BEFORE INSERT ON seat FOR EACH ROW EXECUTE FUNCTION numbered();",
    );
    let answer = post(
        &database,
        seats(["id", "number", "label", "hall"]).serializer(by_trigger()),
        json!({"label": "a", "hall": 1}),
    );
    assert_eq!((answer.status, &answer.body["number"]), (201, &json!(5)), "{}", answer.log);
}

fn by_trigger() -> ModelSerializer<seat::Entity> {
    ModelSerializer::new().fields(["number", "label", "hall"]).read_only_fields(["number"])
}

#[test]
fn rows_within_a_row_and_below_a_path_are_looked_at_too() {
    Database::each(|database| {
        tables(database);
        let described =
            || Model::<seat::Entity>::new().foreign_key(seat::Column::HallId, |hall| hall.related_name("seats"));
        let within = |fields: &[&'static str]| {
            let rows = ModelSerializer::<seat::Entity>::new().fields(fields.iter().copied());
            let halls =
                ModelSerializer::<hall::Entity>::new().fields(["id", "name", "seats"]).nested("seats", rows, |f| f);
            DefaultRouter::new().describe(described()).register("halls", ModelViewSet::new().serializer(halls))
        };
        assert_eq!(refused(database, within(&["label"])), format!("Hall.seats: {NUMBER}"));
        let two = json!({"name": "c", "seats": [{"label": "a", "number": 1}]});
        assert_eq!(answers(database, within(&["label", "number"]), &[("POST", "/halls/", two)])[0].status, 201);

        let below = |fields: &[&'static str]| seats(fields.iter().copied()).parent_lookup("hall_pk", "hall__pk");
        let nested = |view| {
            let halls = DefaultRouter::new().register("halls", ModelViewSet::<hall::Entity>::new());
            halls.nested("halls", "hall", DefaultRouter::simple().register("seats", view))
        };
        let sentence = "Seat: parent_lookup(…, \"hall__pk\") gives new rows the field hall, which the serializer lacks or does not take: \
                        add it to the fields, set the column in a perform_create hook, or leave out Action::Create.";
        assert_eq!(refused(database, nested(below(&["number", "label"]))), sentence);
        let post = [("POST", "/halls/2/seats/", json!({"number": 1, "label": "b"}))];
        let answer = &answers(database, nested(below(&["number", "label", "hall"])), &post)[0];
        assert_eq!((answer.status, &answer.body["hall"]), (201, &json!(2)), "{}", answer.log);
        let hook = Does::before(|save| {
            save.set(seat::COLUMN.hall_id, 2_i64);
            Ok(())
        });
        let answer = &answers(database, nested(below(&["number", "label"]).hooks(hook)), &post)[0];
        assert_eq!(answer.status, 201, "{}", answer.log);
    });
}

/// Inserts what no client said.
async fn insert(action: ActionRequest) -> bowline::Result<Response> {
    use sea_orm::ConnectionTrait;
    action.tx()?.execute_unprepared("INSERT INTO seat (label, hall_id) VALUES ('x', 1)").await?;
    Ok(Response::empty())
}

#[test]
fn a_constraint_that_no_body_can_keep_is_a_500_that_the_log_names() {
    Database::each(|database| {
        tables(database);
        let hidden = || seats(["id", "label", "hall"]);
        let nothing = hidden().hooks(Does::before(|_| Ok(())));
        let astray = seats(["id", "number", "label", "hall"]).hooks(Does::before(|save| {
            save.set(seat::COLUMN.hall_id, 99_i64);
            Ok(())
        }));
        let unseen = seats(["id", "number", "label"]).hooks(Does::before(|save| {
            save.set(seat::COLUMN.hall_id, 99_i64);
            Ok(())
        }));
        let high = seats(["id", "number", "label", "hall"]).hooks(Does::before(|save| {
            save.set(seat::COLUMN.level, 11);
            Ok(())
        }));
        let fixed = ModelSerializer::<seat::Entity>::new()
            .fields(["number", "label", "hall"])
            .on_create(seat::Column::Level, 12);
        let key = if database.name() == "SQLite" { "seat" } else { "hall_id" };
        for (view, words) in [
            (nothing, ["NOT NULL", "seat", "number"]),
            (astray, ["hall_id", "Seat", "not there"]),
            (unseen, ["foreign key", "seat", key]),
            (high, ["CHECK", "level", "seat_level"]),
            (ModelViewSet::new().serializer(fixed), ["CHECK", "level", "seat_level"]),
        ] {
            let answer = post(database, view, json!({"number": 1, "label": "a", "hall": 1}));
            assert_eq!(answer.status, 500, "{words:?}: {}", answer.body);
            assert!(words.iter().all(|word| answer.log.contains(word)), "{words:?}: {}", answer.log);
        }
        let view = seats(["id", "number", "label", "hall"]).action(ExtraAction::list("insert").post(insert));
        let answer = &answers(database, router(view), &[("POST", "/seats/insert/", json!({}))])[0];
        assert_eq!(answer.status, 500, "{}", answer.body);
        assert!(["NOT NULL", "seat", "number"].iter().all(|word| answer.log.contains(word)), "{}", answer.log);
        assert_eq!(database.list("SELECT count(*) FROM seat"), ["0"]);
    });
}

/// What a body says is the client's, hooks or not, and nothing of it is logged as a mistake of the program.
#[test]
fn a_constraint_that_a_body_breaks_is_a_400() {
    Database::each(|database| {
        tables(database);
        let all = || seats(["id", "number", "label", "level", "hall"]);
        let optional = ModelSerializer::<seat::Entity>::new()
            .fields(["number", "label", "hall"])
            .field("label", |label| label.required(false).allow_null(true));
        let violated = |name: &str| json!({"non_field_errors": [format!("Constraint “{name}” is violated.")]});
        let body = |field: &str, value: Json| {
            let mut seat = super::models::seat();
            seat[field] = value;
            seat
        };
        let missing = json!({"number": 1, "hall": 1});
        for hooked in [false, true] {
            let with =
                |view: ModelViewSet<seat::Entity>| if hooked { view.hooks(Does::before(|_| Ok(()))) } else { view };
            for (view, body, errors) in [
                (all(), body("number", json!(-1)), violated("seat_number")),
                (all(), body("level", json!(10)), violated("seat_level")),
                (all(), body("hall", json!(9)), json!({"hall": ["Invalid pk \"9\" - object does not exist."]})),
                (
                    ModelViewSet::new().serializer(optional.clone()),
                    missing.clone(),
                    json!({"label": ["This field is required."]}),
                ),
                (
                    ModelViewSet::new().serializer(optional.clone()),
                    body("label", Json::Null),
                    json!({"label": ["This field may not be null."]}),
                ),
            ] {
                let answer = post(database, with(view), body.clone());
                assert_eq!((answer.status, &answer.body), (400, &errors), "{body} {}", answer.log);
                assert_eq!(answer.log, "", "{body}");
            }
        }
    });
}

/// What a trigger refuses is refused alike on both databases, in the model's words where it has some; its own are in the log.
#[test]
fn what_a_trigger_says_is_translated() {
    Database::each(|database| {
        tables(database);
        database.run(match database.name() {
            "SQLite" => {
                "CREATE TRIGGER seat_full BEFORE INSERT ON seat WHEN NEW.number = 7 BEGIN SELECT RAISE(ABORT, 'full up'); END"
            }
            _ => {
                "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN IF NEW.number = 7 THEN RAISE EXCEPTION ''full up''; END IF; RETURN NEW; END';
                 CREATE TRIGGER seat_full BEFORE INSERT ON seat FOR EACH ROW EXECUTE FUNCTION full_up();"
            }
        });
        let body = || [("POST", "/seats/", json!({"number": 7, "label": "a", "hall": 1}))];
        for hooked in [false, true] {
            let view = || {
                let view = seats(["id", "number", "label", "hall"]);
                if hooked { view.hooks(Does::before(|_| Ok(()))) } else { view }
            };
            let answer = &answers(database, router(view()), &body())[0];
            let unsaid = json!({"non_field_errors": ["A constraint of the database is violated."]});
            assert_eq!((answer.status, &answer.body), (400, &unsaid), "{}", answer.log);
            assert!(answer.log.contains("full up"), "{}", answer.log);
            let said = Model::<seat::Entity>::new().check("full up", "The hall is full.");
            let answer = &answers(database, router(view()).describe(said), &body())[0];
            let words = json!({"non_field_errors": ["The hall is full."]});
            assert_eq!((answer.status, &answer.body, answer.log.as_str()), (400, &words, ""), "{}", database.name());
        }
    });
}
