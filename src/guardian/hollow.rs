//! Gate 3: nothing-solutions fail. Code that returns nothing, always the same, its own argument or the visible examples
//! by heart, and every earlier attempt that is known to be wrong, must miss at least one check. A check that whatever
//! code meets is none, and a solution that is itself a table of the checks falls here too.

use super::agreement::{QUESTIONS, ask};
use super::bench::{Bench, Role, Room};
use super::entry;
use super::inputs::questions;
use super::learned::by_heart;
use super::ruling::{Hearing, Ruling, Undecided};
use super::stand_ins::{StandIn, flatterer, is_direct, odd_ones, stand_ins};
use super::syntax::Source;
use super::trial::{Holds, meets};
use crate::dream::{
    Candidate, Check, CheckKind, Origin, Outcome, Reason, Served, Value, class_name, parse_literal,
};

/// Most earlier wrong attempts that are tried.
const WRONG_MAX: usize = 4;

/// Where stand-ins run. Their hash seed is always the same: nothing of ours depends on it, and a sandbox can be started
/// ahead for it.
pub(super) const ROOM: Room = Room {
    role: Role::StandIn,
    hash_seed: 1,
};

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    hash_seed: u32,
    candidate: &Candidate,
    wrong_attempts: &[String],
) -> Hearing {
    let source =
        Source::parse(&candidate.code).ok_or_else(|| Undecided("the parser gave up".to_owned()))?;
    let shape = match entry::find(&source, &candidate.scenario.entry_point) {
        Ok(entry) => entry.shape,
        Err(reason) => return Ok(Ruling::Fail(reason, "no entry point".to_owned())),
    };
    for check in candidate.all_checks().map(|(_, check)| check) {
        if let CheckKind::Property { holds } = &check.kind
            && holds_of_anything(bench, hash_seed, holds, check).await?
        {
            return Ok(Ruling::Fail(
                Reason::BadCheck,
                format!("`{holds}` holds whatever the result is"),
            ));
        }
    }
    let odd = odd_ones(candidate, &shape);
    if let Some(check) = met_by_all(bench, candidate, &odd).await? {
        return Ok(Ruling::Fail(
            Reason::BadCheck,
            format!("`{}` is met whatever the solution gives", check.call),
        ));
    }
    if let Some(check) = compares_inside(bench, candidate, &shape).await? {
        return Ok(Ruling::Fail(
            Reason::VerdictInsideCall,
            format!("`{}` is met by whatever equals everything", check.call),
        ));
    }
    let mut all = stand_ins(candidate, &shape);
    all.extend(
        wrong_attempts
            .iter()
            .take(WRONG_MAX)
            .enumerate()
            .map(|(at, code)| StandIn {
                name: format!("wrong attempt {}", at + 1),
                code: code.clone(),
                meets: std::collections::HashSet::new(),
            }),
    );
    for stand_in in &all {
        if passes_all(bench, candidate, stand_in).await? {
            let detail = format!("code that {} passes every check", stand_in.name);
            return Ok(Ruling::Fail(Reason::NothingSolutionPasses, detail));
        }
    }
    if let Some(table) = by_heart(candidate)
        && (table.beyond_chance || knows_nothing_else(bench, hash_seed, candidate).await?)
    {
        let rest = if table.beyond_chance {
            "which no code holds by chance"
        } else {
            "and answers nothing else"
        };
        let detail = format!(
            "the solution holds {} of {} examples by heart, {rest}",
            table.held, table.of
        );
        return Ok(Ruling::Fail(Reason::NothingSolutionPasses, detail));
    }
    if let Some(literal) = the_only_answer(candidate) {
        let detail = format!(
            "every check expects {literal}: nothing shows that it depends on what is asked"
        );
        return Ok(Ruling::Fail(Reason::NothingSolutionPasses, detail));
    }
    Ok(Ruling::Pass(format!(
        "{} nothing-solutions fail",
        all.len()
    )))
}

