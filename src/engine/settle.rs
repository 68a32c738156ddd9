//! Settles a task's checks before the Guardian sees them. Pure.
//!
//! A small model's expected value is right about three times in four, so a suite of six is seldom all right even where
//! the code is; and bare agreement of two solutions is wrong about one time in seven. So neither rules alone:
//! - An answer that no model wrote (`source`, `reference`) is never a suspect: a solution that misses it is wrong. Nor is
//!   what the task itself states of a single call ("An empty list gives 0."): whoever misses that solved another task.
//! - A model's expected value is a suspect only where the winner *and* an independent solution give the same other
//!   answer, and no third one meets it; it is then dropped, never changed, and the drop is recorded.
//!   Failing with an exception where a value is expected is no answer, nor is a value where an error is: the same edge case
//!   is often overlooked twice.
//! - Where the server says how likely the model held what it wrote, an expectation that it was not sure of refutes nobody:
//!   of those that it wrote with less than 0.95 three in five were wrong, of the others one in eighty. Who misses one
//!   answers an open question; who meets it is confirmed, because it is seldom met by chance.
//! - How sure it was of an error nobody can tell: the word that begins such a check never has more than 0.85, and three in
//!   five are right. Who misses nothing but such ones has the model asked about these calls again, and what it takes back
//!   then does not refute who gives what it expects now.
//! - The winner must confirm most of the expectations, which were written by another call that never saw its code.
//! - Two answers that no model wrote, and every expectation met, stand in for a second solution; so do they with one
//!   expectation missed among many met. If one expectation in five is wrong, and a solution that gives both answers is
//!   right five times in six and else meets every other expectation, eight met and one missed leave it wrong once in ninety.
//!   Not so where the solution falls over an open question (an `IndexError`): one of eleven that stood alone was false, and
//!   did.
//!   Nor where it missed two that the model was not sure of and two others were asked in vain: of 87 that stood alone seven
//!   were such, and two of these were false, where of the others two were.
//! - Beside the checks, solutions are asked *open* questions: calls near the checks' that nobody expects anything of
//!   (`origin: "agreement"`). Two solutions that pass the same checks and differ there leave a doubt, which only two more
//!   settle; what is agreed there becomes a hidden check.

mod answers;
mod case;
mod said;

use crate::dream::{Check, CheckKind, DroppedCheck, Ending, Suite, Value, class_name};
pub use answers::differ;
use answers::{Print, agreed, breaks_down, contradicts, is_open, most_passed, passes};
pub(super) use answers::{fails, meets, told};
use case::Case;
use said::binding;
pub use said::{Said, with_stated};

/// Confirmed model expectations that a winner needs where no evidence speaks for it.
const LEAST_CONFIRMED: usize = 3;
/// Share of the model's expectations that a winner must confirm, in percent: an unrelated function that happens to
/// agree with another wrong one confirms few. Tried at 40 where three solutions agree: of the first four dreams that it
/// let through one was false (all three had overlooked that a list should be sorted).
const LEAST_SHARE_PERCENT: usize = 60;
/// Independent solutions that have to agree with the winner where yet another one, not refuted by any check, does not.
const LEAST_AGAINST_DISSENT: usize = 2;
/// Expectations missed of which the model was not sure, and solutions none of which agrees, that together leave one that
/// stands alone unproven.
const TOO_MANY_DOUBTS: usize = 2;
const ASKED_IN_VAIN: usize = 2;
/// Open questions that become checks at most: a person still reads them.
const MOST_ADDED: usize = 6;
/// Answers that no model wrote which stand in for a second solution.
pub(super) const ENOUGH_EVIDENCE: usize = 3;
/// The same where the solution also gives every answer that a model expected without having seen it, and nobody dissents.
pub(super) const SOME_EVIDENCE: usize = 2;
/// Expectations met that outweigh a single one missed, under the same conditions: more than one list holds.
const OUTWEIGHING: usize = 8;
/// What the Guardian asks for.
const LEAST_VISIBLE: usize = 3;
const LEAST_HIDDEN: usize = 2;

/// What one solution gave for one check.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Value(Value),
    /// The classes of the exception, itself first.
    Raised(Vec<String>),
    /// Whether the property held.
    Held(bool),
    /// No exact data; the type's name.
    Unobservable(String),
    /// The run ended without an answer.
    Ended(Ending),
}

/// A solution and its answers, one a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub code: String,
    pub answers: Vec<Answer>,
    /// Index of the solution that this one was mended from: the two are one opinion.
    pub mended_from: Option<usize>,
    /// Of the code; compared many times.
    pub(in crate::engine) print: Print,
}

