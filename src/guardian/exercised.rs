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

/// Where a statement or a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: u32,
    /// The function around it, by number.
    function: u32,
}

/// Each statement and each condition, and what each call exercised.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exercise {
    steps: Vec<Place>,
    turns: Vec<Place>,
    calls: Vec<Marks>,
    /// What loading the solution exercised, whatever was called then.
    loaded: Marks,
}

impl Exercise {
    /// Whether both are of one text: else the code had a hand in it.
    fn is_of(&self, other: &Self) -> bool {
        self.steps == other.steps && self.turns == other.turns
    }

    /// What calls have `seen`, with what loading ran of functions that no call runs: such make tables. Of the others it
    /// proves nothing that their results are never compared with anything.
    fn counted(&self, seen: &Marks) -> Marks {
        let steps = seen.steps.iter().map(|at| self.steps[*at].function);
        let turns = seen.turns.iter().map(|(at, _)| self.turns[*at].function);
        let called: BTreeSet<u32> = steps.chain(turns).collect();
        let free = |place: &Place| !called.contains(&place.function);
        let Marks { steps, turns } = &self.loaded;
        let mut counted = seen.clone();
        counted
            .steps
            .extend(steps.iter().filter(|at| free(&self.steps[**at])));
        counted
            .turns
            .extend(turns.iter().filter(|(at, _)| free(&self.turns[*at])));
        counted
    }
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
        && more.is_of(&exercise)
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
    let steps = exercise.steps.len();
    let turns = exercise.turns.len() * 2;
    let seen = &exercise.counted(seen);
    seen.steps.len() * 100 >= steps * STATEMENTS_MIN_PERCENT
        && seen.turns.len() * 100 >= turns * BRANCHES_MIN_PERCENT
}

fn told(exercise: &Exercise, seen: &Marks) -> String {
    let seen = &exercise.counted(seen);
    let mut text = format!(
        "{} of {} statements and {} of {} branches",
        seen.steps.len(),
        exercise.steps.len(),
        seen.turns.len(),
        exercise.turns.len() * 2
    );
    let places = exercise.steps.iter().enumerate();
    let missed: Vec<String> = places
        .filter(|(at, _)| !seen.steps.contains(at))
        .map(|(_, place)| format!("line {} never runs", place.line))
        .collect();
    let turns = exercise.turns.iter().enumerate();
    let never = turns.flat_map(|(at, Place { line, .. })| {
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
        match read(&seen, 1).filter(|alone| alone.is_of(&whole)) {
            Some(alone) => {
                whole.calls.extend(alone.calls);
                whole.loaded = alone.loaded;
            }
            // A call that cannot be measured exercises nothing.
            None => whole.calls.push(Marks::default()),
        }
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
    let [steps, turns, calls, loaded] = parts.as_slice() else {
        return None;
    };
    let calls: Vec<Marks> = list(calls)?.iter().map(marks).collect::<Option<_>>()?;
    let exercise = Exercise {
        steps: places(steps)?,
        turns: places(turns)?,
        calls,
        loaded: marks(loaded)?,
    };
    // What marks something that is not there was not measured.
    let (steps, turns) = (exercise.steps.len(), exercise.turns.len());
    let within = |marks: &Marks| {
        marks.steps.iter().all(|at| *at < steps) && marks.turns.iter().all(|(at, _)| *at < turns)
    };
    if !exercise.calls.iter().all(within) || !within(&exercise.loaded) {
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

fn places(value: &Value) -> Option<Vec<Place>> {
    let place = |place: &Value| match place {
        Value::Tuple(pair) => match pair.as_slice() {
            [line, function] => Some(Place {
                line: number(line)?,
                function: number(function)?,
            }),
            _ => None,
        },
        _ => None,
    };
    list(value)?.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::{Exercise, Marks, Place, enough, marks, told};

    use crate::dream::{Ending, Observation, Outcome, parse_literal};

    fn places(lines: &[u32]) -> Vec<Place> {
        let place = |&line: &u32| Place { line, function: 1 };
        lines.iter().map(place).collect()
    }

    fn exercise() -> Exercise {
        Exercise {
            steps: places(&[2, 3, 4]),
            turns: places(&[2, 5]),
            calls: Vec::new(),
            loaded: Marks::default(),
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
        five.turns = places(&[1; 5]);
        let eight: Vec<_> = (0..4).flat_map(|n| [(n, true), (n, false)]).collect();
        assert!(enough(&five, &seen(&[0, 1, 2], &eight)));
    }

    #[test]
    fn what_loading_runs_counts_for_functions_that_no_call_runs() {
        let mut loads = exercise();
        loads.turns.clear();
        loads.steps[2].function = 2;
        loads.loaded = seen(&[1, 2], &[]);
        // Line 4 stands in a function that only makes a table, line 3 in one that the checks call.
        assert!(enough(&loads, &seen(&[0, 1], &[])));
        assert!(!enough(&loads, &seen(&[0], &[])));
        loads.steps[2].function = 1;
        assert!(!enough(&loads, &seen(&[0, 1], &[])));
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
            let text = format!("([(1, 1), (2, 1)], [(2, 1)], {calls}, ([], []))");
            let value = parse_literal(&text).unwrap();
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
