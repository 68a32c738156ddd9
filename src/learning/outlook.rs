//! What the recorded tries say about each topic, each way of making a task, and each rung: the figures that choices go by.
//! Pure; built once a session and kept up to date try by try.

use std::collections::{BTreeMap, BTreeSet};

use super::ladder::{Ladder, rung};
use super::libraries;
use super::offline::{Approach, OfflineModel};
use super::session::SessionFact;
use super::snapshot::Outcomes;
use crate::dream::{AttemptFact, Difficulty, Generator};
use crate::ids::AttemptId;

/// Facts below which everything goes in turn: a choice by fewer would be a choice by luck.
const LEAST_FACTS: u64 = 12;
/// Tries' weight of what is believed of a topic before it was tried.
const PRIOR_TRIES: f64 = 4.0;
/// Believed of a way that nobody tried.
const PRIOR_RATE: f64 = 0.4;
/// Seconds of a try where nothing is known.
const PRIOR_SECONDS: f64 = 60.0;
/// A try's say after each later one of the same kind.
const DISCOUNT: f64 = 0.98;
/// What all tries of one kind weigh once the oldest have faded: sessions that were counted elsewhere weigh no more.
const MOST_TRIES: f64 = 1.0 / (1.0 - DISCOUNT);

/// Faded counts of tries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    pub tries: f64,
    pub saved: f64,
    pub seconds: f64,
    /// Of saved ones alone: how long a try takes is told by those that came to their end.
    pub saved_seconds: f64,
    /// Ever, unfaded.
    pub times: u64,
}

impl Figures {
    fn note(&mut self, saved: bool, seconds: f64) {
        self.tries = self.tries * DISCOUNT + 1.0;
        self.saved = self.saved * DISCOUNT + if saved { 1.0 } else { 0.0 };
        let seconds = if seconds.is_finite() {
            seconds.clamp(0.0, 1e6)
        } else {
            0.0
        };
        self.seconds = self.seconds * DISCOUNT + seconds;
        self.saved_seconds = self.saved_seconds * DISCOUNT + if saved { seconds } else { 0.0 };
        self.times = self.times.saturating_add(1);
    }

    /// Tries that were counted elsewhere, in no order: their rate stays what it was, and their weight is that of as many
    /// tries of our own, or of all that could be remembered.
    fn take_in(&mut self, outcomes: Outcomes<u64>) {
        let tries = (outcomes.visits() as f64).min(MOST_TRIES);
        let saved = tries * outcomes.rate();
        self.tries += tries;
        self.saved += saved;
        // Nobody knows how long they took.
        self.seconds += tries * PRIOR_SECONDS;
        self.saved_seconds += saved * PRIOR_SECONDS;
        self.times = self.times.saturating_add(outcomes.visits());
    }

    /// Pass rate, drawn towards `prior` by a few tries' weight.
    fn rate(&self, prior: f64) -> f64 {
        (self.saved + prior * PRIOR_TRIES) / (self.tries + PRIOR_TRIES)
    }

    fn seconds_each(&self, prior: f64) -> f64 {
        let mean =
            |seconds: f64, tries: f64| (seconds + prior * PRIOR_TRIES) / (tries + PRIOR_TRIES);
        let all = mean(self.seconds, self.tries);
        all.max(mean(self.saved_seconds, self.saved)).max(0.1)
    }
}

/// A task can be found in the documents (`source`) or woven from a cluster (`llm`); each fares in its own way.
type Way = &'static str;

/// One outcome on a rung, and what was believed of that rung everywhere when it came.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tried {
    number: usize,
    difficulty: Difficulty,
    saved: bool,
    believed: [f64; 3],
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlook {
    seen: BTreeSet<AttemptId>,
    all: Figures,
    ways: BTreeMap<String, Figures>,
    topics: BTreeMap<(String, String), Figures>,
    /// By topic and way: the least that offline analysis is sure of.
    advised: BTreeMap<(String, String), f64>,
    /// By topic: how offline analysis wants it weighed.
    approaches: BTreeMap<String, Approach>,
    everywhere: Ladder,
    /// By topic and library.
    ladders: BTreeMap<(String, String), Vec<Tried>>,
}

/// Outcomes of one stratum that its ladder is built from: more are faded to nothing anyhow.
const MOST_OUTCOMES: usize = 200;

impl Outlook {
    /// From tries in any order, and from sessions that were counted elsewhere.
    #[must_use]
    pub fn of(attempts: &[AttemptFact], sessions: &[SessionFact]) -> Self {
        let mut outlook = Self::default();
        outlook.take_in(sessions);
        let mut ordered: Vec<&AttemptFact> = attempts.iter().collect();
        ordered.sort_by(|a, b| (a.at, &a.attempt_id).cmp(&(b.at, &b.attempt_id)));
        for attempt in ordered {
            outlook.learn(attempt);
        }
        outlook
    }

