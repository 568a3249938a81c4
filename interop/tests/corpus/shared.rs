//! One SQLite file for bowline and for SeaORM's driver: each finds what the other has written, by its key, by its times, through
//! relations, whoever made the tables.

use bowline::fields::{Field, UUIDField};
use bowline::filters::{DjangoFilterBackend, FilterSet, OrderingFilter};
use bowline::model::Model as Description;
use bowline::prelude::*;
use bowline::testing::Client;
use bowline::value::json;
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectOptions, ConnectionTrait, DatabaseConnection, IntoActiveModel, Schema,
};
use tempfile::TempDir;

mod album {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "album")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) name: String,
        #[sea_orm(has_many)]
        pub(crate) photos: HasMany<super::photo::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod photo {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "photo")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) album_id: Uuid,
        #[sea_orm(unique)]
        pub(crate) code: Uuid,
        pub(crate) at: DateTimeUtc,
        pub(crate) naive: DateTime,
        pub(crate) clock: Time,
        pub(crate) seen: Option<DateTimeUtc>,
        #[sea_orm(belongs_to, from = "album_id", to = "id", on_delete = "Cascade")]
        pub(crate) album: HasOne<super::album::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Reads in its transaction what is there, by SeaORM.
struct Looks;

#[bowline::async_trait]
impl ViewSetHooks<photo::Entity> for Looks {
    async fn perform_create(&self, save: &mut Save<'_, photo::Entity>) -> bowline::Result<()> {
        let album: Uuid = save.get(photo::Column::AlbumId)?;
        let at: DateTimeUtc = save.get(photo::Column::At)?;
        let found = album::Entity::find_by_id(album).one(save.tx()).await?;
        let before = photo::Entity::find().filter(photo::Column::AlbumId.eq(album)).filter(photo::Column::At.lt(at));
        if found.is_none() || before.count(save.tx()).await? != 2 {
            return Err(ValidationError::from("Not the third.").into());
        }
        save.set(photo::Column::Seen, Some(at));
        save.save().await
    }
}

fn router() -> DefaultRouter {
    let id = || Field::new("id", UUIDField::new());
    let photos =
        || ModelSerializer::<photo::Entity>::new().fields(["id", "album", "code", "at", "naive", "clock", "seen"]);
    let inner = ModelSerializer::<photo::Entity>::new().fields(["id", "code", "at", "naive", "clock"]).declare(id());
    let albums =
        ModelSerializer::<album::Entity>::new()
            .fields(["id", "name", "photos"])
            .nested("photos", inner, |f| f.required(false));
    let view = || {
        ModelViewSet::new()
            .serializer(photos())
            .filter_backend(DjangoFilterBackend::new())
            .filter_backend(OrderingFilter::new())
            .ordering_fields(["at", "id"])
            .filterset(
                FilterSet::new()
                    .fields(["album"])
                    .filter("albums", FieldFilter::model_multiple_choice().field("album"))
                    .lookups("id", ["exact", "in"])
                    .lookups("at", ["exact", "lt", "gte", "in", "date", "year", "hour"])
                    .lookups("naive", ["exact", "gt"])
                    .lookups("clock", ["exact", "lt"]),
            )
    };
    DefaultRouter::new()
        .describe(
            Description::<photo::Entity>::new()
                .foreign_key(photo::Column::AlbumId, |album| album.related_name("photos")),
        )
        .register("albums", ModelViewSet::new().serializer(albums))
        .register("photos", view().update_many([Action::PartialUpdate]).create_many(Lists::Also))
        .register("hooked", view().hooks(Looks).basename("hooked"))
        .register("pages", view().pagination(CursorPagination::new(1, ["at"])).basename("pages"))
        .register("mine", view().filter(Condition::eq(photo::Column::AlbumId, uuid(1))).basename("mine"))
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

const TIMES: [&str; 3] = ["2026-02-03T04:05:06Z", "2026-02-03T04:05:06.780Z", "2026-02-03T04:05:06.780009Z"];

fn photo(n: usize) -> photo::Model {
    let at: DateTimeUtc = TIMES[n].parse().unwrap();
    let id = uuid(10 + n as u128);
    photo::Model {
        id,
        album_id: uuid(1),
        code: uuid(100 + n as u128),
        at,
        naive: at.naive_utc(),
        clock: at.time(),
        seen: (n == 1).then_some(at),
    }
}

struct Shared {
    url: String,
    _folder: TempDir,
}

impl Shared {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Shared { url: format!("sqlite://{}?mode=rwc", folder.path().join("rows.db").display()), _folder: folder }
    }

    async fn seaorm(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    }
}

