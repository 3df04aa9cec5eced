//! One JSON line a measure, with what is needed to believe it.

use serde_json::{Map, Value, json};

use crate::meters::load_average;

/// A measure's line in the making.
pub struct Line(Map<String, Value>);

impl Line {
    /// Begins a line.
    pub fn of(measure: &str) -> Self {
        let mut map = Map::new();
        map.insert("measure".to_owned(), json!(measure));
        Self(map)
    }

    /// A figure, to four significant digits.
    pub fn figure(mut self, name: &str, value: f64) -> Self {
        self.0.insert(name.to_owned(), json!(significant(value)));
        self
    }

    /// Minimum, median and maximum of the rounds; the median under the plain name.
    pub fn rounds(mut self, name: &str, values: &[f64]) -> Self {
        let sorted = sorted(values);
        if let (Some(first), Some(last)) = (sorted.first(), sorted.last()) {
            self.0.insert(format!("{name}_min"), json!(significant(*first)));
            self.0.insert(format!("{name}_max"), json!(significant(*last)));
        }
        self.0.insert("rounds".to_owned(), json!(values.len()));
        self.figure(name, median(values))
    }

    /// A fact.
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A bar, and whether the figure meets it.
    pub fn must(mut self, name: &str, value: f64, holds: Bar) -> Self {
        let (met, text) = match holds {
            Bar::AtLeast(bar) => (value >= bar, format!("{name} >= {bar}")),
            Bar::AtMost(bar) => (value <= bar, format!("{name} <= {bar}")),
        };
        let list = self.0.entry("must").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!({ "bar": text, "met": met }));
        }
        self
    }

    /// Prints it.
    pub fn print(mut self) {
        self.0.insert("load".to_owned(), json!(load_average()));
        println!("{}", Value::Object(self.0));
    }
}

/// What a figure must be.
#[derive(Clone, Copy)]
pub enum Bar {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}
