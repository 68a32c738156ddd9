//! From a task to one candidate with settled checks. Solutions are spent in steps: three at once, because nothing that a
//! single model call says is believed alone; more only where these left doubt.

mod ask;
mod letters;

use crate::dream::{Candidate, Check, CheckKind, DroppedCheck, Origin, Reason, Suite, Tries};
use crate::guardian::inputs::{Question, questions};
use crate::guardian::{Agreement, Context};
use crate::weaver::parse::{Domain, named_errors, stated};

use super::draft::Draft;
use super::peers::{oracle_of, peers_of};
use super::progress::Phase;
use super::settle::{
    Answer, ENOUGH_EVIDENCE, Needs, SOME_EVIDENCE, Said, Settlement, Tried, differ, meets, settle,
    told, with_stated,
};
use super::{EngineError, Scene, Tally};
pub(super) use ask::{Asked, Wish};
use ask::{Fresh, Refuted, undecided};

/// Solutions of the first step: two that agree are found in one step more often among three, and with the request for
/// checks beside them they are four requests, which a server on a processor answers in three quarters of the time that
/// it takes for them one by one. Where the task shows what is right one comes after the other: most first ones need no other.
const FIRST: usize = 3;

/// Solutions that were asked for before one may stand alone: the others are wrong then, or none came. Of 13 that stood alone
/// where no other had been asked for two were false.
const LEAST_ALONE: usize = 2;

/// Open questions to the solutions of a task that only a model answers: as many as its checks.
const OPEN: usize = 10;
/// Any seed will do, as long as it is the same when a scenario is tried again; the Guardian asks with others.
const OPEN_SEED: u64 = 2;

/// What came of the solutions.
#[derive(Debug)]
pub(super) enum Solved {
    Ready {
        candidate: Candidate,
        context: Context,
        dropped: Vec<DroppedCheck>,
        /// Nothing where the solution came with the task.
        tries: Option<Tries>,
        /// How many solutions were asked for.
        asked: usize,
    },
    Unsettled {
        reason: Reason,
        why: String,
        candidate: Candidate,
    },
}