/// The one value that all checks expect, if there is only one and no other kind of check. Beside a single yes or no it
/// shows nothing that what is of another type breaks: code that asks for its length and says yes does that.
fn the_only_answer(candidate: &Candidate) -> Option<String> {
    let mut only: Option<Value> = None;
    let mut breaks = false;
    for (_, check) in candidate.all_checks() {
        match &check.kind {
            CheckKind::Example { expect } => {
                let answer = parse_literal(expect).ok()?;
                if only.as_ref().is_some_and(|only| !only.equals(&answer)) {
                    return None;
                }
                only = only.or(Some(answer));
            }
            CheckKind::Raises { error } => {
                if !matches!(class_name(error), "TypeError" | "AttributeError") {
                    return None;
                }
                breaks = true;
            }
            CheckKind::Property { .. } => return None,
        }
    }
    only.filter(|only| !breaks || matches!(only, Value::Bool(_)))
        .map(|only| only.to_literal())
}

async fn passes_all(
    bench: &mut Bench<'_>,
    candidate: &Candidate,
    stand_in: &StandIn,
) -> Result<bool, Undecided> {
    // A property takes a second interpreter: asked last.
    let (properties, plain): (Vec<&Check>, Vec<&Check>) = candidate
        .all_checks()
        .map(|(_, check)| check)
        .partition(|check| {
            matches!(check.kind, CheckKind::Property { .. }) || check.serve.is_some()
        });
    let mut alone = properties;
    match bench.roll_call(ROOM, &stand_in.code, &plain, &[]).await? {
        Some(trials) => {
            let mut met = plain.iter().zip(&trials);
            if met.any(|(check, trial)| meets(check, trial).is_err()) {
                return Ok(false);
            }
        }
        // It ran into a limit: nearly every such code fails its first check alone.
        None => alone.splice(0..0, plain).for_each(drop),
    }
    for check in alone {
        let trial = bench.attempt(ROOM, &stand_in.code, check, false).await?;
        if meets(check, &trial).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first check that every one of these solutions meets, though they have nothing in common.
async fn met_by_all<'c>(
    bench: &mut Bench<'_>,
    candidate: &'c Candidate,
    odd: &[StandIn],
) -> Result<Option<&'c Check>, Undecided> {
    let mut left: Vec<&Check> = candidate
        .all_checks()
        .map(|(_, check)| check)
        .filter(|check| matches!(check.kind, CheckKind::Example { .. }) && check.serve.is_none())
        // One that does not even name the solution is told when it is measured what it reaches.
        .filter(|check| {
            let name = &candidate.scenario.entry_point;
            check.call.contains(name) || check.setup.contains(name)
        })
        .collect();
    for stand_in in odd {
        if left.is_empty() {
            break;
        }
        left = those_met(bench, &stand_in.code, left, true).await?;
    }
    Ok(left.first().copied())
}

/// Those of the checks that some code meets, or misses where that is not `wanted`. One that never ends must not hide what the
/// code says to the others.
async fn those_met<'c>(
    bench: &mut Bench<'_>,
    code: &str,
    checks: Vec<&'c Check>,
    wanted: bool,
) -> Result<Vec<&'c Check>, Undecided> {
    let together = bench.roll_call(ROOM, code, &checks, &[]).await?;
    let trials = if let Some(trials) = together {
        trials
    } else {
        let mut trials = Vec::with_capacity(checks.len());
        for check in &checks {
            trials.push(bench.attempt(ROOM, code, check, false).await?);
        }
        trials
    };
    let told = checks.into_iter().zip(&trials);
    Ok(told
        .filter(|(check, trial)| meets(check, trial).is_ok() == wanted)
        .map(|(check, _)| check)
        .collect())
}

/// The first check that an object meets by saying yes to every comparison, in a way that reading the call does not show.
async fn compares_inside<'c>(
    bench: &mut Bench<'_>,
    candidate: &'c Candidate,
    shape: &entry::Shape,
) -> Result<Option<&'c Check>, Undecided> {
    let name = &candidate.scenario.entry_point;
    let mut left: Vec<&Check> = candidate
        .all_checks()
        .map(|(_, check)| check)
        .filter(|check| {
            // The result itself, as exact built-in data, is no comparison.
            let looks = match check.kind {
                CheckKind::Example { .. } => !is_direct(check, name),
                CheckKind::Property { .. } => true,
                CheckKind::Raises { .. } => false,
            };
            looks && check.serve.is_none()
        })
        .collect();
    for (stand_in, wanted) in flatterer(candidate, shape).iter().zip([true, false]) {
        if left.is_empty() {
            break;
        }
        left = those_met(bench, &stand_in.code, left, wanted).await?;
    }
    Ok(left.first().copied())
}

