//! What the environment says otherwise than the program's settings.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::pagination::PageNumberPagination;
use crate::settings::Settings;
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
    if let Some(folder) = get("MEDIA_ROOT") {
        let url = get("MEDIA_URL").unwrap_or_else(|| "/media/".into());
        settings.storage = Arc::new(FileSystemStorage::new(folder, url));
    }
    Ok(())
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
        ])
        .unwrap();
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
    }
}
