//! From a task to one candidate with settled checks. Solutions are spent in steps: two at once, because nothing that a
//! single model call says is believed alone; more only where these left doubt.

use std::collections::HashSet;

use crate::coder::CodeError;
use crate::dream::{Candidate, Check, DroppedCheck, Origin, Reason, Suite};
use crate::guardian::{Agreement, Context};

use super::draft::Draft;
use super::progress::Phase;
use super::settle::{Answer, Settlement, Tried, observable, settle};
use super::{EngineError, Scene, Tally};

/// Solutions of the first step.
const FIRST: usize = 2;
/// Solutions of each further step.
const STEP: usize = 1;
/// Solutions at most: with a model whose solutions are right six times in ten, four leave a task without a right pair
/// less than one time in five.
const MOST: usize = 4;

/// What came of the solutions.
#[derive(Debug)]
pub(super) enum Solved {
    Ready {
        candidate: Candidate,
        context: Context,
        dropped: Vec<DroppedCheck>,
    },
    Unsettled {
        reason: Reason,
        why: String,
        candidate: Candidate,
        dropped: Vec<DroppedCheck>,
    },
}

impl Scene<'_> {
    pub(super) async fn solve(
        &self,
        draft: &Draft,
        tally: &mut Tally,
    ) -> Result<Solved, EngineError> {
        if draft.solved {
            tally.coded();
            return Ok(by_its_author(draft));
        }
        let mut checks: Vec<(Suite, Check)> = draft
            .candidate
            .all_checks()
            .map(|(suite, check)| (suite, check.clone()))
            .collect();
        let mut tried: Vec<Tried> = Vec::new();
        // Counts questions, not answers: a model that keeps giving nothing usable must come to an end too.
        let mut asked = 0;
        loop {
            let wanted = if asked == 0 { FIRST } else { STEP };
            self.phase(Phase::Coding);
            let codes = self.code(draft, wanted, asked, tally).await?;
            asked += wanted;
            if codes.is_empty() && tried.is_empty() {
                if asked < MOST {
                    continue;
                }
                return Ok(no_code(draft));
            }
            if tried.is_empty() {
                tally.coded();
            }
            self.phase(Phase::Running);
            let first_round = tried.is_empty();
            for code in codes {
                let answers = self.observe(&code, &checks).await?;
                tried.push(Tried { code, answers });
            }
            if first_round && self.make_observable(&mut checks, &mut tried).await? {
                tracing::debug!(
                    scenario = self.number,
                    "calls rewritten so that their results can be seen"
                );
            }
            if first_round {
                tally.ran();
            }
            let settlement = settle(&checks, &tried);
            let more = asked < MOST && wants_more(&settlement);
            if !more {
                return Ok(conclude(draft, settlement, &tried));
            }
        }
    }

    /// Up to `wanted` new solutions; fewer where the model gave no code or only what was there already.
    async fn code(
        &self,
        draft: &Draft,
        wanted: usize,
        offset: usize,
        tally: &mut Tally,
    ) -> Result<Vec<String>, EngineError> {
        let Some(writers) = &self.tools.writers else {
            return Err(EngineError::NoModel);
        };
        let _asking = self.tools.asking();
        let solved = writers
            .coder
            .solve(self.permit, &draft.candidate.scenario, wanted, offset)
            .await;
        let solutions = match solved {
            Ok(solutions) => solutions,
            Err(CodeError::Llm(error)) => return Err(error.into()),
            Err(refusal @ CodeError::NoCode(_)) => {
                tracing::debug!(scenario = self.number, %refusal, "the coder gave nothing");
                Vec::new()
            }
        };
        let mut codes = Vec::new();
        for solution in solutions {
            tally.spent(solution.usage);
            let copies = draft
                .reference
                .as_deref()
                .is_some_and(|real| imports(&solution.code, real));
            if copies {
                tracing::debug!(
                    scenario = self.number,
                    "a solution imports what it should write anew"
                );
            } else if !solution.code.trim().is_empty() {
                codes.push(solution.code);
            }
        }
        Ok(codes)
    }

    /// Rewrites calls whose result no solution gave as exact data; true where one was rewritten.
    async fn make_observable(
        &self,
        checks: &mut [(Suite, Check)],
        tried: &mut [Tried],
    ) -> Result<bool, EngineError> {
        let mut rewritten = Vec::new();
        for (c, (_, check)) in checks.iter_mut().enumerate() {
            let types: HashSet<&str> = tried
                .iter()
                .filter_map(|t| match &t.answers[c] {
                    Answer::Unobservable(type_name) => Some(type_name.as_str()),
                    Answer::Value(_) | Answer::Raised(_) | Answer::Held(_) | Answer::Ended(_) => {
                        None
                    }
                })
                .collect();
            let plain = types
                .iter()
                .find_map(|type_name| observable(&check.call, type_name));
            if let Some(call) = plain {
                check.call = call;
                rewritten.push(c);
            }
        }
        if rewritten.is_empty() {
            return Ok(false);
        }
        for one in tried.iter_mut() {
            let again: Vec<(Suite, Check)> = rewritten.iter().map(|&c| checks[c].clone()).collect();
            let answers = self.observe(&one.code, &again).await?;
            for (&c, answer) in rewritten.iter().zip(answers) {
                one.answers[c] = answer;
            }
        }
        Ok(true)
    }
}

