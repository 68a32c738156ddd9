//! Values at which the answers of code may change: the broken numbers that stand in it, and texts as long as its whole
//! numbers. On either side of such a boundary all values look alike, and chance seldom meets it. Pure.

use super::words::Words;
use crate::dream::Value;

/// Texts that are so much longer or shorter than a known one come of changing that one.
const NEAR: usize = 3;

/// What values of one place could be at the boundaries that `words` names, within the sign and the lengths that they have.
pub(super) fn of(values: &[Value], words: &Words) -> Vec<Value> {
    let mut found = Vec::new();
    let floats = values.iter().filter_map(|value| match value {
        Value::Float(number) => Some(*number),
        _ => None,
    });
    let lowest = floats.fold(f64::INFINITY, f64::min);
    if lowest.is_finite() {
        // What is never negative is an amount.
        let fits = |number: &f64| lowest < 0.0 || *number > 0.0;
        let numbers = words.floats.iter().copied().filter(fits);
        found.extend(numbers.map(Value::Float));
    }
    let texts: Vec<&String> = values
        .iter()
        .filter_map(|value| match value {
            Value::Str(text) => Some(text),
            _ => None,
        })
        .collect();
    let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
    let longest = texts.iter().max_by_key(|text| text.chars().count());
    if let (Some(longest), Some(shortest)) = (longest, lengths.iter().min()) {
        let sizes = words
            .numbers
            .iter()
            .filter_map(|number| usize::try_from(*number).ok());
        let mut sizes: Vec<usize> = sizes.flat_map(|size| [size, size + 1]).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let far = |size: &usize| lengths.iter().all(|length| length.abs_diff(*size) > NEAR);
        let within = |size: &usize| size > shortest && *size < longest.chars().count();
        let cut = sizes.into_iter().filter(|s| far(s) && within(s));
        found.extend(cut.map(|size| Value::Str(longest.chars().take(size).collect())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::dream::{Value, parse_literal};
    use crate::guardian::inputs::words::Words;

    #[track_caller]
    fn check(values: &[&str], code: &str, expected: &[&str]) {
        let values: Vec<Value> = values.iter().map(|v| parse_literal(v).unwrap()).collect();
        let found = of(&values, &Words::of(&[code]));
        let found: Vec<String> = found.iter().map(Value::to_literal).collect();
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn broken_numbers_and_lengths_of_the_code_are_met() {
        let code = "def f(x):\n    return x > 0.37 or x < 1.5 or x == -2.5\n";
        check(&["0.2", "3.0"], code, &["0.37", "1.5"]);
        check(&["0.2", "-3.0"], code, &["-2.5", "0.37", "1.5"]);
        check(&["2", "'a'"], code, &[]);
        let code = "def f(s):\n    return s[:2] + '...' if len(s) > 6 else s\n";
        check(&["''", "'abcdefghijkl'"], code, &["'abcdef'", "'abcdefg'"]);
        check(&["'abcd'", "'abcdefghijkl'"], code, &[]);
    }
}