impl Tried {
    #[must_use]
    pub fn new(code: impl Into<String>, answers: Vec<Answer>) -> Self {
        let code = code.into();
        Self {
            print: Print::of(&code),
            code,
            answers,
            mended_from: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    Settled {
        /// Index of the solution that the Guardian shall judge.
        winner: usize,
        checks: Vec<Check>,
        hidden_checks: Vec<Check>,
        dropped: Vec<DroppedCheck>,
        /// Indices of solutions that miss a kept check.
        wrong: Vec<usize>,
        /// Who stands behind the winner; `None` where nobody independent does.
        support: Option<String>,
        /// Neither another solution nor enough answers that no model wrote are among them.
        alone: bool,
        /// Plain calls to which a solution that passes every kept check gives another value than the winner.
        disputed: Vec<String>,
    },
    Unsettled {
        /// The best solution so far and what speaks against it.
        best: Option<usize>,
        why: String,
        needs: Needs,
    },
}

/// What could still settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Solutions,
    /// Independent solutions agree and meet few: either side may be at fault, and a further list costs less than solutions.
    Expectations,
    /// The task names errors, those of this clause among them, that no kept check saw raised: a further list may hold one.
    Error(usize),
    /// A solution misses one expectation alone: another may agree with it, or further ones may outweigh the one.
    Either,
    /// The model was sure of too little: of the edges of the arguments, which are short calls, it mostly is.
    Sure,
    /// All that a solution misses alone the model may take back when it is asked about these calls again.
    Again,
}

impl Settlement {
    /// The same, but for where of the errors that a clause of the task names (`named`, one list a clause) none is raised by
    /// anybody: of the solutions that were kept for tasks that name one, the only one that no check had seen raise it was
    /// false.
    #[must_use]
    pub fn having_seen(self, named: &[Vec<String>]) -> Self {
        let Self::Settled {
            winner,
            checks,
            hidden_checks,
            ..
        } = &self
        else {
            return self;
        };
        let kinds = || checks.iter().chain(hidden_checks).map(|c| &c.kind);
        let raised = |name: &String| {
            kinds().any(
                |kind| matches!(kind, CheckKind::Raises { error } if class_name(error) == name),
            )
        };
        let Some(unseen) = named.iter().position(|clause| !clause.iter().any(raised)) else {
            return self;
        };
        Self::Unsettled {
            best: Some(*winner),
            why: format!(
                "the task names {}, and no check saw it raised",
                named[unseen].join(" or ")
            ),
            needs: Needs::Error(unseen),
        }
    }
}

/// Settles `checks` by what the `tried` solutions answered and what is `said` of them.
#[must_use]
pub fn settle(checks: &[(Suite, Check)], tried: &[Tried], said: &Said) -> Settlement {
    let unsettled = |best, why: String, needs| Settlement::Unsettled { best, why, needs };
    let open = checks.iter().filter(|(_, check)| is_open(check)).count();
    let expecting = checks.len() - open;
    let matrix: Vec<Vec<bool>> = tried.iter().map(|t| passes(checks, &t.answers)).collect();
    let answered = |&c: &usize| checks[c].1.origin.is_evidence();
    let evidence: Vec<usize> = (0..checks.len()).filter(answered).collect();
    let binding = binding(checks, said);
    let pool: Vec<usize> = (0..tried.len())
        .filter(|&s| binding.iter().all(|&c| matrix[s][c]))
        .collect();
    if pool.is_empty() {
        let best = most_passed(&matrix);
        return unsettled(
            best,
            "no solution gives the answers that the source, or the task itself, gives".to_owned(),
            Needs::Solutions,
        );
    }
    if expecting < LEAST_VISIBLE + LEAST_HIDDEN {
        let why = format!("{expecting} checks are too few to prove anything");
        return unsettled(None, why, Needs::Nothing);
    }
    let mut ranked: Vec<Case> = pool
        .iter()
        .map(|&s| Case::of(s, &pool, (checks, said), tried, &matrix))
        .map(|case| case.weighed(evidence.len()))
        .collect();
    ranked.sort_by_key(|case| {
        (
            case.unsupported.len(),
            usize::MAX - case.confirmed,
            usize::MAX - case.supporters,
            tried[case.solution].code.len(),
        )
    });
    let case = &ranked[0];
    let expecting = expecting - case.doubtful.len();
    let model_checks = expecting - evidence.len();
    if let Some(&c) = case.unsupported.first() {
        let why = format!(
            "the best solution misses {} of {} checks and no other solution agrees with it, first at `{}`",
            case.unsupported.len() + case.suspects.len(),
            expecting,
            checks[c].1.call
        );
        let takes_back = |&c: &usize| said.may_take_back(&checks[c].1);
        let needs = if case.unsupported.iter().all(takes_back) {
            Needs::Again
        } else if case.may_outweigh(evidence.len()) {
            Needs::Either
        } else {
            Needs::Solutions
        };
        return unsettled(Some(case.solution), why, needs);
    }
    // The winner gives all that the source answers: that speaks for it as much as confirmed expectations do.
    let met = case.confirmed + evidence.len();
    let few = met < LEAST_CONFIRMED || met * 100 < expecting * LEAST_SHARE_PERCENT;
    if few && evidence.len() < ENOUGH_EVIDENCE {
        let why = format!(
            "the best solution confirms only {} of {model_checks} expectations",
            case.confirmed
        );
        return unsettled(Some(case.solution), why, case.surer());
    }
    close(case, (checks, said), tried, &matrix, evidence.len())
}

fn close(
    case: &Case,
    (checks, said): (&[(Suite, Check)], &Said),
    tried: &[Tried],
    matrix: &[Vec<bool>],
    evidence: usize,
) -> Settlement {
    let (mut visible, mut hidden, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    let is_question = |c: &usize| is_open(&checks[*c].1) || case.doubtful.contains(c);
    let questions: Vec<usize> = (0..checks.len()).filter(is_question).collect();
    let agreed = agreed(case.solution, checks, &questions, tried);
    for (c, (suite, check)) in checks.iter().enumerate() {
        if is_open(check) {
            continue;
        }
        if case.is_dropped(c) {
            let answer = told(&tried[case.solution].answers[c]);
            let took_back = said.took_back(check, &tried[case.solution].answers[c]);
            let why = if case.outweighed == Some(c) {
                let met = case.confirmed;
                format!("the solution gives {answer}, and the {met} others that were expected")
            } else if took_back {
                format!("asked again the model expects what the solution gives, {answer}")
            } else if case.doubtful.contains(&c) {
                format!("the model was not sure of this, and the solution gives {answer}")
            } else {
                format!("independent solutions agree on {answer} against this")
            };
            dropped.push(DroppedCheck {
                suite: *suite,
                check: check.clone(),
                why,
            });
            continue;
        }
        match suite {
            Suite::Visible => visible.push(check.clone()),
            Suite::Hidden => hidden.push(check.clone()),
        }
    }
    hidden.extend(agreed.iter().map(|(_, check)| check.clone()));
    // No solution was shown any check, so either suite may lend to the other.
    while hidden.len() < LEAST_HIDDEN && visible.len() > LEAST_VISIBLE {
        hidden.extend(visible.pop());
    }
    while visible.len() < LEAST_VISIBLE && hidden.len() > LEAST_HIDDEN {
        visible.extend(hidden.pop());
    }
    if visible.len() < LEAST_VISIBLE || hidden.len() < LEAST_HIDDEN {
        let why = format!(
            "{} of {} checks were dropped, and too few are left",
            dropped.len(),
            checks.len()
        );
        let needs = if case.doubtful.is_empty() {
            Needs::Nothing
        } else {
            case.surer()
        };
        return Settlement::Unsettled {
            best: Some(case.solution),
            why,
            needs,
        };
    }
    let kept = |c: &usize| !case.is_dropped(*c) && !is_open(&checks[*c].1);
    let refuted: Vec<bool> = (0..tried.len())
        .map(|s| (0..checks.len()).filter(kept).any(|c| !matrix[s][c]))
        .collect();
    let contradicted = |questions: &[usize]| {
        (0..tried.len()).any(|s| {
            !refuted[s] && s != case.solution && contradicts(case.solution, s, tried, questions)
        })
    };
    let dissent = contradicted(&questions);
    let plain = |c: &usize| checks[*c].1.setup.is_empty() && checks[*c].1.given.is_empty();
    let disputed = questions
        .iter()
        .filter(|&c| plain(c) && contradicted(&[*c]))
        .map(|&c| checks[c].1.call.clone())
        .collect();
    let needed = if dissent { LEAST_AGAINST_DISSENT } else { 1 };
    let foreseen = case.suspects.is_empty()
        && case.confirmed >= LEAST_CONFIRMED
        && !(case.doubtful.len() >= TOO_MANY_DOUBTS && case.others >= ASKED_IN_VAIN)
        && !breaks_down(&tried[case.solution], checks);
    let alone = evidence < ENOUGH_EVIDENCE && case.supporters < needed;
    let support = if evidence >= ENOUGH_EVIDENCE {
        Some(format!("{evidence} answers that no model wrote"))
    } else if !alone {
        Some(format!(
            "{} independent solutions agree on all {} calls",
            case.supporters,
            checks.len()
        ))
    } else {
        (evidence >= SOME_EVIDENCE && foreseen && !dissent).then(|| {
            format!(
                "{evidence} answers that no model wrote, and {} that were expected without seeing the code",
                case.confirmed
            )
        })
    };
    let wrong = (0..tried.len())
        .filter(|&s| {
            let misses = |(c, check): &(usize, Check)| !meets(check, &tried[s].answers[*c]);
            refuted[s] || (support.is_some() && agreed.iter().any(misses))
        })
        .collect();
    Settlement::Settled {
        winner: case.solution,
        checks: visible,
        hidden_checks: hidden,
        dropped,
        wrong,
        support,
        alone,
        disputed,
    }
}

#[cfg(test)]
mod tests;
