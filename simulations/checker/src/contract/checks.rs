//! The checks. Each leaves the stock as it found it, but for the last one, which ships a piece.
//!
//! That a reservation took stock exactly once shows at the edge: with one reservation holding everything
//! no further piece is to be had, and after one release everything is.

use futures_util::future::{BoxFuture, join_all};

use super::Outcome;
use super::client::{Ask, Client, Reservation, Told};

/// Time enough for any call here, in milliseconds.
const DEADLINE_MS: u64 = 4_000;
/// Calls of one moment.
const AT_ONCE: usize = 10;

/// The service, and the pieces that the checks take and give back.
pub(super) struct Stock {
    pub(super) client: Client,
    pub(super) item: String,
    pub(super) available: u32,
}

type Seen = Result<(), String>;

struct Check {
    name: &'static str,
    rule: &'static str,
    run: for<'a> fn(&'a Stock) -> BoxFuture<'a, Seen>,
}

const CHECKS: [Check; 22] = [
    Check {
        name: "reserves",
        rule: "PUT answers 200 or 201 with reservation_id and state \"held\"",
        run: |stock| Box::pin(reserves(stock)),
    },
    Check {
        name: "repeats-the-answer",
        rule: "the same reservation again gets the same answer and takes nothing more",
        run: |stock| Box::pin(repeats_the_answer(stock)),
    },
    Check {
        name: "concurrent-repeats-take-once",
        rule: "ten equal calls at once get equal answers and take stock once",
        run: |stock| Box::pin(concurrent_repeats_take_once(stock)),
    },
    Check {
        name: "never-oversells",
        rule: "of ten reservations at once for everything, one wins",
        run: |stock| Box::pin(never_oversells(stock)),
    },
    Check {
        name: "refuses-what-is-not-there",
        rule: "409 with type insufficient-stock",
        run: |stock| Box::pin(refuses_what_is_not_there(stock)),
    },
    Check {
        name: "stores-rejections",
        rule: "a refused reservation stays refused, also after stock has come back",
        run: |stock| Box::pin(stores_rejections(stock)),
    },
    Check {
        name: "refuses-unknown-items",
        rule: "404 with type unknown-item",
        run: |stock| Box::pin(refuses_unknown_items(stock)),
    },
    Check {
        name: "takes-all-lines-or-none",
        rule: "one line that cannot be had refuses the whole and takes nothing",
        run: |stock| Box::pin(takes_all_lines_or_none(stock)),
    },
    Check {
        name: "adds-up-lines-of-one-item",
        rule: "two lines of one item count together",
        run: |stock| Box::pin(adds_up_lines_of_one_item(stock)),
    },
    Check {
        name: "refuses-another-payload",
        rule: "the same reservation for other lines: 422 with type reservation-mismatch",
        run: |stock| Box::pin(refuses_another_payload(stock)),
    },
    Check {
        name: "releases",
        rule: "DELETE gives everything back, once, however often it is called",
        run: |stock| Box::pin(releases(stock)),
    },
    Check {
        name: "refuses-late-reserves",
        rule: "a released reservation: 410 with type reservation-tombstoned, again and again",
        run: |stock| Box::pin(refuses_late_reserves(stock)),
    },
    Check {
        name: "releases-what-it-never-saw",
        rule: "DELETE of an unknown reservation is acknowledged and refuses the reserve that comes later, twice",
        run: |stock| Box::pin(releases_what_it_never_saw(stock)),
    },
    Check {
        name: "fences-older-reserves",
        rule: "a reserve with an older Saga-Epoch: 412 with type stale-epoch",
        run: |stock| Box::pin(fences_older_reserves(stock)),
    },
    Check {
        name: "fences-older-releases",
        rule: "a release with an older Saga-Epoch: 412, and nothing is given back",
        run: |stock| Box::pin(fences_older_releases(stock)),
    },
    Check {
        name: "answers-newer-epochs",
        rule: "a replay with a newer Saga-Epoch gets the stored answer",
        run: |stock| Box::pin(answers_newer_epochs(stock)),
    },
    Check {
        name: "refuses-expired-work",
        rule: "Saga-Deadline-Ms: 0 is 503 with type deadline-passed, and nothing is stored",
        run: |stock| Box::pin(refuses_expired_work(stock)),
    },
    Check {
        name: "survives-lost-answers",
        rule: "a caller that went away before the answer gets it by repeating the call",
        run: |stock| Box::pin(survives_lost_answers(stock)),
    },
    Check {
        name: "shows-reservations",
        rule: "GET shows the state; of a reservation that never was: 404",
        run: |stock| Box::pin(shows_reservations(stock)),
    },
    Check {
        name: "refuses-nonsense",
        rule: "a broken body or quantity is a 4xx, never a 5xx",
        run: |stock| Box::pin(refuses_nonsense(stock)),
    },
    Check {
        name: "gives-everything-back",
        rule: "after all of the above every piece is to be had again",
        run: |stock| Box::pin(gives_everything_back(stock)),
    },
    Check {
        name: "ships-once",
        rule: "commit repeats its answer, and a shipped reservation is not released: 409 reservation-committed",
        run: |stock| Box::pin(ships_once(stock)),
    },
];

