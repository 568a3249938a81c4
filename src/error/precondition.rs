//! What is wrong with the preconditions of a request, as RFC 9110 (section 13) and RFC 6585 (section 3) have it.

use http::StatusCode;

use super::{ApiException, Error};

impl Error {
    /// 412: the object is in another state than `If-Match` names.
    pub(crate) fn no_longer_matches() -> Self {
        let detail = "The object has changed: If-Match does not name its present state.";
        ApiException::new(StatusCode::PRECONDITION_FAILED, detail, "precondition_failed").into()
    }

    /// 412: the object is in a state that `If-None-Match` names.
    pub(crate) fn matches_already() -> Self {
        let detail = "If-None-Match names the present state.";
        ApiException::new(StatusCode::PRECONDITION_FAILED, detail, "precondition_failed").into()
    }

    /// 428: the view demands a precondition.
    pub(crate) fn precondition_required() -> Self {
        let detail = "The header If-Match is required, with the ETag of the object.";
        ApiException::new(StatusCode::PRECONDITION_REQUIRED, detail, "precondition_required").into()
    }

    /// 400: the header holds no entity tags.
    pub(crate) fn precondition_invalid(header: &str) -> Self {
        let detail = format!("The header {header} must be * or a list of entity tags in quotes.");
        ApiException::new(StatusCode::BAD_REQUEST, detail, "precondition_invalid").into()
    }

    /// 400: nobody can say whether it holds.
    pub(crate) fn precondition_unsupported() -> Self {
        let detail = "Entity tags are judged for writes to one object only.";
        ApiException::new(StatusCode::BAD_REQUEST, detail, "precondition_unsupported").into()
    }
}
