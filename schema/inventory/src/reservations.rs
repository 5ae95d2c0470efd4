//! Table `reservations`: the memory of what was answered.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::command::{Rejection, State};
use crate::decide::Row;

/// A row to be inserted if nobody has used its id.
#[derive(Clone, Debug)]
pub struct NewReservation {
    pub reservation_id: Uuid,
    /// `None` for a tombstone whose release named no order.
    pub order_id: Option<Uuid>,
    /// `Held` or `Released`; corrected in the same transaction if it is decided otherwise.
    pub state: State,
    /// The epoch of its first word.
    pub epoch: i64,
    /// `None` for a tombstone.
    pub fingerprint: Option<[u8; 32]>,
}

/// What a batch changed about a row.
#[derive(Clone, Debug)]
pub struct RowChange {
    pub reservation_id: Uuid,
    pub state: State,
    pub max_epoch: i64,
    /// Stays for ever once it is there.
    pub rejection: Option<Rejection>,
}

/// A reservation as it is looked up.
#[derive(Clone, Debug)]
pub struct Reservation {
    pub reservation_id: Uuid,
    /// `None` on a tombstone whose release named no order.
    pub order_id: Option<Uuid>,
    /// Where it stands.
    pub state: State,
    /// The newest epoch that spoke.
    pub max_epoch: i64,
    /// Why it was rejected.
    pub rejection: Option<Rejection>,
    /// First word.
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Inserts what is not there; answers the ids it has inserted. `rows` must be sorted by id, so that
/// two batches that share ids wait for each other in one direction only.
pub async fn insert_reservations(
    connection: &mut PgConnection,
    rows: &[NewReservation],
) -> Result<Vec<Uuid>, sqlx::Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|r| r.reservation_id).collect();
    let order_ids: Vec<Option<Uuid>> = rows.iter().map(|r| r.order_id).collect();
    let states: Vec<&str> = rows.iter().map(|r| r.state.as_str()).collect();
    let epochs: Vec<i64> = rows.iter().map(|r| r.epoch).collect();
    let fingerprints: Vec<Option<&[u8]>> =
        rows.iter().map(|r| r.fingerprint.as_ref().map(<[u8; 32]>::as_slice)).collect();
    sqlx::query_scalar!(
        "insert into reservations (reservation_id, order_id, state, max_epoch, fingerprint)
         select *
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bytea[])
         on conflict (reservation_id) do nothing
         returning reservation_id",
        &ids,
        &order_ids as _,
        &states as _,
        &epochs,
        &fingerprints as _,
    )
    .fetch_all(connection)
    .await
}

/// Locks the rows by id and reads them, without their lines.
pub async fn lock_reservations(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Row>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select reservation_id, state, max_epoch, fingerprint, outcome as "outcome: Json<Rejection>"
           from reservations
           where reservation_id = any($1)
           order by reservation_id
           for update"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            let row = Row {
                state: parse_state(&r.state)?,
                max_epoch: r.max_epoch,
                fingerprint: r.fingerprint.and_then(|bytes| bytes.try_into().ok()),
                rejection: r.outcome.map(|Json(rejection)| rejection),
                lines: Vec::new(),
            };
            Ok((r.reservation_id, row))
        })
        .collect()
}

/// Writes what the batch decided. The rows are locked or our own, so each must be there.
pub async fn update_reservations(
    connection: &mut PgConnection,
    changes: &[RowChange],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = changes.iter().map(|c| c.reservation_id).collect();
    let states: Vec<&str> = changes.iter().map(|c| c.state.as_str()).collect();
    let epochs: Vec<i64> = changes.iter().map(|c| c.max_epoch).collect();
    let outcomes: Vec<Option<Json<&Rejection>>> =
        changes.iter().map(|c| c.rejection.as_ref().map(Json)).collect();
    let updated = sqlx::query!(
        "update reservations r
         set state = c.state,
             max_epoch = c.max_epoch,
             outcome = c.outcome,
             updated_at = now()
         from unnest($1::uuid[], $2::text[], $3::bigint[], $4::jsonb[])
             as c (reservation_id, state, max_epoch, outcome)
         where r.reservation_id = c.reservation_id
         -- the fence once more, in the data itself: an epoch never goes back
         and r.max_epoch <= c.max_epoch",
        &ids,
        &states as _,
        &epochs,
        &outcomes as _,
    )
    .execute(connection)
    .await?;
    if updated.rows_affected() != changes.len() as u64 {
        return Err(sqlx::Error::Protocol("a locked reservation was not updated".to_owned()));
    }
    Ok(())
}

/// One reservation, unlocked.
pub async fn find_reservation(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Reservation>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select order_id, state, max_epoch, outcome as "outcome: Json<Rejection>",
                  created_at, updated_at
           from reservations
           where reservation_id = $1"#,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| {
        Ok(Reservation {
            reservation_id: id,
            order_id: r.order_id,
            state: parse_state(&r.state)?,
            max_epoch: r.max_epoch,
            rejection: r.outcome.map(|Json(rejection)| rejection),
            created_at: r.created_at,
            updated_at: r.updated_at,
        })
    })
    .transpose()
}

/// A constraint keeps other words out of the column.
fn parse_state(text: &str) -> Result<State, sqlx::Error> {
    State::parse(text).ok_or_else(|| sqlx::Error::Decode(format!("unknown state {text:?}").into()))
}
