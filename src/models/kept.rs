//! The book and its configuration as the database keeps them. Called by the engine at the start of a session, by the
//! `models` commands and by the HTTP routes.

use jiff::Timestamp;
use serde::Serialize;

use super::book::{ArmView, Book};
use super::change::{Change, ChangeError};
use super::configured::{ConfigProblem, ModelConfig, Override, Version};
use super::history::{WeightChange, history};
use super::outcomes::{self, Outcomes, Wanted};
use super::reinforce::{Reinforcement, ReinforcementParams, ReinforcementStatus, RunState};
use crate::dream::{ArmKey, AttemptFact};
use crate::store::{Store, StoreError};

/// Tries that the book is replayed from: some hundred nights; with the usual fading older ones weigh nothing.
pub const MOST_FACTS: usize = 10_000;
/// Outcomes between two looks at whether a replay is to stop.
const REPLAY_STEP: usize = 500;
/// How often a change is made anew on what somebody else set meanwhile: two people at once, and one more.
const CHANGE_TRIES: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("the configuration cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error("there is no version {0}")]
    NoVersion(u64),
    #[error("the configuration was changed meanwhile, again and again; try once more")]
    Overtaken,
    #[error("a replay runs already; stop it, or wait for its end")]
    Running,
}

/// Every version, oldest first; what cannot be read is left out with a warning.
pub fn versions(store: &Store) -> Result<Vec<Version>, ModelsError> {
    let rows = store.model_versions()?.into_iter();
    Ok(rows
        .filter_map(|row| match serde_json::from_str(&row.config) {
            Ok(config) => Some(Version {
                version: row.version,
                at: row.at,
                reason: row.reason,
                config,
            }),
            Err(error) => {
                tracing::warn!(%error, version = row.version, "a configuration of models cannot be read");
                None
            }
        })
        .collect())
}

/// The version in force.
pub fn current(store: &Store) -> Result<Version, ModelsError> {
    Ok(versions(store)?.pop().unwrap_or_else(Version::usual))
}

/// Makes a configuration the one in force; its number.
pub fn set(
    store: &Store,
    config: &ModelConfig,
    reason: &str,
    now: Timestamp,
) -> Result<u64, ModelsError> {
    config.check()?;
    let text = serde_json::to_string(config)?;
    Ok(store.add_model_version(now, reason, &text)?)
}

/// Changes the configuration in force, whoever else changes it at the same time; the version that holds then. What
/// changes nothing makes no version.
pub fn change(
    store: &Store,
    change: &Change,
    reason: &str,
    now: Timestamp,
) -> Result<u64, ModelsError> {
    for _ in 0..CHANGE_TRIES {
        let newest = store.newest_model_version()?;
        let before = current(store)?;
        let config = change.applied(before.config.clone(), now)?;
        if config == before.config {
            return Ok(before.version);
        }
        config.check()?;
        let text = serde_json::to_string(&config)?;
        if let Some(version) = store.add_model_version_after(newest, now, reason, &text)? {
            return Ok(version);
        }
    }
    Err(ModelsError::Overtaken)
}

/// Makes an old configuration the one in force again, with a person's reason where there is one; version 0 is the one
/// before any was set.
pub fn roll_back(
    store: &Store,
    to: u64,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<u64, ModelsError> {
    let config = if to == 0 {
        ModelConfig::default()
    } else {
        let found = versions(store)?.into_iter().find(|v| v.version == to);
        found.ok_or(ModelsError::NoVersion(to))?.config
    };
    let said = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    set(store, &config, &format!("back to version {to}{said}"), now)
}

/// What to tell a person whose older tries were left out.
#[must_use]
pub fn left_out(facts: &[AttemptFact]) -> Option<String> {
    (facts.len() >= MOST_FACTS)
        .then(|| format!("the newest {MOST_FACTS} tries are counted; older ones, if any, are not"))
}

/// The book over these facts, under the version in force, with every model that ever answered. Only those of the newest
/// session have a weight: others the settings no longer name, or they did not answer then.
pub fn book(store: &Store, facts: &[AttemptFact]) -> Result<Book, ModelsError> {
    let seen = store.models()?;
    let arms: Vec<ArmKey> = seen.iter().map(|(arm, _)| arm.clone()).collect();
    let mut book = Book::replay(facts, &current(store)?, &arms);
    // A session notes all its models with one moment.
    if let Some(newest) = seen.iter().map(|(_, at)| *at).max() {
        let of_newest = seen.into_iter().filter(|(_, at)| *at == newest);
        book.newest_are(of_newest.map(|(arm, _)| arm));
    }
    Ok(book)
}

/// How often each model would be asked, why, and how that came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weights {
    pub version: Version,
    pub weights: Vec<ArmView>,
    /// Oldest first.
    pub history: Vec<WeightChange>,
    pub versions: Vec<Version>,
    /// Set by hand, but no model of that name ever answered: a slip of the finger, or one that is yet to come.
    pub unknown: Vec<String>,
    /// Of the newest outcome or the newest version, whichever came later.
    pub last_updated: Timestamp,
}