pub(super) async fn run_all(stock: &Stock) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(CHECKS.len());
    for check in &CHECKS {
        let fault = (check.run)(stock).await.err();
        outcomes.push(Outcome { name: check.name, rule: check.rule, fault });
    }
    outcomes
}

impl Stock {
    fn pieces(&self, quantity: u32) -> Ask<'_> {
        Ask { lines: vec![(&self.item, quantity)], epoch: 1, deadline_ms: DEADLINE_MS }
    }

    fn all(&self) -> Ask<'_> {
        self.pieces(self.available)
    }

    async fn hold_all(&self) -> Result<Reservation, String> {
        let reservation = Reservation::new();
        self.client.reserve(reservation, &self.all()).await.is(reservation, "held")?;
        Ok(reservation)
    }

    async fn give_back(&self, reservation: Reservation) -> Seen {
        self.client.release(reservation, 9).await.is(reservation, "released")
    }

    /// Everything is held by `reservation`, and by it once.
    async fn is_held_once(&self, reservation: Reservation) -> Seen {
        let further = Reservation::new();
        let told = self.client.reserve(further, &self.pieces(1)).await;
        told.is_problem(409, "insufficient-stock")
            .map_err(|seen| format!("too little taken: {seen}"))?;
        self.give_back(reservation).await?;
        self.nothing_is_held().await
    }

    async fn nothing_is_held(&self) -> Seen {
        let all = self.hold_all().await.map_err(|seen| format!("stock is missing: {seen}"))?;
        self.give_back(all).await
    }
}

async fn reserves(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    let told = stock.client.reserve(reservation, &stock.pieces(2)).await;
    told.is(reservation, "held")?;
    stock.give_back(reservation).await
}

async fn repeats_the_answer(stock: &Stock) -> Seen {
    let reservation = stock.hold_all().await?;
    for _ in 0..3 {
        stock.client.reserve(reservation, &stock.all()).await.is(reservation, "held")?;
    }
    stock.is_held_once(reservation).await
}

async fn concurrent_repeats_take_once(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    let all = stock.all();
    let calls = (0..AT_ONCE).map(|_| stock.client.reserve(reservation, &all));
    for told in join_all(calls).await {
        told.is(reservation, "held")?;
    }
    stock.is_held_once(reservation).await
}

async fn never_oversells(stock: &Stock) -> Seen {
    let all = stock.all();
    let reservations: Vec<_> = (0..AT_ONCE).map(|_| Reservation::new()).collect();
    let calls = reservations.iter().map(|each| stock.client.reserve(*each, &all));
    let mut winners = Vec::new();
    for (reservation, told) in reservations.iter().zip(join_all(calls).await) {
        match told.is(*reservation, "held") {
            Ok(()) => winners.push(*reservation),
            Err(_) => told.is_problem(409, "insufficient-stock")?,
        }
    }
    for winner in &winners {
        stock.give_back(*winner).await?;
    }
    match winners.len() {
        1 => Ok(()),
        others => Err(format!("{others} of {AT_ONCE} hold everything")),
    }
}

async fn refuses_what_is_not_there(stock: &Stock) -> Seen {
    let told = stock.client.reserve(Reservation::new(), &stock.pieces(stock.available + 1)).await;
    told.is_problem(409, "insufficient-stock")
}

async fn stores_rejections(stock: &Stock) -> Seen {
    let holder = stock.hold_all().await?;
    let refused = Reservation::new();
    let told = stock.client.reserve(refused, &stock.pieces(1)).await;
    told.is_problem(409, "insufficient-stock")?;
    stock.give_back(holder).await?;
    for _ in 0..2 {
        let told = stock.client.reserve(refused, &stock.pieces(1)).await;
        told.is_problem(409, "insufficient-stock")?;
    }
    stock.nothing_is_held().await
}

async fn refuses_unknown_items(stock: &Stock) -> Seen {
    let unknown = format!("no-such-item-{}", uuid::Uuid::now_v7());
    let ask = Ask { lines: vec![(&unknown, 1)], epoch: 1, deadline_ms: DEADLINE_MS };
    stock.client.reserve(Reservation::new(), &ask).await.is_problem(404, "unknown-item")
}

async fn takes_all_lines_or_none(stock: &Stock) -> Seen {
    let unknown = format!("no-such-item-{}", uuid::Uuid::now_v7());
    let lines = vec![(stock.item.as_str(), 1), (unknown.as_str(), 1)];
    let ask = Ask { lines, epoch: 1, deadline_ms: DEADLINE_MS };
    stock.client.reserve(Reservation::new(), &ask).await.is_problem(404, "unknown-item")?;
    stock.nothing_is_held().await
}

async fn adds_up_lines_of_one_item(stock: &Stock) -> Seen {
    let half = stock.available / 2 + 1;
    let lines = vec![(stock.item.as_str(), half), (stock.item.as_str(), half)];
    let ask = Ask { lines, epoch: 1, deadline_ms: DEADLINE_MS };
    let told = stock.client.reserve(Reservation::new(), &ask).await;
    told.is_problem(409, "insufficient-stock")?;
    stock.nothing_is_held().await
}

