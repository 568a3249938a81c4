//! The one error type, and the only place that knows DRF's error shapes.
//!
//! Every failure of a request ends as an [`Error`]; [`Error::status`] and [`Error::write_body`] turn
//! it into DRF's answer. What a driver or a panic said is kept as a source for the log and never
//! written into a body.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use indexmap::IndexMap;

use crate::value::write;

/// A boxed cause, for the log only.
pub type Source = Box<dyn StdError + Send + Sync>;

/// The result of everything that a request can fail in.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One message with its machine code, DRF's `ErrorDetail`.
///
/// ```
/// use bowline::error::ErrorDetail;
/// let detail = ErrorDetail::new("This field is required.", "required");
/// assert_eq!(detail.code, "required");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorDetail {
    /// The sentence that a client sees.
    pub message: Cow<'static, str>,
    /// The machine code, not on the wire by default.
    pub code: Cow<'static, str>,
}

impl ErrorDetail {
    /// A message with its code.
    pub fn new(message: impl Into<Cow<'static, str>>, code: impl Into<Cow<'static, str>>) -> Self {
        ErrorDetail { message: message.into(), code: code.into() }
    }
}

impl From<&'static str> for ErrorDetail {
    fn from(message: &'static str) -> Self {
        ErrorDetail::new(message, "invalid")
    }
}

impl From<String> for ErrorDetail {
    fn from(message: String) -> Self {
        ErrorDetail::new(message, "invalid")
    }
}

/// What validation found: a list of messages, or errors by field (or by index).
///
/// Answered with 400. See DRF's chapter "Exceptions", `ValidationError`.
///
/// ```
/// use bowline::error::ValidationError;
/// let mut errors = ValidationError::fields();
/// errors.insert("uid", "This field is required.".into());
/// assert_eq!(errors.to_json(), r#"{"uid":["This field is required."]}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationError {
    /// Messages about the value as a whole.
    List(Vec<ErrorDetail>),
    /// Errors by field name, in the order of the fields.
    Fields(IndexMap<Cow<'static, str>, ValidationError>),
}

impl ValidationError {
    /// No messages yet, by field.
    pub fn fields() -> Self {
        ValidationError::Fields(IndexMap::new())
    }

    /// One message with its code.
    pub fn new(message: impl Into<Cow<'static, str>>, code: impl Into<Cow<'static, str>>) -> Self {
        ValidationError::List(vec![ErrorDetail::new(message, code)])
    }

    /// Errors of one field.
    pub fn field(name: impl Into<Cow<'static, str>>, error: impl Into<ValidationError>) -> Self {
        let mut errors = ValidationError::fields();
        errors.insert(name, error.into());
        errors
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        match self {
            ValidationError::List(list) => list.is_empty(),
            ValidationError::Fields(map) => map.is_empty(),
        }
    }

    /// Adds what was found for one field; lists of the same field are joined.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, error: ValidationError) {
        if let ValidationError::List(list) = self {
            let own = std::mem::take(list);
            *self = ValidationError::fields();
            if !own.is_empty() {
                self.insert("non_field_errors", ValidationError::List(own));
            }
        }
        let ValidationError::Fields(map) = self else { return };
        match (map.entry(name.into()), error) {
            (indexmap::map::Entry::Vacant(place), error) => {
                place.insert(error);
            }
            (indexmap::map::Entry::Occupied(mut place), ValidationError::List(more)) => match place.get_mut() {
                ValidationError::List(list) => list.extend(more),
                ValidationError::Fields(_) => {
                    place.get_mut().insert("non_field_errors", ValidationError::List(more));
                }
            },
            (indexmap::map::Entry::Occupied(mut place), ValidationError::Fields(more)) => {
                for (key, value) in more {
                    place.get_mut().insert(key, value);
                }
            }
        }
    }

    /// Joins two findings about the same object: messages without a field go to `non_field_errors`.
    pub fn merge(&mut self, other: ValidationError) {
        match other {
            ValidationError::Fields(map) => {
                for (key, value) in map {
                    self.insert(key, value);
                }
            }
            ValidationError::List(list) if !list.is_empty() => {
                self.insert("non_field_errors", ValidationError::List(list));
            }
            ValidationError::List(_) => {}
        }
    }

    /// DRF's `as_serializer_error`: a bare list becomes `non_field_errors`.
    pub fn into_fields(self) -> Self {
        let mut fields = ValidationError::fields();
        fields.merge(self);
        fields
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            ValidationError::List(list) => {
                out.push(b'[');
                for (n, detail) in list.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    write::string(&detail.message, out);
                }
                out.push(b']');
            }
            ValidationError::Fields(map) => {
                out.push(b'{');
                for (n, (name, error)) in map.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    write::string(name, out);
                    out.push(b':');
                    error.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl From<ErrorDetail> for ValidationError {
    fn from(detail: ErrorDetail) -> Self {
        ValidationError::List(vec![detail])
    }
}

impl From<Vec<ErrorDetail>> for ValidationError {
    fn from(list: Vec<ErrorDetail>) -> Self {
        ValidationError::List(list)
    }
}

impl From<&'static str> for ValidationError {
    fn from(message: &'static str) -> Self {
        ErrorDetail::from(message).into()
    }
}

