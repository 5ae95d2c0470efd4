//! Where the work list begins, as far as this relay knows.
//!
//! A message is removed with the step that makes it needless, and stays in table and index until no snapshot can see
//! it any more. While somebody holds one, every look at the list from its very beginning passes all that was removed
//! since: after minutes of load that is a million rows, again with each heartbeat. So such looks are rationed, and
//! tell where the first message is; all others begin there for as long as that makes a difference.
//!
//! It is a shortcut, never a cursor: ids are made before they are committed, and not on one clock, so an older one
//! may still come. The next look from the beginning finds it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use uuid::Uuid;

/// A look from the beginning that takes less makes no difference.
const CHEAP: Duration = Duration::from_millis(5);

/// Shared by the loop, which looks, and the heartbeat. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head(Arc<Mutex<Seen>>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    below_first: Uuid,
    is_far: bool,
}

impl Head {
    /// A look from the beginning came to this; where there was no message at all, none is expected at or below
    /// `below_newest`.
    pub(crate) fn was_at(&self, first: Option<Uuid>, below_newest: Uuid, took: Duration) {
        let below_first = first.map_or(below_newest, just_below);
        *self.lock() = Seen { below_first, is_far: took > CHEAP };
    }

    /// A look from the beginning failed: it takes too long.
    pub(crate) fn is_out_of_reach(&self) {
        self.lock().is_far = true;
    }

    /// Whether looks from the beginning cost so much that they are rationed.
    pub(crate) fn is_far(&self) -> bool {
        self.lock().is_far
    }

    /// Every message that was there at the last look from the beginning has a greater id.
    pub(crate) fn id(&self) -> Uuid {
        self.lock().below_first
    }

    /// Where a frequent look begins.
    pub(crate) fn floor(&self) -> Uuid {
        let seen = self.lock();
        if seen.is_far { seen.below_first } else { Uuid::nil() }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

fn just_below(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Uuid = Uuid::from_u128(7_000);

    #[test]
    fn a_short_way_to_the_first_message_is_always_gone_from_the_beginning() {
        let head = Head::default();
        assert_eq!((head.floor(), head.id(), head.is_far()), (Uuid::nil(), Uuid::nil(), false));
        head.was_at(Some(FIRST), Uuid::nil(), Duration::from_millis(1));
        assert_eq!((head.floor(), head.id()), (Uuid::nil(), Uuid::from_u128(6_999)));
    }

    #[test]
    fn a_long_way_is_gone_once_and_then_looks_begin_just_below_the_first_message() {
        let head = Head::default();
        head.was_at(Some(FIRST), Uuid::nil(), Duration::from_millis(50));
        assert_eq!((head.floor(), head.is_far()), (Uuid::from_u128(6_999), true));
        head.was_at(None, Uuid::from_u128(9_000), Duration::from_millis(50));
        assert_eq!(
            head.floor(),
            Uuid::from_u128(9_000),
            "an empty list: only newer ones are expected"
        );
        head.was_at(Some(FIRST), Uuid::from_u128(9_000), Duration::from_millis(50));
        assert_eq!(head.floor(), Uuid::from_u128(6_999), "an older one has come after all");
        head.was_at(None, Uuid::from_u128(9_000), Duration::ZERO);
        assert_eq!(head.floor(), Uuid::nil());
    }

    #[test]
    fn what_cannot_be_gone_to_the_end_leaves_the_head_where_it_was() {
        let head = Head::default();
        head.was_at(Some(FIRST), Uuid::nil(), Duration::ZERO);
        head.is_out_of_reach();
        assert_eq!(head.floor(), Uuid::from_u128(6_999));
    }
}
