//! A provider cost table as CSV text, read whole or refused whole with every fault and its line.

use std::collections::{BTreeMap, HashMap};

use chit_pricebook::{ModelCost, Pool, ProviderPrice};
use chit_types::limits::KEY_BYTES;
use csv::{ReaderBuilder, StringRecord, Trim};

/// Models of one table.
pub const MODELS_MAX: usize = 10_000;
/// Bytes of one text.
pub const CSV_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Faults told at most.
const FAULTS_MAX: usize = 100;
/// Bytes of the informative columns.
const NOTE_BYTES: usize = 64;
/// The columns that are known; prices by the pool's word.
const OTHER_COLUMNS: [&str; 5] = ["provider", "model", "mode", "max_input_tokens", "max_output_tokens"];
/// The columns that must be there.
const REQUIRED_COLUMNS: [&str; 3] = ["model", "input", "output"];

/// One fault, such as `line 3: input is not a decimal number such as 0.25`.
pub type Fault = String;

/// The models of a table by name, or every fault.
pub fn parse(text: &str) -> Result<BTreeMap<String, ModelCost>, Vec<Fault>> {
    let mut faults = Faults::default();
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(vec![format!("line 1: {error}")]),
    };
    let columns = columns(&header, &mut faults);
    let mut models = BTreeMap::new();
    let mut lines: HashMap<String, u64> = HashMap::new();
    if faults.0.is_empty() {
        for record in reader.records() {
            let Some(record) = readable(record, header.len(), &mut faults) else {
                continue;
            };
            let line = record.position().map_or(0, csv::Position::line);
            let (model, cost) = Row { record: &record, columns: &columns, line }.read(&mut faults);
            if let Some(first) = lines.insert(model.clone(), line) {
                faults.add(line, &format!("model {model} stands in line {first} too"));
            }
            models.insert(model, cost);
        }
        if lines.is_empty() {
            faults.add(1, "no model follows the header");
        }
        if models.len() > MODELS_MAX {
            faults.add(1, &format!("{} models are more than {MODELS_MAX}", models.len()));
        }
    }
    faults.finish(models)
}

#[derive(Default)]
struct Faults(Vec<Fault>, usize);

impl Faults {
    fn add(&mut self, line: u64, description: &str) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(format!("line {line}: {description}"));
        } else {
            self.1 += 1;
        }
    }

    fn finish<T>(mut self, value: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        if self.1 > 0 {
            self.0.push(format!("{} faults more", self.1));
        }
        Err(self.0)
    }
}

/// The place of each known column.
fn columns(header: &StringRecord, faults: &mut Faults) -> HashMap<String, usize> {
    let known =
        |name: &str| OTHER_COLUMNS.contains(&name) || Pool::ALL.iter().any(|pool| pool.word() == name);
    let mut columns = HashMap::new();
    for (place, name) in header.iter().enumerate() {
        if !known(name) {
            faults.add(1, &format!("column {name:?} is not known"));
        } else if columns.insert(name.to_string(), place).is_some() {
            faults.add(1, &format!("column {name} stands twice"));
        }
    }
    for name in REQUIRED_COLUMNS {
        if !columns.contains_key(name) {
            faults.add(1, &format!("column {name} is missing"));
        }
    }
    columns
}

fn readable(
    record: Result<StringRecord, csv::Error>,
    fields: usize,
    faults: &mut Faults,
) -> Option<StringRecord> {
    match record {
        Ok(record) if record.len() == fields => Some(record),
        Ok(record) => {
            let line = record.position().map_or(0, csv::Position::line);
            faults.add(line, &format!("has {} fields, and the header {fields}", record.len()));
            None
        }
        Err(error) => {
            let line = error.position().map_or(0, csv::Position::line);
            faults.add(line, "cannot be read as CSV");
            None
        }
    }
}

struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a HashMap<String, usize>,
    line: u64,
}

