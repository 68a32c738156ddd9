//! How the weights came to be what they are: what each session moved by the rule that was in force then, over the models
//! that were asked by then, and what a person's changes moved. Pure: the same facts and versions give the same history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::book::{Book, in_order};
use super::configured::Version;
use crate::dream::{ArmKey, AttemptFact};
use crate::ids::SessionId;

/// Draws behind a weight in the history: exact to five per cent, for a thousand sessions within a second.
const DRAWS: u32 = 400;
/// Sessions that the history tells of; older ones show in the metrics alone.
const SESSIONS: usize = 200;
/// A weight that moved less than this did not move.
const NOTABLE: f64 = 0.01;

/// One weight that a session or a person moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightChange {
    pub at: Timestamp,
    /// None where a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    pub arm: ArmKey,
    pub old: f64,
    pub new: f64,
    pub reason: String,
}

/// What moved in the newest sessions, oldest first; `versions` are all that there were, oldest first.
#[must_use]
pub fn history(facts: &[AttemptFact], versions: &[Version]) -> Vec<WeightChange> {
    let ordered = in_order(facts);
    let same = |a: &&AttemptFact, b: &&AttemptFact| a.session_id == b.session_id;
    let sessions: Vec<&[&AttemptFact]> = ordered.chunk_by(same).collect();
    let told = sessions.len().saturating_sub(SESSIONS);
    let Some(since) = sessions
        .get(told)
        .and_then(|session| Some(session.last()?.at))
    else {
        return Vec::new();
    };
    let usual = Version::usual();
    let mut versions = std::iter::once(&usual).chain(versions).peekable();
    let (mut changes, mut before): (Vec<WeightChange>, Option<Weights>) = (Vec::new(), None);
    while let Some(version) = versions.next() {
        let until = versions.peek().map(|next| next.at);
        // Its last word still is what the next version changes.
        if until.is_none_or(|until| until >= since) {
            let mut reign = Reign::of(version, before.take());
            for (n, session) in sessions.iter().enumerate() {
                let at = session.last().map_or(since, |fact| fact.at);
                if until.is_some_and(|until| at >= until) {
                    break;
                }
                reign.live_through(n, session, at >= version.at && n >= told, &mut changes);
            }
            before = Some(reign.ended(&mut changes));
        }
    }
    changes
}

type Weights = BTreeMap<ArmKey, f64>;

/// The sessions up to the end of a version's time, by its rule.
struct Reign<'a> {
    version: &'a Version,
    book: Book,
    /// Each arm with its last session.
    asked: BTreeMap<ArmKey, usize>,
    /// What held when it began, until that was told.
    before: Option<Weights>,
}

impl<'a> Reign<'a> {
    fn of(version: &'a Version, before: Option<Weights>) -> Self {
        Self {
            version,
            book: Book::replay(&[], version, &[]),
            asked: BTreeMap::new(),
            before,
        }
    }

    /// Of the arms that would be asked: of one model the one that was asked last, as its prompts and its address change.
    fn weights(&self) -> Weights {
        let later = |arm: &ArmKey, last: usize| {
            let mut all = self.asked.iter();
            all.any(|(other, then)| other.model == arm.model && *then > last)
        };
        let live = self.asked.iter().filter(|(arm, last)| !later(arm, **last));
        let live: Vec<ArmKey> = live.map(|(arm, _)| arm.clone()).collect();
        let weights = self.book.weights_by(&live, DRAWS);
        live.into_iter().zip(weights).collect()
    }

    fn live_through(
        &mut self,
        n: usize,
        session: &[&AttemptFact],
        told: bool,
        changes: &mut Vec<WeightChange>,
    ) {
        if told {
            self.began(changes);
        }
        for arm in session.iter().filter_map(|fact| fact.arm.as_ref()) {
            self.asked.insert(arm.clone(), n);
            self.book.add(arm);
        }
        let before = told.then(|| self.weights());
        for fact in session {
            self.book.learn(fact);
        }
        let (Some(before), Some(last)) = (before, session.last()) else {
            return;
        };
        let reason = |arm: &ArmKey| {
            let of_arm = || session.iter().filter(|f| f.arm.as_ref() == Some(arm));
            let (tries, saved) = (
                of_arm().count(),
                of_arm().filter(|f| f.outcome.is_success()),
            );
            let seconds: f64 = of_arm().map(|fact| fact.seconds).sum();
            match tries {
                0 => "the others' outcomes".to_owned(),
                _ => format!(
                    "{} of {tries} saved, {:.0} s a try",
                    saved.count(),
                    seconds / tries as f64
                ),
            }
        };
        changes.extend(
            moved(&before, &self.weights()).map(|(arm, old, new)| WeightChange {
                at: last.at,
                session: Some(last.session_id.clone()),
                reason: reason(&arm),
                arm,
                old,
                new,
            }),
        );
    }

    /// Tells, once, what this version itself moved.
    fn began(&mut self, changes: &mut Vec<WeightChange>) {
        let Some(before) = self.before.take() else {
            return;
        };
        let Version {
            version,
            at,
            reason,
            ..
        } = self.version;
        let now = self.weights();
        changes.extend(moved(&before, &now).map(|(arm, old, new)| WeightChange {
            at: *at,
            session: None,
            arm,
            old,
            new,
            reason: format!("version {version}: {reason}"),
        }));
    }

    fn ended(mut self, changes: &mut Vec<WeightChange>) -> Weights {
        self.began(changes);
        self.weights()
    }
}

/// The weights that both know and that differ notably.
fn moved(before: &Weights, after: &Weights) -> impl Iterator<Item = (ArmKey, f64, f64)> {
    let both = after
        .iter()
        .filter_map(|(arm, new)| Some((arm, *before.get(arm)?, *new)));
    let notable = both.filter(|(_, old, new)| (new - old).abs() >= NOTABLE);
    notable.map(|(arm, old, new)| (arm.clone(), old, new))
}

#[cfg(test)]
mod tests;
