//! LearningStore: seed 001's calls over the facts that choose the next dream. There is no second store: what is saved or
//! imported here is read by the next session, and what is asked here is computed from the rows of that moment.

use std::path::PathBuf;

use jiff::Timestamp;

use super::fold::fold_attempts;
use super::layout::{self, LayoutError};
use super::merge::{MergeStrategy, Merged, merge};
use super::name::{NameError, checked};
use super::offline::{OfflineModel, analyse};
use super::session::{SessionFact, View};
use crate::store::{FactsOf, SessionFactRow, Store, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum LearningError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("{path} cannot be read as a snapshot: {source}")]
    Layout { path: String, source: LayoutError },
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0} is no plain file of a snapshot's size")]
    TooLarge(PathBuf),
    #[error(
        "{0} is no empty folder; name a new one, or empty it, so that nothing forgotten stays among the files"
    )]
    NotEmpty(PathBuf),
    #[error("{0} holds no folder `scenarios`, so there is nothing to take in")]
    NoScenarios(PathBuf),
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SnapshotKey {
    Global,
    /// A topic; the original's word is scenario.
    Scenario(String),
    Session {
        scenario: String,
        session_id: String,
    },
}

impl std::fmt::Display for SnapshotKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Scenario(scenario) => write!(f, "scenario:{scenario}"),
            Self::Session {
                scenario,
                session_id,
            } => write!(f, "session:{scenario}:{session_id}"),
        }
    }
}

