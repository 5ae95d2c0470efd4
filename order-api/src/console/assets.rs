//! Style sheets, scripts and the icon, inside the binary, under a name that changes with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

pub(super) const FILES: [(&str, &str, &str); 6] = [
    ("console.css", CSS, include_str!("assets/console.css")),
    ("console.js", JS, include_str!("assets/console.js")),
    ("keys.js", JS, include_str!("assets/keys.js")),
    ("live.js", JS, include_str!("assets/live.js")),
    ("times.js", JS, include_str!("assets/times.js")),
    ("icon.svg", SVG, include_str!("assets/icon.svg")),
];

/// One version for all: the scripts name each other.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for (name, _, text) in FILES {
        hasher.update(name);
        hasher.update(text);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest.iter().take(6).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
});

/// Where a file of this name is.
pub(super) fn path(name: &str) -> String {
    format!("/console/assets/{}/{name}", *VERSION)
}

pub(super) async fn asset(
    Path((version, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let absent = || Problem::not_found("there is no such file");
    let (_, media_type, text) = found.ok_or_else(absent)?;
    // another version's name leads to this one's file, which must not be kept under it
    let kept = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
    ];
    Ok((headers, *text).into_response())
}

#[cfg(test)]
mod tests;
