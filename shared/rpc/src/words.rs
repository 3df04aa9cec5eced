//! The texts of a request: ids, keys, labels, and the size of a page, within the contract's limits.

use chit_types::limits;

use crate::violations::Violations;

/// The unit of a wallet that names none.
const DEFAULT_UNIT: &str = "credits";

impl Violations {
    /// A required id or key of the caller's choosing: 1 to 128 bytes.
    pub fn key(&mut self, field: &str, text: &str) {
        if text.is_empty() {
            self.field(field, "is missing");
        }
        self.optional_key(field, text);
    }

    /// An id, key or event type that may be empty: at most 128 bytes.
    pub fn optional_key(&mut self, field: &str, text: &str) {
        self.at_most(field, text, limits::KEY_BYTES);
    }

    /// The unit that `text` names: empty means `credits`.
    pub fn unit<'a>(&mut self, field: &str, text: &'a str) -> &'a str {
        self.optional_key(field, text);
        if text.is_empty() { DEFAULT_UNIT } else { text }
    }

    /// A text of at most `limit` bytes.
    pub fn at_most(&mut self, field: &str, text: &str, limit: usize) {
        if text.len() > limit {
            self.field(field, format!("has {} bytes; at most {limit} are taken", text.len()));
        }
        // PostgreSQL stores no such text; SQLite would, and the two must agree.
        if text.contains('\0') {
            self.field(field, "contains a zero byte");
        }
    }

    /// A description: at most 256 bytes.
    pub fn description(&mut self, field: &str, text: &str) {
        self.at_most(field, text, limits::DESCRIPTION_BYTES);
    }

    /// A reference to something of the caller's: at most 128 bytes.
    pub fn reference(&mut self, field: &str, text: &str) {
        self.at_most(field, text, limits::REFERENCE_BYTES);
    }

    /// Metadata: at most 16 pairs, keys of 1 to 64 and values of at most 256 bytes.
    pub fn metadata<'a>(&mut self, field: &str, pairs: impl IntoIterator<Item = (&'a String, &'a String)>) {
        let mut count = 0;
        for (key, value) in pairs {
            count += 1;
            let name = format!("{field}[{}]", shown(key));
            if key.is_empty() {
                self.field(&name, "has an empty key");
            }
            self.at_most(&name, key, limits::METADATA_KEY_BYTES);
            self.at_most(&name, value, limits::METADATA_VALUE_BYTES);
        }
        self.at_most_items(field, count, limits::METADATA_PAIRS);
    }

    /// Subjects: at most 8, each 1 to 128 bytes, none twice.
    pub fn subjects(&mut self, field: &str, subjects: &[String]) {
        self.distinct_keys(field, subjects, limits::SUBJECTS);
    }

    /// The event types of a grant: at most 16, each 1 to 128 bytes, none twice.
    pub fn event_types(&mut self, field: &str, event_types: &[String]) {
        self.distinct_keys(field, event_types, limits::EVENT_TYPES_PER_GRANT);
    }

    /// Keys, none twice, at most `limit`.
    pub fn distinct_keys(&mut self, field: &str, keys: &[String], limit: usize) {
        // Beyond the limit nothing is looked at: a request must not cost the square of its length.
        if !self.at_most_items(field, keys.len(), limit) {
            return;
        }
        for (index, key) in keys.iter().enumerate() {
            let name = format!("{field}[{index}]");
            self.key(&name, key);
            if keys[..index].contains(key) {
                self.field(&name, "is there twice");
            }
        }
    }

    /// A list of `count` items, of which at most `limit` are taken. True where it is short enough.
    pub fn at_most_items(&mut self, field: &str, count: usize, limit: usize) -> bool {
        if count > limit {
            self.field(field, format!("has {count} items; at most {limit} are taken"));
        }
        count <= limit
    }

    /// The size of a page: 0 means 100, at most 1,000.
    pub fn page_size(&mut self, field: &str, size: i32) -> usize {
        match usize::try_from(size) {
            Ok(0) => limits::PAGE_SIZE_DEFAULT,
            Ok(size) if size <= limits::PAGE_SIZE_MAX => size,
            Ok(_) | Err(_) => {
                self.field(field, format!("is not within 0 and {}", limits::PAGE_SIZE_MAX));
                limits::PAGE_SIZE_DEFAULT
            }
        }
    }
}

/// A key of the caller's as far as an error should repeat it.
fn shown(key: &str) -> String {
    key.chars().take(limits::METADATA_KEY_BYTES).collect()
}
