//! A look at a page: who looks, at what, and what the address asks for.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use edge::Problem;
use http::request::Parts;
use http::{HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::door::ACTOR_COOKIE;
use super::failure::Failure;
use super::form::Fields;
use crate::staff::access::{self, Actor};

/// What a handler needs to know of a request.
pub(super) struct Visit {
    pub(super) actor: Arc<str>,
    /// With its query.
    pub(super) path: String,
    query: Option<String>,
}

impl Visit {
    /// What the address asks for.
    pub(super) fn fields(&self) -> Result<Fields, Problem> {
        Fields::of_query(self.query.as_deref())
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Visit, Infallible> {
        let actor = parts.extensions.get::<Actor>().map(|Actor(name)| name.clone());
        let path = parts.uri.path_and_query().map_or("/console", |path| path.as_str());
        Ok(Visit {
            actor: actor.unwrap_or_default(),
            path: path.to_owned(),
            query: parts.uri.query().map(ToOwned::to_owned),
        })
    }
}

/// POST /console/me: the name under which the audit keeps what is done here.
pub(super) async fn rename(fields: Fields) -> Result<Response, Failure> {
    let name = fields.text("actor");
    if !access::is_name(&name) {
        return Err(Problem::invalid("You act as", "out-of-range", "1 to 100 characters").into());
    }
    let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    let cookie = format!("{ACTOR_COOKIE}={name}; Path=/console; HttpOnly; SameSite=Strict");
    let cookie = HeaderValue::try_from(cookie).expect("an encoded name is a header value");
    let back = fields.get("back").filter(|back| is_own(back)).unwrap_or("/console");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response())
}

/// Back to a page of the console, and nowhere else.
fn is_own(path: &str) -> bool {
    path.strip_prefix("/console")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && !path.contains("//")
        && path.is_ascii()
}
