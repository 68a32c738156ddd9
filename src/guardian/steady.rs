//! Gate 5: each check ends the same way in fresh interpreters with other hash seeds, in another time zone and locale, in
//! another order and at a second call in one interpreter; arguments are not changed unless the scenario says so.

use super::agreement::{Answered, Panel};
use super::bench::{Bench, Role, Room};
use super::lift::{built, can_change, lift};
use super::ruling::{Hearing, Ruling, Undecided};
use super::syntax::{Source, named};
use super::trial::{Trial, meets, same_outcome, shown};
use crate::dream::{Candidate, Check, Outcome, Reason, Value};

/// Far east and half an hour off, then far west: no whole number of hours between them and UTC, which the first runs
/// had. Written as POSIX rules, which need no files.
const ZONES: [&str; 2] = ["DRM-13:45", "DRM3:30"];

/// What makes another place of an interpreter, and what the solution's module is called there.
const ELSEWHERE: &str = include_str!("elsewhere.py");
const MODULE: &str = "candidate";
/// CPU time that all checks may take one by one so that they are also asked in one interpreter, which has one limit.
const ROLL_CALL_CPU_MS: f64 = 1_200.0;
/// A result of this many bytes is far from what may leave a sandbox.
const SMALL_BYTES: usize = 64 << 10;

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
    let said = candidate.all_checks().map(|(_, check)| check);
    let said: String = said
        .flat_map(|check| [check.setup.as_str(), "\n", check.call.as_str(), "\n"])
        .collect();
    let [east, west] = ZONES.map(|zone| elsewhere(&candidate.code, &said, zone));
    for (check, first) in checks.iter().rev() {
        let again = bench.attempt(other, &east, check, false).await?;
        let how = "with another hash seed and time zone";
        if let Some(ruling) = differs(check, first, &again, how) {
            return Ok(ruling);
        }
    }
    let mut watched = 0;
    for (check, first) in &checks {
        for built in built(candidate, check) {
            if candidate.scenario.in_place.contains(&built.parameter) {
                continue;
            }
            let code = &candidate.code;
            let before = bench.attempt(third, code, &built.before, false).await?;
            let Outcome::Value { value: before } = before.observation.outcome else {
                continue;
            };
            if !can_change(&before) {
                continue;
            }
            watched += 1;
            let after = bench.attempt(third, code, &built.after, false).await?;
            if let Outcome::Value { value: after } = after.observation.outcome
                && !before.equals(&after)
            {
                return Ok(changes(check, &built.parameter));
            }
        }
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
            return Ok(changes(check, name));
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

/// The questions that the solution answered, once more under another hash seed, where its answers may hang on the order
/// of a set: no check may have such a case.
pub(super) async fn asked_again(
    bench: &mut Bench<'_>,
    room: Room,
    candidate: &Candidate,
    panel: &Panel,
) -> Result<Option<Ruling>, Undecided> {
    let code = &candidate.code;
    if panel.answered.is_empty() || !orders_by_hash(code) {
        return Ok(None);
    }
    let of = |answered: &Answered| (answered.check.clone(), answered.trial.clone());
    let (checks, trials): (Vec<Check>, Vec<Trial>) = panel.answered.iter().map(of).unzip();
    let (asked, first): (Vec<&Check>, Vec<&Trial>) =
        (checks.iter().collect(), trials.iter().collect());
    let Some(again) = bench.roll_call(room, code, &asked, &first).await? else {
        return Ok(None);
    };
    let how = "with another hash seed";
    let mut pairs = checks.iter().zip(&trials).zip(&again);
    Ok(pairs.find_map(|((check, first), again)| differs(check, first, again, how)))
}

/// Whether code makes sets or asks for hashes.
fn orders_by_hash(code: &str) -> bool {
    let Some(source) = Source::parse(code) else {
        return false;
    };
    source.nodes().iter().any(|(node, _)| match node.kind() {
        "set" | "set_comprehension" => true,
        "identifier" => matches!(source.text_of(*node), "set" | "frozenset" | "hash"),
        _ => false,
    })
}

fn changes(check: &Check, argument: &str) -> Ruling {
    let detail = format!("`{}` changes its argument `{argument}`", check.call);
    Ruling::Fail(Reason::MutatesInput, detail)
}

/// All checks forward, again, and backward in one interpreter. The words say what came of it.
async fn in_one_interpreter(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    checks: &[(&Check, &Trial)],
) -> Result<Result<&'static str, Ruling>, Undecided> {
    let cpu_ms: f64 = checks.iter().map(|(_, t)| t.observation.cpu_ms).sum();
    // A server stands beside one call.
    let forward = checks
        .iter()
        .copied()
        .filter(|(check, _)| check.serve.is_none());
    if cpu_ms > ROLL_CALL_CPU_MS {
        return quickest_again(bench, room, code, forward).await;
    }
    let order: Vec<(&Check, &Trial)> = forward
        .clone()
        .chain(forward.clone())
        .chain(forward.rev())
        .collect();
    let (asked, first): (Vec<&Check>, Vec<&Trial>) = order.iter().copied().unzip();
    let how = "in one interpreter with the other checks";
    let Some(again) = bench.roll_call(room, code, &asked, &first).await? else {
        return in_pairs(bench, room, code, checks).await;
    };
    for ((check, first), again) in order.iter().zip(&again) {
        if let Some(ruling) = differs(check, first, again, how) {
            return Ok(Err(ruling));
        }
    }
    Ok(Ok("in both orders and repeatedly in one interpreter"))
}

