//! bowline with its layers, each below a prefix of its own: what is compared with the same resource without them.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use bowline::authentication::{
    Accounts, Authentication, BearerTokens, JsonWebTokens, SessionAuthentication, Sessions, TokenAuthentication,
    obtain_token,
};
use bowline::filters::{DjangoFilterBackend, OrderingFilter, SearchFilter};
use bowline::idempotency::Idempotency;
use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use bowline::throttling::{AnonRateThrottle, ThrottleRates};
use bowline::value;
use bowline::versioning::AcceptHeaderVersioning;

use crate::Result;

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

type Documents = ModelViewSet<document::Entity>;

/// The ways in which the user of the benchmark logs in.
#[derive(Clone)]
struct Ways {
    sessions: Sessions,
    bearer: BearerTokens,
    jwt: JsonWebTokens,
}

/// Makes the user, and tells with what it may come.
async fn set_up(ways: Ways, request: Request) -> bowline::Result<Response> {
    let database = request.database()?;
    let account = Accounts::default().create_user(database, "bench", "bench").await?;
    let cookies = ways.sessions.login(&request, database, &account).await?;
    let cookie = cookies.get_all("set-cookie").iter().find_map(|cookie| {
        let cookie = cookie.to_str().ok()?.split(';').next()?;
        cookie.starts_with("sessionid=").then(|| cookie.to_owned())
    });
    Ok(Response::new(value!({
        "token": obtain_token(database, &account).await?,
        "bearer": ways.bearer.issue(database, account.id, "bench").await?,
        "jwt": ways.jwt.issue(database, &account).await?.access,
        "cookie": cookie,
    })))
}

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let ways = Ways {
        sessions: Sessions::new("bench"),
        bearer: BearerTokens::new(Accounts::default()),
        jwt: JsonWebTokens::new("bench", Accounts::default()).access_lifetime(Duration::from_secs(86_400)),
    };
    let documents = Documents::new;
    let known = |way: Arc<dyn Authentication>| documents().authentication([way]).permissions(IsAuthenticated);
    let for_set_up = ways.clone();
    let api = DefaultRouter::new()
        .model::<collection::Entity>()
        .register("documents", documents())
        .register(
            "filtered",
            documents().filter_backend(DjangoFilterBackend::new()).filterset_fields(["collection", "uid"]),
        )
        .register("searched", documents().filter_backend(SearchFilter::new()).search_fields(["uid"]))
        .register("ordered", documents().filter_backend(OrderingFilter::new()).order_by_any_field())
        .register("throttled", documents().throttles(AnonRateThrottle::new()))
        .register("tagged", documents().etags(ETags::new()))
        .register("versioned", documents().versioning(AcceptHeaderVersioning::new()))
        .register("session", known(SessionAuthentication::new(ways.sessions).shared()))
        .register("token", known(TokenAuthentication::new().shared()))
        .register("bearer", known(ways.bearer.shared()))
        .register("jwt", known(ways.jwt.shared()))
        .register("idempotent", documents().idempotency(Idempotency::new()))
        .path("set-up/", ApiView::new("SetUpView").post(move |request| set_up(for_set_up.clone(), request)))
        .configure(|settings| settings.throttle_rates = ThrottleRates::new([("anon", "1000000000/second")]));
    bowline::serve_at(api, &env::var("DATABASE_URL")?, &env::var("BIND")?).await?;
    Ok(())
}
