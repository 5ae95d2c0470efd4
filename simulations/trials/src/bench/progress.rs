//! What a person sees meanwhile: a bar on a terminal, nothing elsewhere.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::load::{Live, Running};

const EVERY: Duration = Duration::from_millis(250);

/// A spinner for what takes an unknown time.
pub(super) fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    bar.enable_steady_tick(EVERY);
    bar
}

/// Follows a load until it has ended.
pub(super) async fn follow(label: &str, load: &Running, expected: Duration) {
    let bar = ProgressBar::new(expected.as_millis().try_into().unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{prefix:<28} {bar:30} {msg}");
    bar.set_style(style.expect("the template is well-formed"));
    bar.set_prefix(label.to_owned());
    let mut ended_before = 0;
    while !load.is_finished() {
        tokio::time::sleep(EVERY).await;
        bar.inc(EVERY.as_millis().try_into().unwrap_or(u64::MAX));
        bar.set_message(message(&load.live, &mut ended_before));
    }
    bar.finish_and_clear();
}

fn message(live: &Live, ended_before: &mut u64) -> String {
    let ended = live.ended.load(Relaxed);
    let per_s = (ended - *ended_before) as f64 / EVERY.as_secs_f64();
    *ended_before = ended;
    let under_way = live.under_way();
    format!("{ended} orders, {per_s:.0}/s, {under_way} under way")
}
