//! POST /api/inventory/update: staff changes the stock of one item, or makes it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use failpoints::Site;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schema_inventory::update::{Change, ON_HAND_MAX, StockUpdate, UpdateError, Updated};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{InventoryApi, db_problem, item_id};

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The first line of what is hashed; the digest is stored for as long as keys are.
const FINGERPRINT_VERSION: &[u8] = b"valerix stock update 1\n";
const NAME_CHARS_MAX: usize = 200;
const REASON_CHARS_MAX: usize = 500;

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct UpdateRequest {
    item_id: String,
    set: Option<i64>,
    delta: Option<i64>,
    item_name: Option<String>,
    reason: Option<String>,
}

/// The item right after the change.
#[derive(Debug, Serialize)]
struct UpdateAnswer {
    item_id: String,
    quantity: i64,
    reserved_quantity: i64,
    available: i64,
    version: i64,
}

pub(crate) async fn update_stock(
    State(api): State<Arc<InventoryApi>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = edge::idempotency_key(&headers)?;
    let request: UpdateRequest = edge::read_json(&headers, body).await?;
    let update = request.check(key)?;
    let updated = api
        .db
        .write(Site::UpdateStock, move |connection| {
            Box::pin(
                async move { schema_inventory::update::update_stock(connection, &update).await },
            )
        })
        .await
        .map_err(|error| problem_of(&error))?;
    let is_replayed = updated.replayed;
    let mut response = Json(UpdateAnswer::from(updated)).into_response();
    if is_replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

impl UpdateRequest {
    fn check(self, key: Option<String>) -> Result<StockUpdate, Problem> {
        if let Some((code, detail)) = item_id::flaw_of_new(&self.item_id) {
            return Err(Problem::invalid("/item_id", code, detail));
        }
        check_text(self.item_name.as_deref(), "/item_name", NAME_CHARS_MAX)?;
        check_text(self.reason.as_deref(), "/reason", REASON_CHARS_MAX)?;
        let change = self.change()?;
        let key = key.map(|key| (key, self.fingerprint()));
        let UpdateRequest { item_id, item_name, reason, .. } = self;
        Ok(StockUpdate { item_id, change, item_name, reason, key })
    }

    fn change(&self) -> Result<Change, Problem> {
        let bounds = -ON_HAND_MAX..=ON_HAND_MAX;
        match (self.set, self.delta) {
            (Some(set), None) if (0..=ON_HAND_MAX).contains(&set) => Ok(Change::Set(set)),
            (None, Some(delta)) if bounds.contains(&delta) => Ok(Change::Delta(delta)),
            (Some(_), None) => Err(Problem::invalid("/set", "out-of-range", "0 to 10^12")),
            (None, Some(_)) => Err(Problem::invalid("/delta", "out-of-range", "-10^12 to 10^12")),
            (None, None) => Err(Problem::invalid("/set", "missing-field", "give set or delta")),
            (Some(_), Some(_)) => {
                Err(Problem::invalid("/delta", "ambiguous", "give either set or delta, not both"))
            }
        }
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new_with_prefix(FINGERPRINT_VERSION);
        hasher.update(serde_json::to_vec(self).expect("texts and numbers always serialise"));
        hasher.finalize().into()
    }
}

fn check_text(text: Option<&str>, pointer: &str, chars_max: usize) -> Result<(), Problem> {
    let Some(text) = text else { return Ok(()) };
    let length = text.chars().count();
    if length == 0 || length > chars_max {
        let detail = format!("1 to {chars_max} characters");
        return Err(Problem::invalid(pointer, "out-of-range", detail));
    }
    Ok(())
}

fn problem_of(error: &UpdateError) -> Problem {
    match error {
        UpdateError::BelowReserved { reserved, .. } => {
            let title = "there would be less than is reserved";
            Problem::new(StatusCode::CONFLICT, "below-reserved", title)
                .with_member("reserved_quantity", reserved)
        }
        UpdateError::TooMuch => {
            let title = "that is more of one item than can be kept";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-much-stock", title)
        }
        UpdateError::KeyReused => {
            let title = "this key belongs to another request";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", title)
        }
        UpdateError::Database(error) => db_problem::problem_of(error),
    }
}

impl From<Updated> for UpdateAnswer {
    fn from(updated: Updated) -> UpdateAnswer {
        UpdateAnswer {
            item_id: updated.item_id,
            quantity: updated.on_hand,
            reserved_quantity: updated.reserved,
            available: updated.on_hand - updated.reserved,
            version: updated.version,
        }
    }
}
