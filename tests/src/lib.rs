//! What the end-to-end, fault and bench programs share: starting the real executable and auditing its databases.
