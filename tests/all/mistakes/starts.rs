//! Declarations that can never work: the start tells of each by a sentence that says what to change.

use std::sync::Arc;

use bowline::filters::FilterBackend;
use bowline::pagination::Pagination;
use bowline::prelude::*;
use bowline::throttling::{ScopedRateThrottle, ThrottleRates, UserRateThrottle};
use serde_json::Value as Json;

use super::models::{answers, hall, refused, router, seat, seats};
use crate::support::Database;

const ALL: [&str; 8] = ["id", "number", "label", "price", "note", "stamp", "level", "hall"];
const KNOWN: &str = "There are id, number, label, price, note, stamp, level, hall.";

fn all() -> ModelViewSet<seat::Entity> {
    seats(ALL)
}

/// What a start says of a view set.
fn says(view: ModelViewSet<seat::Entity>) -> String {
    refused(&Database::sqlite(), router(view))
}

fn starts(view: ModelViewSet<seat::Entity>) {
    assert_eq!(answers(&Database::sqlite(), router(view), &[("GET", "/seats/", Json::Null)])[0].status, 200);
}

#[test]
fn filters_without_their_backend() {
    let unread = |what: &str, name: &str| {
        format!(
            "Seat: {what} is declared, and no filter backend reads it: add .filter_backend({name}::new()), or name {name} in \
             Settings::filter_backends."
        )
    };
    let typo = |name: &str, meant: &str| {
        format!("Seat has no field {name} to filter, search or order by. Did you mean \"{meant}\"? {KNOWN}")
    };
    assert_eq!(says(all().search_fields(["label"])), unread("search_fields", "SearchFilter"));
    assert_eq!(
        says(all().search_fields(["labl"]).filter_backend(OrderingFilter::new())),
        format!("{}\n{}", unread("search_fields", "SearchFilter"), typo("labl", "label"))
    );
    assert_eq!(says(all().filterset_fields(["number"])), unread("a filterset", "DjangoFilterBackend"));
    assert_eq!(says(all().ordering_fields(["number"])), unread("ordering_fields", "OrderingFilter"));
    assert_eq!(says(all().order_by_any_field()), unread("ordering_fields", "OrderingFilter"));
    let by_settings =
        |view| router(view).configure(|settings| settings.filter_backends = vec![SearchFilter::new().into()]);
    let none: [Arc<dyn FilterBackend>; 0] = [];
    let sentence = refused(&Database::sqlite(), by_settings(all().search_fields(["label"]).filter_backends(none)));
    assert_eq!(sentence, unread("search_fields", "SearchFilter"));
    let database = Database::sqlite();
    let started = by_settings(all().search_fields(["label"]));
    assert_eq!(answers(&database, started, &[("GET", "/seats/?search=a", Json::Null)])[0].status, 200);

    let with = || all().filter_backend(DjangoFilterBackend::new()).filter_backend(OrderingFilter::new());
    starts(with().filterset_fields(["number"]).ordering_fields(["hall__name"]));
    assert_eq!(says(with().ordering_fields(["pirce"])), typo("pirce", "price"));
    let sentence = says(with().filterset(FilterSet::new().lookups("label", ["contians"])));
    assert!(
        sentence.contains("contians is no lookup of one. Did you mean \"contains\"? There are exact, "),
        "{sentence}"
    );
    let sentence = says(with().filterset_fields(["hall__nam"]));
    assert!(sentence.contains("Did you mean \"name\"? There are id, name, "), "{sentence}");
    let twice = FilterSet::new().fields(["number"]).lookups("number", ["exact", "lt"]);
    assert_eq!(says(with().filterset(twice)), "Seat: the filter number is declared twice: leave one out.");
    assert_eq!(
        says(with().ordering_fields(["label", "number", "label"])),
        "SeatViewSet: ordering_fields names the field label twice: leave one out."
    );
}

