//! What a session tells those who watch it. Hearing nothing never slows it down.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where the scenario in hand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Weaving,
    Coding,
    Running,
    Proving,
    Saving,
}

impl Phase {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weaving => "weaving",
            Self::Coding => "coding",
            Self::Running => "running",
            Self::Proving => "proving",
            Self::Saving => "saving",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProgressEvent {
    /// The session has its parts: which sandbox, which model.
    Ready {
        sandbox: String,
        model: Option<String>,
    },
    Phase {
        scenario: u64,
        phase: Phase,
    },
    /// A scenario has its task.
    Task {
        scenario: u64,
        title: String,
        generator: String,
    },
    Saved {
        scenario: u64,
        dream_id: String,
        tier: String,
    },
    Rejected {
        scenario: u64,
        reasons: Vec<String>,
        detail: String,
    },
    Requeued {
        scenario: u64,
        why: String,
    },
}

/// A cheap handle to whoever listens.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(ProgressEvent) + Send + Sync>);

impl Progress {
    pub fn new(listener: impl Fn(ProgressEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    pub fn tell(&self, event: ProgressEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
