//! The repository's rules, the whole system end to end, and its faults.

mod tidy;
