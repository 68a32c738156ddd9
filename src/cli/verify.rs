//! `dreamer verify`: runs the Guardian over candidate files and says what it makes of each. Called by the command line.
//! One verdict a line on stdout; what cannot be read is said on stderr and stops nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::text::{clean_line, clean_short};
use super::{Context, Exit, asked_to_stop, say};
use crate::dream::{GateOutcome, GateReport, Reason, Tier, VerdictKind, WakeReason};
use crate::guardian::candidate_file::{Candidates, Entry};
use crate::guardian::{self, Benchmarks, Guardian, Judgement, Known};
use crate::sandbox::{self, Sandbox, SandboxError};
use crate::store::Store;
use crate::supervisor::permit::{self, PermitHolder, WorkPermit};
use crate::tree::Tree;

/// Width of a title or a detail in a table.
const SHOWN: usize = 100;
/// How long the end of the command waits for the end of its sandboxes.
const SETTLE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// Candidates: JSON Lines, or one JSON object a file
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show every gate with its figures
    #[arg(long)]
    explain: bool,
    /// Judge tasks of public benchmarks too, and mark them, instead of refusing them
    #[arg(long)]
    allow_benchmarks: bool,
    /// Refuse what is a saved dream over again
    #[arg(long)]
    against_saved: bool,
}

/// One candidate's verdict, as other programs read it.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    file: &'a str,
    line: u64,
    verdict: VerdictKind,
    reasons: Vec<Reason>,
    gates: Vec<GateReport>,
    /// A public benchmark's task that was judged all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    contaminated: bool,
    /// What is wrong with a line that is no candidate, or why nothing could be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    title: String,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let tree = Arc::new(Tree::open(&context.settings.sandbox.namespace)?);
    let (permit, holder) = permit::operator(tree);
    let work = verify_all(&args, context, &permit);
    tokio::pin!(work);
    tokio::select! {
        exit = &mut work => exit,
        _ = asked_to_stop() => interrupt(&holder, work).await,
    }
}

/// Ends the permit and waits until the sandboxes are gone.
async fn interrupt(
    holder: &PermitHolder,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    holder.end(WakeReason::Interrupt);
    work.await?;
    Ok(Exit::Interrupted)
}

/// Verifies, and waits until no sandbox is left.
async fn verify_all(args: &Args, context: &Context, permit: &WorkPermit) -> anyhow::Result<Exit> {
    let found = sandbox::select_for_many(&context.settings.sandbox, permit).await;
    let settling = found.as_ref().ok().cloned();
    let exit = verify_with(found, args, context, permit).await;
    if let Some(sandbox) = settling {
        let _ = tokio::time::timeout(SETTLE, sandbox.settle()).await;
    }
    exit
}

async fn verify_with(
    found: Result<Arc<dyn Sandbox>, SandboxError>,
    args: &Args,
    context: &Context,
    permit: &WorkPermit,
) -> anyhow::Result<Exit> {
    let guardian = match found {
        Ok(sandbox) => Ok(Guardian::new(sandbox)),
        Err(error) => {
            let why = error.to_string();
            warn(&format!(
                "error: {why}\nhint: `dreamer doctor` names what is missing"
            ));
            Err(why)
        }
    };
    let mut saved = Known::default();
    if args.allow_benchmarks {
        saved.benchmarks = Benchmarks::Mark;
    }
    let database = context.settings.database();
    if args.against_saved && database.exists() {
        let sketches = Store::open(&database)?.sketches()?.into_iter();
        saved.sketches = sketches.map(|(_, sketch)| sketch).collect();
    }
    let mut exit = Exit::Done;
    let mut counts = [0_u32; 4];
    for path in &args.files {
        let file = path.to_string_lossy();
        let opened = match open(path) {
            Ok(opened) => opened,
            Err(error) => {
                warn(&format!(
                    "error: {} cannot be opened: {error}",
                    clean_line(&file)
                ));
                exit = exit.max(Exit::Usage);
                continue;
            }
        };
        // What was accepted before in the same file counts as known.
        let mut known = saved.clone();
        for entry in Candidates::new(BufReader::new(opened)) {
            if permit.is_ended() {
                return Ok(Exit::Interrupted);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    warn(&format!(
                        "error: {} cannot be read: {error}",
                        clean_line(&file)
                    ));
                    exit = exit.max(Exit::Undecided);
                    break;
                }
            };
            let verdict = judge(guardian.as_ref(), permit, &file, entry, &mut known).await;
            exit = exit.max(exit_of(verdict.verdict));
            counts[place(verdict.verdict)] += 1;
            show(context, args.explain, &verdict)?;
        }
    }
    if !context.json {
        let [gold, silver, rejected, unverified] = counts;
        say(&format!(
            "{gold} gold, {silver} silver, {rejected} rejected, {unverified} unverified"
        ))?;
    }
    Ok(exit)
}

