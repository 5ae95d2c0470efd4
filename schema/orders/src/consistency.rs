//! Do the orders add up? What keys and checks cannot say, asked of the rows themselves.
//!
//! For the invariant checker, tests and `reconcile`, never for the hot path: everything is read. None
//! of these statements is shared with the code that is judged by them. What can have any length is
//! streamed; what should be empty is bounded by a limit and counted in full.

mod answers;
mod dump;
mod eventful;
mod history;
mod quiescence;
mod rows;
mod stock_claims;

use uuid::Uuid;

pub use answers::{KeyedOrder, find_retried, find_stored, stream_keyed_orders};
pub use dump::dump_order;
pub use eventful::{Eventful, find_eventful};
pub use history::{JournalRow, StoredSaga, now, stream_journal};
pub use quiescence::{count_messages_of, find_messages_left, find_unfinished};
pub use rows::{
    find_finished_with_message, find_keys_with_many_orders, find_keys_without_order,
    find_messages_without_order, find_orders_with_many_keys, find_orders_without_key,
    find_orders_without_saga, find_sagas_without_order, find_shared_reservations,
    find_unfinished_without_message,
};
pub use stock_claims::{
    StockClaim, count_earned_reservations, find_stock_claim, stream_stock_claims,
};

/// Something that is wrong with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub order_id: Uuid,
    /// The values that do not fit.
    pub detail: String,
    /// How many there are in all; the same in every row of one answer.
    pub total: i64,
}
