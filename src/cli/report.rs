//! The session's report as a person reads it at the end of `dreamer dream`: what was tried, what passed, why the
//! others fell, where the files are, what to do next. Pure; colours only where the caller asks for them.

mod measured;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::text::{clean_line, clean_short, short_id};
use crate::dream::{Attempt, DreamRecord, SessionReport, SessionStatus};
use crate::journal::plain;

/// Dreams listed by name; the journal has the rest.
const DREAMS: usize = 25;
/// Fallen tasks listed by name; their reasons are counted in full.
const FALLEN: usize = 8;
/// Fallen tasks listed by name that share a reason.
const SAME_REASON: usize = 2;
/// Width of a title's column.
const TITLE: usize = 52;

/// Where a person finds what the session made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Folder of the dreams.
    pub output: PathBuf,
    /// The night's page, where it was written.
    pub page: Option<PathBuf>,
}

/// The report in plain text, ending in a line end; `colour` adds ANSI colours.
#[must_use]
pub fn render(
    report: &SessionReport,
    dreams: &[DreamRecord],
    attempts: &[Attempt],
    places: &Places,
    colour: bool,
) -> String {
    let ink = Ink(colour);
    let mut out = String::new();
    headline(&mut out, report, ink);
    saved(&mut out, dreams, ink);
    fallen(&mut out, report, attempts, ink);
    whereabouts(&mut out, dreams, places, ink);
    next_steps(&mut out, report, dreams, ink);
    out
}

#[derive(Debug, Clone, Copy)]
struct Ink(bool);

