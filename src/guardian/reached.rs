//! Gate 5: each check runs at least one line of the solution, measured while it ran. A suite that tests a pasted copy,
//! or nothing, falls here. Pure.

use std::collections::BTreeSet;

use super::ruling::Ruling;
use super::trial::Trial;
use crate::dream::{Candidate, Reason};

pub(super) fn rule(candidate: &Candidate, trials: &[Trial]) -> Ruling {
    let mut lines: BTreeSet<u32> = BTreeSet::new();
    for ((_, check), trial) in candidate.all_checks().zip(trials) {
        if trial.traced && trial.observation.lines.is_empty() {
            return Ruling::Fail(
                Reason::CheckMissesSolution,
                format!("`{}` runs no line of the solution", check.call),
            );
        }
        lines.extend(&trial.observation.lines);
    }
    Ruling::Pass(format!("{} lines of the solution ran", lines.len()))
}