impl Scene<'_> {
    pub(super) async fn solve(
        &self,
        draft: &Draft,
        tally: &mut Tally,
    ) -> Result<Solved, EngineError> {
        if draft.solved {
            tally.parsed();
            tally.ran();
            return Ok(by_its_author(draft));
        }
        let mut checks: Vec<(Suite, Check)> = draft
            .candidate
            .all_checks()
            .map(|(suite, check)| (suite, check.clone()))
            .collect();
        let scenario = &draft.candidate.scenario;
        let (stated, named) = match draft.reference {
            None => (
                stated(&scenario.task_prompt, &scenario.entry_point),
                named_errors(&scenario.task_prompt),
            ),
            // The real thing's answers say more than its description.
            Some(_) => (Vec::new(), Vec::new()),
        };
        checks = with_stated(checks, &stated);
        let mut said = Said {
            stated,
            unsure: draft.unsure.clone(),
            ..Said::default()
        };
        self.phase(Phase::Coding, tally);
        let steps = Steps::of(checks.iter().map(|(_, check)| check));
        let Steps { step, most, .. } = steps;
        let early = match &draft.early {
            Some(early) => early.clone(),
            None => self.code(scenario, steps.first, 0, tally).await?,
        };
        // Counts questions, not answers: a model that keeps giving nothing usable must come to an end too.
        let mut asked = early.asked;
        let mut fresh: Vec<Fresh> = early.solutions.into_iter().map(Fresh::new).collect();
        let mut tried: Vec<Tried> = Vec::new();
        let mut expected = false;
        // Winners that were run at the edges of their arguments.
        let mut at_edges: Vec<usize> = Vec::new();
        // Calls on which solutions differ, that a model was asked about.
        let mut decided: Vec<String> = Vec::new();
        let mut refuted = None;
        loop {
            fresh = self.usable(draft, fresh, &checks, &mut refuted).await?;
            if fresh.is_empty() && tried.is_empty() {
                if asked >= most {
                    return Ok(nothing_usable(draft, refuted));
                }
                let more = self.code(scenario, step, asked, tally).await?;
                asked += more.asked;
                fresh = more.solutions.into_iter().map(Fresh::new).collect();
                continue;
            }
            self.phase(Phase::Running, tally);
            let first_round = tried.is_empty();
            if first_round {
                tally.parsed();
                if steps.evidence < ENOUGH_EVIDENCE {
                    checks.extend(open_questions(draft, &checks, &fresh));
                }
            }
            for Fresh { code, mended_from } in fresh {
                if tried.iter().all(|earlier| differ(&earlier.code, &code)) {
                    let answers = self.observe(&code, &checks).await?;
                    tried.push(Tried {
                        mended_from,
                        ..Tried::new(code, answers)
                    });
                }
            }
            if first_round {
                self.make_observable(&mut checks, &mut said, &mut tried)
                    .await?;
                tally.ran();
            }
            let settlement = settle(&checks, &tried, &said).having_seen(&named);
            let (needed, spent) = (needs(&settlement), asked >= most);
            if let Settlement::Unsettled {
                best: Some(best),
                needs: Needs::Again,
                ..
            } = settlement
            {
                self.phase(Phase::Coding, tally);
                self.ask_again(scenario, (&checks, &mut said), &tried[best], tally)
                    .await?;
                fresh = Vec::new();
                continue;
            }
            let fallen = match settlement {
                Settlement::Settled {
                    winner,
                    support: Some(_),
                    ..
                } if draft.reference.is_none() && !at_edges.contains(&winner) => {
                    at_edges.push(winner);
                    let code = &tried[winner].code;
                    self.falls_over(scenario, &checks, code, &named).await?
                }
                Settlement::Settled { .. } | Settlement::Unsettled { .. } => Vec::new(),
            };
            let disputed = undecided(&settlement, &decided);
            let alone = matches!(settlement, Settlement::Settled { alone: true, .. });
            let further = match needed {
                Needs::Error(clause) => Some(Wish::Error(named[clause][0].as_str())),
                Needs::Expectations if said.unsure.is_empty() => Some(Wish::More),
                Needs::Expectations => Some(Wish::Edges),
                Needs::Either if spent => Some(Wish::More),
                Needs::Sure if spent => Some(Wish::Edges),
                Needs::Nothing if alone && asked >= LEAST_ALONE => Some(Wish::Edges),
                Needs::Nothing | Needs::Solutions | Needs::Either | Needs::Sure | Needs::Again => {
                    None
                }
            };
            let wish = if !fallen.is_empty() {
                Some(Wish::Calls(&fallen))
            } else if !disputed.is_empty() {
                decided.extend_from_slice(&disputed);
                Some(Wish::Disputed(&disputed))
            } else {
                further.filter(|_| !expected)
            };
            if let Some(wish) = wish {
                expected |= !matches!(wish, Wish::Calls(_) | Wish::Disputed(_));
                self.phase(Phase::Coding, tally);
                self.expect_more(scenario, (&mut checks, &mut said, wish), &mut tried, tally)
                    .await?;
                self.make_observable(&mut checks, &mut said, &mut tried)
                    .await?;
                fresh = Vec::new();
                continue;
            }
            let settled = needed == Needs::Nothing && (!alone || asked >= LEAST_ALONE);
            if spent || settled || further.is_some() {
                return Ok(conclude(draft, settlement, &tried, asked));
            }
            let fault = fault_of(&settlement, &checks, &tried);
            self.phase(Phase::Coding, tally);
            // A mended solution takes the place of a new one.
            let wanted = step - usize::from(fault.is_some());
            let again = self.mend(scenario, &tried, fault);
            let more = self.code(scenario, wanted, asked, tally);
            let (again, more) = if self.requests > 1 {
                tokio::join!(again, more)
            } else {
                (again.await, more.await)
            };
            let (again, more) = (again?, more?);
            asked += step;
            fresh = Vec::new();
            if let Some((again, spent)) = again {
                tally.spent(spent);
                fresh.push(again);
            }
            fresh.extend(more.solutions.into_iter().map(Fresh::new));
        }
    }
}

/// How many solutions are asked for.
pub(super) struct Steps {
    /// Checks that no model answered.
    evidence: usize,
    pub(super) first: usize,
    /// In a further step: fewer, for what the first one does not settle seldom is.
    step: usize,
    /// In all.
    pub(super) most: usize,
}

impl Steps {
    /// By how many of the checks no model answered.
    pub(super) fn of<'a>(checks: impl Iterator<Item = &'a Check>) -> Self {
        let evidence = checks.filter(|check| check.origin.is_evidence()).count();
        let (first, step, most) = match evidence {
            ENOUGH_EVIDENCE.. => (1, 1, 2),
            SOME_EVIDENCE.. => (1, 1, 3),
            _ => (FIRST, 2, 5),
        };
        Self {
            evidence,
            first,
            step,
            most,
        }
    }
}

/// Calls that nobody expects anything of, near the checks' and with what the solutions compare their arguments with.
fn open_questions(
    draft: &Draft,
    checks: &[(Suite, Check)],
    solutions: &[Fresh],
) -> Vec<(Suite, Check)> {
    let scenario = &draft.candidate.scenario;
    let domain = Domain::of(&scenario.task_prompt, &scenario.entry_point);
    let checks: Vec<&Check> = checks.iter().map(|(_, check)| check).collect();
    let codes: Vec<&str> = solutions.iter().map(|one| one.code.as_str()).collect();
    let asked = questions(&scenario.entry_point, &checks, &codes, OPEN, OPEN_SEED).into_iter();
    let asked = asked.filter(|question| !domain.excludes(&question.call));
    let open = |question: Question| (Suite::Hidden, question.expecting("None", Origin::Agreement));
    asked.map(open).collect()
}

