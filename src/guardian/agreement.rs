//! Gate 8: on generated questions, solutions that know nothing of each other give the same answers. What all of them
//! answer alike may become a check (`origin: "agreement"`, or `"reference"` where the real thing was among them).
//!
//! A question on which the solution raises on purpose is outside of the task as far as anybody said; one on which it
//! breaks where another answers is not.

use super::bench::{Bench, Role, Room};
use super::inputs::questions;
use super::ruling::{Ruling, Undecided};
use super::trial::{Trial, same_outcome, shown};
use super::{Agreement, Context, Peer};
use crate::dream::{Candidate, Check, CheckKind, Origin, Outcome, Reason, Stage, Value};

/// Questions that are asked: as many as a suite has checks, twice over. Two wrong solutions that agree on all of a
/// suite's calls by chance differ on one of these more often than not.
pub(super) const QUESTIONS: usize = 24;
/// Most other solutions that are asked.
const PEERS_MAX: usize = 3;

/// A question that the solution answered, as a check with its answer.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) check: Check,
    pub(super) trial: Trial,
    /// Whether others gave the same answer, so that it may become a check for good.
    pub(super) agreed: bool,
}

/// What was asked and answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Panel {
    pub(super) answered: Vec<Answered>,
    /// A call on which another solution contradicts, with what this one gives; the real thing's word is no matter of dispute.
    pub(super) disputed: Option<Check>,
}

impl Panel {
    pub(super) fn agreed(&self) -> impl Iterator<Item = &Answered> {
        self.answered.iter().filter(|answered| answered.agreed)
    }
}

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    solution: Room,
    seed: u32,
    candidate: &Candidate,
    context: &Context,
) -> Result<(Ruling, Panel), Undecided> {
    let mut panel = Panel::default();
    let peers: Vec<&Peer> = context.peers.iter().take(PEERS_MAX).collect();
    let checks: Vec<&Check> = candidate.all_checks().map(|(_, check)| check).collect();
    let others = peers.iter().filter(|peer| peer.origin == Origin::Model);
    let codes: Vec<&str> = std::iter::once(&candidate.code)
        .chain(others.map(|peer| &peer.code))
        .map(String::as_str)
        .collect();
    let asked = questions(
        &candidate.scenario.entry_point,
        &checks,
        &codes,
        QUESTIONS,
        u64::from(seed),
    );
    let asked: Vec<Check> = asked
        .into_iter()
        .map(|question| question.expecting("None", Origin::Agreement))
        .collect();
    // Under another hash seed: what depends on it is nothing to agree on.
    let peers_room = Room {
        role: Role::Peer,
        hash_seed: solution.hash_seed.wrapping_add(1),
    };
    let ours = ask(bench, solution, &candidate.code, &asked).await?;
    let mut theirs = Vec::new();
    for peer in &peers {
        theirs.push(ask(bench, peers_room, &peer.code, &asked).await?);
    }
    let mut alike = 0;
    for (at, check) in asked.into_iter().enumerate() {
        let Some(ours) = &ours[at] else {
            continue;
        };
        let answers = peers
            .iter()
            .zip(&theirs)
            .map(|(peer, all)| (*peer, all[at].as_ref()));
        let agreed = match compare(ours, answers) {
            Compared::Agree(origin) => {
                alike += 1;
                Some(origin)
            }
            Compared::Unsaid => None,
            Compared::Differ { other, is_real } => {
                let detail = format!(
                    "on `{}` this solution gives {} and {other}",
                    spoken(&check),
                    shown(&ours.observation)
                );
                panel.disputed = value_of(ours)
                    .filter(|_| !is_real)
                    .map(|value| answered(check, value));
                return Ok((Ruling::Fail(Reason::Disagreement, detail), panel));
            }
        };
        if let Some(value) = value_of(ours) {
            panel.answered.push(Answered {
                check: Check {
                    origin: agreed.unwrap_or(Origin::Agreement),
                    ..answered(check, value)
                },
                trial: ours.clone(),
                agreed: agreed.is_some(),
            });
        }
    }
    if peers.is_empty() {
        return Ok((without_peers(&context.agreement), panel));
    }
    let on = format!("{} others agree on {alike} generated calls", peers.len());
    Ok((
        match &context.agreement {
            Agreement::Reached(with) => Ruling::Pass(format!("{with}; {on}")),
            // Nobody contradicts where nobody could be compared.
            Agreement::Skipped if alike == 0 => Ruling::Skipped(on),
            Agreement::Skipped => Ruling::Pass(on),
            Agreement::NotReached(why) => Ruling::Skipped(format!("not reached: {why}; {on}")),
        },
        panel,
    ))
}