#[test]
fn names_that_nobody_knows() {
    let serializer = || ModelSerializer::<seat::Entity>::new();
    let of = |serializer| says(ModelViewSet::new().serializer(serializer));
    for (sentence, said) in [
        (of(serializer().fields(["number", "labl"])), "Seat has no field labl. Did you mean \"label\"? "),
        (
            of(serializer().exclude(["lable"])),
            "Seat: lable is excluded, and is no field of the serializer. Did you mean \"label\"? ",
        ),
        (
            of(serializer().field("levl", |f| f)),
            "Seat: options for levl, which is no field of the serializer. Did you mean \"level\"? ",
        ),
        (
            of(serializer().validate_field("stmap", |value, _| Ok(value))),
            "Seat: a hook for stmap, which is no field of the serializer. Did you mean \"stamp\"? ",
        ),
        (
            of(serializer().related(RelatedField::slug("hall", "nmae"))),
            "Seat.hall: Hall has no field nmae. Did you mean \"name\"? ",
        ),
        (
            of(serializer().related(RelatedField::primary_key("room").source("hal"))),
            "Seat has no relation hal for the field room. Did you mean \"hall\"? ",
        ),
        (of(serializer().related(RelatedField::hyperlink("hall", "hal-detail"))), "No view is called \"hal-detail\": "),
        (
            says(all().ordering(["-numbr"])),
            "Seat has no field numbr to look up or order rows by. Did you mean \"number\"? ",
        ),
        (
            says(all().lookup_field("lebel")),
            "Seat has no field lebel to look up or order rows by. Did you mean \"label\"? ",
        ),
        (says(all().lookup_field("label")), "Seat: rows cannot be looked up by label, which is not unique."),
        (
            says(all().pagination(CursorPagination::new(2, ["-levle"]))),
            "Seat has no field levle for a cursor to follow. Did you mean \"level\"? ",
        ),
        (
            says(all().throttles(ScopedRateThrottle::new()).throttle_scope("brst")),
            "No throttle rate is set for the scope \"brst\": add it to throttle_rates. There are user, anon.",
        ),
        (
            refused(
                &Database::sqlite(),
                router(all()).nested(
                    "setas",
                    "seat",
                    DefaultRouter::simple().register("halls", ModelViewSet::<hall::Entity>::new()),
                ),
            ),
            "Nothing can be nested in \"setas\": no view set has that prefix. Did you mean \"seats\"? There are seats.",
        ),
    ] {
        assert!(sentence.starts_with(said), "{sentence}\n{said}");
    }
    let twice = of(serializer().fields(["number", "label", "hall", "label"]));
    assert_eq!(twice, "Seat: label is named twice among the serializer's fields.");
    let described = Model::<seat::Entity>::new().ordering(["-numer"]);
    let sentence = refused(&Database::sqlite(), router(all()).describe(described));
    assert_eq!(sentence, format!("Seat: cannot order by numer: no such column. Did you mean \"number\"? {KNOWN}"));
}