/// What the Guardian is handed, or why nothing is.
fn conclude(draft: &Draft, settlement: Settlement, tried: &[Tried], asked: usize) -> Solved {
    let mut candidate = draft.candidate.clone();
    match settlement {
        Settlement::Settled {
            winner,
            checks,
            hidden_checks,
            dropped,
            wrong,
            support,
            alone: _,
            disputed: _,
        } => {
            candidate.code.clone_from(&tried[winner].code);
            candidate.checks = checks;
            candidate.hidden_checks = hidden_checks;
            let agreement = match support {
                Some(support) => Agreement::Reached(support),
                None => Agreement::NotReached("no independent solution agrees".to_owned()),
            };
            let peers = peers_of(draft, winner, &wrong, tried);
            let measured = Tries {
                tried: tried.len(),
                passed: tried.len() - wrong.len(),
            };
            let mut wrong_attempts: Vec<String> = draft.wrong.clone();
            wrong_attempts.extend(wrong.into_iter().map(|s| tried[s].code.clone()));
            Solved::Ready {
                candidate,
                context: Context {
                    wrong_attempts,
                    agreement,
                    peers,
                    known: None,
                },
                dropped,
                tries: Some(measured),
                asked,
            }
        }
        Settlement::Unsettled { best, why, needs } => {
            if let Some(best) = best {
                candidate.code.clone_from(&tried[best].code);
            }
            Solved::Unsettled {
                reason: reason_of(draft, needs),
                why,
                candidate,
            }
        }
    }
}

/// A solution that came with its task: its own answers are the question, so nobody settles anything.
fn by_its_author(draft: &Draft) -> Solved {
    let evidence = draft
        .candidate
        .all_checks()
        .filter(|(_, check)| matches!(check.origin, Origin::Source | Origin::Reference))
        .count();
    let agreement = match evidence {
        0 => Agreement::NotReached("no answer comes from anybody but a model".to_owned()),
        n => Agreement::Reached(format!("{n} answers that no model wrote")),
    };
    Solved::Ready {
        candidate: draft.candidate.clone(),
        context: Context {
            wrong_attempts: draft.wrong.clone(),
            agreement,
            peers: oracle_of(draft).into_iter().collect(),
            known: None,
        },
        dropped: Vec::new(),
        tries: None,
        asked: 0,
    }
}

/// No code at all, or code that is wrong by the task's own words.
fn nothing_usable(draft: &Draft, refuted: Option<Refuted>) -> Solved {
    let mut candidate = draft.candidate.clone();
    let (reason, why) = match refuted {
        Some(Refuted { reason, code, why }) => {
            candidate.code = code;
            (reason, why)
        }
        None => (
            Reason::EntryPointMissing,
            "the model wrote no usable code".to_owned(),
        ),
    };
    Solved::Unsettled {
        reason,
        why,
        candidate,
    }
}

fn needs(settlement: &Settlement) -> Needs {
    match settlement {
        Settlement::Settled { support: None, .. } => Needs::Solutions,
        Settlement::Settled { .. } => Needs::Nothing,
        Settlement::Unsettled { needs, .. } => *needs,
    }
}

/// Where further solutions could have settled it they disagreed, however few the checks.
fn reason_of(draft: &Draft, needs: Needs) -> Reason {
    let few = draft.candidate.all_checks().count() < super::plan::ENOUGH_EXAMPLES;
    if matches!(needs, Needs::Error(_)) {
        Reason::WeakChecks
    } else if few && needs == Needs::Nothing {
        Reason::TooFewChecks
    } else {
        Reason::Disagreement
    }
}

/// What is wrong with a solution beyond doubt.
struct Fault {
    solution: usize,
    /// In words for the coder.
    seen: String,
}

/// What to mend, where the checks are not settled yet: a shown answer that no model wrote is missed, or the solution
/// fails where a result is due. A model's expectation alone is no proof of a fault.
fn fault_of(settlement: &Settlement, checks: &[(Suite, Check)], tried: &[Tried]) -> Option<Fault> {
    let Settlement::Unsettled {
        best: Some(best), ..
    } = settlement
    else {
        return None;
    };
    let answers = &tried[*best].answers;
    let shown = checks
        .iter()
        .zip(answers)
        .filter(|((suite, _), _)| *suite == Suite::Visible);
    let seen = shown.into_iter().find_map(|((_, check), answer)| {
        let due = match &check.kind {
            CheckKind::Example { expect } => expect.clone(),
            CheckKind::Raises { error } => format!("the error {error}"),
            CheckKind::Property { .. } => return None,
        };
        let fails = matches!(
            (&check.kind, answer),
            (
                CheckKind::Example { .. },
                Answer::Raised(_) | Answer::Ended(_)
            )
        );
        let misses = check.origin.is_evidence() && !meets(check, answer);
        let setup = if check.setup.is_empty() {
            String::new()
        } else {
            format!("{}\n", check.setup)
        };
        let wanted = if check.origin.is_evidence() {
            format!(", but must give {due}")
        } else {
            String::new()
        };
        (fails || misses).then(|| format!("{setup}{} gave {}{wanted}", check.call, told(answer)))
    })?;
    Some(Fault {
        solution: *best,
        seen,
    })
}
