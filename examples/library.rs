//! A library that anybody may read and who signed up may write: pages, filters, search, order, and every way to log in.

use std::sync::Arc;

use bowline::authentication::{
    Account, Accounts, Authentication, BasicAuthentication, JsonWebTokens, SessionAuthentication, Sessions,
    TokenAuthentication, revoke_token,
};
use bowline::fields::{CharField, Field};
use bowline::permissions::{IntoRules, IsAuthenticated, IsAuthenticatedOrReadOnly};
use bowline::prelude::*;
use bowline::serializers::Serializer;
use bowline::views::{login, obtain_auth_token, token_obtain_pair};
use bowline::{app::secret_key, value};
use http::StatusCode;

mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_author")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "String(StringLen::N(100))", unique)]
        pub name: String,
        #[sea_orm(has_many)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "library_book")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "String(StringLen::N(200))")]
        pub title: String,
        #[sea_orm(column_type = "String(StringLen::N(13))", unique)]
        pub isbn: String,
        #[sea_orm(column_type = "Decimal(Some((8, 2)))")]
        pub price: Decimal,
        pub published: Option<Date>,
        pub author_id: i64,
        #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Cascade")]
        pub author: HasOne<super::author::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// POST of `username` and `password`: a new account.
async fn sign_up(accounts: Accounts, mut request: Request) -> bowline::Result<Response> {
    let (username, password) = credentials(&mut request).await?;
    let account = accounts.create_user(request.database()?, &username, &password).await?;
    Ok(Response::new(value!({"id": account.id, "username": account.username})).status(StatusCode::CREATED))
}

/// POST: the end of the session and of the token.
async fn logout(sessions: Sessions, request: Request) -> bowline::Result<Response> {
    let database = request.database()?;
    if let Some(account) = request.user().and_then(|user| user.extra::<Account>()) {
        revoke_token(database, account).await?;
    }
    Ok(Response::no_content().extended(sessions.logout(&request, database).await?))
}

async fn credentials(request: &mut Request) -> bowline::Result<(String, String)> {
    let valid = request.validate().await?;
    let text = |name: &str| valid[name].as_str().unwrap_or_default().to_owned();
    Ok((text("username"), text("password")))
}

fn books() -> DefaultRouter {
    let book = Model::<book::Entity>::new()
        .ordering([book::Column::Id])
        .column(book::Column::Price, |price| price.min_value(0))
        .foreign_key(book::Column::AuthorId, |author| author.related_name("books"));
    let books = ModelViewSet::<book::Entity>::new()
        .filterset(FilterSet::new().fields(["author"]).lookups("price", ["lt", "gte"]))
        .search_fields(["title", "author__name", "=isbn"])
        .ordering_fields(["id", "title", "price", "published"]);
    DefaultRouter::new()
        .describe(Model::<author::Entity>::new().ordering([author::Column::Id]))
        .describe(book)
        .register("authors", ModelViewSet::<author::Entity>::new().search_fields(["name"]))
        .register("books", books)
}

fn users(accounts: &Accounts, sessions: &Sessions, tokens: &JsonWebTokens) -> DefaultRouter {
    let credentials = Serializer::new()
        .field(Field::new("username", CharField::new().max_length(150)))
        .field(Field::new("password", CharField::new().min_length(8).trim_whitespace(false)));
    let (new, ended) = (accounts.clone(), sessions.clone());
    let sign_up = ApiView::new("SignUpView").serializer(credentials).permissions(());
    let logout = ApiView::new("LogoutView").permissions(IsAuthenticated);
    DefaultRouter::new()
        .path("sign-up/", sign_up.post(move |request| self::sign_up(new.clone(), request)))
        .path("login/", login(sessions.clone()))
        .path("logout/", logout.post(move |request| self::logout(ended.clone(), request)))
        .path("token/", obtain_auth_token(accounts.clone()))
        .path("jwt/", token_obtain_pair(tokens.clone()))
}

fn api(key: &str) -> DefaultRouter {
    let accounts = Accounts::default();
    let sessions = Sessions::new(key).with_accounts(accounts.clone());
    let tokens = JsonWebTokens::new(key, accounts.clone());
    let users = users(&accounts, &sessions, &tokens);
    let pages = PageNumberPagination::new(10).page_size_query_param("page_size").max_page_size(100);
    DefaultRouter::new().include("api/", books()).include("api/", users).settings(Settings {
        pagination: Some(Arc::new(pages)),
        filter_backends: vec![
            DjangoFilterBackend::new().into(),
            SearchFilter::new().into(),
            OrderingFilter::new().into(),
        ],
        authentication: vec![
            TokenAuthentication::new().shared(),
            tokens.shared(),
            BasicAuthentication::new(accounts).shared(),
            SessionAuthentication::new(sessions).shared(),
        ],
        permissions: IsAuthenticatedOrReadOnly.into_rules(),
        ..Settings::default()
    })
}

#[tokio::main]
async fn main() -> bowline::Result<()> {
    bowline::serve(api(&secret_key()?)).await
}
