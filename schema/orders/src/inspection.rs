//! Sagas as staff looks at them: found, listed, counted and grouped, in whatever state.
//!
//! Every statement is bounded, however many orders there are: it walks along one index, looks at so many
//! rows at most, and says where it stopped. Nothing here locks or writes. Start at [`find_sagas`].

mod counts;
mod groups;
mod keys;
mod rows;
mod since;
mod walk;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use counts::{Counted, Sample, StateCount, StateCounts, count_states};
pub use groups::{Group, list_groups};
pub use keys::{KeyedOrder, TENANTS_MAX, find_by_key};
pub use rows::{Holder, SagaRow, find_saga};
pub use since::{OrdersSince, count_orders_since};

use walk::{Source, look};

/// Sagas that one page looks at, at most: a rare filter gets pages that are not full.
pub const SCAN_MAX: usize = 1_000;
/// Ids that are looked at together.
const CHUNK: usize = 500;
/// A saga that is due and that nobody has moved for so long does not go on as it should.
pub const STUCK_AFTER_S: f64 = 60.0;

/// What a list of sagas is narrowed to. Empty fields narrow nothing.
#[derive(Debug, Clone, Default)]
pub struct SagaFilter {
    /// Only these.
    pub ids: Option<Vec<Uuid>>,
    /// Only in this state.
    pub state: Option<String>,
    /// Only with this reason, or released for this cause.
    pub reason: Option<String>,
    /// Whether the last call's outcome is unknown.
    pub in_doubt: Option<bool>,
    /// Whether it needs somebody: parked, or overdue by [`STUCK_AFTER_S`].
    pub stuck: Option<bool>,
    /// Only with a line of this item.
    pub item_id: Option<String>,
    /// Only with so many calls executed, or in doubt.
    pub min_attempts: Option<i32>,
    /// Only made at or after this time.
    pub created_after: Option<DateTime<Utc>>,
    /// Only made before this time.
    pub created_before: Option<DateTime<Utc>>,
    /// Only those that have not moved after this time.
    pub unmoved_since: Option<DateTime<Utc>>,
}

/// A page of sagas, newest order first, and where the next one starts.
#[derive(Debug, Clone)]
pub struct SagaPage {
    /// At most the asked-for number.
    pub sagas: Vec<SagaRow>,
    /// The last saga looked at; `None` at the end. It may be set on a page that is not full.
    pub next_before: Option<Uuid>,
}

/// Newest first by id, starting below `before`, looking at [`SCAN_MAX`] sagas or a few more.
pub async fn find_sagas(
    connection: &mut PgConnection,
    filter: &SagaFilter,
    before: Option<Uuid>,
    limit: usize,
) -> sqlx::Result<SagaPage> {
    find_among(connection, filter, before, limit, SCAN_MAX).await
}

/// The same with another bound on the sagas looked at.
pub async fn find_among(
    connection: &mut PgConnection,
    filter: &SagaFilter,
    before: Option<Uuid>,
    limit: usize,
    scan_max: usize,
) -> sqlx::Result<SagaPage> {
    let source = Source::of(filter);
    let mut range = walk::Range::of(filter, before);
    let mut sagas = Vec::new();
    let mut looked_at = 0;
    loop {
        let seen = look(&mut *connection, &source, range, CHUNK).await?;
        looked_at += seen.count;
        for ids in seen.ids.chunks(CHUNK) {
            let wanted = limit - sagas.len();
            sagas.extend(rows::find_matching(&mut *connection, ids, filter, wanted).await?);
            if sagas.len() == limit {
                let next_before = sagas.last().map(|saga| saga.order_id);
                return Ok(SagaPage { sagas, next_before });
            }
        }
        let Some(last) = seen.more_below else { return Ok(SagaPage { sagas, next_before: None }) };
        if looked_at >= scan_max {
            return Ok(SagaPage { sagas, next_before: Some(last) });
        }
        range.before = last;
    }
}
