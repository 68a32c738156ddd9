//! What answers say to checks and to each other, and whose opinions are two. Pure.

use super::{Answer, MOST_ADDED, Tried};
use crate::dream::{Check, CheckKind, Origin, Suite, class_name, parse_literal};
use crate::guardian::is_breakdown;
use crate::guardian::syntax::fingerprint;

pub(super) fn passes(checks: &[(Suite, Check)], answers: &[Answer]) -> Vec<bool> {
    checks
        .iter()
        .zip(answers)
        .map(|((_, check), answer)| meets(check, answer))
        .collect()
}

/// Whether an answer is what the check expects.
pub(in crate::engine) fn meets(check: &Check, answer: &Answer) -> bool {
    match (&check.kind, answer) {
        (CheckKind::Example { expect }, Answer::Value(value)) => {
            parse_literal(expect).is_ok_and(|expected| expected.equals(value))
        }
        (CheckKind::Raises { error }, Answer::Raised(classes)) => {
            classes.iter().any(|class| class == class_name(error))
        }
        (CheckKind::Property { .. }, Answer::Held(held)) => *held,
        (CheckKind::Example { .. } | CheckKind::Raises { .. } | CheckKind::Property { .. }, _) => {
            false
        }
    }
}

/// Whether a value is due and an exception came, or the other way round: what several solutions overlook, they overlook
/// together.
pub(in crate::engine) fn fails(check: &Check, answer: &Answer) -> bool {
    let raised = matches!(answer, Answer::Raised(_));
    raised != matches!(check.kind, CheckKind::Raises { .. })
}

/// A call that nobody expects anything of.
pub(super) fn is_open(check: &Check) -> bool {
    check.origin == Origin::Agreement
}

/// How many independent solutions give the same answers as `winner` to every call. What one refuses and another answers
/// may lie outside of the task: to an open question only two values are two answers.
pub(super) fn supporters(winner: usize, tried: &[Tried], checks: &[(Suite, Check)]) -> usize {
    let agrees = |other: &usize| {
        let pairs = tried[winner].answers.iter().zip(&tried[*other].answers);
        let mut pairs = pairs.zip(checks);
        independent(tried, winner, *other)
            && pairs.all(|((a, b), (_, check))| same(a, b) || (is_open(check) && !two_values(a, b)))
    };
    (0..tried.len()).filter(agrees).count()
}

/// Whether a solution falls over an open question.
pub(super) fn breaks_down(one: &Tried, checks: &[(Suite, Check)]) -> bool {
    let mut answered = checks.iter().zip(&one.answers);
    answered.any(|((_, check), answer)| match answer {
        Answer::Raised(classes) => {
            is_open(check) && classes.first().is_some_and(|class| is_breakdown(class))
        }
        _ => false,
    })
}

/// Whether two solutions give two values to a question.
pub(super) fn contradicts(one: usize, other: usize, tried: &[Tried], questions: &[usize]) -> bool {
    let (ours, theirs) = (&tried[one].answers, &tried[other].answers);
    let mut pairs = questions.iter().map(|&c| (&ours[c], &theirs[c]));
    pairs.any(|(a, b)| two_values(a, b) && !same(a, b))
}

fn two_values(one: &Answer, other: &Answer) -> bool {
    matches!((one, other), (Answer::Value(_), Answer::Value(_)))
}

/// Questions on which an independent solution gives the winner's value, as checks, with their place.
pub(super) fn agreed(
    winner: usize,
    checks: &[(Suite, Check)],
    questions: &[usize],
    tried: &[Tried],
) -> Vec<(usize, Check)> {
    let of = |c: usize, check: &Check| {
        let ours = &tried[winner].answers[c];
        let Answer::Value(value) = ours else {
            return None;
        };
        let backed = (0..tried.len())
            .any(|s| independent(tried, winner, s) && same(ours, &tried[s].answers[c]));
        let kind = CheckKind::Example {
            expect: value.to_literal(),
        };
        backed.then(|| {
            (
                c,
                Check {
                    kind,
                    origin: Origin::Agreement,
                    ..check.clone()
                },
            )
        })
    };
    // Where solutions differed a model may have been asked what the call gives.
    let expected = |one: &Check| {
        let same_call = |other: &Check| other.call == one.call && other.setup == one.setup;
        is_open(one) && checks.iter().any(|(_, c)| !is_open(c) && same_call(c))
    };
    let asked = questions.iter().filter(|&&c| !expected(&checks[c].1));
    let agreed = asked.filter_map(|&c| of(c, &checks[c].1));
    agreed.take(MOST_ADDED).collect()
}

/// Whether two answers say the same thing. Runs that gave no answer agree with nothing.
pub(super) fn same(one: &Answer, other: &Answer) -> bool {
    match (one, other) {
        (Answer::Value(a), Answer::Value(b)) => a.equals(b),
        (Answer::Raised(a), Answer::Raised(b)) => a.first() == b.first(),
        (Answer::Held(a), Answer::Held(b)) => a == b,
        _ => false,
    }
}

/// Two solutions that `differ`, none mended from the other. The same text twice is one opinion.
pub(super) fn independent(tried: &[Tried], one: usize, other: usize) -> bool {
    tried[one].mended_from != Some(other)
        && tried[other].mended_from != Some(one)
        && tried[one].print.differs(&tried[other].print)
}

/// What is left of a solution's text without its layout and comments, and without its names.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Print {
    bare: String,
    nameless: String,
}

impl Print {
    pub(super) fn of(code: &str) -> Self {
        let lines = code
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default());
        Self {
            bare: lines.flat_map(str::split_whitespace).collect(),
            nameless: fingerprint(code, ""),
        }
    }

    fn differs(&self, other: &Self) -> bool {
        self.bare != other.bare && self.nameless != other.nameless
    }
}

/// Whether two texts differ in more than their layout, comments and names.
#[must_use]
pub fn differ(one: &str, other: &str) -> bool {
    Print::of(one).differs(&Print::of(other))
}

pub(super) fn most_passed(matrix: &[Vec<bool>]) -> Option<usize> {
    (0..matrix.len()).max_by_key(|&s| matrix[s].iter().filter(|&&passed| passed).count())
}

pub(in crate::engine) fn told(answer: &Answer) -> String {
    match answer {
        Answer::Value(value) => value.to_literal(),
        Answer::Raised(classes) => classes.first().cloned().unwrap_or_default(),
        Answer::Held(held) => format!("the property being {held}"),
        Answer::Unobservable(type_name) => format!("a {type_name}"),
        Answer::Ended(ending) => format!("{ending:?}"),
    }
}
