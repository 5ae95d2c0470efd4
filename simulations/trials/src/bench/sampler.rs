//! Watches what each process uses while a load runs.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::stack::{Stack, Usage, of_machine, of_process, of_tree};

const EVERY: Duration = Duration::from_millis(500);
pub(super) const POSTGRES: &str = "postgres";

/// Under way.
pub(super) struct Sampler {
    stop: oneshot::Sender<()>,
    sampling: JoinHandle<Samples>,
}

/// What one process has used in the time that counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) cpu: Duration,
    pub(super) peak_bytes: u64,
    pub(super) last_bytes: u64,
}

/// By the process's name.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    pub(super) used: BTreeMap<String, Used>,
    /// Of the whole machine, whoever used it.
    pub(super) machine_cpu: Duration,
    pub(super) counted_for: Duration,
}

impl Sampler {
    /// Begins after `warm_up`.
    pub(super) fn start(stack: &Stack, warm_up: Duration) -> Self {
        let mut watched: Vec<(String, u32)> = stack
            .processes()
            .iter()
            .filter_map(|process| Some((process.name().to_owned(), process.pid()?)))
            .collect();
        watched.extend(stack.postgres().pid().map(|pid| (POSTGRES.to_owned(), pid)));
        let (stop, mut stopped) = oneshot::channel();
        let sampling = tokio::spawn(async move {
            sleep_until(Instant::now() + warm_up).await;
            let began = Instant::now();
            let (before, machine_before) = (look(&watched), of_machine().unwrap_or_default());
            let mut samples = Samples::default();
            loop {
                samples.add(&before, &look(&watched));
                samples.counted_for = began.elapsed();
                let machine = of_machine().unwrap_or_default();
                samples.machine_cpu = machine.saturating_sub(machine_before);
                if timeout(EVERY, &mut stopped).await.is_ok() {
                    return samples;
                }
            }
        });
        Self { stop, sampling }
    }

    /// Ends it. The processes must still be there.
    pub(super) async fn finish(self) -> Samples {
        let _ = self.stop.send(());
        self.sampling.await.unwrap_or_default()
    }
}

impl Samples {
    fn add(&mut self, before: &BTreeMap<String, Usage>, now: &BTreeMap<String, Usage>) {
        for (name, usage) in now {
            let used = self.used.entry(name.clone()).or_default();
            let earlier = before.get(name).copied().unwrap_or_default();
            used.cpu = usage.cpu.saturating_sub(earlier.cpu);
            used.peak_bytes = used.peak_bytes.max(usage.resident_bytes);
            used.last_bytes = usage.resident_bytes;
        }
    }
}

/// One look at all of them. A process that has ended keeps what was seen before.
pub(super) fn look(watched: &[(String, u32)]) -> BTreeMap<String, Usage> {
    let usage = |(name, pid): &(String, u32)| {
        let usage = if name == POSTGRES { of_tree(*pid) } else { of_process(*pid) };
        Some((name.clone(), usage?))
    };
    watched.iter().filter_map(usage).collect()
}
