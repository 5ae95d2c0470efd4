//! What went wrong alike, each group with its words and a link to its sagas.

use chrono::{DateTime, Utc};
use saga::explain::{Action, Explanation, Facts, explain};
use saga::{Saga, StateName};
use schema_orders::inspection::{Counted, Group};
use schema_orders::sagas::SagaColumns;
use serde::Serialize;
use uuid::Uuid;

/// The answer, which is made at most once a second.
#[derive(Serialize)]
pub(crate) struct GroupsAnswer {
    pub(crate) items: Vec<GroupAnswer>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct GroupAnswer {
    /// What `error=` of a list and a bulk action's filter take.
    pub(crate) fingerprint: String,
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) count: i64,
    pub(crate) counted: Counted,
    pub(crate) headline: Option<String>,
    pub(crate) advice: Option<&'static str>,
    pub(crate) needs_person: bool,
    pub(crate) actions: Vec<Action>,
    pub(crate) oldest: Example,
    pub(crate) newest: Example,
    links: Links,
}

#[derive(Serialize)]
pub(crate) struct Example {
    pub(crate) id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Links {
    sagas: String,
}

impl From<Group> for GroupAnswer {
    fn from(group: Group) -> GroupAnswer {
        let words = words_of(&group);
        let fingerprint = format!("{}.{}", group.state, group.reason);
        GroupAnswer {
            links: Links { sagas: format!("/api/sagas?error={fingerprint}") },
            fingerprint,
            state: group.state,
            reason: group.reason,
            count: group.count,
            counted: if group.is_capped { Counted::AtLeast } else { Counted::Exact },
            headline: words.as_ref().map(|words| words.headline.clone()),
            advice: words.as_ref().map(|words| words.advice),
            needs_person: words.as_ref().is_some_and(|words| words.needs_person),
            actions: words.map(|words| words.actions).unwrap_or_default(),
            oldest: Example { id: group.oldest_id, created_at: group.oldest_at },
            newest: Example { id: group.newest_id, created_at: group.newest_at },
        }
    }
}

/// What is said of one of them, as far as it is said of all.
fn words_of(group: &Group) -> Option<Explanation> {
    let is_cause = StateName::parse(&group.state) == Some(StateName::Releasing);
    let told = Some(group.reason.clone());
    let saga = Saga::try_from(SagaColumns {
        state: group.state.clone(),
        step: 0,
        attempt: 0,
        crashes: 0,
        in_doubt: false,
        reason: told.clone().filter(|_| !is_cause),
        cause: told.filter(|_| is_cause),
        reservation_id: Uuid::nil(),
    });
    let facts = |saga| Facts { saga, next_try_in_ms: None, is_held: false };
    saga.ok().map(|saga| explain(&facts(saga)))
}
