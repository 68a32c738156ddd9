//! The Guardian proves or rejects. One file a gate, ordered cheap to dear; a candidate stops at its first failure.
//! The only maker of `VerifiedDream`. Never drops or changes a check: settling happened before.

pub mod candidate_file;
pub mod split;
pub mod syntax;

use std::sync::Arc;

use crate::dream::{Candidate, GateReport, Reason, Tier};
use crate::sandbox::Sandbox;
use crate::supervisor::permit::WorkPermit;

/// What the session knows about a candidate beyond its text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Earlier solutions of the same task that are known to be wrong: they must fail the checks too.
    pub wrong_attempts: Vec<String>,
    pub agreement: Agreement,
}

/// Whether anybody independent stands behind the answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Agreement {
    /// Nobody was there to ask: `verify` and `replay`. Does not lower the tier.
    #[default]
    Skipped,
    /// It was looked for inside a session and not reached: silver at best.
    NotReached(String),
    /// Another independent solution, or an answer that no model wrote; the text says which.
    Reached(String),
}

/// Code that passed every gate. Private fields, no Clone, no Deserialize: it cannot be made elsewhere.
#[derive(Debug)]
pub struct VerifiedDream {
    candidate: Candidate,
    tier: Tier,
    evidence: Vec<GateReport>,
}

impl VerifiedDream {
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Each gate: outcome and figures.
    pub fn evidence(&self) -> &[GateReport] {
        &self.evidence
    }
}

/// The Guardian's answer.
#[derive(Debug)]
pub enum Judgement {
    Verified(VerifiedDream),
    Rejected {
        reasons: Vec<Reason>,
        gates: Vec<GateReport>,
    },
    /// The infrastructure failed or the permit ended: never a pass, never a fail.
    Undecided {
        why: String,
        gates: Vec<GateReport>,
    },
}

/// Runs the gates over candidates in one sandbox backend.
pub struct Guardian {
    sandbox: Arc<dyn Sandbox>,
}

impl Guardian {
    pub fn new(sandbox: Arc<dyn Sandbox>) -> Self {
        Self { sandbox }
    }

    /// Proves or rejects one candidate.
    pub async fn judge(
        &self,
        permit: &WorkPermit,
        candidate: &Candidate,
        _context: &Context,
    ) -> Judgement {
        if permit.is_ended() {
            return Judgement::Undecided {
                why: "interrupted".to_owned(),
                gates: Vec::new(),
            };
        }
        let _ = (&self.sandbox, candidate);
        Judgement::Undecided {
            why: "not built yet".to_owned(),
            gates: Vec::new(),
        }
    }
}
