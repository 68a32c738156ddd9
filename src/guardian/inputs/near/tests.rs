//! Tests of the room around.

use super::{Dice, Kin, Value, Words, is_sorted};
use crate::dream::parse_literal;

/// Two hundred values near the first of `literals`.
fn near(literals: &[&str]) -> Vec<Value> {
    let values: Vec<Value> = literals.iter().map(|l| parse_literal(l).unwrap()).collect();
    let kin = Kin::of(values.clone());
    let mut dice = Dice::new(3);
    (0..200)
        .map(|_| kin.near(&values[0], &Words::default(), &mut dice))
        .collect()
}

#[track_caller]
fn check(literals: &[&str], all: impl Fn(&Value) -> bool) {
    let found = near(literals);
    for value in &found {
        assert!(all(value), "{} near {literals:?}", value.to_literal());
    }
    let first = found[0].to_literal();
    assert!(found.iter().any(|v| v.to_literal() != first), "they differ");
}

#[test]
fn types_are_kept() {
    for literals in [
        &["3"][..],
        &["2.5"],
        &["'ab'"],
        &["[1, 2]"],
        &["(1, 'a')"],
        &["{1, 2}"],
        &["{'a': 1}"],
    ] {
        let kind = parse_literal(literals[0]).unwrap();
        check(literals, |v| v.type_name() == kind.type_name());
    }
}

#[test]
fn numbers_keep_their_sign() {
    check(
        &["3", "1"],
        |v| matches!(v, Value::Int(d) if d.parse::<i64>().unwrap() >= 1),
    );
    check(
        &["3", "0"],
        |v| matches!(v, Value::Int(d) if d.parse::<i64>().unwrap() >= 0),
    );
    assert!(
        near(&["3", "-4"])
            .iter()
            .any(|v| matches!(v, Value::Int(d) if d.starts_with('-')))
    );
    check(
        &["2.5", "0.5"],
        |v| matches!(v, Value::Float(f) if *f > 0.0),
    );
}

#[test]
fn sorted_lists_stay_sorted_and_rows_keep_their_length() {
    check(
        &["[1, 4, 9]", "[2, 3]"],
        |v| matches!(v, Value::List(items) if is_sorted(items) && !items.is_empty()),
    );
    check(&["[[1, 2], [3, 4]]", "[[5, 6], [7, 8], [9, 9]]"], |v| {
        let rows = |row: &Value| matches!(row, Value::List(r) if r.len() == 2);
        matches!(v, Value::List(items) if items.iter().all(rows))
    });
}

#[test]
fn text_keeps_its_form() {
    check(
        &["'2024-01-31'", "'1999-12-01'"],
        |v| matches!(v, Value::Str(s) if s.chars().count() == 10),
    );
    check(
        &["{'a': 1, 'b': 2}", "{'a': 3, 'b': 4}"],
        |v| matches!(v, Value::Dict(pairs) if pairs.len() == 2),
    );
}
