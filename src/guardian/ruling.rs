//! What a gate answers, and the docket that keeps every answer with its time.

use crate::clock::{self, Instant};
use crate::dream::{Check, GateOutcome, GateReport, Reason};

/// One gate's answer. The text is for people: what was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    Pass(String),
    Fail(Reason, String),
    Skipped(String),
}

/// The infrastructure failed or the permit ended: nothing follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Undecided(pub(super) String);

pub(super) type Hearing = Result<Ruling, Undecided>;

/// Why a hearing ends before its last gate.
#[derive(Debug)]
pub(super) enum Stop {
    Rejected(Reason),
    Undecided(String),
}

impl From<Undecided> for Stop {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided.0)
    }
}

/// The reports of one hearing, in order.
#[derive(Debug)]
pub(super) struct Docket {
    pub(super) gates: Vec<GateReport>,
    /// As in `Judgement::Rejected`.
    pub(super) disputed: Option<Box<Check>>,
    since: Instant,
}

impl Docket {
    pub(super) fn open() -> Self {
        Self {
            gates: Vec::new(),
            disputed: None,
            since: clock::monotonic(),
        }
    }

    /// Notes a gate's answer with the time since the one before; an answer that ends the hearing is an error.
    pub(super) fn note(&mut self, gate: &str, hearing: Hearing) -> Result<(), Stop> {
        let now = clock::monotonic();
        let ms = u64::try_from(now.duration_since(self.since).as_millis()).unwrap_or(u64::MAX);
        self.since = now;
        let (outcome, detail, stop) = match hearing {
            Ok(Ruling::Pass(detail)) => (GateOutcome::Pass, detail, None),
            Ok(Ruling::Skipped(detail)) => (GateOutcome::Skipped, detail, None),
            Ok(Ruling::Fail(reason, detail)) => {
                (GateOutcome::Fail, detail, Some(Stop::Rejected(reason)))
            }
            Err(Undecided(why)) => (
                GateOutcome::Skipped,
                format!("undecided: {why}"),
                Some(Stop::Undecided(why)),
            ),
        };
        self.gates.push(GateReport {
            gate: gate.to_owned(),
            outcome,
            detail,
            ms,
        });
        stop.map_or(Ok(()), Err)
    }
}
