//! A session: what was asked, what ended it, and the report that other programs parse.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Difficulty;
use crate::ids::SessionId;

/// Why a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A person asked for it; presence, idle and night gates do not apply.
    Manual,
    /// A person asked for it and wants it to wait until nobody is there.
    WhenAway,
    Night,
    Idle,
}

/// Why a session ended early. Later variants are stronger; a weaker reason never replaces a stronger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    WindowClosed,
    Load,
    Heat,
    Battery,
    Memory,
    Presence,
    /// The machine is going to sleep.
    Suspend,
    Pause,
    Wake,
    Interrupt,
    Shutdown,
    Failure,
}

impl WakeReason {
    pub const ALL: [Self; 12] = [
        Self::WindowClosed,
        Self::Load,
        Self::Heat,
        Self::Battery,
        Self::Memory,
        Self::Presence,
        Self::Suspend,
        Self::Pause,
        Self::Wake,
        Self::Interrupt,
        Self::Shutdown,
        Self::Failure,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WindowClosed => "window_closed",
            Self::Load => "load",
            Self::Heat => "heat",
            Self::Battery => "battery",
            Self::Memory => "memory",
            Self::Presence => "presence",
            Self::Suspend => "suspend",
            Self::Pause => "pause",
            Self::Wake => "wake",
            Self::Interrupt => "interrupt",
            Self::Shutdown => "shutdown",
            Self::Failure => "failure",
        }
    }
}

/// DREAMING_SCENARIO_COMPLEXITY: a fixed difficulty, or left to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Complexity {
    Simple,
    Medium,
    Complex,
    Auto,
}

impl Complexity {
    /// `None` for auto.
    #[must_use]
    pub fn fixed(self) -> Option<Difficulty> {
        match self {
            Self::Simple => Some(Difficulty::Simple),
            Self::Medium => Some(Difficulty::Medium),
            Self::Complex => Some(Difficulty::Complex),
            Self::Auto => None,
        }
    }
}

/// One line of a `--tasks` file: a scenario that is given, not woven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLine {
    #[serde(default)]
    pub title: Option<String>,
    pub task_prompt: String,
    #[serde(default)]
    pub entry_point: Option<String>,
    #[serde(default)]
    pub difficulty: Option<Difficulty>,
    #[serde(default)]
    pub libraries: Vec<String>,
    /// Line in the file, counted from 1; filled in by the reader.
    #[serde(default)]
    pub line: u64,
}

/// What `enter_rem_phase` is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemRequest {
    pub trigger: Trigger,
    /// `None`: until the time, the tasks or the knowledge run out.
    pub max_scenarios: Option<u32>,
    pub complexity: Complexity,
    /// How long at most.
    pub for_duration: Option<Duration>,
    pub tasks: Vec<TaskLine>,
    /// File that the tasks came from, for provenance.
    pub tasks_file: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Completed,
    Interrupted,
    Error,
    NoKnowledge,
    Busy,
}

/// Who wrote a dream's task and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// A model.
    Llm,
    /// The owner's own documents.
    Source,
    /// The offline pack.
    Offline,
}

impl Generator {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Source => "source",
            Self::Offline => "offline",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    pub prompt: u64,
    pub completion: u64,
}

impl Tokens {
    pub fn add(&mut self, more: Self) {
        self.prompt += more.prompt;
        self.completion += more.completion;
    }
}

/// How many scenarios reached each stage, in the order in which they do. What is missing between two stages fell there;
/// `rejections` says of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Funnel {
    pub tried: u64,
    /// There is a task with checks.
    pub woven: u64,
    /// A solution is readable Python that defines what the task names.
    pub parsed: u64,
    /// It ran against the checks; a solution that came with its task counts at once.
    pub ran: u64,
    /// The checks are settled.
    pub settled: u64,
    /// It passes them all, the hidden ones too.
    pub passed: u64,
    pub steady: u64,
    pub agreed: u64,
    pub adequate: u64,
    pub new: u64,
    pub kept: u64,
}

impl Funnel {
    /// Adds the counts of another.
    pub fn add(&mut self, more: Self) {
        self.tried += more.tried;
        self.woven += more.woven;
        self.parsed += more.parsed;
        self.ran += more.ran;
        self.settled += more.settled;
        self.passed += more.passed;
        self.steady += more.steady;
        self.agreed += more.agreed;
        self.adequate += more.adequate;
        self.new += more.new;
        self.kept += more.kept;
    }

