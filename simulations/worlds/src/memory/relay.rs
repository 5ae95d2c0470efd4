//! What a relay does: the steps of the product's, one at a time, each decided by `relay-core`.

mod doubt;
mod drive;
mod flaws;
mod life;
mod look;
mod outcomes;
mod take_in;
pub(super) mod wakes;

pub(super) use life::{crash, hang, start};

pub(super) use drive::{call, drive, give_up, hear};
pub(super) use life::{beat, hand_over, leave, stop};
pub(super) use look::look;
pub(super) use outcomes::store;
pub(super) use take_in::{take_in, written};
pub(super) use wakes::wake_any;
