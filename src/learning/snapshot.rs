//! The counts that statistics are made of: episodes, steps, what followed what. Whole numbers for facts and plain sums,
//! real ones for weighted views. Pure.

use std::collections::BTreeMap;

/// How often something went well and how often not. Visits are the sum, never a count of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Outcomes<N> {
    pub successes: N,
    pub failures: N,
}

/// A number that counts: sums that do not wrap.
pub trait Count: Copy + Default + PartialEq {
    #[must_use]
    fn plus(self, other: Self) -> Self;
    fn real(self) -> f64;
}

impl Count for u64 {
    // Saturating addition of numbers that are not negative is commutative and associative: order cannot matter.
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }

    fn real(self) -> f64 {
        self as f64
    }
}

impl Count for f64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn real(self) -> f64 {
        self
    }
}

impl<N: Count> Outcomes<N> {
    pub fn visits(&self) -> N {
        self.successes.plus(self.failures)
    }

    /// 0 to 1; one half where nothing is known.
    pub fn rate(&self) -> f64 {
        let visits = self.visits().real();
        if visits > 0.0 {
            self.successes.real() / visits
        } else {
            0.5
        }
    }

    pub fn add(&mut self, other: Self) {
        self.successes = self.successes.plus(other.successes);
        self.failures = self.failures.plus(other.failures);
    }

    fn weighted(self, weight: f64) -> Outcomes<f64> {
        Outcomes {
            successes: self.successes.real() * weight,
            failures: self.failures.real() * weight,
        }
    }
}

impl Outcomes<u64> {
    /// One more.
    pub fn note(&mut self, success: bool) {
        let one = if success {
            &mut self.successes
        } else {
            &mut self.failures
        };
        *one = one.saturating_add(1);
    }
}

/// How a way of choosing fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StrategyStats<N> {
    pub steps: Outcomes<N>,
    pub episodes: Outcomes<N>,
    /// Sessions that used it.
    pub usage_count: N,
}

pub(super) type Pair = [String; 2];
pub(super) type Trigram = [String; 3];
pub(super) type Quadgram = [String; 4];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Snapshot<N> {
    pub sessions: N,
    pub episodes: Outcomes<N>,
    /// What followed what, by how the episode ended.
    pub transitions: BTreeMap<Pair, Outcomes<N>>,
    pub trigrams: BTreeMap<Trigram, Outcomes<N>>,
    pub quadgrams: BTreeMap<Quadgram, Outcomes<N>>,
    /// The step before and a step, by how that step went.
    pub contextual: BTreeMap<Pair, Outcomes<N>>,
    pub actions: BTreeMap<String, Outcomes<N>>,
    pub strategies: BTreeMap<String, StrategyStats<N>>,
}

fn add_all<K: Ord + Clone, N: Count>(
    into: &mut BTreeMap<K, Outcomes<N>>,
    from: &BTreeMap<K, Outcomes<N>>,
) {
    for (key, outcomes) in from {
        into.entry(key.clone()).or_default().add(*outcomes);
    }
}

fn scale<K: Ord + Clone, N: Count>(
    from: &BTreeMap<K, Outcomes<N>>,
    weight: f64,
) -> BTreeMap<K, Outcomes<f64>> {
    from.iter()
        .map(|(key, o)| (key.clone(), o.weighted(weight)))
        .collect()
}

impl<N: Count> Snapshot<N> {
    pub fn add(&mut self, other: &Self) {
        self.sessions = self.sessions.plus(other.sessions);
        self.episodes.add(other.episodes);
        add_all(&mut self.transitions, &other.transitions);
        add_all(&mut self.trigrams, &other.trigrams);
        add_all(&mut self.quadgrams, &other.quadgrams);
        add_all(&mut self.contextual, &other.contextual);
        add_all(&mut self.actions, &other.actions);
        for (name, theirs) in &other.strategies {
            let mine = self.strategies.entry(name.clone()).or_default();
            mine.steps.add(theirs.steps);
            mine.episodes.add(theirs.episodes);
            mine.usage_count = mine.usage_count.plus(theirs.usage_count);
        }
    }

    /// The same with every count times `weight`: one rule for all of them, and nothing is rounded.
    pub fn weighted(&self, weight: f64) -> Snapshot<f64> {
        Snapshot {
            sessions: self.sessions.real() * weight,
            episodes: self.episodes.weighted(weight),
            transitions: scale(&self.transitions, weight),
            trigrams: scale(&self.trigrams, weight),
            quadgrams: scale(&self.quadgrams, weight),
            contextual: scale(&self.contextual, weight),
            actions: scale(&self.actions, weight),
            strategies: self
                .strategies
                .iter()
                .map(|(name, s)| {
                    let stats = StrategyStats {
                        steps: s.steps.weighted(weight),
                        episodes: s.episodes.weighted(weight),
                        usage_count: s.usage_count.real() * weight,
                    };
                    (name.clone(), stats)
                })
                .collect(),
        }
    }

