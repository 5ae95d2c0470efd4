//! Membership: one heartbeat per relay, and a look at the others' and at the work list with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use edge::FailureLog;
use failpoints::Site;
use relay_core::beat_report::{Beat, BeatReport, Renewal};
use schema_orders::breaker_overrides::OverrideVersion;
use schema_orders::{outbox, relays};
use schema_pg::{BoxFuture, Db, DbError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::relay::Relay;

/// A look at the work list that takes longer is made seldom.
const LONG_LOOK: Duration = Duration::from_millis(50);
/// It takes one part in so many of the time.
const LOOK_PARTS: u32 = 20;

static WAKING: FailureLog = FailureLog::new("the database's clock may have gone back");

/// This relay's membership. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Membership {
    id: Arc<AtomicI64>,
    name: Arc<str>,
    url: Option<Arc<str>>,
    stale_ms: i32,
}

impl Membership {
    /// Registers this relay, trying until the database answers or the relay is stopped.
    pub async fn join(
        db: &Db,
        url: Option<String>,
        stale_ms: u64,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, DbError> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
        let name: Arc<str> = format!("{host}/{}", std::process::id()).into();
        let url: Option<Arc<str>> = url.map(Into::into);
        let stale_ms = i32::try_from(stale_ms).expect("bounded to a minute");
        let membership = Self { id: Arc::new(AtomicI64::new(0)), name, url, stale_ms };
        let joining = FailureLog::new("cannot join yet");
        loop {
            match membership.register(db).await {
                Ok(()) => return Ok(Some(membership)),
                Err(error) if schema_pg::classify(&error) == schema_pg::Class::Bug => {
                    return Err(error);
                }
                Err(error) => {
                    joining.failed(error);
                    let pause = tokio::time::sleep(Duration::from_millis(500));
                    if stop.run_until_cancelled(pause).await.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The id that claims carry.
    pub fn id(&self) -> i64 {
        self.id.load(Ordering::Relaxed)
    }

    async fn register(&self, db: &Db) -> Result<(), DbError> {
        let (name, url, stale_ms) = (Arc::clone(&self.name), self.url.clone(), self.stale_ms);
        let id = db
            .write(Site::JoinRelays, move |c| {
                Box::pin(async move {
                    // The clock may have gone back while nobody was here.
                    outbox::wake_from_the_future(c).await?;
                    relays::join(c, &name, url.as_deref(), stale_ms).await
                })
            })
            .await?;
        self.id.store(id, Ordering::Relaxed);
        tracing::info!(relay = id, name = %self.name, "joined");
        Ok(())
    }

    /// Beats until `stop`; what each beat saw goes into `reports`, and staff's newest override to `apply`.
    pub(crate) async fn keep_beating(
        &self,
        relay: &Relay,
        reports: &watch::Sender<BeatReport>,
        mut apply: impl FnMut(Option<OverrideVersion>),
        stop: &CancellationToken,
    ) {
        let Relay { db, config, .. } = relay;
        let mut connection = db.pin();
        let (mut due, mut look_at) = (Instant::now(), Instant::now());
        // A beat without an answer may have been the one that saw the clock go back.
        let mut is_unsure_of_clock = false;
        let beating = FailureLog::new("no heartbeat");
        let looking = FailureLog::new("the heartbeat cannot look at the work list");
        let rejoining = FailureLog::new("cannot join again yet");
        // The heartbeat never waits for a look: one that takes long goes on beside it, and is made seldom.
        let mut look: Option<Look> = None;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(due.into()) => {}
                (begun, looked) = async { look.as_mut().expect("it is there").await }, if look.is_some() => {
                    look = None;
                    match looked {
                        Ok((beat, newest)) => {
                            looking.succeeded();
                            apply(newest);
                            let at_ms = relay.gate.now_ms();
                            reports.send_modify(|report| *report = report.followed_by(beat, at_ms));
                        }
                        Err(error) => looking.failed(error),
                    }
                    if begun.elapsed() > LONG_LOOK {
                        look_at = Instant::now() + begun.elapsed() * LOOK_PARTS;
                    }
                    continue;
                }
            }
            let id = self.id();
            let is_idle = reports.borrow().is_idle();
            let pause = if is_idle { config.idle_heartbeat() } else { config.heartbeat() };
            due = Instant::now() + pause;
            let renewed = connection
                .write_one(Site::BeatRelay, move |c| Box::pin(relays::renew(c, id)))
                .await;
            match renewed {
                Ok(Renewal { member: false, .. }) => {
                    match self.register(db).await {
                        Ok(()) => tracing::warn!(
                            relay = id,
                            now = self.id(),
                            "was silent for too long and taken for dead"
                        ),
                        Err(error) => rejoining.failed(error),
                    }
                    continue;
                }
                Ok(Renewal { clock_went_back, .. }) => {
                    beating.succeeded();
                    let at_ms = relay.gate.now_ms();
                    reports.send_if_modified(|report| {
                        *report = report.renewed(at_ms);
                        false
                    });
                    if clock_went_back || is_unsure_of_clock {
                        is_unsure_of_clock = wake_from_the_future(db).await != Some(0);
                    }
                }
                Err::<_, DbError>(error) => {
                    beating.failed(error);
                    is_unsure_of_clock = true;
                    continue;
                }
            }
            if look.is_none() && Instant::now() >= look_at {
                look = Some(look_around(db.clone(), id, relay.scan_floor().floor()));
            }
        }
    }

    /// Leaves the list: nobody needs to wait for this relay's silence.
    pub async fn leave(&self, db: &Db) {
        let id = self.id();
        let left = db.write_one(Site::LeaveRelays, move |c| Box::pin(relays::leave(c, id)));
        if let Err(error) = left.await {
            tracing::warn!(%error, "could not leave; the others will notice the silence");
        }
    }
}

/// A look at the others and at the work list, and when it began.
type Look = BoxFuture<'static, (Instant, Result<(Beat, Option<OverrideVersion>), DbError>)>;

fn look_around(db: Db, relay: i64, floor: Uuid) -> Look {
    Box::pin(async move {
        let begun = Instant::now();
        let looking = db.read(move |c| Box::pin(relays::look_around(c, relay, floor)));
        (begun, looking.await)
    })
}

/// After the server's clock has gone back: what waits for a time that was meant otherwise is due. Returns how many of
/// those it examined; `None`: no answer.
async fn wake_from_the_future(db: &Db) -> Option<u64> {
    let woken = db.write(Site::JoinRelays, |c| Box::pin(outbox::wake_from_the_future(c))).await;
    match woken {
        Ok(0) => WAKING.succeeded(),
        Ok(woken) => tracing::warn!(woken, "the database's clock has gone back: trying at once"),
        Err::<_, DbError>(error) => {
            WAKING.failed(error);
            return None;
        }
    }
    woken.ok()
}
