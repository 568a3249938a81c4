//! Scheme and host of a request as its client sees them, which every link of an answer begins with.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::hosts;
use crate::context::Origin;
use crate::settings::Settings;

/// The header by which a proxy tells that a request came by HTTPS, and its value then: Django's `SECURE_PROXY_SSL_HEADER`.
///
/// The proxy must set it on every request, or take away what a client wrote there.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::settings::ProxySslHeader;
///
/// let settings = Settings {
///     num_proxies: Some(1),
///     secure_proxy_ssl_header: Some(ProxySslHeader::new("X-Forwarded-Proto", "https")),
///     ..Settings::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySslHeader {
    name: Cow<'static, str>,
    value: Cow<'static, str>,
}

impl ProxySslHeader {
    /// By its name and its value. What cannot be a header stops the start of the program.
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        ProxySslHeader { name: name.into(), value: value.into() }
    }
}

/// What is known of the address that clients use.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    /// The origin of every link, whatever a request says.
    pub(super) fixed: Option<Origin>,
    /// How many proxies write into a header, and the header that tells of HTTPS.
    ssl: Option<(NonZeroUsize, HeaderName, HeaderValue)>,
    /// How many proxies write into `X-Forwarded-Host`.
    host: Option<NonZeroUsize>,
}

impl Site {
    /// As the settings say.
    ///
    /// # Errors
    ///
    /// Sentences that say what is wrong with them.
    pub(super) fn new(settings: &Settings) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut site = Site::default();
        if let Some(text) = &settings.public_origin {
            site.fixed = fixed(text);
            if site.fixed.is_none() {
                mistakes.push(format!(
                    "public_origin=\"{text}\" is no origin: give it scheme and host, as in https://api.example.org."
                ));
            }
        }
        let proxies = settings.num_proxies.and_then(NonZeroUsize::new);
        let alone = |name: &str| {
            format!(
                "{name} believes a header of proxies, and num_proxies says of none: without one, clients write it \
                 themselves. Say how many proxies there are."
            )
        };
        if let Some(ProxySslHeader { name, value }) = &settings.secure_proxy_ssl_header {
            if proxies.is_none() {
                mistakes.push(alone("secure_proxy_ssl_header"));
            }
            match (name.parse(), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => site.ssl = proxies.map(|proxies| (proxies, name, value)),
                _ => mistakes.push(format!("secure_proxy_ssl_header=\"{name}: {value}\" is no header.")),
            }
        }
        if settings.use_x_forwarded_host {
            site.host = proxies;
            if proxies.is_none() {
                mistakes.push(alone("use_x_forwarded_host"));
            }
        }
        if settings.security.ssl_redirect && settings.secure_proxy_ssl_header.is_none() {
            mistakes.push(
                "security.ssl_redirect redirects every request for ever, since nothing tells of HTTPS: set \
                 secure_proxy_ssl_header."
                    .into(),
            );
        }
        if mistakes.is_empty() { Ok(site) } else { Err(mistakes) }
    }

    /// The host that a proxy tells of, where one may: an error where it is no text.
    pub(super) fn forwarded_host<'a>(&self, headers: &'a HeaderMap) -> Option<Option<&'a str>> {
        let proxies = self.host?;
        let value = headers.get("x-forwarded-host")?;
        Some(value.to_str().ok().map(|value| written_by(proxies, value)))
    }

    /// Whether a proxy says that the request came by HTTPS.
    fn is_secure(&self, headers: &HeaderMap) -> bool {
        let Some((proxies, name, wanted)) = &self.ssl else { return false };
        let said = headers.get(name).and_then(|value| value.to_str().ok()).map(|value| written_by(*proxies, value));
        said.is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    }

    /// Where it is another than `http` and the header `Host` say.
    pub(super) fn origin(&self, headers: &HeaderMap, host: &str, forwarded: bool) -> Option<Origin> {
        let secure = self.is_secure(headers);
        if let Some(fixed) = &self.fixed {
            let secure = if self.ssl.is_some() { secure } else { fixed.is_secure() };
            return Some(fixed.clone().with_secure(secure));
        }
        (secure || forwarded).then(|| Origin::new(if secure { "https" } else { "http" }, host))
    }
}

/// Of a header that several proxies may have written into, each at its end: what the outermost of one's own wrote.
fn written_by(proxies: NonZeroUsize, value: &str) -> &str {
    value.rsplit(',').take(proxies.get()).last().unwrap_or("").trim()
}

/// An origin that is written out.
fn fixed(text: &str) -> Option<Origin> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (scheme, host) = text.split_once("://")?;
    let scheme = ["http", "https"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
    hosts::split(host).map(|_| Origin::new(scheme, host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn site(change: impl FnOnce(&mut Settings)) -> Result<Site, Vec<String>> {
        let mut settings = Settings::default();
        change(&mut settings);
        Site::new(&settings)
    }

    fn behind(proxies: usize) -> Site {
        site(|settings| {
            settings.num_proxies = Some(proxies);
            settings.secure_proxy_ssl_header = Some(ProxySslHeader::new("X-Forwarded-Proto", "https"));
            settings.use_x_forwarded_host = true;
        })
        .unwrap()
    }

    fn headers(proto: &str, host: &str) -> HeaderMap {
        let pairs = [("x-forwarded-proto", proto), ("x-forwarded-host", host)];
        pairs.into_iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn a_proxy_of_one_s_own_counts_and_what_a_client_wrote_before_it_does_not() {
        let one = behind(1);
        assert!(one.is_secure(&headers("https", "a")) && one.is_secure(&headers("http, HTTPS", "a")));
        assert!(!one.is_secure(&headers("https, http", "a")) && !one.is_secure(&headers("", "a")));
        assert_eq!(one.forwarded_host(&headers("", "evil.example, api.example")), Some(Some("api.example")));
        let two = behind(2);
        assert!(two.is_secure(&headers("https, http", "a")) && two.is_secure(&headers("https", "a")));
        assert!(!two.is_secure(&headers("https, http, http", "a")));
        let origin = one.origin(&headers("https", "a"), "a", true).unwrap();
        assert_eq!((origin.as_str(), origin.is_secure()), ("https://a", true));
    }

    #[test]
    fn without_settings_nothing_is_looked_at() {
        let none = site(|_| ()).unwrap();
        assert!(none.origin(&headers("https", "evil.example"), "a", false).is_none());
        assert_eq!(none.forwarded_host(&headers("https", "evil.example")), None);
    }

    #[test]
    fn a_fixed_origin_needs_no_header() {
        let fixed = site(|settings| settings.public_origin = Some("HTTPS://api.example.org/".into())).unwrap();
        assert_eq!(fixed.origin(&HeaderMap::new(), "a", false).unwrap().as_str(), "https://api.example.org");
    }

    #[test]
    fn mistakes_are_told() {
        let mistake = |change: fn(&mut Settings)| site(change).unwrap_err().join(" ");
        for origin in ["api.example.org", "ftp://a", "https://a/b", "https://u@a", "https://", ""] {
            let told = site(|settings| settings.public_origin = Some(origin.into())).unwrap_err();
            assert!(told[0].contains("is no origin"), "{origin}: {told:?}");
        }
        assert!(mistake(|settings| settings.use_x_forwarded_host = true).contains("num_proxies"));
        assert!(
            mistake(|s| s.secure_proxy_ssl_header = Some(ProxySslHeader::new("a b", "x"))).contains("is no header")
        );
    }
}
