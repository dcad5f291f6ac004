//! The agent's binary against the sandbox.
