//! What goes on beside the calls: what is due in idle wallets is booked, pending rows join the feed, what is kept for
//! a time only is forgotten. Each is bounded, restartable and safe to run twice at once.

mod purge;
mod sequencer;
mod sweeper;

pub use purge::purge;
pub use sequencer::sequence;
pub use sweeper::sweep;
