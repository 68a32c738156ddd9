//! The night's Markdown, made to be read over coffee. Pure. Whatever a model or a document said is escaped: it can
//! neither close a fence nor become a link, a heading or HTML.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::escape::{fenced, markdown, short, span};
use super::night::{Night, NightDream, NightSession};
use super::plain;
use crate::dream::{Check, CheckKind, Decision, GateOutcome, GateReport};

/// Lines of a dream's code on the page: a screen; the file has the rest.
const CODE_LINES: usize = 48;
/// Characters of a task on the page.
const TASK_LENGTH: usize = 600;
/// Characters of a decision on the page: choice, figures, runner-up.
const WHY_LENGTH: usize = 420;
/// Alternatives of a decision on the page; the `.json` has all.
const ALTERNATIVES: usize = 30;
/// Checks shown of each dream.
const EXAMPLES: usize = 3;
/// Attempts shown of each session; the counts and the `.json` have all.
const ATTEMPTS: usize = 40;

pub(super) fn render(night: &Night, zone: &TimeZone) -> String {
    let mut out = format!(
        "# The night to {}\n\n",
        night.night.strftime("%A, %-d %B %Y")
    );
    let saved: usize = night.sessions.iter().map(|s| s.dreams.len()).sum();
    let tried: u64 = night
        .sessions
        .iter()
        .map(|s| s.session.report.dreams_attempted)
        .sum();
    if night.sessions.is_empty() {
        out.push_str("Nothing was dreamed.\n");
        return out;
    }
    let _ = writeln!(
        out,
        "{}: {tried} tried, **{} on the shelf**.",
        plain::count(night.sessions.len(), "session", "sessions"),
        plain::count(saved, "dream", "dreams"),
    );
    for session in &night.sessions {
        out.push('\n');
        session_part(&mut out, session, zone);
    }
    out
}

fn session_part(out: &mut String, part: &NightSession, zone: &TimeZone) {
    let row = &part.session;
    let report = &row.report;
    let clock = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%H:%M").to_string();
    let ended = row.ended.map_or_else(|| "…".to_owned(), clock);
    let _ = writeln!(
        out,
        "## {}–{ended}, {}\n",
        clock(row.started),
        plain::trigger(row.trigger)
    );
    if row.ended.is_some() {
        let _ = writeln!(
            out,
            "- {} after {}: {} tried, {} saved",
            capital(plain::status(report.status)),
            plain::duration(report.duration_seconds),
            report.dreams_attempted,
            report.dreams_successful,
        );
    } else {
        out.push_str("- Still running, or the program was killed before it could end\n");
    }
    if let Some(reason) = report.wake_reason {
        let _ = write!(out, "- Woken: {}", plain::wake(reason));
        if let Some(wake_ms) = row.wake_ms {
            let _ = write!(out, "; all was still after {wake_ms:.0} ms");
        }
        out.push('\n');
    }
    if let Some(model) = &report.model {
        let _ = writeln!(
            out,
            "- Model: {}, {} tokens read and {} written",
            markdown(model),
            report.tokens.prompt,
            report.tokens.completion
        );
    }
    if report.requeued > 0 {
        let _ = writeln!(
            out,
            "- Interrupted and to be tried again: {}",
            report.requeued
        );
    }
    for hint in &report.hints {
        let _ = writeln!(out, "- {}", markdown(hint));
    }
    if !part.dreams.is_empty() {
        out.push_str("\n### Saved\n");
        for dream in &part.dreams {
            out.push('\n');
            dream_part(out, dream);
            why_part(out, part, dream.record.dream_id.as_str(), "");
        }
    }
    attempts_part(out, part);
    if !row.events.is_empty() {
        out.push_str("\n### Meanwhile\n\n");
        for event in &row.events {
            let _ = writeln!(out, "- {} {}", clock(event.at), markdown(&event.text));
        }
    }
}

