//! One pack file as it stands on disk, and the variants that its parameters make of it; pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{FewShot, Inspiration, PackError, PackTask, source_of, template, variant_key};
use crate::dream::{Check, CheckKind, Difficulty, Origin, Scenario, Source};

/// Least visible and hidden checks of a file: what the Guardian asks of every candidate, and one to spare.
const LEAST_VISIBLE: usize = 4;
const LEAST_HIDDEN: usize = 3;
/// More variants of one file than this would drown the others.
const MOST_VARIANTS: usize = 8;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    description: String,
    difficulty: Difficulty,
    entry_point: String,
    task: String,
    thought: String,
    test_cases: Vec<String>,
    #[serde(default)]
    in_place: Vec<String>,
    solution: String,
    oracle: String,
    wrong: Vec<String>,
    /// Name to its values; a value that is a table fills in `{{name.key}}`.
    parameters: BTreeMap<String, Vec<toml::Value>>,
    checks: Vec<RawCheck>,
    hidden_checks: Vec<RawCheck>,
    /// Checks with their expected values for the first variant, shown to the weaver's model.
    #[serde(default)]
    few_shot: Vec<RawCheck>,
    /// A text that could have led to this task.
    few_shot_from: Option<Inspiration>,
}

/// A check as written; `{call}` alone is answered by the oracle.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    pub(super) call: String,
    #[serde(default)]
    pub(super) setup: String,
    #[serde(default)]
    pub(super) given: BTreeMap<String, String>,
    pub(super) expect: Option<String>,
    pub(super) error: Option<String>,
    pub(super) holds: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct PackFile {
    name: String,
    source: Source,
    raw: Raw,
}

impl PackFile {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, PackError> {
        let raw: Raw = toml::from_str(text).map_err(|source| PackError::Parse {
            file: name.to_owned(),
            source: Box::new(source),
        })?;
        let invalid = |what: &str| PackError::Invalid {
            file: name.to_owned(),
            what: what.to_owned(),
        };
        if raw.checks.len() < LEAST_VISIBLE || raw.hidden_checks.len() < LEAST_HIDDEN {
            return Err(invalid("too few checks"));
        }
        if raw.wrong.is_empty() {
            return Err(invalid("no wrong solution"));
        }
        if raw.parameters.values().any(Vec::is_empty) {
            return Err(invalid("a parameter without values"));
        }
        let file = Self {
            name: name.to_owned(),
            source: source_of(name, text),
            raw,
        };
        // Every text is filled in once here, so that a file with a mistake is refused when it is read.
        file.variants()?;
        file.shown()?;
        Ok(file)
    }

    pub(super) fn difficulty(&self) -> Difficulty {
        self.raw.difficulty
    }

    /// One task for each combination of values.
    pub(super) fn variants(&self) -> Result<Vec<PackTask>, PackError> {
        let mut combinations = vec![BTreeMap::new()];
        for (name, values) in &self.raw.parameters {
            let mut longer = Vec::new();
            for combination in &combinations {
                for value in values {
                    let mut next: BTreeMap<String, String> = BTreeMap::clone(combination);
                    next.extend(texts(name, value));
                    longer.push(next);
                }
            }
            combinations = longer;
        }
        if combinations.len() > MOST_VARIANTS {
            return Err(PackError::Invalid {
                file: self.name.clone(),
                what: format!(
                    "{} variants, at most {MOST_VARIANTS} are allowed",
                    combinations.len()
                ),
            });
        }
        combinations.into_iter().map(|p| self.task(p)).collect()
    }

    fn task(&self, parameters: BTreeMap<String, String>) -> Result<PackTask, PackError> {
        let raw = &self.raw;
        let fill = |text: &str| template::fill(&self.name, text, &parameters);
        let all = |checks: &[RawCheck]| -> Result<Vec<_>, PackError> {
            let resolved = checks.iter().map(|c| c.resolve(&self.name, &parameters));
            resolved.collect()
        };
        let wrong: Result<Vec<_>, _> = raw.wrong.iter().map(|code| fill(code)).collect();
        Ok(PackTask {
            file: self.name.clone(),
            source: self.source.clone(),
            key: variant_key(&self.name, &parameters),
            scenario: self.scenario(&parameters)?,
            thought: fill(&raw.thought)?.trim().to_owned(),
            solution: fill(&raw.solution)?,
            oracle: fill(&raw.oracle)?,
            wrong: wrong?,
            checks: all(&raw.checks)?,
            hidden_checks: all(&raw.hidden_checks)?,
            parameters,
        })
    }

    fn scenario(&self, parameters: &BTreeMap<String, String>) -> Result<Scenario, PackError> {
        let raw = &self.raw;
        let fill = |text: &str| template::fill(&self.name, text, parameters);
        let test_cases: Result<Vec<_>, _> =
            raw.test_cases.iter().map(|words| fill(words)).collect();
        Ok(Scenario {
            title: fill(&raw.title)?,
            description: fill(&raw.description)?,
            task_prompt: fill(&raw.task)?.trim().to_owned(),
            difficulty: raw.difficulty,
            libraries: Vec::new(),
            test_cases: test_cases?,
            entry_point: raw.entry_point.clone(),
            in_place: raw.in_place.clone(),
        })
    }

    /// The first variant with the checks that carry their values; `None` where the file has none.
    pub(super) fn few_shot(&self) -> Option<FewShot> {
        self.shown().ok().flatten()
    }

    fn shown(&self) -> Result<Option<FewShot>, PackError> {
        let Some(first) = self.variants()?.into_iter().next() else {
            return Ok(None);
        };
        let mut checks = Vec::new();
        for raw in &self.raw.few_shot {
            let template = raw.resolve(&self.name, &first.parameters)?;
            let kind: CheckKind = template.kind.ok_or_else(|| PackError::Invalid {
                file: self.name.clone(),
                what: format!("few-shot check without a value: {:?}", raw.call),
            })?;
            checks.push(Check {
                kind,
                setup: template.setup,
                call: template.call,
                given: template.given,
                origin: Origin::Reference,
                max_ms: None,
                serve: None,
            });
        }
        Ok((!checks.is_empty()).then_some(FewShot {
            thought: first.thought,
            scenario: first.scenario,
            checks,
            from: self.raw.few_shot_from.clone(),
        }))
    }
}

/// What one value fills in: `{{name}}`, or `{{name.key}}` for each key of a table.
fn texts(name: &str, value: &toml::Value) -> Vec<(String, String)> {
    match value {
        toml::Value::Table(table) => table
            .iter()
            .map(|(key, part)| (format!("{name}.{key}"), plain(part)))
            .collect(),
        scalar => vec![(name.to_owned(), plain(scalar))],
    }
}

/// A scalar as Python writes it; strings stand for themselves, without quotes.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Boolean(true) => "True".to_owned(),
        toml::Value::Boolean(false) => "False".to_owned(),
        other => other.to_string(),
    }
}
