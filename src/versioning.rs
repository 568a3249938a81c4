//! Which version of the API a request wants.
//!
//! See DRF's chapter "Versioning".

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::media_type::MediaType;
use crate::value::query::{encode, parameters};
use crate::view_info::ViewInfo;

/// The addresses of the application's views by their names, Django's `reverse`.
pub trait Reverse: Send + Sync + fmt::Debug {
    /// The path of a view with these values in it; none where no view of the name has a path with exactly these.
    fn reverse(&self, view_name: &str, kwargs: &[(&str, &str)]) -> Option<String>;
}

/// A way to tell which version of the API a request wants, DRF's `BaseVersioning`.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::versioning::{Versioning, Versions};
/// use bowline::view_info::ViewInfo;
///
/// /// By a header of one's own.
/// #[derive(Debug)]
/// struct XVersion(Versions);
///
/// impl Versioning for XVersion {
///     fn determine_version(&self, request: &Context, _: &str, _: &ViewInfo) -> bowline::Result<Option<String>> {
///         let version = request.header("x-version").or(self.0.default_version());
///         if self.0.allows(version) { Ok(version.map(str::to_owned)) } else { Err(Error::NotFound("No such version.".into())) }
///     }
/// }
/// # let _ = XVersion(Versions::new());
/// ```
pub trait Versioning: Send + Sync + fmt::Debug + 'static {
    /// The version that a request wants; `accepted` is the media type of the answer with the parameters that the client gave.
    ///
    /// # Errors
    ///
    /// 404 or 406 for a version that is not allowed.
    fn determine_version(&self, request: &Context, accepted: &str, view: &ViewInfo) -> Result<Option<String>>;

    /// The path of a view by its name, in the version of the request; none where there is none, and the view's plain path is
    /// meant.
    fn reverse(
        &self,
        urls: &dyn Reverse,
        view_name: &str,
        kwargs: &[(&str, &str)],
        _version: Option<&str>,
    ) -> Option<String> {
        urls.reverse(view_name, kwargs)
    }
}

/// The versions that there are: what DRF's schemes have in common.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    default: Option<String>,
    allowed: Vec<String>,
    param: Option<String>,
}

impl Versions {
    /// Any version, and none where a request names none.
    pub fn new() -> Self {
        Versions::default()
    }

    /// Whether a version is allowed; all are where none was named.
    pub fn allows(&self, version: Option<&str>) -> bool {
        if self.allowed.is_empty() {
            return true;
        }
        let is_default = version.is_some() && version == self.default.as_deref();
        is_default || version.is_some_and(|version| self.allowed.iter().any(|allowed| allowed == version))
    }

    /// The version of requests that name none.
    pub fn default_version(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// What the version is called where it stands: `version` unless set.
    pub fn version_param(&self) -> &str {
        self.param.as_deref().unwrap_or("version")
    }

    fn checked(&self, version: Option<&str>, refuse: impl FnOnce() -> Error) -> Result<Option<String>> {
        if self.allows(version) { Ok(version.map(str::to_owned)) } else { Err(refuse()) }
    }
}

macro_rules! schemes {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            versions: Versions,
        }

        impl $name {
            /// Any version, and none where a request names none.
            pub fn new() -> Self {
                Self::default()
            }

            /// With the version of requests that name none, DRF's `default_version`.
            pub fn default_version(mut self, version: impl Into<String>) -> Self {
                self.versions.default = Some(version.into());
                self
            }

            /// With the versions that there are, DRF's `allowed_versions`; any version is allowed otherwise.
            pub fn allowed_versions<V: Into<String>>(mut self, versions: impl IntoIterator<Item = V>) -> Self {
                self.versions.allowed = versions.into_iter().map(Into::into).collect();
                self
            }

            /// With another name of the parameter than `version`, DRF's `version_param`.
            pub fn version_param(mut self, name: impl Into<String>) -> Self {
                self.versions.param = Some(name.into());
                self
            }
        }
    )+};
}

schemes! {
    /// By a parameter of the Accept header: `Accept: application/json; version=1.0`; 406 for one that is not allowed.
    AcceptHeaderVersioning;
    /// By a value of the path: `/<str:version>/books/`; 404 for one that is not allowed.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// use bowline::versioning::URLPathVersioning;
    /// use bowline::value;
    ///
    /// async fn version(request: Request) -> Value {
    ///     value!({"version": request.version()})
    /// }
    /// let view = ApiView::new("VersionView")
    ///     .get(version)
    ///     .versioning(URLPathVersioning::new().allowed_versions(["v1", "v2"]).default_version("v1"));
    /// let api = DefaultRouter::new().path("<str:version>/about/", view);
    /// ```
    URLPathVersioning;
    /// By the namespace that the view was included under; 404 where none of them is an allowed version.
    NamespaceVersioning;
    /// By a parameter of the query: `?version=1`; 404 for one that is not allowed.
    QueryParameterVersioning;
}

impl Versioning for AcceptHeaderVersioning {
    fn determine_version(&self, _: &Context, accepted: &str, _: &ViewInfo) -> Result<Option<String>> {
        let media_type = MediaType::parse(accepted);
        let named = media_type.params().find(|(name, _)| *name == self.versions.version_param());
        let named = named.map(|(_, value)| value.to_string());
        let refuse = || Error::not_acceptable("Invalid version in \"Accept\" header.");
        self.versions.checked(named.as_deref().or(self.versions.default_version()), refuse)
    }
}