fn answered(question: Check, value: &Value) -> Check {
    let expect = value.to_literal();
    Check {
        kind: CheckKind::Example { expect },
        ..question
    }
}

fn without_peers(agreement: &Agreement) -> Ruling {
    match agreement {
        Agreement::Skipped => Ruling::Skipped("one solution, nobody to ask".to_owned()),
        Agreement::NotReached(why) => Ruling::Skipped(format!("not reached: {why}")),
        Agreement::Reached(with) => Ruling::Pass(with.clone()),
    }
}

/// One trial a question; `None` where the code gave nothing to compare.
pub(super) async fn ask(
    bench: &mut Bench<'_>,
    room: Room,
    code: &str,
    asked: &[Check],
) -> Result<Vec<Option<Trial>>, Undecided> {
    let all: Vec<&Check> = asked.iter().collect();
    if let Some(trials) = bench.roll_call(room, code, &all, &[]).await? {
        return Ok(trials.into_iter().map(Some).collect());
    }
    // One call that never ends must not hide the others.
    let mut trials = Vec::with_capacity(asked.len());
    let mut endless = 0;
    for check in asked {
        if endless > 1 {
            trials.push(None);
            continue;
        }
        let trial = bench.attempt(room, code, check, false).await?;
        let gave = !matches!(trial.observation.outcome, Outcome::Nothing);
        endless += usize::from(!gave);
        trials.push(gave.then_some(trial));
    }
    Ok(trials)
}

#[derive(Debug, PartialEq)]
enum Compared {
    Agree(Origin),
    Unsaid,
    Differ { other: String, is_real: bool },
}

fn compare<'p>(
    ours: &Trial,
    theirs: impl Iterator<Item = (&'p Peer, Option<&'p Trial>)>,
) -> Compared {
    let mut origin = Origin::Agreement;
    let mut same = 0;
    let mut differs = None;
    for (peer, their) in theirs {
        let Some(their) = their else {
            continue;
        };
        if same_outcome(&ours.observation, &their.observation) {
            same += 1;
            // The real thing's word settles what others may say.
            if peer.origin == Origin::Reference {
                origin = Origin::Reference;
            }
            continue;
        }
        let words = format!("{} {}", named(peer), shown(&their.observation));
        if peer.origin == Origin::Reference {
            if differs_from_the_real(ours, their) {
                return Compared::Differ {
                    other: words,
                    is_real: true,
                };
            }
        } else if speaks_against(ours, their) {
            differs = Some(words);
        }
    }
    match differs {
        Some(other) if origin != Origin::Reference => Compared::Differ {
            other,
            is_real: false,
        },
        Some(_) | None if same > 0 => Compared::Agree(origin),
        Some(_) | None => Compared::Unsaid,
    }
}

fn named(peer: &Peer) -> &'static str {
    match peer.origin {
        Origin::Reference => "the real one gives",
        Origin::Source | Origin::Model | Origin::Agreement => "another gives",
    }
}

/// Whether two unlike outcomes contradict each other: two values, or a value against a breakdown.
fn speaks_against(ours: &Trial, their: &Trial) -> bool {
    match (value_of(ours), value_of(their)) {
        (Some(_), Some(_)) => true,
        (None, Some(_)) => broke_down(ours),
        (Some(_) | None, None) => false,
    }
}

/// As `speaks_against`, where the other is the real thing: what it refuses is to be refused and what it answers is to be
/// answered. A wrong type is nobody's claim, whoever raises it.
fn differs_from_the_real(ours: &Trial, real: &Trial) -> bool {
    let refuses = |trial: &Trial| match &trial.observation.outcome {
        Outcome::Raised {
            stage: Stage::Call,
            classes,
            ..
        } => classes
            .first()
            .is_some_and(|class| !matches!(class.as_str(), "TypeError" | "AttributeError")),
        Outcome::Raised { .. }
        | Outcome::Value { .. }
        | Outcome::Unobservable { .. }
        | Outcome::Nothing => false,
    };
    match (value_of(ours), value_of(real)) {
        (Some(_), None) => refuses(real),
        (None, Some(_)) => refuses(ours) || broke_down(ours),
        (Some(_), Some(_)) => true,
        (None, None) => false,
    }
}

