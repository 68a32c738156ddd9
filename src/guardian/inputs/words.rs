//! What code compares with, as a fuzzer's dictionary: a character or a number that a solution names is one that its
//! answers depend on, though no check may hold it. Pure.

use super::super::syntax::Source;
use crate::dream::{Value, parse_literal};

/// Longer texts are messages, not what is looked for in an argument.
const TEXT_MAX: usize = 12;
/// Larger numbers are bit masks and moduli: arguments of that size end in limits.
const NUMBER_MAX: i64 = 10_000;
/// Characters and numbers kept of hostile code.
const WORDS_MAX: usize = 64;
/// Broken numbers: each of them is a question of its own.
const FLOATS_MAX: usize = 8;

/// Characters and numbers that stand in code.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Words {
    pub(super) chars: Vec<char>,
    pub(super) numbers: Vec<i64>,
    pub(super) floats: Vec<f64>,
}

impl Words {
    pub(super) fn of(codes: &[&str]) -> Self {
        let mut words = Self::default();
        for code in codes {
            let Some(source) = Source::parse(code) else {
                continue;
            };
            for (node, _) in source.nodes() {
                if !matches!(node.kind(), "string" | "integer" | "float") {
                    continue;
                }
                let signed = node
                    .parent()
                    .filter(|parent| node.kind() == "float" && parent.kind() == "unary_operator");
                match parse_literal(source.text_of(signed.unwrap_or(node))) {
                    Ok(Value::Float(number)) if number.is_finite() => words.floats.push(number),
                    Ok(Value::Str(text)) if text.chars().count() <= TEXT_MAX => {
                        words.chars.extend(text.chars());
                    }
                    Ok(Value::Int(digits)) => words.numbers.extend(
                        digits
                            .parse::<i64>()
                            .into_iter()
                            .filter(|n| *n <= NUMBER_MAX),
                    ),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        words.chars.sort_unstable();
        words.chars.dedup();
        words.chars.truncate(WORDS_MAX);
        words.numbers.sort_unstable();
        words.numbers.dedup();
        words.numbers.truncate(WORDS_MAX);
        words.floats.sort_unstable_by(f64::total_cmp);
        words.floats.dedup();
        words.floats.truncate(FLOATS_MAX);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_and_small_numbers_count() {
        let code = "def f(s):\n    if s.replace(' ', '')[-1] in '([':\n        raise ValueError('a long message')\n    \
                    return s * 17 + 4294967296\n";
        let words = Words::of(&[code, "def g(x): return x - 3\n", "not ( python"]);
        assert_eq!(words.chars, [' ', '(', '[']);
        assert_eq!(words.numbers, [1, 3, 17]);
        let words = Words::of(&["def f(x):\n    return x > 2.5 or x < -0.5 or x + 1e999 > 2.5\n"]);
        let floats: Vec<String> = words.floats.iter().map(f64::to_string).collect();
        assert_eq!(floats, ["-0.5", "2.5"]);
    }
}
