//! The entities that the examples in the documentation speak of, and a client that tries them.
#![allow(missing_docs)]

use std::fmt;

use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
use crate::routers::DefaultRouter;

/// An API over an SQLite file of its own, asked without a socket.
#[derive(Debug)]
pub struct Api(Result<(Runtime, axum::Router, TempDir), String>);

impl Api {
    /// Starts it; a start that fails is every request's answer.
    pub fn new(router: DefaultRouter) -> Self {
        Api::over("", router)
    }

    /// The same, over tables that are there.
    pub fn over(tables: &str, router: DefaultRouter) -> Self {
        let start = || {
            let folder = TempDir::new()?;
            let file = folder.path().join("api.sqlite3");
            let database = rusqlite::Connection::open(&file).map_err(std::io::Error::other)?;
            database.execute_batch(tables).map_err(std::io::Error::other)?;
            drop(database);
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            let file = format!("sqlite://{}", file.display());
            let app = runtime.block_on(router.into_axum(&file)).map_err(std::io::Error::other)?;
            Ok((runtime, app, folder))
        };
        Api(start().map_err(|error: std::io::Error| error.to_string()))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body)
    }

    pub fn put(&self, path: &str, body: &str) -> Answer {
        self.send(Method::PUT, path, body)
    }

    pub fn patch(&self, path: &str, body: &str) -> Answer {
        self.send(Method::PATCH, path, body)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "")
    }

    pub fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let ask = |(runtime, app, _): &(Runtime, axum::Router, TempDir)| {
            let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
            let request = request.body(Body::from(body.to_owned())).map_err(Error::internal)?;
            runtime.block_on(async {
                let Ok(response) = TowerToHyperService::new(app.clone()).call(request).await;
                let status = response.status().as_u16();
                let body = response.into_body().collect().await.map_err(Error::internal)?.to_bytes();
                Ok(Answer(status, String::from_utf8_lossy(&body).into_owned()))
            })
        };
        let answer = self.0.as_ref().map_err(Clone::clone).and_then(|up| ask(up).map_err(|e: Error| e.to_string()));
        answer.unwrap_or_else(|failure| Answer(0, failure))
    }
}

/// A status and a body; 0 and a sentence where there was no answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer(pub u16, pub String);

impl PartialEq<(u16, &str)> for Answer {
    fn eq(&self, (status, body): &(u16, &str)) -> bool {
        self.0 == *status && self.1 == *body
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, r#\"{}\"#)", self.0, self.1)
    }
}

pub mod booking {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "room_start")]
        pub room_id: i64,
        #[sea_orm(unique_key = "room_start")]
        pub start: i64,
        pub end: i64,
        #[sea_orm(default_value = "")]
        pub note: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_author")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub first_name: String,
        pub last_name: String,
        #[sea_orm(unique)]
        pub email: Option<String>,
        #[sea_orm(has_many)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_book")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        #[sea_orm(unique)]
        pub isbn: String,
        pub author_id: i64,
        #[sea_orm(column_type = "Decimal(Some((7, 2)))")]
        pub price: Decimal,
        pub pages: i32,
        #[sea_orm(default_value = "en")]
        pub language: String,
        pub lent_until: Option<Date>,
        pub created_at: DateTimeUtc,
        #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Restrict")]
        pub author: HasOne<super::author::Entity>,
        #[sea_orm(has_many, via = "book_tag")]
        pub tags: HasMany<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_tag")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod book_tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_book_tags")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "pair")]
        pub book_id: i64,
        #[sea_orm(unique_key = "pair")]
        pub tag_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
        pub book: HasOne<super::book::Entity>,
        #[sea_orm(belongs_to, from = "tag_id", to = "id", on_delete = "Cascade")]
        pub tag: HasOne<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Authors, their profiles, books, tags.
pub mod library {
    use crate::model::Model as Description;
    use crate::routers::DefaultRouter;

    pub mod author {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "author")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub name: String,
            #[sea_orm(default_value = true)]
            pub active: bool,
            pub mentor_id: Option<i64>,
            #[sea_orm(self_ref, relation_enum = "Mentor", from = "mentor_id", to = "id", on_delete = "SetNull")]
            pub mentor: HasOne<Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod profile {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "profile")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(unique)]
            pub author_id: i64,
            pub nickname: String,
            #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Cascade")]
            pub author: HasOne<super::author::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod book {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "book")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub title: String,
            pub author_id: i64,
            #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Restrict")]
            pub author: HasOne<super::author::Entity>,
            #[sea_orm(has_many, via = "book_tag")]
            pub tags: HasMany<super::tag::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod tag {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "tag")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(unique)]
            pub name: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod book_tag {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "book_tags")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(unique_key = "pair")]
            pub book_id: i64,
            #[sea_orm(unique_key = "pair")]
            pub tag_id: i64,
            #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
            pub book: HasOne<super::book::Entity>,
            #[sea_orm(belongs_to, from = "tag_id", to = "id", on_delete = "Cascade")]
            pub tag: HasOne<super::tag::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    /// A router that knows them, and what is said beside them.
    pub fn models() -> DefaultRouter {
        let authors = Description::<author::Entity>::new()
            .display(|row| row.text(author::Column::Name))
            .foreign_key(author::Column::MentorId, |mentor| mentor.related_name("pupils"));
        let profiles = Description::<profile::Entity>::new()
            .foreign_key(profile::Column::AuthorId, |author| author.one_to_one().related_name("profile"));
        let books = Description::<book::Entity>::new()
            .foreign_key(book::Column::AuthorId, |author| author.related_name("books"))
            .many_to_many::<tag::Entity>("tags", |tags| tags.related_name("books").blank());
        let tags = Description::<tag::Entity>::new().display(|row| row.text(tag::Column::Name));
        DefaultRouter::new()
            .describe(authors)
            .describe(profiles)
            .describe(books)
            .describe(tags)
            .model::<book_tag::Entity>()
    }
}

/// Orders and their lines.
pub mod shop {
    use crate::model::Model as Description;
    use crate::routers::DefaultRouter;

    pub mod order {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "shop_order")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub customer: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod line {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "shop_line")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(unique_key = "order_sku")]
            pub order_id: i64,
            #[sea_orm(unique_key = "order_sku")]
            pub sku: String,
            #[sea_orm(default_value = 1)]
            pub quantity: i32,
            #[sea_orm(belongs_to, from = "order_id", to = "id", on_delete = "Cascade")]
            pub order: HasOne<super::order::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    /// A router that knows them.
    pub fn models() -> DefaultRouter {
        DefaultRouter::new().model::<order::Entity>().describe(
            Description::<line::Entity>::new()
                .foreign_key(line::Column::OrderId, |order| order.related_name("lines"))
                .column(line::Column::Quantity, |quantity| quantity.positive()),
        )
    }
}
