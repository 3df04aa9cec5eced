//! The repository's rules, the whole system end to end, and its faults.

mod end_to_end;
mod faults;
mod planted;
mod tidy;
