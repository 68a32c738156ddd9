//! Offline analysis: what a topic's sessions recommend, with the original's rules and a lower bound where it took the raw
//! rate (5 of 5 is less than 95 of 100). Pure.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::session::SessionFact;
use super::snapshot::{Outcomes, Snapshot};

/// Of the format.
const VERSION: u32 = 1;
/// Paths that are recommended at most, and observations that one needs: the original's.
const MOST_PATHS: usize = 10;
/// Of them ways to begin.
const MOST_OPENINGS: usize = 4;
const LEAST_OBSERVATIONS: u64 = 5;
/// Observations from which a three-step path says something of how much paths differ.
const LEAST_FOR_SPREAD: u64 = 3;
/// 97.5 % of a normal distribution lies below so many deviations.
const Z: f64 = 1.959_964;
/// Deviations that ucb1 reaches at most, whatever another program wrote: analysis here says 1 to 2.
const MOST_DEVIATIONS: f64 = 4.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfflineModel {
    pub version: u32,
    pub parameters: Parameters,
    /// Surest first.
    pub recommended_paths: Vec<RecommendedPath>,
    pub strategy_config: StrategyConfig,
    pub analyzed_sessions: u64,
    /// Seconds since 1970.
    pub updated_at: i64,
    /// Another program's; kept as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_order: Option<Json>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// How far ucb1 reaches, in standard deviations of what is believed here.
    pub ucb1_c: f64,
    pub learning_weight: f64,
    pub ngram_weight: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecommendedPath {
    pub actions: Vec<String>,
    /// 0 to 1.
    pub success_rate: f64,
    pub observations: u64,
    /// The rate is above this with 97.5 % confidence: Wilson's bound of the two figures above, never what a file says.
    #[serde(default)]
    pub lower_bound: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyConfig {
    pub maturity_threshold: u32,
    pub error_rate_threshold: f64,
    /// How a choice weighs the topic: `greedy`, `ucb1` or `thompson`; another program's own word changes nothing.
    pub initial_strategy: String,
}

/// How what is believed of a topic enters a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Approach {
    /// As it is, like a topic without an offline model.
    Greedy,
    /// For as much as it may be worth within so many standard deviations, 0 to 4.
    Ucb1 { deviations: f64 },
    /// Drawn anew for each choice.
    Thompson,
}

impl Approach {
    /// The word that a model holds.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Greedy => "greedy",
            Self::Ucb1 { .. } => "ucb1",
            Self::Thompson => "thompson",
        }
    }
}

impl OfflineModel {
    /// Of a file, with bounds that follow from its rates and observations alone: a choice goes by them, and nobody can tell
    /// how others came about. `None` where a rate is none.
    #[must_use]
    pub fn checked(mut self) -> Option<Self> {
        for path in &mut self.recommended_paths {
            if !(0.0..=1.0).contains(&path.success_rate) {
                return None;
            }
            path.lower_bound = wilson(path.success_rate, path.observations as f64);
        }
        Some(self)
    }

    /// How a choice weighs its topic; `None` where the model names no strategy that there is here.
    #[must_use]
    pub fn approach(&self) -> Option<Approach> {
        match self.strategy_config.initial_strategy.as_str() {
            "greedy" => Some(Approach::Greedy),
            "ucb1" => Some(Approach::Ucb1 {
                deviations: self.parameters.ucb1_c.clamp(0.0, MOST_DEVIATIONS),
            }),
            "thompson" => Some(Approach::Thompson),
            _ => None,
        }
    }

    /// What a try that begins with this step passes at least as often as; `None` where nothing says so. Another program's
    /// model has no path of one step: what the least of those passes that begin so.
    #[must_use]
    pub fn floor_of(&self, begin: &str) -> Option<f64> {
        let begins = |path: &&RecommendedPath| path.actions.first().is_some_and(|a| a == begin);
        let mut paths: Vec<_> = self.recommended_paths.iter().filter(begins).collect();
        if let Some(opening) = paths.iter().position(|path| path.actions.len() == 1) {
            paths = vec![paths[opening]];
        }
        let bounds = paths.iter().map(|path| path.lower_bound.clamp(0.0, 1.0));
        bounds.min_by(f64::total_cmp)
    }
}

