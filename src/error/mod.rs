//! The one error type, and the only place that knows DRF's error shapes.
//!
//! Every failure of a request ends as an [`Error`]; [`Error::status`], [`Error::headers`] and [`Error::body`] are its
//! answer. What a driver or a panic said is kept as a source for the log and never written into a body.
//!
//! The body has DRF's shape unless the [settings](crate::settings::Settings::errors) choose another, or a view's own
//! [`ExceptionHandler`] does. See DRF's chapter "Exceptions".

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

mod detail;
mod exception;
mod handler;
mod idempotency;
mod precondition;
mod shape;

pub(crate) use detail::MOST_ITEMS;
pub use detail::{ErrorDetail, IntoDetail, NON_FIELD_ERRORS, ValidationError};
pub use exception::{ApiException, Challenge, Throttled, Unauthenticated};
pub use handler::{ErrorContext, ExceptionHandler, exception_handler};
pub use shape::ErrorFormat;

use crate::value::Value;

/// A boxed cause, for the log only.
pub type Source = Box<dyn StdError + Send + Sync>;

/// The result of everything that a request can fail in.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a request can fail: DRF's exceptions, and the answers that DRF lacks (408, 409, 413, 503).
#[non_exhaustive]
pub enum Error {
    /// The program cannot start: sentences that say what to change.
    Startup(String),
    /// 400: what validation found.
    Validation(ValidationError),
    /// 400: the body could not be parsed.
    Parse(String),
    /// 401 or 403: nobody is logged in, or the credentials are wrong.
    Unauthenticated(Box<Unauthenticated>),
    /// 403.
    PermissionDenied(ValidationError),
    /// 404, by DRF's exception of that name.
    NotFound(Cow<'static, str>),
    /// 404, by Django's exception: no row, no such format. It has no code, an exception handler of one's own sees that.
    Http404(Cow<'static, str>),
    /// 405.
    MethodNotAllowed(String),
    /// 406.
    NotAcceptable(Cow<'static, str>),
    /// 409: other rows protect this one from deletion.
    Conflict(Cow<'static, str>),
    /// 413: the body is longer than the settings allow.
    PayloadTooLarge,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 415: no parser for the body's media type.
    UnsupportedMediaType(String),
    /// 429.
    Throttled(Throttled),
    /// Any status: an exception of one's own.
    Api(Box<ApiException>),
    /// 503 with `Retry-After`: retries are used up, or the database is away. Nothing was done, and the request may be sent
    /// again.
    Unavailable(Source),
    /// 503 without `Retry-After`, with the code `outcome_unknown`: the database's answer to a write was lost, so that the write
    /// may have been carried out and may not.
    OutcomeUnknown(Source),
    /// 507: the disk is full; the cause goes to the log.
    InsufficientStorage(Source),
    /// 500: everything that is nobody's input; the cause goes to the log.
    Internal(Source),
}

/// The constructors, by the names of DRF's exceptions.
impl Error {
    /// 400: the request is malformed, with DRF's sentence.
    pub fn parse_error() -> Self {
        Error::Parse("Malformed request.".into())
    }

    /// 401 (or 403 where the view knows no header to log in by), with DRF's sentence.
    pub fn not_authenticated() -> Self {
        let detail = "Authentication credentials were not provided.";
        Error::Unauthenticated(Box::new(Unauthenticated::new(detail, "not_authenticated")))
    }

    /// 401 (or 403 where the view knows no header to log in by): the credentials are wrong.
    pub fn authentication_failed(detail: impl IntoDetail) -> Self {
        Error::Unauthenticated(Box::new(Unauthenticated::new(detail, "authentication_failed")))
    }

    /// 406, with a sentence.
    pub fn not_acceptable(detail: impl Into<Cow<'static, str>>) -> Self {
        Error::NotAcceptable(detail.into())
    }

    /// 403, with DRF's sentence.
    pub fn permission_denied() -> Self {
        Error::denied("You do not have permission to perform this action.", "permission_denied")
    }

    /// 403 with a detail and a code of one's own (DRF's `PermissionDenied(detail, code)`).
    pub fn denied(detail: impl IntoDetail, code: &'static str) -> Self {
        Error::PermissionDenied(detail.into_detail(code))
    }

    /// 404 as DRF answers where no row matches: `No Document matches the given query.`
    pub fn no_match(name: &str) -> Self {
        Error::Http404(format!("No {name} matches the given query.").into())
    }

    /// 404 with DRF's general sentence.
    pub fn not_found() -> Self {
        Error::NotFound("Not found.".into())
    }

    /// 404 as Django's `Http404`, with DRF's general sentence.
    pub fn http404() -> Self {
        Error::Http404("Not found.".into())
    }

    /// 429; the seconds until the next try are rounded up.
    pub fn throttled(wait: Option<f64>) -> Self {
        Error::Throttled(Throttled { wait, detail: None })
    }

    /// A program that cannot start, for the reason given.
    pub(crate) fn startup(reason: impl fmt::Display) -> Self {
        Error::Startup(reason.to_string())
    }

    /// 500 for a cause that is nobody's input.
    pub fn internal(source: impl Into<Source>) -> Self {
        Error::Internal(source.into())
    }

    /// 507 where the disk is full, 503 where too many files are open, else 500.
    pub(crate) fn disk(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            _ if is_out_of_files(&error) => Error::unavailable(error),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Error::InsufficientStorage(error.into())
            }
            _ => Error::internal(error),
        }
    }

    /// 503 for a database that is away or too busy.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Error::Unavailable(source.into())
    }
}

/// Whether the process, or the machine, has as many files open as it may: `EMFILE` and `ENFILE` of every Unix.
pub(crate) fn is_out_of_files(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// The answer.
impl Error {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Validation(_) | Error::Parse(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated(error) => error.status(),
            Error::PermissionDenied(_) => StatusCode::FORBIDDEN,
            Error::NotFound(_) | Error::Http404(_) => StatusCode::NOT_FOUND,
            Error::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Error::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Error::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Api(exception) => exception.status,
            // as 500 to who does not know the code (RFC 2616 10.5.4): only `Retry-After` invites another try
            Error::Unavailable(_) | Error::OutcomeUnknown(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::InsufficientStorage(_) => StatusCode::INSUFFICIENT_STORAGE,
            Error::Internal(_) | Error::Startup(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What it says, in words and codes; nothing in it comes from a driver or a panic.
    pub fn detail(&self) -> ValidationError {
        let one = |message: Cow<'static, str>, code| ValidationError::Message(ErrorDetail::new(message, code));
        match self {
            Error::Validation(detail) | Error::PermissionDenied(detail) => detail.clone(),
            Error::Unauthenticated(error) => error.detail.clone(),
            Error::Api(exception) => exception.detail.clone(),
            Error::Throttled(throttled) => ValidationError::Message(throttled.detail()),
            Error::Parse(message) => one(message.clone().into(), "parse_error"),
            Error::NotFound(message) | Error::Http404(message) => one(message.clone(), "not_found"),
            Error::Conflict(message) => one(message.clone(), "conflict"),
            Error::MethodNotAllowed(method) => {
                one(format!("Method \"{method}\" not allowed.").into(), "method_not_allowed")
            }
            Error::NotAcceptable(detail) => one(detail.clone(), "not_acceptable"),
            Error::PayloadTooLarge => one("Request body exceeded the size limit.".into(), "payload_too_large"),
            Error::RequestTimeout => one("The request body did not arrive in time.".into(), "request_timeout"),
            Error::UnsupportedMediaType(media_type) => {
                one(format!("Unsupported media type \"{media_type}\" in request.").into(), "unsupported_media_type")
            }
            Error::Unavailable(_) => one("Service temporarily unavailable, try again later.".into(), "unavailable"),
            Error::OutcomeUnknown(_) => one(
                "The outcome of the request is not known: it may have been carried out. Look before sending it again."
                    .into(),
                "outcome_unknown",
            ),
            Error::InsufficientStorage(_) => one("There is no room for this upload.".into(), "insufficient_storage"),
            Error::Internal(_) | Error::Startup(_) => one("A server error occurred.".into(), "error"),
        }
    }

    /// The codes alone, DRF's `get_codes()`; none for what is not an API exception (`Http404`, a failure of the server).
    pub fn get_codes(&self) -> Option<Value> {
        self.is_api_exception().then(|| self.detail().get_codes())
    }

    /// Messages and codes, DRF's `get_full_details()`; none for what is not an API exception.
    pub fn get_full_details(&self) -> Option<Value> {
        self.is_api_exception().then(|| self.detail().get_full_details())
    }

    fn is_api_exception(&self) -> bool {
        !matches!(self, Error::Http404(_) | Error::Internal(_) | Error::Startup(_))
    }

    /// Headers of the answer: `WWW-Authenticate`, `Retry-After`, those of an exception of one's own.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Error::Unauthenticated(error) => match &error.challenge {
                Challenge::Header(text) => {
                    HeaderValue::from_str(text).map(|value| vec![(WWW_AUTHENTICATE, value)]).unwrap_or_default()
                }
                Challenge::Unknown | Challenge::None => Vec::new(),
            },
            Error::Throttled(throttled) => match throttled.seconds() {
                None | Some(0) => Vec::new(),
                Some(seconds) => vec![(RETRY_AFTER, seconds.into())],
            },
            Error::Api(exception) => exception.headers.clone(),
            // the database was away or too busy, and nothing was done
            Error::Unavailable(_) => vec![(RETRY_AFTER, HeaderValue::from_static("1"))],
            _ => Vec::new(),
        }
    }

    /// Says how a client may log in; nothing where the error is another.
    pub(crate) fn challenge(mut self, header: Option<Cow<'static, str>>) -> Self {
        if let Error::Unauthenticated(error) = &mut self {
            error.challenge = header.map_or(Challenge::None, Challenge::Header);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Startup(sentences) => f.write_str(sentences),
            Error::Unavailable(source) => write!(f, "unavailable: {source}"),
            Error::OutcomeUnknown(source) => write!(f, "outcome unknown: {source}"),
            Error::InsufficientStorage(source) => write!(f, "no room: {source}"),
            Error::Internal(source) => write!(f, "internal error: {source}"),
            other => {
                let mut body = Vec::new();
                other.write_body(&mut body);
                f.write_str(&String::from_utf8_lossy(&body))
            }
        }
    }
}

/// What `main` prints when it returns an error: the sentence, not its structure.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Unavailable(source)
            | Error::OutcomeUnknown(source)
            | Error::InsufficientStorage(source)
            | Error::Internal(source) => Some(source.as_ref()),
            _ => None,
        }
    }
}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        Error::Validation(error)
    }
}

impl From<ApiException> for Error {
    fn from(exception: ApiException) -> Self {
        Error::Api(Box::new(exception))
    }
}

impl From<Throttled> for Error {
    fn from(throttled: Throttled) -> Self {
        Error::Throttled(throttled)
    }
}

/// A query of a user's hook or query validator that failed.
///
/// A cause that the store can name (a conflict to replay, a database that is away) keeps its name.
impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::Internal(Box::new(error))
    }
}
