//! How many sagas stand in which state, and how old the oldest is.

use chrono::{DateTime, Utc};
use saga::StateName;
use schema_orders::inspection::{Counted, Sample, StateCount, StateCounts};
use serde::Serialize;
use uuid::Uuid;

/// The answer, which is made at most once a second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StatsAnswer {
    pub(crate) states: Vec<StateAnswer>,
    pub(crate) in_doubt: Number,
    pub(crate) stuck: Number,
    pub(crate) as_of: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct StateAnswer {
    pub(crate) state: String,
    #[serde(flatten)]
    pub(crate) number: Number,
    pub(crate) oldest_id: Option<Uuid>,
    /// Since the order was acknowledged; also told where nothing is waiting any more.
    pub(crate) oldest_age_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Number {
    pub(crate) count: i64,
    pub(crate) counted: Counted,
}

impl From<StateCounts> for StatsAnswer {
    fn from(counts: StateCounts) -> StatsAnswer {
        let StateCounts { mut states, in_doubt, stuck, now } = counts;
        let all = StateName::unfinished_first().map(StateName::as_str);
        for known in all {
            if !states.iter().any(|counted| counted.state == known) {
                let sample = Sample { count: 0, counted: Counted::Exact };
                states.push(StateCount { state: known.to_owned(), sample, oldest: None });
            }
        }
        // states of a newer version come last
        let place = |counted: &StateCount| all.iter().position(|known| *known == counted.state);
        states.sort_by_key(|counted| place(counted).unwrap_or(all.len()));
        let told = |counted: StateCount| StateAnswer {
            state: counted.state,
            number: counted.sample.into(),
            oldest_id: counted.oldest.map(|(id, _)| id),
            oldest_age_ms: counted.oldest.map(|(_, at)| (now - at).num_milliseconds().max(0)),
        };
        StatsAnswer {
            states: states.into_iter().map(told).collect(),
            in_doubt: in_doubt.into(),
            stuck: stuck.into(),
            as_of: now,
        }
    }
}

impl From<Sample> for Number {
    fn from(Sample { count, counted }: Sample) -> Number {
        Number { count, counted }
    }
}
