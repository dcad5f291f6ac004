//! The agent's binary against the sandbox.
//!
//! What needs no process, socket or file belongs into the unit tests, where hours pass at once.

mod agent;
mod clock;
mod cloud;
mod command_line;
mod corpus;
mod faults;
mod gate;
mod health;
mod identity;
mod kills;
mod looking;
mod machine_clock;
mod outages;
mod refreshing;
mod refusals;
mod signals;
mod sources;
mod token;
mod via;
mod waiting;
mod witness;
