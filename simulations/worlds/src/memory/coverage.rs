//! Which fault hit a saga in which state between which two effects.

use super::faults::{Fault, Moment};
use saga::StateName;
use std::array;
use std::collections::BTreeMap;
use std::fmt;

/// States as coverage counts them; `None`: there is no saga yet.
fn states() -> [Option<StateName>; StateName::ALL.len() + 1] {
    array::from_fn(|index| index.checked_sub(1).map(|index| StateName::ALL[index]))
}

/// Hits, by fault, moment and state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    hits: BTreeMap<(Fault, Moment, Option<StateName>), u64>,
}

impl Coverage {
    pub(super) fn hit(&mut self, fault: Fault, moment: Moment, state: Option<StateName>) {
        *self.hits.entry((fault, moment, state)).or_insert(0) += 1;
    }

    /// Adds another run's hits.
    pub fn add(&mut self, other: &Coverage) {
        for (place, hits) in &other.hits {
            *self.hits.entry(*place).or_insert(0) += hits;
        }
    }

    /// Places that were hit.
    pub fn places(&self) -> usize {
        self.hits.len()
    }

    /// How often a fault hit a saga in this state at this moment.
    pub fn hits(&self, fault: Fault, moment: Moment, state: Option<StateName>) -> u64 {
        self.hits.get(&(fault, moment, state)).copied().unwrap_or(0)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<27}", "fault at moment")?;
        for state in states() {
            write!(f, "{:>10}", state.map_or("absent", StateName::as_str))?;
        }
        writeln!(f)?;
        for fault in Fault::ALL {
            for moment in Moment::ALL {
                let hits = states().map(|state| self.hits(fault, moment, state));
                if hits.iter().all(|hits| *hits == 0) {
                    continue;
                }
                write!(f, "{:<18} {:<8}", fault.name(), moment.name())?;
                for hits in hits {
                    if hits == 0 { write!(f, "{:>10}", "·")? } else { write!(f, "{hits:>10}")? }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