fn broke_down(trial: &Trial) -> bool {
    let Outcome::Raised {
        stage: Stage::Call,
        classes,
        ..
    } = &trial.observation.outcome
    else {
        return false;
    };
    classes.first().is_some_and(|class| is_breakdown(class))
}

/// Whether it is an exception that nobody raises to refuse an argument.
#[must_use]
pub fn is_breakdown(class: &str) -> bool {
    matches!(
        class,
        "IndexError"
            | "UnboundLocalError"
            | "NameError"
            | "AttributeError"
            | "RecursionError"
            | "ZeroDivisionError"
    )
}

fn value_of(trial: &Trial) -> Option<&Value> {
    match &trial.observation.outcome {
        Outcome::Value { value } => Some(value),
        Outcome::Raised { .. } | Outcome::Unobservable { .. } | Outcome::Nothing => None,
    }
}

fn spoken(check: &Check) -> String {
    let given = check
        .given
        .iter()
        .map(|(name, text)| format!("{name} = {text}"));
    let mut parts: Vec<String> = given.collect();
    parts.push(check.call.clone());
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::{Compared, Peer, compare};
    use crate::dream::{Ending, Observation, Origin, Outcome, Stage, parse_literal};
    use crate::guardian::trial::Trial;

    fn trial(outcome: Outcome) -> Trial {
        Trial {
            observation: Observation::of(Ending::Exited(0), outcome),
            holds: None,
            traced: false,
        }
    }

    fn gives(literal: &str) -> Trial {
        trial(Outcome::Value {
            value: parse_literal(literal).unwrap(),
        })
    }

    fn raises(class: &str) -> Trial {
        trial(Outcome::Raised {
            stage: Stage::Call,
            classes: vec![class.to_owned()],
            message: String::new(),
        })
    }

    fn peer(origin: Origin) -> Peer {
        Peer {
            code: String::new(),
            origin,
        }
    }

    fn asked(ours: &Trial, theirs: &[(Peer, Trial)]) -> Compared {
        compare(ours, theirs.iter().map(|(peer, trial)| (peer, Some(trial))))
    }

    #[test]
    fn the_same_value_agrees_and_another_one_does_not() {
        let one = [(peer(Origin::Model), gives("3"))];
        assert_eq!(asked(&gives("3"), &one), Compared::Agree(Origin::Agreement));
        assert!(matches!(asked(&gives("4"), &one), Compared::Differ { .. }));
        assert_eq!(asked(&gives("4"), &[]), Compared::Unsaid);
    }

    #[test]
    fn a_refusal_proves_nothing_and_a_breakdown_does() {
        let one = [(peer(Origin::Model), gives("3"))];
        assert_eq!(asked(&raises("ValueError"), &one), Compared::Unsaid);
        assert!(matches!(
            asked(&raises("IndexError"), &one),
            Compared::Differ { .. }
        ));
        let raised = [(peer(Origin::Model), raises("ValueError"))];
        assert_eq!(asked(&gives("3"), &raised), Compared::Unsaid);
    }

    #[test]
    fn the_real_thing_has_the_last_word() {
        let both = [
            (peer(Origin::Reference), gives("3")),
            (peer(Origin::Model), gives("5")),
        ];
        assert_eq!(
            asked(&gives("3"), &both),
            Compared::Agree(Origin::Reference)
        );
        assert!(matches!(asked(&gives("5"), &both), Compared::Differ { .. }));
        let refused = [(peer(Origin::Reference), raises("ValueError"))];
        assert!(matches!(
            asked(&gives("3"), &refused),
            Compared::Differ { .. }
        ));
        assert_eq!(
            asked(&raises("KeyError"), &refused),
            Compared::Unsaid,
            "both refuse"
        );
        let answered = [(peer(Origin::Reference), gives("3"))];
        assert!(matches!(
            asked(&raises("ValueError"), &answered),
            Compared::Differ { .. }
        ));
        let odd = [(peer(Origin::Reference), raises("TypeError"))];
        assert_eq!(asked(&gives("3"), &odd), Compared::Unsaid);
    }
}
