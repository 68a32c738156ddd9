//! What a supervisor is made of. Filled in by the composition root, by the wake test and by tests.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::chores::RunChore;
use super::handle::{ReadCounts, ReadTroubles};
use super::jobs::NamedJob;
use super::permit::WorkPermit;
use super::view::{Counts, StateName};
use crate::clock;
use crate::config::Settings;
use crate::dream::{Finding, RemRequest, SessionReport};
use crate::energy::Senses;
use crate::engine::progress::Progress;
use crate::ids::SessionId;
use crate::tree::Tree;

/// Runs one session to its report. The permit's end must end it.
pub type RunSession = Arc<
    dyn Fn(WorkPermit, RemRequest, Progress) -> BoxFuture<'static, SessionReport> + Send + Sync,
>;

/// Reads the wall clock in the owner's zone; `clock::local` outside of tests.
pub type WallClock = Arc<dyn Fn() -> Zoned + Send + Sync>;

/// Tries what dreaming needs, and says what is in the way.
pub type Preflight = Arc<dyn Fn(WorkPermit) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// Writes down how a session ended that could not do it itself, and gives back the report with what it had done by then. Called
/// where it may wait.
pub type CloseSession = Arc<dyn Fn(SessionReport) -> SessionReport + Send + Sync>;

/// Keeps a record of transitions.
pub type NoteTransition = Box<dyn FnMut(&Transition) + Send>;

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    pub at: Timestamp,
    pub from: StateName,
    pub to: StateName,
    pub session: Option<SessionId>,
    /// What woke, froze or stopped it.
    pub why: Option<String>,
}

/// Why this supervisor is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `dreamer run`: dreams by itself where the settings allow.
    Service,
    /// `dreamer dream` without a service: runs what is asked for, nothing by itself.
    Requests,
    /// `dreamer wake-test`: as requests, and what waits for nobody to be there begins with the first calm look.
    Measuring,
}

/// What a supervisor is made of.
pub struct SupervisorParts {
    pub settings: Settings,
    pub purpose: Purpose,
    pub senses: Box<dyn Senses>,
    pub tree: Arc<Tree>,
    pub run_session: RunSession,
    /// `None`: a session that could not write its end down has none.
    pub close_session: Option<CloseSession>,
    pub counts: ReadCounts,
    /// For `status` and `doctor`.
    pub troubles: ReadTroubles,
    /// Asked before the first look, and while the supervisor is in safe mode; `None` asks nothing.
    pub preflight: Option<Preflight>,
    /// Does what is due while nothing is to be dreamed; `None` does nothing.
    pub run_chore: Option<RunChore>,
    /// Hears of every change of state; must not block.
    pub note: Option<NoteTransition>,
    pub wall: WallClock,
    /// Registered with a scheduler, each to nudge the supervisor at its times: `NAMED_JOBS` for the service. The supervisor
    /// does not depend on them.
    pub named_jobs: &'static [NamedJob],
}

impl SupervisorParts {
    /// With nothing but what every supervisor needs: no chores, no preflight, no record, no named jobs, nothing counted
    /// before or closed afterwards, and the owner's own clock.
    #[must_use]
    pub fn new(
        purpose: Purpose,
        settings: Settings,
        senses: Box<dyn Senses>,
        tree: Arc<Tree>,
        run_session: RunSession,
    ) -> Self {
        Self {
            settings,
            purpose,
            senses,
            tree,
            run_session,
            close_session: None,
            counts: Arc::new(|| Ok(Counts::default())),
            troubles: Arc::new(Vec::<Finding>::new),
            run_chore: None,
            preflight: None,
            note: None,
            wall: Arc::new(clock::local),
            named_jobs: &[],
        }
    }
}

impl std::fmt::Debug for SupervisorParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupervisorParts")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}
