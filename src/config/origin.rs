//! Where each value came from, and everything that is wrong with the settings, told at once.
//!
//! Called by the loader and by `config show`. Never holds the value of a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::keys::{Id, Key};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    #[default]
    Default,
    /// A line of the configuration file, counted from 1.
    File {
        path: PathBuf,
        line: usize,
    },
    DotEnv {
        path: PathBuf,
        variable: String,
    },
    Environment {
        variable: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "file {}:{line}", path.display()),
            Self::DotEnv { path, .. } => write!(f, ".env {}", path.display()),
            Self::Environment { variable } => write!(f, "environment {variable}"),
        }
    }
}

/// The origin of every setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// With the text as it was given; nothing for a secret.
    found: BTreeMap<Id, (Origin, String)>,
    /// What was accepted and means nothing here, a line each.
    pub notes: Vec<String>,
}

impl Origins {
    /// [`Origin::Default`] where nobody set it.
    #[must_use]
    pub fn of(&self, id: Id) -> Origin {
        let found = self.found.get(&id);
        found.map(|(origin, _)| origin.clone()).unwrap_or_default()
    }

    /// What was written there.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        self.found.get(&id).map(|(_, text)| text.as_str())
    }

    pub(super) fn noting(notes: &[String]) -> Self {
        Self {
            notes: notes.to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn set(&mut self, id: Id, origin: Origin, text: &str) {
        let text = if id.is_secret() { "" } else { text };
        self.found.insert(id, (origin, text.to_owned()));
    }
}

/// One thing that is wrong: which key, with which value, why, what is allowed, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The name as it was written: a variable or a TOML key; a path where a file could not be read.
    pub key: String,
    /// As it was written; `None` for a secret and where there is no value.
    pub value: Option<String>,
    pub problem: String,
    pub allowed: Option<String>,
    /// Where it was written.
    pub origin: Option<Origin>,
}

impl ConfigError {
    pub(super) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: None,
            problem: problem.into(),
            allowed: None,
            origin: None,
        }
    }

    /// A bad value of a known setting, named as its origin writes it.
    pub(super) fn of(key: &Key, value: &str, origin: Origin, problem: impl Into<String>) -> Self {
        let name = match origin {
            Origin::File { .. } => key.name,
            Origin::Default | Origin::DotEnv { .. } | Origin::Environment { .. } => key.variable,
        };
        Self {
            key: name.to_owned(),
            value: (!key.id.is_secret()).then(|| value.to_owned()),
            problem: problem.into(),
            allowed: Some(key.allowed.to_owned()),
            origin: Some(origin),
        }
    }

    pub(super) fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }
}

/// Values longer than this are cut in messages: an error is a line, not a document.
const SHOWN_VALUE_CHARS: usize = 80;

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            let cut: String = value.chars().take(SHOWN_VALUE_CHARS).collect();
            let more = if cut.len() < value.len() { "…" } else { "" };
            // Escaped, because a value may hold what would move the reader's cursor.
            write!(f, " = \"{}{more}\"", cut.escape_debug())?;
        }
        write!(f, ": {}", self.problem)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with the settings, in the order in which it was found. Exit code 64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "one setting cannot be used\n  {one}"),
            several => {
                write!(f, "{} settings cannot be used", several.len())?;
                several.iter().try_for_each(|one| write!(f, "\n  {one}"))
            }
        }
    }
}
