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
use bowline::settings::AllowedHosts;
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

/// What is signed with; nobody trusts this server.
const KEY: &str = "a key of the benchmark's own, long enough for everybody";

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
        sessions: Sessions::new(KEY),
        bearer: BearerTokens::new(Accounts::default()),
        jwt: JsonWebTokens::new(KEY, Accounts::default()).access_lifetime(Duration::from_secs(86_400)),
    };
    // each with names of its own: they are the views of one model
    let documents = |prefix: &str| Documents::new().basename(prefix);
    let known = |prefix: &str, way: Arc<dyn Authentication>| {
        documents(prefix).authentication([way]).permissions(IsAuthenticated)
    };
    let filtered = documents("filtered").filter_backend(DjangoFilterBackend::new());
    let searched = documents("searched").filter_backend(SearchFilter::new());
    let ordered = documents("ordered").filter_backend(OrderingFilter::new());
    let for_set_up = ways.clone();
    let api = DefaultRouter::new()
        .model::<collection::Entity>()
        .register("documents", documents("documents"))
        .register("filtered", filtered.filterset_fields(["collection", "uid"]))
        .register("searched", searched.search_fields(["uid"]))
        .register("ordered", ordered.order_by_any_field())
        .register("throttled", documents("throttled").throttles(AnonRateThrottle::new()))
        .register("tagged", documents("tagged").etags(ETags::new()))
        .register("versioned", documents("versioned").versioning(AcceptHeaderVersioning::new()))
        .register("session", known("session", SessionAuthentication::new(ways.sessions).shared()))
        .register("token", known("token", TokenAuthentication::new().shared()))
        .register("bearer", known("bearer", ways.bearer.shared()))
        .register("jwt", known("jwt", ways.jwt.shared()))
        .register("idempotent", documents("idempotent").idempotency(Idempotency::new()))
        .path("set-up/", ApiView::new("SetUpView").post(move |request| set_up(for_set_up.clone(), request)))
        .configure(|settings| {
            settings.throttle_rates = ThrottleRates::new([("anon", "1000000000/second")]);
            // requests say `Host: bench`
            settings.allowed_hosts = AllowedHosts::any();
            // under valgrind, the hash of the first password takes long
            settings.store.deadline = Duration::from_secs(300);
        });
    bowline::serve_at(api, &env::var("DATABASE_URL")?, &env::var("BIND")?).await?;
    Ok(())
}
