//! Books with their author and their reviews inside: one list, two statements, however many rows it shows.

use bowline::prelude::*;

mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shop_author")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "String(StringLen::N(100))")]
        pub name: String,
        #[sea_orm(column_type = "String(StringLen::N(254))")]
        pub email: String,
        #[sea_orm(has_many)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shop_book")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "String(StringLen::N(200))")]
        pub title: String,
        pub pages: i32,
        #[sea_orm(column_type = "Decimal(Some((8, 2)))")]
        pub price: Decimal,
        pub published: Date,
        pub author_id: i64,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        pub author: HasOne<super::author::Entity>,
        #[sea_orm(has_many)]
        pub reviews: HasMany<super::review::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod review {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shop_review")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub stars: i32,
        #[sea_orm(column_type = "Text")]
        pub text: String,
        pub written_at: DateTimeUtc,
        pub book_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
        pub book: HasOne<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn books() -> ModelSerializer<book::Entity> {
    let authors = ModelSerializer::<author::Entity>::new();
    let reviews = ModelSerializer::<review::Entity>::new().fields(["id", "stars", "text", "written_at"]);
    ModelSerializer::new()
        .fields(["id", "title", "pages", "price", "published", "author", "reviews"])
        .nested("author", authors, |f| f.read_only())
        .nested("reviews", reviews, |f| f.read_only())
}

fn api() -> DefaultRouter {
    DefaultRouter::new()
        .describe(
            Model::<review::Entity>::new().foreign_key(review::Column::BookId, |book| book.related_name("reviews")),
        )
        .model::<author::Entity>()
        .register("books", ModelViewSet::<book::Entity>::new().serializer(books()).read_only())
}

#[tokio::main]
async fn main() -> bowline::Result<()> {
    bowline::serve(api()).await
}