    /// The same with what offline analysis recommends of some topics.
    #[must_use]
    pub fn advised(mut self, models: &[(String, OfflineModel)]) -> Self {
        for (topic, model) in models {
            if let Some(approach) = model.approach() {
                self.approaches.insert(topic.clone(), approach);
            }
            for begin in ["source", "weave"] {
                if let Some((floor, way)) = model.floor_of(begin).zip(way_from(begin)) {
                    self.advised.insert((topic.clone(), way.to_owned()), floor);
                }
            }
        }
        self
    }

    /// Sessions without their tries tell a topic's episodes and nothing of their seconds or difficulty.
    fn take_in(&mut self, sessions: &[SessionFact]) {
        let mut all = Outcomes::default();
        let mut topics: BTreeMap<(String, Way), Outcomes<u64>> = BTreeMap::new();
        for session in sessions {
            let snapshot = &session.snapshot;
            all.add(snapshot.episodes);
            let openings = snapshot.openings().into_iter();
            let known = openings.filter_map(|(begin, o)| Some((way_from(begin)?, o)));
            let mut ways: Vec<(Way, Outcomes<u64>)> = known.collect();
            if ways.is_empty() {
                // Another program's steps do not say how its tasks came to be.
                ways.push((Generator::Llm.as_str(), snapshot.episodes));
            }
            for (way, episodes) in ways {
                let key = (session.topic.clone(), way);
                topics.entry(key).or_default().add(episodes);
            }
        }
        self.all.take_in(all);
        for ((topic, way), episodes) in topics {
            let key = (topic, way.to_owned());
            self.topics.entry(key).or_default().take_in(episodes);
        }
    }

    /// One more try; one that is known changes nothing.
    pub fn learn(&mut self, fact: &AttemptFact) {
        if !self.seen.insert(fact.attempt_id.clone()) {
            return;
        }
        let (saved, seconds) = (fact.outcome.is_success(), fact.seconds);
        let way = way_of(fact);
        self.all.note(saved, seconds);
        self.ways
            .entry(way.to_owned())
            .or_default()
            .note(saved, seconds);
        let topic = (fact.topic.clone(), way.to_owned());
        self.topics.entry(topic).or_default().note(saved, seconds);
        // What needs no model says nothing about what a model can do.
        if fact.arm.is_some() && fact.generator == Generator::Llm {
            let tried = Tried {
                number: self.seen.len(),
                difficulty: fact.difficulty,
                saved,
                believed: self.everywhere.rates(),
            };
            self.everywhere.learn(fact.difficulty, saved);
            let named: Vec<String> = fact.library.split('+').map(str::to_owned).collect();
            let stratum = (fact.topic.clone(), libraries::stratum(&named));
            let outcomes = self.ladders.entry(stratum).or_default();
            outcomes.push(tried);
            if outcomes.len() > MOST_OUTCOMES {
                outcomes.remove(0);
            }
        }
    }