pub fn weights(store: &Store) -> Result<Weights, ModelsError> {
    let facts = store.facts(MOST_FACTS)?;
    let book = book(store, &facts)?;
    let version = book.version().clone();
    let newest = facts.iter().rev().find(|fact| fact.arm.is_some());
    let weights = book.views();
    let overrides = version.config.overrides.iter();
    let unknown = overrides
        .filter(|set| !weights.iter().any(|view| set.is_for(&view.arm)))
        .map(Override::name)
        .collect();
    let versions = versions(store)?;
    Ok(Weights {
        unknown,
        last_updated: newest.map_or(version.at, |fact| fact.at.max(version.at)),
        weights,
        history: history(&facts, &versions),
        versions,
        version,
    })
}

/// What became of the tries that asked a model.
pub fn outcomes(store: &Store, wanted: &Wanted, now: Timestamp) -> Result<Outcomes, ModelsError> {
    Ok(outcomes::outcomes(&store.facts(MOST_FACTS)?, wanted, now))
}

/// Replays recorded outcomes to their end or until somebody asks it to stop; each state on the way can be read.
pub fn reinforce(
    store: &Store,
    id: &str,
    params: ReinforcementParams,
    now: Timestamp,
) -> Result<ReinforcementStatus, ModelsError> {
    let run = begin_reinforcement(store, id, params, now)?;
    run_reinforcement(store, run)
}

/// The first half of [`reinforce`]: from here on the replay can be looked at and stopped. One runs at a time.
pub fn begin_reinforcement(
    store: &Store,
    id: &str,
    params: ReinforcementParams,
    now: Timestamp,
) -> Result<Reinforcement, ModelsError> {
    let newest = reinforcement(store, now)?;
    let is_running = |run: &ReinforcementStatus| run.status == RunState::Running;
    if newest.as_ref().is_some_and(is_running) {
        return Err(ModelsError::Running);
    }
    let facts = store.facts(MOST_FACTS)?;
    let config = current(store)?.config;
    let run = Reinforcement::start(id.to_owned(), params, &facts, &config, now)?;
    let text = serde_json::to_string(run.status())?;
    let newest = newest.map(|run| run.session_id);
    if store.add_reinforcement_after(newest.as_deref(), id, run.status().started, &text)? {
        Ok(run)
    } else {
        // Somebody else began one meanwhile.
        Err(ModelsError::Running)
    }
}

/// The second half.
pub fn run_reinforcement(
    store: &Store,
    mut run: Reinforcement,
) -> Result<ReinforcementStatus, ModelsError> {
    let ended = (|| {
        while run.step(REPLAY_STEP) {
            if note(store, &run)? {
                run.stop();
            }
        }
        note(store, &run)
    })();
    if let Err(error) = ended {
        run.fail(&error.to_string());
        // Where even this cannot be kept, `status` finds the run too old to be running.
        note(store, &run).ok();
        return Err(error);
    }
    Ok(run.status().clone())
}

/// Keeps where a replay stands; true where somebody asked it to stop.
fn note(store: &Store, run: &Reinforcement) -> Result<bool, ModelsError> {
    let status = run.status();
    let text = serde_json::to_string(status)?;
    Ok(store.save_reinforcement(&status.session_id, status.started, &text)?)
}

