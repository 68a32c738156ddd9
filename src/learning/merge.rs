//! How sessions are weighed when they are read together. Every strategy is a function of the set of facts: their order
//! and repetitions cannot matter. Pure.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;

use super::session::{Selection, SessionFact, Switch, View};
use super::snapshot::Snapshot;
use crate::dream::LearningPhase;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeStrategy {
    /// Every session counts as one.
    #[default]
    Additive,
    /// The newest counts as one, and each half-life of sessions before it half as much.
    TimeDecay { half_life_sessions: NonZeroU32 },
    /// A session counts as one and its share of successful episodes on top.
    SuccessWeighted,
}

/// Several sessions read as one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    pub counts: Snapshot<f64>,
    /// Sessions that went in, unweighted.
    pub sessions: u64,
    /// All changes, oldest first; the rest is the newest session's.
    pub selection: Selection,
    pub phase: Option<LearningPhase>,
    pub group: Option<String>,
}

/// The facts of a view under a strategy.
#[must_use]
pub fn merge(view: &View, strategy: MergeStrategy) -> Merged {
    let facts = view.facts();
    let ages = ages(&facts);
    let mut counts = Snapshot::<f64>::default();
    for fact in facts.iter().rev() {
        let age = ages.get(fact.session.as_str()).copied().unwrap_or_default();
        counts.add(&fact.snapshot.weighted(weight(strategy, age, fact)));
    }
    let switches: Vec<Switch> = facts
        .iter()
        .flat_map(|f| f.selection.switches.clone())
        .collect();
    let newest = facts.last();
    Merged {
        counts,
        sessions: facts.len() as u64,
        selection: Selection {
            switches,
            ..newest.map(|f| f.selection.clone()).unwrap_or_default()
        },
        phase: newest.and_then(|f| f.phase),
        group: newest.and_then(|f| f.group.clone()),
    }
}

/// How many sessions came after each. A session that touched many topics is one session: it must not make those before
/// it look old.
fn ages<'a>(facts: &[&'a SessionFact]) -> BTreeMap<&'a str, usize> {
    let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for fact in facts {
        let at = newest.entry(&fact.session).or_insert(fact.at);
        *at = fact.at.max(*at);
    }
    let mut sessions: Vec<(Timestamp, &str)> = newest.into_iter().map(|(s, at)| (at, s)).collect();
    sessions.sort_unstable();
    let newest_first = sessions.into_iter().rev().enumerate();
    newest_first
        .map(|(age, (_, session))| (session, age))
        .collect()
}

/// `age` 0 is the newest.
fn weight(strategy: MergeStrategy, age: usize, fact: &SessionFact) -> f64 {
    match strategy {
        MergeStrategy::Additive => 1.0,
        MergeStrategy::TimeDecay { half_life_sessions } => {
            0.5_f64.powf(age as f64 / f64::from(half_life_sessions.get()))
        }
        MergeStrategy::SuccessWeighted => {
            let episodes = fact.snapshot.episodes;
            let share = if episodes.visits() == 0 {
                0.0
            } else {
                episodes.rate()
            };
            1.0 + share
        }
    }
}
