//! What brings a process to the points that placing orders alone does not lead to.

use std::net::SocketAddr;

use chrono::Utc;
use failpoints::Site;
use schema_orders::relays;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::crash::people::People;
use crate::crash::proxy::{Proxy, Rule};
use crate::load::item_id;
use crate::stack::Stack;

/// The database of the sweep refuses staff actions with this reason: so an item of a bulk action is
/// skipped.
const REFUSED: &str = "the database refuses this reason";

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Stimuli {
    pub(super) proxy: Proxy,
    people: People,
    orders: String,
    inventory: String,
    orders_url: String,
}

impl Stimuli {
    pub(super) async fn new(
        stack: &Stack,
        inventory: SocketAddr,
        proxy: Proxy,
    ) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(&stack.orders_url()).await?;
        let refuse = format!(
            "alter table staff_actions add constraint refused_by_the_sweep
             check (kind = 'bulk' or reason <> '{REFUSED}')"
        );
        sqlx::query(sqlx::AssertSqlSafe(refuse)).execute(&mut connection).await?;
        Ok(Self {
            proxy,
            people: People::new(stack.order_addresses()[0])?,
            orders: format!("http://{}/api", stack.order_addresses()[0]),
            inventory: format!("http://{inventory}/api"),
            orders_url: stack.orders_url(),
        })
    }

    /// Does what leads to the site, as often as a second hit needs.
    pub(super) async fn apply(&self, site: Site) -> anyhow::Result<()> {
        match site {
            Site::CancelOrder | Site::CallRelease => self.cancel_waiting().await,
            Site::ActOnSaga => self.note().await,
            Site::BeginBulk | Site::WorkBulkItem => self.begin_bulk("the sweep asks for it").await,
            Site::SkipBulkItem => self.begin_bulk(REFUSED).await,
            Site::OverrideBreaker => self.switch_breaker().await,
            Site::JoinRelays => self.remove_relays().await,
            Site::UpdateStock => self.update_stock().await,
            Site::SwitchGremlin => self.switch_gremlin().await,
            Site::InsertOrders
            | Site::BeatRelay
            | Site::ClaimSagas
            | Site::RecordOutcomes
            | Site::HandOver
            | Site::LeaveRelays
            | Site::RemoveSilent
            | Site::CallReserve
            | Site::CallReserveBatch
            | Site::ApplyCommands => Ok(()),
        }
    }

    /// Orders that wait because inventory cannot be reached, and are cancelled meanwhile.
    async fn cancel_waiting(&self) -> anyhow::Result<()> {
        self.proxy.set(Rule::Refuse);
        let cancelled = self.people.place_and_cancel().await;
        self.proxy.set(Rule::Pass);
        cancelled
    }

    async fn note(&self) -> anyhow::Result<()> {
        for id in self.people.place().await? {
            let url = format!("{}/sagas/{id}/actions", self.orders);
            let body = json!({"type": "note", "reason": "the sweep was here"});
            self.people.persist(|| self.people.http.post(&url).json(&body)).await?;
        }
        Ok(())
    }

    async fn begin_bulk(&self, reason: &str) -> anyhow::Result<()> {
        for _ in 0..2 {
            let ids = self.people.place().await?;
            let body = json!({
                "type": "note", "reason": reason, "ids": ids, "as_of": Utc::now(),
                "expected_count": ids.len(),
            });
            let url = format!("{}/bulk-actions", self.orders);
            self.people.persist(|| self.people.http.post(&url).json(&body)).await?;
        }
        Ok(())
    }

    async fn switch_breaker(&self) -> anyhow::Result<()> {
        for kind in ["isolate", "close"] {
            let url = format!("{}/breakers/inventory/actions", self.orders);
            let body = json!({"type": kind, "reason": "the sweep was here"});
            self.people.persist(|| self.people.http.post(&url).json(&body)).await?;
        }
        Ok(())
    }

    async fn update_stock(&self) -> anyhow::Result<()> {
        for number in 0..2 {
            let key = Uuid::now_v7().to_string();
            let url = format!("{}/inventory/update", self.inventory);
            let body = json!({"item_id": item_id(number), "delta": 7});
            let request =
                || self.people.http.post(&url).header("idempotency-key", &key).json(&body);
            self.people.persist(request).await?;
        }
        Ok(())
    }

    async fn switch_gremlin(&self) -> anyhow::Result<()> {
        let url = format!("{}/admin/chaos", self.inventory);
        let body = json!({"latency_ms": 1, "ttl_s": 5});
        self.people.persist(|| self.people.http.post(&url).json(&body)).await?;
        self.people.persist(|| self.people.http.delete(&url)).await.map(drop)
    }

    /// Every relay is taken for dead, and joins again.
    async fn remove_relays(&self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.orders_url).await?;
        relays::remove_silent(&mut connection, 0).await?;
        Ok(())
    }
}
