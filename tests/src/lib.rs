//! What the end-to-end, fault and bench programs share: starting the real executable, and auditing what it left.

pub mod executable;
pub mod python;
