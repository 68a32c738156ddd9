//! Which whole numbers a task's own text says that its function is given: "`n` is zero or more." Pure; the text is hostile data.
//!
//! What a model expects of other ones it expects of nothing: a right solution may do anything there. But such an expectation is
//! also what refutes a wrong one, so wherever the text may promise anything about other numbers, nothing is left out.

use super::stated::{Argument, MAX_SENTENCES, arguments, bare, stated};
use crate::dream::{Value, parse_literal};

/// Words of a text that may say what comes of any other argument.
const REFUSALS: [&str; 9] = [
    "raise",
    "raises",
    "raised",
    "error",
    "errors",
    "throw",
    "throws",
    "otherwise",
    "invalid",
];
/// Words of another sentence than the bound's that may be about what lies beyond it.
const BEYOND: [&str; 14] = [
    "negative", "below", "under", "less", "smaller", "fewer", "above", "over", "greater", "larger",
    "else", "unless", "other", "not",
];

/// What each argument may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Domain {
    entry_point: String,
    /// By position; the lowest and the highest.
    bounds: Vec<(Option<i64>, Option<i64>)>,
}

impl Domain {
    #[must_use]
    pub fn of(task: &str, entry_point: &str) -> Self {
        let nothing = Self::default();
        if has(task, &REFUSALS) {
            return nothing;
        }
        let arguments = arguments(task, entry_point).unwrap_or_default();
        let sentences = whole_sentences(task);
        let mut bounds = vec![(None, None); arguments.len()];
        for (argument, bounds) in arguments.iter().zip(&mut bounds) {
            let told = sentences.iter().enumerate();
            let told = told.filter_map(|(at, sentence)| Some((at, bounds_in(sentence, argument)?)));
            let mut told = told.filter(|_| argument.kind == "int");
            // What is said twice is said in two ways.
            let (Some((at, said)), None) = (told.next(), told.next()) else {
                continue;
            };
            let rest = task.replacen(sentences[at], "", 1);
            if !has(&rest, &BEYOND) {
                *bounds = said;
            }
        }
        let domain = Self {
            entry_point: entry_point.to_owned(),
            bounds,
        };
        // An example beyond a bound: it was misread.
        let examples = task
            .lines()
            .filter_map(|line| line.trim().strip_prefix(">>>"));
        let stated = stated(task, entry_point);
        let mut shown = examples.chain(stated.iter().map(|check| check.call.as_str()));
        if shown.any(|call| domain.excludes(call)) {
            return nothing;
        }
        domain
    }

    /// Whether the call gives an argument that the task excludes. Calls that are more than a name and literals are never
    /// said to.
    #[must_use]
    pub fn excludes(&self, call: &str) -> bool {
        let inside = call
            .trim()
            .strip_prefix(self.entry_point.as_str())
            .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
        let Some(Ok(Value::List(given))) =
            inside.map(|inside| parse_literal(&format!("[{inside}]")))
        else {
            return false;
        };
        given
            .iter()
            .zip(&self.bounds)
            .any(|(value, (lowest, highest))| {
                let Value::Int(digits) = value else {
                    return false;
                };
                // Beyond these is also beyond every bound.
                let number = digits.parse().unwrap_or(if digits.starts_with('-') {
                    i64::MIN
                } else {
                    i64::MAX
                });
                lowest.is_some_and(|lowest| number < lowest)
                    || highest.is_some_and(|highest| number > highest)
            })
    }
}

fn has(text: &str, list: &[&str]) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric() && c != '-');
    // Errors have names.
    words.any(|word| list.contains(&word)) || (list == REFUSALS && lower.contains("error"))
}

/// What stands between two full stops, up to a semicolon: nothing of several lines and nothing that follows a colon or the number
/// of a list, for that may be one half of a rule.
fn whole_sentences(task: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), task);
    let mut after_a_sentence = false;
    while found.len() < MAX_SENTENCES {
        let mut stops = rest.match_indices('.').map(|(at, _)| at);
        let ends = |at: &usize| {
            rest[at + 1..]
                .chars()
                .next()
                .is_none_or(char::is_whitespace)
        };
        let Some(end) = stops.find(ends) else {
            break;
        };
        let sentence = rest[..end].trim();
        rest = &rest[end + 1..];
        if after_a_sentence && !sentence.contains('\n') {
            found.extend(sentence.split(';').next());
        }
        let line = sentence.rsplit('\n').next().unwrap_or_default();
        after_a_sentence = !line.trim().chars().all(char::is_numeric);
    }
    found
}