/// Wilson's lower bound of a rate; 0 where nothing was seen.
#[must_use]
pub fn wilson_lower(successes: f64, tries: f64) -> f64 {
    wilson(successes / tries, tries)
}

/// The same of a rate that was seen in so many tries.
fn wilson(p: f64, tries: f64) -> f64 {
    if tries <= 0.0 {
        return 0.0;
    }
    let centre = p + Z * Z / (2.0 * tries);
    let margin = Z * (p * (1.0 - p) / tries + Z * Z / (4.0 * tries * tries)).sqrt();
    ((centre - margin) / (1.0 + Z * Z / tries)).clamp(0.0, 1.0)
}

/// What these sessions of one topic recommend.
#[must_use]
pub fn analyse(facts: &[SessionFact], now: Timestamp) -> OfflineModel {
    let mut all = Snapshot::<u64>::default();
    for fact in facts {
        all.add(&fact.snapshot);
    }
    let success = all.episodes.rate();
    let error = 1.0 - success;
    let episodes = all.episodes.visits().max(1) as f64;
    let steps = all.total_actions() as f64 / episodes;
    OfflineModel {
        version: VERSION,
        parameters: Parameters {
            ucb1_c: if success > 0.8 {
                1.0
            } else if success < 0.5 {
                2.0
            } else {
                std::f64::consts::SQRT_2
            },
            learning_weight: 0.3,
            ngram_weight: ngram_weight(&all),
        },
        recommended_paths: paths(&all),
        strategy_config: StrategyConfig {
            maturity_threshold: maturity(steps),
            error_rate_threshold: (1.5 * error).min(0.5),
            initial_strategy: if error > 0.4 {
                "thompson"
            } else if error < 0.1 {
                "greedy"
            } else {
                "ucb1"
            }
            .to_owned(),
        },
        analyzed_sessions: facts.len() as u64,
        updated_at: now.as_second(),
        action_order: None,
    }
}

/// A tenth of an episode's steps, 5 to 50.
fn maturity(steps: f64) -> u32 {
    let tenth = (0.1 * steps).clamp(5.0, 50.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 5 to 50 in the line above"
    )]
    let whole = tenth as u32;
    whole
}

/// The more three-step paths differ in their rates, the more a path says.
fn ngram_weight(all: &Snapshot<u64>) -> f64 {
    let seen = all
        .trigrams
        .values()
        .filter(|o| o.visits() >= LEAST_FOR_SPREAD);
    let rates: Vec<f64> = seen.map(Outcomes::rate).collect();
    if rates.is_empty() {
        return 1.0;
    }
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let variance = rates.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / rates.len() as f64;
    // A rate's variance is at most a quarter.
    match variance / 0.25 {
        much if much > 0.7 => 1.5,
        little if little < 0.3 => 0.5,
        _ => 1.0,
    }
}

/// The surest ways to begin, and of the longer paths the surest, which are mostly late ones: who got as far as the last
/// gate nearly always passes.
fn paths(all: &Snapshot<u64>) -> Vec<RecommendedPath> {
    let openings = all.openings().into_iter();
    let mut paths = surest(openings.map(|(name, o)| (vec![name.to_owned()], o)));
    paths.truncate(MOST_OPENINGS);
    let four = all.quadgrams.iter().map(|(key, o)| (key.to_vec(), *o));
    let three = all.trigrams.iter().map(|(key, o)| (key.to_vec(), *o));
    let longer = surest(four.chain(three)).into_iter();
    paths.extend(longer.take(MOST_PATHS - paths.len()));
    paths.sort_by(by_bound);
    paths
}

fn surest(seen: impl Iterator<Item = (Vec<String>, Outcomes<u64>)>) -> Vec<RecommendedPath> {
    let mut paths: Vec<RecommendedPath> = seen
        .filter(|(_, o)| o.visits() >= LEAST_OBSERVATIONS)
        .map(|(actions, o)| RecommendedPath {
            actions,
            success_rate: o.rate(),
            observations: o.visits(),
            lower_bound: wilson_lower(o.successes as f64, o.visits() as f64),
        })
        .collect();
    paths.sort_by(by_bound);
    paths
}

