//! Facts as files and back: writes a folder in the original's layout, and takes in the sessions and offline models of one.
//! Called by `learning export` and `learning import`. Never writes into a folder that holds something, and never follows a
//! link out of the folder that it reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::facts::{LearningError, LearningStore, SnapshotKey, broken};
use super::layout::{self, LayoutError, Meta};
use super::name::{NameError, checked, from_file_name, to_file_name};
use super::offline::OfflineModel;
use super::session::{Selection, SessionFact};

/// Of a file that is imported: a session of thousands of steps has a few hundred kilobytes.
const MOST_BYTES: u64 = 16 << 20;

/// What an import took and what it left.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Imported {
    /// Sessions.
    pub taken: u64,
    /// Sessions that were known already; nothing was counted twice.
    pub known: u64,
    /// Offline models of topics that had none.
    pub models: u64,
    /// Statistics of what was taken whose discoveries or duration the original counted: these two are left out.
    pub unkept: u64,
    /// Path and reason.
    pub refused: Vec<(String, String)>,
}

impl Imported {
    /// What one file came to. A file that cannot be used is told of; a database that fails ends it all.
    fn note<T>(
        &mut self,
        path: &Path,
        read: Result<T, LearningError>,
    ) -> Result<Option<T>, LearningError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error @ LearningError::Store(_)) => Err(error),
            Err(error) => {
                let told = (path.display().to_string(), error.to_string());
                self.refused.push(told);
                Ok(None)
            }
        }
    }
}

impl LearningStore<'_> {
    /// Every fact, statistic and offline model as files in the original's layout; how many sessions.
    ///
    /// # Errors
    /// Where the folder holds something: files of sessions that were forgotten meanwhile would come back with an import.
    pub fn export(&self, folder: &Path) -> Result<u64, LearningError> {
        refuse_filled(folder)?;
        let view = self.view(&SnapshotKey::Global)?;
        let newest = view
            .facts()
            .last()
            .map_or(Timestamp::UNIX_EPOCH, |fact| fact.at);
        let names: BTreeSet<&str> = view
            .facts()
            .iter()
            .map(|fact| fact.session.as_str())
            .collect();
        let sessions = u64::try_from(names.len()).unwrap_or(u64::MAX);
        let stats = |snapshot, topic: Option<&String>| {
            let meta = Meta {
                topic: topic.cloned(),
                at: newest,
                sessions: topic.is_none().then_some(sessions),
                ..Meta::default()
            };
            layout::to_json(snapshot, &meta, &Selection::default())
        };
        let scenarios = folder.join("scenarios");
        // Also where nothing is known: an import takes it for what it is.
        std::fs::create_dir_all(&scenarios).map_err(at(&scenarios))?;
        write(
            &folder.join("global_stats.json"),
            &stats(&view.global, None),
        )?;
        for (topic, snapshot) in &view.topics {
            let place = scenarios.join(to_file_name(topic)?);
            write(&place.join("stats.json"), &stats(snapshot, Some(topic)))?;
        }
        for (topic, model) in self.offline_models()? {
            let place = scenarios.join(to_file_name(&topic)?);
            let model = serde_json::to_value(model).map_err(broken("the offline model"))?;
            write(&place.join("offline_model.json"), &model)?;
        }
        let mut count = 0;
        for fact in view.facts() {
            let topic = scenarios.join(to_file_name(&fact.topic)?);
            let place = topic.join("sessions").join(to_file_name(&fact.session)?);
            let stats = layout::fact_to_json(fact);
            write(&place.join("meta.json"), &stats["metadata"])?;
            write(&place.join("stats.json"), &stats)?;
            count += 1;
        }
        Ok(count)
    }

    /// Takes in the sessions of a folder in the original's layout, and the offline models of topics that have none. Of the
    /// statistics that lie beside them the version alone is read: they would count everything twice.
    ///
    /// # Errors
    /// Where there is no such folder. A file that cannot be used is told of in the answer.
    pub fn import(&self, folder: &Path) -> Result<Imported, LearningError> {
        let scenarios = folder.join("scenarios");
        if !scenarios.is_dir() {
            return Err(LearningError::NoScenarios(folder.to_owned()));
        }
        let mut imported = Imported::default();
        let path = folder.join("global_stats.json");
        imported.note(&path, versioned(&path))?;
        for topic in folders(&scenarios)? {
            let path = topic.join("stats.json");
            imported.note(&path, versioned(&path))?;
            let path = topic.join("offline_model.json");
            let added = imported.note(&path, self.import_model(&topic, &path))?;
            imported.models += u64::from(added == Some(true));
            for session in folders(&topic.join("sessions"))? {
                let path = session.join("stats.json");
                match imported.note(&path, self.import_one(&topic, &session, &path))? {
                    Some(Some(unkept)) => {
                        imported.taken += 1;
                        imported.unkept += unkept;
                    }
                    Some(None) => imported.known += 1,
                    None => {}
                }
            }
        }
        Ok(imported)
    }

    /// How much of it is not kept; `None` where the session was known.
    fn import_one(
        self,
        topic: &Path,
        session: &Path,
        path: &Path,
    ) -> Result<Option<u64>, LearningError> {
        let text = read(path)?;
        let (snapshot, meta, selection) = layout::from_json(&text).map_err(unreadable(path))?;
        let (topic, session) = (name(topic)?, name(session)?);
        // A try of ours that was exported and comes back is the same session.
        let key = SnapshotKey::Session {
            scenario: topic.clone(),
            session_id: session.clone(),
        };
        if self.exists(&key)? {
            return Ok(None);
        }
        let added = self.save(&SessionFact {
            topic,
            session,
            at: meta.at,
            task: meta.task,
            phase: meta.phase,
            group: meta.group,
            selection,
            snapshot,
        })?;
        Ok(added.then_some(meta.unkept))
    }

    /// False where none lies there, and where the topic has one: what was analysed here goes before what was elsewhere.
    fn import_model(self, topic: &Path, path: &Path) -> Result<bool, LearningError> {
        let Some(root) = versioned(path)? else {
            return Ok(false);
        };
        let model: OfflineModel =
            serde_json::from_value(root).map_err(|error| unreadable(path)(error.into()))?;
        let model = model
            .checked()
            .ok_or(LayoutError::Field("a rate of 0 to 1"))
            .map_err(unreadable(path))?;
        let topic = name(topic)?;
        let text = serde_json::to_string(&model).map_err(broken("the offline model"))?;
        let updated = Timestamp::from_second(model.updated_at).unwrap_or_default();
        Ok(self
            .store
            .add_offline_model(checked(&topic)?, updated, &text)?)
    }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> LearningError {
    let path = path.to_owned();
    |source| LearningError::File { path, source }
}

