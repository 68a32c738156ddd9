//! `dreamer journal`: what was dreamed, and what a person says of it.
//!
//! Called by `main` through the command line. Approving and rejecting rewrite the dream's `.json`; nothing else is
//! written.

use serde_json::json;

use super::text::{clean, clean_line, clean_short, short_id};
use super::{Context, Exit, say};
use crate::dream::{Check, CheckKind, GateOutcome, Review};
use crate::journal::{self, Dirs, DreamRecord, JournalError, plain};
use crate::store::{DreamRow, Store};

/// Dreams that `list` shows unless told otherwise: a few nights.
const LISTED: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Saved dreams, newest first
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = LISTED)]
        limit: usize,
    },
    /// One dream with its task, code, checks and evidence
    Show {
        /// The dream's id, or enough of its beginning
        id: String,
    },
    /// Say that a dream is good
    Approve { id: String },
    /// Say that a dream is not to be used
    Reject { id: String },
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    match command {
        Command::List { limit } => list(context, &store, limit),
        Command::Show { id } => or_no(show(context, &store, &id)),
        Command::Approve { id } => or_no(review(context, &store, &id, Review::Approved)),
        Command::Reject { id } => or_no(review(context, &store, &id, Review::Rejected)),
    }
}

/// An id that names no dream is an answer, not a failure.
fn or_no(result: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let error = match result {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    match error.downcast_ref::<JournalError>() {
        Some(
            JournalError::NotFound(_) | JournalError::Ambiguous { .. } | JournalError::Withdrawn(_),
        ) => {
            tracing::error!("{}", clean_line(&error.to_string()));
            Ok(Exit::No)
        }
        Some(JournalError::Store(_) | JournalError::File { .. } | JournalError::Json(_)) | None => {
            Err(error)
        }
    }
}

fn list(context: &Context, store: &Store, limit: usize) -> anyhow::Result<Exit> {
    let dreams = store.published_dreams(limit)?;
    if context.json {
        let records: Vec<&DreamRecord> = dreams.iter().map(|row| &row.record).collect();
        say(&serde_json::to_string(&records)?)?;
        return Ok(Exit::Done);
    }
    if dreams.is_empty() {
        say("no dreams yet; `dreamer dream` makes some")?;
    }
    for row in dreams {
        let record = row.record;
        let checks = record.checks.len() + record.hidden_checks.len();
        say(&format!(
            "{}  {}  {:6}  {:7}  {:8}  {:>9}  {}",
            short_id(record.dream_id.as_str()),
            clean_short(record.timestamp.get(..10).unwrap_or_default(), 10),
            record.tier.as_str(),
            record.generator.as_str(),
            record.review.as_str(),
            plain::count(checks, "check", "checks"),
            clean_short(&record.scenario.title, 70),
        ))?;
    }
    Ok(Exit::Done)
}

fn show(context: &Context, store: &Store, id: &str) -> anyhow::Result<Exit> {
    let row = journal::find(store, id)?;
    if context.json {
        let mut whole = serde_json::to_value(&row.record)?;
        if let Some(object) = whole.as_object_mut() {
            object.insert("code".to_owned(), json!(row.code));
            object.insert("thought".to_owned(), json!(row.thought));
            object.insert("folder".to_owned(), json!(row.folder.to_string_lossy()));
        }
        say(&whole.to_string())?;
    } else {
        say(&shown(&row))?;
    }
    Ok(Exit::Done)
}

fn shown(row: &DreamRow) -> String {
    let record = &row.record;
    let scenario = &record.scenario;
    let mut lines = vec![
        clean_line(&scenario.title),
        format!(
            "{} · {} · {} · {} · {}",
            record.dream_id,
            record.tier.as_str(),
            scenario.difficulty.as_str(),
            plain::written_by(record),
            record.review.as_str(),
        ),
        String::new(),
        clean(&scenario.task_prompt),
        String::new(),
        clean(&row.code),
        "Checks".to_owned(),
    ];
    lines.extend(record.checks.iter().map(|check| check_line(check, "")));
    let hidden = record.hidden_checks.iter();
    lines.extend(hidden.map(|check| check_line(check, " (hidden)")));
    lines.push("Gates".to_owned());
    for gate in &record.evidence {
        let outcome = match gate.outcome {
            GateOutcome::Pass => "pass",
            GateOutcome::Fail => "FAIL",
            GateOutcome::Skipped => "skipped",
        };
        lines.push(format!(
            "  {outcome:7} {}: {} ({} ms)",
            clean_line(&gate.gate),
            clean_line(&gate.detail),
            gate.ms
        ));
    }
    let provenance = &record.provenance;
    lines.push("From".to_owned());
    for source in &provenance.sources {
        lines.push(format!(
            "  {}:{}-{}",
            clean_line(&source.path),
            source.lines.0,
            source.lines.1
        ));
    }
    for (name, value) in [
        ("pack", &provenance.pack_file),
        ("task", &provenance.tasks_line),
        ("model", &provenance.model),
    ] {
        if let Some(value) = value {
            lines.push(format!("  {name} {}", clean_line(value)));
        }
    }
    lines.push(format!("  proven in {}", clean_line(&provenance.sandbox)));
    lines.push("Files".to_owned());
    for name in [&record.code_file, &record.test_file] {
        let path = row.folder.join(name);
        lines.push(format!("  {}", clean_line(&path.to_string_lossy())));
    }
    lines.join("\n")
}

fn check_line(check: &Check, mark: &str) -> String {
    let call = clean_line(&check.call);
    match &check.kind {
        CheckKind::Example { expect } => format!("  {call} == {}{mark}", clean_line(expect)),
        CheckKind::Raises { error } => format!("  {call} raises {}{mark}", clean_line(error)),
        CheckKind::Property { holds } => {
            let given: Vec<String> = check
                .given
                .iter()
                .map(|(name, value)| format!("{} = {}", clean_line(name), clean_line(value)))
                .collect();
            format!(
                "  with {}: result = {call}, then {}{mark}",
                given.join(", "),
                clean_line(holds)
            )
        }
    }
}

fn review(context: &Context, store: &Store, id: &str, word: Review) -> anyhow::Result<Exit> {
    let dream = journal::find(store, id)?.record.dream_id;
    let record = journal::review(store, &Dirs::of(&context.settings), &dream, word)?;
    if context.json {
        say(&json!({ "dream_id": dream, "review": record.review }).to_string())?;
    } else {
        say(&format!(
            "{} {}: {}",
            record.review.as_str(),
            short_id(dream.as_str()),
            clean_line(&record.scenario.title)
        ))?;
    }
    Ok(Exit::Done)
}
