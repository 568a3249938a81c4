//! Filters, searches, orders and scopes as a client meets them, on both databases: nothing that a request says becomes
//! SQL, what is wrong is a 400, and a row out of scope is not there, however late it left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use crate::support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bowline::filters::{DjangoFilterBackend, FieldFilter, FilterSet, OrderingFilter, SearchFilter};
use bowline::model::OnDelete;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use support::{CORPUS, Database};
use tower::ServiceExt;

mod folder {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "folder")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub notes: HasMany<super::note::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod note {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub owner: i64,
        pub title: String,
        pub size: Option<i32>,
        pub weight: Option<f64>,
        #[sea_orm(column_type = "Decimal(Some((8, 2)))")]
        pub price: Option<Decimal>,
        pub day: Option<Date>,
        pub made: Option<DateTimeUtc>,
        pub key: Option<Uuid>,
        pub done: bool,
        pub folder_id: Option<i64>,
        #[sea_orm(belongs_to, from = "folder_id", to = "id", on_delete = "Cascade")]
        pub folder: HasOne<super::folder::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn notes() -> ModelViewSet<note::Entity> {
    let text = ["exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"];
    let order = ["exact", "lt", "lte", "gt", "gte", "in", "range", "isnull"];
    let filters = FilterSet::new()
        .lookups("title", text)
        .lookups("title", ["in", "range", "regex", "iregex", "isnull", "gt"])
        .lookups("size", order)
        .lookups("size", ["contains", "regex"])
        .lookups("weight", order)
        .lookups("price", order)
        .lookups("day", order)
        .lookups("day", ["year", "month__gte", "day", "week", "week_day", "iso_week_day", "quarter", "iso_year"])
        .lookups("made", order)
        .lookups("made", ["date", "time", "year__lt", "hour", "minute", "second", "date__gt"])
        .lookups("key", order)
        .lookups("done", ["exact"])
        .lookups("folder", order)
        .lookups("folder__name", text)
        .lookups("folder__name", ["regex", "in"])
        .filter("folders", FieldFilter::model_multiple_choice().field("folder").or_null())
        .filter("any", FieldFilter::multiple_choice([("a", "A"), ("b", "B")]).field("title"))
        .filter("not", FieldFilter::char().field("title").exclude())
        .filter("between", FieldFilter::range().field("size"))
        .filter("days", FieldFilter::date_from_to_range().field("made"))
        .filter("loose", FieldFilter::char().field("size"))
        .filter("o", FieldFilter::ordering([("title", "title"), ("folder__name", "folder")]));
    ModelViewSet::new()
        .filter_backends([DjangoFilterBackend::new().into(), SearchFilter::new().into(), OrderingFilter::new().into()])
        .filterset(filters)
        .search_fields(["title", "^folder__name", "=key", "$title", "size", "made"])
        .ordering_fields(["id", "title", "folder__name", "size", "folder"])
}

fn folders() -> ModelViewSet<folder::Entity> {
    ModelViewSet::new()
        .filter_backend(DjangoFilterBackend::new())
        .filter_backend(SearchFilter::new())
        .filter_backend(OrderingFilter::new())
        .filterset(
            FilterSet::new()
                .lookups("notes__title", ["exact", "icontains", "regex"])
                .lookups("notes", ["exact", "isnull"])
                .filter("without", FieldFilter::char().field("notes__title").exclude())
                .filter("once", FieldFilter::char().field("notes__title").lookup("icontains").distinct()),
        )
        .search_fields(["notes__title"])
        .ordering_fields(["id", "notes__title"])
}

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    bowline::value::query::encode(text, &mut out);
    out
}

