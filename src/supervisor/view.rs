//! What everybody but the event loop sees of the supervisor: plain data, versioned, in the words of the contracts.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::original::Original;
use super::parts::Transition;
use super::proposals::Kind;
use super::state::{SAFE_EXIT, State};
use crate::dream::{Finding, SessionReport, Trigger, WakeReason};
use crate::energy::gate::{Gate, Pause};
use crate::engine::progress::{Phase, ProgressEvent};
use crate::ids::SessionId;

/// How many reports stay at hand for whoever asks late: a command that follows its session asks within seconds.
const REPORTS_KEPT: usize = 16;

/// How many changes of state `status` shows: the last two or three sessions'; logs/transitions.jsonl has the others.
const TRANSITIONS_SHOWN: usize = 16;

/// `get_statistics`' word for the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateWord {
    Idle,
    Dreaming,
    Validating,
    Saving,
    Interrupted,
}

/// The supervisor's own name for its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateName {
    Starting,
    Safe,
    Awake,
    Settling,
    Dreaming,
    Frozen,
    Waking,
    Stopping,
}

impl StateName {
    #[must_use]
    pub fn of(state: &State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Safe { .. } => Self::Safe,
            State::Awake { .. } => Self::Awake,
            State::Settling { .. } => Self::Settling,
            State::Dreaming { .. } => Self::Dreaming,
            State::Frozen { .. } => Self::Frozen,
            State::Waking { .. } => Self::Waking,
            State::Stopping { .. } => Self::Stopping,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Safe => "safe",
            Self::Awake => "awake",
            Self::Settling => "settling",
            Self::Dreaming => "dreaming",
            Self::Frozen => "frozen",
            Self::Waking => "waking",
            Self::Stopping => "stopping",
        }
    }

    /// `get_statistics`' word; a dream that is being proved or saved has words of its own.
    #[must_use]
    pub fn word(self, phase: Option<Phase>) -> StateWord {
        match (self, phase) {
            (Self::Starting | Self::Safe | Self::Awake | Self::Settling, _) => StateWord::Idle,
            (Self::Frozen | Self::Waking | Self::Stopping, _) => StateWord::Interrupted,
            (Self::Dreaming, Some(Phase::Proving)) => StateWord::Validating,
            (Self::Dreaming, Some(Phase::Saving)) => StateWord::Saving,
            (Self::Dreaming, None | Some(Phase::Weaving | Phase::Coding | Phase::Running)) => {
                StateWord::Dreaming
            }
        }
    }
}

/// `why`: every gate with its reading, its threshold and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    pub state: StateWord,
    pub may_dream: bool,
    pub gates: Vec<Gate>,
    pub supervisor: StateName,
    /// One sentence: the first closed gate, or what runs.
    pub because: String,
}

/// Safe mode: why, and how far it is from its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Safe {
    pub reason: String,
    /// Good checks in a row so far.
    pub good: u32,
    /// As many end it.
    pub of: u32,
}

impl Safe {
    pub(super) fn of(state: &State) -> Option<Self> {
        let State::Safe { reason, good, .. } = state else {
            return None;
        };
        Some(Self {
            reason: reason.clone(),
            good: *good,
            of: SAFE_EXIT,
        })
    }
}

/// How long the phases of the newest tick took, in milliseconds (seed 004 keeps them for its status).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// The senses, on a thread of their own.
    pub senses_ms: f64,
    /// Readings to gates.
    pub judge_ms: f64,
    /// Gates to proposals, to the table, to what it asks for.
    pub decide_ms: f64,
    /// What was chosen among the proposals; nothing while a session runs.
    pub chosen: Kind,
}

/// One look at the supervisor.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Grows with every change.
    pub version: u64,
    pub name: StateName,
    pub session: Option<SessionId>,
    pub trigger: Option<Trigger>,
    pub waking: Option<WakeReason>,
    pub safe: Option<Safe>,
    /// A request that waits until nobody is there.
    pub waiting: Option<SessionId>,
    /// Sessions that are over and whose reports are on their way.
    pub closing: Vec<SessionId>,
    pub phase: Option<Phase>,
    pub pause: Option<Pause>,
    /// `None` before the first look at the machine.
    pub why: Option<Arc<Why>>,
    pub tick: Option<Tick>,
    /// When this state began; `None` before the first change.
    pub since: Option<Timestamp>,
    pub reports: Arc<VecDeque<Arc<SessionReport>>>,
}

impl super::state_store::Versioned for Snapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    /// Of each state its last version: looks and ticks come every half second.
    fn is_kept_before(&self, next: &Self) -> bool {
        self.name != next.name
    }
}

impl Snapshot {
    pub(super) fn first() -> Self {
        Self {
            version: 0,
            name: StateName::Starting,
            session: None,
            trigger: None,
            waking: None,
            safe: None,
            waiting: None,
            closing: Vec::new(),
            phase: None,
            pause: None,
            why: None,
            tick: None,
            since: None,
            reports: Arc::default(),
        }
    }

    /// What there is to see where no supervisor runs.
    #[must_use]
    pub fn of_nobody(pause: Option<Pause>) -> Self {
        Self {
            name: StateName::Awake,
            pause,
            ..Self::first()
        }
    }

