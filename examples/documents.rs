//! The application of DRF issue 5760: documents in collections, unique together, in which no write races.

use bowline::authentication::{
    Accounts, Authentication, BasicAuthentication, SessionAuthentication, Sessions, TokenAuthentication,
};
use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, Renderers};

mod collection {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seed_collection")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        pub documents: HasMany<super::document::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod document {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seed_document")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique_key = "collection_uid")]
        pub collection_id: i64,
        #[sea_orm(column_type = "Text", unique_key = "collection_uid")]
        pub uid: String,
        #[sea_orm(column_type = "JsonBinary", default_value = "{}")]
        pub blob: Json,
        #[sea_orm(belongs_to, from = "collection_id", to = "id", on_delete = "Cascade")]
        pub collection: HasOne<super::collection::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn api(sessions: Sessions) -> DefaultRouter {
    DefaultRouter::new()
        .register("collections", ModelViewSet::<collection::Entity>::new())
        .register("documents", ModelViewSet::<document::Entity>::new())
        .settings(Settings {
            renderers: Renderers::json().and(BrowsableAPIRenderer::new()),
            authentication: vec![
                TokenAuthentication::new().shared(),
                BasicAuthentication::new(Accounts::default()).shared(),
                SessionAuthentication::new(sessions).shared(),
            ],
            ..Settings::default()
        })
}

#[tokio::main]
async fn main() -> bowline::Result<()> {
    bowline::serve(api(Sessions::new(bowline::app::secret_key()?))).await
}