/// Longer paths say more at the same bound.
fn by_bound(a: &RecommendedPath, b: &RecommendedPath) -> Ordering {
    let by = b.lower_bound.total_cmp(&a.lower_bound);
    by.then(b.actions.len().cmp(&a.actions.len()))
        .then(a.actions.cmp(&b.actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_evidence_goes_before_a_lucky_few() {
        assert!(wilson_lower(95.0, 100.0) > wilson_lower(5.0, 5.0));
        assert!((wilson_lower(5.0, 5.0) - 0.5655).abs() < 1e-3);
        assert!(wilson_lower(0.0, 0.0).abs() < 1e-12);
    }

    type Episode<'a> = (&'a [(&'a str, bool)], bool, u32);

    fn session(episodes: &[Episode<'_>]) -> SessionFact {
        let mut snapshot = Snapshot {
            sessions: 1,
            ..Snapshot::default()
        };
        for (steps, success, times) in episodes {
            (0..*times).for_each(|_| snapshot.note_episode(steps, *success, "in turn"));
        }
        SessionFact {
            topic: "t".to_owned(),
            session: "s".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            task: None,
            phase: None,
            group: None,
            selection: super::super::Selection::default(),
            snapshot,
        }
    }

    #[test]
    fn a_bound_that_a_file_claims_is_never_believed() {
        let good: &[(&str, bool)] = &[("weave", true), ("code", true)];
        let facts = [session(&[(good, true, 2), (good, false, 8)])];
        let own = analyse(&facts, Timestamp::UNIX_EPOCH);
        let mut claimed = own.clone();
        let path = &mut claimed.recommended_paths[0];
        assert!((path.success_rate - 0.2).abs() < 1e-12);
        path.lower_bound = 0.99;
        assert_eq!(claimed.floor_of("weave"), Some(0.99));
        let checked = claimed.checked().unwrap();
        assert_eq!(checked.floor_of("weave"), Some(wilson_lower(2.0, 10.0)));
        assert_eq!(checked, own, "what was analysed here stays as it was");
        for rate in [1.01, -0.01, f64::NAN, f64::INFINITY] {
            let mut odd = own.clone();
            odd.recommended_paths[0].success_rate = rate;
            assert_eq!(odd.checked(), None, "{rate}");
        }
    }

    #[test]
    fn a_strategy_that_there_is_none_of_here_is_none() {
        let mut model = analyse(&[], Timestamp::UNIX_EPOCH);
        let mut named = |name: &str, ucb1_c| {
            name.clone_into(&mut model.strategy_config.initial_strategy);
            model.parameters.ucb1_c = ucb1_c;
            model.approach()
        };
        assert_eq!(named("thompson", 2.0), Some(Approach::Thompson));
        assert_eq!(named("greedy", 2.0), Some(Approach::Greedy));
        let ucb1 = |deviations| Some(Approach::Ucb1 { deviations });
        assert_eq!(named("ucb1", 2.0), ucb1(2.0));
        assert_eq!(named("ucb1", 1e300), ucb1(MOST_DEVIATIONS));
        assert_eq!(named("softmax", 2.0), None);
    }

    #[test]
    fn the_recommended_paths_are_the_surest() {
        let good: &[(&str, bool)] = &[("weave", true), ("code", true), ("settle", true)];
        let lucky: &[(&str, bool)] = &[("pack", true), ("code", true), ("settle", true)];
        let model = analyse(
            &[session(&[
                (good, true, 95),
                (good, false, 5),
                (lucky, true, 5),
            ])],
            Timestamp::UNIX_EPOCH,
        );
        let first: Vec<&str> = model
            .recommended_paths
            .iter()
            .map(|p| p.actions[0].as_str())
            .collect();
        assert_eq!(first, ["weave", "weave", "pack", "pack"]);
        let steps = model.recommended_paths.iter().map(|p| p.actions.len());
        assert_eq!(steps.collect::<Vec<_>>(), [3, 1, 3, 1]);
        assert_eq!(model.strategy_config.initial_strategy, "greedy");
        assert_eq!(model.strategy_config.maturity_threshold, 5);
        assert!((model.parameters.ucb1_c - 1.0).abs() < 1e-12);
        let weak = analyse(
            &[session(&[(good, false, 9), (good, true, 1)])],
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(weak.strategy_config.initial_strategy, "thompson");
        assert!((weak.strategy_config.error_rate_threshold - 0.5).abs() < 1e-12);
    }
}
