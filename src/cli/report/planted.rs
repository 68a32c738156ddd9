//! The report's line on bad candidates that were planted to try the Guardian. Pure.

use std::fmt::Write as _;

use crate::dream::SessionReport;

/// How the Guardian fared with bad candidates that were planted to try it.
pub(super) fn write(out: &mut String, report: &SessionReport) {
    let parts: Vec<String> = report
        .guardian
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
