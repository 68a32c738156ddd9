//! LearningStore: seed 001's calls over the facts that choose the next dream. There is no second store: what is saved or
//! imported here is read by the next session, and what is asked here is computed from the rows of that moment.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::fold::fold_attempts;
use super::layout::{self, LayoutError, Meta};
use super::merge::{MergeStrategy, Merged, merge};
use super::name::{NameError, checked, from_file_name, to_file_name};
use super::offline::{OfflineModel, analyse};
use super::session::{Selection, SessionFact, View};
use crate::store::{FactsOf, SessionFactRow, Store, StoreError};

/// Of a file that is imported: a session of thousands of steps has a few hundred kilobytes.
const MOST_IMPORTED_BYTES: u64 = 16 << 20;

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
    #[error("{0} is larger than any snapshot")]
    TooLarge(PathBuf),
    #[error("only a session can be saved: {0} is counted from its sessions")]
    Derived(SnapshotKey),
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

/// What an import took and what it left.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Imported {
    pub taken: u64,
    /// Known already; nothing was counted twice.
    pub known: u64,
    /// Path and reason.
    pub refused: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy)]
pub struct LearningStore<'a> {
    store: &'a Store,
}

impl<'a> LearningStore<'a> {
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Every session fact of these rows: whole ones, and those folded from tries.
    pub fn view(&self, key: &SnapshotKey) -> Result<View, LearningError> {
        let which = key.rows()?;
        let attempts = self.store.facts_of(which)?;
        let mut facts = fold_attempts(&attempts);
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
        Ok(!self.view(key)?.facts().is_empty())
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

    /// Every fact, statistic and offline model as files in the original's layout; how many sessions.
    pub fn export(&self, folder: &Path) -> Result<u64, LearningError> {
        let view = self.view(&SnapshotKey::Global)?;
        let newest = view
            .facts()
            .last()
            .map_or(Timestamp::UNIX_EPOCH, |fact| fact.at);
        let stats = |snapshot, topic: Option<&String>| {
            let meta = Meta {
                topic: topic.cloned(),
                at: newest,
                ..Meta::default()
            };
            layout::to_json(snapshot, &meta, &Selection::default())
        };
        write(
            &folder.join("global_stats.json"),
            &stats(&view.global, None),
        )?;
        for (topic, snapshot) in &view.topics {
            let place = folder.join("scenarios").join(to_file_name(topic)?);
            write(&place.join("stats.json"), &stats(snapshot, Some(topic)))?;
            if let Some(model) = self.load_offline_model(topic)? {
                let model = serde_json::to_value(model).map_err(broken("the offline model"))?;
                write(&place.join("offline_model.json"), &model)?;
            }
        }
        let mut count = 0;
        for fact in view.facts() {
            let topic = folder.join("scenarios").join(to_file_name(&fact.topic)?);
            let place = topic.join("sessions").join(to_file_name(&fact.session)?);
            let stats = layout::fact_to_json(fact);
            write(&place.join("meta.json"), &stats["metadata"])?;
            write(&place.join("stats.json"), &stats)?;
            count += 1;
        }
        Ok(count)
    }

    /// Takes in the sessions of a folder in the original's layout. The statistics that lie beside them are not read: they
    /// would count everything twice.
    pub fn import(&self, folder: &Path) -> Result<Imported, LearningError> {
        let mut imported = Imported::default();
        for topic in folders(&folder.join("scenarios"))? {
            for session in folders(&topic.join("sessions"))? {
                let path = session.join("stats.json");
                match self.import_one(&topic, &session, &path) {
                    Ok(true) => imported.taken += 1,
                    Ok(false) => imported.known += 1,
                    Err(error @ LearningError::Store(_)) => return Err(error),
                    Err(error) => {
                        imported
                            .refused
                            .push((path.display().to_string(), error.to_string()));
                    }
                }
            }
        }
        Ok(imported)
    }

    fn import_one(self, topic: &Path, session: &Path, path: &Path) -> Result<bool, LearningError> {
        let name = |path: &Path| {
            let file = path.file_name().and_then(|name| name.to_str());
            from_file_name(file.ok_or_else(|| NameError::Escape(path.display().to_string()))?)
        };
        let at = |source| LearningError::File {
            path: path.to_owned(),
            source,
        };
        // A link could lead anywhere.
        let about = std::fs::symlink_metadata(path).map_err(at)?;
        if !about.is_file() || about.len() > MOST_IMPORTED_BYTES {
            return Err(LearningError::TooLarge(path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(at)?;
        let (snapshot, meta, selection) =
            layout::from_json(&text).map_err(|source| LearningError::Layout {
                path: path.display().to_string(),
                source,
            })?;
        let (topic, session) = (name(topic)?, name(session)?);
        // A try of ours that was exported and comes back is the same session.
        let key = SnapshotKey::Session {
            scenario: topic.clone(),
            session_id: session.clone(),
        };
        if self.exists(&key)? {
            return Ok(false);
        }
        self.save(&SessionFact {
            topic,
            session,
            at: meta.at,
            task: meta.task,
            phase: meta.phase,
            group: meta.group,
            selection,
            snapshot,
        })
    }
}

fn broken(what: &str) -> impl FnOnce(serde_json::Error) -> LearningError {
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

/// The folders in a folder, by name; none where it is not there. Links are not followed.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, LearningError> {
    let at = |source| LearningError::File {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(at)?;
        if entry.file_type().map_err(at)?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn write(path: &Path, json: &Json) -> Result<(), LearningError> {
    let at = |source| LearningError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at)?;
    }
    std::fs::write(path, format!("{json:#}\n")).map_err(at)
}
