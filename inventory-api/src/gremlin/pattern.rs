//! What happens to call number n: pure, so that the same settings give the same faults on every
//! replica, after every restart, and in a test.
//!
//! Without a seed faults come evenly: a rate of 0.25 is every fourth call, `latency_every` of 3 every
//! third, and kinds take turns. With a seed each call is drawn, and the same seed draws the same.

use super::settings::{Crash, LatencyPoint, Loss, Settings};

/// Rates are counted in millionths, so that every n-th means exactly that.
const WHOLE: u64 = 1_000_000;

/// What is to happen to one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Milliseconds by which it is late.
    pub(crate) delay_ms: u64,
    /// Where in the call the delay lies.
    pub(crate) delay_point: LatencyPoint,
    /// What it comes to instead of its answer.
    pub(crate) fault: Option<Fault>,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done.
    Crash(Crash),
    /// It is done, and the answer withheld.
    Lose(Loss),
}

/// The plan for call number `call`, counted from 0.
pub(crate) fn plan(settings: &Settings, call: u64) -> Planned {
    Planned {
        delay_ms: delay_ms(settings, call),
        delay_point: settings.latency_point,
        fault: match settings.seed {
            None => fault_in_turn(settings, call),
            Some(seed) => fault_drawn(settings, seed, call),
        },
    }
}

fn delay_ms(settings: &Settings, call: u64) -> u64 {
    let every = settings.latency_every.max(1);
    let is_late = match settings.seed {
        None => (call + 1).is_multiple_of(every),
        Some(seed) => draw(seed, call, Salt::Late).is_multiple_of(every),
    };
    if !settings.latency || !is_late {
        return 0;
    }
    let jitter = draw(settings.seed.unwrap_or(0), call, Salt::Jitter) % (settings.jitter_ms + 1);
    settings.latency_ms + jitter
}

/// Both kinds of fault share one rhythm, so that neither hides the other.
fn fault_in_turn(settings: &Settings, call: u64) -> Option<Fault> {
    let (crash, lose) = rates(settings);
    let hits = |calls: u64| share(calls, crash + lose, WHOLE);
    let hit = hits(call);
    if hits(call + 1) == hit {
        return None;
    }
    let crashes = share(hit, crash, crash + lose);
    if share(hit + 1, crash, crash + lose) > crashes {
        in_turn(&settings.crash_kinds, crashes).map(Fault::Crash)
    } else {
        in_turn(&settings.partial_failure_kinds, hit - crashes).map(Fault::Lose)
    }
}

fn fault_drawn(settings: &Settings, seed: u64, call: u64) -> Option<Fault> {
    let (crash, lose) = rates(settings);
    let drawn = draw(seed, call, Salt::Fault) % WHOLE;
    let kind = draw(seed, call, Salt::Kind);
    if drawn < crash {
        in_turn(&settings.crash_kinds, kind).map(Fault::Crash)
    } else if drawn < crash + lose {
        in_turn(&settings.partial_failure_kinds, kind).map(Fault::Lose)
    } else {
        None
    }
}

/// In millionths.
fn rates(settings: &Settings) -> (u64, u64) {
    let millionths = |rate: f64| (rate.clamp(0.0, 1.0) * WHOLE as f64).round() as u64;
    (millionths(settings.crash_rate), millionths(settings.partial_failure_rate))
}

/// How many of the first `count` are hit when `part` of `whole` are.
fn share(count: u64, part: u64, whole: u64) -> u64 {
    let hit = u128::from(count) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(hit).unwrap_or(u64::MAX)
}

fn in_turn<T: Copy>(kinds: &[T], turn: u64) -> Option<T> {
    let turn = turn.checked_rem(kinds.len() as u64)?;
    kinds.get(turn as usize).copied()
}

/// What a number is drawn for: the draws of one call must not hang together.
#[derive(Clone, Copy)]
enum Salt {
    Late = 1,
    Jitter,
    Fault,
    Kind,
}

/// SplitMix64 (Steele, Lea, Flood 2014) over seed, call and salt.
fn draw(seed: u64, call: u64, salt: Salt) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let stream = mix(seed.wrapping_add(GOLDEN.wrapping_mul(salt as u64)));
    mix(stream.wrapping_add(GOLDEN.wrapping_mul(call.wrapping_add(1))))
}

#[cfg(test)]
mod tests;
