//! The contract's limits, each in one place.

/// Ids and keys that callers choose: bytes, at least one.
pub const KEY_BYTES: usize = 128;
/// A description: bytes.
pub const DESCRIPTION_BYTES: usize = 256;
/// A reference to something of the caller's: bytes.
pub const REFERENCE_BYTES: usize = 128;
/// Metadata pairs.
pub const METADATA_PAIRS: usize = 16;
/// A metadata key: bytes.
pub const METADATA_KEY_BYTES: usize = 64;
/// A metadata value: bytes.
pub const METADATA_VALUE_BYTES: usize = 256;
/// Subjects of one operation.
pub const SUBJECTS: usize = 8;
/// Event types a grant may be restricted to.
pub const EVENT_TYPES_PER_GRANT: usize = 16;
/// The highest priority number of a grant.
pub const PRIORITY_MAX: u16 = 1_000;
/// The priority of a grant that names none.
pub const PRIORITY_DEFAULT: u16 = 100;
/// Balance thresholds a wallet may have.
pub const THRESHOLDS: usize = 4;
/// Items of one batch call.
pub const BATCH_ITEMS: usize = 1_000;
/// Unanswered items of one stream before we stop reading.
pub const STREAM_UNANSWERED: usize = 1_024;
/// The largest page of a list.
pub const PAGE_SIZE_MAX: usize = 1_000;
/// The page of a list that names no size.
pub const PAGE_SIZE_DEFAULT: usize = 100;
