//! The one shape of a failed answer: RFC 9457 `application/problem+json`.
//!
//! `code` is stable and what programs branch on; `title` and `detail` are for people. Text of a
//! database, a path or another internal never enters a problem.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::TraceContext;

const TYPE_BASE: &str = "https://valerix.dev/problems/";
/// A detail may quote what was sent; it is cut here so that an error does not echo a whole body.
const DETAIL_CHARS_MAX: usize = 300;

/// An answer that says no: what is wrong, and whether the same request may succeed later.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

/// One wrong place in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the name of a header or parameter.
    pub pointer: String,
    /// Stable, for programs: `unknown-field`, `out-of-range`, …
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

#[derive(Clone, Debug)]
struct Content {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    retryable: bool,
    errors: Vec<FieldError>,
    headers: HeaderMap,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of this status; 429 and 503 are retryable, all others are not unless said.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Problem {
        let retryable =
            matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Problem(Box::new(Content {
            status,
            code,
            title,
            detail: None,
            retryable,
            errors: Vec::new(),
            headers: HeaderMap::new(),
            members: Map::new(),
        }))
    }

    /// 400: the request breaks the contract at `pointer`.
    pub fn invalid(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem::invalid_request().with_error(pointer, code, detail)
    }

    /// 400 without places yet; add them by [`Problem::with_error`].
    pub fn invalid_request() -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-request", "the request is not valid")
    }

    /// 404 for a thing that does not exist, or is not the caller's.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "not found").with_detail(detail)
    }

    /// 500: a bug. The caller logs what happened; the answer says nothing of it.
    pub fn internal() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error")
            .with_detail("this is a fault of the service; the trace_id finds it in the logs")
    }

    /// 503: try again after `retry_after_s` seconds.
    pub fn unavailable(detail: impl Into<String>, retry_after_s: u64) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "temporarily unavailable")
            .with_detail(detail)
            .retry_after_s(retry_after_s)
    }

    /// One sentence for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Problem {
        self.0.detail = Some(shortened(detail.into()));
        self
    }

    /// One more wrong place.
    #[must_use]
    pub fn with_error(
        mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        let (pointer, detail) = (shortened(pointer.into()), shortened(detail.into()));
        self.0.errors.push(FieldError { pointer, code, detail });
        self
    }

    /// A further member of the body (RFC 9457 section 3.2), such as the order that failed.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Serialize) -> Problem {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.0.members.insert(name.to_owned(), value);
        self
    }

    /// A further header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.0.headers.insert(name, value);
        self
    }

    /// The same request may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Problem {
        self.0.retryable = true;
        self
    }

    /// Says when to try again, in whole seconds; also makes the problem retryable.
    #[must_use]
    pub fn retry_after_s(self, seconds: u64) -> Problem {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds)).retryable()
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code, the last part of `type`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is wrong, for people.
    pub fn title(&self) -> &'static str {
        self.0.title
    }

    /// The sentence that says more.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// When to try again, in seconds, where it says so.
    pub fn retry_after(&self) -> Option<u64> {
        self.0.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
    }

    /// The wrong places.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The body as JSON.
    pub fn to_body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and JSON values always serialise")
    }
}

/// The body, for a place within other JSON.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = &self.0;
        let wire = Wire {
            r#type: format!("{TYPE_BASE}{}", content.code),
            title: content.title,
            status: content.status.as_u16(),
            detail: content.detail.as_deref(),
            code: content.code,
            retryable: content.retryable,
            trace_id: TraceContext::current().map(|context| context.trace_id_hex()),
            errors: &content.errors,
            members: &content.members,
        };
        wire.serialize(serializer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_body()));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        *headers = self.0.headers;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    code: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

fn shortened(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(DETAIL_CHARS_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
