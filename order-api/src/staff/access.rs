//! Who may use the staff routes: the one place that decides, for all of them.
//!
//! There are no roles yet. Until there are, these routes are served only where nobody but this machine
//! can reach them, and a browser on it may use them only from a page that this service served.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use edge::Problem;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::config::{Config, StaffRoutes};

/// Who it is, for the audit: a name that the caller gives himself.
const ACTOR: HeaderName = HeaderName::from_static("valerix-actor");
const ACTOR_CHARS_MAX: usize = 100;
const NAMELESS: &str = "local";

/// Whether the staff routes are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StaffAccess {
    /// To everybody on this machine.
    ThisMachine,
    /// To everybody who reaches the port, as somebody has decided.
    Open,
    /// To nobody.
    Closed,
}

impl StaffAccess {
    /// Decides, and says so.
    pub(crate) fn decide(config: &Config) -> StaffAccess {
        let listen = config.listen;
        if listen.ip().is_loopback() {
            tracing::warn!(
                "STAFF ROUTES WITHOUT LOGIN: whoever can reach {listen} may inspect and repair orders"
            );
            return StaffAccess::ThisMachine;
        }
        if config.staff_routes == StaffRoutes::OpenToAllWhoReachThePort {
            tracing::warn!(
                "STAFF ROUTES WITHOUT LOGIN, BY STAFF_ROUTES: whoever can reach {listen}, from any machine or \
                 container, may inspect and repair orders"
            );
            return StaffAccess::Open;
        }
        tracing::warn!(
            "staff routes are closed: {listen} is open to the network, and nobody is asked who they are"
        );
        StaffAccess::Closed
    }
}

/// Whoever acts, as the audit names him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor(pub(crate) Arc<str>);

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Actor, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| {
            tracing::error!("a staff route stands outside its door");
            Problem::internal()
        })
    }
}

/// Stands before every staff route.
pub(crate) async fn admit(
    State(access): State<StaffAccess>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    check_access(access, request.method(), request.headers())?;
    let actor = actor_of(request.headers())?;
    request.extensions_mut().insert(actor);
    Ok(next.run(request).await)
}

/// Whether this request may come in at all, also by the console's door.
pub(crate) fn check_access(
    access: StaffAccess,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    if access == StaffAccess::Closed {
        return Err(forbidden("this route is for staff, and staff cannot log in here yet"));
    }
    check_browser(method, headers)
}

/// Whether somebody can be called so in the audit.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.trim();
    !name.contains(char::is_control) && (1..=ACTOR_CHARS_MAX).contains(&name.chars().count())
}

/// Who it is, as the header says.
pub(crate) fn actor_of(headers: &HeaderMap) -> Result<Actor, Problem> {
    let Some(given) = headers.get(ACTOR) else { return Ok(Actor(NAMELESS.into())) };
    let name = std::str::from_utf8(given.as_bytes()).unwrap_or("").trim();
    if is_name(name) {
        return Ok(Actor(name.into()));
    }
    Err(Problem::invalid(
        "Valerix-Actor",
        "invalid-value",
        "1 to 100 characters, none of them control",
    ))
}

/// A page from elsewhere must not act through the browser of somebody who sits at this machine: not
/// by sending here (it has another origin), nor by having its own name lead here (it has another host).
fn check_browser(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or(""));
    if let Some(host) = host
        && !is_this_machine(host)
    {
        return Err(forbidden("staff routes are served under the name of this machine only"));
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or(""));
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    match origin.filter(|_| !is_safe) {
        Some(origin) if origin.split_once("://").map(|(_, place)| place) != host => {
            Err(forbidden("this request comes from a page of another origin"))
        }
        Some(_) | None => Ok(()),
    }
}

fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "forbidden").with_detail(detail)
}

#[cfg(test)]
mod tests;
