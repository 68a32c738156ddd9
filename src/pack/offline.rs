//! The offline pack: tasks that ship inside the program, one file in `scenarios/` each, with parameters that vary.
//! The engine asks for the next untried task, evaluates the calls that the oracle must answer in a sandbox, and gets
//! a candidate back. The weaver takes its few-shot examples from here. Never runs code and never remembers what was
//! tried: both are the engine's.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{hex, key_of};
use crate::dream::{Candidate, Check, CheckKind, Difficulty, Origin, Scenario, Source};

mod embedded;
mod file;
mod template;

use file::{PackFile, RawCheck};

/// Licence of the files that ship with the program.
const LICENCE: &str = "MIT OR Apache-2.0";

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("cannot read the pack folder {path}")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{file} is not a pack file")]
    Parse {
        file: String,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("{file}: {what}")]
    Invalid { file: String, what: String },
    #[error("{file}: {wanted} expected values are needed, {given} were given")]
    Expectations {
        file: String,
        wanted: usize,
        given: usize,
    },
}

/// A check whose parameters are filled in. Without a verdict the oracle answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTemplate {
    pub setup: String,
    pub call: String,
    /// Name to Python literal.
    pub given: BTreeMap<String, String>,
    /// `None`: the oracle's value of the call is what is expected.
    pub kind: Option<CheckKind>,
}

/// A call that the oracle must answer before the task has all its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCall {
    pub setup: String,
    pub given: BTreeMap<String, String>,
    pub call: String,
}

/// One pack file with one set of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackTask {
    /// File name without its ending.
    pub file: String,
    /// Where the task comes from, for a dream's provenance: the pack file, never the owner's documents.
    pub source: Source,
    /// Parameter (or `parameter.part`) to the text that stands for it.
    pub parameters: BTreeMap<String, String>,
    /// Same file name and same parameters, same key.
    pub key: String,
    pub scenario: Scenario,
    pub thought: String,
    pub solution: String,
    /// An independent implementation under the same entry point; slower, perhaps.
    pub oracle: String,
    /// Plausible mistakes; each fails at least one check.
    pub wrong: Vec<String>,
    pub checks: Vec<CheckTemplate>,
    pub hidden_checks: Vec<CheckTemplate>,
}

impl PackTask {
    /// True where the oracle must answer calls before `with_expectations`.
    #[must_use]
    pub fn needs_expect(&self) -> bool {
        self.templates().any(|t| t.kind.is_none())
    }

    /// The calls to evaluate against `oracle`, visible checks first; `with_expectations` wants the values in this order.
    #[must_use]
    pub fn pending_calls(&self) -> Vec<PendingCall> {
        self.templates()
            .filter(|t| t.kind.is_none())
            .map(|t| PendingCall {
                setup: t.setup.clone(),
                given: t.given.clone(),
                call: t.call.clone(),
            })
            .collect()
    }

    /// The reference solution with all its checks, `expected` being the oracle's values as Python literals.
    ///
    /// # Errors
    /// Where there are not exactly as many values as `pending_calls` has calls.
    pub fn with_expectations(&self, expected: &[String]) -> Result<Candidate, PackError> {
        let wanted = self.templates().filter(|t| t.kind.is_none()).count();
        if expected.len() != wanted {
            return Err(PackError::Expectations {
                file: self.file.clone(),
                wanted,
                given: expected.len(),
            });
        }
        let mut expected = expected.iter();
        let mut fill = |templates: &[CheckTemplate]| -> Vec<Check> {
            templates
                .iter()
                .map(|template| {
                    let kind = template.kind.clone().unwrap_or_else(|| CheckKind::Example {
                        expect: expected.next().cloned().unwrap_or_default(),
                    });
                    Check {
                        kind,
                        setup: template.setup.clone(),
                        call: template.call.clone(),
                        given: template.given.clone(),
                        origin: Origin::Reference,
                        max_ms: None,
                        serve: None,
                    }
                })
                .collect()
        };
        let checks = fill(&self.checks);
        let hidden_checks = fill(&self.hidden_checks);
        Ok(Candidate {
            scenario: self.scenario.clone(),
            code: self.solution.clone(),
            checks,
            hidden_checks,
        })
    }

    fn templates(&self) -> impl Iterator<Item = &CheckTemplate> {
        self.checks.iter().chain(&self.hidden_checks)
    }
}

/// One worked example for the weaver's prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FewShot {
    pub thought: String,
    pub scenario: Scenario,
    pub checks: Vec<Check>,
    /// Where the file holds one: it shows a model how far a task may be from its text.
    pub from: Option<Inspiration>,
}

/// A text that could have led to a task, and what kind of function was wished for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspiration {
    pub text: String,
    pub shape: String,
}

/// All pack files with all their variants, in a fixed order that mixes files and difficulties.
#[derive(Debug, Clone)]
pub struct OfflinePack {
    files: Vec<PackFile>,
    tasks: Vec<PackTask>,
}

