//! What is wrong with an idempotency key, as draft-ietf-httpapi-idempotency-key-header has it.

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};

use super::{ApiException, Error};

impl Error {
    /// 400: the view demands a key.
    pub(crate) fn idempotency_key_missing() -> Self {
        let detail = "The header Idempotency-Key is required.";
        ApiException::new(StatusCode::BAD_REQUEST, detail, "idempotency_key_required").into()
    }

    /// 400: the header holds no key.
    pub(crate) fn idempotency_key_invalid() -> Self {
        let detail = "The header Idempotency-Key must be one key of 1 to 255 visible ASCII characters.";
        ApiException::new(StatusCode::BAD_REQUEST, detail, "idempotency_key_invalid").into()
    }

    /// 409: the first request with the key is not over yet.
    pub(crate) fn idempotency_key_in_use() -> Self {
        let detail = "A request with this Idempotency-Key is in progress.";
        let exception = ApiException::new(StatusCode::CONFLICT, detail, "idempotency_key_in_use");
        exception.header(RETRY_AFTER, HeaderValue::from_static("1")).into()
    }

    /// 422: the key belongs to another request.
    pub(crate) fn idempotency_key_reused() -> Self {
        let detail = "This Idempotency-Key was used for another request.";
        ApiException::new(StatusCode::UNPROCESSABLE_ENTITY, detail, "idempotency_key_reused").into()
    }
}
