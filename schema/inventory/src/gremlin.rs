//! Table `gremlin`: what faults all replicas inject, and the counter they share.
