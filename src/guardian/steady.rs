//! Gate 6: each check ends the same way in fresh interpreters with other hash seeds, in reversed order and at a second
//! call in one interpreter; arguments are not changed unless the scenario says so.

use super::bench::{Bench, Role, Room};
use super::lift::lift;
use super::ruling::{Hearing, Ruling};
use super::trial::{Trial, meets, same_outcome, shown};
use crate::dream::{Candidate, Check, Reason};

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    hash_seeds: [u32; 2],
    candidate: &Candidate,
    trials: &[Trial],
) -> Hearing {
    let checks: Vec<(&Check, &Trial)> = candidate
        .all_checks()
        .map(|(_, check)| check)
        .zip(trials)
        .collect();
    let [other, third] = hash_seeds.map(|hash_seed| Room {
        role: Role::Solution,
        hash_seed,
    });
    for (check, first) in checks.iter().rev() {
        let again = bench.attempt(other, &candidate.code, check, false).await?;
        if let Some(ruling) = differs(check, first, &again, "with another hash seed") {
            return Ok(ruling);
        }
    }
    let mut watched = 0;
    for (check, first) in &checks {
        let Some(lifted) = lift(candidate, check) else {
            let again = bench.attempt(third, &candidate.code, check, false).await?;
            if let Some(ruling) = differs(check, first, &again, "with a third hash seed") {
                return Ok(ruling);
            }
            continue;
        };
        let again = bench
            .attempt(third, &candidate.code, &lifted.check, false)
            .await?;
        let changed = again
            .observation
            .mutated
            .iter()
            .filter_map(|name| lifted.arguments.get(name));
        if let Some(name) = changed
            .into_iter()
            .find(|name| !candidate.scenario.in_place.contains(name))
        {
            let detail = format!("`{}` changes its argument `{name}`", check.call);
            return Ok(Ruling::Fail(Reason::MutatesInput, detail));
        }
        if let Some(ruling) = differs(check, first, &again, "at a second call in one interpreter") {
            return Ok(ruling);
        }
        watched += lifted.arguments.len();
    }
    Ok(Ruling::Pass(format!(
        "{} checks the same three times, {watched} arguments unchanged",
        checks.len()
    )))
}

fn differs(check: &Check, first: &Trial, again: &Trial, how: &str) -> Option<Ruling> {
    let same = same_outcome(&first.observation, &again.observation) && meets(check, again).is_ok();
    let detail = || {
        format!(
            "`{}` gave {} and {how} {}",
            check.call,
            shown(&first.observation),
            shown(&again.observation)
        )
    };
    (!same).then(|| Ruling::Fail(Reason::Flaky, detail()))
}
