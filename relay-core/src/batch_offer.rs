//! Whether calls may travel together.

/// How long calls go alone after the service said that it does not know the batch call. It is asked again then,
/// because what said so may have been a proxy that was set up wrongly for a moment.
pub const ASK_AGAIN_MS: u64 = 60_000;

/// What is known of one service's batch call.
#[derive(Debug, Clone, Copy)]
pub struct BatchOffer {
    is_wanted: bool,
    refused_at_ms: Option<u64>,
}

impl BatchOffer {
    /// Of a service that has not been asked. `is_wanted`: whether to ask it at all.
    pub fn new(is_wanted: bool) -> Self {
        Self { is_wanted, refused_at_ms: None }
    }

    /// Whether calls may travel together now, in monotonic milliseconds.
    pub fn is_open(&self, now_ms: u64) -> bool {
        let is_refused =
            self.refused_at_ms.is_some_and(|at_ms| now_ms < at_ms.saturating_add(ASK_AGAIN_MS));
        self.is_wanted && !is_refused
    }

    /// The service answered that it does not know the batch call.
    pub fn refuse(&mut self, now_ms: u64) {
        self.refused_at_ms = Some(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_batch_call_is_tried_again_after_a_minute() {
        let mut offer = BatchOffer::new(true);
        assert!(offer.is_open(0));
        offer.refuse(1_000);
        assert!(!offer.is_open(1_000) && !offer.is_open(60_999));
        assert!(offer.is_open(61_000));
        offer.refuse(61_000);
        assert!(!offer.is_open(61_001));
        assert!(!BatchOffer::new(false).is_open(0), "not wanted");
    }
}
