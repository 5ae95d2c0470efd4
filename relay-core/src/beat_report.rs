//! What a relay's heartbeat saw of the other relays and of the work list.

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The member is still on the list. False: it was taken for dead and removed; it joins again.
    pub member: bool,
    /// The server's clock is behind what it was at the last heartbeat.
    pub clock_went_back: bool,
}

/// What the look after a heartbeat found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Another member's heartbeat is stale.
    pub others_stale: bool,
    /// A message waits that nobody has claimed, and that is due at once.
    pub fresh_work: bool,
    /// Somebody holds a saga, or may: only then can one be held without knowing, or by a dead relay.
    pub any_held: bool,
    /// Milliseconds until the next waiting message is due; negative: overdue.
    pub next_due_ms: Option<i64>,
}

/// The newest look's findings, with a number, so that each is acted on once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BeatReport {
    /// Counts up; 0: none yet.
    pub number: u64,
    /// What the look saw; `None`: there was none yet.
    pub beat: Option<Beat>,
    /// When, in monotonic milliseconds.
    pub at_ms: u64,
    /// When the heartbeat was last renewed; `None`: not since joining.
    pub renewed_at_ms: Option<u64>,
}

impl BeatReport {
    /// The report after this one.
    #[must_use]
    pub fn followed_by(&self, beat: Beat, at_ms: u64) -> Self {
        Self { number: self.number + 1, beat: Some(beat), at_ms, ..*self }
    }

    /// The same, with a heartbeat that was just renewed.
    #[must_use]
    pub fn renewed(&self, at_ms: u64) -> Self {
        Self { renewed_at_ms: Some(at_ms), ..*self }
    }

    /// Whether there was nothing to do and nothing held.
    pub fn is_idle(&self) -> bool {
        self.beat
            .is_some_and(|beat| !beat.fresh_work && !beat.any_held && beat.next_due_ms.is_none())
    }

    /// Whether the relay should look for work: something is due, or a member has fallen silent.
    pub fn has_work(&self) -> bool {
        self.beat.is_some_and(|beat| {
            beat.fresh_work || beat.others_stale || beat.next_due_ms.is_some_and(|due| due <= 0)
        })
    }

    /// Whether a saga that waits may be due, as far as the newest beat knows.
    pub fn may_be_due(&self, now_ms: u64) -> bool {
        let Some(Beat { next_due_ms, .. }) = self.beat else { return true };
        next_due_ms.is_some() && self.next_due_at_ms().is_none_or(|due_ms| due_ms <= now_ms)
    }

    /// Whether any saga is held, as far as the newest beat knows. What is claimed after it is seen by the
    /// next one.
    pub fn may_hold(&self) -> bool {
        self.beat.is_none_or(|beat| beat.any_held)
    }

    /// When the next saga that waits is due, as far as the newest beat knows; `None`: overdue, or none waits.
    pub fn next_due_at_ms(&self) -> Option<u64> {
        let due_ms = u64::try_from(self.beat?.next_due_ms?).ok()?;
        self.at_ms.checked_add(due_ms)
    }
}

#[cfg(test)]
mod tests;