impl Versioning for URLPathVersioning {
    fn determine_version(&self, request: &Context, _: &str, _: &ViewInfo) -> Result<Option<String>> {
        let version = request.kwarg(self.versions.version_param()).or(self.versions.default_version());
        self.versions.checked(version, || Error::NotFound("Invalid version in URL path.".into()))
    }

    fn reverse(
        &self,
        urls: &dyn Reverse,
        view_name: &str,
        kwargs: &[(&str, &str)],
        version: Option<&str>,
    ) -> Option<String> {
        let param = self.versions.version_param();
        let mut all = kwargs.to_vec();
        if let Some(version) = version.filter(|_| kwargs.iter().all(|(name, _)| *name != param)) {
            all.push((param, version));
        }
        urls.reverse(view_name, &all)
    }
}

impl Versioning for NamespaceVersioning {
    fn determine_version(&self, _: &Context, _: &str, view: &ViewInfo) -> Result<Option<String>> {
        if view.namespaces.is_empty() {
            return Ok(self.versions.default_version().map(str::to_owned));
        }
        let allowed = view.namespaces.iter().find(|namespace| self.versions.allows(Some(namespace)));
        let message = "Invalid version in URL path. Does not match any version namespace.";
        allowed.cloned().map(Some).ok_or_else(|| Error::NotFound(message.into()))
    }

    fn reverse(
        &self,
        urls: &dyn Reverse,
        view_name: &str,
        kwargs: &[(&str, &str)],
        version: Option<&str>,
    ) -> Option<String> {
        match version {
            Some(version) => urls.reverse(&format!("{version}:{view_name}"), kwargs),
            None => urls.reverse(view_name, kwargs),
        }
    }
}

impl Versioning for QueryParameterVersioning {
    fn determine_version(&self, request: &Context, _: &str, _: &ViewInfo) -> Result<Option<String>> {
        let named = request.query_param(self.versions.version_param());
        let version = named.as_deref().or(self.versions.default_version());
        self.versions.checked(version, || Error::NotFound("Invalid version in query parameter.".into()))
    }

    fn reverse(
        &self,
        urls: &dyn Reverse,
        view_name: &str,
        kwargs: &[(&str, &str)],
        version: Option<&str>,
    ) -> Option<String> {
        let url = urls.reverse(view_name, kwargs)?;
        Some(match version {
            Some(version) => with_parameter(&url, self.versions.version_param(), version),
            None => url,
        })
    }
}

/// By the first part of the host's name: `v1.example.com`; 404 for one that is not allowed.
#[derive(Clone, Debug)]
pub struct HostNameVersioning {
    versions: Versions,
    pattern: Option<Regex>,
}

impl Default for HostNameVersioning {
    fn default() -> Self {
        Self::new()
    }
}

impl HostNameVersioning {
    /// Any version, and none where the host's name has not three parts.
    pub fn new() -> Self {
        let pattern = Regex::new(r"^([a-zA-Z0-9]+)\.[a-zA-Z0-9]+\.[a-zA-Z0-9]+$").ok();
        HostNameVersioning { versions: Versions::default(), pattern }
    }

    /// With the version of requests to other hosts, DRF's `default_version`.
    pub fn default_version(mut self, version: impl Into<String>) -> Self {
        self.versions.default = Some(version.into());
        self
    }

    /// With the versions that there are, DRF's `allowed_versions`; any version is allowed otherwise.
    pub fn allowed_versions<V: Into<String>>(mut self, versions: impl IntoIterator<Item = V>) -> Self {
        self.versions.allowed = versions.into_iter().map(Into::into).collect();
        self
    }

    /// With another expression for hosts, whose first group is the version: DRF's `hostname_regex`.
    pub fn hostname_regex(mut self, pattern: Regex) -> Self {
        self.pattern = Some(pattern);
        self
    }
}

impl Versioning for HostNameVersioning {
    fn determine_version(&self, request: &Context, _: &str, _: &ViewInfo) -> Result<Option<String>> {
        let host = request.origin();
        let host = host.split_once("://").map_or("", |(_, host)| host);
        let host = host.split_once(':').map_or(host, |(host, _)| host);
        let found = self.pattern.as_ref().and_then(|pattern| pattern.captures(host));
        let Some(version) = found.and_then(|found| found.get(1).map(|group| group.as_str().to_owned())) else {
            return Ok(self.versions.default_version().map(str::to_owned));
        };
        self.versions.checked(Some(&version), || Error::NotFound("Invalid version in hostname.".into()))
    }
}

/// DRF's `replace_query_param`: the parameters sorted by name.
pub(crate) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut pairs = parameters(query);
    pairs.retain(|(n, _)| n != name);
    pairs.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let mut url = path.to_owned();
    for (n, (name, value)) in pairs.iter().enumerate() {
        url.push(if n == 0 { '?' } else { '&' });
        encode(name, &mut url);
        url.push('=');
        encode(value, &mut url);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let any = Versions::new();
        assert!(any.allows(None) && any.allows(Some("")));
        let two = Versions { default: Some("1".into()), allowed: vec!["2".into()], param: None };
        assert!(two.allows(Some("1")) && two.allows(Some("2")));
        assert!(!two.allows(None) && !two.allows(Some("")) && !two.allows(Some("3")));
    }

    #[test]
    fn parameters_are_replaced_and_sorted() {
        assert_eq!(with_parameter("/a/?z=1&ver=2", "ver", "é"), "/a/?ver=%C3%A9&z=1");
    }
}
