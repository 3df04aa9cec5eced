//! What metering decides, pure: time and ids come in, facts and wallet operations go out.
//!
//! In reading order: [`names`] (where an event lives), [`event`] (what was said of it), [`clockwork`]
//! (when it counts), [`price`], [`sums`] (what is added up), [`fact`] (what is recorded), [`pending`]
//! (what is owed to the wallet), [`authorization`], [`reversal`], [`usage`] (the roll-ups), [`refusal`].

pub mod authorization;
pub mod clockwork;
pub mod event;
pub mod fact;
pub mod micros;
pub mod names;
pub mod pending;
pub mod price;
pub mod refusal;
pub mod reversal;
pub mod sums;
pub mod usage;
