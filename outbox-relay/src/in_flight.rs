//! The sagas that this relay knows it holds. What it owns and does not know of is a claim whose commit
//! got no answer, and is swept up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::metrics;

/// The order ids a relay holds now, and how often: a saga that was put off can be claimed again while
/// the batch it first came with is still under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<HashMap<Uuid, u32>>>);

/// Lets go of what it holds when it is dropped.
pub struct Held {
    in_flight: InFlight,
    order_ids: Vec<Uuid>,
}

impl InFlight {
    /// Holds these until the guard is dropped.
    pub fn hold(&self, order_ids: impl Iterator<Item = Uuid>) -> Held {
        let order_ids: Vec<Uuid> = order_ids.collect();
        let mut held = self.0.lock().expect("nothing panics under this lock");
        for id in &order_ids {
            *held.entry(*id).or_default() += 1;
        }
        metrics::in_flight(held.len());
        Held { in_flight: self.clone(), order_ids }
    }

    pub fn len(&self) -> usize {
        self.0.lock().expect("nothing panics under this lock").len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this one is held.
    pub fn contains(&self, order_id: &Uuid) -> bool {
        self.0.lock().expect("nothing panics under this lock").contains_key(order_id)
    }

    pub fn ids(&self) -> Vec<Uuid> {
        self.0.lock().expect("nothing panics under this lock").keys().copied().collect()
    }
}

impl FromIterator<Uuid> for InFlight {
    /// Held for good: for those who only look.
    fn from_iter<I: IntoIterator<Item = Uuid>>(order_ids: I) -> Self {
        Self(Arc::new(Mutex::new(order_ids.into_iter().map(|id| (id, 1)).collect())))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.in_flight.0.lock().expect("nothing panics under this lock");
        for id in &self.order_ids {
            if let Entry::Occupied(mut times) = held.entry(*id) {
                *times.get_mut() -= 1;
                if *times.get() == 0 {
                    times.remove();
                }
            }
        }
        metrics::in_flight(held.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_until_the_guard_is_dropped() {
        let in_flight = InFlight::default();
        let held = in_flight.hold([Uuid::from_u128(1), Uuid::from_u128(2)].into_iter());
        assert_eq!(in_flight.len(), 2);
        drop(held);
        assert!(in_flight.is_empty());
    }

    #[test]
    fn what_is_held_twice_stays_held_when_one_lets_go() {
        let in_flight = InFlight::default();
        let order_id = Uuid::from_u128(1);
        let batch = in_flight.hold([order_id, Uuid::from_u128(2)].into_iter());
        let again = in_flight.hold([order_id].into_iter());
        drop(batch);
        assert_eq!(in_flight.ids(), [order_id]);
        drop(again);
        assert!(in_flight.is_empty());
    }
}