/// The check that takes least, three times in one interpreter: what changes at the third call shows there too.
async fn quickest_again<'c>(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    checks: impl Iterator<Item = (&'c Check, &'c Trial)>,
) -> Result<Result<&'static str, Ruling>, Undecided> {
    let said = "the quickest three times in one interpreter, the others being too slow for that";
    let cpu_ms = |trial: &Trial| trial.observation.cpu_ms;
    let Some((check, first)) = checks.min_by(|a, b| cpu_ms(a.1).total_cmp(&cpu_ms(b.1))) else {
        return Ok(Ok(said));
    };
    if 3.0 * cpu_ms(first) > ROLL_CALL_CPU_MS {
        return Ok(Ok("too slow to be asked in one interpreter"));
    }
    let again = bench
        .roll_call(room, code, &[check; 3], &[first; 3])
        .await?;
    let found = again
        .iter()
        .flatten()
        .find_map(|again| differs(check, first, again, "at a further call in one interpreter"));
    Ok(found.map_or(Ok(said), Err))
}

/// Each check after its neighbour, and the other way round: what all of them ran into together, a limit, may come of
/// two of them alone, and then the solution is not the same each time.
async fn in_pairs(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    checks: &[(&Check, &Trial)],
) -> Result<Result<&'static str, Ruling>, Undecided> {
    let asked: Vec<(&Check, &Trial)> = checks
        .iter()
        .copied()
        .filter(|(check, _)| check.serve.is_none())
        .collect();
    for pair in asked.windows(2) {
        let [one, other] = pair else { continue };
        for order in [[one, other, one], [other, one, other]] {
            let both = order.map(|(check, _)| *check);
            let first = order.map(|(_, trial)| *trial);
            let Some(again) = bench.roll_call(room, code, &both, &first).await? else {
                if !order.iter().all(|(_, trial)| is_small(trial)) {
                    continue;
                }
                let detail = format!(
                    "`{}` and `{}` by turns in one interpreter run into a limit; each alone does not",
                    both[0].call, both[1].call
                );
                return Ok(Err(Ruling::Fail(Reason::Flaky, detail)));
            };
            for ((check, first), again) in order.into_iter().zip(&again) {
                if let Some(ruling) = differs(check, first, again, "beside another check") {
                    return Ok(Err(ruling));
                }
            }
        }
    }
    Ok(Ok("in pairs in one interpreter"))
}

/// Whether two such results together are sure to fit into one answer.
fn is_small(trial: &Trial) -> bool {
    match &trial.observation.outcome {
        Outcome::Value { value } => value.to_literal().len() < SMALL_BYTES,
        Outcome::Raised { .. } | Outcome::Unobservable { .. } | Outcome::Nothing => true,
    }
}

