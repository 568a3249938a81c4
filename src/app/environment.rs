//! What the environment says otherwise than the program's settings.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::pagination::PageNumberPagination;
use crate::settings::{AllowedHosts, ProxySslHeader, Settings, StrictTransportSecurity};
use crate::storage::FileSystemStorage;

/// Lays the environment's variables, as `get` knows them, over the settings.
///
/// # Errors
///
/// [`Error::Startup`] for a value that is none.
pub(super) fn overlay(settings: &mut Settings, get: impl Fn(&str) -> Option<String>) -> Result<()> {
    if let Some(size) = number(&get, "PAGE_SIZE", "a number")? {
        let pagination = PageNumberPagination::new(size);
        let uncounted = match get("PAGE_COUNT").as_deref() {
            None | Some("on") => false,
            Some("off") => true,
            Some(other) => return Err(Error::Startup(format!("PAGE_COUNT={other} is neither on nor off."))),
        };
        settings.pagination = Some(Arc::new(if uncounted { pagination.without_count() } else { pagination }));
    }
    if let Some(connections) = number::<NonZeroUsize>(&get, "MAX_CONNECTIONS", "a number of connections")? {
        settings.store.max_connections = connections.get();
    }
    if let Some(seconds) = number::<f64>(&get, "DATABASE_DEADLINE", "a number of seconds")? {
        let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
        let mistake = || Error::Startup(format!("DATABASE_DEADLINE={seconds} is not a number of seconds."));
        settings.store.deadline = limit.ok_or_else(mistake)?;
    }
    if let Some(proxies) = number(&get, "NUM_PROXIES", "a number of proxies")? {
        settings.num_proxies = Some(proxies);
    }
    if let Some(hosts) = get("ALLOWED_HOSTS") {
        settings.allowed_hosts = AllowedHosts::new(hosts.split(',').filter(|host| !host.trim().is_empty()));
    }
    if let Some(origin) = get("PUBLIC_ORIGIN") {
        settings.public_origin = Some(origin);
    }
    if let Some(header) = get("SECURE_PROXY_SSL_HEADER") {
        let Some((name, value)) = header.split_once(':') else {
            let text = "is not a header: X-Forwarded-Proto: https is one.";
            return Err(Error::Startup(format!("SECURE_PROXY_SSL_HEADER={header} {text}")));
        };
        settings.secure_proxy_ssl_header = Some(ProxySslHeader::new(name.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some(yes) = switch(&get, "USE_X_FORWARDED_HOST")? {
        settings.use_x_forwarded_host = yes;
    }
    if let Some(yes) = switch(&get, "SECURE_SSL_REDIRECT")? {
        settings.security.ssl_redirect = yes;
    }
    if let Some(seconds) = number(&get, "SECURE_HSTS_SECONDS", "a number of seconds")? {
        let age = Duration::from_secs(seconds);
        settings.security.strict_transport_security = (seconds > 0).then(|| StrictTransportSecurity::new(age));
    }
    if let Some(folder) = get("MEDIA_ROOT") {
        let url = get("MEDIA_URL").unwrap_or_else(|| "/media/".into());
        settings.storage = Arc::new(FileSystemStorage::new(folder, url));
    }
    Ok(())
}

fn switch(get: impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<bool>> {
    let Some(text) = get(name) else { return Ok(None) };
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(Some(true)),
        "off" | "false" | "no" | "0" | "" => Ok(Some(false)),
        _ => Err(Error::Startup(format!("{name}={text} is neither on nor off."))),
    }
}

fn number<N: FromStr>(get: impl Fn(&str) -> Option<String>, name: &str, what: &str) -> Result<Option<N>> {
    let Some(text) = get(name) else { return Ok(None) };
    match text.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Error::Startup(format!("{name}={text} is not {what}."))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings> {
        let mut settings = Settings::default();
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        overlay(&mut settings, get).map(|()| settings)
    }

    #[test]
    fn what_is_not_set_stays() {
        let settings = with(&[]).unwrap();
        assert!(settings.pagination.is_none());
        assert_eq!((settings.store.max_connections, settings.num_proxies), (16, Some(0)));
    }

    #[test]
    fn what_is_set_counts() {
        let settings = with(&[
            ("PAGE_SIZE", "20"),
            ("PAGE_COUNT", "off"),
            ("MAX_CONNECTIONS", "4"),
            ("DATABASE_DEADLINE", "2.5"),
            ("NUM_PROXIES", "1"),
            ("MEDIA_ROOT", "/srv/files"),
            ("ALLOWED_HOSTS", "api.example.org, .example.com,"),
            ("PUBLIC_ORIGIN", "https://api.example.org"),
            ("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto: https"),
            ("USE_X_FORWARDED_HOST", "on"),
            ("SECURE_SSL_REDIRECT", "True"),
            ("SECURE_HSTS_SECONDS", "60"),
        ])
        .unwrap();
        assert_eq!(settings.allowed_hosts, AllowedHosts::new(["api.example.org", ".example.com"]));
        assert_eq!(settings.public_origin.as_deref(), Some("https://api.example.org"));
        assert_eq!(settings.secure_proxy_ssl_header, Some(ProxySslHeader::new("X-Forwarded-Proto", "https")));
        assert!(settings.use_x_forwarded_host && settings.security.ssl_redirect);
        let age = StrictTransportSecurity::new(Duration::from_secs(60));
        assert_eq!(settings.security.strict_transport_security, Some(age));
        assert!(format!("{:?}", settings.pagination).contains("20"));
        assert_eq!((settings.store.max_connections, settings.num_proxies), (4, Some(1)));
        assert_eq!(settings.store.deadline, Duration::from_millis(2500));
        assert!(format!("{:?}", settings.storage).contains("/srv/files"));
    }

    #[test]
    fn what_is_no_value_stops_the_start() {
        for (name, value) in [
            ("PAGE_SIZE", "many"),
            ("MAX_CONNECTIONS", "0"),
            ("NUM_PROXIES", "-1"),
            ("DATABASE_DEADLINE", "5s"),
            ("DATABASE_DEADLINE", "0"),
            ("DATABASE_DEADLINE", "-1"),
        ] {
            let error = with(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}={value} is not a number")), "{error}");
        }
        assert!(with(&[("USE_X_FORWARDED_HOST", "perhaps")]).is_err());
        assert!(with(&[("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto")]).is_err());
    }
}
