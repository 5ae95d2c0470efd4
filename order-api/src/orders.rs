//! The customer's path: an order is taken once, shown, followed and cancelled.
//!
//! Start at [`create`]. Nothing here knows of staff or of the console.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod events;
mod fingerprint;
pub(crate) mod get;
pub(crate) mod idempotency_key;
pub(crate) mod intake;
pub(crate) mod list;
mod order_answer;
pub(crate) mod order_request;
pub(crate) mod order_waiters;
mod preference;
