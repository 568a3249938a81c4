//! Versions of the API: `/v/`.

use bowline::prelude::*;
use bowline::value;
use bowline::versioning::{
    AcceptHeaderVersioning, HostNameVersioning, NamespaceVersioning, QueryParameterVersioning, URLPathVersioning,
};

/// A view that tells the version, by the name of the scheme.
fn view(name: &'static str, scheme: &'static str) -> ApiView {
    ApiView::new(name).get(move |request: Request| async move {
        let kwargs = request.kwargs().iter().filter(|(name, _)| name != "version");
        let kwargs: Vec<(&str, &str)> = kwargs.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let own = request.view().view_name.clone().unwrap_or_default();
        let own = own.rsplit(':').next().unwrap_or_default();
        let own = request.reverse(own, &kwargs)?;
        let version = request.version().map(str::to_owned);
        Ok::<_, Error>(value!({"version": version, "scheme": scheme, "self": own}))
    })
}

pub fn urls() -> DefaultRouter {
    let accept = AcceptHeaderVersioning::new().default_version("1.0").allowed_versions(["1.0", "2.0"]);
    let query = QueryParameterVersioning::new().default_version("1").allowed_versions(["1", "2", "beta"]);
    let path = URLPathVersioning::new().default_version("v1").allowed_versions(["v1", "v2"]);
    let path = view("VersionPath", "PathVersioning").versioning(path);
    let host = HostNameVersioning::new().default_version("v1").allowed_versions(["v1", "v2"]);
    let by_space = NamespaceVersioning::new().allowed_versions(["v1", "v2"]);
    let space = view("VersionSpace", "SpaceVersioning").versioning(by_space);
    let spaced = || {
        let router = DefaultRouter::new().path_named("thing/", space.clone(), "thing");
        router.path_named("thing/<int:number>/", space.clone(), "thing-detail")
    };
    DefaultRouter::new()
        .path_named("accept/", view("VersionAccept", "AcceptVersioning").versioning(accept), "v-accept")
        .path_named("query/", view("VersionQuery", "QueryVersioning").versioning(query.version_param("ver")), "v-query")
        .path_named(
            "query-free/",
            view("VersionFreeQuery", "FreeQueryVersioning").versioning(QueryParameterVersioning::new()),
            "v-query-free",
        )
        .path_named("host/", view("VersionHost", "HostVersioning").versioning(host), "v-host")
        .path_named("none/", view("VersionNone", "NoneType"), "v-none")
        .path_named("path/", path.clone(), "v-path-default")
        .path_named("^path/(?P<version>[^/]+)/thing/$", path, "v-path")
        .include_namespace("space/v1/", "v1", spaced())
        .include_namespace("space/v2/", "v2", spaced())
        .include_namespace("space/v3/", "v3", spaced())
        .path_named("space/", space, "v-space")
}
