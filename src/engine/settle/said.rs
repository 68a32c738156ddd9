//! What is known of single checks, beside the checks that are to be settled. Pure.

use super::Answer;
use super::answers::{is_open, meets};
use crate::dream::{Check, CheckKind, Suite};

#[derive(Debug, Clone, Default)]
pub struct Said {
    /// What the task itself states of single calls.
    pub stated: Vec<Check>,
    /// What the model expects and was not sure of as it wrote it.
    pub unsure: Vec<Check>,
    /// What it was asked about again.
    pub asked_again: Vec<Check>,
    /// What it expects of those calls now, where it is sure that there is a value and no error.
    pub says_now: Vec<Check>,
}

impl Said {
    /// Whether nothing but a model that was not sure speaks for the check.
    #[must_use]
    pub fn is_unsure(&self, check: &Check) -> bool {
        !self.binds(check) && says(&self.unsure, check)
    }

    /// Whether the model may take it back when it is asked about the call again: an error, or what it was not sure of.
    #[must_use]
    pub fn may_take_back(&self, check: &Check) -> bool {
        let doubtful = matches!(check.kind, CheckKind::Raises { .. }) || says(&self.unsure, check);
        doubtful && check.setup.is_empty() && !self.binds(check) && !says(&self.asked_again, check)
    }

    /// Whether it did, and expects now what this answer is.
    #[must_use]
    pub fn took_back(&self, check: &Check, answer: &Answer) -> bool {
        let mut now = self.says_now.iter();
        says(&self.asked_again, check)
            && !self.binds(check)
            && now.any(|one| one.call == check.call && meets(one, answer))
    }

    /// Whether somebody expects it and neither was unsure nor was asked about it again.
    #[must_use]
    pub fn stands(&self, check: &Check) -> bool {
        !is_open(check) && !self.is_unsure(check) && !says(&self.asked_again, check)
    }

    /// Whether a solution must pass the check whatever others answer.
    fn binds(&self, check: &Check) -> bool {
        check.origin.is_evidence() || says(&self.stated, check)
    }

    /// The same of a call in its new form.
    pub(in crate::engine) fn rewrite(&mut self, call: &str, anew: &str) {
        let told = self.asked_again.iter_mut().chain(&mut self.says_now);
        let all = self.stated.iter_mut().chain(&mut self.unsure).chain(told);
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
