//! Gate 6: the checks begin every statement of the solution's functions and see most of its conditions come out both
//! ways. Measured on a rewritten copy. Where independent solutions agreed on new questions,
//! those that exercise more are added to the hidden suite.

use std::collections::{BTreeMap, BTreeSet};

use super::agreement::Panel;
use super::bench::{Bench, Room};
use super::roll_call::rows;
use super::ruling::{Hearing, Ruling, Undecided};
use crate::dream::{Candidate, Check, Observation, Outcome, Reason, Value};
use crate::sandbox::Job;

const EXERCISE: &str = include_str!("exercise.py");

/// Share of the statements that must begin, in percent (the project's contract on gates).
const STATEMENTS_MIN_PERCENT: usize = 100;
/// Share of the ways that conditions can come out, in percent (the same).
const BRANCHES_MIN_PERCENT: usize = 80;
/// Most checks that are added to exercise more.
const ADDED_MAX: usize = 4;
/// Lines and branches that are shown.
const SHOWN: usize = 3;

/// What one call exercised: numbers of statements, and of conditions with how they came out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Marks {
    steps: BTreeSet<usize>,
    turns: BTreeSet<(usize, bool)>,
}

impl Marks {
    fn join(&mut self, other: &Self) {
        self.steps.extend(&other.steps);
        self.turns.extend(&other.turns);
    }

    fn adds_to(&self, known: &Self) -> usize {
        self.steps.difference(&known.steps).count() + self.turns.difference(&known.turns).count()
    }
}

/// Line of each statement and of each condition, and what each call exercised.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exercise {
    step_lines: Vec<u32>,
    turn_lines: Vec<u32>,
    calls: Vec<Marks>,
}

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    room: Room,
    candidate: &mut Candidate,
    panel: &Panel,
) -> Hearing {
    let checks: Vec<Check> = candidate.all_checks().map(|(_, c)| c.clone()).collect();
    let Some(exercise) = measure(bench, room, &candidate.code, &checks).await? else {
        return Ok(Ruling::Fail(
            Reason::WeakChecks,
            "what the checks exercise could not be measured".to_owned(),
        ));
    };
    let mut seen = Marks::default();
    for marks in &exercise.calls {
        seen.join(marks);
    }
    let mut added = 0;
    let agreed: Vec<Check> = panel.agreed().map(|a| a.check.clone()).collect();
    if !enough(&exercise, &seen)
        && !agreed.is_empty()
        && let Some(more) = measure(bench, room, &candidate.code, &agreed).await?
    {
        while added < ADDED_MAX && !enough(&exercise, &seen) {
            let best = (0..agreed.len())
                .max_by_key(|at| (more.calls[*at].adds_to(&seen), std::cmp::Reverse(*at)));
            let Some(best) = best.filter(|at| more.calls[*at].adds_to(&seen) > 0) else {
                break;
            };
            seen.join(&more.calls[best]);
            candidate.hidden_checks.push(agreed[best].clone());
            added += 1;
        }
    }
    let mut detail = told(&exercise, &seen);
    if added > 0 {
        detail = format!("{detail}; {added} checks added on which independent solutions agree");
    }
    if enough(&exercise, &seen) {
        Ok(Ruling::Pass(detail))
    } else {
        Ok(Ruling::Fail(Reason::WeakChecks, detail))
    }
}

fn enough(exercise: &Exercise, seen: &Marks) -> bool {
    let steps = exercise.step_lines.len();
    let turns = exercise.turn_lines.len() * 2;
    seen.steps.len() * 100 >= steps * STATEMENTS_MIN_PERCENT
        && seen.turns.len() * 100 >= turns * BRANCHES_MIN_PERCENT
}

fn told(exercise: &Exercise, seen: &Marks) -> String {
    let mut text = format!(
        "{} of {} statements and {} of {} branches",
        seen.steps.len(),
        exercise.step_lines.len(),
        seen.turns.len(),
        exercise.turn_lines.len() * 2
    );
    let lines = exercise.step_lines.iter().enumerate();
    let missed: Vec<String> = lines
        .filter(|(at, _)| !seen.steps.contains(at))
        .map(|(_, line)| format!("line {line} never runs"))
        .collect();
    let turns = exercise.turn_lines.iter().enumerate();
    let never = turns.flat_map(|(at, line)| {
        let ways = [(true, "true"), (false, "false")];
        let never = ways
            .into_iter()
            .filter(move |(way, _)| !seen.turns.contains(&(at, *way)));
        never.map(move |(_, word)| format!("the condition in line {line} is never {word}"))
    });
    for part in missed.into_iter().chain(never).take(SHOWN) {
        text.push_str("; ");
        text.push_str(&part);
    }
    text
}

