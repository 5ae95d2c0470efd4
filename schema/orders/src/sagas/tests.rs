use saga::{Doubt, FailReason, ParkReason, QueueReason, ReleaseCause, Saga, State};
use sqlx::types::Uuid;

use super::*;
use crate::lab::insert_finished_orders;
use crate::testing::fresh_database;

/// One of each name, and a queued one for each reason.
const STATES: [State; 10] = [
    State::Pending,
    State::Reserving { doubt: Doubt::Certain },
    State::Queued { reason: QueueReason::BreakerOpen, doubt: Doubt::Certain },
    State::Queued { reason: QueueReason::Backoff, doubt: Doubt::InDoubt },
    State::Queued { reason: QueueReason::Throttled, doubt: Doubt::Certain },
    State::Confirmed,
    State::Releasing { cause: ReleaseCause::CustomerCancel, doubt: Doubt::Certain },
    State::Failed { reason: FailReason::InsufficientStock },
    State::Cancelled,
    State::Parked { reason: ParkReason::ContractError, cause: None, doubt: Doubt::Certain },
];

#[tokio::test]
async fn the_sql_and_the_core_agree_about_which_states_answer_a_request() {
    let database = fresh_database().await;
    let count = STATES.len() as i64;
    let filled = database.db.read(move |connection| {
        Box::pin(insert_finished_orders(connection, 1_000_000_000_000, 1, count))
    });
    filled.await.expect("filled");
    let ids: Vec<Uuid> = sqlx::query_scalar("select order_id from sagas order by order_id")
        .fetch_all(database.db.pool())
        .await
        .expect("the test server answers");
    for (order_id, state) in ids.iter().zip(STATES) {
        let columns = SagaColumns::from(&Saga { state, ..Saga::new(*order_id) });
        let moved = "update sagas set state = $2, reason = $3, cause = $4, listed_state = $5 where order_id = $1";
        sqlx::query(moved)
            .bind(order_id)
            .bind(columns.state)
            .bind(columns.reason)
            .bind(columns.cause)
            .bind(FoundBy::listed_state(state.name()))
            .execute(database.db.pool())
            .await
            .expect("a state that the table takes");
    }
    let asked = ids.clone();
    let answerable: sqlx::Result<Vec<Settled>> = database
        .db
        .read(move |connection| Box::pin(async move { find_settled(connection, &asked).await }))
        .await;
    let answerable = answerable.expect("the test server answers");
    for (order_id, state) in ids.iter().zip(STATES) {
        let by_sql = answerable.iter().any(|settled| settled.order_id == *order_id);
        assert_eq!(by_sql, state.answers_request(), "{state:?}");
    }
}
