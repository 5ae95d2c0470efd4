//! A template, as an answer.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderValue, StatusCode, header};

pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let media_type = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, media_type)], Body::from(text)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Problem::internal().into_response()
        }
    }
}