    /// Whether enough is known to choose by.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.all.times >= LEAST_FACTS
    }

    #[must_use]
    pub fn tries(&self) -> u64 {
        self.all.times
    }

    /// Believed pass rate and seconds of a try, and how often the topic was tried this way.
    #[must_use]
    pub fn expected(&self, topic: &str, way: Way) -> (f64, f64, u64) {
        let general = (
            self.all.rate(PRIOR_RATE),
            self.all.seconds_each(PRIOR_SECONDS),
        );
        let of_way = self.ways.get(way).copied().unwrap_or_default();
        let prior = (of_way.rate(general.0), of_way.seconds_each(general.1));
        let key = (topic.to_owned(), way.to_owned());
        let of_topic = self.topics.get(&key).copied().unwrap_or_default();
        // A lower bound: a careful belief where nothing was tried, never a reason to believe less where something was.
        let rate = match self.advised.get(&key) {
            Some(floor) if of_topic.times == 0 => *floor,
            Some(floor) => of_topic.rate(prior.0.max(*floor)),
            None => of_topic.rate(prior.0),
        };
        (rate, of_topic.seconds_each(prior.1), of_topic.times)
    }

    /// How many tries' weight the believed pass rate has: those that are remembered, and what was believed before them.
    #[must_use]
    pub fn weight_of_belief(&self, topic: &str, way: Way) -> f64 {
        let key = (topic.to_owned(), way.to_owned());
        let of_topic = self.topics.get(&key).copied().unwrap_or_default();
        of_topic.tries + PRIOR_TRIES
    }

    /// How offline analysis wants a topic weighed; `None` where there is none, or none that names a strategy of ours.
    #[must_use]
    pub fn approach(&self, topic: &str) -> Option<Approach> {
        self.approaches.get(topic).copied()
    }

    /// What offline analysis is sure of, where there is one of this topic and way.
    #[must_use]
    pub fn advice(&self, topic: &str, way: Way) -> Option<f64> {
        let key = (topic.to_owned(), way.to_owned());
        self.advised.get(&key).copied()
    }

    /// The ladder of a topic and a stratum of libraries. Where that was never tried, the topic's, and where nobody knows
    /// the topic, everybody's.
    #[must_use]
    pub fn ladder(&self, topic: &str, library: &str) -> Ladder {
        let stratum = (topic.to_owned(), library.to_owned());
        match self.ladders.get(&stratum) {
            Some(outcomes) => self.climbed(outcomes),
            None => self.ladder_of_topic(topic),
        }
    }

    /// The ladder of a stratum of libraries over all topics. A pair that was never tried passes where both of its
    /// libraries would. It tells libraries apart, so that what fails with another one says nothing here.
    #[must_use]
    pub fn ladder_of_library(&self, library: &str) -> Ladder {
        let prior = match library.split_once('+') {
            Some((first, second)) => {
                let rates = [first, second].map(|name| self.ladder_of_library(name).rates());
                std::array::from_fn(|rung| rates[0][rung] * rates[1][rung])
            }
            None => self.everywhere.rates(),
        };
        let mut ladder = Ladder::with_prior(prior);
        for tried in self.of_library(library) {
            ladder.learn(tried.difficulty, tried.saved);
        }
        ladder
    }

    /// Tries with this stratum of libraries that are remembered, and how many of them were saved.
    #[must_use]
    pub fn tries_of_library(&self, library: &str) -> (u64, u64) {
        let outcomes = self.of_library(library);
        let saved = outcomes.iter().filter(|tried| tried.saved).count();
        (outcomes.len() as u64, saved as u64)
    }

    fn of_library(&self, library: &str) -> Vec<&Tried> {
        let strata = self.ladders.iter().filter(|((_, name), _)| name == library);
        let mut outcomes: Vec<_> = strata.flat_map(|(_, outcomes)| outcomes).collect();
        outcomes.sort_by_key(|tried| tried.number);
        outcomes
    }

    /// The ladder of a topic whose libraries nobody knows yet: of all its tries.
    #[must_use]
    pub fn ladder_of_topic(&self, topic: &str) -> Ladder {
        let strata = self.ladders.iter().filter(|((name, _), _)| name == topic);
        let mut outcomes: Vec<_> = strata.flat_map(|(_, outcomes)| outcomes).collect();
        if outcomes.is_empty() {
            return self.everywhere.clone();
        }
        outcomes.sort_by_key(|tried| tried.number);
        self.climbed(outcomes)
    }

    /// The ladder of a topic, or of a stratum of it: the one that stands everywhere now, moved by how much its outcomes
    /// differed from what was believed everywhere when they came. So a topic that is seldom tried follows a model that got
    /// better or worse.
    fn climbed<'a>(&self, outcomes: impl IntoIterator<Item = &'a Tried>) -> Ladder {
        let now = self.everywhere.rates();
        let mut ladder = Ladder::among(&self.everywhere);
        for tried in outcomes {
            let rung = rung(tried.difficulty);
            let shift = now[rung] - tried.believed[rung];
            ladder.learn_moved(tried.difficulty, tried.saved, shift);
        }
        ladder
    }

    /// Single libraries whose tasks succeed, so that tasks may join two of them.
    #[must_use]
    pub fn joinable_libraries(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.ladders.keys().map(|(_, library)| library).collect();
        let single = names
            .into_iter()
            .filter(|name| !name.is_empty() && !name.contains('+'));
        single
            .filter(|name| libraries::succeeds(name, self))
            .cloned()
            .collect()
    }
}

/// By the step that a try begins with; `None` for another program's.
fn way_from(begin: &str) -> Option<Way> {
    let way = match begin {
        "source" => Generator::Source,
        "weave" | "given" => Generator::Llm,
        "pack" => Generator::Offline,
        _ => return None,
    };
    Some(way.as_str())
}

/// Documented functions and woven tasks may both be written by a model; a found one has no cluster's thought behind it.
fn way_of(fact: &AttemptFact) -> Way {
    let found = fact.steps.first().is_some_and(|step| step.name == "source");
    if found || fact.generator == Generator::Source {
        Generator::Source.as_str()
    } else {
        fact.generator.as_str()
    }
}

#[cfg(test)]
mod tests;
