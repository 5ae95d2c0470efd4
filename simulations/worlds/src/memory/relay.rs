//! What a relay does: the steps of the product's, one at a time, each decided by `relay-core`.

mod claim_on_insert;
mod doubt;
mod drive;
mod flaws;
mod life;
mod look;
mod outcomes;
pub(super) mod wakes;

pub(super) use life::{crash, hang, start};

pub(super) use claim_on_insert::{claim_on_insert, committed};
pub(super) use drive::{call, drive, give_up, receive_answer};
pub(super) use life::{beat, hand_over, leave, stop};
pub(super) use look::look;
pub(super) use outcomes::store;
pub(super) use wakes::wake_any;