async fn tables(db: &DatabaseConnection) {
    let schema = Schema::new(db.get_database_backend());
    db.execute(&schema.create_table_from_entity(album::Entity)).await.unwrap();
    db.execute(&schema.create_table_from_entity(photo::Entity)).await.unwrap();
}

async fn rows(db: &DatabaseConnection) {
    for n in 1..=2 {
        album::ActiveModel { id: Set(uuid(n)), name: Set(format!("album {n}")) }.insert(db).await.unwrap();
    }
    for n in 0..2 {
        photo(n).into_active_model().insert(db).await.unwrap();
    }
}

/// The rows by bowline, whoever wrote them.
async fn rows_by_bowline(client: &Client) {
    for n in 1..=2 {
        let album = format!(r#"{{"id": "{}", "name": "album {n}"}}"#, uuid(n));
        good(client, "POST", "/albums/", &album).await;
    }
    for n in 0..2 {
        good(client, "POST", "/photos/", &body(n)).await;
    }
}

fn body(n: usize) -> String {
    let photo = photo(n);
    let (naive, clock) = (TIMES[n].trim_end_matches('Z'), &TIMES[n][11..].trim_end_matches('Z'));
    let seen = photo.seen.map_or("null".into(), |_| format!("\"{}\"", TIMES[n]));
    format!(
        r#"{{"id": "{}", "album": "{}", "code": "{}", "at": "{}", "naive": "{naive}", "clock": "{clock}", "seen": {seen}}}"#,
        photo.id, photo.album_id, photo.code, TIMES[n]
    )
}

async fn ask(client: &Client, method: &str, path: &str, body: &str) -> (u16, Value) {
    let value = || json::parse(body.as_bytes()).unwrap();
    let answer = match method {
        "POST" => client.post(path, value()).await,
        "PUT" => client.put(path, value()).await,
        "PATCH" => client.patch(path, value()).await,
        "DELETE" => client.delete(path).await,
        _ => client.get(path).await,
    };
    let answer = answer.unwrap();
    (answer.status.as_u16(), answer.data)
}

fn text(value: &Value) -> String {
    format!("{value:?}")
}

async fn good(client: &Client, method: &str, path: &str, body: &str) -> Value {
    let (status, data) = ask(client, method, path, body).await;
    assert!((200..300).contains(&status), "{method} {path} {body}: {status} {}", text(&data));
    data
}

async fn ids(client: &Client, path: &str) -> Vec<u128> {
    let data = good(client, "GET", path, "").await;
    let rows = data.as_list().unwrap_or_else(|| data["results"].as_list().unwrap());
    rows.iter().map(|row| row["id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128()).collect()
}

async fn everything(client: &Client) {
    // reads
    assert_eq!(ids(client, "/photos/?ordering=at").await, [10, 11]);
    assert_eq!(ids(client, "/photos/?ordering=-at").await, [11, 10]);
    assert_eq!(ids(client, "/mine/").await.len(), 2);
    let one = good(client, "GET", &format!("/photos/{}/", uuid(11)), "").await;
    assert_eq!(one["at"].as_str(), Some("2026-02-03T04:05:06.780000Z"));
    assert_eq!(one["naive"].as_str(), Some("2026-02-03T04:05:06.780000Z"));
    assert_eq!(one["clock"].as_str(), Some("04:05:06.780000"));
    assert_eq!(one["album"].as_str(), Some(uuid(1).to_string().as_str()));
    let albums = good(client, "GET", "/albums/", "").await;
    assert_eq!(albums[0]["photos"].as_list().map(<[Value]>::len), Some(2), "{}", text(&albums));
    for (query, found) in [
        (format!("id={}", uuid(10)), vec![10]),
        (format!("id__in={},{}", uuid(11), uuid(12)), vec![11]),
        (format!("album={}", uuid(1)), vec![10, 11]),
        (format!("album={}", uuid(2)), vec![]),
        (format!("albums={}&albums={}", uuid(1), uuid(2)), vec![10, 11]),
        ("at=2026-02-03T04:05:06.780Z".into(), vec![11]),
        ("at=2026-02-03T05:05:06%2B01:00".into(), vec![10]),
        ("at__lt=2026-02-03T04:05:06.5Z".into(), vec![10]),
        ("at__gte=2026-02-03T04:05:06Z".into(), vec![10, 11]),
        ("at__gte=2026-02-03T03:00:00Z".into(), vec![10, 11]),
        ("at__lt=2026-02-03T23:00:00Z".into(), vec![10, 11]),
        ("at__in=2026-02-03T04:05:06.780Z,2026-02-03T04:05:06Z".into(), vec![10, 11]),
        ("at__date=2026-02-03".into(), vec![10, 11]),
        ("at__year=2026&at__hour=4".into(), vec![10, 11]),
        ("naive=2026-02-03T04:05:06.780".into(), vec![11]),
        ("naive__gt=2026-02-03T04:05:06".into(), vec![11]),
        ("clock=04:05:06.780".into(), vec![11]),
        ("clock__lt=04:05:06.7".into(), vec![10]),
    ] {
        assert_eq!(ids(client, &format!("/photos/?ordering=at&{query}")).await, found, "{query}");
    }
    let first = good(client, "GET", "/pages/", "").await;
    let next = first["next"].as_str().unwrap().trim_start_matches("http://testserver").to_owned();
    assert_eq!(ids(client, &next).await, [11]);
    // writes
    good(client, "POST", "/hooked/", &body(2)).await;
    let taken = ask(client, "POST", "/photos/", &body(2)).await;
    assert_eq!(taken.0, 400);
    assert!(taken.1["code"][0].as_str().is_some(), "{}", text(&taken.1));
    let changed =
        good(client, "PATCH", &format!("/photos/{}/", uuid(10)), r#"{"seen": "2026-03-01T00:00:00.5Z"}"#).await;
    assert_eq!(changed["seen"].as_str(), Some("2026-03-01T00:00:00.500000Z"));
    good(client, "PATCH", &format!("/photos/{}/", uuid(10)), r#"{"seen": null}"#).await;
    good(client, "PUT", &format!("/photos/{}/", uuid(10)), &body(0)).await;
    let nobody =
        ask(client, "PATCH", &format!("/photos/{}/", uuid(10)), &format!(r#"{{"album": "{}"}}"#, uuid(9))).await;
    assert_eq!(nobody.0, 400, "{}", text(&nobody.1));
    // codes change places, in a list and within another row
    let swap = |a: u128, b: u128| {
        format!(r#"[{{"id": "{}", "code": "{}"}}, {{"id": "{}", "code": "{}"}}]"#, uuid(10), uuid(a), uuid(11), uuid(b))
    };
    good(client, "PATCH", "/photos/", &swap(101, 100)).await;
    good(client, "PATCH", "/photos/", &swap(100, 101)).await;
    let photos: Vec<String> = [0, 1, 2]
        .map(|n| format!(r#"{{"id": "{}", "code": "{}", "at": "{}"}}"#, uuid(10 + n), uuid(100 + n), TIMES[n as usize]))
        .into();
    let nested =
        good(client, "PATCH", &format!("/albums/{}/", uuid(1)), &format!(r#"{{"photos": [{}]}}"#, photos.join(", ")))
            .await;
    assert_eq!(nested["photos"].as_list().map(<[Value]>::len), Some(3));
    let second = good(client, "PATCH", &format!("/albums/{}/", uuid(2)), r#"{"name": "second"}"#).await;
    assert_eq!(second["name"].as_str(), Some("second"));
}

/// What SeaORM's driver finds afterwards.
async fn found_by_seaorm(db: &DatabaseConnection) {
    let wanted: Vec<photo::Model> =
        (0..3).map(|n| photo::Model { seen: (n > 0).then(|| photo(n).at), ..photo(n) }).collect();
    assert_eq!(photo::Entity::find().order_by_asc(photo::Column::At).all(db).await.unwrap(), wanted);
    for n in 0..3 {
        let photo = photo(n);
        let by = photo::Entity::find().filter(photo::Column::Id.eq(photo.id)).filter(photo::Column::At.eq(photo.at));
        let by = by.filter(photo::Column::Naive.eq(photo.naive)).filter(photo::Column::Clock.eq(photo.clock));
        assert_eq!(by.filter(photo::Column::AlbumId.eq(uuid(1))).count(db).await.unwrap(), 1, "{photo:?}");
    }
    assert_eq!(album::Entity::find().find_with_related(photo::Entity).all(db).await.unwrap()[0].1.len(), 3);
}

#[tokio::test]
async fn tables_that_seaorm_made_and_filled() {
    let shared = Shared::new();
    let db = shared.seaorm().await;
    tables(&db).await;
    rows(&db).await;
    let client = Client::over(&shared.url, router()).await.unwrap();
    everything(&client).await;
    found_by_seaorm(&db).await;
    // and the other way round: a row that SeaORM writes meanwhile
    photo::ActiveModel { id: Set(uuid(50)), code: Set(uuid(51)), ..photo(0).into_active_model() }
        .insert(&db)
        .await
        .unwrap();
    good(&client, "DELETE", &format!("/photos/{}/", uuid(50)), "").await;
    good(&client, "DELETE", &format!("/albums/{}/", uuid(1)), "").await;
    assert_eq!(photo::Entity::find().count(&db).await.unwrap(), 0);
}

#[tokio::test]
async fn tables_that_seaorm_made_and_bowline_fills() {
    let shared = Shared::new();
    let db = shared.seaorm().await;
    tables(&db).await;
    let client = Client::over(&shared.url, router()).await.unwrap();
    rows_by_bowline(&client).await;
    everything(&client).await;
    found_by_seaorm(&db).await;
}

#[tokio::test]
async fn tables_that_bowline_made() {
    let shared = Shared::new();
    let client = Client::over(&shared.url, router()).await.unwrap();
    rows_by_bowline(&client).await;
    everything(&client).await;
    let db = shared.seaorm().await;
    let text = "SELECT typeof(id) || ' ' || at FROM photo ORDER BY at LIMIT 1";
    let row =
        db.query_one_raw(sea_orm::Statement::from_string(db.get_database_backend(), text)).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "text 2026-02-03 04:05:06", "as Django keeps them");
    // a second start finds the forms by the rows
    everything_again(&Client::over(&shared.url, router()).await.unwrap()).await;
}

async fn everything_again(client: &Client) {
    assert_eq!(ids(client, "/photos/?ordering=at&at__gte=2026-02-03T04:05:06.78Z").await, [11, 12]);
}

#[tokio::test]
async fn uuids_in_two_forms_stop_the_start() {
    let shared = Shared::new();
    let db = shared.seaorm().await;
    tables(&db).await;
    rows(&db).await;
    db.execute_unprepared("INSERT INTO album (id, name) VALUES ('0000000000000000000000000000000f', 'of Django')")
        .await
        .unwrap();
    let error = router().into_axum(&shared.url).await.err().unwrap().to_string();
    assert!(error.starts_with("Album.id has values in two forms, Django's and that of SeaORM's driver"), "{error}");
    let mend = error.split("run: ").nth(1).and_then(|rest| rest.split(", or its reverse").next()).unwrap();
    assert_eq!(mend, r#"UPDATE "album" SET "id" = lower(hex("id")) WHERE typeof("id") = 'blob'"#);
}