fn dream_part(out: &mut String, dream: &NightDream) {
    let record = &dream.record;
    let scenario = &record.scenario;
    let title = Some(markdown(&short(&scenario.title, 120))).filter(|title| !title.is_empty());
    let _ = writeln!(
        out,
        "#### {}\n\n{} · {} · {}{}\n",
        title.unwrap_or_else(|| "Without a title".to_owned()),
        record.tier.as_str(),
        scenario.difficulty.as_str(),
        plain::written_by(record),
        record
            .topic
            .as_ref()
            .map(|topic| format!(" · topic {}", markdown(&short(&topic.label, 80))))
            .unwrap_or_default(),
    );
    let _ = writeln!(
        out,
        "{}\n",
        markdown(&short(&scenario.task_prompt, TASK_LENGTH))
    );
    out.push_str(&fenced("python", &head(&dream.code)));
    let (shown, hidden) = (record.checks.len(), record.hidden_checks.len());
    let _ = writeln!(
        out,
        "\n- {} passed, {hidden} of them hidden",
        plain::count(shown + hidden, "check", "checks")
    );
    for check in record.checks.iter().take(EXAMPLES) {
        let _ = writeln!(out, "  - {}", example(check));
    }
    let _ = writeln!(out, "- Gates: {}", gates(&record.evidence));
    let strength = record.evidence.iter().find(|gate| gate.gate == "adequate");
    if let Some(gate) = strength {
        let _ = writeln!(out, "- Strength: {}", markdown(&short(&gate.detail, 300)));
    }
    if let Some(tries) = record.tries {
        let _ = writeln!(
            out,
            "- Difficulty, measured: {} of {} passed",
            tries.passed,
            plain::count(tries.tried, "solution", "solutions")
        );
    }
    for source in record.provenance.sources.iter().take(EXAMPLES) {
        let _ = writeln!(
            out,
            "- From {}, lines {} to {}",
            span(&source.path),
            source.lines.0,
            source.lines.1
        );
    }
    if let Some(pack) = &record.provenance.pack_file {
        let _ = writeln!(out, "- From the pack: {}", span(pack));
    }
    if let Some(line) = &record.provenance.tasks_line {
        let _ = writeln!(out, "- Given: {}", span(line));
    }
    if let Some(thought) = &dream.thought {
        let _ = writeln!(out, "- Thought: {}", markdown(&short(thought, TASK_LENGTH)));
    }
    let _ = writeln!(
        out,
        "- File {}, review {}",
        span(&record.code_file),
        record.review.as_str()
    );
}

/// "Why this dream?": what was weighed before it.
fn why_part(out: &mut String, part: &NightSession, id: &str, indent: &str) {
    for decision in part.choices.get(id).into_iter().flatten() {
        let line = short(&decision.in_words(), WHY_LENGTH);
        let _ = writeln!(out, "{indent}- Why: {}", markdown(&line));
        // Of two the line has said all.
        if decision.alternatives.len() > 2 {
            alternatives_part(out, decision, indent);
        }
    }
}

/// Everything that a decision was made among, folded until somebody asks. Blank lines keep what is inside Markdown.
fn alternatives_part(out: &mut String, decision: &Decision, indent: &str) {
    let all = decision.alternatives.len();
    let _ = writeln!(
        out,
        "{indent}  <details><summary>All {all} alternatives</summary>\n"
    );
    for alternative in decision.alternatives.iter().take(ALTERNATIVES) {
        let _ = writeln!(
            out,
            "{indent}  - {:.1} %: {}, {}",
            alternative.weight * 100.0,
            markdown(&short(&alternative.name, 120)),
            markdown(&short(&alternative.figures, 200))
        );
    }
    if all > ALTERNATIVES {
        let more = all - ALTERNATIVES;
        let _ = writeln!(out, "{indent}  - and {more} more in the night's `.json`");
    }
    let _ = writeln!(out, "\n{indent}  </details>\n");
}

fn attempts_part(out: &mut String, part: &NightSession) {
    let attempts = &part.attempts;
    if attempts.is_empty() {
        return;
    }
    out.push_str("\n### Not saved\n\n");
    for attempt in attempts.iter().take(ATTEMPTS) {
        let title = match attempt.scenario.title.as_str() {
            "" => short(&attempt.scenario.task_prompt, 80),
            title => short(title, 80),
        };
        let title = Some(title).filter(|t| !t.is_empty());
        let title = title.unwrap_or_else(|| "A task without words".to_owned());
        let _ = write!(
            out,
            "- **{}**: {}",
            markdown(&title),
            markdown(&short(&plain::why(attempt), 300))
        );
        if let Some(gate) = attempt
            .gates
            .iter()
            .find(|gate| gate.outcome == GateOutcome::Fail && !gate.detail.is_empty())
        {
            let _ = write!(out, " ({})", markdown(&short(&gate.detail, 300)));
        }
        out.push('\n');
        why_part(out, part, attempt.attempt_id.as_str(), "  ");
    }
    if attempts.len() > ATTEMPTS {
        let _ = writeln!(out, "- and {} more", attempts.len() - ATTEMPTS);
    }
}

fn example(check: &Check) -> String {
    let call = span(&short(&check.call, 160));
    match &check.kind {
        CheckKind::Example { expect } => format!("{call} gives {}", span(&short(expect, 160))),
        CheckKind::Raises { error } => format!("{call} raises {}", span(&short(error, 80))),
        CheckKind::Property { holds } => format!("{call}: {}", span(&short(holds, 160))),
    }
}

fn gates(evidence: &[GateReport]) -> String {
    let gates: Vec<String> = evidence
        .iter()
        .map(|gate| {
            let name = markdown(&gate.gate.replace('_', " "));
            match gate.outcome {
                GateOutcome::Pass => name,
                GateOutcome::Fail => format!("{name} (failed)"),
                GateOutcome::Skipped => format!("{name} (skipped)"),
            }
        })
        .collect();
    gates.join(", ")
}

/// The first lines of a text, with a word on how many were left out.
fn head(code: &str) -> String {
    let lines: Vec<&str> = code.lines().collect();
    if lines.len() <= CODE_LINES {
        return code.to_owned();
    }
    format!(
        "{}\n# … {} more lines in the file",
        lines[..CODE_LINES].join("\n"),
        lines.len() - CODE_LINES
    )
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}
