//! Codes in plain words, for the night's page and the session's report. Pure.

use std::time::Duration;

use crate::dream::{
    Attempt, AttemptOutcome, DreamRecord, Generator, Origin, Reason, SessionStatus, Trigger,
    WakeReason,
};

/// What a reason code means, as the end of "it fell because …".
#[must_use]
pub fn reason(code: &str) -> String {
    let known: Result<Reason, _> =
        serde_json::from_value(serde_json::Value::String(code.to_owned()));
    let Ok(known) = known else {
        // The engine's own codes, such as `seed_rejected`, read as words already.
        return code.replace('_', " ");
    };
    let words = match known {
        Reason::BadInput => "it was no readable candidate",
        Reason::SyntaxError => "the code is no valid Python",
        Reason::EntryPointMissing => "the code does not define the function that the task names",
        Reason::EntryPointRepeated => "the code defines the task's function more than once",
        Reason::TooLarge => "the code is too large",
        Reason::StubMarker => "the code is unfinished",
        Reason::ForbiddenImport => "the code imports what no dream may use",
        Reason::UndeclaredImport => "the code imports a library that the task does not name",
        Reason::MissingLibrary => "it needs a library that is not in the sandbox",
        Reason::ReachesHarness => "the code reaches for the inside of what runs it",
        Reason::BorrowsSolution => "the code imports the very thing that it should write anew",
        Reason::FailsToLoad => "the code fails as soon as it is loaded",
        Reason::TooFewChecks => "too few checks were left to prove anything",
        Reason::BadCheck => "a check itself is broken",
        Reason::ContradictingChecks => "two checks ask for opposite answers",
        Reason::VerdictInsideCall => "a check decides inside the call, where the code could cheat",
        Reason::UnobservableResult => "the result is not plain data that can be compared",
        Reason::CheckMissesSolution => "a check runs no line of the code",
        Reason::NothingSolutionPasses => "code that does nothing would pass the checks as well",
        Reason::VisibleCheckFailed => "the code gives a wrong answer on a check it was shown",
        Reason::HiddenCheckFailed => "the code gives a wrong answer on a check it was not shown",
        Reason::LimitExceeded => "a run took too much time or memory",
        Reason::TooSlow => "the code is slower than a check allows",
        Reason::LeavesProcesses => "the code leaves processes running",
        Reason::LeavesThreads => "the code leaves threads running",
        Reason::MutatesInput => "the code changes its arguments without being asked to",
        Reason::Flaky => "the code does not give the same answer each time",
        Reason::WeakChecks => "the checks would let too many wrong solutions pass",
        Reason::Disagreement => "independent solutions do not agree on the answers",
        Reason::Duplicate => "it resembles an earlier dream too much",
        Reason::Contaminated => "it is a task of a public benchmark",
        Reason::HoldsSecret => "it holds what looks like a key or a password",
        Reason::HoldsPersonalData => {
            "it holds an address of a person or a path into somebody's home"
        }
    };
    words.to_owned()
}

/// Why an attempt fell, in a line.
#[must_use]
pub fn why(attempt: &Attempt) -> String {
    let mut parts: Vec<String> = attempt.reasons.iter().map(|code| reason(code)).collect();
    parts.dedup();
    if attempt.outcome == AttemptOutcome::Undecided {
        parts.insert(0, "not decided".to_owned());
    }
    if !attempt.why.is_empty() {
        parts.push(attempt.why.clone());
    }
    if parts.is_empty() {
        parts.push("no reason was noted".to_owned());
    }
    parts.join("; ")
}

#[must_use]
pub fn status(status: SessionStatus) -> &'static str {
    match status {
        SessionStatus::Completed => "completed",
        SessionStatus::Interrupted => "interrupted",
        SessionStatus::Error => "ended by an error",
        SessionStatus::NoKnowledge => "nothing to dream of",
        SessionStatus::Busy => "another session is running",
    }
}

#[must_use]
pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Manual => "asked for",
        Trigger::WhenAway => "asked for, once nobody was there",
        Trigger::Night => "by night",
        Trigger::Idle => "nobody was there",
    }
}

#[must_use]
pub fn wake(reason: WakeReason) -> &'static str {
    match reason {
        WakeReason::WindowClosed => "the time for dreaming was over",
        WakeReason::Load => "another program needed the machine",
        WakeReason::Heat => "the machine became too warm",
        WakeReason::Battery => "the machine went on battery",
        WakeReason::Memory => "memory ran short",
        WakeReason::Presence => "somebody came back",
        WakeReason::Suspend => "the machine went to sleep",
        WakeReason::Pause => "dreaming was paused",
        WakeReason::Wake => "somebody asked it to wake",
        WakeReason::Interrupt => "somebody stopped it",
        WakeReason::Shutdown => "the program was shut down",
        WakeReason::Failure => "something broke",
    }
}

/// Who wrote a dream and who answered its checks, in a few words.
#[must_use]
pub fn written_by(record: &DreamRecord) -> &'static str {
    let mut checks = record.checks.iter().chain(&record.hidden_checks);
    match record.generator {
        Generator::Llm if checks.any(|check| check.origin == Origin::Reference) => {
            "by the model, answered by the real function"
        }
        Generator::Llm => "written by the model",
        Generator::Source => "from your own documents",
        Generator::Offline => "from the offline pack",
    }
}

/// A length of time as people say it.
#[must_use]
pub fn duration(seconds: f64) -> String {
    // Negative, infinite or not a number: a clock went wrong somewhere, and a page is no place to fail.
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let total = whole.as_secs();
    match total {
        0..10 => format!("{:.1} s", whole.as_secs_f64()),
        10..60 => format!("{total} s"),
        60..3600 => format!("{} min {} s", total / 60, total % 60),
        _ => format!("{} h {} min", total / 3600, total % 3600 / 60),
    }
}

/// `1 check`, `2 checks`.
#[must_use]
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_and_an_unknown_one_reads_as_its_own() {
        assert_eq!(reason("syntax_error"), "the code is no valid Python");
        assert_eq!(reason("seed_rejected"), "seed rejected");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, words) in [
            (0.25, "0.2 s"),
            (12.9, "12 s"),
            (192.0, "3 min 12 s"),
            (7260.0, "2 h 1 min"),
            (f64::NAN, "0.0 s"),
            (-1.0, "0.0 s"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
