//! Every exception: `/raise/<kind>/`.

use bowline::error::{ApiException, ErrorContext, ExceptionHandler, Throttled, exception_handler};
use bowline::prelude::*;
use bowline::value;
use http::StatusCode;

use crate::authentication;

fn teapot(detail: impl bowline::error::IntoDetail) -> Error {
    ApiException::new(StatusCode::IM_A_TEAPOT, detail, "teapot").into()
}

/// What Django raises by itself: no API exception, so without codes.
fn django(status: StatusCode, detail: impl bowline::error::IntoDetail) -> Error {
    ApiException::new(status, detail, "django").into()
}

fn exception(kind: &str) -> Error {
    let invalid = |detail: Value| ValidationError::of(detail, "invalid").into();
    match kind {
        "http404-message" => Error::Http404("No luck.".into()),
        "django-permission" => django(StatusCode::FORBIDDEN, "You do not have permission to perform this action."),
        "django-permission-message" => django(StatusCode::FORBIDDEN, "Keep out."),
        "not-found" => Error::not_found(),
        "not-found-message" => Error::NotFound("Nothing under that name.".into()),
        "api" => ApiException::new(StatusCode::INTERNAL_SERVER_ERROR, "The backend is down.", "error").into(),
        "teapot" => teapot("I am a teapot."),
        "teapot-dict" => teapot(value!({"brew": ["tea", "only"], "deep": {"er": "yes"}})),
        "parse" => Error::parse_error(),
        "not-authenticated" => Error::not_authenticated(),
        "auth-failed" => Error::authentication_failed("Go away."),
        "denied" => Error::permission_denied(),
        "denied-message" => Error::denied("Not for you.", "permission_denied"),
        "method" => Error::MethodNotAllowed("BREW".into()),
        "not-acceptable" => Error::not_acceptable("Could not satisfy the request Accept header."),
        "unsupported" => Error::UnsupportedMediaType("image/tea".into()),
        "throttled" => Error::throttled(None),
        "throttled-wait" => Error::throttled(Some(12.3)),
        "throttled-one" => Error::throttled(Some(1.0)),
        "throttled-message" => Throttled { wait: Some(30.0), detail: Some("Slow down.".into()) }.into(),
        "validation" => invalid("Invalid input.".into()),
        "validation-string" => invalid("One message.".into()),
        "validation-list" => invalid(value!(["One.", "Two."])),
        "validation-dict" => invalid(value!({"field": "Scalar.", "other": ["A.", "B."], "deep": {"x": ["C."]}})),
        "validation-mixed" => invalid(value!([{"a": ["A."]}, {}, "text", ["nested"]])),
        "validation-number" => invalid(value!({"n": 5, "none": null, "bool": true})),
        "django-validation" => django(StatusCode::BAD_REQUEST, value!(["Not turned into an answer by DRF."])),
        "crash" => Error::internal("boom"),
        _ => Error::http404(),
    }
}

async fn raise(request: Request) -> bowline::Result<Response> {
    Err(exception(request.kwarg("kind").unwrap_or_default()))
}

fn view(type_name: &'static str) -> ApiView {
    ApiView::new(type_name).get(raise).post(raise).authentication([authentication::basic()])
}

pub fn raise_view() -> ApiView {
    view("RaiseView")
}

pub fn raise_no_auth() -> ApiView {
    view("RaiseNoAuth").description("Without authenticators NotAuthenticated becomes 403.").authentication([])
}

pub fn raise_shaped() -> ApiView {
    view("RaiseShaped")
        .description("With an exception handler of its own, which shows the error codes.")
        .exception_handler(shaped())
}

/// A handler which shows the codes of errors.
pub fn shaped() -> ExceptionHandler {
    ExceptionHandler::new(shaped_exception_handler)
}

fn shaped_exception_handler(error: &Error, cx: &ErrorContext<'_>) -> Option<Response> {
    let mut response = exception_handler(error, cx)?;
    let is_django = matches!(error, Error::Api(exception) if exception.detail.get_codes() == value!("django"));
    if let Error::Api(exception) = error
        && exception.detail.get_codes() == value!(["django"])
    {
        let messages = exception.detail.messages(true);
        let data = value!({"error": {"code": "django", "messages": messages}});
        return Some(Response::new(data).status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    response.data = Data::Value(value!({"error": {
        "status": response.status.as_u16(),
        "codes": error.get_codes().filter(|_| !is_django),
        "full": error.get_full_details().filter(|_| !is_django),
        "view": cx.view,
    }}));
    Some(response)
}
