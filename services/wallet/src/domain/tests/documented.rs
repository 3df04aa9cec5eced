//! The worked examples of `docs/rules.md` are played: what finance reads is what the rules do.

use super::script::check;

const DOC: &str = include_str!("../../../../../docs/rules.md");

#[test]
fn every_documented_example_is_true() {
    let examples: Vec<&str> =
        DOC.split("```wallet\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() > 20, "{} examples", examples.len());
    for example in examples {
        check(example);
    }
}