/// A folder opens like a file and fails at the first read: asked here, so that it is bad usage.
fn open(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    Ok(file)
}

async fn judge<'f>(
    guardian: Result<&Guardian, &String>,
    permit: &WorkPermit,
    file: &'f str,
    entry: Entry,
    known: &mut Known,
) -> Judged<'f> {
    let mut line = Judged {
        file,
        line: entry.line,
        verdict: VerdictKind::Unverified,
        reasons: Vec::new(),
        gates: Vec::new(),
        contaminated: false,
        error: None,
        title: String::new(),
    };
    let candidate = match entry.candidate {
        Ok(candidate) => candidate,
        Err(bad) => {
            warn(&format!(
                "error: {}:{}: {}",
                clean_line(file),
                line.line,
                clean_short(&bad.error, 300)
            ));
            line.verdict = VerdictKind::Rejected;
            line.reasons = vec![bad.reason];
            line.error = Some(bad.error);
            return line;
        }
    };
    line.title.clone_from(&candidate.scenario.title);
    if line.title.is_empty() {
        line.title.clone_from(&candidate.scenario.entry_point);
    }
    let guardian = match guardian {
        Ok(guardian) => guardian,
        Err(why) => {
            line.error = Some(why.clone());
            return line;
        }
    };
    let asked = guardian::Context {
        known: Some(known.clone()),
        ..guardian::Context::default()
    };
    match guardian.judge(permit, &candidate, &asked).await {
        Judgement::Verified(dream) => {
            known.sketches.push(guardian::sketch(&candidate));
            line.contaminated = dream.contaminated();
            line.verdict = match dream.tier() {
                Tier::Gold => VerdictKind::Gold,
                Tier::Silver => VerdictKind::Silver,
            };
            line.gates = dream.evidence().to_vec();
        }
        Judgement::Rejected { reasons, gates, .. } => {
            line.verdict = VerdictKind::Rejected;
            (line.reasons, line.gates) = (reasons, gates);
        }
        Judgement::Undecided { why, gates } => (line.error, line.gates) = (Some(why), gates),
    }
    line
}

fn show(context: &Context, explain: bool, line: &Judged<'_>) -> anyhow::Result<()> {
    if context.json {
        return say(&serde_json::to_string(line)?);
    }
    let why = match (
        &line.error,
        line.gates
            .iter()
            .find(|gate| gate.outcome == GateOutcome::Fail),
    ) {
        (Some(error), _) => error.clone(),
        (None, Some(gate)) => gate.detail.clone(),
        (None, None) => String::new(),
    };
    let reasons: Vec<_> = line.reasons.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "{:<10} {}:{}  {}",
        word(line.verdict),
        clean_line(line.file),
        line.line,
        clean_short(&line.title, SHOWN)
    );
    if !reasons.is_empty() || !why.is_empty() {
        _ = write!(text, "\n           {}", reasons.join(", "));
        if !why.is_empty() {
            let gap = if reasons.is_empty() { "" } else { ": " };
            _ = write!(text, "{gap}{}", clean_short(&why, 3 * SHOWN));
        }
    }
    say(&text)?;
    if explain {
        for gate in &line.gates {
            let outcome = match gate.outcome {
                GateOutcome::Pass => "pass",
                GateOutcome::Fail => "FAIL",
                GateOutcome::Skipped => "-",
            };
            let detail = clean_short(&gate.detail, 3 * SHOWN);
            say(&format!(
                "           {:<18} {outcome:<5} {:>6} ms  {detail}",
                gate.gate, gate.ms
            ))?;
        }
    }
    Ok(())
}

fn word(verdict: VerdictKind) -> &'static str {
    match verdict {
        VerdictKind::Gold => "gold",
        VerdictKind::Silver => "silver",
        VerdictKind::Rejected => "rejected",
        VerdictKind::Unverified => "unverified",
    }
}

fn place(verdict: VerdictKind) -> usize {
    match verdict {
        VerdictKind::Gold => 0,
        VerdictKind::Silver => 1,
        VerdictKind::Rejected => 2,
        VerdictKind::Unverified => 3,
    }
}

fn exit_of(verdict: VerdictKind) -> Exit {
    match verdict {
        VerdictKind::Gold | VerdictKind::Silver => Exit::Done,
        VerdictKind::Rejected => Exit::No,
        VerdictKind::Unverified => Exit::Undecided,
    }
}

/// Says something beside the data; a reader that went away is no error.
fn warn(text: &str) {
    _ = writeln!(std::io::stderr().lock(), "{text}");
}