impl Row<'_> {
    fn read(&self, faults: &mut Faults) -> (String, ModelCost) {
        let model = self.cell("model");
        if model.is_empty() || model.len() > KEY_BYTES || model.contains('\0') {
            faults.add(self.line, &format!("model is not a text of 1 to {KEY_BYTES} bytes"));
        }
        let mut per_million = Pool::ALL.map(|pool| self.price(pool.word(), faults));
        // Providers bill reasoning as output unless they name a price of its own.
        let reasoning = &mut per_million[Pool::Reasoning.index()];
        if reasoning.is_none() && self.cell("reasoning").is_empty() {
            *reasoning = self.price("output", &mut Faults::default());
        }
        let cost = ModelCost {
            provider: self.note("provider", faults),
            mode: self.note("mode", faults),
            per_million,
            max_input_tokens: self.count("max_input_tokens", faults),
            max_output_tokens: self.count("max_output_tokens", faults),
        };
        (model.to_string(), cost)
    }

    /// Empty where the column is missing too.
    fn cell(&self, column: &str) -> &str {
        let place = self.columns.get(column);
        place.and_then(|place| self.record.get(*place)).unwrap_or_default()
    }

    fn price(&self, column: &str, faults: &mut Faults) -> Option<ProviderPrice> {
        let text = self.cell(column);
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|error| faults.add(self.line, &format!("{column} {error}"))).ok()
    }

    fn count(&self, column: &str, faults: &mut Faults) -> u64 {
        let text = self.cell(column);
        if text.is_empty() {
            return 0;
        }
        text.parse().unwrap_or_else(|_| {
            faults.add(self.line, &format!("{column} is not a whole number of zero or more"));
            0
        })
    }

    fn note(&self, column: &str, faults: &mut Faults) -> String {
        let text = self.cell(column);
        if text.len() > NOTE_BYTES || text.contains('\0') {
            faults.add(self.line, &format!("{column} is not a text of at most {NOTE_BYTES} bytes"));
        }
        text.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_exactly() {
        let text = "provider,model,mode,input,cache_read,cache_write,output,max_input_tokens,max_output_tokens\n\
                    openai,gpt,chat,2.5,1.25,,10,128000,16384\nx,tiny,embedding,1.3e-4,,,0,8192,\n";
        let models = parse(text).unwrap();
        let shown = |model: &str| models[model].per_million.map(|price| price.map(|price| price.to_string()));
        let some = |text: &str| Some(text.to_string());
        assert_eq!(shown("gpt"), [some("2.5"), some("1.25"), None, some("10"), some("10"), None, None]);
        assert_eq!(shown("tiny"), [some("0.00013"), None, None, some("0"), some("0"), None, None]);
        assert_eq!(models["gpt"].max_output_tokens, 16_384);
    }

    #[test]
    fn every_bad_row_is_told_with_its_line() {
        let check = |text: &str, wanted: &[&str]| assert_eq!(parse(text).unwrap_err(), wanted, "{text}");
        check("model,input", &["line 1: column output is missing"]);
        check(
            "model,input,output,colour,input\n",
            &["line 1: column \"colour\" is not known", "line 1: column input stands twice"],
        );
        check("model,input,output\n", &["line 1: no model follows the header"]);
        check(
            "",
            &[
                "line 1: column model is missing",
                "line 1: column input is missing",
                "line 1: column output is missing",
            ],
        );
        check(
            "model,input,output,max_input_tokens\na,1,2,3\n,x,-1,\nb,1\na,1e-19,1,-1\n",
            &[
                "line 3: model is not a text of 1 to 128 bytes",
                "line 3: input is not a decimal number such as 0.25",
                "line 3: output is not between 0 and 1000000000",
                "line 4: has 2 fields, and the header 4",
                "line 5: input has more than 18 decimals",
                "line 5: max_input_tokens is not a whole number of zero or more",
                "line 5: model a stands in line 2 too",
            ],
        );
    }
}
