//! Failpoints: named moments at which a run may be told to die, to fail, to stall or to panic.
//!
//! Before and after everything that lasts (a transaction, a statement of its own) and every call that
//! leaves the process. They exist only with the cargo feature `armed` of this crate (`failpoints` of the binary): without it [`strike`] is
//! an empty function, no name of a point is in the binary, and a process that is told to arm one
//! refuses to start. Which one strikes is said by [`VARIABLE`] (see [`arm`]).
//!
//! Every write of a service goes through `schema_pg::Db::write` or `write_one`, which ask for its [`Site`]; a house
//! rule (`cargo tidy`) checks that. So no write can be without its failpoints. This is the one list of what the services
//! do that lasts; the crates that do it know no list.

pub mod known_bad;

#[cfg(any(test, feature = "armed"))]
mod armed;
#[cfg(any(test, feature = "armed"))]
mod catalogue;

#[cfg(any(test, feature = "armed"))]
pub use armed::{Action, HITS_MAX, STALL, STRUCK};
#[cfg(any(test, feature = "armed"))]
pub use catalogue::{Point, Shape, points};

/// The environment variable that arms failpoints.
pub const VARIABLE: &str = "FAILPOINTS";

/// Something that a process does and that lasts, or that leaves it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// New orders, each with its key, saga, journal row and message.
    InsertOrders,
    /// A customer's cancellation.
    CancelOrder,
    /// Staff's action on one saga.
    ActOnSaga,
    /// A bulk action, frozen.
    BeginBulk,
    /// One item of a bulk action.
    WorkBulkItem,
    /// An item that cannot be carried out.
    SkipBulkItem,
    /// Staff's override of the breaker.
    OverrideBreaker,
    /// A relay becomes a member.
    JoinRelays,
    /// A relay's sign of life.
    BeatRelay,
    /// Claims, with the intent of the call.
    ClaimSagas,
    /// Outcomes of calls.
    RecordOutcomes,
    /// What a relay that stops lets go of.
    HandOver,
    /// A relay that stops takes itself off the list.
    LeaveRelays,
    /// Silent relays are taken off the list.
    RemoveSilent,
    /// The call that reserves for one order.
    CallReserve,
    /// The call that reserves for many.
    CallReserveBatch,
    /// The call that releases.
    CallRelease,
    /// Reserves, releases and commits in inventory.
    ApplyCommands,
    /// Staff's change of stock.
    UpdateStock,
    /// The gremlin is switched on or off.
    SwitchGremlin,
}

/// When, seen from the site.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has been done.
    Before,
    /// The statements of a transaction are done, its COMMIT has not been sent.
    Within,
    /// It is durable, or answered, and nobody has heard of it yet.
    After,
}

/// A failpoint failed what was about to be done, as a lost connection would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("failpoint")]
pub struct Struck;

impl From<Struck> for std::io::Error {
    fn from(struck: Struck) -> Self {
        Self::new(std::io::ErrorKind::ConnectionReset, struck)
    }
}

/// Why the variable's value cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FailpointError {
    /// Built without the feature.
    #[error(
        "{VARIABLE} is set, and this binary was built without failpoints; unset it, or build with --features failpoints"
    )]
    NotBuilt,
    /// Cannot be read.
    #[error("{VARIABLE} {setting:?} is not point=action@hit (several: separated by ;): {why}")]
    Malformed {
        /// The part that is wrong.
        setting: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Without the feature there is nothing to arm.
#[cfg(not(any(test, feature = "armed")))]
pub fn arm(setting: Option<&str>) -> Result<(), FailpointError> {
    if setting.is_some() { Err(FailpointError::NotBuilt) } else { Ok(()) }
}

/// Arms what the variable says, once for this process.
#[cfg(any(test, feature = "armed"))]
pub fn arm(setting: Option<&str>) -> Result<(), FailpointError> {
    if !cfg!(feature = "armed") && setting.is_some() {
        return Err(FailpointError::NotBuilt);
    }
    armed::arm(setting)
}

/// Passes this point: usually nothing happens, and without the feature nothing can.
#[cfg(not(any(test, feature = "armed")))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "it must cost nothing")]
pub fn strike(_: Site, _: Moment) -> std::future::Ready<Result<(), Struck>> {
    std::future::ready(Ok(()))
}

/// Passes this point: usually nothing happens.
#[cfg(any(test, feature = "armed"))]
pub async fn strike(site: Site, moment: Moment) -> Result<(), Struck> {
    armed::strike(Point { site, moment }).await
}

#[cfg(test)]
mod tests;
