//! Gate 4: the solution passes every visible and every hidden check, decided outside of the interpreter that ran it.
//! Keeps each trial for the gates that follow.

use super::bench::{Bench, Company, Room};
use super::ruling::{Hearing, Ruling, Undecided};
use super::suite::claims_beside;
use super::syntax::Source;
use super::trial::{Holds, MissKind, Trial, meets};
use crate::dream::{Candidate, Check, CheckKind, Ending, Reason, Suite};

/// A slow call is timed this often, and fails only if it is too slow each time (contract, section 5).
const TIMINGS: [Company; 3] = [Company::Others, Company::Nobody, Company::Nobody];

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    room: Room,
    candidate: &Candidate,
    suite: Suite,
    trials: &mut Vec<Trial>,
) -> Hearing {
    let code = candidate.code.as_str();
    let checks = match suite {
        Suite::Visible => &candidate.checks,
        Suite::Hidden => &candidate.hidden_checks,
    };
    for (at, check) in checks.iter().enumerate() {
        let trial = attempt(bench, room, code, check).await?;
        if let Err(miss) = meets(check, &trial) {
            if let Some(detail) = contradicted(bench, room, candidate, check).await? {
                return Ok(Ruling::Fail(Reason::ContradictingChecks, detail));
            }
            let passed = format!("{at} of {} passed, then: {}", checks.len(), miss.detail);
            return Ok(Ruling::Fail(reason(miss.kind, suite), passed));
        }
        if let CheckKind::Raises { error } = &check.kind
            && is_own_by_that_name(code, error)
        {
            let detail = format!(
                "`{}` raises a class of its own where {error} is expected",
                check.call
            );
            return Ok(Ruling::Fail(reason(MissKind::Wrong, suite), detail));
        }
        if let Some(max_ms) = check.max_ms
            && let Some(fastest) = too_slow(bench, room, code, check, max_ms).await?
        {
            let detail = format!(
                "`{}` took {fastest:.0} ms at best, at most {max_ms} allowed",
                check.call
            );
            return Ok(Ruling::Fail(Reason::TooSlow, detail));
        }
        trials.push(trial);
    }
    Ok(Ruling::Pass(format!("{} of {0} passed", checks.len())))
}

/// Whether the code defines a class by the name of a library's that is none of its kind: who catches the library's does
/// not catch it. An interpreter tells classes without their modules.
fn is_own_by_that_name(code: &str, error: &str) -> bool {
    let Some((module, name)) = error.rsplit_once('.') else {
        return false;
    };
    let Some(source) = Source::parse(code).filter(|_| module != "solution") else {
        return false;
    };
    let nodes = source.nodes();
    // `Account.Overdrawn`: a class inside of one of its own.
    let outer = module.split('.').next().unwrap_or(module);
    let is_outer = |node: tree_sitter::Node<'_>| {
        let name = node.child_by_field_name("name");
        node.kind() == "class_definition" && name.is_some_and(|n| source.text_of(n) == outer)
    };
    if nodes.iter().any(|(node, _)| is_outer(*node)) {
        return false;
    }
    nodes.into_iter().any(|(node, _)| {
        let named = node
            .child_by_field_name("name")
            .filter(|_| node.kind() == "class_definition");
        let bases = node
            .child_by_field_name("superclasses")
            .map_or("", |bases| source.text_of(bases));
        named.is_some_and(|named| source.text_of(named) == name) && !bases.contains(name)
    })
}

/// A property that does not hold of what an example of the same call expects: no solution could meet both.
async fn contradicted(
    bench: &mut Bench<'_>,
    room: Room,
    candidate: &Candidate,
    missed: &Check,
) -> Result<Option<String>, Undecided> {
    for (expected, check, property) in claims_beside(candidate, missed) {
        // What the server of a check sees is known of a run alone.
        if check.serve.is_some() {
            continue;
        }
        let held = bench.holds(room.hash_seed, property, check, &expected, None);
        if held.await? == Holds::No {
            let (call, expected) = (&check.call, expected.to_literal());
            return Ok(Some(format!(
                "`{call}` is expected to be {expected}, of which `{property}` does not hold"
            )));
        }
    }
    Ok(None)
}

/// Traced; where tracing itself ran out of time, once more without.
async fn attempt(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    check: &Check,
) -> Result<Trial, Undecided> {
    let trial = bench.attempt(room, code, check, true).await?;
    if matches!(trial.observation.ending, Ending::Cpu | Ending::Wall) {
        return bench.attempt(room, code, check, false).await;
    }
    Ok(trial)
}

/// The best time where every timing is over `max_ms`. A miss is timed again with nothing else of ours at work: only
/// what the solution needs by itself counts against it.
async fn too_slow(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    check: &Check,
    max_ms: u64,
) -> Result<Option<f64>, Undecided> {
    let mut fastest = f64::INFINITY;
    for company in TIMINGS {
        let took = bench.timed(room, code, check, company).await?;
        fastest = fastest.min(took);
        if fastest <= max_ms as f64 {
            return Ok(None);
        }
    }
    Ok(Some(fastest))
}

fn reason(kind: MissKind, suite: Suite) -> Reason {
    match (kind, suite) {
        (MissKind::Wrong, Suite::Visible) => Reason::VisibleCheckFailed,
        (MissKind::Wrong, Suite::Hidden) => Reason::HiddenCheckFailed,
        (MissKind::Limit, _) => Reason::LimitExceeded,
        (MissKind::Reaches, _) => Reason::ReachesHarness,
        (MissKind::LeavesProcesses, _) => Reason::LeavesProcesses,
        (MissKind::LeavesThreads, _) => Reason::LeavesThreads,
        (MissKind::Unobservable, _) => Reason::UnobservableResult,
        (MissKind::SyntaxError, _) => Reason::SyntaxError,
        (MissKind::MissingLibrary, _) => Reason::MissingLibrary,
        (MissKind::FailsToLoad, _) => Reason::FailsToLoad,
        (MissKind::BadCheck, _) => Reason::BadCheck,
    }
}

#[cfg(test)]
mod tests {
    use super::is_own_by_that_name;

    #[test]
    fn a_class_by_a_librarys_name_is_another() {
        let own = "class JSONDecodeError(Exception):\n    pass\n";
        assert!(is_own_by_that_name(own, "json.JSONDecodeError"));
        assert!(!is_own_by_that_name(own, "JSONDecodeError"));
        assert!(!is_own_by_that_name(own, "solution.JSONDecodeError"));
        assert!(!is_own_by_that_name(own, "json.Other"));
        let inside = "class A:\n    class E(Exception):\n        pass\n";
        assert!(!is_own_by_that_name(inside, "A.E"));
        let kind = "class JSONDecodeError(json.JSONDecodeError):\n    pass\n";
        assert!(!is_own_by_that_name(kind, "json.JSONDecodeError"));
    }
}
