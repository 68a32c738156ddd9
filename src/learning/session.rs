//! Session facts and their union. A fact is named by its topic and session; the union of two sets holds each once. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::snapshot::Snapshot;
use crate::dream::LearningPhase;

/// A change from one way of choosing to another.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Switch {
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub visits_at_switch: u64,
    #[serde(default)]
    pub success_rate_at_switch: f64,
    #[serde(default)]
    pub from_strategy_success_rate: f64,
}

/// What a session knew of its own way of choosing.
#[derive(Debug, Clone, PartialEq, PartialOrd, Default)]
pub struct Selection {
    pub switches: Vec<Switch>,
    pub current: Option<String>,
    pub start_visits: u64,
    pub start_success_rate: f64,
}

/// What one session taught about one topic. Immutable.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionFact {
    pub topic: String,
    pub session: String,
    pub at: Timestamp,
    pub task: Option<String>,
    pub phase: Option<LearningPhase>,
    pub group: Option<String>,
    pub selection: Selection,
    pub snapshot: Snapshot<u64>,
}

impl SessionFact {
    /// Of a topic and a session; sessions lie in the order of time, two of one moment in that of their names.
    fn place(&self) -> (Timestamp, &str, &str) {
        (self.at, &self.session, &self.topic)
    }

    /// Which of two that claim the same name is kept, whatever their order: any rule will do that depends on nothing else.
    fn outranks(&self, other: &Self) -> bool {
        let rank = |f: &Self| {
            let text = (f.task.clone(), f.phase, f.group.clone());
            (f.at, f.snapshot.clone(), text)
        };
        match rank(self).cmp(&rank(other)) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            // Floats in the way of choosing: compared by their digits, so that even these have an order.
            std::cmp::Ordering::Equal => {
                format!("{:?}", self.selection) > format!("{:?}", other.selection)
            }
        }
    }
}

type Name = (String, String);

/// A set of facts with the statistics over it, kept as they come. A rebuild from the same facts gives the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    facts: BTreeMap<Name, SessionFact>,
    pub global: Snapshot<u64>,
    pub topics: BTreeMap<String, Snapshot<u64>>,
}

impl View {
    #[must_use]
    pub fn rebuild(facts: impl IntoIterator<Item = SessionFact>) -> Self {
        let mut view = Self::default();
        for fact in facts {
            keep(&mut view.facts, fact);
        }
        view.recount();
        view
    }

    /// One more fact; a fact that is there changes nothing.
    pub fn absorb(&mut self, fact: SessionFact) {
        let name = (fact.topic.clone(), fact.session.clone());
        if let Some(there) = self.facts.get(&name) {
            if fact.outranks(there) {
                // Never from one program; two that disagree about one session are settled, and everything counted anew.
                self.facts.insert(name, fact);
                self.recount();
            }
            return;
        }
        self.global.add(&fact.snapshot);
        self.topics
            .entry(fact.topic.clone())
            .or_default()
            .add(&fact.snapshot);
        self.facts.insert(name, fact);
    }

    fn recount(&mut self) {
        self.global = Snapshot::default();
        self.topics.clear();
        for fact in self.facts.values() {
            self.global.add(&fact.snapshot);
            self.topics
                .entry(fact.topic.clone())
                .or_default()
                .add(&fact.snapshot);
        }
    }

    /// Oldest first.
    #[must_use]
    pub fn facts(&self) -> Vec<&SessionFact> {
        let mut facts: Vec<&SessionFact> = self.facts.values().collect();
        facts.sort_by(|a, b| a.place().cmp(&b.place()));
        facts
    }
}

fn keep(facts: &mut BTreeMap<Name, SessionFact>, fact: SessionFact) {
    let name = (fact.topic.clone(), fact.session.clone());
    let wins = facts.get(&name).is_none_or(|there| fact.outranks(there));
    if wins {
        facts.insert(name, fact);
    }
}

/// Every fact of both, each once.
#[must_use]
pub fn union(a: &View, b: &View) -> View {
    View::rebuild(a.facts.values().chain(b.facts.values()).cloned())
}

#[cfg(test)]
mod tests;
