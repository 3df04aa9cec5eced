//! A transaction's free text as a column: an object of what is set, so that erasing it is one update.

use serde::{Deserialize, Serialize};

use super::{Unreadable, parse};
use crate::domain::Text;

/// A transaction's free text, without its salt.
#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct FreeText {
    #[serde(skip_serializing_if = "String::is_empty")]
    reference: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    metadata: std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<String>,
}

/// Reference, description, metadata and subjects, as an object of what is set.
#[must_use]
pub fn text(text: &Text) -> String {
    let free = FreeText {
        reference: text.reference.clone(),
        description: text.description.clone(),
        metadata: text.metadata.clone(),
        subjects: text.subjects.clone(),
    };
    serde_json::to_string(&free).expect("texts")
}

/// Reads [`text`].
pub fn read_text(salt: [u8; 16], text: &str) -> Result<Text, Unreadable> {
    let free: FreeText = parse("text", text)?;
    Ok(Text {
        salt,
        reference: free.reference,
        description: free.description,
        metadata: free.metadata,
        subjects: free.subjects,
    })
}
