//! What `dreamer doctor` finds: one line a check, with what mends it. Each room has a function that gives its own.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Ok,
    /// It dreams, but not as well as it could.
    Warn,
    /// It does not dream until this is mended.
    Fail,
}

impl Health {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A short name that stays: `llm`, `sandbox_docker`, `disk`.
    pub check: String,
    pub status: Health,
    /// What was found, in one line.
    pub detail: String,
    /// What to do about it; empty where there is nothing to do.
    pub fix: String,
}

impl Finding {
    #[must_use]
    pub fn ok(check: &str, detail: impl Into<String>) -> Self {
        Self::new(check, Health::Ok, detail.into(), String::new())
    }

    #[must_use]
    pub fn warn(check: &str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Health::Warn, detail.into(), fix.into())
    }

    #[must_use]
    pub fn fail(check: &str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Health::Fail, detail.into(), fix.into())
    }

    fn new(check: &str, status: Health, detail: String, fix: String) -> Self {
        Self {
            check: check.to_owned(),
            status,
            detail,
            fix,
        }
    }
}
