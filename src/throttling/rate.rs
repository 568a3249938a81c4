//! How many requests in how long a time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::suggest::candidates;

/// How many requests in how long a time: `3/minute`, `100/day`.
///
/// In text the number comes first, then `/` and a period, of which the first letter counts: second, minute, hour or day.
///
/// ```
/// use std::time::Duration;
///
/// use bowline::throttling::Rate;
///
/// assert_eq!("3/min".parse(), Ok(Rate::new(3, Duration::from_secs(60))));
/// assert!("3 per minute".parse::<Rate>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: u64,
    period: Duration,
}

impl Rate {
    /// So many requests in a period of any length.
    pub const fn new(requests: u64, period: Duration) -> Self {
        Rate { requests, period }
    }

    /// How many requests a period may have.
    pub fn requests(self) -> u64 {
        self.requests
    }

    /// How long it is.
    pub fn period(self) -> Duration {
        self.period
    }

    /// DRF's `wait`: seconds until the next try of a client whose period is full, spread over the requests that are left then.
    pub(super) fn wait(self, requests: u64, oldest: Option<f64>) -> Option<f64> {
        let remaining = self.period.as_secs_f64() - oldest.unwrap_or(0.0);
        // more requests than the rate allows: it was another when they came
        let available = self.requests.saturating_add(1).checked_sub(requests).filter(|n| *n > 0)?;
        Some(remaining / available as f64)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (number, period) = text.split_once('/')?;
            if period.contains('/') {
                return None;
            }
            let requests = number.trim().replace('_', "").parse().ok()?;
            let seconds = match period.chars().next()? {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return None,
            };
            Some(Rate::new(requests, Duration::from_secs(seconds)))
        };
        parsed().ok_or_else(|| {
            format!(
                "\"{text}\" is no rate: write a number, a slash and second, minute, hour or day, as in \"100/day\"."
            )
        })
    }
}

/// A [`Rate`], or its text.
pub trait IntoRate {
    /// The rate.
    ///
    /// # Errors
    ///
    /// A sentence about text that is none.
    fn into_rate(self) -> Result<Rate, String>;
}

impl IntoRate for Rate {
    fn into_rate(self) -> Result<Rate, String> {
        Ok(self)
    }
}

impl IntoRate for &str {
    fn into_rate(self) -> Result<Rate, String> {
        self.parse()
    }
}

impl IntoRate for String {
    fn into_rate(self) -> Result<Rate, String> {
        self.parse()
    }
}

/// The rates of the settings by scope, DRF's `DEFAULT_THROTTLE_RATES`.
///
/// `anon` and `user` have no limit unless one is given. A text that is no rate keeps the router from starting.
///
/// ```
/// use bowline::throttling::ThrottleRates;
/// let rates = ThrottleRates::new([("anon", "100/day"), ("uploads", "20/hour")]).unlimited("reports");
/// ```
#[derive(Clone)]
pub struct ThrottleRates(Arc<Vec<(String, Read)>>);

/// A rate as it was read, none where there is no limit, or why it is none.
type Read = Result<Option<Rate>, String>;

impl Default for ThrottleRates {
    fn default() -> Self {
        let none: [(&str, Rate); 0] = [];
        ThrottleRates::new(none)
    }
}

impl ThrottleRates {
    /// Rates by their scopes.
    pub fn new<S: Into<String>, R: IntoRate>(rates: impl IntoIterator<Item = (S, R)>) -> Self {
        let mut all = ThrottleRates(Arc::default()).unlimited("user").unlimited("anon");
        for (scope, rate) in rates {
            all.set(scope.into(), rate.into_rate().map(Some));
        }
        all
    }

    /// With a scope that has no limit.
    pub fn unlimited(mut self, scope: impl Into<String>) -> Self {
        self.set(scope.into(), Ok(None));
        self
    }

    /// The rates that are none, whether a view counts by them or not.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let wrong = self.0.iter().filter_map(|(scope, rate)| Some((scope, rate.as_ref().err()?)));
        wrong.map(|(scope, reason)| format!("Settings: the throttle rate of the scope \"{scope}\": {reason}")).collect()
    }

    fn set(&mut self, scope: String, rate: Result<Option<Rate>, String>) {
        let all = Arc::make_mut(&mut self.0);
        all.retain(|(known, _)| *known != scope);
        all.push((scope, rate));
    }

    /// The rate of a scope; none where it has no limit.
    ///
    /// # Errors
    ///
    /// A sentence about a scope without a rate, or about a text that is none.
    pub fn get(&self, scope: &str) -> Result<Option<Rate>, String> {
        match self.0.iter().find(|(known, _)| known == scope) {
            Some((_, rate)) => rate.clone(),
            None => {
                let known = candidates(scope, self.0.iter().map(|(known, _)| known.as_str()));
                Err(format!("No throttle rate is set for the scope \"{scope}\": add it to throttle_rates.{known}"))
            }
        }
    }
}

impl fmt::Debug for ThrottleRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(scope, rate)| (scope, rate))).finish()
    }
}
