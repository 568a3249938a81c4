//! Hostile texts in whatever else of a request names rows: pages, cursors, keys, kwargs, bodies. What filters, searches and orders
//! do with them is in `filters.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use bowline::filters::{DjangoFilterBackend, FilterSet, OrderingFilter, SearchFilter};
use bowline::prelude::*;
use bowline::testing::{Answer, Client};
use bowline::value;
use bowline::value::query::encode;
use support::{CORPUS, Database};

mod shelf {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shelf")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub label: String,
        pub rank: i32,
        #[sea_orm(has_many)]
        pub boxes: HasMany<super::carton::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod carton {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "carton")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub shelf_id: i64,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
        pub shelf: HasOne<super::shelf::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

type Shelves = ModelViewSet<shelf::Entity>;

fn api() -> DefaultRouter {
    let backends = |view: Shelves| {
        view.filter_backend(DjangoFilterBackend::new())
            .filter_backend(SearchFilter::new())
            .filter_backend(OrderingFilter::new())
            .filterset_fields(["label", "rank"])
            .search_fields(["label"])
            .ordering_fields(["label", "rank"])
    };
    let numbered = PageNumberPagination::new(3).page_size_query_param("page_size").max_page_size(50);
    let cartons = ModelSerializer::new().related(RelatedField::slug("shelf", "label"));
    DefaultRouter::new()
        .register("numbered", backends(Shelves::new().pagination(numbered).basename("numbered")))
        .register("limited", backends(Shelves::new().pagination(LimitOffsetPagination::new(3)).basename("limited")))
        .register(
            "cursored",
            Shelves::new().pagination(CursorPagination::new(3, ["-rank", "label"])).basename("cursored"),
        )
        .register("shelves", Shelves::new().lookup_field("label").lookup_value_regex("[^/]+"))
        .register("cartons", ModelViewSet::<carton::Entity>::new().serializer(cartons))
        .nested(
            "shelves",
            "shelf",
            DefaultRouter::simple().register(
                "cartons",
                ModelViewSet::<carton::Entity>::new().parent_lookup("shelf_label", "shelf__label"),
            ),
        )
}

/// What only a database says.
const DRIVERS: [&str; 9] = [
    "syntax error",
    "sqlstate",
    "sqlite",
    "near \"",
    "no such column",
    "unterminated",
    "does not exist at",
    "operator does not exist",
    "rusqlite",
];

fn escaped(text: &str) -> String {
    let mut out = String::new();
    encode(text, &mut out);
    out.replace('+', "%20")
}

/// No failure of ours, and no word of the database's that the client did not say itself.
fn judged(answer: &Answer, said: &str) {
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    assert!(answer.status.as_u16() < 500, "{said:?}: {} {body}", answer.status);
    let said = said.to_lowercase();
    for word in DRIVERS {
        assert!(!body.contains(word) || said.contains(word), "{said:?}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_names_rows_stays_text() {
    for database in [Database::sqlite(), Database::postgres()] {
        let client = Client::over(&database.url(), api()).await.unwrap();
        let mut stored = Vec::new();
        for (n, text) in CORPUS.iter().enumerate() {
            let answer = client.post("/shelves/", value!({"label": *text, "rank": (n % 7) as i64})).await.unwrap();
            judged(&answer, text);
            if answer.status == 201 {
                stored.push(answer.data["label"].as_str().unwrap().to_owned());
            }
        }
        assert!(stored.len() > 50, "{}", stored.len());
        let everything = client.get("/shelves/").await.unwrap().data;

        for text in CORPUS {
            for value in [text.to_owned(), format!("1{text}"), format!("2'{text}")] {
                let value = escaped(&value);
                for path in [
                    format!("/numbered/?page={value}"),
                    format!("/numbered/?page_size={value}"),
                    format!("/numbered/?page={value}&search={value}&ordering={value}&label={value}&rank={value}"),
                    format!("/limited/?limit={value}"),
                    format!("/limited/?offset={value}"),
                    format!("/limited/?limit={value}&offset={value}&ordering=-{value}"),
                    format!("/cursored/?cursor={value}"),
                    format!("/numbered/{value}/"),
                    format!("/numbered/1/?format={value}"),
                    format!("/shelves/{value}/cartons/"),
                    format!("/shelves/{value}/cartons/{value}/"),
                ] {
                    judged(&client.get(&path).await.unwrap(), text);
                }
            }
            // a cursor that says a position in these words
            let cursor = format!("r=1&p={}&p={}", escaped(text), escaped(text));
            let cursor = bowline_cursor(&cursor);
            judged(&client.get(&format!("/cursored/?cursor={}", escaped(&cursor))).await.unwrap(), text);
            // a write that names what is not there, or a target in these words
            for (method, path) in [("PATCH", "numbered"), ("DELETE", "numbered"), ("PUT", "cartons")] {
                let path = format!("/{path}/{}/", escaped(&format!("0 OR {text}")));
                let answer = client.send(method.parse().unwrap(), &path, Some(value!({"rank": 1}))).await.unwrap();
                judged(&answer, text);
                assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.status);
            }
            let target = format!("{text} none");
            let carton = client.post("/cartons/", value!({"name": text, "shelf": target})).await.unwrap();
            judged(&carton, text);
            assert_eq!(carton.status, 400, "{text:?}");
        }
        // each is found by its own text as a key, and a carton goes onto the shelf of just that text
        for label in stored.iter().filter(|label| !label.contains(['/', '\n'])) {
            let found = client.get(&format!("/shelves/{}/", escaped(label))).await.unwrap();
            assert_eq!((found.status.as_u16(), found.data["label"].as_str()), (200, Some(label.as_str())));
            let carton = client.post("/cartons/", value!({"name": "c", "shelf": label.as_str()})).await.unwrap();
            assert_eq!(carton.data["shelf"], label.as_str().into());
            let below = client.get(&format!("/shelves/{}/cartons/", escaped(label))).await.unwrap();
            assert_eq!(below.data.as_list().map(<[Value]>::len), Some(1), "{label}");
        }
        assert_eq!(client.get("/shelves/").await.unwrap().data, everything, "{}", database.name());
    }
}

/// How a hostile text leaves the text that it is meant to stand in.
const OPENINGS: [&str; 14] =
    ["", "'", "''", "\"", "')", "'))", "\\'", "%'", "$$", "E'\\x27", "\u{2019}", "\u{ff07}", "`", "1"];

/// And what it does then.
const DEEDS: [&str; 24] = [
    " OR 1=1 --",
    " OR 'a'='a",
    "; DROP TABLE shelf; --",
    "; DELETE FROM shelf WHERE 1=1; --",
    "; UPDATE shelf SET rank = 99; --",
    " UNION SELECT 1,'a',2 --",
    " UNION ALL SELECT name FROM sqlite_master /*",
    "||(SELECT version())||",
    " AND 1=(SELECT 1 FROM pg_sleep(5))--",
    "/**/AND/**/1=1#",
    " COLLATE NOCASE",
    "::int",
    "->>'a'",
    "#>>'{a,b}'",
    "$1",
    "?1",
    ":label",
    "%",
    "_",
    "\\",
    "[0-9]",
    "(a|a)*$",
    "%27%20OR%201",
    "99999999999999999999999999",
];

/// Hundreds of texts are rows, and each is found by itself and by nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn each_hostile_text_equals_just_itself() {
    for database in [Database::sqlite(), Database::postgres()] {
        let filters = FilterSet::new().lookups("label", ["exact", "icontains", "istartswith", "in"]);
        let view = Shelves::new().filter_backend(DjangoFilterBackend::new()).filterset(filters);
        let router = DefaultRouter::new().register("shelves", view).model::<carton::Entity>();
        let client = Client::over(&database.url(), router).await.unwrap();
        let labels = |answer: &Answer| -> Vec<String> {
            let rows = answer.data.as_list().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&answer.body)));
            rows.iter().map(|row| row["label"].as_str().unwrap().to_owned()).collect()
        };
        let mut stored: Vec<String> = Vec::new();
        for text in OPENINGS.iter().flat_map(|opening| DEEDS.iter().map(move |deed| format!("{opening}{deed}"))) {
            let answer = client.post("/shelves/", value!({"label": text.as_str(), "rank": 1})).await.unwrap();
            judged(&answer, &text);
            assert_eq!(answer.status, 201, "{text:?}");
            stored.push(answer.data["label"].as_str().unwrap().to_owned());
        }
        let everything = client.get("/shelves/").await.unwrap().data;
        for text in &stored {
            let ask = async |lookup: &str| {
                let answer = client.get(&format!("/shelves/?label{lookup}={}", escaped(text))).await.unwrap();
                assert_eq!(answer.status, 200, "{text:?}");
                labels(&answer)
            };
            assert_eq!(ask("").await, [text.as_str()], "{}", database.name());
            let low = text.to_lowercase();
            let of = |fits: &dyn Fn(&str) -> bool| -> Vec<String> {
                stored.iter().filter(|label| fits(&label.to_lowercase())).cloned().collect()
            };
            assert_eq!(ask("__icontains").await, of(&|label| label.contains(&low)), "{text:?} {}", database.name());
            assert_eq!(ask("__istartswith").await, of(&|label| label.starts_with(&low)), "{text:?}");
            let parts: Vec<&str> = text.split(',').map(str::trim).collect();
            let named: Vec<&String> = stored.iter().filter(|label| parts.contains(&label.as_str())).collect();
            assert_eq!(ask("__in").await.iter().collect::<Vec<_>>(), named, "{text:?}");
        }
        assert_eq!(client.get("/shelves/").await.unwrap().data, everything, "{}", database.name());
    }
}

/// A cursor as DRF writes it.
fn bowline_cursor(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = char::from(ALPHABET[(bits >> (18 - 6 * n) & 63) as usize]);
            out.push(if n <= chunk.len() { digit } else { '=' });
        }
    }
    out
}