    /// The change that led to this from the state before.
    fn transition(&self, before: &Self) -> Option<Transition> {
        let safe = self.safe.as_ref().map(|safe| safe.reason.clone());
        Some(Transition {
            at: self.since?,
            from: before.name,
            to: self.name,
            session: self.session.clone(),
            why: safe.or(self.waking.map(|reason| reason.as_str().to_owned())),
        })
    }

    #[must_use]
    pub fn word(&self) -> StateWord {
        self.name.word(self.phase)
    }

    /// The report of a session that ended lately.
    #[must_use]
    pub fn report(&self, session: &SessionId) -> Option<Arc<SessionReport>> {
        self.reports
            .iter()
            .find(|report| report.session_id == *session)
            .cloned()
    }

    /// The session runs, waits to, or has yet to report.
    #[must_use]
    pub fn knows(&self, session: &SessionId) -> bool {
        let mut known = self
            .session
            .iter()
            .chain(&self.waiting)
            .chain(&self.closing);
        known.any(|one| one == session)
    }

    pub(super) fn keep(&mut self, report: Arc<SessionReport>) {
        let mut reports = (*self.reports).clone();
        reports.push_back(report);
        if reports.len() > REPORTS_KEPT {
            reports.pop_front();
        }
        self.reports = Arc::new(reports);
    }
}

/// The newest changes of state, the oldest first, from the last version of each state and the current one.
pub(super) fn transitions(history: &[Snapshot], current: &Snapshot) -> Vec<Transition> {
    let earlier = history.len().saturating_sub(TRANSITIONS_SHOWN);
    let states: Vec<&Snapshot> = history[earlier..].iter().chain([current]).collect();
    let pairs = states.windows(2);
    pairs
        .filter_map(|pair| pair[1].transition(pair[0]))
        .collect()
}

/// What those who follow along are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Told {
    Progress {
        session_id: SessionId,
        progress: ProgressEvent,
    },
    State {
        version: u64,
        supervisor: StateName,
    },
    Report {
        report: SessionReport,
    },
}

/// Totals of all sessions, from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Scenarios that reached a verdict.
    pub total_dreams: u64,
    pub successful_dreams: u64,
    pub saved_dreams_count: u64,
}

impl From<crate::store::Statistics> for Counts {
    fn from(all: crate::store::Statistics) -> Self {
        Self {
            total_dreams: all.total_dreams,
            successful_dreams: all.successful_dreams,
            saved_dreams_count: all.saved_dreams_count,
        }
    }
}

/// `status`: the original's `get_statistics`, and what the supervisor adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub state: StateWord,
    pub current_session_id: Option<SessionId>,
    pub total_dreams: u64,
    pub successful_dreams: u64,
    /// Saved per attempted, 0 to 1; 0 where nothing was attempted.
    pub success_rate: f64,
    pub saved_dreams_count: u64,
    pub output_directory: String,
    pub supervisor: StateName,
    pub original_state: String,
    /// A process answers on the control socket.
    pub service: bool,
    pub trigger: Option<Trigger>,
    pub wake_reason: Option<WakeReason>,
    pub waiting: Option<SessionId>,
    pub paused: Option<Pause>,
    pub version: u64,
    pub last_report: Option<SessionReport>,
    #[serde(default)]
    pub safe: Option<Safe>,
    /// `None` before the first tick.
    #[serde(default)]
    pub tick: Option<Tick>,
    /// What the EnergyManager says; `None` where no supervisor runs.
    #[serde(default)]
    pub energy: Option<crate::energy::EnergyStatus>,
    /// The newest changes of state, the oldest first; where no supervisor runs those of the last one.
    #[serde(default)]
    pub transitions: Vec<Transition>,
    /// What does not work beside the dreaming now, each with what mends it; empty where all is well or no supervisor runs.
    #[serde(default)]
    pub troubles: Vec<Finding>,
}

impl Status {
    #[must_use]
    pub fn new(
        snapshot: &Snapshot,
        counts: Counts,
        output_directory: String,
        service: bool,
    ) -> Self {
        let success_rate = if counts.total_dreams == 0 {
            0.0
        } else {
            counts.successful_dreams as f64 / counts.total_dreams as f64
        };
        Self {
            state: snapshot.word(),
            current_session_id: snapshot.session.clone(),
            total_dreams: counts.total_dreams,
            successful_dreams: counts.successful_dreams,
            success_rate,
            saved_dreams_count: counts.saved_dreams_count,
            output_directory,
            supervisor: snapshot.name,
            original_state: Original::of(snapshot.name).as_str().to_owned(),
            service,
            trigger: snapshot.trigger,
            wake_reason: snapshot.waking,
            waiting: snapshot.waiting.clone(),
            paused: snapshot.pause,
            version: snapshot.version,
            last_report: snapshot.reports.back().map(|report| (**report).clone()),
            safe: snapshot.safe.clone(),
            tick: snapshot.tick,
            energy: None,
            transitions: Vec::new(),
            troubles: Vec::new(),
        }
    }
}
