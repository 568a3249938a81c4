//! The paths of the application, as in `library/urls.py`.

use std::sync::Arc;

use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, Renderers};
use bowline::settings::AllowedHosts;
use bowline::storage::FileSystemStorage;

use crate::{
    authentication, fields, filters, functions, models, negotiation, pagination, parsers, permissions, raise,
    throttling, versions, viewsets,
};

/// All of them, with the settings of `config/settings.py`.
pub fn urls(media: &str) -> bowline::Result<DefaultRouter> {
    Ok(models::describe(viewsets::seed())
        .include("lib/", viewsets::lib())
        .include("rel/", viewsets::rel())
        .include("sets/", viewsets::sets())
        .include("bare/", viewsets::bare())
        .include("perm/", permissions::urls())
        .include("generic/", viewsets::generic())
        .include("bulk/", viewsets::bulk())
        .include("page/", pagination::urls())
        .include("filter/", filters::urls())
        .settings(Settings {
            renderers: Renderers::json().and(BrowsableAPIRenderer::new()),
            authentication: vec![authentication::token(), authentication::basic(), authentication::session()],
            throttle_rates: throttling::rates(),
            num_proxies: None,
            allowed_hosts: AllowedHosts::any(),
            create_tables: false,
            storage: Arc::new(FileSystemStorage::new(media, "/media/")),
            ..Settings::default()
        })
        .path("raise/<str:kind>/", raise::raise_view())
        .path("raise-noauth/<str:kind>/", raise::raise_no_auth())
        .path("raise-shaped/<str:kind>/", raise::raise_shaped())
        .include("throttle/", throttling::urls())
        .include("auth/", authentication::urls())
        .include("fn/", functions::urls())
        .include("nego/", negotiation::urls())
        .include("meta/", functions::meta_urls())
        .include("v/", versions::urls())
        .include("parse/", parsers::urls()?)
        .path("upload-check/", parsers::upload_check())
        .include("", fields::urls()?))
}
