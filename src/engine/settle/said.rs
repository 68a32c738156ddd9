//! What is known of single checks, beside the checks that are to be settled. Pure.

use crate::dream::{Check, Suite};

#[derive(Debug, Clone, Default)]
pub struct Said {
    /// What the task itself states of single calls.
    pub stated: Vec<Check>,
    /// What the model expects and was not sure of as it wrote it.
    pub unsure: Vec<Check>,
}

impl Said {
    /// Whether nothing but a model that was not sure speaks for the check.
    #[must_use]
    pub fn is_unsure(&self, check: &Check) -> bool {
        !self.binds(check) && says(&self.unsure, check)
    }

    /// Whether a solution must pass the check whatever others answer.
    fn binds(&self, check: &Check) -> bool {
        check.origin.is_evidence() || says(&self.stated, check)
    }

    /// The same of a call in its new form.
    pub(in crate::engine) fn rewrite(&mut self, call: &str, anew: &str) {
        let all = self.stated.iter_mut().chain(&mut self.unsure);
        for one in all.filter(|one| one.call == call) {
            anew.clone_into(&mut one.call);
        }
    }
}

/// Whether one of `list` says the same of the same call.
fn says(list: &[Check], check: &Check) -> bool {
    let same =
        |one: &Check| one.setup == check.setup && one.call == check.call && one.kind == check.kind;
    list.iter().any(same)
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
pub(super) fn binding(checks: &[(Suite, Check)], said: &Said) -> Vec<usize> {
    let all = checks.iter().enumerate();
    all.filter_map(|(c, (_, check))| said.binds(check).then_some(c))
        .collect()
}