impl SnapshotKey {
    fn rows(&self) -> Result<FactsOf<'_>, NameError> {
        Ok(match self {
            Self::Global => FactsOf::All,
            Self::Scenario(scenario) => FactsOf::Topic(checked(scenario)?),
            Self::Session {
                scenario,
                session_id,
            } => FactsOf::Session(checked(scenario)?, checked(session_id)?),
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub struct LearningStore<'a> {
    pub(super) store: &'a Store,
}

impl<'a> LearningStore<'a> {
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Every session fact of these rows: whole ones, and those folded from tries.
    pub fn view(&self, key: &SnapshotKey) -> Result<View, LearningError> {
        let which = match key.rows()? {
            // What a session began with is told by the topic's earlier ones.
            FactsOf::Session(topic, _) => FactsOf::Topic(topic),
            other => other,
        };
        let mut facts = fold_attempts(&self.store.facts_of(which)?);
        if let SnapshotKey::Session { session_id, .. } = key {
            facts.retain(|fact| fact.session == *session_id);
        }
        facts.extend(self.whole_sessions(key)?);
        Ok(View::rebuild(facts))
    }

    /// Sessions that were saved or imported whole, without their tries.
    pub fn whole_sessions(&self, key: &SnapshotKey) -> Result<Vec<SessionFact>, LearningError> {
        let rows = self.store.session_facts(key.rows()?)?;
        let facts = rows.iter().filter_map(|row| match read(row) {
            Ok(fact) => Some(fact),
            Err(error) => {
                // One damaged row must not hide all others.
                tracing::warn!(%error, "a session that was counted elsewhere is left out");
                None
            }
        });
        Ok(facts.collect())
    }

    /// The facts under a key read as one; `None` where there are none.
    pub fn load(&self, key: &SnapshotKey) -> Result<Option<Merged>, LearningError> {
        self.merged(key, MergeStrategy::Additive)
    }

    pub fn merged(
        &self,
        key: &SnapshotKey,
        strategy: MergeStrategy,
    ) -> Result<Option<Merged>, LearningError> {
        let view = self.view(key)?;
        Ok((!view.facts().is_empty()).then(|| merge(&view, strategy)))
    }

    pub fn exists(&self, key: &SnapshotKey) -> Result<bool, LearningError> {
        let of_tries = self.store.facts_of(key.rows()?)?;
        Ok(!of_tries.is_empty() || !self.whole_sessions(key)?.is_empty())
    }

    /// Forgets the facts under a key, whatever they came from; false where there were none.
    pub fn delete(&self, key: &SnapshotKey) -> Result<bool, LearningError> {
        Ok(self.store.forget_facts(key.rows()?)? > 0)
    }

    /// Keeps a session; false where one of that topic and name is known. Topics and the whole are never saved: they are
    /// counted from their sessions.
    pub fn save(&self, fact: &SessionFact) -> Result<bool, LearningError> {
        let row = SessionFactRow {
            topic: checked(&fact.topic)?.to_owned(),
            session: checked(&fact.session)?.to_owned(),
            at: fact.at,
            record: layout::fact_to_json(fact).to_string(),
        };
        Ok(self.store.record_session_fact(&row)?)
    }

    /// Sessions of a topic from one moment to another, both included, oldest first.
    pub fn query_range(
        &self,
        topic: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SessionFact>, LearningError> {
        let view = self.view(&SnapshotKey::Scenario(topic.to_owned()))?;
        let within = |fact: &&&SessionFact| fact.at >= from && fact.at <= to;
        Ok(view
            .facts()
            .iter()
            .filter(within)
            .copied()
            .cloned()
            .collect())
    }

    pub fn query_since(
        &self,
        topic: &str,
        since: Timestamp,
    ) -> Result<Vec<SessionFact>, LearningError> {
        self.query_range(topic, since, Timestamp::MAX)
    }

    /// The newest sessions of a topic, newest first.
    pub fn query_latest(
        &self,
        topic: &str,
        limit: usize,
    ) -> Result<Vec<SessionFact>, LearningError> {
        let mut facts = self.query_since(topic, Timestamp::MIN)?;
        facts.reverse();
        facts.truncate(limit);
        Ok(facts)
    }

    /// Names of a topic's sessions, oldest first.
    pub fn list_sessions(&self, topic: &str) -> Result<Vec<String>, LearningError> {
        let facts = self.query_since(topic, Timestamp::MIN)?;
        Ok(facts.into_iter().map(|fact| fact.session).collect())
    }

    /// What a topic's newest sessions recommend; kept beside the facts. `None` where there are no sessions.
    pub fn run_offline_learning(
        &self,
        topic: &str,
        session_limit: usize,
        now: Timestamp,
    ) -> Result<Option<OfflineModel>, LearningError> {
        let facts = self.query_latest(topic, session_limit)?;
        if facts.is_empty() {
            return Ok(None);
        }
        let before = self.load_offline_model(topic)?;
        let mut model = analyse(&facts, now);
        // What a person or another program put there is not for us to drop.
        model.action_order = before.and_then(|model| model.action_order);
        let text = serde_json::to_string(&model).map_err(broken("the offline model"))?;
        self.store.save_offline_model(topic, now, &text)?;
        Ok(Some(model))
    }

    pub fn load_offline_model(&self, topic: &str) -> Result<Option<OfflineModel>, LearningError> {
        let text = self.store.offline_model(checked(topic)?)?;
        let read = |text: String| serde_json::from_str(&text).map_err(broken("the offline model"));
        text.map(read).transpose()
    }

    /// Every topic's offline model, for choices to go by; what cannot be read, or has a rate that is none, is left out with
    /// a warning.
    pub fn offline_models(&self) -> Result<Vec<(String, OfflineModel)>, LearningError> {
        let rows = self.store.offline_models()?.into_iter();
        Ok(rows
            .filter_map(|(topic, text)| {
                let read: Result<OfflineModel, _> = serde_json::from_str(&text);
                // An earlier program kept the bounds that a file claimed.
                match read.map(OfflineModel::checked) {
                    Ok(Some(model)) => Some((topic, model)),
                    Ok(None) => {
                        tracing::warn!(topic, "an offline model whose rate is none is left out");
                        None
                    }
                    Err(error) => {
                        tracing::warn!(%error, topic, "an offline model is left out");
                        None
                    }
                }
            })
            .collect())
    }
}

pub(super) fn broken(what: &str) -> impl FnOnce(serde_json::Error) -> LearningError {
    let path = what.to_owned();
    |error| LearningError::Layout {
        path,
        source: LayoutError::Json(error),
    }
}

fn read(row: &SessionFactRow) -> Result<SessionFact, LearningError> {
    let (snapshot, meta, selection) =
        layout::from_json(&row.record).map_err(|source| LearningError::Layout {
            path: format!("session {} of {}", row.session, row.topic),
            source,
        })?;
    Ok(SessionFact {
        topic: row.topic.clone(),
        session: row.session.clone(),
        // The column is finer than the file's seconds.
        at: row.at,
        task: meta.task,
        phase: meta.phase,
        group: meta.group,
        selection,
        snapshot,
    })
}
