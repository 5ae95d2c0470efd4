//! Whether a saga that says it is certain is so.

use crate::memory::faults::Fault;
use crate::memory::invariants::Invariant;
use crate::memory::world::World;
use saga::stored::SagaUpdate;
use saga::{Doubt, State};

/// A saga that waits and says it is certain holds nothing. A request that was doubled can be executed
/// after its twin was refused: then nobody knows.
pub(super) fn check_doubt(world: &mut World, stored: &SagaUpdate) {
    let certain = matches!(
        stored.saga.state,
        State::Queued { doubt: Doubt::Certain, .. } | State::Parked { doubt: Doubt::Certain, .. }
    );
    let may_double = world.setting.faults.rates[Fault::RequestDoubled as usize] > 0;
    if certain && !may_double && world.inventory.holds(stored.saga.reservation_id) {
        world.breaks(Invariant::DoubtIsShown, Some(stored.order_id));
    }
}