/// All calls in one job; one by one where that ran into a limit. `None` where even the rewriting failed.
async fn measure(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    checks: &[Check],
) -> Result<Option<Exercise>, Undecided> {
    let asked: Vec<&Check> = checks.iter().collect();
    // A server stands beside one call.
    if checks.iter().all(|check| check.serve.is_none()) {
        let seen = bench.run(room, &job(code, &asked), None).await?;
        if let Some(exercise) = read(&seen, checks.len()) {
            return Ok(Some(exercise));
        }
    }
    let Some(mut whole) = read(&bench.run(room, &job(code, &[]), None).await?, 0) else {
        return Ok(None);
    };
    for check in checks {
        let seen = bench
            .run(room, &job(code, &[check]), check.serve.as_ref())
            .await?;
        let alone = read(&seen, 1).and_then(|exercise| exercise.calls.into_iter().next());
        // A call that cannot be measured exercises nothing.
        whole.calls.push(alone.unwrap_or_default());
    }
    Ok(Some(whole))
}

fn job(code: &str, checks: &[&Check]) -> Job {
    let text = Value::Str(code.to_owned()).to_literal();
    Job::Call {
        code: String::new(),
        setup: EXERCISE.to_owned(),
        given: BTreeMap::new(),
        values: BTreeMap::new(),
        call: format!("_exercise({text}, {})", rows(checks)),
        trace: false,
    }
}

fn read(seen: &Observation, wanted: usize) -> Option<Exercise> {
    let Outcome::Value {
        value: Value::Tuple(parts),
    } = &seen.outcome
    else {
        return None;
    };
    let [steps, turns, calls] = parts.as_slice() else {
        return None;
    };
    let calls: Vec<Marks> = list(calls)?.iter().map(marks).collect::<Option<_>>()?;
    let exercise = Exercise {
        step_lines: numbers(steps)?,
        turn_lines: numbers(turns)?,
        calls,
    };
    // What marks something that is not there was not measured.
    let (steps, turns) = (exercise.step_lines.len(), exercise.turn_lines.len());
    let within = |marks: &Marks| {
        marks.steps.iter().all(|at| *at < steps) && marks.turns.iter().all(|(at, _)| *at < turns)
    };
    if !exercise.calls.iter().all(within) {
        return None;
    }
    (exercise.calls.len() == wanted).then_some(exercise)
}

fn marks(call: &Value) -> Option<Marks> {
    let Value::Tuple(pair) = call else {
        return None;
    };
    let [steps, turns] = pair.as_slice() else {
        return None;
    };
    let turn = |turn: &Value| match turn {
        Value::Tuple(pair) => match pair.as_slice() {
            [at, Value::Bool(way)] => Some((number(at)?, *way)),
            _ => None,
        },
        _ => None,
    };
    Some(Marks {
        steps: list(steps)?.iter().map(number).collect::<Option<_>>()?,
        turns: list(turns)?.iter().map(turn).collect::<Option<_>>()?,
    })
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

fn number<N: std::str::FromStr>(value: &Value) -> Option<N> {
    match value {
        Value::Int(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn numbers(value: &Value) -> Option<Vec<u32>> {
    list(value)?.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::{Exercise, Marks, enough, marks, told};

    use crate::dream::{Ending, Observation, Outcome, parse_literal};

    fn exercise() -> Exercise {
        Exercise {
            step_lines: vec![2, 3, 4],
            turn_lines: vec![2, 5],
            calls: Vec::new(),
        }
    }

    fn seen(steps: &[usize], turns: &[(usize, bool)]) -> Marks {
        Marks {
            steps: steps.iter().copied().collect(),
            turns: turns.iter().copied().collect(),
        }
    }

    #[test]
    fn every_statement_and_most_branches_are_wanted() {
        let all = [(0, true), (0, false), (1, true), (1, false)];
        assert!(enough(&exercise(), &seen(&[0, 1, 2], &all)));
        assert!(!enough(&exercise(), &seen(&[0, 1], &all)));
        assert!(!enough(&exercise(), &seen(&[0, 1, 2], &all[..3])));
        let mut five = exercise();
        five.turn_lines = vec![1; 5];
        let eight: Vec<_> = (0..4).flat_map(|n| [(n, true), (n, false)]).collect();
        assert!(enough(&five, &seen(&[0, 1, 2], &eight)));
    }

    #[test]
    fn what_is_missing_is_named_by_its_line() {
        let text = told(
            &exercise(),
            &seen(&[0, 1], &[(0, true), (1, true), (1, false)]),
        );
        assert_eq!(
            text,
            "2 of 3 statements and 3 of 4 branches; line 4 never runs; the condition in line 2 is never false"
        );
    }

    #[test]
    fn marks_of_nothing_are_no_measurement() {
        let read = |calls: &str| {
            let value = parse_literal(&format!("([1, 2], [2], {calls})")).unwrap();
            let seen = Observation::of(Ending::Exited(0), Outcome::Value { value });
            super::read(&seen, 1).is_some()
        };
        assert!(read("[([0, 1], [(0, True)])]"));
        assert!(!read("[([0, 7], [(0, True)])]"));
        assert!(!read("[([0, 1], [(1, True)])]"));
        assert!(!read("[]"));
    }

    #[test]
    fn marks_are_read_strictly() {
        let read = |text: &str| marks(&parse_literal(text).unwrap());
        assert_eq!(
            read("([0, 2], [(1, True)])"),
            Some(seen(&[0, 2], &[(1, true)]))
        );
        for bad in ["[]", "([1], [1])", "(['a'], [])", "([-1], [])"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
