//! What commands print: tables that read well, or JSON for scripts. Results go to stdout, everything else to stderr.

use std::io::{self, Write};
use std::time::Duration;

use chit_api::types::v1 as types;
use chit_rpc::credits_from_proto;
use chit_types::{Credits, Timestamp};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::Value;

/// For people or for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tables and sentences.
    Text,
    /// One JSON value.
    Json,
}

/// Writes a line of result. A reader that went away, such as `head`, ends the program quietly.
pub fn say(line: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Writes one JSON value on one line.
pub fn say_json(value: &Value) {
    say(value.to_string());
}

/// A table with these column heads. Columns whose head begins with `>` are numbers and stand right.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    if !heads.is_empty() {
        table.set_header(heads.iter().map(|head| head.trim_start_matches('>')));
    }
    for (index, head) in heads.iter().enumerate() {
        if let Some(column) = table.column_mut(index).filter(|_| head.starts_with('>')) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A two-column list of facts, without heads.
pub fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    let mut table = table(&[]);
    for (name, value) in rows {
        table.add_row(vec![name.to_owned(), value]);
    }
    table
}

/// An amount of a message; unset is nothing.
pub fn amount(credits: Option<&types::Credits>) -> Credits {
    credits.and_then(|credits| credits_from_proto(credits).ok()).unwrap_or(Credits::ZERO)
}

/// An amount for people: thousands grouped.
pub fn credits(amount: Credits) -> String {
    group(&amount.to_string())
}

/// The amount of a message for people.
pub fn shown(credits_message: Option<&types::Credits>) -> String {
    credits(amount(credits_message))
}

/// A count for people.
pub fn count(number: impl ToString) -> String {
    group(&number.to_string())
}

/// A time for people, to the second; unset is a dash.
pub fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(chit_rpc::timestamp_from_proto).map_or_else(|| "-".to_owned(), moment)
}

/// A time for people, to the second.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}", &text[..10.min(text.len())], text.get(11..19).unwrap_or_default())
}

/// A span in seconds with three decimals.
pub fn seconds(span: Duration) -> String {
    format!("{}.{:03}", span.as_secs(), span.subsec_millis())
}

/// An enum's value for people: its name without the common prefix, in small letters.
pub fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase().replace('_', " ")
}

/// Groups the digits before the point of a decimal by thousands.
pub fn group(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
    format!("{sign}{grouped}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |decimal: &str, expect: &str| assert_eq!(group(decimal), expect);
        check("0", "0");
        check("999", "999");
        check("1000", "1,000");
        check("-1234567.25", "-1,234,567.25");
        assert_eq!(word("EVENT_STATE_PARTLY_SETTLED", "EVENT_STATE_"), "partly settled");
        assert_eq!(moment(Timestamp::EPOCH), "1970-01-01 00:00:00");
        assert_eq!(seconds(Duration::from_millis(1_002)), "1.002");
    }
}
