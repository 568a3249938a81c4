//! Addresses that can be shown: without the secrets in them.

/// The parameters of a database's address whose values are no secrets; those of any other are not shown.
const PUBLIC: [&str; 19] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "load_balance_hosts",
    "mode",
    "options",
    "pooler",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];
const HIDDEN: &str = "***";

/// An address of a database as it may be printed and logged: without passwords, however they are written into it. What cannot be
/// told apart from one is left out too.
pub(super) fn shown(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) if !scheme.eq_ignore_ascii_case("sqlite") => format!("{scheme}://{}", url(rest)),
        Some((scheme, rest)) => format!("{scheme}://{}", file(rest)),
        None if is_key_values(address) => key_values(address),
        None => file(address),
    }
}

/// What follows `://`: `user:password@host:port/database?parameters`. A password that nobody escaped may have any character in it, so
/// whatever is between the first colon and the last `@` is one.
fn url(rest: &str) -> String {
    let (user, rest) = match rest.rsplit_once('@') {
        None => (None, rest),
        // an `@` in a parameter, or a `?` in a password: nobody can tell where it ends
        Some((user, _)) if user.contains('?') => return HIDDEN.to_owned(),
        Some((user, rest)) => (Some(user), rest),
    };
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, all)| (place, Some(all)));
    let mut text = String::new();
    if let Some(user) = user {
        match user.split_once(':') {
            Some((name, _)) => text.push_str(&format!("{name}:{HIDDEN}@")),
            None => text.push_str(&format!("{user}@")),
        }
    }
    text.push_str(place);
    if let Some(all) = parameters {
        text.push_str(&format!("?{}", query(all)));
    }
    text
}

fn query(parameters: &str) -> String {
    let pairs = parameters.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if !is_public(name) => format!("{name}={HIDDEN}"),
        Some(_) => pair.to_owned(),
        None if pair.is_empty() || is_public(pair) => pair.to_owned(),
        None => HIDDEN.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn is_public(name: &str) -> bool {
    PUBLIC.iter().any(|public| public.eq_ignore_ascii_case(name))
}

/// A file of SQLite's, whose address may have parameters too.
fn file(path: &str) -> String {
    match path.split_once('?') {
        Some((path, parameters)) => format!("{path}?{}", query(parameters)),
        None => path.to_owned(),
    }
}

/// Whether it is written as `libpq` reads it without a URL: `host=db user=ada password='a secret'`.
fn is_key_values(address: &str) -> bool {
    let first = address.trim_start().split_once('=').map(|(name, _)| name.trim_end());
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    first.is_some_and(is_name)
}

fn key_values(address: &str) -> String {
    let mut shown = Vec::new();
    let mut rest = address.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim();
        let after = after.trim_start();
        let end = value_end(after);
        let (value, next) = after.split_at(end);
        shown.push(if is_public(name) { format!("{name}={value}") } else { format!("{name}={HIDDEN}") });
        rest = next.trim_start();
    }
    shown.join(" ")
}

/// The length of a value, quoted or not; a backslash takes the next character along.
fn value_end(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\'' if quoted => return at + 1,
            c if c.is_whitespace() && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_is_no_secret_is_shown() {
        for address in [
            "postgres://me@host/db",
            "postgresql://host:5432,other/db?sslmode=require&target_session_attrs=read-write",
            "postgres:///db?host=/run/postgresql&user=me",
            "sqlite://db.sqlite3",
            "sqlite::memory:",
            "rows.sqlite3",
            "/srv/a b/rows@home.sqlite3",
            "host=db user=me dbname=rows",
        ] {
            assert_eq!(shown(address), address);
        }
        assert_eq!(shown("postgres://me:s3cret@host/db"), "postgres://me:***@host/db");
        assert_eq!(shown("host=db user=me password='s3 cret' port=1"), "host=db user=me password=*** port=1");
    }

    #[test]
    fn no_spelling_shows_a_secret() {
        for address in [
            "postgres://me:s3cret@host/db",
            "postgres://me:s3/cret@host/db",
            "postgres://me:s3@cret@host/db",
            "postgres://me:s3?cret@host/db",
            "postgres://me:s3#cret@host/db",
            "postgres://me:@s3cret@host/db",
            "postgres://:s3cret@host/db",
            "postgres://host/db?password=s3cret",
            "postgres://host/db?user=me&password=s3cret&sslmode=require",
            "postgres://host/db?password=s3@cret",
            "postgres://me@host/db?password=s3cret",
            "postgres://me:s3cret@host/db?password=s3cret",
            "postgres://host/db?PassWord=s3cret",
            "postgres://host/db?pass%77ord=s3cret",
            "postgres://host/db?sslpassword=s3cret",
            "postgres://host/db?passfile=s3cret",
            "postgres://host/db?s3cret",
            "POSTGRES://me:s3cret@host/db",
            "redis://:s3cret@host/0",
            "host=db password=s3cret",
            "host=db password = s3cret",
            "host=db password='s3cret'",
            "host=db password='x\\' s3cret' user=me",
            "password=s3\\ cret host=db",
            "user=me\npassword=s3cret",
            "sqlite://db.sqlite3?key=s3cret",
            "sqlite:db.sqlite3?key=s3cret",
        ] {
            let text = shown(address);
            assert!(!text.contains("s3") && !text.contains("cret"), "{address}: {text}");
        }
    }
}
