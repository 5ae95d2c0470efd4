//! How new orders reach a relay in the same process: it claims them before they are written, and the
//! claim is stored with the insert. One commit, one update and one look at the work list less.
//!
//! The rules stay as they are: nothing is called before the insert has committed, and then the claim has
//! an epoch, an owner and its intent on record. Where no relay claims them, orders are written unclaimed.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use schema_orders::orders::{Created, NewOrder};

/// Claims of these orders what it can: sets [`NewOrder::first_update`].
pub type ClaimOnInsert = dyn Fn(&mut [NewOrder]) -> Option<PendingClaims> + Send + Sync;

/// Claims that wait for their insert. Dropped without [`PendingClaims::committed`]: the insert failed, or whether it was
/// committed is unknown.
pub struct PendingClaims(Box<dyn FnOnce(&Created) + Send>);

/// The place where a relay offers to claim orders. Cheap to clone.
#[derive(Clone, Default)]
pub struct InsertClaims(Arc<RwLock<Option<Arc<ClaimOnInsert>>>>);

impl PendingClaims {
    /// `on_commit` drives what was written.
    pub fn new(on_commit: impl FnOnce(&Created) + Send + 'static) -> Self {
        Self(Box::new(on_commit))
    }

    /// The insert has committed, and these orders were written.
    pub fn committed(self, created: &Created) {
        (self.0)(created);
    }
}

impl InsertClaims {
    /// A relay claims orders from now on.
    pub fn open(&self, claim: Arc<ClaimOnInsert>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(claim);
    }

    /// Nobody claims orders any more.
    pub fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Has the relay claim what it can. `None`: nothing was claimed.
    pub fn claim(&self, orders: &mut [NewOrder]) -> Option<PendingClaims> {
        let claim = self.0.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        claim(orders)
    }
}

impl fmt::Debug for InsertClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.0.read().unwrap_or_else(PoisonError::into_inner).is_some();
        f.debug_tuple("InsertClaims").field(&is_open).finish()
    }
}

impl fmt::Debug for PendingClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingClaims")
    }
}
