//! What every page has: its name, the environment, the screens, who acts, and a word on what was just done.

use chrono::{DateTime, Utc};
use edge::Problem;

use super::assets;
use super::visit::Visit;
use crate::OrderApi;

const SCREENS: [(Screen, &str, &str); 8] = [
    (Screen::Overview, "/console", "Overview"),
    (Screen::Orders, "/console/orders", "Orders"),
    (Screen::Health, "/console/health", "Health"),
    (Screen::Chaos, "/console/chaos", "Chaos"),
    (Screen::Stock, "/console/stock", "Stock"),
    (Screen::NewOrder, "/console/new", "New order"),
    (Screen::Simulations, "/console/simulations", "Simulations"),
    (Screen::Audit, "/console/audit", "Audit"),
];

/// What a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Overview,
    Orders,
    Health,
    Chaos,
    Stock,
    NewOrder,
    Simulations,
    Audit,
}

/// Around every page.
pub(super) struct Frame {
    here: Screen,
    pub(super) environment: String,
    pub(super) actor: String,
    pub(super) path: String,
    pub(super) search: String,
    pub(super) notice: Option<&'static str>,
    pub(super) now_ms: i64,
    pub(super) icon: String,
    pub(super) style: String,
    pub(super) script: String,
}

/// A screen in the head of the page.
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

impl Frame {
    /// `now` is the database's clock.
    pub(super) fn new(api: &OrderApi, visit: &Visit, here: Screen, now: DateTime<Utc>) -> Frame {
        let done = visit.fields().ok().and_then(|fields| said_of(&fields.text("done")));
        Frame {
            here,
            environment: api.config.environment.clone(),
            actor: visit.actor.to_string(),
            path: visit.path.clone(),
            search: String::new(),
            notice: done,
            now_ms: now.timestamp_millis(),
            icon: assets::path("icon.svg"),
            style: assets::path("console.css"),
            script: assets::path("console.js"),
        }
    }

    /// The database's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms).unwrap_or_default()
    }

    /// Which page this is, where the address is that of a form.
    pub(super) fn be_page(&mut self, path: String) {
        self.path = path;
    }

    /// The head's links.
    pub(super) fn screens(&self) -> impl Iterator<Item = Link> {
        let here = self.here;
        SCREENS.into_iter().map(move |(screen, path, name)| Link {
            path,
            name,
            is_here: screen == here,
        })
    }
}

/// What an action that redirected here has done.
fn said_of(done: &str) -> Option<&'static str> {
    Some(match done {
        "retry" => "Retried: the order is due now.",
        "cancel" => "Cancelled: its stock is being released.",
        "resolve" => "Resolved. Your evidence is in the audit log.",
        "note" => "Noted.",
        "chaos-on" => "Fault injection is on.",
        "chaos-off" => "Fault injection is off.",
        "stock" => "Stock changed, with a line in the ledger.",
        "isolate" => "Calls to inventory are paused from the relays' next heartbeat on.",
        "close" => "Calls to inventory resume with the relays' next heartbeat.",
        _ => return None,
    })
}

/// The database's clock, for pages that read nothing else there.
pub(super) async fn clock(api: &OrderApi) -> Result<DateTime<Utc>, Problem> {
    api.staff_reads.run(|connection| Box::pin(schema_orders::consistency::now(connection))).await
}
