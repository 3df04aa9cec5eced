//! What the trace does not say, made up from a seed and nothing else: who asked, by which feature and model, and how
//! the product calls us. The same trace and seed give the same answer on every machine and in every run.

use chit_types::{Hash, Timestamp};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::replay::trace::{Row, Trace};

/// A few hundred customers, the first by far the busiest.
pub const CUSTOMERS: usize = 300;
/// Models of the starter cost table, with how often each is asked.
const MODELS: [(&str, u32); 6] = [
    ("gpt-4o-mini", 30),
    ("claude-haiku-4-5", 22),
    ("gpt-4o", 18),
    ("claude-sonnet-4-5", 16),
    ("deepseek-chat", 9),
    ("claude-opus-4-5", 5),
];
/// Event types of the starter price book, with how often each happens.
const EVENT_TYPES: [(&str, u32); 3] = [("chat.reply", 70), ("doc.summarize", 22), ("agent.run", 8)];
/// What a product allows an answer when it asks for an authorization, in tokens.
const OUTPUT_ALLOWANCES: [(i64, u32); 3] = [(256, 40), (512, 40), (1_024, 20)];
/// How the product calls: half asks first, half tells afterwards.
const PATHS: [(Path, u32); 5] = [
    (Path::Authorize { parts: 1 }, 40),
    (Path::Authorize { parts: 2 }, 6),
    (Path::Authorize { parts: 3 }, 4),
    (Path::Stream, 35),
    (Path::Batch, 15),
];

/// How one action reaches metering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// Authorized by estimate, then settled by the recorded tokens in this many cumulative parts.
    Authorize {
        /// 1 where it is settled at once.
        parts: u32,
    },
    /// An item of the event stream.
    Stream,
    /// An item of a batch.
    Batch,
}

/// This trace with this seed: what every id and key of a replay begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

/// One recorded request as the product's action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Made of trace digest, seed and row.
    pub event_id: String,
    /// Index of the customer, 0 the busiest.
    pub customer: usize,
    /// What happened.
    pub event_type: &'static str,
    /// The model that answered.
    pub model: &'static str,
    /// How it reaches metering.
    pub path: Path,
    /// When, in this replay.
    pub occurred_at: Timestamp,
    /// Tokens of the prompt, as recorded.
    pub input_tokens: i64,
    /// Tokens of the answer, as recorded.
    pub output_tokens: i64,
    /// Tokens of the answer the product allows beforehand.
    pub allowed_output_tokens: i64,
}

impl RunName {
    /// Of a trace and a seed.
    pub fn of(digest: Hash, seed: u64) -> RunName {
        let hash = Hash::of(&[&digest.0, &seed.to_be_bytes()]).to_string();
        RunName(hash[..16].to_owned())
    }

    /// The id of a customer.
    pub fn customer(&self, index: usize) -> String {
        format!("replay-{}-{index:03}", &self.0[..8])
    }

    /// The id of a row's event.
    pub fn event(&self, row: u64) -> String {
        format!("replay-{}-{row:06}", self.0)
    }

    /// The reference of every grant that funds the run.
    pub fn funding(&self) -> String {
        format!("replay-{}", self.0)
    }
}

/// Every readable row as an action, moved in time so that the first one happens at `base`.
pub fn assign(trace: &Trace, seed: u64, base: Timestamp) -> Vec<Action> {
    let run = RunName::of(trace.digest, seed);
    let customers = Zipf::of(CUSTOMERS);
    let first = trace.first_at();
    trace.rows.iter().map(|row| action(&run, &customers, row, seed, base + row.at.since(first))).collect()
}

fn action(run: &RunName, customers: &Zipf, row: &Row, seed: u64, occurred_at: Timestamp) -> Action {
    // A stream of its own for each row: a bad row elsewhere changes nothing here.
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(row.number);
    Action {
        event_id: run.event(row.number),
        customer: customers.pick(&mut random),
        event_type: pick(&EVENT_TYPES, &mut random),
        model: pick(&MODELS, &mut random),
        path: pick(&PATHS, &mut random),
        occurred_at,
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        allowed_output_tokens: pick(&OUTPUT_ALLOWANCES, &mut random),
    }
}

fn pick<T: Copy>(choices: &[(T, u32)], random: &mut ChaCha8Rng) -> T {
    let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
    let mut point = random.next_u32() % total;
    for (choice, weight) in choices {
        if point < *weight {
            return *choice;
        }
        point -= weight;
    }
    choices[choices.len() - 1].0
}

/// The n-th customer is asked for 1/n as often as the first, in whole numbers.
struct Zipf {
    cumulative: Vec<u64>,
}

impl Zipf {
    const FIRST: u64 = 1_000_000;

    fn of(count: usize) -> Zipf {
        let mut sum = 0;
        let weights = (1..=count as u64).map(|rank| Self::FIRST / rank);
        Zipf {
            cumulative: weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        }
    }

    fn pick(&self, random: &mut ChaCha8Rng) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(1);
        let point = random.next_u64() % total;
        self.cumulative.partition_point(|&end| end <= point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn excerpt() -> Trace {
        Trace::parse(include_bytes!("../../../../tests/data/azure_llm_conversation_500.csv")).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_actions_for_ever() {
        let actions = assign(&excerpt(), 1, Timestamp::from_seconds(1_000));
        assert_eq!(actions, assign(&excerpt(), 1, Timestamp::from_seconds(1_000)));
        assert_ne!(actions, assign(&excerpt(), 2, Timestamp::from_seconds(1_000)));
        let first = &actions[0];
        assert_eq!(first.occurred_at, Timestamp::from_seconds(1_000));
        assert_eq!(first.event_id, "replay-b2dd72acceea1f6b-000001");
    }

    #[test]
    fn a_bad_row_moves_no_other_rows_assignment() {
        let mut trace = excerpt();
        let whole = assign(&trace, 7, Timestamp::EPOCH);
        trace.rows.remove(3);
        let fewer = assign(&trace, 7, Timestamp::EPOCH);
        assert_eq!(whole[4], fewer[3]);
    }

    #[test]
    fn half_asks_first_and_customers_are_spread_like_zipf() {
        let actions = assign(&excerpt(), 1, Timestamp::EPOCH);
        let asked = actions.iter().filter(|a| matches!(a.path, Path::Authorize { .. })).count();
        assert!((200..=300).contains(&asked), "{asked} of 500");
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for action in &actions {
            *counts.entry(action.customer).or_default() += 1;
        }
        assert!(
            counts.len() > 90 && counts[&0] > 50,
            "{} customers, {} of the first",
            counts.len(),
            counts[&0]
        );
        assert!(counts.keys().all(|&customer| customer < CUSTOMERS));
    }
}
