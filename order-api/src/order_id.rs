//! The id in a path. What is no id is the id of no order.

use axum::extract::{FromRequestParts, Path};
use edge::Problem;
use http::request::Parts;
use uuid::Uuid;

/// The one parameter of a path below `/api/orders/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderId(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for OrderId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<OrderId, Problem> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| absent())?;
        Uuid::try_parse(&text).map(OrderId).map_err(|_| absent())
    }
}

/// The same for an order that is not there and one that is somebody else's.
pub(crate) fn absent() -> Problem {
    Problem::not_found("there is no order with this id")
}
