//! What the session measured of itself, for its report: how far the tasks came, where the time went, and how the
//! Guardian fared with bad candidates that were planted to try it. Pure.

use std::fmt::Write as _;

use crate::dream::{SessionReport, Spent};
use crate::journal::plain;

/// A line of stages, where anything was tried: a stage that nothing fell at is left out.
pub(super) fn funnel(out: &mut String, report: &SessionReport) {
    let stages = report.measured.funnel.stages();
    let Some((&(first, tried), rest)) = stages.split_first().filter(|(first, _)| first.1 > 0)
    else {
        return;
    };
    let _ = write!(out, "{tried} {first}");
    let mut before = tried;
    for (at, &(stage, count)) in rest.iter().enumerate() {
        if count != before || at + 1 == rest.len() {
            let _ = write!(out, " → {count} {stage}");
        }
        before = count;
    }
    out.push_str(".\n");
}

/// Where the time went, the longest phase first.
pub(super) fn spent(out: &mut String, report: &SessionReport) {
    let mut phases: Vec<_> = report.measured.spent.iter().collect();
    phases.retain(|(_, spent)| spent.seconds >= 0.1);
    phases.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
    let parts: Vec<String> = phases
        .into_iter()
        .map(|(phase, spent)| {
            let tokens = match spent.tokens.completion {
                0 => String::new(),
                n => format!(" ({n} tokens)"),
            };
            format!("{phase} {}{tokens}", plain::duration(spent.seconds))
        })
        .collect();
    if !parts.is_empty() {
        let _ = writeln!(out, "Time: {}.", parts.join(", "));
    }
    let unused = report.measured.spent.get(Spent::UNUSED);
    let unused = unused.map_or(0, |spent| spent.tokens.completion);
    if unused > 0 {
        let _ = writeln!(
            out,
            "{unused} more tokens were written for answers that were refused or cut short, and for opinions."
        );
    }
}

/// How the Guardian fared with bad candidates that were planted to try it.
pub(super) fn planted(out: &mut String, report: &SessionReport) {
    let parts: Vec<String> = report
        .measured
        .plants
        .iter()
        .filter(|(_, rate)| rate.tried > 0)
        .map(|(class, rate)| {
            format!(
                "{} of {} {} ones got through ({:.1} to {:.1} %)",
                rate.through,
                rate.tried,
                match class.as_str() {
                    "certain" => "certainly bad",
                    "shown" => "shown to be bad",
                    other => other,
                },
                rate.low * 100.0,
                rate.high * 100.0
            )
        })
        .collect();
    if !parts.is_empty() {
        let _ = writeln!(
            out,
            "Bad candidates planted on purpose: {}.",
            parts.join(", ")
        );
    }
}
