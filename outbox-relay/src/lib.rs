//! The relay: claims, drives sagas, calls inventory, records every step.