    /// Steps of all episodes.
    pub fn total_actions(&self) -> N {
        self.actions
            .values()
            .fold(N::default(), |sum, o| sum.plus(o.visits()))
    }

    /// How much better a step after another did than its share of the failures: the successes that took it less the
    /// failures that took it, each as a share of all; -1 to 1.
    pub fn transition_value(&self, from: &str, to: &str) -> f64 {
        let key = [from.to_owned(), to.to_owned()];
        let Some(o) = self.transitions.get(&key) else {
            return 0.0;
        };
        let after = self.transitions.iter().filter(|(pair, _)| pair[0] == from);
        let (s, f) = after.fold((0.0, 0.0), |(s, f), (_, o)| {
            (s + o.successes.real(), f + o.failures.real())
        });
        let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
        share(o.successes.real(), s) - share(o.failures.real(), f)
    }
}

impl Snapshot<u64> {
    /// Steps that follow no other, and how the episodes ended that began with them. One that came to nothing at once is
    /// in no path; it counts here.
    pub fn openings(&self) -> BTreeMap<&str, Outcomes<u64>> {
        let follows = |name: &String| self.transitions.keys().any(|pair| pair[1] == *name);
        let first = self.actions.iter().filter(|(name, _)| !follows(name));
        let ended = |(name, taken): (&'_ String, &Outcomes<u64>)| {
            let next = self.transitions.iter().filter(|(pair, _)| pair[0] == *name);
            let next = next.fold(Outcomes::default(), |mut sum: Outcomes<u64>, (_, o)| {
                sum.add(*o);
                sum
            });
            let at_once = taken.visits().saturating_sub(next.visits());
            let failures = next.failures.saturating_add(at_once);
            Outcomes { failures, ..next }
        };
        first
            .map(|(name, taken)| (name.as_str(), ended((name, taken))))
            .collect()
    }

    /// One episode: its steps in order, how it ended, and by which way of choosing it began.
    pub fn note_episode(&mut self, steps: &[(&str, bool)], success: bool, strategy: &str) {
        self.episodes.note(success);
        let names: Vec<String> = steps.iter().map(|(name, _)| (*name).to_owned()).collect();
        for pair in names.windows(2) {
            let key: Pair = std::array::from_fn(|n| pair[n].clone());
            self.transitions.entry(key).or_default().note(success);
        }
        for three in names.windows(3) {
            let key: Trigram = std::array::from_fn(|n| three[n].clone());
            self.trigrams.entry(key).or_default().note(success);
        }
        for four in names.windows(4) {
            let key: Quadgram = std::array::from_fn(|n| four[n].clone());
            self.quadgrams.entry(key).or_default().note(success);
        }
        let stats = self.strategies.entry(strategy.to_owned()).or_default();
        stats.episodes.note(success);
        stats.usage_count = 1;
        for (n, (name, ok)) in steps.iter().enumerate() {
            self.actions
                .entry((*name).to_owned())
                .or_default()
                .note(*ok);
            stats.steps.note(*ok);
            if n > 0 {
                let key = [steps[n - 1].0.to_owned(), (*name).to_owned()];
                self.contextual.entry(key).or_default().note(*ok);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_counted_in_all_its_parts() {
        let mut s = Snapshot::default();
        s.note_episode(
            &[
                ("weave", true),
                ("code", true),
                ("run", true),
                ("prove", false),
            ],
            false,
            "in turn",
        );
        s.note_episode(&[("weave", true), ("code", true)], true, "in turn");
        assert_eq!(s.episodes.visits(), 2);
        assert_eq!(s.total_actions(), 6);
        let key = ["weave".to_owned(), "code".to_owned()];
        assert_eq!(
            s.transitions[&key],
            Outcomes {
                successes: 1,
                failures: 1
            }
        );
        assert_eq!((s.trigrams.len(), s.quadgrams.len()), (2, 1));
        assert_eq!(
            s.actions["prove"],
            Outcomes {
                successes: 0,
                failures: 1
            }
        );
        assert!((s.transition_value("weave", "code")).abs() < 1e-12);
        assert_eq!(s.strategies["in turn"].episodes.visits(), 2);
        assert!((s.actions["weave"].rate() - 1.0).abs() < 1e-12);
    }
}
