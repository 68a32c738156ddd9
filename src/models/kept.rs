//! The book and its configuration as the database keeps them. Called by the engine at the start of a session and by the
//! `models` commands.

use jiff::Timestamp;

use super::book::Book;
use super::configured::{ConfigProblem, ModelConfig, Version};
use super::reinforce::{Reinforcement, ReinforcementParams, ReinforcementStatus};
use crate::dream::{ArmKey, AttemptFact};
use crate::store::{Store, StoreError};

/// Tries that the book is replayed from: some hundred nights; with the usual fading older ones weigh nothing.
pub const MOST_FACTS: usize = 10_000;
/// Outcomes between two looks at whether a replay is to stop.
const REPLAY_STEP: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("the configuration cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    #[error("there is no version {0}")]
    NoVersion(u64),
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

/// Makes an old configuration the one in force again; version 0 is the one before any was set.
pub fn roll_back(store: &Store, to: u64, now: Timestamp) -> Result<u64, ModelsError> {
    let config = if to == 0 {
        ModelConfig::default()
    } else {
        let found = versions(store)?.into_iter().find(|v| v.version == to);
        found.ok_or(ModelsError::NoVersion(to))?.config
    };
    set(store, &config, &format!("back to version {to}"), now)
}

/// The book over these facts, under the version in force, with every model that ever answered.
pub fn book(store: &Store, facts: &[AttemptFact]) -> Result<Book, ModelsError> {
    let arms: Vec<ArmKey> = store.models()?.into_iter().map(|(arm, _)| arm).collect();
    Ok(Book::replay(facts, &current(store)?, &arms))
}

/// Replays recorded outcomes to their end or until somebody asks it to stop; each state on the way can be read.
pub fn reinforce(
    store: &Store,
    id: &str,
    params: ReinforcementParams,
    now: Timestamp,
) -> Result<ReinforcementStatus, ModelsError> {
    let facts = store.facts(MOST_FACTS)?;
    let mut run = Reinforcement::start(id.to_owned(), params, &facts, now)?;
    loop {
        let text = serde_json::to_string(run.status())?;
        if store.save_reinforcement(id, now, &text)? {
            run.stop();
        }
        if !run.step(REPLAY_STEP) {
            break;
        }
    }
    store.save_reinforcement(id, now, &serde_json::to_string(run.status())?)?;
    Ok(run.status().clone())
}

/// Where the newest replay stands.
pub fn reinforcement(store: &Store) -> Result<Option<ReinforcementStatus>, ModelsError> {
    let text = store.reinforcement()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}
