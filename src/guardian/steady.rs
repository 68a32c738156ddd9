//! Gate 5: each check ends the same way in fresh interpreters with other hash seeds, in another time zone and locale, in
//! another order and at a second call in one interpreter; arguments are not changed unless the scenario says so.

use super::bench::{Bench, Role, Room};
use super::lift::lift;
use super::ruling::{Hearing, Ruling, Undecided};
use super::trial::{Trial, meets, same_outcome, shown};
use crate::dream::{Candidate, Check, Reason};

/// Far east and half an hour off, then far west: no whole number of hours between them and UTC, which the first runs
/// had. Written as POSIX rules, which need no files.
const ZONES: [&str; 2] = ["DRM-13:45", "DRM3:30"];

/// CPU time that all checks may take one by one so that they are also asked in one interpreter, which has one limit.
const ROLL_CALL_CPU_MS: f64 = 1_200.0;

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
    let [east, west] = ZONES.map(|zone| elsewhere(&candidate.code, zone));
    for (check, first) in checks.iter().rev() {
        let again = bench.attempt(other, &east, check, false).await?;
        let how = "with another hash seed and time zone";
        if let Some(ruling) = differs(check, first, &again, how) {
            return Ok(ruling);
        }
    }
    let mut watched = 0;
    for (check, first) in &checks {
        let Some(lifted) = lift(candidate, check) else {
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
        let how = if lifted.twice {
            "at a second call in one interpreter"
        } else {
            "with a third hash seed"
        };
        if let Some(ruling) = differs(check, first, &again, how) {
            return Ok(ruling);
        }
        watched += lifted.arguments.len();
    }
    let together = match in_one_interpreter(bench, third, &west, &checks).await? {
        Ok(together) => together,
        Err(ruling) => return Ok(ruling),
    };
    Ok(Ruling::Pass(format!(
        "{} checks the same each time under three hash seeds and time zones, {together}; {watched} arguments unchanged",
        checks.len()
    )))
}

/// All checks forward, again, and backward in one interpreter. The words say what came of it.
async fn in_one_interpreter(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    checks: &[(&Check, &Trial)],
) -> Result<Result<&'static str, Ruling>, Undecided> {
    let cpu_ms: f64 = checks.iter().map(|(_, t)| t.observation.cpu_ms).sum();
    if cpu_ms > ROLL_CALL_CPU_MS {
        return Ok(Ok("too slow to be asked in one interpreter"));
    }
    // A server stands beside one call.
    let forward = checks
        .iter()
        .copied()
        .filter(|(check, _)| check.serve.is_none());
    let order: Vec<(&Check, &Trial)> = forward
        .clone()
        .chain(forward.clone())
        .chain(forward.rev())
        .collect();
    let (asked, first): (Vec<&Check>, Vec<&Trial>) = order.iter().copied().unzip();
    let Some(again) = bench.roll_call(room, code, &asked, &first).await? else {
        return Ok(Ok("too much to be asked in one interpreter"));
    };
    for ((check, first), again) in order.iter().zip(&again) {
        let how = "in one interpreter with the other checks";
        if let Some(ruling) = differs(check, first, again, how) {
            return Ok(Err(ruling));
        }
    }
    Ok(Ok("in both orders and repeatedly in one interpreter"))
}

/// The code as it runs in another place. Nothing that runs here looks at line numbers.
fn elsewhere(code: &str, zone: &str) -> String {
    // Must stay the first statement.
    if code.contains("__future__") {
        return code.to_owned();
    }
    format!(
        "__import__('os').environ.update(TZ='{zone}', LC_ALL='C', LANG='C')\n__import__('time').tzset()\n\
         __import__('locale').setlocale(__import__('locale').LC_ALL, 'C')\n{code}"
    )
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