/// Whether a solution gives one and the same answer, or none, to every question that no check asks.
async fn knows_nothing_else(
    bench: &mut Bench<'_>,
    hash_seed: u32,
    candidate: &Candidate,
) -> Result<bool, Undecided> {
    let room = Room {
        role: Role::Solution,
        hash_seed,
    };
    let checks: Vec<&Check> = candidate.all_checks().map(|(_, check)| check).collect();
    let entry_point = &candidate.scenario.entry_point;
    let asked: Vec<Check> = questions(
        entry_point,
        &checks,
        &[&candidate.code],
        QUESTIONS,
        u64::from(hash_seed),
    )
    .into_iter()
    .map(|question| question.expecting("None", Origin::Agreement))
    .collect();
    let trials = ask(bench, room, &candidate.code, &asked).await?;
    // Whoever refuses with an error that a check expects has said something about what is left.
    let raises: Vec<&str> = checks
        .iter()
        .filter_map(|check| match &check.kind {
            CheckKind::Raises { error } => Some(class_name(error)),
            CheckKind::Example { .. } | CheckKind::Property { .. } => None,
        })
        .collect();
    let refuses = trials.iter().flatten().any(|trial| {
        matches!(&trial.observation.outcome, Outcome::Raised { classes, .. }
            if classes.iter().any(|class| raises.contains(&class.as_str())))
    });
    let values: Vec<&Value> = trials
        .iter()
        .flatten()
        .filter_map(|trial| match &trial.observation.outcome {
            Outcome::Value { value } => Some(value),
            Outcome::Raised { .. } | Outcome::Unobservable { .. } | Outcome::Nothing => None,
        })
        .collect();
    Ok(match values.as_slice() {
        [] => !refuses,
        // A single answer is as good as its question.
        [_] => false,
        [..] => values.windows(2).all(|pair| pair[0].equals(pair[1])),
    })
}

/// Whether a property holds of results that have nothing in common.
async fn holds_of_anything(
    bench: &mut Bench<'_>,
    hash_seed: u32,
    holds: &str,
    check: &Check,
) -> Result<bool, Undecided> {
    let odd = [
        Value::None,
        Value::Int("-7919".to_owned()),
        Value::Str("zq".to_owned()),
        Value::List(vec![Value::Tuple(vec![Value::None])]),
        Value::Dict(Vec::new()),
    ];
    let unasked = check.serve.as_ref().map(|_| Served::default());
    for result in odd {
        let held = bench
            .holds(hash_seed, holds, check, &result, unasked.as_ref())
            .await?;
        if held != Holds::Yes {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::the_only_answer;
    use crate::dream::{Candidate, Check, CheckKind, Scenario};

    #[track_caller]
    fn check(answers: &[&str], errors: &[&str], expected: Option<&str>) {
        let raises = |error: &&str| {
            let error = (*error).to_owned();
            Check::new("f(None)", CheckKind::Raises { error })
        };
        let candidate = Candidate {
            scenario: Scenario::default(),
            code: String::new(),
            checks: answers.iter().map(|a| Check::example("f(1)", *a)).collect(),
            hidden_checks: errors.iter().map(raises).collect(),
        };
        let only = the_only_answer(&candidate);
        assert_eq!(only.as_deref(), expected, "{answers:?} {errors:?}");
    }

    #[test]
    fn a_single_answer_is_told() {
        check(&["True", "True"], &[], Some("True"));
        check(&["3", "3.0"], &[], Some("3"));
        check(&["True", "True"], &["TypeError"], Some("True"));
        check(&["True", "False"], &["TypeError"], None);
        // Whoever refuses some and says yes to the others has told them apart.
        check(&["True", "True"], &["ValueError", "TypeError"], None);
        check(&["None", "None"], &["TypeError"], None);
        check(&[], &["TypeError"], None);
    }
}