/// What the sentence says of the argument and nothing else.
fn bounds_in(sentence: &str, argument: &Argument<'_>) -> Option<(Option<i64>, Option<i64>)> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let [name, "is", said @ ..] = &words[..] else {
        return None;
    };
    if !name.starts_with('`') || bare(name) != argument.name {
        return None;
    }
    match said {
        ["at", "least", least] | [least, "or", "more"] => Some((Some(number(least)?), None)),
        ["greater", "than", least] => Some((Some(number(least)?.checked_add(1)?), None)),
        ["between", least, "and", most] => {
            let (least, most) = (number(least)?, number(most)?);
            (least <= most).then_some((Some(least), Some(most)))
        }
        ["not", "negative"] => Some((Some(0), None)),
        [sign] | ["a", sign, "number" | "integer" | "int"] => match *sign {
            "positive" => Some((Some(1), None)),
            "non-negative" | "nonnegative" => Some((Some(0), None)),
            _ => None,
        },
        _ => None,
    }
}

fn number(word: &str) -> Option<i64> {
    match word {
        "zero" => Some(0),
        "one" => Some(1),
        "two" => Some(2),
        _ => bare(word).parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::Domain;

    #[track_caller]
    fn check(signature: &str, text: &str, outside: &[&str], inside: &[&str]) {
        let task = format!("Write a function `f({signature}) -> int` that does it. {text}");
        let domain = Domain::of(&task, "f");
        let excluded = |calls: &[&str]| {
            calls
                .iter()
                .map(|call| domain.excludes(call))
                .collect::<Vec<_>>()
        };
        assert_eq!(excluded(outside), vec![true; outside.len()], "{text}");
        assert_eq!(excluded(inside), vec![false; inside.len()], "{text}");
    }

    #[test]
    fn what_the_task_says_of_an_argument_bounds_its_calls() {
        let all = ["f(0)", "f(-3)"];
        check("n: int", "`n` is at least 1.", &all, &["f(1)", "f(9)"]);
        check("n: int", "`n` is positive. 1 gives 2.", &all, &["f(1)"]);
        check("n: int", "`n` is greater than zero.", &all, &["f(1)"]);
        check(
            "n: int",
            "`n` is a positive integer.\n\n>>> f(1)\n5",
            &all,
            &["f(1)"],
        );
        check(
            "n: int",
            "`n` is zero or more; 0 gives 1.",
            &["f(-1)"],
            &["f(0)"],
        );
        check("n: int", "`n` is not negative.", &["f(-1)"], &["f(0)"]);
        check(
            "n: int",
            "`n` is between 2 and 9.",
            &["f(1)", "f(10)"],
            &["f(2)", "f(9)"],
        );
        let huge = ["f(-99999999999999999999)"];
        check(
            "n: int",
            "`n` is at least 1.",
            &huge,
            &["f(99999999999999999999)"],
        );
        let second = "items: list, size: int";
        let text = "It counts the non-negative numbers of `items`. `size` is at least 1. An empty list gives 0.";
        check(
            second,
            text,
            &["f([0], 0)", "f([], -1)"],
            &["f([0], 1)", "f([-5], 2)"],
        );
    }

    #[test]
    fn whatever_may_promise_something_of_other_numbers_leaves_all_in() {
        for text in [
            "If `n` is at least 1 it counts twice.",
            "`n` is at least 1. Raise ValueError if `n` is less than 1.",
            "`n` is at least 1. Raise ValueError if it is not.",
            "`n` is zero or more. Other numbers are an error.",
            "`n` is zero or more, `None` for a ValueError.",
            "`n` is between 1 and 9; raise ValueError otherwise.",
            "`n` is between 9 and 1.",
            "`n` is a positive integer. If `n` is negative it counts as 0.",
            "`n` is positive. A negative one gives 0.",
            "`n` is positive. Numbers below 1 give 1.",
            "`n` is zero or more and a negative one counts as zero.",
            "`n` is at least 1. `n` is zero or more.",
            "`n` is at least 1.\n\n>>> f(0)\n1",
            "`n` is at least 1. 0 gives 7.",
            "Return True if all hold:\n1. `n` is positive.\n2. `n` is odd.",
            "Return True if one of these holds: `m` is 0; `n` is positive.",
            "If `m` is 0 and\n`n` is at least 1\nreturn 3.",
            "Return 1 for a positive integer `n`.",
            "Return -1 unless given the positive number `n`.",
            "`n` may be negative.",
            "`m` is at least 1.",
            "n is at least 1.",
            "`n` is at least 1 in every row.",
            "The result is a positive number.",
        ] {
            check("n: int", text, &[], &["f(0)", "f(-1)"]);
        }
        check("n: float", "`n` is at least 1.", &[], &["f(0)"]);
        check("n", "`n` is at least 1.", &[], &["f(0)"]);
    }

    #[test]
    fn calls_that_are_more_than_literals_are_let_through() {
        let odd = [
            "f(n=0)",
            "f(-g())",
            "g(0)",
            "f(0",
            "f(0) + 1",
            "len(f(0))",
            "f('0')",
            "f(0.5)",
            "f(True)",
        ];
        check("n: int", "`n` is at least 2.", &[], &odd);
    }
}