async fn send(router: axum::Router, method: String, path: String, owner: Option<i64>, body: Json) -> (u16, Json) {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let mut request = Request::builder().method(method.as_str()).uri(&path).header("content-type", "application/json");
    if let Some(owner) = owner {
        request = request.header("x-owner", owner);
    }
    let response = router.oneshot(request.header("host", "testserver").body(body).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() { Json::Null } else { serde_json::from_slice(&bytes).unwrap_or(Json::Null) };
    (status, body)
}

impl Api {
    fn new(database: &Database, router: DefaultRouter) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let router = runtime.block_on(router.into_axum(&database.url())).unwrap();
        Api { runtime, router }
    }

    fn call(&self, method: &str, path: &str, owner: Option<i64>, body: Json) -> (u16, Json) {
        self.runtime.block_on(send(self.router.clone(), method.into(), path.into(), owner, body))
    }

    fn get(&self, path: &str) -> (u16, Json) {
        self.call("GET", path, None, Json::Null)
    }

    /// What a list holds, by one field.
    fn list(&self, path: &str, field: &str) -> Vec<Json> {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        body.as_array().unwrap().iter().map(|row| row[field].clone()).collect()
    }

    fn post(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.call("POST", path, None, body);
        assert_eq!(status, 201, "{answer}");
        answer
    }
}

fn library(database: &Database) -> Api {
    let described = Model::<note::Entity>::new()
        .foreign_key(note::Column::FolderId, |folder| folder.on_delete(OnDelete::Cascade).related_name("notes"));
    let router = DefaultRouter::new().describe(described).register("folders", folders()).register("notes", notes());
    let api = Api::new(database, router);
    for name in ["work", "Home"] {
        api.post("/folders/", json!({"name": name}));
    }
    api
}

#[test]
fn nothing_that_a_request_says_becomes_sql() {
    Database::each(|database| {
        let api = library(database);
        for (n, text) in CORPUS.iter().filter(|text| !text.contains('\0')).enumerate() {
            let note = json!({"owner": 1, "title": text, "size": n, "done": false, "folder": 1 + n % 2});
            // a serializer's CharField trims; what is left is what is stored
            let (status, answer) = api.call("POST", "/notes/", None, note);
            assert_eq!(status, 201, "{text:?}: {answer}");
        }
        let count = || api.list("/notes/", "id").len();
        let rows = count();
        let parameters = [
            "title",
            "title__iexact",
            "title__contains",
            "title__icontains",
            "title__startswith",
            "title__istartswith",
            "title__endswith",
            "title__iendswith",
            "title__in",
            "title__range",
            "title__regex",
            "title__iregex",
            "title__isnull",
            "title__gt",
            "size",
            "size__lt",
            "size__in",
            "size__range",
            "size__isnull",
            "size__contains",
            "size__regex",
            "weight",
            "weight__gte",
            "weight__in",
            "price",
            "price__lte",
            "price__in",
            "price__range",
            "day",
            "day__gt",
            "day__in",
            "day__range",
            "day__year",
            "day__month__gte",
            "day__day",
            "day__week",
            "day__week_day",
            "day__iso_week_day",
            "day__quarter",
            "day__iso_year",
            "made",
            "made__lt",
            "made__in",
            "made__range",
            "made__date",
            "made__time",
            "made__year__lt",
            "made__hour",
            "made__minute",
            "made__second",
            "made__date__gt",
            "key",
            "key__in",
            "done",
            "folder",
            "folder__in",
            "folder__gt",
            "folder__isnull",
            "folder__name",
            "folder__name__icontains",
            "folder__name__regex",
            "folder__name__in",
            "folders",
            "any",
            "not",
            "between_min",
            "between_max",
            "days_after",
            "days_before",
            "loose",
            "o",
            "search",
            "ordering",
            "page",
            "nonsense",
        ];
        for text in CORPUS {
            for name in parameters {
                for value in [text.to_owned(), format!("1{text}"), format!("1,{text}"), format!("\"{text}\"")] {
                    let path = format!("/notes/?{name}={}", encoded(&value));
                    let (status, body) = api.get(&path);
                    assert!(matches!(status, 200 | 400), "{path}: {status} {body}");
                }
                let path = format!("/notes/?{}={}", encoded(&format!("{name}{text}")), encoded(text));
                assert!(matches!(api.get(&path).0, 200 | 400), "{path}");
            }
            for name in ["notes__title", "notes__title__icontains", "notes", "without", "once", "search", "ordering"] {
                let path = format!("/folders/?{name}={}", encoded(text));
                assert!(matches!(api.get(&path).0, 200 | 400), "{path}");
            }
            for method in ["GET", "PATCH", "DELETE"] {
                // filters hold for single objects too
                let path = format!("/notes/1/?title={}", encoded(&format!("no such {text}")));
                let (status, body) = api.call(method, &path, None, json!({"size": 1}));
                assert!(matches!(status, 400 | 404), "{method} {path}: {status} {body}");
            }
        }
        assert_eq!(count(), rows, "no row went");
        assert_eq!(api.list("/folders/", "name"), ["work", "Home"]);
        // and what was stored is found by just its own text
        for title in api.list("/notes/", "title") {
            let text = encoded(title.as_str().unwrap());
            let found = api.list(&format!("/notes/?title={text}"), "title");
            assert!(!found.is_empty() && found.iter().all(|found| *found == title), "{title}: {found:?}");
            for lookup in ["contains", "icontains", "startswith", "endswith", "iexact"] {
                let found = api.list(&format!("/notes/?title__{lookup}={text}"), "title");
                assert!(found.contains(&title), "{lookup} {title}");
                assert!(found.len() < rows, "{title} is a pattern for {lookup}");
            }
            assert!(!api.list(&format!("/notes/?not={text}"), "title").contains(&title));
        }
    });
}

