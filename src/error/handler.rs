//! From an error to an answer: DRF's `EXCEPTION_HANDLER`.

use std::fmt;
use std::sync::Arc;

use super::{Error, ErrorFormat};
use crate::context::Context;
use crate::response::Response;

/// What an exception handler may know beside the error.
#[derive(Clone, Copy, Debug)]
pub struct ErrorContext<'a> {
    /// The request.
    pub request: &'a Context,
    /// The name of the view's type, as DRF has it in `context['view']`.
    pub view: &'a str,
    /// The shape that the settings ask for.
    pub format: ErrorFormat,
    /// Whether errors of list items are answered by index, not as a list.
    pub list_errors_as_dict: bool,
    /// Whether the answer is going to be JSON.
    pub is_json: bool,
}

/// The answer to an error in the shape that the settings ask for, DRF's `exception_handler`.
///
/// None for a failure of the server ([`Error::Internal`]): it is logged and answered with a plain 500, unless a handler of
/// one's own knows better.
pub fn exception_handler(error: &Error, cx: &ErrorContext<'_>) -> Option<Response> {
    if matches!(error, Error::Internal(_) | Error::Startup(_)) { None } else { Some(cx.answer(error)) }
}

impl ErrorContext<'_> {
    /// The answer to any error.
    pub(crate) fn answer(&self, error: &Error) -> Response {
        let mut response = Response::new(error.body(self.format, self.list_errors_as_dict)).status(error.status());
        response.headers.extend(error.headers());
        if self.format == ErrorFormat::ProblemDetails && self.is_json {
            response = response.content_type("application/problem+json");
        }
        response
    }
}

/// A function from errors to answers, for a view or for all of them.
///
/// Where it returns none the answer is a plain 500. It may call [`exception_handler`] and change what that made:
///
/// ```
/// use bowline::error::{ErrorContext, ExceptionHandler, exception_handler};
/// use bowline::prelude::*;
/// use bowline::value;
///
/// fn shaped(error: &Error, cx: &ErrorContext<'_>) -> Option<Response> {
///     let mut response = exception_handler(error, cx)?;
///     let status = response.status.as_u16();
///     response.data = Data::Value(value!({"error": {"status": status, "codes": error.get_codes()}}));
///     Some(response)
/// }
/// let handler = ExceptionHandler::new(shaped);
/// ```
#[derive(Clone)]
pub struct ExceptionHandler(Arc<Handle>);

type Handle = dyn Fn(&Error, &ErrorContext<'_>) -> Option<Response> + Send + Sync;

impl ExceptionHandler {
    /// A handler of one's own.
    pub fn new(handle: impl Fn(&Error, &ErrorContext<'_>) -> Option<Response> + Send + Sync + 'static) -> Self {
        ExceptionHandler(Arc::new(handle))
    }

    pub(crate) fn handle(&self, error: &Error, cx: &ErrorContext<'_>) -> Option<Response> {
        (self.0)(error, cx)
    }
}

impl Default for ExceptionHandler {
    fn default() -> Self {
        ExceptionHandler::new(exception_handler)
    }
}

impl fmt::Debug for ExceptionHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExceptionHandler(..)")
    }
}
