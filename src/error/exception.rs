//! Exceptions that carry more than a message.

use std::borrow::Cow;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::{ErrorDetail, IntoDetail, ValidationError};

/// An exception of one's own: a status, a detail of any shape, headers. DRF's `APIException`.
///
/// ```
/// use bowline::error::{ApiException, Error};
/// use http::StatusCode;
///
/// fn teapot() -> Error {
///     ApiException::new(StatusCode::IM_A_TEAPOT, "I am a teapot.", "teapot").into()
/// }
/// let mut body = Vec::new();
/// teapot().write_body(&mut body);
/// assert_eq!(body, br#"{"detail":"I am a teapot."}"#);
/// ```
#[derive(Clone, Debug)]
pub struct ApiException {
    /// The status of the answer.
    pub status: StatusCode,
    /// What it says.
    pub detail: ValidationError,
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiException {
    /// An exception; the code is for every message in the detail that has none.
    pub fn new(status: StatusCode, detail: impl IntoDetail, code: &'static str) -> Self {
        ApiException { status, detail: detail.into_detail(code), headers: Vec::new() }
    }

    /// With a header of the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Nobody is logged in, or the credentials are wrong: DRF's `NotAuthenticated` and `AuthenticationFailed`.
///
/// 401 with `WWW-Authenticate` where the view's first way to authenticate has such a header, else 403.
#[derive(Clone, Debug)]
pub struct Unauthenticated {
    /// What it says.
    pub detail: ValidationError,
    /// `WWW-Authenticate`; the view fills it in.
    pub challenge: Challenge,
}

/// How a client may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Challenge {
    /// Not known yet: 401.
    #[default]
    Unknown,
    /// By no header of HTTP: 403.
    None,
    /// As this header says: 401.
    Header(Cow<'static, str>),
}

impl Unauthenticated {
    pub(super) fn new(detail: impl IntoDetail, code: &'static str) -> Self {
        Unauthenticated { detail: detail.into_detail(code), challenge: Challenge::Unknown }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.challenge {
            Challenge::None => StatusCode::FORBIDDEN,
            Challenge::Unknown | Challenge::Header(_) => StatusCode::UNAUTHORIZED,
        }
    }
}

/// Too many requests: DRF's `Throttled`, 429.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttled {
    /// Seconds until the next try, rounded up in the answer (`Retry-After`); none where nobody knows.
    pub wait: Option<f64>,
    /// Another sentence than DRF's.
    pub detail: Option<Cow<'static, str>>,
}

impl Throttled {
    /// The seconds as the answer names them.
    pub(super) fn seconds(&self) -> Option<u64> {
        // a wait that is negative or no number is none
        self.wait.map(|wait| wait.ceil().max(0.0) as u64)
    }

    pub(super) fn detail(&self) -> ErrorDetail {
        let text = self.detail.clone().unwrap_or(Cow::Borrowed("Request was throttled."));
        let text = match self.seconds() {
            None => text,
            Some(1) => format!("{text} Expected available in 1 second.").into(),
            Some(n) => format!("{text} Expected available in {n} seconds.").into(),
        };
        ErrorDetail::new(text, "throttled")
    }
}
