use std::collections::BTreeMap;

use chit_api::types::v1::{self as types, ErrorReason, OnInsufficient};
use chit_rpc::{AmountRange, Refused, Violation, Violations};
use chit_types::{Credits, Decimal, Timestamp};
use tonic::Code;

/// Runs `read`, and compares field and beginning of the description of what it found.
fn check(expect: &[(&str, &str)], read: impl FnOnce(&mut Violations)) {
    let mut violations = Violations::new();
    read(&mut violations);
    let found = violations.into_list();
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for (violation, (field, beginning)) in found.iter().zip(expect) {
        assert_eq!(violation.field, *field);
        assert!(violation.description.starts_with(beginning), "{violation:?}");
    }
}

fn credits(units: i64, nanos: i32) -> Option<types::Credits> {
    Some(types::Credits { units, nanos })
}

#[test]
fn every_fault_is_told_at_once_with_its_path() {
    let mut violations = Violations::new();
    violations.key("customer_id", "");
    violations.within("details", |inner| {
        inner.description("description", &"x".repeat(257));
        inner.within("deeper", |inner| inner.reference("reference", &"x".repeat(129)));
    });
    violations.key("idempotency_key", &"x".repeat(129));
    let refused = Refused::of(&violations.finish().unwrap_err());
    assert_eq!((refused.code, refused.reason), (Code::InvalidArgument, ErrorReason::InvalidField));
    assert_eq!(refused.message, "customer_id is missing, and 3 more");
    let expect = [
        Violation::new("customer_id", "is missing"),
        Violation::new("details.description", "has 257 bytes; at most 256 are taken"),
        Violation::new("details.deeper.reference", "has 129 bytes; at most 128 are taken"),
        Violation::new("idempotency_key", "has 129 bytes; at most 128 are taken"),
    ];
    assert_eq!(refused.violations, expect);
    assert!(Violations::new().finish().is_ok());
}

#[test]
fn amounts_are_exact_signed_as_asked_and_at_most_a_billion() {
    use AmountRange::{AboveZero, Signed, ZeroOrMore};
    for (amount, range, expect) in [
        (None, ZeroOrMore, Err("is missing")),
        (credits(0, 0), ZeroOrMore, Ok(0)),
        (credits(0, 0), AboveZero, Err("is not above zero")),
        (credits(0, 1_000), AboveZero, Ok(1)),
        (credits(0, -1_000), ZeroOrMore, Err("is below zero")),
        (credits(0, -1_000), Signed, Ok(-1)),
        (credits(0, 1), Signed, Err("is finer than")),
        (credits(1, -1_000), Signed, Err("has nanos out of range or of another sign")),
        (credits(0, 1_000_000_000), Signed, Err("has nanos out of range")),
        (credits(1_000_000_000, 0), AboveZero, Ok(1_000_000_000_000_000)),
        (credits(1_000_000_000, 1_000), AboveZero, Err("is beyond 1000000000 credits")),
        (credits(-1_000_000_000, 0), Signed, Ok(-1_000_000_000_000_000)),
        (credits(-1_000_000_000, -1_000), Signed, Err("is beyond 1000000000 credits")),
        (credits(i64::MAX, 0), Signed, Err("is beyond 1000000000 credits")),
        (credits(i64::MIN, 0), Signed, Err("is beyond 1000000000 credits")),
    ] {
        let faults: Vec<_> = expect.err().into_iter().map(|fault| ("amount", fault)).collect();
        check(&faults, |violations| {
            let read = violations.credits("amount", amount.as_ref(), range);
            assert_eq!(read, Credits::from_micros(expect.unwrap_or(0)), "{amount:?}");
        });
    }
    check(&[], |violations| {
        assert_eq!(violations.optional_credits("amount", None, AboveZero), None);
    });
}

#[test]
fn instants_decimals_counts_and_enums_are_read_or_refused() {
    check(&[("at", "is missing"), ("until", "is not an instant")], |violations| {
        assert_eq!(violations.timestamp("at", None), Timestamp::EPOCH);
        let late = prost_types::Timestamp { seconds: 253_402_300_800, nanos: 0 };
        assert_eq!(violations.optional_timestamp("until", Some(&late)), None);
        assert_eq!(violations.optional_timestamp("from", None), None);
    });
    check(&[("a", "is not a decimal of at most 6 decimals"), ("b", "is not a decimal")], |violations| {
        assert_eq!(violations.decimal("q", "1.500000", 6).to_string(), "1.5");
        assert_eq!(violations.decimal("a", "0.0000001", 6), Decimal::ZERO);
        assert_eq!(violations.decimal("b", "", 6), Decimal::ZERO);
        assert_eq!(violations.optional_decimal("c", "", 6), None);
    });
    check(&[("n", "is below zero")], |violations| {
        assert_eq!(violations.count("n", -1), 0);
        assert_eq!(violations.count("m", 7), 7);
    });
    check(&[("mode", "has no value 99"), ("must", "is missing")], |violations| {
        let mode: OnInsufficient = violations.enumeration("mode", 99);
        assert_eq!(mode, OnInsufficient::Unspecified);
        assert_eq!(violations.enumeration::<OnInsufficient>("mode", 2), OnInsufficient::Record);
        violations.required_enumeration::<OnInsufficient>("must", 0);
    });
}

#[test]
fn texts_lists_and_pages_keep_their_limits() {
    check(&[("unit", "has 129 bytes"), ("key", "contains a zero byte")], |violations| {
        assert_eq!(violations.unit("unit", ""), "credits");
        violations.unit("unit", &"u".repeat(129));
        violations.key("key", &"k".repeat(128));
        violations.key("key", "a\0b");
    });
    let pairs =
        |count: usize| (0..count).map(|i| (format!("k{i}"), "v".to_string())).collect::<BTreeMap<_, _>>();
    check(&[], |violations| violations.metadata("metadata", &pairs(16)));
    check(&[("metadata", "has 17 items")], |violations| violations.metadata("metadata", &pairs(17)));
    let long = BTreeMap::from([("k".repeat(65), "v".to_string()), ("a".to_string(), "v".repeat(257))]);
    let shown = format!("metadata[{}]", "k".repeat(64));
    check(&[("metadata[a]", "has 257 bytes"), (&shown, "has 65 bytes")], |violations| {
        violations.metadata("metadata", &long);
    });
    let subjects = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    check(&[("subjects[1]", "is missing"), ("subjects[2]", "is there twice")], |violations| {
        violations.subjects("subjects", &subjects(&["a", "", "a"]));
    });
    check(&[("subjects", "has 9 items")], |violations| {
        violations.subjects("subjects", &subjects(&["a"; 9]));
    });
    check(&[("page_size", "is not within"), ("page_size", "is not within")], |violations| {
        assert_eq!([0, 1, 1_000].map(|size| violations.page_size("page_size", size)), [100, 1, 1_000]);
        violations.page_size("page_size", 1_001);
        violations.page_size("page_size", -1);
    });
}
