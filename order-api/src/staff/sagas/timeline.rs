//! GET /api/sagas/{id}/timeline: spans and marks as JSON; drawn, where the client accepts that.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderMap, HeaderValue, header};

use super::steps::find_history;
use crate::OrderApi;
use crate::order_id::OrderId;
use timeline::{Look, Setting, Timeline, draw, draw_text};

const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The drawing brings its colours, and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);
const BY_ACCEPT: (header::HeaderName, HeaderValue) =
    (header::VARY, HeaderValue::from_static("accept"));

/// What a client wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Data,
    Picture,
    Text,
}

pub(super) async fn show_timeline(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let history = find_history(&api, id).await?;
    Ok(match accepted(&headers) {
        Shape::Data => ([BY_ACCEPT], Json(Timeline::from(history))).into_response(),
        Shape::Text => {
            ([BY_ACCEPT, (header::CONTENT_TYPE, TEXT)], draw_text(&history)).into_response()
        }
        Shape::Picture => {
            let title = format!("What happened to order {id}");
            let look = Look { title: &title, id: "timeline", setting: Setting::Alone };
            let policy = (header::CONTENT_SECURITY_POLICY, POLICY);
            let headers = [BY_ACCEPT, (header::CONTENT_TYPE, SVG), policy];
            (headers, draw(&history, &look)).into_response()
        }
    })
}

/// The first that is known in the order of the list; JSON for everything else. Weights are not looked at: who
/// wants a picture or text names it.
fn accepted(headers: &HeaderMap) -> Shape {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = values.flat_map(|value| value.split(','));
    let named = ranges.find_map(|range| {
        match range.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "image/svg+xml" | "image/*" => Some(Shape::Picture),
            "text/plain" => Some(Shape::Text),
            "application/json" | "*/*" => Some(Shape::Data),
            _ => None,
        }
    });
    named.unwrap_or(Shape::Data)
}
