//! What staff sees and does: inspection, repair, one action on many sagas, the breaker, relays.
//!
//! Every route of this room is behind the one door of [`access`]. Inspection only reads ([`sagas`]); what
//! changes a saga is in [`actions`].

pub(crate) mod access;
pub(crate) mod actions;
pub(crate) mod breakers;
pub(crate) mod bulk;
pub(crate) mod lookup;
pub(crate) mod reads;
pub(crate) mod relays;
pub(crate) mod sagas;
