//! Which traces are kept: decided where a trace begins here, and told to everybody after by the
//! flag in its context.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/trace/sdk/#built-in-samplers>.

/// The flag of a trace that is kept: whoever works on it tells of its spans.
pub(super) const SAMPLED: u8 = 0x01;

/// A decision about a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampler {
    /// The caller's decision counts, if there is a caller.
    ParentBased(Root),
    /// Nobody else is asked.
    Alone(Root),
}

/// A decision about a trace that begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// Those whose low 63 bits are below this bound, so that every service keeps the same ones.
    Below(u64),
}

const ALWAYS: Root = Root::Below(1 << 63);
const NEVER: Root = Root::Below(0);

impl Sampler {
    /// By the names of `OTEL_TRACES_SAMPLER`; `None` for others, and for an argument that is no ratio.
    pub(crate) fn of(name: Option<&str>, argument: Option<&str>) -> Option<Sampler> {
        let name = name.map_or("", str::trim);
        let ratio = || match argument.map(str::trim).filter(|text| !text.is_empty()) {
            None => Some(ALWAYS),
            Some(text) => text.parse().ok().and_then(Root::of_ratio),
        };
        match name {
            "" | "parentbased_always_on" => Some(Sampler::ParentBased(ALWAYS)),
            "parentbased_always_off" => Some(Sampler::ParentBased(NEVER)),
            "parentbased_traceidratio" => ratio().map(Sampler::ParentBased),
            "always_on" => Some(Sampler::Alone(ALWAYS)),
            "always_off" => Some(Sampler::Alone(NEVER)),
            "traceidratio" => ratio().map(Sampler::Alone),
            _ => None,
        }
    }

    /// The flags of a trace: `caller` has what its context said, if there is one.
    pub(super) fn flags_of(self, trace_id: u128, caller: Option<u8>) -> u8 {
        let others = caller.unwrap_or(0) & !SAMPLED;
        if self.keeps(trace_id, caller) { others | SAMPLED } else { others }
    }

    fn keeps(self, trace_id: u128, caller: Option<u8>) -> bool {
        match (self, caller) {
            (Sampler::ParentBased(_), Some(flags)) => flags & SAMPLED != 0,
            (Sampler::ParentBased(root), None) | (Sampler::Alone(root), _) => root.keeps(trace_id),
        }
    }
}

impl Root {
    fn of_ratio(ratio: f64) -> Option<Root> {
        let bound = ratio * (1_u64 << 63) as f64;
        (0.0..=1.0).contains(&ratio).then_some(Root::Below(bound as u64))
    }

    fn keeps(self, trace_id: u128) -> bool {
        let Root::Below(bound) = self;
        (trace_id as u64) >> 1 < bound
    }
}

#[cfg(test)]
mod tests;
