//! The edge as its users see it: what a request's faults become, and who gets past the layer.

mod fields;
mod passage;