impl From<String> for ValidationError {
    fn from(message: String) -> Self {
        ErrorDetail::from(message).into()
    }
}

/// How a request can fail: DRF's exceptions, and the two answers that DRF lacks (409, 503).
#[non_exhaustive]
pub enum Error {
    /// The program cannot start: sentences that say what to change.
    Startup(String),
    /// 400: what validation found.
    Validation(ValidationError),
    /// 400: the body could not be parsed.
    Parse(String),
    /// 404, with DRF's sentence.
    NotFound(Cow<'static, str>),
    /// 405.
    MethodNotAllowed(String),
    /// 406.
    NotAcceptable,
    /// 409: other rows protect this one from deletion.
    Conflict(Cow<'static, str>),
    /// 413: the body is longer than the settings allow.
    PayloadTooLarge,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 415: no parser for the body's media type.
    UnsupportedMediaType(String),
    /// 503 with `Retry-After`: retries are used up, or the database is away.
    Unavailable(Source),
    /// 500: everything that is nobody's input; the cause goes to the log.
    Internal(Source),
}

impl Error {
    /// 404 as DRF answers where no row matches: `No Document matches the given query.`
    pub fn no_match(name: &str) -> Self {
        Error::NotFound(format!("No {name} matches the given query.").into())
    }

    /// 404 with DRF's general sentence.
    pub fn not_found() -> Self {
        Error::NotFound("Not found.".into())
    }

    /// A program that cannot start, for the reason given.
    pub(crate) fn startup(reason: impl fmt::Display) -> Self {
        Error::Startup(reason.to_string())
    }

    /// 500 for a cause that is nobody's input.
    pub fn internal(source: impl Into<Source>) -> Self {
        Error::Internal(source.into())
    }

    /// 503 for a database that is away or too busy.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Error::Unavailable(source.into())
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Validation(_) | Error::Parse(_) => StatusCode::BAD_REQUEST,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Error::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Error::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) | Error::Startup(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The JSON body of the answer; nothing in it comes from a driver or a panic.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        let detail: Cow<'_, str> = match self {
            Error::Validation(errors) => return errors.write(out),
            Error::Parse(message) => message.into(),
            Error::NotFound(message) | Error::Conflict(message) => message.as_ref().into(),
            Error::MethodNotAllowed(method) => format!("Method \"{method}\" not allowed.").into(),
            Error::NotAcceptable => "Could not satisfy the request Accept header.".into(),
            Error::PayloadTooLarge => "Request body exceeded the size limit.".into(),
            Error::RequestTimeout => "The request body did not arrive in time.".into(),
            Error::UnsupportedMediaType(media_type) => {
                format!("Unsupported media type \"{media_type}\" in request.").into()
            }
            Error::Unavailable(_) => "Service temporarily unavailable, try again later.".into(),
            Error::Internal(_) | Error::Startup(_) => "A server error occurred.".into(),
        };
        out.extend_from_slice(b"{\"detail\":");
        write::string(&detail, out);
        out.push(b'}');
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Startup(sentences) => f.write_str(sentences),
            Error::Unavailable(source) => write!(f, "unavailable: {source}"),
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
            Error::Unavailable(source) | Error::Internal(source) => Some(source.as_ref()),
            _ => None,
        }
    }
}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        Error::Validation(error)
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
