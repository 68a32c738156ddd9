//! `dreamer ingest` and `dreamer knowledge`: documents in, what is known of them, and out again.
//! Called by `main` through the command line.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::text::{clean, clean_line, clean_short};
use super::{Context, Exit, experience, say};
use crate::clock;
use crate::journal::{Dirs, forget_derived};
use crate::knowledge::{IngestReport, Knowledge, KnowledgeError, Progress};
use crate::store::{Forgotten, Store};

/// Clusters that a list shows unless told otherwise.
const LISTED: usize = 20;
/// Left-out files that are named to a person; `--json` names more.
const NAMED: usize = 20;
/// Files between two updates of the progress line.
const PROGRESS_STEP: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct IngestArgs {
    /// Files and folders: Markdown, reStructuredText, HTML, plain text, Python, Rust
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum KnowledgeCommand {
    /// How much is known
    Stats,
    /// Topics: those never dreamed of first, then by how much they are linked; `learning show` tells what is chosen
    Clusters {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = LISTED)]
        limit: usize,
    },
    /// Removes a file or a folder with everything derived from it: topics, dreams with their files, tries, what was learned of
    /// them and their experiences; archives of old experiences stay as they are
    Forget {
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn ingest(args: IngestArgs, context: &Context) -> anyhow::Result<Exit> {
    let knowledge = open(context)?;
    let started = clock::monotonic();
    let shows = std::io::stderr().is_terminal() && !context.json;
    let outcome = knowledge.ingest(&args.paths, &mut |progress| {
        if shows {
            show_progress(progress);
        }
    });
    if shows {
        end_progress();
    }
    let report = match outcome {
        Ok(report) => report,
        Err(error @ (KnowledgeError::Path { .. } | KnowledgeError::PathName { .. })) => {
            tracing::error!("{}", clean_line(&chain(&error)));
            return Ok(Exit::Usage);
        }
        Err(error @ KnowledgeError::Store(_)) => return Err(error.into()),
    };
    if context.json {
        say(&serde_json::to_string(&report)?)?;
    } else {
        say(&describe(&report, started.elapsed().as_secs_f64()))?;
    }
    Ok(Exit::Done)
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn knowledge(command: KnowledgeCommand, context: &Context) -> anyhow::Result<Exit> {
    let knowledge = open(context)?;
    match command {
        KnowledgeCommand::Stats => stats(&knowledge, context),
        KnowledgeCommand::Clusters { limit } => clusters(&knowledge, limit, context),
        KnowledgeCommand::Forget { path } => forget(&knowledge, &path, context),
    }
}

/// What dreaming itself writes is kept out: it must not become what is dreamed of.
fn open(context: &Context) -> anyhow::Result<Knowledge> {
    let settings = &context.settings;
    let store = Store::open(&settings.database())?;
    let own = ["journal", "dreamer.db", "dreamer.db-wal", "dreamer.db-shm"];
    let own = own.into_iter().map(|name| settings.data_dir.join(name));
    Ok(Knowledge::new(Arc::new(store)).excluding(own.chain([settings.output_dir.clone()])))
}

fn stats(knowledge: &Knowledge, context: &Context) -> anyhow::Result<Exit> {
    let stats = knowledge.stats()?;
    if context.json {
        say(&serde_json::to_string(&stats)?)?;
    } else if stats.documents == 0 {
        say("nothing is known yet; begin with: dreamer ingest PATH")?;
    } else {
        say(&format!(
            "documents  {}\nchunks     {}\ntopics     {}\nnodes      {}\nedges      {}",
            stats.documents, stats.chunks, stats.clusters, stats.total_nodes, stats.total_edges
        ))?;
    }
    Ok(Exit::Done)
}

fn clusters(knowledge: &Knowledge, limit: usize, context: &Context) -> anyhow::Result<Exit> {
    let clusters = knowledge.clusters(limit)?;
    if context.json {
        say(&serde_json::to_string(&clusters)?)?;
        return Ok(Exit::Done);
    }
    if clusters.is_empty() {
        say("nothing is known yet; begin with: dreamer ingest PATH")?;
        return Ok(Exit::Done);
    }
    say("dreamed  degree  topic")?;
    for cluster in &clusters {
        say(&format!(
            "{:>7}  {:>6}  {}",
            cluster.dreamed,
            cluster.degree,
            clean_short(&cluster.label, 70)
        ))?;
        if let Some(best) = cluster.fragments.first() {
            let file = best.source.path.rsplit('/').next().unwrap_or_default();
            let place = format!("{file}:{}  {}", best.source.lines.0, best.heading);
            say(&format!("                 {}", clean_short(&place, 70)))?;
        }
    }
    Ok(Exit::Done)
}

fn forget(knowledge: &Knowledge, path: &Path, context: &Context) -> anyhow::Result<Exit> {
    let removed = knowledge.forget(path)?;
    let store = Store::open(&context.settings.database())?;
    // By the path, not by what was found there: what an earlier end in the middle left goes too.
    let places: Vec<String> = Knowledge::place(path)?.into_iter().collect();
    let (dirs, now) = (Dirs::of(&context.settings), clock::local());
    let gone = forget_derived(&store, &dirs, &places, now.time_zone())?;
    let nothing = removed.is_empty() && gone == Forgotten::default();
    if !nothing {
        experience::hint_at_archives(&store, context)?;
    }
    if context.json {
        say(&serde_json::to_string(&removed)?)?;
    } else if nothing {
        say(&format!(
            "nothing is known of {}",
            shown(&path.to_string_lossy())
        ))?;
    } else {
        say(&format!(
            "forgot {} with everything derived from {}: {}, {} and {}",
            counted(removed.len(), "document"),
            if removed.len() == 1 { "it" } else { "them" },
            counted_u64(gone.dreams, "dream"),
            counted_u64(gone.attempts, "other attempt"),
            counted_u64(gone.experiences, "experience"),
        ))?;
        for document in removed.iter().take(NAMED) {
            say(&format!("  {}", shown(&document.path)))?;
        }
        if removed.len() > NAMED {
            say(&format!("  and {} more", removed.len() - NAMED))?;
        }
    }
    Ok(if nothing { Exit::No } else { Exit::Done })
}

/// The report for a person; pure.
fn describe(report: &IngestReport, seconds: f64) -> String {
    let mut done: Vec<String> = [
        (report.added, "new"),
        (report.changed, "changed"),
        (report.unchanged, "unchanged"),
        (report.dropped, "gone"),
    ]
    .into_iter()
    .filter(|&(count, _)| count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if done.is_empty() {
        done.push("nothing to read".to_owned());
    }
    let stats = &report.stats;
    let mut lines = vec![
        format!(
            "{} in {seconds:.1} s: {}",
            counted(report.files, "file"),
            done.join(", ")
        ),
        format!(
            "known now: {} in {}, {}",
            counted_u64(stats.chunks, "chunk"),
            counted_u64(stats.documents, "document"),
            counted_u64(stats.clusters, "topic"),
        ),
    ];
    let total: usize = report.left_out.values().sum();
    if total > 0 {
        let reasons = report.left_out.iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{count} {}", reason.as_str()))
            .collect();
        lines.push(format!("left out {total}: {}", reasons.join(", ")));
        for file in report.left_out_files.iter().take(NAMED) {
            lines.push(format!(
                "  {:<14}  {}",
                file.reason.as_str(),
                shown(&file.path)
            ));
        }
        if total > NAMED {
            lines.push(format!("  and {} more", total - NAMED));
        }
    }
    lines.join("\n")
}

fn counted(count: usize, what: &str) -> String {
    counted_u64(count as u64, what)
}

fn counted_u64(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// A file's name as it is, but for what a terminal would obey; a line end in it shows as one.
fn shown(path: &str) -> String {
    clean(&path.replace('\n', "\\n").replace('\t', "\\t"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// One line that overwrites itself, on a terminal only. A terminal that went away is no reason to stop.
fn show_progress(progress: Progress) {
    let line = match progress {
        Progress::File { done, of } if done % PROGRESS_STEP == 0 || done == of => {
            format!("reading {done} of {of}")
        }
        Progress::File { .. } => return,
        Progress::Clustering => "grouping by topic".to_owned(),
    };
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "\r\x1b[K{line}").and_then(|()| out.flush());
}

fn end_progress() {
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::{LeftOut, Refusal};

    #[test]
    fn the_report_is_short_and_hostile_names_are_spelled_out() {
        let report = IngestReport {
            files: 3,
            added: 1,
            unchanged: 1,
            left_out: [(Refusal::Binary, 1)].into_iter().collect(),
            left_out_files: vec![LeftOut {
                path: "/docs/a\nb\u{1b}[2J\u{202e}.md".to_owned(),
                reason: Refusal::Binary,
            }],
            ..IngestReport::default()
        };
        insta::assert_snapshot!(describe(&report, 0.04), @r"
        3 files in 0.0 s: 1 new, 1 unchanged
        known now: 0 chunks in 0 documents, 0 topics
        left out 1: 1 binary
          binary          /docs/a\nb\u{1b}[2J\u{202e}.md
        ");
    }
}
