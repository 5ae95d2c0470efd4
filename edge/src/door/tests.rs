use std::net::SocketAddr;

use super::{Admitted, Door, RESERVE, Seat};

async fn seat(door: &Door, last: u8) -> Seat {
    let leave = door.leave().await;
    door.seat(leave, SocketAddr::from(([10, 0, 0, last], 1)))
}

fn code(admitted: Result<Admitted, crate::Problem>) -> Result<Admitted, &'static str> {
    admitted.map_err(|problem| problem.code())
}

#[tokio::test]
async fn no_peer_has_every_place() {
    let door = Door::new(8);
    let mut seats = Vec::new();
    for _ in 0..7 {
        let seat = seat(&door, 1).await;
        assert_eq!(code(seat.admit("/").await), Ok(Admitted::ToStay));
        seats.push(seat);
    }
    let eighth = seat(&door, 1).await;
    assert_eq!(code(eighth.admit("/").await), Err("too-many-connections"));
    assert_eq!(code(eighth.admit("/health/live").await), Ok(Admitted::Once));
    drop(eighth);
    let other = seat(&door, 2).await;
    assert_eq!(code(other.admit("/").await), Ok(Admitted::ToStay));
    seats.pop();
    let again = seat(&door, 1).await;
    assert_eq!(code(again.admit("/").await), Ok(Admitted::ToStay));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_places_there_is_room_for_those_who_judge() {
    let door = Door::new(1);
    let place = seat(&door, 1).await;
    let in_reserve = seat(&door, 2).await;
    for path in ["/health", "/health/ready", "/metrics"] {
        assert_eq!(code(in_reserve.admit(path).await), Ok(Admitted::Once), "{path}");
    }
    for path in ["/", "/healthy", "/api/orders"] {
        assert_eq!(code(in_reserve.admit(path).await), Err("too-many-connections"), "{path}");
    }
    drop(place);
    assert_eq!(code(in_reserve.admit("/").await), Ok(Admitted::ToStay));
    assert_eq!(code(in_reserve.admit("/").await), Ok(Admitted::ToStay), "it has a place now");
}

#[tokio::test(start_paused = true)]
async fn places_and_reserve_are_given_back() {
    let door = Door::new(2);
    let mut seats = Vec::new();
    for peer in 0..2 + RESERVE {
        seats.push(seat(&door, peer as u8).await);
    }
    let further = tokio::time::timeout(std::time::Duration::from_secs(1), door.leave()).await;
    assert!(further.is_err(), "all are taken");
    seats.clear();
    assert_eq!(door.places.available_permits(), 2);
    assert_eq!(door.reserve.available_permits(), RESERVE);
    assert!(door.peers.lock().is_empty());
}