impl OfflinePack {
    /// The pack that ships inside the program.
    ///
    /// # Errors
    /// Never for a program whose tests passed; names the file otherwise.
    pub fn load() -> Result<Self, PackError> {
        Self::load_with(None)
    }

    /// The shipped pack and, behind it, the `.toml` files of a folder of the owner's.
    ///
    /// # Errors
    /// Where the folder or one of its files cannot be read, naming it.
    pub fn load_with(extra: Option<&Path>) -> Result<Self, PackError> {
        let mut files = Vec::new();
        for (name, text) in embedded::FILES {
            files.push(PackFile::parse(name, text)?);
        }
        if let Some(folder) = extra {
            for (name, text) in read_folder(folder)? {
                files.push(PackFile::parse(&name, &text)?);
            }
        }
        let tasks = in_order(&files)?;
        Ok(Self { files, tasks })
    }

    /// Every file with every set of its parameters.
    pub fn variants(&self) -> impl Iterator<Item = &PackTask> {
        self.tasks.iter()
    }

    /// The first task of this difficulty (any, for `None`) that was not tried; `None` when the pack is spent.
    #[must_use]
    pub fn next(
        &self,
        difficulty: Option<Difficulty>,
        tried: &HashSet<String>,
    ) -> Option<&PackTask> {
        self.untried(difficulty, tried).next()
    }

    /// How many tasks `next` would still give.
    #[must_use]
    pub fn remaining(&self, difficulty: Option<Difficulty>, tried: &HashSet<String>) -> usize {
        self.untried(difficulty, tried).count()
    }

    /// Worked examples of one difficulty, one a file, whose checks carry their expected values.
    #[must_use]
    pub fn few_shot(&self, difficulty: Difficulty) -> Vec<FewShot> {
        let files = self.files.iter().filter(|f| f.difficulty() == difficulty);
        files.filter_map(PackFile::few_shot).collect()
    }

    fn untried(
        &self,
        difficulty: Option<Difficulty>,
        tried: &HashSet<String>,
    ) -> impl Iterator<Item = &PackTask> {
        self.tasks.iter().filter(move |task| {
            difficulty.is_none_or(|d| d == task.scenario.difficulty) && !tried.contains(&task.key)
        })
    }
}

/// Round after round: the first variant of each file, then the second; within a round the difficulties take turns.
fn in_order(files: &[PackFile]) -> Result<Vec<PackTask>, PackError> {
    let mut lanes: Vec<Vec<Vec<PackTask>>> = Vec::new();
    for difficulty in Difficulty::ALL {
        let mut lane = Vec::new();
        for file in files.iter().filter(|f| f.difficulty() == difficulty) {
            lane.push(file.variants()?);
        }
        lanes.push(lane);
    }
    let rounds = lanes.iter().flatten().map(Vec::len).max().unwrap_or(0);
    let longest = lanes.iter().map(Vec::len).max().unwrap_or(0);
    let mut tasks = Vec::new();
    for round in 0..rounds {
        for place in 0..longest {
            for lane in &lanes {
                tasks.extend(lane.get(place).and_then(|f| f.get(round)).cloned());
            }
        }
    }
    Ok(tasks)
}

/// Name without ending and text of each `.toml` file, by name.
fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, PackError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PackError::Folder { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            files.push((name.into_owned(), text));
        }
    }
    files.sort();
    Ok(files)
}

/// Provenance of a pack file.
fn source_of(name: &str, text: &str) -> Source {
    use sha2::{Digest, Sha256};
    Source {
        path: format!("scenarios/{name}.toml"),
        sha256: hex(&Sha256::digest(text.as_bytes())),
        lines: (
            1,
            u32::try_from(text.lines().count().max(1)).unwrap_or(u32::MAX),
        ),
        licence: LICENCE.to_owned(),
    }
}

/// File name and parameters make a task's key; its text does not, so that a mended file is not dreamed again.
fn variant_key(name: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut parts = vec!["offline", name];
    for (parameter, text) in parameters {
        parts.push(parameter);
        parts.push(text);
    }
    key_of(&parts)
}

impl RawCheck {
    fn resolve(
        &self,
        file: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<CheckTemplate, PackError> {
        let filled = |text: &str| template::fill(file, text, parameters);
        let kind = match (&self.expect, &self.error, &self.holds) {
            (Some(expect), None, None) => Some(CheckKind::Example {
                expect: filled(expect)?,
            }),
            (None, Some(error), None) => Some(CheckKind::Raises {
                error: filled(error)?,
            }),
            (None, None, Some(holds)) => Some(CheckKind::Property {
                holds: filled(holds)?,
            }),
            (None, None, None) => None,
            _ => {
                return Err(PackError::Invalid {
                    file: file.to_owned(),
                    what: format!(
                        "more than one of expect, error and holds for {:?}",
                        self.call
                    ),
                });
            }
        };
        let mut given = BTreeMap::new();
        for (name, literal) in &self.given {
            given.insert(name.clone(), filled(literal)?);
        }
        Ok(CheckTemplate {
            setup: filled(&self.setup)?,
            call: filled(&self.call)?,
            given,
            kind,
        })
    }
}
