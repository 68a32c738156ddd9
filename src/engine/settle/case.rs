//! What speaks for and against one solution among others. Pure.

use super::answers::{fails, independent, is_open, same, supporters};
use super::{Needs, OUTWEIGHING, SOME_EVIDENCE, Said, Tried};
use crate::dream::{Check, Suite};

/// What speaks for and against one solution.
pub(super) struct Case {
    pub(super) solution: usize,
    /// Model expectations that it meets.
    pub(super) confirmed: usize,
    /// Expectations that it misses, where an independent solution gives its answer.
    pub(super) suspects: Vec<usize>,
    /// Expectations that it misses and the model was not sure of.
    pub(super) doubtful: Vec<usize>,
    /// Expectations that it misses alone.
    pub(super) unsupported: Vec<usize>,
    /// The one that it misses alone and that those it meets outweigh.
    pub(super) outweighed: Option<usize>,
    /// An exception where a value is expected, or a value where an error is: that outweighs nothing.
    pub(super) failed: bool,
    /// Independent solutions that give the same answers to every call.
    pub(super) supporters: usize,
    /// Independent solutions, whatever they answer.
    pub(super) others: usize,
}

impl Case {
    pub(super) fn of(
        s: usize,
        pool: &[usize],
        (checks, said): (&[(Suite, Check)], &Said),
        tried: &[Tried],
        matrix: &[Vec<bool>],
    ) -> Self {
        let mut case = Self {
            solution: s,
            confirmed: 0,
            suspects: Vec::new(),
            doubtful: Vec::new(),
            unsupported: Vec::new(),
            outweighed: None,
            failed: false,
            supporters: supporters(s, tried, checks),
            others: (0..tried.len())
                .filter(|&other| independent(tried, s, other))
                .count(),
        };
        let among = |holds: &dyn Fn(usize) -> bool| {
            let mut others = pool.iter().filter(|&&other| independent(tried, s, other));
            others.any(|&other| holds(other))
        };
        for (c, (_, check)) in checks.iter().enumerate() {
            if check.origin.is_evidence() || is_open(check) {
                continue;
            }
            if matrix[s][c] {
                case.confirmed += 1;
            } else if said.took_back(check, &tried[s].answers[c])
                || (said.is_unsure(check) && !fails(check, &tried[s].answers[c]))
            {
                case.doubtful.push(c);
            } else if !fails(check, &tried[s].answers[c])
                && among(&|other| same(&tried[s].answers[c], &tried[other].answers[c]))
                && !among(&|other| matrix[other][c])
            {
                case.suspects.push(c);
            } else {
                case.failed |= fails(check, &tried[s].answers[c]);
                case.unsupported.push(c);
            }
        }
        case
    }

    /// Whether the one expectation that it misses could be outweighed by others.
    pub(super) fn may_outweigh(&self, evidence: usize) -> bool {
        let one = self.unsupported.len() == 1 && self.suspects.is_empty();
        one && !self.failed && evidence >= SOME_EVIDENCE
    }

    /// What helps where too few expectations are left: what the model was not sure of may become a check by agreement, or it
    /// be surer of others.
    pub(super) fn surer(&self) -> Needs {
        match (self.supporters, self.doubtful.is_empty()) {
            (0, true) => Needs::Solutions,
            (0, false) => Needs::Sure,
            (1.., _) => Needs::Expectations,
        }
    }

    pub(super) fn weighed(mut self, evidence: usize) -> Self {
        if self.may_outweigh(evidence) && self.confirmed >= OUTWEIGHING {
            self.outweighed = self.unsupported.pop();
        }
        self
    }

    pub(super) fn is_dropped(&self, check: usize) -> bool {
        self.outweighed == Some(check)
            || self.suspects.contains(&check)
            || self.doubtful.contains(&check)
    }
}
