//! Whether the entries of a batch may carry their trace context.
//!
//! An inventory of an older version refuses an entry with a field it does not know, and what an entry
//! is refused for parks its order. So the field is sent only after a batch answer has said, by a
//! header that older relays overlook, that it is known; and never again once it was refused, which
//! happens where an older version answers at the same address.

use std::sync::atomic::{AtomicU8, Ordering};

use http::HeaderMap;

/// The header of a batch answer that names the optional fields of an entry.
pub(super) const ENTRY_FIELDS: &str = "saga-entry-fields";
const FIELD: &str = "traceparent";

const UNHEARD_OF: u8 = 0;
const KNOWN: u8 = 1;
const REFUSED: u8 = 2;

/// What is known of one service.
#[derive(Debug, Default)]
pub(super) struct EntryTraces(AtomicU8);

impl EntryTraces {
    pub(super) fn are_known(&self) -> bool {
        self.0.load(Ordering::Relaxed) == KNOWN
    }

    /// A batch was answered with these headers.
    pub(super) fn hear(&self, answered: &HeaderMap) {
        let fields = answered.get(ENTRY_FIELDS).and_then(|fields| fields.to_str().ok());
        if fields.is_some_and(|fields| fields.split(',').any(|field| field.trim() == FIELD)) {
            // No matter who is first: one that was refused stays so.
            let (old, new) = (UNHEARD_OF, KNOWN);
            let _ = self.0.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// An entry that carried its context was refused as invalid.
    pub(super) fn refuse(&self) {
        if self.0.swap(REFUSED, Ordering::Relaxed) != REFUSED {
            tracing::warn!(
                "inventory refused an entry with its trace context; they go without now"
            );
        }
    }
}
