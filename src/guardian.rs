//! The Guardian proves or rejects. One file a gate, ordered cheap to dear; a candidate stops at its first failure.
//! The only maker of `VerifiedDream`. Never drops or changes a check: settling happened before.

mod adequate;
mod agreement;
mod bench;
pub mod benchmarks;
pub mod candidate_file;
mod clean;
mod entry;
mod exercised;
mod form;
mod given;
mod hollow;
pub mod inputs;
mod learned;
mod lift;
mod mutants;
mod novel;
mod passes;
pub mod plants;
mod reach;
mod reached;
mod roll_call;
mod ruling;
mod spelling;
pub mod split;
mod stand_ins;
mod steady;
mod suite;
pub mod syntax;
mod trial;
mod words;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::dream::{
    Candidate, Check, GateOutcome, GateReport, Opinion, Origin, Reason, Suite, Tier,
};
use crate::sandbox::Sandbox;
use crate::supervisor::permit::WorkPermit;
use agreement::Panel;
pub use agreement::is_breakdown;
use bench::{Bench, Role, Room};
pub(crate) use given::bound;
pub use novel::{Benchmarks, Known, sketch};
use ruling::{Docket, Hearing, Ruling, Stop};

/// What the session knows about a candidate beyond its text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Earlier solutions of the same task that are known to be wrong: they must fail the checks too.
    pub wrong_attempts: Vec<String>,
    pub agreement: Agreement,
    /// Other solutions of the same task that pass the checks and were made without knowledge of this one.
    pub peers: Vec<Peer>,
    /// What the candidate is compared with; `None` leaves the comparison out, as where a saved dream is proven again.
    pub known: Option<Known>,
}

/// A solution to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub code: String,
    /// `Reference` where no model wrote it: its answers settle a disagreement.
    pub origin: Origin,
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
///
/// ```compile_fail,E0451
/// # fn forge(candidate: dreamer::dream::Candidate) -> dreamer::guardian::VerifiedDream {
/// dreamer::guardian::VerifiedDream {
///     candidate: Box::new(candidate),
///     tier: dreamer::dream::Tier::Gold,
///     evidence: Vec::new(),
///     contaminated: false,
/// }
/// # }
/// ```
///
/// ```compile_fail,E0599
/// # fn twice(dream: dreamer::guardian::VerifiedDream) -> dreamer::guardian::VerifiedDream {
/// dream.clone()
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # fn read(text: &str) -> Result<dreamer::guardian::VerifiedDream, serde_json::Error> {
/// serde_json::from_str(text)
/// # }
/// ```
///
/// What these three lack is only the right to do it; the same code with a type of its own compiles:
///
/// ```
/// # fn read(text: &str) -> Result<dreamer::dream::Candidate, serde_json::Error> {
/// serde_json::from_str(text)
/// # }
/// ```
#[derive(Debug)]
pub struct VerifiedDream {
    candidate: Box<Candidate>,
    tier: Tier,
    evidence: Vec<GateReport>,
    contaminated: bool,
}

impl VerifiedDream {
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// A task of a public benchmark that a person chose: never exported.
    pub fn contaminated(&self) -> bool {
        self.contaminated
    }

