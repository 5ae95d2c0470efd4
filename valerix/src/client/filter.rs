//! Which sagas a command is about.

use clap::Args;
use serde_json::{Value, json};

/// Which sagas.
#[derive(Args, Clone, Debug)]
pub(crate) struct Filter {
    /// Only sagas in this state.
    #[arg(long)]
    pub(super) state: Option<String>,
    /// Only sagas in doubt: the outcome of a call is unknown.
    #[arg(long)]
    pub(super) in_doubt: bool,
    /// Only sagas that are overdue.
    #[arg(long)]
    pub(super) stuck: bool,
    /// Only sagas for this item.
    #[arg(long)]
    pub(super) item: Option<String>,
    /// An order id, an idempotency key, or an item.
    #[arg(long, short)]
    pub(super) query: Option<String>,
}

impl Filter {
    /// As a bulk action wants it.
    pub(super) fn as_json(&self, reason: Option<&str>) -> Value {
        let Filter { state, in_doubt, stuck, item, query } = self;
        let only = |wanted: bool| wanted.then_some(true);
        let all = json!({
            "state": state, "reason": reason, "in_doubt": only(*in_doubt), "stuck": only(*stuck),
            "item_id": item, "q": query,
        });
        let given = all.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        Value::Object(given.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}
