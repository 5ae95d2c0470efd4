//! The strict JSON extractor: bounded in size, time and depth, nothing unknown, nothing twice.
//!
//! Types that are read here derive `Deserialize` with `deny_unknown_fields`. Reading happens twice
//! on the good path (the walk of [`crate::strict`], then the typed one, well under a microsecond
//! for an order); the place of a type error is looked for only once there is one.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::Problem;
use crate::strict::{self, Flaw, FlawKind, Refusal, pointer_segment};

/// Largest request body in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// From the head to the end of the body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request body of type `T`, or a [`Problem`]: 400, 408, 413, 415 or 422.
#[derive(Clone, Copy, Debug)]
pub struct StrictJson<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        read_json(&parts.headers, body).await.map(StrictJson)
    }
}

/// What [`StrictJson`] does, for a handler that also needs the head of its request.
pub async fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    parse_strict(&read_json_bytes(headers, body, BODY_BYTES_MAX).await?)
}

/// A body that says it is JSON, unread, of at most `bytes_max` bytes: for calls of our own services
/// that carry many things at once.
pub async fn read_json_bytes(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    check_media_type(headers)?;
    read_bounded(body, bytes_max).await
}

/// Reads `body` as `T`; see the module for what is refused.
pub fn parse_strict<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    strict::check(body).map_err(|refusal| match refusal {
        Refusal::Syntax(error) => Problem::invalid("", "malformed-json", error.to_string()),
        Refusal::Flaw(flaw) => problem_of(&flaw),
    })?;
    serde_json::from_slice(body).map_err(|_| locate_type_error::<T>(body))
}

/// Collects a body within [`BODY_BYTES_MAX`] and [`BODY_TIMEOUT`].
pub async fn read_body(body: Body) -> Result<Bytes, Problem> {
    read_bounded(body, BODY_BYTES_MAX).await
}

async fn read_bounded(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    tokio::time::timeout(BODY_TIMEOUT, collect(body, bytes_max)).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "the body did not arrive")
            .with_header(header::CONNECTION, HeaderValue::from_static("close"))
            .retryable())
    })
}

/// The usual body is one frame, which is handed on without a copy.
async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut whole = Bytes::new();
    let mut gathered = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::invalid("", "broken-body", "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + gathered.len() + data.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if whole.is_empty() && gathered.is_empty() {
            whole = data;
        } else {
            gathered.extend_from_slice(&std::mem::take(&mut whole));
            gathered.extend_from_slice(&data);
        }
    }
    Ok(if gathered.is_empty() { whole } else { gathered.freeze() })
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large")
        .with_detail(format!("a body has at most {bytes_max} bytes"))
        .with_header(header::CONNECTION, HeaderValue::from_static("close"))
}

/// `application/json` and `application/*+json`; a charset, where given, is UTF-8.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).map_or("", |v| v.to_str().unwrap_or(""));
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or("").to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let title = "the media type is not supported";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title)
        .with_detail("send the header content-type: application/json"))
}

fn problem_of(flaw: &Flaw) -> Problem {
    let pointer = flaw.pointer();
    match flaw.kind {
        FlawKind::ControlCharacter => unstorable_text(pointer),
        FlawKind::RepeatedMember => {
            Problem::invalid(pointer, "repeated-field", "this member is there twice")
        }
        FlawKind::InexactNumber => {
            let detail = "this number would be stored as another one; send it as a string";
            Problem::invalid(pointer, "out-of-range", detail)
        }
        FlawKind::TooDeep => Problem::invalid(pointer, "too-deep", "nested too deeply"),
        FlawKind::TooManyMembers => {
            Problem::invalid(pointer, "too-many-members", "an object has at most 100 members")
        }
    }
}

/// 422 for text with control characters, which Postgres refuses in part and terminals obey.
pub(crate) fn unstorable_text(pointer: impl Into<String>) -> Problem {
    let title = "text with control characters cannot be stored";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-text", title).with_error(
        pointer,
        "control-character",
        "has a control character",
    )
}

/// Reads again, slowly, to say where.
fn locate_type_error<T: DeserializeOwned>(body: &[u8]) -> Problem {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return Problem::invalid("", "malformed-json", "there is something after the JSON value");
    };
    let mut pointer = String::new();
    for segment in error.path() {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&pointer_segment(key)),
            Segment::Enum { variant } => pointer.push_str(&pointer_segment(variant)),
            Segment::Unknown => pointer.push('-'),
        }
    }
    let text = error.inner().to_string();
    let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let (code, missing) = classify(detail);
    if let Some(field) = missing {
        pointer.push('/');
        pointer.push_str(&pointer_segment(field));
    }
    Problem::invalid(pointer, code, detail)
}

/// The code for serde's sentence, and the field it misses. The sentences are serde's own, fixed in
/// `serde::de::Error`; one that is not recognised gets the general code.
fn classify(detail: &str) -> (&'static str, Option<&str>) {
    if detail.starts_with("unknown field") {
        ("unknown-field", None)
    } else if detail.starts_with("unknown variant") {
        ("unknown-value", None)
    } else if let Some(rest) = detail.strip_prefix("missing field `") {
        ("missing-field", rest.strip_suffix('`'))
    } else {
        ("invalid-value", None)
    }
}

#[cfg(test)]
mod tests;