    /// With what a model thinks of it: a doubt makes silver of gold, nothing makes gold of silver.
    #[must_use]
    pub fn weighed(mut self, opinion: &Opinion, took: std::time::Duration) -> Self {
        let (outcome, detail) = match opinion {
            Opinion::Agrees(detail) => (GateOutcome::Pass, detail),
            Opinion::Doubts(detail) => (GateOutcome::Fail, detail),
            Opinion::Missing(detail) => (GateOutcome::Skipped, detail),
        };
        if outcome == GateOutcome::Fail {
            self.tier = Tier::Silver;
        }
        self.evidence.push(GateReport {
            gate: "opinion".to_owned(),
            outcome,
            detail: detail.clone(),
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        self
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
        /// Where another solution gave another answer: the call, with this solution's answer as what is expected.
        disputed: Option<Box<Check>>,
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

impl std::fmt::Debug for Guardian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guardian")
            .field("backend", &self.sandbox.backend())
            .finish()
    }
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
        context: &Context,
    ) -> Judgement {
        let mut docket = Docket::open();
        let mut bench = Bench::new(&self.sandbox, permit);
        let heard = hear(&mut docket, &mut bench, candidate, context).await;
        bench.close();
        let Docket {
            gates, disputed, ..
        } = docket;
        match heard {
            Ok((tier, candidate, contaminated)) => Judgement::Verified(VerifiedDream {
                contaminated,
                candidate: Box::new(candidate),
                tier,
                evidence: gates,
            }),
            Err(Stop::Rejected(reason)) => Judgement::Rejected {
                reasons: vec![reason],
                gates,
                disputed,
            },
            Err(Stop::Undecided(why)) => Judgement::Undecided { why, gates },
        }
    }
}

/// The gates, cheap to dear. The first that does not pass ends the hearing. The candidate that comes out is the one
/// that went in, with the checks that were added.
async fn hear(
    docket: &mut Docket,
    bench: &mut Bench<'_>,
    candidate: &Candidate,
    context: &Context,
) -> Result<(Tier, Candidate, bool), Stop> {
    let [first, second, third] = hash_seeds(candidate);
    let room = Room {
        role: Role::Solution,
        hash_seed: first,
    };
    let mut trials = Vec::new();

    docket.note("form", Ok(form::rule(candidate)))?;
    docket.note("checks", Ok(suite::rule(candidate)))?;
    docket.note("sandbox", open(bench, [first, second, third]).await)?;
    docket.note(
        "nothing_solutions",
        hollow::rule(bench, first, candidate, &context.wrong_attempts).await,
    )?;
    let visible = passes::rule(bench, room, candidate, Suite::Visible, &mut trials).await;
    docket.note("visible_checks", visible)?;
    let hidden = passes::rule(bench, room, candidate, Suite::Hidden, &mut trials).await;
    docket.note("hidden_checks", hidden)?;
    docket.note("reached", Ok(reached::rule(candidate, &trials)))?;
    docket.note(
        "steady",
        steady::rule(bench, [second, third], candidate, &trials).await,
    )?;
    // The last interpreter that was opened serves all that follows.
    let last = Room {
        role: Role::Solution,
        hash_seed: third,
    };
    let asked = agreement::rule(bench, last, second, candidate, context).await;
    let (agreed, mut panel) = match asked {
        Ok((ruling, panel)) => (Ok(ruling), panel),
        Err(undecided) => (Err(undecided), Panel::default()),
    };
    docket.disputed = panel.disputed.take().map(Box::new);
    docket.note("agreement", agreed)?;
    let other = Room {
        role: Role::Solution,
        hash_seed: second,
    };
    let again = steady::asked_again(bench, other, candidate, &panel).await;
    if let Some(hearing) = again.transpose() {
        docket.note("steady", hearing)?;
    }
    let mut candidate = candidate.clone();
    docket.note(
        "exercised",
        exercised::rule(bench, last, &mut candidate, &panel).await,
    )?;
    docket.note(
        "adequate",
        adequate::rule(bench, last, first, &mut candidate, &trials, &panel).await,
    )?;
    docket.note("clean", Ok(clean::rule(&candidate)))?;
    let (new, contaminated) = match &context.known {
        Some(known) => novel::rule(&candidate, known),
        None => (Ruling::Skipped("nothing to compare with".to_owned()), false),
    };
    docket.note("new", Ok(new))?;
    let tier = match context.agreement {
        Agreement::Skipped | Agreement::Reached(_) => Tier::Gold,
        Agreement::NotReached(_) => Tier::Silver,
    };
    Ok((tier, candidate, contaminated))
}

/// Not a gate of its own: interpreters are opened, in the order in which the gates need them.
async fn open(bench: &mut Bench<'_>, hash_seeds: [u32; 3]) -> Hearing {
    let mut rooms = vec![hollow::ROOM];
    rooms.extend(hash_seeds.map(|hash_seed| Room {
        role: Role::Solution,
        hash_seed,
    }));
    bench.prepare(&rooms).await?;
    Ok(Ruling::Pass(format!("{} interpreters", rooms.len())))
}

/// Seeds of the interpreters, from the candidate's SHA-256, so that a verdict can be repeated.
fn hash_seeds(candidate: &Candidate) -> [u32; 3] {
    let json = serde_json::to_vec(candidate).unwrap_or_default();
    let digest = Sha256::digest(&json);
    let word = |at: usize| {
        u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]])
    };
    // 0 would turn the randomisation of hashes off; apart by construction.
    let first = word(0) % 1_000_000_000 + 1;
    [first, first + 1_000_000_000, first + 2_000_000_000]
}