async fn refuses_another_payload(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    stock.client.reserve(reservation, &stock.pieces(1)).await.is(reservation, "held")?;
    let told = stock.client.reserve(reservation, &stock.pieces(2)).await;
    let seen = told.is_problem(422, "reservation-mismatch");
    stock.give_back(reservation).await?;
    seen
}

async fn releases(stock: &Stock) -> Seen {
    let reservation = stock.hold_all().await?;
    for _ in 0..3 {
        stock.give_back(reservation).await?;
    }
    stock.nothing_is_held().await
}

async fn refuses_late_reserves(stock: &Stock) -> Seen {
    let reservation = stock.hold_all().await?;
    stock.give_back(reservation).await?;
    stays_refused(stock, reservation).await
}

async fn releases_what_it_never_saw(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    stock.give_back(reservation).await?;
    stays_refused(stock, reservation).await
}

async fn stays_refused(stock: &Stock, reservation: Reservation) -> Seen {
    for _ in 0..2 {
        let late = Ask { epoch: 9, ..stock.all() };
        let told = stock.client.reserve(reservation, &late).await;
        told.is_problem(410, "reservation-tombstoned")?;
    }
    stock.nothing_is_held().await
}

async fn fences_older_reserves(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    let newer = Ask { epoch: 5, ..stock.pieces(1) };
    stock.client.reserve(reservation, &newer).await.is(reservation, "held")?;
    let told = stock.client.reserve(reservation, &Ask { epoch: 4, ..newer }).await;
    let seen = told.is_problem(412, "stale-epoch");
    stock.give_back(reservation).await?;
    seen
}

async fn fences_older_releases(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    let all = Ask { epoch: 5, ..stock.all() };
    stock.client.reserve(reservation, &all).await.is(reservation, "held")?;
    let told = stock.client.release(reservation, 4).await;
    let seen = told.is_problem(412, "stale-epoch");
    let held = stock.is_held_once(reservation).await;
    seen.and(held)
}

async fn answers_newer_epochs(stock: &Stock) -> Seen {
    let reservation = stock.hold_all().await?;
    for epoch in [2, 3, 3] {
        let again = Ask { epoch, ..stock.all() };
        stock.client.reserve(reservation, &again).await.is(reservation, "held")?;
    }
    stock.is_held_once(reservation).await
}

async fn refuses_expired_work(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    let expired = Ask { deadline_ms: 0, ..stock.all() };
    let told = stock.client.reserve(reservation, &expired).await;
    let seen = told.is_problem(503, "deadline-passed");
    let in_time = stock.client.reserve(reservation, &stock.all()).await.is(reservation, "held");
    stock.give_back(reservation).await?;
    seen.and(in_time)
}

async fn survives_lost_answers(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    stock.client.reserve_and_leave(reservation, &stock.all()).await?;
    stock.client.reserve(reservation, &stock.all()).await.is(reservation, "held")?;
    stock.is_held_once(reservation).await
}

async fn shows_reservations(stock: &Stock) -> Seen {
    stock.client.look_up(Reservation::new()).await.is_between(404, 404)?;
    let reservation = stock.hold_all().await?;
    let held = stock.client.look_up(reservation).await.is(reservation, "held");
    stock.give_back(reservation).await?;
    held.and(stock.client.look_up(reservation).await.is(reservation, "released"))
}

async fn refuses_nonsense(stock: &Stock) -> Seen {
    let nonsense = [
        "",
        "{",
        "[]",
        "null",
        "{\"order_id\":7,\"lines\":[]}",
        "{\"order_id\":\"01890000-0000-7000-8000-000000000000\",\"lines\":[{\"item_id\":\"x\",\"quantity\":-1}]}",
        "{\"order_id\":\"01890000-0000-7000-8000-000000000000\",\"lines\":[{\"item_id\":\"x\\u0000\",\"quantity\":1}]}",
        "{\"order_id\":\"01890000-0000-7000-8000-000000000000\",\"lines\":[{\"item_id\":\"x\",\"quantity\":1e99}]}",
    ];
    for text in nonsense {
        let told: Told = stock.client.put_text(Reservation::new().id, text).await;
        told.is_between(400, 499).map_err(|seen| format!("{text}: {seen}"))?;
    }
    Ok(())
}

async fn gives_everything_back(stock: &Stock) -> Seen {
    stock.nothing_is_held().await
}

async fn ships_once(stock: &Stock) -> Seen {
    let reservation = Reservation::new();
    stock.client.reserve(reservation, &stock.pieces(1)).await.is(reservation, "held")?;
    for _ in 0..2 {
        stock.client.commit(reservation, 1).await.is(reservation, "committed")?;
    }
    let told = stock.client.release(reservation, 9).await;
    told.is_problem(409, "reservation-committed")?;
    stock.client.look_up(reservation).await.is(reservation, "committed")
}