    /// Name and count of each stage, in order.
    #[must_use]
    pub fn stages(&self) -> [(&'static str, u64); 11] {
        [
            ("tried", self.tried),
            ("woven", self.woven),
            ("parsed", self.parsed),
            ("ran", self.ran),
            ("settled", self.settled),
            ("passed", self.passed),
            ("steady", self.steady),
            ("agreed", self.agreed),
            ("adequate", self.adequate),
            ("new", self.new),
            ("kept", self.kept),
        ]
    }
}

/// What the session spent in one phase of its scenarios; seconds of several that were in play at once count each.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spent {
    pub seconds: f64,
    pub tokens: Tokens,
}

impl Spent {
    /// In place of a phase's name: tokens of answers that were refused or cut short, and of opinions.
    pub const UNUSED: &str = "unused";
}

/// What a session measured of itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    #[serde(default)]
    pub funnel: Funnel,
    /// Phase (`weaving`, `coding`, `running`, `proving`, `saving`) to what was spent in it.
    #[serde(default)]
    pub spent: BTreeMap<String, Spent>,
    /// Gate to how many candidates passed it, and to the seconds spent in it.
    #[serde(default)]
    pub gates: BTreeMap<String, GateCount>,
    /// Class of planted bad candidates (`certain`, `shown`) to how many got through.
    #[serde(default)]
    pub plants: BTreeMap<String, PlantRate>,
}

impl Measured {
    /// Adds what was measured after it: rates that count on over sessions are taken as they came last.
    pub fn add(&mut self, more: Self) {
        self.funnel.add(more.funnel);
        for (phase, spent) in more.spent {
            let sum = self.spent.entry(phase).or_default();
            sum.seconds += spent.seconds;
            sum.tokens.add(spent.tokens);
        }
        for (gate, count) in more.gates {
            let sum = self.gates.entry(gate).or_default();
            sum.passed += count.passed;
            sum.failed += count.failed;
            sum.seconds += count.seconds;
        }
        self.plants.extend(more.plants);
    }
}

/// One gate over a session.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct GateCount {
    pub passed: u64,
    pub failed: u64,
    pub seconds: f64,
}

/// What became of planted bad candidates of one class, over the last 300.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PlantRate {
    pub tried: u64,
    /// Accepted though they were bad.
    pub through: u64,
    /// 95 % interval of the rate.
    pub low: f64,
    pub high: f64,
}

/// The answer of `enter_rem_phase`. The first six keys are always there, also on a refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionReport {
    pub session_id: SessionId,
    pub status: SessionStatus,
    pub duration_seconds: f64,
    /// Scenarios that reached a verdict; re-queued ones are not counted.
    pub dreams_attempted: u64,
    /// Dreams saved.
    pub dreams_successful: u64,
    /// Saved per attempted, 0 to 1; 0 where nothing was attempted.
    pub success_rate: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wake_reason: Option<WakeReason>,
    #[serde(default)]
    pub tiers: BTreeMap<String, u64>,
    /// Reason code to count.
    #[serde(default)]
    pub rejections: BTreeMap<String, u64>,
    #[serde(default)]
    pub tokens: Tokens,
    /// Generator to count of saved dreams.
    #[serde(default)]
    pub generator: BTreeMap<String, u64>,
    #[serde(flatten, default)]
    pub measured: Box<Measured>,
    /// Scenarios that were interrupted and will be tried again.
    #[serde(default)]
    pub requeued: u64,
    /// Model that answered, where one did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// What a person should know: a spent pack, a missing part, the next step.
    #[serde(default)]
    pub hints: Vec<String>,
}

impl SessionReport {
    /// Sets `success_rate` to what the counts say.
    pub fn rate(&mut self) {
        if self.dreams_attempted > 0 {
            self.success_rate = self.dreams_successful as f64 / self.dreams_attempted as f64;
        }
    }

    /// A report with nothing in it but its status: a refusal, or the start of a count.
    #[must_use]
    pub fn empty(session_id: SessionId, status: SessionStatus) -> Self {
        Self {
            session_id,
            status,
            duration_seconds: 0.0,
            dreams_attempted: 0,
            dreams_successful: 0,
            success_rate: 0.0,
            wake_reason: None,
            tiers: BTreeMap::new(),
            rejections: BTreeMap::new(),
            tokens: Tokens::default(),
            generator: BTreeMap::new(),
            measured: Box::default(),
            requeued: 0,
            model: None,
            hints: Vec::new(),
        }
    }
}