/// Where the newest replay stands, as of now: one whose process died does not run for ever.
pub fn reinforcement(
    store: &Store,
    now: Timestamp,
) -> Result<Option<ReinforcementStatus>, ModelsError> {
    let Some(text) = store.reinforcement()? else {
        return Ok(None);
    };
    let status: ReinforcementStatus = serde_json::from_str(&text)?;
    Ok(Some(status.as_of(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_that_is_stopped_stays_where_it_stood_and_another_may_begin() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("d.db")).unwrap();
        let arm = ArmKey {
            endpoint: "here".to_owned(),
            model: "m".to_owned(),
            prompt: "1".to_owned(),
        };
        for n in 0..=i64::try_from(REPLAY_STEP).unwrap() {
            let fact = AttemptFact {
                arm: Some(arm.clone()),
                ..AttemptFact::example(n, n % 2 == 0)
            };
            store.record_fact(&fact).unwrap();
        }
        let now = Timestamp::from_second(5_000).unwrap();
        let params = ReinforcementParams::default();
        let run = begin_reinforcement(&store, "r", params.clone(), now).unwrap();
        let busy = begin_reinforcement(&store, "s", params.clone(), now);
        assert!(matches!(busy, Err(ModelsError::Running)));
        // Who looked before the other began finds that it came second.
        let second = store.add_reinforcement_after(None, "s", now, "{}");
        assert!(!second.unwrap());
        assert!(store.stop_reinforcement().unwrap());
        let ended = run_reinforcement(&store, run).unwrap();
        assert_eq!(ended.status, RunState::Stopped);
        assert_eq!(ended.replayed, REPLAY_STEP as u64, "it looks after a step");
        assert!(ended.outcomes > ended.replayed && !ended.weights.is_empty());
        assert_eq!(reinforcement(&store, now).unwrap().unwrap(), ended);
        let next = begin_reinforcement(&store, "s", params, now).unwrap();
        let ended = run_reinforcement(&store, next).unwrap();
        assert_eq!(
            (ended.status, ended.replayed),
            (RunState::Completed, REPLAY_STEP as u64 + 1)
        );
    }

    fn arm(endpoint: &str, model: &str) -> ArmKey {
        ArmKey {
            endpoint: endpoint.to_owned(),
            model: model.to_owned(),
            prompt: "2".to_owned(),
        }
    }

    /// Name and address of those that would be asked, and that the others are told as what they are.
    fn live(store: &Store) -> Vec<(String, String)> {
        let mut live = Vec::new();
        for view in weights(store).unwrap().weights {
            if view.figures == "not asked in the newest session" {
                assert!(view.weight.abs() < 1e-12, "{view:?}");
            } else {
                assert!(view.weight > 0.0, "{view:?}");
                live.push((view.arm.endpoint, view.arm.model));
            }
        }
        live
    }

    #[test]
    fn only_the_models_of_the_newest_session_have_a_share() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("d.db")).unwrap();
        // Of nights before facts were kept; which server answered then is not on record.
        let earlier = AttemptFact {
            arm: Some(arm("unknown", "m")),
            ..AttemptFact::example(1, true)
        };
        store.record_fact(&earlier).unwrap();
        let pair = |endpoint: &str, model: &str| (endpoint.to_owned(), model.to_owned());
        assert_eq!(live(&store), [pair("unknown", "m")], "nobody else is known");
        let session = |arms: &[(&str, &str)], second| {
            let at = Timestamp::from_second(second).unwrap();
            for (endpoint, model) in arms {
                store.note_model(&arm(endpoint, model), at).unwrap();
            }
        };
        // One model at two addresses, in one session: both are asked.
        session(&[("here", "m"), ("there", "m")], 100);
        assert_eq!(live(&store), [pair("here", "m"), pair("there", "m")]);
        // The settings name another one now.
        session(&[("here", "n")], 200);
        assert_eq!(live(&store), [pair("here", "n")]);
        session(&[("there", "m"), ("here", "n")], 300);
        assert_eq!(live(&store), [pair("here", "n"), pair("there", "m")]);
        assert_eq!(weights(&store).unwrap().weights.len(), 4, "all are shown");
    }

    #[test]
    fn only_where_tries_may_be_missing_is_it_told() {
        let of = |count| vec![AttemptFact::example(1, true); count];
        assert_eq!(left_out(&of(MOST_FACTS - 1)), None);
        let told = left_out(&of(MOST_FACTS)).unwrap();
        assert!(told.contains("10000"), "{told}");
    }
}