impl Ink {
    fn paint(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

fn headline(out: &mut String, report: &SessionReport, ink: Ink) {
    let title = match report.status {
        SessionStatus::Completed => "The dream is over.".to_owned(),
        SessionStatus::Interrupted => {
            let why = report.wake_reason.map_or("interrupted", plain::wake);
            format!("Woken: {why}.")
        }
        SessionStatus::Error => "The session ended by an error.".to_owned(),
        SessionStatus::NoKnowledge => "There is nothing to dream of.".to_owned(),
        SessionStatus::Busy => "Another session is running already.".to_owned(),
    };
    let _ = writeln!(out, "{}", ink.bold(&title));
    if matches!(
        report.status,
        SessionStatus::NoKnowledge | SessionStatus::Busy
    ) && report.dreams_attempted == 0
    {
        return;
    }
    let tiers: Vec<String> = report
        .tiers
        .iter()
        .map(|(tier, n)| format!("{n} {}", clean_line(tier)))
        .collect();
    let tiers = if tiers.is_empty() {
        String::new()
    } else {
        format!(" ({})", tiers.join(", "))
    };
    let _ = write!(
        out,
        "{} tried in {}, {}{tiers} saved",
        plain::count(size(report.dreams_attempted), "task", "tasks"),
        plain::duration(report.duration_seconds),
        plain::count(size(report.dreams_successful), "dream", "dreams"),
    );
    if report.dreams_attempted > 0 {
        let _ = write!(out, ": {:.0} %", report.success_rate * 100.0);
    }
    out.push_str(".\n");
    if let Some(model) = &report.model {
        let _ = writeln!(
            out,
            "Model {}: {} tokens read, {} written.",
            clean_line(model),
            report.tokens.prompt,
            report.tokens.completion
        );
    }
    measured::funnel(out, report);
    measured::spent(out, report);
    measured::planted(out, report);
    if report.requeued > 0 {
        let _ = writeln!(
            out,
            "{} cut short; it will be tried again.",
            plain::count(size(report.requeued), "task was", "tasks were")
        );
    }
}

fn saved(out: &mut String, dreams: &[DreamRecord], ink: Ink) {
    if dreams.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", ink.bold("Saved"));
    for dream in dreams.iter().take(DREAMS) {
        let checks = dream.checks.len() + dream.hidden_checks.len();
        let title = clean_short(&dream.scenario.title, TITLE);
        let _ = writeln!(
            out,
            "  {} {title}{}  {:6}  {}",
            ink.good("✓"),
            " ".repeat(TITLE.saturating_sub(title.chars().count())),
            dream.tier.as_str(),
            ink.faint(&format!(
                "{}, {}",
                plain::count(checks, "check", "checks"),
                plain::written_by(dream)
            )),
        );
    }
    if dreams.len() > DREAMS {
        let _ = writeln!(out, "  and {} more", dreams.len() - DREAMS);
    }
}

fn fallen(out: &mut String, report: &SessionReport, attempts: &[Attempt], ink: Ink) {
    if attempts.is_empty() && report.rejections.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", ink.bold("Not saved, and why"));
    let shown = various(attempts);
    for attempt in &shown {
        let scenario = &attempt.scenario;
        let title = match scenario.title.as_str() {
            "" => clean_short(&scenario.task_prompt, TITLE),
            title => clean_short(title, TITLE),
        };
        let _ = writeln!(
            out,
            "  {} {title}\n    {}",
            ink.bad("✗"),
            clean_short(&plain::why(attempt), 160)
        );
    }
    if attempts.len() > shown.len() {
        let left = attempts.len() - shown.len();
        let _ = writeln!(out, "  and {left} more; all in all:");
    }
    if attempts.is_empty() || attempts.len() > shown.len() {
        let mut by_count: BTreeMap<(std::cmp::Reverse<u64>, &str), String> = BTreeMap::new();
        for (code, n) in &report.rejections {
            by_count.insert((std::cmp::Reverse(*n), code), plain::reason(code));
        }
        for ((n, _), words) in by_count {
            let _ = writeln!(out, "  {:>4} × {}", n.0, clean_line(&words));
        }
    }
}

/// A few attempts, of each first reason at most two: ten of one kind tell no more than two.
fn various(attempts: &[Attempt]) -> Vec<&Attempt> {
    let mut seen: BTreeMap<Option<&String>, usize> = BTreeMap::new();
    let fresh = attempts.iter().filter(|attempt| {
        let times = seen.entry(attempt.reasons.first()).or_default();
        *times += 1;
        *times <= SAME_REASON
    });
    fresh.take(FALLEN).collect()
}

fn whereabouts(out: &mut String, dreams: &[DreamRecord], places: &Places, ink: Ink) {
    if dreams.is_empty() && places.page.is_none() {
        return;
    }
    let _ = writeln!(out, "\n{}", ink.bold("Where"));
    if !dreams.is_empty() {
        let _ = writeln!(
            out,
            "  code, tests and records  {}",
            clean_line(&places.output.to_string_lossy())
        );
    }
    if let Some(page) = &places.page {
        let _ = writeln!(
            out,
            "  the night's page         {}",
            clean_line(&page.to_string_lossy())
        );
    }
}

fn next_steps(out: &mut String, report: &SessionReport, dreams: &[DreamRecord], ink: Ink) {
    let mut steps: Vec<String> = report.hints.iter().map(|hint| clean_line(hint)).collect();
    if let Some(dream) = dreams.first() {
        let id = short_id(dream.dream_id.as_str());
        steps.push(format!("read one: dreamer journal show {id}"));
        steps.push(format!(
            "say what you think: dreamer journal approve {id} (or reject)"
        ));
    }
    match report.status {
        SessionStatus::NoKnowledge if report.hints.is_empty() => {
            steps.push("give it something to read: dreamer ingest PATH".to_owned());
        }
        SessionStatus::Busy => steps.push("see what runs: dreamer status".to_owned()),
        SessionStatus::Error if report.hints.is_empty() => {
            steps.push("see what is broken: dreamer doctor".to_owned());
        }
        SessionStatus::Completed
        | SessionStatus::Interrupted
        | SessionStatus::Error
        | SessionStatus::NoKnowledge => {}
    }
    if steps.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", ink.bold("Next"));
    for step in steps {
        let _ = writeln!(out, "  {step}");
    }
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