/// What the Guardian is handed, or why nothing is.
fn conclude(draft: &Draft, settlement: Settlement, tried: &[Tried]) -> Solved {
    let mut candidate = draft.candidate.clone();
    match settlement {
        Settlement::Settled {
            winner,
            checks,
            hidden_checks,
            dropped,
            wrong,
            support,
        } => {
            candidate.code.clone_from(&tried[winner].code);
            candidate.checks = checks;
            candidate.hidden_checks = hidden_checks;
            let agreement = match support {
                Some(support) => Agreement::Reached(support),
                None => Agreement::NotReached("no independent solution agrees".to_owned()),
            };
            let mut wrong_attempts: Vec<String> = draft.wrong.clone();
            wrong_attempts.extend(wrong.into_iter().map(|s| tried[s].code.clone()));
            Solved::Ready {
                candidate,
                context: Context {
                    wrong_attempts,
                    agreement,
                },
                dropped,
            }
        }
        Settlement::Unsettled { best, why, .. } => {
            if let Some(best) = best {
                candidate.code.clone_from(&tried[best].code);
            }
            Solved::Unsettled {
                reason: reason_of(draft),
                why,
                candidate,
                dropped: Vec::new(),
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
        },
        dropped: Vec::new(),
    }
}

fn no_code(draft: &Draft) -> Solved {
    Solved::Unsettled {
        reason: Reason::EntryPointMissing,
        why: "the model wrote no code".to_owned(),
        candidate: draft.candidate.clone(),
        dropped: Vec::new(),
    }
}

fn wants_more(settlement: &Settlement) -> bool {
    match settlement {
        Settlement::Settled { support, .. } => support.is_none(),
        Settlement::Unsettled { more_may_help, .. } => *more_may_help,
    }
}

fn reason_of(draft: &Draft) -> Reason {
    if draft.candidate.all_checks().count() < super::plan::ENOUGH_EXAMPLES {
        Reason::TooFewChecks
    } else {
        Reason::Disagreement
    }
}

/// Whether `code` imports the module of the real thing, or names it from there: that would prove nothing.
fn imports(code: &str, reference: &str) -> bool {
    let Some((module, _)) = reference.rsplit_once('.') else {
        return false;
    };
    let top = module.split('.').next().unwrap_or(module);
    code.lines().map(str::trim_start).any(|line| {
        let rest = line
            .strip_prefix("import ")
            .or_else(|| line.strip_prefix("from "));
        rest.is_some_and(|names| names.split([' ', ',', '.']).any(|name| name == top))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_that_imports_the_real_thing_is_seen() {
        assert!(imports("import statistics\n", "statistics.mean"));
        assert!(imports("    from os.path import join\n", "os.path.join"));
        assert!(imports("import math, bisect as b\n", "bisect.bisect"));
        assert!(!imports(
            "def mean(xs):\n    return sum(xs) / len(xs)\n",
            "statistics.mean"
        ));
        assert!(!imports("import math\n", "sorted"));
    }
}