#[test]
fn paths_and_their_values() {
    let below = |kwarg: &str| {
        let seats = DefaultRouter::simple().register("seats", all().parent_lookup(kwarg, "hall__pk"));
        DefaultRouter::new().register("halls", ModelViewSet::<hall::Entity>::new()).nested("halls", "hall", seats)
    };
    assert_eq!(
        refused(&Database::sqlite(), below("hal_pk")),
        "SeatViewSet: parent_lookup(\"hal_pk\", …): the path of the view set has no such value. Did you mean \"hall_pk\"? \
         There are hall_pk."
    );
    assert_eq!(
        answers(&Database::sqlite(), below("hall_pk"), &[("GET", "/halls/1/seats/", Json::Null)])[0].status,
        200
    );
    let sentence = says(all().parent_lookup("hall_pk", "hall__pk"));
    assert!(sentence.ends_with("the path of the view set has no such value. There are none."), "{sentence}");
    let generic = |path: &str| {
        DefaultRouter::new()
            .generic(path, all().parent_lookup("hall_pk", "hall").actions([Action::List]))
            .model::<hall::Entity>()
    };
    assert!(refused(&Database::sqlite(), generic("halls/<int:hall>/seats/")).contains("There are hall."));
    assert_eq!(
        answers(&Database::sqlite(), generic("halls/<int:hall_pk>/seats/"), &[("GET", "/halls/1/seats/", Json::Null)])
            [0]
        .status,
        200
    );

    let two = router(all()).register("places", all());
    assert_eq!(
        refused(&Database::sqlite(), two),
        "The view sets at \"seats\" and \"places\" have one basename, \"seat\", so that their views have the same names: give one \
         of them another by basename(…)."
    );
    let named = router(all()).register("places", all().basename("place"));
    assert_eq!(answers(&Database::sqlite(), named, &[("GET", "/places/", Json::Null)])[0].status, 200);
    let view = || ApiView::new("PingView").get(async |_: Request| Response::empty());
    let paths = router(all()).path("ping/", view()).path("ping/", view());
    assert_eq!(
        refused(&Database::sqlite(), paths),
        "Two views have the path \"ping/\": only the first would be asked."
    );
    let generic =
        router(all()).generic("s/", all().actions([Action::List])).generic("s/", all().actions([Action::Create]));
    assert_eq!(refused(&Database::sqlite(), generic), "Two views have the path \"s/\": only the first would be asked.");
    let sentence = says(all().lookup_url_kwarg("seat-id"));
    assert_eq!(
        sentence,
        "SeatViewSet: \"seat-id\" cannot name the value of a path: use letters, digits and underscores."
    );
}

async fn nothing(_: ActionRequest) -> Response {
    Response::empty()
}

#[test]
fn actions_that_hide_each_other_or_are_not_there() {
    let get = |name: &'static str| ExtraAction::list(name).get(nothing);
    let with = |one: ExtraAction, other: ExtraAction| says(all().action(one).action(other));
    let create = |create: bowline::views::Overrides| create.permissions(());
    for (sentence, said) in [
        (
            with(get("free"), get("free").url_path("others")),
            "two extra actions are called free: give one another name.",
        ),
        (
            with(get("free"), get("empty").url_path("free")),
            "the extra actions free and empty both answer GET at the url_path \"free\": only the first would be asked.",
        ),
        (
            with(get("free"), ExtraAction::list("book").url_path("free").post(nothing)),
            "the extra actions free and book have one url_path \"free\": give one action the methods of both.",
        ),
        (
            with(get("free_now"), get("now").url_name("free-now")),
            "the extra actions free_now and now have one url_name \"free-now\": give one another.",
        ),
        (
            says(all().action(get("destroy"))),
            "an extra action cannot be called destroy, which is an action of every view set.",
        ),
        (
            says(all().action(ExtraAction::list("free"))),
            "the extra action free has no handler: give it one by get(…), post(…), ….",
        ),
        (
            says(all().action(get("those").url_name("list"))),
            "the extra action those has the url_name \"list\", which the view set itself has.",
        ),
        (
            says(all().read_only().for_action(Action::Create, create)),
            "for_action or permissions_for speaks of the action create, which the view set does not have; it has list, retrieve.",
        ),
        (
            says(all().read_only().serializer_for(Action::Update, ModelSerializer::new())),
            "serializer_for speaks of the action update, which the view set does not have; it has list, retrieve.",
        ),
        (
            says(all().update_many([Action::Create])),
            "update_many takes Action::Update (PUT of the list) and Action::PartialUpdate (PATCH), and was given create.",
        ),
        (
            says(all().read_only().create_many(Lists::Also)),
            "create_many takes lists by POST, and actions([…]) leaves Action::Create out.",
        ),
        (says(all().actions([])), "it has no action at all: name some in actions([…])."),
    ] {
        assert_eq!(sentence, format!("SeatViewSet: {said}"));
    }
    starts(all().action(get("free")).action(ExtraAction::detail("free_now").get(nothing)));
    starts(all().read_only().update_many([Action::Update]).for_action(Action::Update, create));
}

