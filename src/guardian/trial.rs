//! One check against one piece of code, and whether the code met it. Pure: the gates that run checks judge here, outside
//! of the interpreter that ran the code.

use crate::dream::{
    Check, CheckKind, Ending, Observation, Outcome, Stage, Value, class_name, parse_literal,
};

/// What came of running one check.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trial {
    pub(super) observation: Observation,
    /// What a property's `holds` said of the result, where there was one.
    pub(super) holds: Option<Holds>,
    /// Whether the lines that ran were recorded.
    pub(super) traced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// Evaluating `holds` raised this class.
    Raised(String),
}

/// In which way a check was not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissKind {
    /// Another value, another exception, none or one too many.
    Wrong,
    Limit,
    /// The run was ended because the code's own lines reached into the interpreter.
    Reaches,
    LeavesProcesses,
    LeavesThreads,
    Unobservable,
    SyntaxError,
    MissingLibrary,
    FailsToLoad,
    /// The check itself cannot be evaluated.
    BadCheck,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) kind: MissKind,
    pub(super) detail: String,
}

fn miss<T>(kind: MissKind, detail: String) -> Result<T, Miss> {
    Err(Miss { kind, detail })
}

/// Whether the code met the check.
///
/// # Errors
/// How it did not. Only for observations whose ending is a verdict.
pub(super) fn meets(check: &Check, trial: &Trial) -> Result<(), Miss> {
    let seen = &trial.observation;
    if let Some(limit) = limit_name(&seen.ending) {
        return miss(
            MissKind::Limit,
            format!("`{}` ran into the {limit} limit", check.call),
        );
    }
    if let Ending::Signaled(signal) = seen.ending {
        return miss(
            MissKind::Wrong,
            format!("`{}` ended its interpreter by signal {signal}", check.call),
        );
    }
    if let Some(what) = seen.notes.get("reaches") {
        return miss(
            MissKind::Reaches,
            format!("`{}` comes to `{what}` while it runs", check.call),
        );
    }
    match &seen.outcome {
        Outcome::Nothing => miss(
            MissKind::Wrong,
            format!("`{}` ended its interpreter without a result", check.call),
        ),
        Outcome::Raised {
            stage: Stage::Load,
            classes,
            message,
        } => miss(load_miss(classes), said(classes, message)),
        Outcome::Raised {
            stage: Stage::Setup,
            classes,
            message,
        } => miss(
            setup_miss(check, classes, message),
            format!(
                "the setup of `{}` raised {}",
                check.call,
                said(classes, message)
            ),
        ),
        _ if seen.notes.contains_key("left_processes") => miss(
            MissKind::LeavesProcesses,
            format!("`{}` left a process behind", check.call),
        ),
        _ if seen.notes.contains_key("left_threads") => miss(
            MissKind::LeavesThreads,
            format!("`{}` left a thread running", check.call),
        ),
        Outcome::Raised {
            stage: Stage::Call,
            classes,
            message,
        } => meets_raised(check, classes, message),
        Outcome::Unobservable { type_name } => match &check.kind {
            CheckKind::Raises { error } => miss(
                MissKind::Wrong,
                format!(
                    "`{}` gave a {type_name} instead of raising {error}",
                    check.call
                ),
            ),
            CheckKind::Example { .. } | CheckKind::Property { .. } => miss(
                MissKind::Unobservable,
                format!(
                    "`{}` gave {type_name}: make it exact data in the call, as with list(…)",
                    check.call
                ),
            ),
        },
        Outcome::Value { value } => meets_value(check, value, trial.holds.as_ref()),
    }
}

fn meets_value(check: &Check, value: &Value, holds: Option<&Holds>) -> Result<(), Miss> {
    let shown = shorten(&value.to_literal());
    match &check.kind {
        CheckKind::Example { expect } => match parse_literal(expect) {
            Ok(expected) if expected.equals(value) => Ok(()),
            Ok(_) => miss(
                MissKind::Wrong,
                format!(
                    "`{}` gave {shown}, expected {}",
                    check.call,
                    shorten(expect)
                ),
            ),
            Err(error) => miss(
                MissKind::BadCheck,
                format!("expect of `{}`: {error}", check.call),
            ),
        },
        CheckKind::Raises { error } => miss(
            MissKind::Wrong,
            format!("`{}` gave {shown} instead of raising {error}", check.call),
        ),
        CheckKind::Property { holds: property } => match holds {
            Some(Holds::Yes) => Ok(()),
            Some(Holds::Raised(class)) if is_the_checks_fault(class) => {
                miss(MissKind::BadCheck, format!("`{property}` raised {class}"))
            }
            Some(Holds::Raised(class)) => miss(
                MissKind::Wrong,
                format!(
                    "`{}` gave {shown}, on which `{property}` raised {class}",
                    check.call
                ),
            ),
            Some(Holds::No) | None => miss(
                MissKind::Wrong,
                format!(
                    "`{}` gave {shown}, on which `{property}` does not hold",
                    check.call
                ),
            ),
        },
    }
}

