//! The book of models: every recorded outcome replayed, in its order, through the configured rule. The weights and
//! each choice come from here. Pure: the same facts and the same version give the same book.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::configured::{Override, Version};
use super::metrics::{Metrics, metrics};
use super::rule::{DRAWS, Rule};
use crate::chance::Chance;
use crate::dream::{Alternative, ArmKey, AttemptFact, Decision};
use crate::ids::AttemptId;

/// What a person sees of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmView {
    #[serde(flatten)]
    pub arm: ArmKey,
    pub weight: f64,
    pub set_by_hand: bool,
    /// Why it has this weight.
    pub figures: String,
    pub metrics: Metrics,
}

#[derive(Debug)]
pub struct Book {
    version: Version,
    rule: Rule,
    arms: BTreeSet<ArmKey>,
    /// Those of the newest session, where one is on record: only they would be asked.
    newest: Option<BTreeSet<ArmKey>>,
    seen: BTreeSet<AttemptId>,
    outcomes: BTreeMap<ArmKey, Vec<(bool, f64)>>,
}

impl Book {
    /// Facts in any order, each counted once; `registered` models have a weight before they have a fact.
    #[must_use]
    pub fn replay(facts: &[AttemptFact], version: &Version, registered: &[ArmKey]) -> Self {
        let mut book = Self {
            rule: Rule::new(&version.config.strategy, version.config.bounds),
            version: version.clone(),
            arms: BTreeSet::new(),
            newest: None,
            seen: BTreeSet::new(),
            outcomes: BTreeMap::new(),
        };
        for arm in registered {
            book.add(arm);
        }
        for fact in in_order(facts) {
            book.learn(fact);
        }
        book
    }

    pub fn add(&mut self, arm: &ArmKey) {
        if self.arms.insert(arm.clone()) {
            self.rule.add(arm);
        }
    }

    /// One more outcome; one that is known already changes nothing.
    pub fn learn(&mut self, fact: &AttemptFact) {
        let Some(arm) = &fact.arm else { return };
        if !self.seen.insert(fact.attempt_id.clone()) {
            return;
        }
        self.add(arm);
        let success = fact.outcome.is_success();
        let outcomes = self.outcomes.entry(arm.clone()).or_default();
        outcomes.push((success, fact.seconds));
        let held = self.version.config.learn_until;
        if held.is_none_or(|until| fact.at <= until) {
            let reward = if success { 1.0 } else { 0.0 };
            self.rule.learn(arm, reward, fact.seconds);
        }
    }

    fn set_by_hand(&self, arm: &ArmKey) -> Option<&Override> {
        self.version.config.set_by_hand(arm)
    }

    /// The share of the next choices that each of `among` would have. What a person set goes before.
    #[must_use]
    pub fn weights(&self, among: &[ArmKey]) -> Vec<f64> {
        self.weights_by(among, DRAWS)
    }

    /// As `weights`, from so many draws where draws are needed.
    pub(super) fn weights_by(&self, among: &[ArmKey], draws: u32) -> Vec<f64> {
        // What is set for a model is set for all its endpoints together.
        let share = |arm: &ArmKey| {
            let set = self.set_by_hand(arm)?;
            let same = |other: &&ArmKey| self.set_by_hand(other) == Some(set);
            Some(set.weight / among.iter().filter(same).count().max(1) as f64)
        };
        let set: Vec<Option<f64>> = among.iter().map(share).collect();
        let free: Vec<ArmKey> = among
            .iter()
            .zip(&set)
            .filter(|(_, set)| set.is_none())
            .map(|(arm, _)| arm.clone())
            .collect();
        let by_hand: f64 = set.iter().flatten().sum();
        let mut learned = self.rule.weights_of(&free, draws).into_iter();
        let left = (1.0 - by_hand).max(0.0);
        let raw: Vec<f64> = set
            .iter()
            .map(|set| set.unwrap_or_else(|| left * learned.next().unwrap_or_default()))
            .collect();
        let sum: f64 = raw.iter().sum();
        if sum > 0.0 {
            raw.iter().map(|w| w / sum).collect()
        } else {
            // All set to zero: somebody has to be asked.
            vec![1.0 / among.len().max(1) as f64; among.len()]
        }
    }

    /// Those of `arms` that a person lets be asked: without the ones that are set to 0, or all where they all are.
    #[must_use]
    pub fn allowed(&self, arms: Vec<ArmKey>) -> Vec<ArmKey> {
        let never = |arm: &ArmKey| self.set_by_hand(arm).is_some_and(|set| set.weight <= 0.0);
        let (never, allowed): (Vec<ArmKey>, Vec<ArmKey>) = arms.into_iter().partition(never);
        if allowed.is_empty() { never } else { allowed }
    }

    /// Which of `among` to ask, and why. `None` where there is none.
    pub fn decide(&self, among: &[ArmKey], chance: &mut Chance) -> Option<(usize, Decision)> {
        let weights = self.weights(among);
        let place = chance.pick(&weights)?;
        let alternatives = among
            .iter()
            .zip(&weights)
            .map(|(arm, weight)| Alternative {
                name: arm.to_string(),
                weight: *weight,
                figures: self.figures(arm),
            })
            .collect();
        let how = match (among.len(), self.set_by_hand(&among[place])) {
            (1, _) => "the only one",
            (_, Some(_)) => "drawn by weight, set by hand",
            (_, None) => "drawn by weight",
        };
        let decision = Decision::drawn("model", among[place].to_string(), how, alternatives);
        Some((place, decision))
    }

    fn figures(&self, arm: &ArmKey) -> String {
        let known = self.rule.figures(arm);
        match self.set_by_hand(arm) {
            Some(set) => format!("set to {:.2} by hand; {known}", set.weight),
            None => known,
        }
    }

    /// These alone were there to be asked in the newest session; all others are told without a weight.
    pub(super) fn newest_are(&mut self, arms: impl IntoIterator<Item = ArmKey>) {
        self.newest = Some(arms.into_iter().collect());
    }

    /// Every model that ever answered; the weights are those of the ones that would be asked.
    #[must_use]
    pub fn views(&self) -> Vec<ArmView> {
        let is_live = |arm: &ArmKey| self.newest.as_ref().is_none_or(|all| all.contains(arm));
        let (live, others): (Vec<ArmKey>, Vec<ArmKey>) =
            self.arms.iter().cloned().partition(is_live);
        let weights = self.weights(&live).into_iter().map(Some);
        let live = live.into_iter().zip(weights);
        live.chain(others.into_iter().map(|arm| (arm, None)))
            .map(|(arm, weight)| ArmView {
                weight: weight.unwrap_or_default(),
                set_by_hand: self.set_by_hand(&arm).is_some(),
                figures: match weight {
                    Some(_) => self.figures(&arm),
                    None => "not asked in the newest session".to_owned(),
                },
                metrics: metrics(self.outcomes.get(&arm).map_or(&[], Vec::as_slice)),
                arm,
            })
            .collect()
    }

    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }
}

/// Those that asked a model, oldest first.
pub(super) fn in_order(facts: &[AttemptFact]) -> Vec<&AttemptFact> {
    let mut ordered: Vec<&AttemptFact> = facts.iter().filter(|f| f.arm.is_some()).collect();
    ordered.sort_by(|a, b| (a.at, &a.attempt_id).cmp(&(b.at, &b.attempt_id)));
    ordered
}

#[cfg(test)]
mod tests;