#[test]
fn pages_without_rows_and_throttles_without_rates() {
    fn paged(pagination: impl Pagination) -> String {
        says(all().pagination(pagination))
    }
    let empty = |what: &str| format!("Seat: {what} of 0 leaves every page without rows: say 1 or more.");
    assert_eq!(paged(PageNumberPagination::new(0)), empty("a page size"));
    assert_eq!(paged(LimitOffsetPagination::new(0)), empty("a page size"));
    assert_eq!(paged(CursorPagination::new(0, ["id"])), empty("a page size"));
    let most = PageNumberPagination::new(5).page_size_query_param("size").max_page_size(0);
    assert_eq!(paged(most), empty("a largest page size"));
    let by_settings =
        router(all()).configure(|settings| settings.pagination = Some(Arc::new(PageNumberPagination::new(0))));
    assert_eq!(refused(&Database::sqlite(), by_settings), empty("a page size"));

    let unread = "SeatViewSet has the throttle scope \"burst\", and no throttle that counts by it: add ScopedRateThrottle to its \
                  throttles, or to Settings::throttles.";
    assert_eq!(says(all().throttle_scope("burst")), unread);
    assert_eq!(says(all().throttles(UserRateThrottle::new()).throttle_scope("burst")), unread);
    let create = |create: bowline::views::Overrides| create.throttle_scope("burst");
    assert_eq!(says(all().for_action(Action::Create, create)), unread);
    let view = ApiView::new("PingView").get(async |_: Request| Response::empty()).throttle_scope("burst");
    assert_eq!(
        refused(&Database::sqlite(), router(all()).path("ping/", view)),
        unread.replace("SeatViewSet", "PingView")
    );
    let rates = || ThrottleRates::new([("burst", "5/min")]);
    let scoped = all().throttle_scope("burst").throttles(ScopedRateThrottle::new());
    let started = router(scoped).configure(|settings| settings.throttle_rates = rates());
    assert_eq!(answers(&Database::sqlite(), started, &[("GET", "/seats/", Json::Null)])[0].status, 200);
    let wrong =
        router(all()).configure(|settings| settings.throttle_rates = ThrottleRates::new([("burst", "5/fortnight")]));
    assert!(refused(&Database::sqlite(), wrong).starts_with("Settings: the throttle rate of the scope \"burst\": "));
    let closed = router(all()).configure(|settings| settings.store.max_connections = 0);
    assert!(refused(&Database::sqlite(), closed).starts_with("Settings: store.max_connections is 0"));
}

fn shout(row: &bowline::model::Row<'_>) -> Value {
    row.text("labl").into()
}

/// What a method of a serializer reads and its row does not have is known at the first answer only.
#[test]
fn a_method_that_reads_what_its_row_does_not_have() {
    let database = Database::sqlite();
    answers(&database, router(all()), &[("GET", "/seats/", Json::Null)]);
    database.run("INSERT INTO hall (name) VALUES ('a'); INSERT INTO seat (number, label, hall_id) VALUES (1, 'a', 1)");
    let serializer = || ModelSerializer::<seat::Entity>::new();
    for (serializer, words) in [
        (serializer().method("loud", |row, _| shout(row)), ["Seat has no column labl", "Did you mean \"label\"?"]),
        (
            serializer().method("loud", |row, _| row.get::<bool>(seat::Column::Label)),
            ["Seat.label", "cannot be read as bool"],
        ),
    ] {
        let answer = &answers(
            &database,
            router(ModelViewSet::new().serializer(serializer)),
            &[("GET", "/seats/1/", Json::Null)],
        )[0];
        assert_eq!(answer.status, 500, "{}", answer.body);
        assert!(words.iter().all(|word| answer.log.contains(word)), "{words:?}: {}", answer.log);
    }
}
