//! A recorded trace, read whole: arrival time, tokens in and out. A row that cannot be read is kept as a fault
//! with its line, so that nothing is skipped in silence.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chit_types::{Hash, Timestamp};
use csv::{ByteRecord, ReaderBuilder};

/// The columns of the Azure trace, in its order.
const HEADER: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
/// More tokens than any model takes or gives in one call: such a row is a fault of the file.
const TOKENS_MAX: i64 = 100_000_000;

/// A trace file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// SHA-256 of the file: with the seed it names this replay.
    pub digest: Hash,
    /// The rows that could be read, in the file's order.
    pub rows: Vec<Row>,
    /// The rows that could not.
    pub faults: Vec<Fault>,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// 1, 2, 3 … in the file, unreadable rows counted: what event ids are made of.
    pub number: u64,
    /// When it arrived, as recorded.
    pub at: Timestamp,
    /// Tokens of the prompt.
    pub input_tokens: i64,
    /// Tokens of the answer.
    pub output_tokens: i64,
}

/// A row that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its line in the file.
    pub line: u64,
    /// What is wrong with it.
    pub problem: String,
}

impl Trace {
    /// Reads a file.
    pub fn open(path: &Path) -> anyhow::Result<Trace> {
        let bytes = fs::read(path).with_context(|| format!("cannot read the trace {}", path.display()))?;
        Trace::parse(&bytes).with_context(|| format!("{} is no trace", path.display()))
    }

    /// Reads the bytes of a file. Fails where the header is another one, or no row can be read.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Trace> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record)? || !is_header(&record) {
            bail!("its first line is not the header {}", HEADER.join(","));
        }
        let mut trace = Trace { digest: Hash::of(&[bytes]), rows: Vec::new(), faults: Vec::new() };
        let (mut number, mut lines) = (0, Lines::of(text));
        while reader.read_byte_record(&mut record)? {
            number += 1;
            match row(number, &record) {
                Ok(row) => trace.rows.push(row),
                Err(problem) => {
                    let start = record.position().map_or(0, csv::Position::byte);
                    trace.faults.push(Fault { line: lines.at(start), problem });
                }
            }
        }
        if trace.rows.is_empty() {
            bail!("none of its {} rows can be read", trace.faults.len());
        }
        Ok(trace)
    }

    /// The first recorded instant. Rows need not be in order of time.
    pub fn first_at(&self) -> Timestamp {
        self.rows.iter().map(|row| row.at).min().unwrap_or(Timestamp::EPOCH)
    }

    /// From the first recorded instant to the last.
    pub fn span(&self) -> Duration {
        let last = self.rows.iter().map(|row| row.at).max().unwrap_or(Timestamp::EPOCH);
        last.since(self.first_at())
    }
}

/// Counts lines up to a place; places only rise.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    fn at(&mut self, byte: u64) -> u64 {
        let mut end = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        // The reader begins a record at the second half of the line end before it.
        while matches!(self.text.get(end), Some(b'\r' | b'\n')) {
            end += 1;
        }
        let new = self.text[self.counted.min(end)..end].iter().filter(|&&byte| byte == b'\n').count();
        self.counted = end;
        self.line += new as u64;
        self.line
    }
}

fn is_header(record: &ByteRecord) -> bool {
    record.len() == HEADER.len()
        && record
            .iter()
            .zip(HEADER)
            .all(|(found, known)| found.trim_ascii().eq_ignore_ascii_case(known.as_bytes()))
}

fn row(number: u64, record: &ByteRecord) -> Result<Row, String> {
    if record.len() != HEADER.len() {
        return Err(format!("has {} columns instead of {}", record.len(), HEADER.len()));
    }
    let cell = |index: usize| {
        std::str::from_utf8(&record[index])
            .map(str::trim)
            .map_err(|_| format!("{} is not UTF-8", HEADER[index]))
    };
    Ok(Row {
        number,
        at: timestamp(cell(0)?)
            .ok_or_else(|| format!("{} `{}` is not a UTC time", HEADER[0], shown(&record[0])))?,
        input_tokens: tokens(HEADER[1], cell(1)?)?,
        output_tokens: tokens(HEADER[2], cell(2)?)?,
    })
}

/// `2023-11-16 18:15:46.6805900` or RFC 3339, cut to microseconds.
fn timestamp(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let zone = if time.ends_with('Z') || time.contains(['+', '-']) { "" } else { "Z" };
    Timestamp::parse(&format!("{date}T{time}{zone}"))
}

fn tokens(column: &str, text: &str) -> Result<i64, String> {
    match text.parse::<i64>() {
        Ok(count) if (0..=TOKENS_MAX).contains(&count) => Ok(count),
        Ok(_) => Err(format!("{column} {text} is not within 0 and {TOKENS_MAX}")),
        Err(_) => Err(format!("{column} `{}` is not a whole number", shown(text.as_bytes()))),
    }
}

/// As much of a cell as a message should repeat.
fn shown(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
        2023-11-16 18:15:46.6805900,374,44\n\
        2023-11-16 18:15:50.9951690,396,109\n";

    #[test]
    fn rows_keep_their_numbers_times_and_tokens() {
        let trace = Trace::parse(TEXT.as_bytes()).unwrap();
        let at = Timestamp::parse("2023-11-16T18:15:50.995169Z").unwrap();
        assert_eq!(trace.rows[1], Row { number: 2, at, input_tokens: 396, output_tokens: 109 });
        assert_eq!(trace.faults, []);
        assert_eq!(trace.span(), Duration::from_micros(4_314_579));
        assert_eq!(trace.digest, Hash::of(&[TEXT.as_bytes()]));
    }

    #[test]
    fn every_bad_row_is_told_with_its_line_and_the_others_stay() {
        let check_text = |text: String, bad: &str, expect: &str| {
            let trace = Trace::parse(text.as_bytes()).unwrap();
            let numbers: Vec<_> = trace.rows.iter().map(|row| row.number).collect();
            assert_eq!(numbers, [1, 2, 4], "{bad}");
            assert_eq!((trace.faults.len(), trace.faults[0].line), (1, 4), "{bad}");
            let problem = &trace.faults[0].problem;
            assert!(problem.contains(expect), "{bad}: {problem}");
        };
        let check = |bad: &str, expect: &str| {
            let text = format!("{TEXT}{bad}\n2023-11-16 19:00:00,1,2\n");
            check_text(text.replace('\n', "\r\n"), bad, expect);
            check_text(text, bad, expect);
        };
        check("2023-11-16 18:15:46,374", "2 columns");
        check("2023-11-16 18:15:46,374,44,1", "4 columns");
        check("yesterday,374,44", "`yesterday` is not a UTC time");
        check("2023-13-16 18:15:46,374,44", "not a UTC time");
        check("2023-11-16 18:15:46,-1,44", "ContextTokens -1 is not within");
        check("2023-11-16 18:15:46,1,1e9", "GeneratedTokens `1e9` is not a whole number");
        check("2023-11-16 18:15:46,1,", "GeneratedTokens `` is not");
        check("2023-11-16 18:15:46,99999999999999999999,1", "is not a whole number");
    }

    #[test]
    fn what_is_no_trace_is_refused_whole() {
        for text in ["", "a,b,c\n1,2,3\n", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "TIMESTAMP\n"] {
            assert!(Trace::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_committed_excerpt_is_five_hundred_good_rows() {
        let bytes = include_bytes!("../../../../tests/data/azure_llm_conversation_500.csv");
        let trace = Trace::parse(bytes).unwrap();
        assert_eq!((trace.rows.len(), trace.faults.len()), (500, 0));
    }
}
