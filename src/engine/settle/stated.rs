//! What the task itself states of single calls, among the checks that are to be settled. Pure.

use crate::dream::{Check, Suite};

/// Whether one of `stated` says the same of the same call.
fn says(stated: &[Check], check: &Check) -> bool {
    let same = |one: &Check| one.call == check.call && one.kind == check.kind;
    check.setup.is_empty() && stated.iter().any(same)
}

/// Checks with what the task states among them: in the place of what a model expects of the same call, else hidden.
#[must_use]
pub fn with_stated(mut checks: Vec<(Suite, Check)>, stated: &[Check]) -> Vec<(Suite, Check)> {
    for one in stated {
        let same = |check: &Check| check.setup.is_empty() && check.call == one.call;
        match checks.iter_mut().find(|(_, check)| same(check)) {
            Some((_, check)) if check.origin.is_evidence() => {}
            Some((_, check)) => check.kind.clone_from(&one.kind),
            None => checks.push((Suite::Hidden, one.clone())),
        }
    }
    checks
}

/// Indices of the checks that a solution must pass whatever others answer.
pub(super) fn binding(checks: &[(Suite, Check)], stated: &[Check]) -> Vec<usize> {
    let binds = |(_, check): &(Suite, Check)| check.origin.is_evidence() || says(stated, check);
    let all = checks.iter().enumerate();
    all.filter_map(|(c, check)| binds(check).then_some(c))
        .collect()
}
