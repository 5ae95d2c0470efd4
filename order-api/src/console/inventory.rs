//! The console's view of inventory, over its API: from here, never from the browser.

use std::time::Duration;

use chrono::{DateTime, Utc};
use edge::Problem;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_secs(3);
const BYTES_MAX: usize = 512 * 1024;

/// Asks inventory; without its address it says so.
pub(crate) struct Inventory {
    client: reqwest::Client,
    base: Option<String>,
}

/// Why inventory gave no answer that can be shown.
#[derive(Debug)]
pub(super) enum InventoryError {
    /// It was refused, and this is what was said.
    Refused { status: u16, said: String },
    /// Nobody answered, or not in words that are understood here.
    Unreachable(&'static str),
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Chaos {
    pub(super) allowed: bool,
    pub(super) enabled: bool,
    pub(super) left_ms: i64,
    pub(super) began_at: Option<DateTime<Utc>>,
    pub(super) ends_at: Option<DateTime<Utc>>,
    pub(super) settings: Option<Value>,
    pub(super) calls: i64,
    pub(super) events: ChaosEvents,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ChaosEvents {
    pub(super) delayed: i64,
    pub(super) crashed: i64,
    pub(super) lost: i64,
}

/// An item and its levels.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stocked {
    pub(super) item_id: String,
    pub(super) item_name: String,
    pub(super) quantity: i64,
    pub(super) reserved_quantity: i64,
    pub(super) available: i64,
    pub(super) updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Movement {
    pub(super) kind: String,
    pub(super) quantity_delta: i64,
    pub(super) reserved_delta: i64,
    pub(super) reservation_id: Option<Uuid>,
    pub(super) reason: Option<String>,
    pub(super) created_at: DateTime<Utc>,
}

/// Whether an item's ledger adds up to its stock.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Balance {
    /// Absent where it is too long to be added up for a look.
    pub(super) ledger: Option<LedgerSum>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct LedgerSum {
    pub(super) lines: i64,
    pub(super) quantity: i64,
    pub(super) reserved_quantity: i64,
    pub(super) adds_up: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

impl Inventory {
    /// `base` is what `INVENTORY_SERVICE_URL` says. Redirects and proxies are off, as in the relay.
    pub(crate) fn new(base: Option<&str>) -> Inventory {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client without TLS or cookies needs nothing that can be missing");
        Inventory { client, base: base.map(|base| base.trim_end_matches('/').to_owned()) }
    }

    pub(super) async fn chaos(&self) -> Result<Chaos, InventoryError> {
        self.ask(Method::GET, "/api/admin/chaos", None).await
    }

    pub(super) async fn chaos_on(&self, settings: &Value) -> Result<Chaos, InventoryError> {
        self.ask(Method::POST, "/api/admin/chaos", Some(settings)).await
    }

    pub(super) async fn chaos_off(&self) -> Result<Chaos, InventoryError> {
        self.ask(Method::DELETE, "/api/admin/chaos", None).await
    }

    pub(super) async fn items(
        &self,
        cursor: Option<&str>,
    ) -> Result<Page<Stocked>, InventoryError> {
        self.ask(Method::GET, &format!("/api/inventory?limit=100{}", continued(cursor)), None).await
    }

    pub(super) async fn item(&self, id: &str) -> Result<Stocked, InventoryError> {
        self.ask(Method::GET, &format!("/api/inventory/{}", encoded(id)), None).await
    }

    pub(super) async fn movements(
        &self,
        id: &str,
        cursor: Option<&str>,
    ) -> Result<Page<Movement>, InventoryError> {
        let path =
            format!("/api/inventory/{}/transactions?limit=50{}", encoded(id), continued(cursor));
        self.ask(Method::GET, &path, None).await
    }

    pub(super) async fn balance(&self, id: &str) -> Result<Balance, InventoryError> {
        self.ask(Method::GET, &format!("/api/inventory/{}/balance", encoded(id)), None).await
    }

    pub(super) async fn update(&self, change: &Value) -> Result<Value, InventoryError> {
        self.ask(Method::POST, "/api/inventory/update", Some(change)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, InventoryError> {
        let Some(base) = &self.base else {
            return Err(InventoryError::Unreachable("INVENTORY_SERVICE_URL is not set."));
        };
        let mut request = self.client.request(method, format!("{base}{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let unreachable = || InventoryError::Unreachable("Inventory does not answer.");
        let mut answer = request.send().await.map_err(|_| unreachable())?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| unreachable())? {
            if bytes.len() + chunk.len() > BYTES_MAX {
                return Err(InventoryError::Unreachable("Inventory's response is too long."));
            }
            bytes.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(InventoryError::Refused { status: status.as_u16(), said: said(&bytes) });
        }
        serde_json::from_slice(&bytes)
            .map_err(|_| InventoryError::Unreachable("Inventory's response is unexpected."))
    }
}

impl InventoryError {
    pub(super) fn text(&self) -> &str {
        match self {
            InventoryError::Refused { said, .. } => said,
            InventoryError::Unreachable(why) => why,
        }
    }

    /// The status of a page that was asked for this.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            InventoryError::Refused { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            InventoryError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// As a page of its own.
    pub(super) fn problem(&self) -> Problem {
        match self.status() {
            StatusCode::NOT_FOUND => Problem::not_found("inventory does not know this"),
            _ => Problem::unavailable(self.text().to_owned(), 2),
        }
    }
}

/// What a problem says, in one text.
fn said(bytes: &[u8]) -> String {
    let Ok(problem) = serde_json::from_slice::<Value>(bytes) else {
        return "Inventory refused without a reason.".to_owned();
    };
    let text = |value: &Value, name: &str| value[name].as_str().map(ToOwned::to_owned);
    let errors = problem["errors"].as_array().into_iter().flatten();
    let errors = errors.filter_map(|error| {
        Some(format!(
            "{}: {}",
            text(error, "pointer")?.trim_start_matches('/'),
            text(error, "detail")?
        ))
    });
    let first = [text(&problem, "title"), text(&problem, "detail")].into_iter().flatten();
    let lines: Vec<String> = first.chain(errors).collect();
    format!("Inventory said: {}.", lines.join("; "))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn continued(cursor: Option<&str>) -> String {
    cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default()
}
