//! Which hosts an API answers to: a `Host` that nobody meant must not become part of the links of an answer.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// What is answered where nothing is set: Django's list of its development server, and the name of its test client.
const LOOPBACK: [&str; 4] = [".localhost", "127.0.0.1", "[::1]", "testserver"];

/// The hosts that an API answers to, Django's `ALLOWED_HOSTS`; a request to any other is a 400.
///
/// A name is the host of a request without its port: `example.org`, `192.0.2.1`, `[2001:db8::1]`. One that begins with a dot is a
/// domain with all that is below it, `*` is any host. Case does not count, nor does a dot at the end.
///
/// By default these are `localhost` and what is below it, `127.0.0.1`, `[::1]` and `testserver`, the name of test clients.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::settings::AllowedHosts;
///
/// let settings = Settings { allowed_hosts: AllowedHosts::new(["api.example.org", ".example.com"]), ..Settings::default() };
/// assert!(settings.allowed_hosts.allows("API.example.org:8443"));
/// assert!(settings.allowed_hosts.allows("v1.example.com") && settings.allowed_hosts.allows("example.com"));
/// assert!(!settings.allowed_hosts.allows("example.org"));
/// assert!(AllowedHosts::default().allows("127.0.0.1:8000"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Option<Vec<String>>);

impl AllowedHosts {
    /// These hosts. What is no host stops the start of the program.
    pub fn new<H: Into<String>>(hosts: impl IntoIterator<Item = H>) -> Self {
        AllowedHosts(Some(hosts.into_iter().map(|host| host.into().trim().to_ascii_lowercase()).collect()))
    }

    /// Any host that can be one.
    pub fn any() -> Self {
        AllowedHosts::new(["*"])
    }

    /// Whether anything was said.
    pub(crate) fn are_set(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a host, with or without a port, is one of them.
    pub fn allows(&self, host: &str) -> bool {
        let Some((name, _)) = split(host) else { return false };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        match &self.0 {
            Some(own) => own.iter().any(|pattern| is_of(&name, pattern)),
            None => LOOPBACK.iter().any(|pattern| is_of(&name, pattern)),
        }
    }

    /// Sentences about those that no host can be.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let is_pattern = |host: &str| {
            let host = host.strip_prefix('.').unwrap_or(host);
            host == "*" || split(&bracketed(host)).is_some_and(|(_, port)| port.is_none())
        };
        let wrong = self.0.iter().flatten().filter(|host| !is_pattern(host));
        let say = |host| format!("\"{host}\" in allowed_hosts is no host: names have no scheme, no port and no path.");
        wrong.map(say).collect()
    }
}

/// Django's `is_same_domain`; an IPv6 address may be written in several ways.
fn is_of(name: &str, pattern: &str) -> bool {
    if pattern == "*" || pattern == name {
        return true;
    }
    if let Some(domain) = pattern.strip_prefix('.') {
        return name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    }
    let address = |text: &str| bracketed(text).strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    name.starts_with('[') && address(name).is_some_and(|own| address(pattern) == Some(own))
}

/// An IPv6 address in its brackets, where it is one without.
fn bracketed(host: &str) -> Cow<'_, str> {
    if host.parse::<Ipv6Addr>().is_ok() { Cow::Owned(format!("[{host}]")) } else { Cow::Borrowed(host) }
}

/// The name and the port of a `Host`, by Django's `host_validation_re`; none where it is none.
pub(super) fn split(host: &str) -> Option<(&str, Option<&str>)> {
    let (name, rest) = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, rest)) => {
            let letters = address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            let colon = address.find(':').is_some_and(|at| !address[..at].contains('.') && at + 1 < address.len());
            if !letters || !colon {
                return None;
            }
            (host.get(..address.len() + 2)?, rest)
        }
        None => {
            let end = host.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')).unwrap_or(host.len());
            host.split_at(end)
        }
    };
    // of a lone dot Django leaves no name
    if matches!(name, "" | ".") {
        return None;
    }
    if rest.is_empty() {
        return Some((name, None));
    }
    let port = rest.strip_prefix(':').filter(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))?;
    Some((name, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_as_django_reads_them() {
        for host in [
            "a",
            "testserver",
            "EXAMPLE.com:80",
            "a.b.",
            "1.2.3.4",
            "[::1]",
            "[::1]:8000",
            "[::ffff:1.2.3.4]",
            "-",
            "..",
            "xn--a.b:99999",
        ] {
            assert!(split(host).is_some(), "{host}");
        }
        for host in [
            "", ".", "a:", "a:x", "a_b", "a/b", "a b", "@a", "a@b", "*", "a,b", "[::1", "[]", "[1]", "[:]", "[1.2:3]",
            "[::1]x", "[::1]:", "[g::1]", "é", "a:1:2", ":80", "a?b",
        ] {
            assert!(split(host).is_none(), "{host}");
        }
    }

    #[test]
    fn patterns_are_as_django_matches_them() {
        let hosts = AllowedHosts::new(["Example.org", ".example.com", "[2001:db8::1]", "::2", "192.0.2.1"]);
        for host in [
            "example.org",
            "EXAMPLE.ORG:80",
            "example.org.",
            "example.com",
            "a.b.example.com:1",
            "[2001:db8::1]:8000",
            "[2001:DB8:0::1]",
            "[::2]",
            "192.0.2.1:8000",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "a.example.org",
            "example.org.evil",
            "badexample.com",
            "[::1]",
            "192.0.2.10",
            "evil.example",
            "example.org:",
            "example.org@evil.example",
            "",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
        for host in ["localhost:8000", "app.localhost", "127.0.0.1", "[::1]:80", "testserver"] {
            assert!(AllowedHosts::default().allows(host), "{host}");
        }
        assert!(!AllowedHosts::default().allows("evil.example") && !AllowedHosts::default().allows("127.0.0.2"));
        assert!(AllowedHosts::any().allows("evil.example") && !AllowedHosts::any().allows("a/b"));
        assert!(!AllowedHosts::new([""; 0]).allows("localhost"));
    }

    #[test]
    fn what_is_no_host_is_told() {
        let hosts = ["*", "a.b", ".a", "[::1]", "::1", "https://a", "a:80", "a/b", "", "a b"];
        assert_eq!(AllowedHosts::new(hosts).mistakes().len(), 5);
    }
}
