//! The built binary as real processes, used as somebody uses it, and killed as machines kill it.
//!
//! Each test starts its own system on its own ports and directory, and is alone while it runs: its bounds in time
//! mean something. After every kill the same is asked: does each acknowledged order settle, is stock taken exactly
//! once, is nothing stuck?

mod client;
mod console;
mod failover;
mod given_databases;
mod hazards;
mod inventory_down;
mod logins;
mod newcomer;
mod observability;
mod power_cut;
mod reconcile;
mod services_apart;
mod standby;
mod start_up;
mod support;
mod tracing;
mod unheard;