fn meets_raised(check: &Check, classes: &[String], message: &str) -> Result<(), Miss> {
    match &check.kind {
        CheckKind::Raises { error }
            if classes.iter().any(|class| class == class_name(error))
                && !is_slip(error, classes) =>
        {
            Ok(())
        }
        CheckKind::Raises { error } => miss(
            MissKind::Wrong,
            format!(
                "`{}` raised {}, expected {error}",
                check.call,
                said(classes, message)
            ),
        ),
        CheckKind::Example { .. } | CheckKind::Property { .. } => miss(
            MissKind::Wrong,
            format!("`{}` raised {}", check.call, said(classes, message)),
        ),
    }
}

/// A name that nobody defined, where any exception at all was asked for: nobody raises that on purpose.
fn is_slip(error: &str, classes: &[String]) -> bool {
    matches!(class_name(error), "Exception" | "BaseException")
        && classes.iter().any(|class| class == "NameError")
}

/// Whether two runs of the same call ended the same way. Messages may hold addresses and do not count.
pub(super) fn same_outcome(a: &Observation, b: &Observation) -> bool {
    match (&a.outcome, &b.outcome) {
        (Outcome::Value { value: a }, Outcome::Value { value: b }) => a.equals(b),
        (
            Outcome::Raised { stage, classes, .. },
            Outcome::Raised {
                stage: stage_b,
                classes: classes_b,
                ..
            },
        ) => stage == stage_b && classes.first() == classes_b.first(),
        (Outcome::Unobservable { type_name: a }, Outcome::Unobservable { type_name: b }) => a == b,
        (Outcome::Nothing, Outcome::Nothing) => a.ending == b.ending,
        (
            Outcome::Value { .. }
            | Outcome::Raised { .. }
            | Outcome::Unobservable { .. }
            | Outcome::Nothing,
            _,
        ) => false,
    }
}

/// An outcome in a few words.
pub(super) fn shown(observation: &Observation) -> String {
    match &observation.outcome {
        Outcome::Value { value } => shorten(&value.to_literal()),
        Outcome::Raised {
            classes, message, ..
        } => said(classes, message),
        Outcome::Unobservable { type_name } => type_name.clone(),
        Outcome::Nothing => limit_name(&observation.ending)
            .map_or("nothing".to_owned(), |l| format!("the {l} limit")),
    }
}

fn limit_name(ending: &Ending) -> Option<&'static str> {
    match ending {
        Ending::Wall => Some("time"),
        Ending::Cpu => Some("CPU time"),
        Ending::Oom => Some("memory"),
        Ending::Pids => Some("process"),
        Ending::Output => Some("output"),
        Ending::Disk => Some("disk"),
        Ending::Exited(_) | Ending::Signaled(_) | Ending::Interrupted | Ending::Infra(_) => None,
    }
}

fn load_miss(classes: &[String]) -> MissKind {
    let is = |name: &str| classes.iter().any(|class| class == name);
    if is("SyntaxError") {
        MissKind::SyntaxError
    } else if is("ModuleNotFoundError") {
        MissKind::MissingLibrary
    } else {
        MissKind::FailsToLoad
    }
}

/// A name that the setup itself uses and nobody defined is no failure of the solution's.
fn setup_miss(check: &Check, classes: &[String], message: &str) -> MissKind {
    let undefined = message.split('\'').nth(1).unwrap_or_default();
    let words = check
        .setup
        .split(|c: char| !c.is_alphanumeric() && c != '_');
    let own = !undefined.is_empty() && words.into_iter().any(|word| word == undefined);
    if own && classes.iter().any(|class| class == "NameError") {
        MissKind::BadCheck
    } else {
        MissKind::Wrong
    }
}

fn is_the_checks_fault(class: &str) -> bool {
    matches!(
        class,
        "NameError" | "SyntaxError" | "IndentationError" | "ImportError" | "ModuleNotFoundError"
    )
}

fn said(classes: &[String], message: &str) -> String {
    let class = classes.first().map_or("an exception", String::as_str);
    if message.is_empty() {
        class.to_owned()
    } else {
        format!("{class}: {}", shorten(message))
    }
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 160;
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() {
        format!("{}…", &text[..end])
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{MissKind, Trial, meets};
    use crate::dream::{Check, CheckKind, Ending, Observation, Outcome, Stage};

    fn raised(classes: &[&str]) -> Trial {
        let outcome = Outcome::Raised {
            stage: Stage::Call,
            classes: classes.iter().map(|class| (*class).to_owned()).collect(),
            message: String::new(),
        };
        Trial {
            observation: Observation::of(Ending::Exited(0), outcome),
            holds: None,
            traced: false,
        }
    }

    fn raises(error: &str) -> Check {
        let error = error.to_owned();
        Check {
            kind: CheckKind::Raises { error },
            ..Check::example("f(1)", "")
        }
    }

    #[test]
    fn a_slip_is_no_exception_that_was_asked_for() {
        let slip = raised(&["NameError", "Exception", "BaseException"]);
        assert!(meets(&raises("Exception"), &slip).is_err());
        assert!(meets(&raises("NameError"), &slip).is_ok());
        let meant = raised(&["ValueError", "Exception", "BaseException"]);
        assert!(meets(&raises("Exception"), &meant).is_ok());
    }

    #[test]
    fn what_was_reached_for_is_told_before_all_else() {
        let mut trial = raised(&["ValueError"]);
        let notes = &mut trial.observation.notes;
        notes.insert("reaches".to_owned(), "exec".to_owned());
        let miss = meets(&raises("ValueError"), &trial).unwrap_err();
        assert_eq!(miss.kind, MissKind::Reaches);
    }
}
