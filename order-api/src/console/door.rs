//! Who may use the console, and what a browser may do with its pages.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use super::failure::Failure;
use crate::staff::access::{self, Actor, StaffAccess};

/// Keeps the name that the audit gets.
pub(super) const ACTOR_COOKIE: &str = "valerix_actor";

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// `no-referrer`, which everything else here sends, would make a form's origin `null`.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The staff's door, whose no is a page.
pub(super) async fn admit(
    State(access): State<StaffAccess>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = access::check_access(access, request.method(), request.headers())
        .and_then(|()| check_origin(request.method(), request.headers()))
        .and_then(|()| actor_of(request.headers()));
    let mut response = match admitted {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(problem) => Failure(problem).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, REFERRER);
    headers.insert(OPENER, HeaderValue::from_static("same-origin"));
    response
}

/// A form comes from a page of this console: every browser says so, and what says nothing is none.
fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let place = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    if place.is_some() && place.map(|(_, place)| place) == text(header::HOST) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this form was not sent by the console")
        .with_detail("reload the page and send the form again"))
}

/// The cookie's name, where no header gives one.
fn actor_of(headers: &HeaderMap) -> Result<Actor, Problem> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let kept = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == ACTOR_COOKIE)
        .and_then(|(_, value)| percent_decode_str(value).decode_utf8().ok());
    match kept {
        // one that was kept and does not do any more is forgotten rather than refused
        Some(name) if access::is_name(&name) => Ok(Actor(name.trim().into())),
        Some(_) | None => access::actor_of(headers),
    }
}
