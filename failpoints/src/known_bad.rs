//! Deliberate flaws in the real binaries, for crash runs that must catch them.
//!
//! A checker that has never found anything may be blind. Each flaw here breaks one rule of the protocol in
//! one place of the product; `valerix simulate run known-bad` succeeds only where the invariants are
//! seen broken. A flaw that the seeded worlds plant too has the same name there.
//!
//! Flaws exist only with the cargo feature `armed` of this crate: without it [`is_on`] is `false` at compile time, no
//! name is in the binary, and a process that is told of one refuses to start.

/// The environment variable that names the flaw.
pub const VARIABLE: &str = "KNOWN_BAD";

/// A rule that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The outbox message goes with the claim instead of with the outcome.
    OutboxRemovedAtClaim,
    /// Outcomes are stored whoever has claimed the saga meanwhile.
    NoFenceInOrders,
    /// A repeated call carries a reservation id of its own.
    NewReservationIdPerAttempt,
    /// A call without an answer counts as a no.
    TimeoutIsFailure,
    /// A release of what never was is acknowledged, and leaves nothing that would refuse a late reserve.
    ReleaseWithoutTombstone,
    /// Postgres acknowledges what it has not written (`synchronous_commit = off`), and nobody looks.
    CommitNotFlushed,
}

/// Why the variable's value cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FlawError {
    /// Built without the feature.
    #[error(
        "{VARIABLE} is set, and this binary was built without known flaws; unset it, or build with --features failpoints"
    )]
    NotBuilt,
    /// Nobody knows it.
    #[error("{VARIABLE} {0:?} is no known flaw")]
    Unknown(String),
}

#[cfg(feature = "armed")]
pub use planted::{is_on, plant};

#[cfg(feature = "armed")]
mod planted {
    use std::sync::OnceLock;

    use super::{Flaw, FlawError};

    static PLANTED: OnceLock<Flaw> = OnceLock::new();

    impl Flaw {
        pub const ALL: [Flaw; 6] = [
            Flaw::OutboxRemovedAtClaim,
            Flaw::NoFenceInOrders,
            Flaw::NewReservationIdPerAttempt,
            Flaw::TimeoutIsFailure,
            Flaw::ReleaseWithoutTombstone,
            Flaw::CommitNotFlushed,
        ];

        /// As it is written in the variable.
        pub fn name(self) -> &'static str {
            match self {
                Self::OutboxRemovedAtClaim => "outbox-removed-at-claim",
                Self::NoFenceInOrders => "no-fence-in-orders",
                Self::NewReservationIdPerAttempt => "new-reservation-id-per-attempt",
                Self::TimeoutIsFailure => "timeout-is-failure",
                Self::ReleaseWithoutTombstone => "release-without-tombstone",
                Self::CommitNotFlushed => "commit-not-flushed",
            }
        }

        /// The flaw of this name.
        pub fn named(name: &str) -> Result<Flaw, FlawError> {
            let found = Self::ALL.into_iter().find(|flaw| flaw.name() == name);
            found.ok_or_else(|| FlawError::Unknown(name.to_owned()))
        }
    }

    /// Plants what the variable says, for the life of this process.
    pub fn plant(setting: Option<&str>) -> Result<(), FlawError> {
        if let Some(name) = setting {
            let _ = PLANTED.set(Flaw::named(name)?);
        }
        Ok(())
    }

    /// Whether this process has the flaw.
    pub fn is_on(flaw: Flaw) -> bool {
        PLANTED.get() == Some(&flaw)
    }
}

/// Without the feature there is nothing to plant.
#[cfg(not(feature = "armed"))]
pub fn plant(setting: Option<&str>) -> Result<(), FlawError> {
    if setting.is_some() { Err(FlawError::NotBuilt) } else { Ok(()) }
}

/// Without the feature no process has a flaw that is known.
#[cfg(not(feature = "armed"))]
pub const fn is_on(_: Flaw) -> bool {
    false
}
