//! Where stock rows were last seen: the shortcut past versions that nobody may remove yet.
//!
//! While somebody holds a snapshot, a stock row keeps every version it has had since. The index leads to the oldest,
//! and a look-up walks from there to the newest: after minutes of load that is hundreds of versions for each item of
//! each batch. Who wrote the newest version knows its `ctid` and can go there at once. Only then: a look-up
//! by the index also clears away the versions that may be removed, so from time to time it is tried again.
//!
//! A `ctid` is a hint and never believed: the row that is found there is the item's current one, or none is found.
//! Then the batch is undone and done again by the index, and the cache rests for a while, longer each time: somebody
//! else changes the same items, and what was right when it was learned is wrong when it is used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Items remembered at most; beyond that all are forgotten, and learned again.
const ITEMS_MAX: usize = 100_000;
/// A look-up by the index that takes longer has many versions to walk past.
const NEAR: Duration = Duration::from_millis(1);
const NEAR_PER_ITEM: Duration = Duration::from_micros(50);
/// Such look-ups take at most this share of the time.
const LOOK_UP_SHARE: u32 = 20;
/// Batches without the cache after a miss: one at first, twice as many each time.
const REST_MAX: u32 = 1_024;
/// So many batches without a miss make up for all of them.
const TRUSTED_AFTER: u32 = 256;

/// What one process remembers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct CtidCache(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    of: BTreeMap<String, String>,
    /// The cache is used until then.
    far_until: Option<Instant>,
    /// Batches that go without the cache from now on.
    rest: u32,
    next_rest: u32,
    without_miss: u32,
}

impl CtidCache {
    /// Where these items are: if the way over the index is long, and all of them were seen before.
    pub fn of(&self, items: &[String]) -> Option<Vec<String>> {
        let mut known = self.lock();
        if known.far_until.is_none_or(|until| Instant::now() >= until) {
            return None;
        }
        if known.rest > 0 {
            known.rest -= 1;
            return None;
        }
        items.iter().map(|item| known.of.get(item).cloned()).collect()
    }

    /// So many items were looked up by the index, which took so long.
    pub fn looked_up(&self, items: usize, took: Duration) {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let is_far = took > NEAR + NEAR_PER_ITEM * items;
        self.lock().far_until = is_far.then(|| Instant::now() + took * LOOK_UP_SHARE);
    }

    /// A batch is committed, and left its items here.
    pub fn learn(&self, seen: BTreeMap<String, String>) {
        let mut known = self.lock();
        known.without_miss = known.without_miss.saturating_add(1);
        if known.without_miss >= TRUSTED_AFTER {
            known.next_rest = 0;
        }
        if known.of.len() + seen.len() > ITEMS_MAX {
            known.of.clear();
        }
        known.of.extend(seen);
    }

    /// An item was not where it was last seen.
    pub fn missed(&self) {
        let mut known = self.lock();
        known.of.clear();
        known.without_miss = 0;
        known.next_rest = (known.next_rest * 2).clamp(1, REST_MAX);
        known.rest = known.next_rest;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far for longer than a test takes.
    const LONG: Duration = Duration::from_mins(1);

    fn items(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn seen(name: &str, ctid: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), ctid.to_owned())])
    }

    #[test]
    fn knows_where_all_items_were_seen_last_or_says_nothing() {
        let cache = CtidCache::default();
        cache.looked_up(1, LONG);
        assert_eq!(cache.of(&items(&["a"])), None);
        cache.learn(seen("a", "(0,7)"));
        assert_eq!(cache.of(&items(&["a", "b"])), None);
        cache.learn(seen("b", "(0,8)"));
        cache.learn(seen("a", "(1,2)"));
        assert_eq!(cache.of(&items(&["a", "b"])), Some(items(&["(1,2)", "(0,8)"])));
    }

    #[test]
    fn says_nothing_while_the_way_over_the_index_is_short() {
        let cache = CtidCache::default();
        cache.learn(seen("a", "(0,7)"));
        assert_eq!(cache.of(&items(&["a"])), None);
        cache.looked_up(1, LONG);
        assert!(cache.of(&items(&["a"])).is_some());
        cache.looked_up(40, NEAR + NEAR_PER_ITEM * 40);
        assert_eq!(cache.of(&items(&["a"])), None);
    }

    #[test]
    fn rests_after_a_miss_and_longer_after_the_next() {
        let cache = CtidCache::default();
        cache.looked_up(1, LONG);
        let rests = |cache: &CtidCache| {
            cache.learn(seen("a", "(0,7)"));
            (0..2 * REST_MAX).take_while(|_| cache.of(&items(&["a"])).is_none()).count()
        };
        assert_eq!(rests(&cache), 0);
        let after_miss = (0..12).map(|_| {
            cache.missed();
            rests(&cache)
        });
        let after_miss: Vec<usize> = after_miss.collect();
        assert_eq!(after_miss, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_024]);
        for _ in 0..TRUSTED_AFTER {
            cache.learn(seen("a", "(0,7)"));
        }
        cache.missed();
        assert_eq!(rests(&cache), 1, "it was right for long");
    }

    #[test]
    fn what_it_remembers_is_bounded() {
        let cache = CtidCache::default();
        for number in 0..=ITEMS_MAX {
            cache.learn(seen(&number.to_string(), "(0,1)"));
        }
        assert_eq!(cache.lock().of.len(), 1);
    }
}