#[test]
fn values_that_rows_have_lookups_by_name_and_days_by_word() {
    Database::each(|database| {
        let filters = FilterSet::new()
            .filter("title", FieldFilter::all_values())
            .filter("titles", FieldFilter::all_values_multiple().field("title"))
            .filter("sizes", FieldFilter::all_values_multiple().field("size").or_null())
            .filter("about", FieldFilter::lookup_choice(["exact", "icontains", "startswith"]).field("title"))
            .filter("size", FieldFilter::lookup_choice(["exact", "gt", "lte"]).of_numbers())
            .filter("like", FieldFilter::all_values().field("title").lookup("icontains"))
            .filter("price", FieldFilter::all_values())
            .filter("weight", FieldFilter::all_values())
            .filter("exact_day", FieldFilter::all_values().field("day"))
            .filter("exact_made", FieldFilter::all_values().field("made"))
            .filter("key", FieldFilter::all_values())
            .filter("done", FieldFilter::all_values())
            .filter("day", FieldFilter::date_range())
            .filter("made", FieldFilter::date_range());
        let view = ModelViewSet::<note::Entity>::new().filter_backend(DjangoFilterBackend::new()).filterset(filters);
        let api = Api::new(database, DefaultRouter::new().register("notes", view).model::<folder::Entity>());
        // a day must not end between the rows and the questions
        while chrono::Utc::now().format("%H:%M").to_string() == "23:59" {
            std::thread::sleep(Duration::from_secs(1));
        }
        let now = chrono::Utc::now();
        let ago = |days: i64| now - chrono::TimeDelta::days(days);
        for (title, size, days) in
            [("a", json!(1), 0), ("b", json!(2), 1), ("ab", json!(10), 6), ("c'd", Json::Null, 800)]
        {
            let day = ago(days).format("%Y-%m-%d").to_string();
            let made = ago(days).to_rfc3339();
            api.post(
                "/notes/",
                json!({"owner": 1, "title": title, "size": size, "done": false, "day": day, "made": made}),
            );
        }
        api.post(
            "/notes/",
            json!({"owner": 1, "title": "old", "price": "1.50", "weight": 2.0, "day": "2001-02-03", "done": true,
                "made": "2001-02-03T04:05:06Z", "key": "00000000-0000-4000-8000-000000000005"}),
        );
        let titles = |path: &str| {
            let found = api.list(&format!("/notes/?{path}"), "title");
            found.iter().map(|title| title.as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        for (query, expected) in [
            ("title=a", "a"),
            ("title=c%27d", "c'd"),
            ("title=", "a b ab c'd old"),
            ("like=a", "a ab"),
            ("price=1.50", "old"),
            ("weight=2.0", "old"),
            ("exact_day=2001-02-03", "old"),
            ("exact_made=2001-02-03+04:05:06%2B00:00", "old"),
            ("key=00000000-0000-4000-8000-000000000005", "old"),
            ("done=True", "old"),
            ("titles=a&titles=b&titles=a", "a b"),
            ("sizes=1&sizes=10", "a ab"),
            ("sizes=null", "c'd old"),
            ("about=a", "!about Select a lookup."),
            ("about=a&about_lookup=exact", "a"),
            ("about=B&about_lookup=icontains", "b ab"),
            ("about=a&about_lookup=startswith", "a ab"),
            ("about_lookup=exact", "a b ab c'd old"),
            ("about_lookup=nothing", "!about Select a valid choice. nothing is not one of the available choices."),
            ("size=1&size_lookup=gt", "b ab"),
            ("size=2&size_lookup=lte", "a b"),
            ("size=x&size_lookup=gt", "!size Enter a number."),
            ("day=today", "a"),
            ("day=yesterday", "b"),
            ("day=week", "a b ab"),
            ("made=today", "a"),
            ("made=yesterday", "b"),
            ("made=week", "a b ab"),
            ("day=decade", "!day Select a valid choice. decade is not one of the available choices."),
            ("title=A", "!title Select a valid choice. A is not one of the available choices."),
            ("title=nobody", "!title Select a valid choice. nobody is not one of the available choices."),
            ("like=B", "!like Select a valid choice. B is not one of the available choices."),
            ("price=1.5", "!price Select a valid choice. 1.5 is not one of the available choices."),
            ("weight=2", "!weight Select a valid choice. 2 is not one of the available choices."),
            ("exact_day=2001-2-3", "!exact_day Select a valid choice. 2001-2-3 is not one of the available choices."),
            ("done=true", "!done Select a valid choice. true is not one of the available choices."),
            ("titles=a&titles=z", "!titles Select a valid choice. z is not one of the available choices."),
            ("titles=", "!titles Select a valid choice.  is not one of the available choices."),
            ("sizes=01", "!sizes Select a valid choice. 01 is not one of the available choices."),
            ("sizes=x", "!sizes Select a valid choice. x is not one of the available choices."),
        ] {
            match expected.strip_prefix('!') {
                None => assert_eq!(titles(query), expected, "{}: {query}", database.name()),
                Some(error) => {
                    let (field, message) = error.split_once(' ').unwrap();
                    assert_eq!(api.get(&format!("/notes/?{query}")), (400, json!({field: [message]})), "{query}");
                }
            }
        }
        database.run("DELETE FROM note WHERE title = 'old'");
        // the day that this test began may have ended since, and a month with it
        let of_month = ago(6).format("%Y-%m").to_string() == now.format("%Y-%m").to_string();
        assert_eq!(titles("made=month").ends_with("ab"), of_month);
        assert!(!titles("made=year").contains('c'));
    });
}

/// Of two parameters that belong together a required filter wants both.
#[test]
fn a_required_pair_is_both_of_its_parameters() {
    Database::each(|database| {
        let filters = FilterSet::new()
            .filter("size", FieldFilter::range().required())
            .filter("about", FieldFilter::lookup_choice(["exact"]).field("title").required());
        let view = ModelViewSet::<note::Entity>::new().filter_backend(DjangoFilterBackend::new()).filterset(filters);
        let api = Api::new(database, DefaultRouter::new().register("notes", view).model::<folder::Entity>());
        let required = json!(["This field is required."]);
        for (about, size) in [("about=a", "size_min=1"), ("about_lookup=exact", "size_max=1"), ("", "size_min=x")] {
            let (status, body) = api.get(&format!("/notes/?{about}&{size}"));
            assert_eq!((status, body), (400, json!({"size": required, "about": required})), "{about} {size}");
        }
        assert_eq!(api.get("/notes/?about=a&about_lookup=exact&size_min=1&size_max=2"), (200, json!([])));
    });
}

#[test]
fn what_no_field_has_is_refused_at_the_start() {
    let start = |view: ModelViewSet<note::Entity>| {
        let database = Database::sqlite();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let router = DefaultRouter::new().register("notes", view).model::<folder::Entity>();
        runtime.block_on(router.into_axum(&database.url())).map(|_| ()).map_err(|error| error.to_string())
    };
    let filterset = |set| ModelViewSet::new().filter_backend(DjangoFilterBackend::new()).filterset(set);
    for (view, said) in [
        (filterset(FilterSet::new().fields(["colour"])), "no field colour"),
        (filterset(FilterSet::new().fields(["folder__colour"])), "folder__colour"),
        (filterset(FilterSet::new().lookups("title", ["about"])), "about"),
        (filterset(FilterSet::new().lookups("title", ["year"])), "only dates and times"),
        (filterset(FilterSet::new().lookups("folder", ["icontains"])), "no text"),
        (filterset(FilterSet::new().filter("x", FieldFilter::char())), "no field x"),
        (filterset(FilterSet::new().filter("title", FieldFilter::date_range())), "only dates"),
        (filterset(FilterSet::new().filter("title", FieldFilter::lookup_choice(["in"]))), "one value"),
        (filterset(FilterSet::new().filter("title", FieldFilter::lookup_choice(["about"]))), "about"),
        (filterset(FilterSet::new().filter("folder__name", FieldFilter::all_values())), "a column of the model itself"),
        (filterset(FilterSet::new().filter("title", FieldFilter::model_choice())), "no relation"),
        (filterset(FilterSet::new().filter("o", FieldFilter::ordering([("colour", "c")]))), "colour"),
        (ModelViewSet::new().filter_backend(SearchFilter::new()).search_fields(["colour"]), "colour"),
        (ModelViewSet::new().filter_backend(SearchFilter::new()).search_fields(["folder"]), "relation"),
        (ModelViewSet::new().filter_backend(SearchFilter::new()).search_fields(["@title"]), "full-text"),
        (ModelViewSet::new().filter_backend(OrderingFilter::new()).ordering_fields(["colour"]), "colour"),
    ] {
        let error = start(view).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    start(notes()).unwrap();
}

#[test]
fn what_is_too_much_is_a_400() {
    Database::each(|database| {
        let api = library(database);
        api.post("/notes/", json!({"owner": 1, "title": "fig 5", "size": 5, "done": true, "folder": 1}));
        let terms = |n: usize| vec!["f"; n].join("+");
        assert_eq!(api.get(&format!("/notes/?search={}", terms(900))).0, 200);
        for n in [1_100, 2_000] {
            assert_eq!(api.get(&format!("/notes/?search={}", terms(n))).0, 400);
        }
        assert_eq!(api.get(&format!("/notes/?search={}", "x".repeat(20_000))).0, 400);
        assert_eq!(api.get(&format!("/notes/?title__icontains={}", "%25".repeat(9_000))).0, 200);
        assert_eq!(api.get(&format!("/notes/?title__icontains={}", "x".repeat(60_000))).0, 400);
        let many: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        assert_eq!(api.list(&format!("/notes/?size__in={}", many.join(",")), "size"), [5]);
        for pattern in
            ["(", "[", "*", "a{2", "(?P<x>f)(", "\\", "(?<!a*)b", "a{1,999999}", "(?z)", "((((a{99}){99}){99}){99})"]
        {
            let (status, body) = api.get(&format!("/notes/?title__regex={}", encoded(pattern)));
            assert!(matches!(status, 200 | 400), "{pattern}: {status} {body}");
            assert!(matches!(api.get(&format!("/notes/?search={}", encoded(pattern))).0, 200 | 400), "{pattern}");
        }
        assert_eq!(api.get("/notes/?title__regex=(").1, json!({"title__regex": ["Enter a valid regular expression."]}));
        assert_eq!(api.list("/notes/?title__regex=%5Ef.*%5Cd%24", "size"), [5]);
        assert_eq!(api.list("/notes/?title__iregex=%5EFIG", "size"), [5]);
        assert_eq!(api.get("/notes/?search=%00"), (400, json!(["Null characters are not allowed."])));
        assert_eq!(api.get("/notes/?loose=fig"), (400, json!({"loose": ["Enter a whole number."]})));
        for year in ["0", "10000", "-5"] {
            let (status, body) = api.get(&format!("/notes/?day__year={year}"));
            assert_eq!((status, body), (400, json!({"day__year": ["Enter a valid year."]})));
        }
    });
}

#[test]
fn relations_to_many_are_djangos() {
    Database::each(|database| {
        let api = library(database);
        for (title, folder) in [("apple pie", 1), ("apple tart", 1), ("fig", 1), ("fig", 2)] {
            api.post("/notes/", json!({"owner": 1, "title": title, "done": false, "folder": folder}));
        }
        api.post("/folders/", json!({"name": "empty"}));
        let ids = |query: &str| api.list(&format!("/folders/?{query}&ordering=id"), "id");
        // a join finds a row once for each row at its other end
        assert_eq!(ids("notes__title__icontains=apple"), [1, 1]);
        assert_eq!(ids("once=apple"), [1]);
        assert_eq!(ids("once=apple&notes__title__icontains=a"), [1]);
        assert_eq!(ids("search=apple"), [1]);
        // one row at the other end has to have all terms; each filter has a row of its own
        assert_eq!(ids("search=apple+fig"), Vec::<i64>::new());
        assert_eq!(ids("notes__title=fig&notes__title__icontains=pie"), [1]);
        assert_eq!(ids("without=fig"), [3]);
        assert_eq!(ids("without=apple+pie"), [2, 3]);
        assert_eq!(ids("notes__isnull=true"), [3]);
        assert_eq!(ids("notes=4"), [2]);
        assert_eq!(ids("notes=1&notes=4"), [1, 2]);
        assert_eq!(api.list("/folders/?ordering=notes__title", "id").len(), 5);
        let notes = |query: &str| api.list(&format!("/notes/?{query}&ordering=id"), "id");
        assert_eq!(notes("folder=2"), [4]);
        assert_eq!(notes("folder__name__icontains=WORK"), [1, 2, 3]);
        assert_eq!(notes("folders=1&folders=2"), [1, 2, 3, 4]);
        assert_eq!(notes("folders=null"), Vec::<i64>::new());
        assert_eq!(api.get("/notes/?folder=9").0, 400);
        assert_eq!(api.list("/notes/?ordering=-folder__name,-id", "id"), [3, 2, 1, 4]);
        assert_eq!(api.list("/notes/?o=-title,folder", "id").len(), 4);
    });
}

/// Only an owner's own notes.
fn owned() -> ModelViewSet<note::Entity> {
    ModelViewSet::<note::Entity>::new().get_queryset(|request: &Context| {
        let owner: i64 = request.header("x-owner")?.parse().ok()?;
        Some(Condition::eq(note::Column::Owner, owner))
    })
}

struct Saved;

#[bowline::async_trait]
impl ViewSetHooks<note::Entity> for Saved {
    async fn perform_update(&self, save: &mut Save<'_, note::Entity>) -> bowline::Result<()> {
        save.save().await
    }
}

fn scoped(database: &Database) -> Api {
    let hooked = owned().hooks(Saved).basename("hooked");
    let lists = owned()
        .create_many(Lists::Also)
        .update_many([Action::Update, Action::PartialUpdate])
        .destroy_many()
        .basename("lists");
    let router = DefaultRouter::new()
        .register("notes", owned())
        .register("hooked", hooked)
        .register("lists", lists)
        .model::<folder::Entity>();
    let api = Api::new(database, router);
    for owner in [1, 2] {
        api.post("/notes/", json!({"owner": owner, "title": "before", "done": false}));
    }
    api
}

#[test]
fn a_row_out_of_scope_is_not_there() {
    Database::each(|database| {
        let api = scoped(database);
        let titles = || database.list("SELECT title FROM note ORDER BY id");
        let missing = json!({"detail": "No Note matches the given query."});
        for prefix in ["notes", "hooked", "lists"] {
            let list = api.call("GET", &format!("/{prefix}/"), Some(1), Json::Null).1;
            assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
            let path = format!("/{prefix}/2/");
            for (method, body) in [
                ("GET", Json::Null),
                ("PATCH", json!({"title": "stolen"})),
                ("PATCH", json!({})),
                ("PUT", json!({"owner": 1, "title": "stolen", "done": true})),
                ("DELETE", Json::Null),
            ] {
                let answer = api.call(method, &path, Some(1), body.clone());
                assert_eq!(answer, (404, missing.clone()), "{method} {path} {body}");
            }
            assert_eq!(api.call("OPTIONS", &path, Some(1), Json::Null).1.pointer("/actions/PUT"), None);
            assert!(api.call("OPTIONS", &path, Some(2), Json::Null).1.pointer("/actions/PUT").is_some());
            assert_eq!(api.call("PATCH", &path, Some(2), json!({"title": "mine"})).0, 200);
        }
        for (method, body) in [
            ("PATCH", json!([{"id": 1, "title": "mine too"}, {"id": 2, "title": "stolen"}])),
            ("DELETE", json!([1, 2])),
        ] {
            let (status, answer) = api.call(method, "/lists/", Some(1), body);
            assert_eq!((status, &answer["1"]), (400, &json!({"non_field_errors": ["Not found."]})), "{answer}");
        }
        assert_eq!(titles(), ["before", "mine"]);
        // what leaves the scope by its own change is shown once more
        let (status, body) = api.call("PATCH", "/notes/1/", Some(1), json!({"owner": 3}));
        assert_eq!((status, &body["owner"]), (200, &json!(3)));
        assert_eq!(api.call("GET", "/notes/1/", Some(1), Json::Null).0, 404);
    });
}

/// The title of the note that an action is asked about.
async fn title(action: ActionRequest) -> bowline::Result<Value> {
    Ok(action.get_object::<note::Entity>().await?.title.into())
}

async fn first(action: ActionRequest) -> bowline::Result<Response> {
    Ok(action.first([(note::Column::Id, false)]).await?.unwrap_or_else(Response::empty))
}

/// A scope that cannot be worked out shows nothing: neither does a value that is missing stand for all rows, nor an error, nor
/// a panic.
#[test]
fn who_does_not_say_who_it_is_sees_nothing() {
    let actions = |view: ModelViewSet<note::Entity>| {
        view.action(ExtraAction::detail("title").get(title).post(title))
            .action(ExtraAction::list("first").get(first).post(first))
    };
    let lists =
        |view: ModelViewSet<note::Entity>| view.update_many([Action::Update, Action::PartialUpdate]).destroy_many();
    let all = ModelViewSet::<note::Entity>::new;
    Database::each(|database| {
        let refused = all().get_queryset(|_: &Context| Err::<Scope, _>(bowline::Error::permission_denied()));
        let panics =
            all().get_queryset(|request: &Context| -> Scope { panic!("no owner: {:?}", request.header("x-owner")) });
        let router = DefaultRouter::new()
            .register("notes", actions(owned()))
            .register("hooked", actions(owned().hooks(Saved).basename("hooked")))
            .register("lists", actions(lists(owned().basename("lists"))))
            .register("none", actions(lists(all().get_queryset(|_: &Context| Scope::None).basename("none"))))
            .register("refused", actions(lists(refused.basename("refused"))))
            .register("panics", actions(lists(panics.basename("panics"))))
            .register("all", actions(all().get_queryset(|_: &Context| Scope::All).basename("all")))
            .model::<folder::Entity>();
        let api = Api::new(database, router);
        api.post("/notes/", json!({"owner": 0, "title": "before", "done": false}));
        let ask = |method: &str, path: String, body: &Json| api.call(method, &path, None, body.clone());
        let whole = json!({"owner": 0, "title": "stolen", "done": true});
        for (prefix, status) in
            [("notes", 404), ("hooked", 404), ("lists", 404), ("none", 404), ("refused", 403), ("panics", 500)]
        {
            let list = ask("GET", format!("/{prefix}/"), &Json::Null);
            match status {
                404 => assert_eq!(list, (200, json!([])), "{prefix}"),
                status => assert_eq!(list.0, status, "{prefix}"),
            }
            for (method, path, body) in [
                ("GET", "1/", Json::Null),
                ("GET", "1/title/", Json::Null),
                ("POST", "1/title/", json!({})),
                ("PATCH", "1/", json!({"title": "stolen"})),
                ("PATCH", "1/", json!({})),
                ("PUT", "1/", whole.clone()),
                ("DELETE", "1/", Json::Null),
            ] {
                let answer = ask(method, format!("/{prefix}/{path}"), &body);
                assert_eq!(answer.0, status, "{method} {prefix}/{path}: {answer:?}");
            }
            for method in ["GET", "POST"] {
                let (found, body) = ask(method, format!("/{prefix}/first/"), &json!({}));
                assert!(found == status || (found, &body) == (200, &Json::Null), "{method} {prefix}: {found} {body}");
            }
            let options = ask("OPTIONS", format!("/{prefix}/1/"), &Json::Null);
            assert_eq!(options.1.pointer("/actions/PUT"), None, "{prefix}: {options:?}");
            if !["notes", "hooked"].contains(&prefix) {
                let mut one = whole.clone();
                one["id"] = json!(1);
                for (method, body) in
                    [("PATCH", json!([{"id": 1, "title": "stolen"}])), ("PUT", json!([one])), ("DELETE", json!([1]))]
                {
                    let answer = ask(method, format!("/{prefix}/"), &body);
                    assert!(answer.0 == if status == 404 { 400 } else { status }, "{method} {prefix}: {answer:?}");
                }
            }
        }
        assert_eq!(database.list("SELECT title FROM note ORDER BY id"), ["before"]);
        assert_eq!(ask("GET", "/all/1/title/".into(), &Json::Null), (200, json!("before")));
        assert_eq!(ask("GET", "/all/".into(), &Json::Null).1.as_array().map(Vec::len), Some(1));
    });
}

/// A row changes hands in a transaction that a request has to wait for.
#[test]
fn a_row_that_leaves_the_scope_meanwhile_is_not_written() {
    Database::each(|database| {
        let api = scoped(database);
        for (prefix, method, body) in [
            ("notes", "PATCH", json!({"title": "late"})),
            ("notes", "PUT", json!({"owner": 1, "title": "late", "done": true})),
            ("notes", "DELETE", Json::Null),
            ("hooked", "PATCH", json!({"title": "late"})),
            ("hooked", "DELETE", Json::Null),
        ] {
            database.run("UPDATE note SET owner = 1, title = 'before' WHERE id = 1");
            let path = format!("/{prefix}/1/");
            let request = || {
                let router = api.router.clone();
                api.runtime.spawn(send(router, method.into(), path.clone(), Some(1), body.clone()))
            };
            let change = "UPDATE note SET owner = 2 WHERE id = 1";
            let answer = match database {
                Database::Sqlite(_) => {
                    let rival = rusqlite::Connection::open(database.url()).unwrap();
                    rival.execute_batch("BEGIN IMMEDIATE").unwrap();
                    rival.execute_batch(change).unwrap();
                    let request = request();
                    std::thread::sleep(Duration::from_millis(200));
                    rival.execute_batch("COMMIT").unwrap();
                    api.runtime.block_on(request).unwrap()
                }
                Database::Postgres(url) => api.runtime.block_on(async {
                    let (rival, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                    tokio::spawn(connection);
                    rival.batch_execute(&format!("BEGIN; {change}")).await.unwrap();
                    let request = request();
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    assert!(!request.is_finished(), "the row is locked");
                    rival.batch_execute("COMMIT").await.unwrap();
                    request.await.unwrap()
                }),
            };
            assert_eq!(answer.0, 404, "{method} {path} on {}: {}", database.name(), answer.1);
            assert_eq!(database.list("SELECT title FROM note WHERE id = 1"), ["before"]);
        }
    });
}