fn unreadable(path: &Path) -> impl FnOnce(LayoutError) -> LearningError {
    let path = path.display().to_string();
    |source| LearningError::Layout { path, source }
}

/// The topic or session that a folder is of.
fn name(folder: &Path) -> Result<String, NameError> {
    let file = folder.file_name().and_then(|name| name.to_str());
    from_file_name(file.ok_or_else(|| NameError::Escape(folder.display().to_string()))?)
}

fn read(path: &Path) -> Result<String, LearningError> {
    // A link could lead anywhere.
    let about = std::fs::symlink_metadata(path).map_err(at(path))?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err(LearningError::TooLarge(path.to_owned()));
    }
    std::fs::read_to_string(path).map_err(at(path))
}

/// A file of this program's version; `None` where there is none.
fn versioned(path: &Path) -> Result<Option<Json>, LearningError> {
    let text = match read(path) {
        Err(LearningError::File { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        other => other?,
    };
    let root: Json = serde_json::from_str(&text).map_err(|error| unreadable(path)(error.into()))?;
    layout::check_version(&root).map_err(unreadable(path))?;
    Ok(Some(root))
}

fn refuse_filled(folder: &Path) -> Result<(), LearningError> {
    use std::io::ErrorKind;
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(LearningError::NotEmpty(folder.to_owned())),
        },
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(()),
            ErrorKind::NotADirectory => Err(LearningError::NotEmpty(folder.to_owned())),
            _ => Err(at(folder)(error)),
        },
    }
}

/// The folders in a folder, by name; none where it is not there. Links are not followed.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, LearningError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(at(folder))?;
        if entry.file_type().map_err(at(folder))?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn write(path: &Path, json: &Json) -> Result<(), LearningError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
    }
    std::fs::write(path, format!("{json:#}\n")).map_err(at(path))
}