/// The code as it runs in another place. Nothing that runs here looks at line numbers.
fn elsewhere(code: &str, checks: &str, zone: &str) -> String {
    let text = Value::Str(ELSEWHERE.to_owned()).to_literal();
    let told = |words: &[&str]| {
        words
            .iter()
            .any(|word| code.contains(word) || checks.contains(word))
    };
    let now = told(&["now("]);
    // The kernel stamps files with the real time, and exact types and pickles tell a class that stands in from the real one.
    let stays = told(&[
        "_mtime", "getmtime", "_ctime", "getctime", "_atime", "getatime",
    ]) || now && told(&["type(", "pickle", "__class__"]);
    let [clock, now] = [told(&["time", "today("]), now]
        .map(|moves| if moves && !stays { "True" } else { "False" });
    let place = format!(
        "exec({text}, dict(zone='{zone}', module='{MODULE}', clock={clock}, now={now}))\n__name__ = '{MODULE}'\n"
    );
    let at = after_futures(code);
    let (first, rest) = code.split_at(at);
    let end = if at == 0 { "" } else { "\n" };
    format!("{first}{end}{place}{rest}")
}

/// Where the imports from `__future__` end, which must stay the first statements.
fn after_futures(code: &str) -> usize {
    let end = Source::parse(code).and_then(|source| {
        named(source.root())
            .into_iter()
            .filter(|statement| statement.kind() == "future_import_statement")
            .map(|statement| statement.end_byte())
            .max()
    });
    let end = end.unwrap_or(0);
    let rest = &code[end..];
    // `from __future__ import annotations; import os`
    let same_line = rest.trim_start_matches([' ', '\t']);
    end + rest.len() - same_line.strip_prefix(';').unwrap_or(rest).len()
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

#[cfg(test)]
mod tests {
    use super::{after_futures, elsewhere, orders_by_hash};

    #[test]
    fn another_place_comes_before_the_code_and_after_the_future() {
        let code = "from __future__ import annotations\nimport time\n";
        let made = elsewhere(code, "", "DRM3:30");
        let (first, rest) = made.split_once("\nexec(").expect("one");
        assert_eq!(first, "from __future__ import annotations");
        assert!(rest.ends_with("clock=True, now=False))\n__name__ = 'candidate'\n\nimport time\n"));
        // Both move, or neither does.
        let today = "from datetime import date\n";
        for (code, checks, clock) in [
            (today, "f(datetime.now())", "clock=True, now=True"),
            (
                "date.today()\n",
                "f(datetime.now())",
                "clock=True, now=True",
            ),
            (
                "time.time() - p.stat().st_mtime\n",
                "",
                "clock=False, now=False",
            ),
            (
                "time.time()\ntype(datetime.now())\n",
                "",
                "clock=False, now=False",
            ),
        ] {
            let made = elsewhere(code, checks, "DRM3:30");
            assert!(made.contains(clock), "{code}: {made}");
        }
    }

    #[test]
    fn what_may_hang_on_hashes_is_told() {
        assert!(orders_by_hash("def f(xs):\n    return max(set(xs))\n"));
        assert!(orders_by_hash("def f(xs):\n    return {x for x in xs}\n"));
        assert!(!orders_by_hash(
            "def f(xs):\n    return {x: 1 for x in xs}\n"
        ));
    }

    #[test]
    fn what_must_stand_first_does() {
        for (code, first) in [
            ("x = 1\n", ""),
            ("# from __future__ import annotations\nx = 1\n", ""),
            ("x = '__future__'\n", ""),
            (
                "from __future__ import annotations\nx = 1\n",
                "from __future__ import annotations",
            ),
            (
                "'''doc'''\nfrom __future__ import annotations; x = 1\n",
                "'''doc'''\nfrom __future__ import annotations;",
            ),
        ] {
            assert_eq!(&code[..after_futures(code)], first, "{code}");
        }
    }
}
