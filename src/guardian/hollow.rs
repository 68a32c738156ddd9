//! Gate 3: nothing-solutions fail. Code that returns nothing, always the same, its own argument or the visible examples
//! by heart, and every earlier attempt that is known to be wrong, must miss at least one check.

use super::bench::{Bench, Role, Room};
use super::entry;
use super::ruling::{Hearing, Ruling, Undecided};
use super::stand_ins::{StandIn, stand_ins};
use super::syntax::Source;
use super::trial::{Holds, meets};
use crate::dream::{Candidate, Check, CheckKind, Reason, Served, Value};

/// Most earlier wrong attempts that are tried.
const WRONG_MAX: usize = 4;

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
        if passes_all(bench, hash_seed, candidate, stand_in).await? {
            let detail = format!("code that {} passes every check", stand_in.name);
            return Ok(Ruling::Fail(Reason::NothingSolutionPasses, detail));
        }
    }
    Ok(Ruling::Pass(format!(
        "{} nothing-solutions fail",
        all.len()
    )))
}

async fn passes_all(
    bench: &mut Bench<'_>,
    hash_seed: u32,
    candidate: &Candidate,
    stand_in: &StandIn,
) -> Result<bool, Undecided> {
    let room = Room {
        role: Role::StandIn,
        hash_seed,
    };
    let mut order: Vec<(usize, &Check)> = candidate
        .all_checks()
        .map(|(_, check)| check)
        .enumerate()
        .collect();
    // The hidden suite and what is not known by heart come first: nearly every stand-in falls at its first check.
    order.sort_by_key(|(at, _)| (stand_in.meets.contains(at), *at < candidate.checks.len()));
    for (_, check) in order {
        let trial = bench.attempt(room, &stand_in.code, check, false).await?;
        if meets(check, &trial).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
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
