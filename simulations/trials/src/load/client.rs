//! One client: places orders one after the other, and does not give up lightly.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::arrivals::Arrivals;
use super::connection::Connection;
use super::control::Control;
use super::plan::Plan;
use super::recorder::{Order, Recorder};
use super::wire::{self, Answer, OrderState};
use checker::ledger::Outcome;

/// One question about an unsettled order waits this long at the server.
const LONG_POLL_S: u64 = 10;

pub(super) struct Client {
    target: SocketAddr,
    host: String,
    post_head: Vec<u8>,
    plan: Rc<Plan>,
    recorder: Recorder,
    control: Control,
    random: SmallRng,
    connection: Option<Connection>,
    request: Vec<u8>,
    body: Vec<u8>,
}

/// What an answer to a POST means to its client.
enum Verdict {
    /// The order exists and stands like this.
    Stands(Uuid, Outcome),
    /// Nothing was done and nothing will be.
    Refused,
    /// Send the same key again, not sooner than this.
    Again(Option<Duration>),
}

impl Client {
    pub(super) fn new(
        number: usize,
        target: SocketAddr,
        plan: Rc<Plan>,
        recorder: Recorder,
        control: Control,
    ) -> Self {
        let host = target.to_string();
        Self {
            target,
            post_head: wire::post_head(&host, plan.authorization.as_deref()),
            host,
            random: SmallRng::seed_from_u64(plan.seed ^ ((number as u64) << 32)),
            plan,
            recorder,
            control,
            connection: None,
            request: Vec::with_capacity(512),
            body: Vec::with_capacity(256),
        }
    }

    pub(super) async fn run(mut self, arrivals: Option<Arrivals>) {
        while self.control.may_go_on().await {
            let intended = match &arrivals {
                None => Instant::now(),
                Some(arrivals) => match arrivals.next().await {
                    Some(intended) => intended,
                    None => break,
                },
            };
            let Some(mut order) = self.recorder.begin(intended) else {
                self.control.stop();
                break;
            };
            self.place(&mut order).await;
            self.recorder.end(&order);
        }
    }

    /// Sends one order until it is settled or the client has had enough.
    async fn place(&mut self, order: &mut Order) {
        self.body.clear();
        self.plan.basket.write(&mut self.random, &mut self.body);
        let key = order.key(self.plan.run);
        wire::write_post(&mut self.request, &self.post_head, &key, &self.body);
        let patience = self.plan.patience;
        let tries_max = if self.chance(patience.give_up_share) { 1 } else { patience.tries_max };
        self.send_until_known(order, tries_max).await;
        if order.outcome == Outcome::Accepted && !patience.follow.is_zero() {
            self.follow(order).await;
        }
        if order.outcome.is_acknowledged() && self.chance(patience.repeat_share) {
            order.settle();
            order.repeated = true;
            self.send_until_known(order, order.tries + tries_max).await;
        }
    }

    async fn send_until_known(&mut self, order: &mut Order, tries_max: u16) {
        while order.tries < tries_max {
            order.tries += 1;
            self.recorder.requested(order.tries);
            let sent = Instant::now();
            let answer = self.send().await;
            self.recorder.answered(sent.elapsed());
            let wait = match answer {
                Err(_) => None,
                Ok(answer) => match self.read(order, &answer) {
                    Verdict::Stands(id, outcome) => {
                        self.recorder.stands(order, id, outcome);
                        return;
                    }
                    Verdict::Refused => {
                        order.outcome = Outcome::Refused;
                        return;
                    }
                    Verdict::Again(retry_after) => retry_after,
                },
            };
            if order.tries < tries_max {
                sleep(self.plan.patience.backoff_before(order.tries + 1, wait)).await;
            }
        }
    }

    fn read(&self, order: &mut Order, answer: &Answer) -> Verdict {
        order.status = answer.status;
        let verdict = verdict(answer);
        if order.repeated && matches!(verdict, Verdict::Stands(..)) && !answer.replayed {
            self.recorder.conflict(order, "a repeated key was not answered as replayed");
        }
        verdict
    }

    /// Asks for the order until it is settled or `follow` has passed.
    async fn follow(&mut self, order: &mut Order) {
        let until = Instant::now() + self.plan.patience.follow;
        let authorization = self.plan.authorization.as_deref();
        let question = wire::get(&self.host, authorization, order.id, LONG_POLL_S);
        let posted = std::mem::replace(&mut self.request, question);
        while Instant::now() < until {
            self.recorder.requested(1);
            match self.send().await {
                Ok(Answer { status: 200, state: Some(state), .. }) => {
                    self.recorder.stands(order, order.id, outcome(state));
                    if order.outcome.is_final() {
                        break;
                    }
                }
                Ok(Answer { status: 404, .. }) => {
                    self.recorder.conflict(order, "an acknowledged order was not found");
                    break;
                }
                Ok(_) | Err(_) => sleep(self.plan.patience.backoff).await,
            }
        }
        self.request = posted;
    }

    /// One request, on a connection that is opened where there is none.
    async fn send(&mut self) -> io::Result<Answer> {
        let answer = timeout(self.plan.patience.answer, async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => Connection::open(self.target).await?,
            };
            let answer = connection.exchange(&self.request).await?;
            if !answer.closes {
                self.connection = Some(connection);
            }
            Ok(answer)
        });
        answer.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random_bool(share.min(1.0))
    }
}

fn verdict(answer: &Answer) -> Verdict {
    match (answer.status, answer.order_id, answer.state) {
        (200..=202, Some(id), Some(state)) => Verdict::Stands(id, outcome(state)),
        // The order exists, and the answer is its definitive no.
        (422, Some(id), _) => Verdict::Stands(id, Outcome::Failed),
        (408 | 409 | 425 | 429, _, _) => Verdict::Again(answer.retry_after),
        (400..=499, _, _) => Verdict::Refused,
        _ => Verdict::Again(answer.retry_after),
    }
}

fn outcome(state: OrderState) -> Outcome {
    match state {
        OrderState::Unsettled => Outcome::Accepted,
        OrderState::Confirmed => Outcome::Confirmed,
        OrderState::Failed => Outcome::Failed,
        OrderState::Cancelled => Outcome::Cancelled,
    }
}
