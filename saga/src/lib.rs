//! The pure core: states, events, effects and the transition between them.
