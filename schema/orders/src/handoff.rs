//! How new orders reach a relay in the same process: it claims them before they are written, and the
//! claim is stored with the insert. One commit, one update and one look at the work list less.
//!
//! The rules stay as they are: nothing is called before the insert has committed, and then the claim has
//! an epoch, an owner and its intent on record. Where no relay takes them, orders are written unclaimed.

use std::sync::{Arc, PoisonError, RwLock};

use crate::orders::{Created, NewOrder};

/// Claims of these orders what it can: sets [`NewOrder::first_move`].
pub type TakeNew = dyn Fn(&mut [NewOrder]) -> Option<Taken> + Send + Sync;

/// Told which orders were written, once they are committed. Dropped untold: the insert failed, or whether it
/// was committed is unknown.
pub type Taken = Box<dyn FnOnce(&Created) + Send>;

/// The place where a relay offers to take orders. Cheap to clone.
#[derive(Clone, Default)]
pub struct Handoff(Arc<RwLock<Option<Arc<TakeNew>>>>);

impl Handoff {
    /// A relay takes orders from now on.
    pub fn open(&self, take: Arc<TakeNew>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(take);
    }

    /// Nobody takes orders any more.
    pub fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Has the relay claim what it can. `None`: nothing was claimed.
    pub fn take(&self, orders: &mut [NewOrder]) -> Option<Taken> {
        let take = self.0.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        take(orders)
    }
}

impl std::fmt::Debug for Handoff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_open = self.0.read().unwrap_or_else(PoisonError::into_inner).is_some();
        f.debug_tuple("Handoff").field(&is_open).finish()
    }
}
