//! What the coder is asked for: solutions that know nothing of each other, and a mended one.

use super::{Fault, Steps};
use crate::coder::{CodeError, Solution};
use crate::dream::{Check, Origin, Reason, Scenario, Suite, Tokens};
use crate::engine::borrowed::is_copy;
use crate::engine::draft::Draft;
use crate::engine::progress::Phase;
use crate::engine::settle::{Answer, Said, Settlement, Tried, fails, meets};
use crate::engine::{EngineError, Scene, Tally};
use crate::guardian::inputs::{Question, edge_questions};
use crate::weaver::parse::Domain;

/// Edges that a model is asked about: the first ones are empty or zero, one for each argument.
const MOST_EDGES: usize = 3;
/// Edges that a solution is run at.
const MOST_TRIED: usize = 12;
/// Calls on which solutions differ that a model is asked about at once.
const MOST_DISPUTED: usize = 3;

/// What a question for solutions gave.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Asked {
    pub(in crate::engine) asked: usize,
    pub(in crate::engine) solutions: Vec<Solution>,
}

/// What further expectations are to be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Wish<'a> {
    More,
    /// One of them is to see this error raised.
    Error(&'a str),
    /// The edges of the arguments: short calls, of which a model is mostly sure.
    Edges,
    /// These calls.
    Calls(&'a [String]),
    /// These, to which two solutions give two values: only what the model is sure of decides between them.
    Disputed(&'a [String]),
}

/// A solution that has not been run yet.
pub(super) struct Fresh {
    pub(super) code: String,
    pub(super) mended_from: Option<usize>,
}

/// A solution that is wrong by the task's own words, or none at all.
pub(super) struct Refuted {
    pub(super) reason: Reason,
    pub(super) code: String,
    pub(super) why: String,
}

impl Fresh {
    pub(super) fn new(solution: Solution) -> Self {
        Self {
            code: solution.code,
            mended_from: None,
        }
    }
}

impl Scene<'_> {
    /// The best solution so far, mended once after what was seen of it, and what that took; `None` where no code came of
    /// it.
    pub(super) async fn mend(
        &self,
        scenario: &Scenario,
        tried: &[Tried],
        fault: Option<Fault>,
    ) -> Result<Option<(Fresh, Tokens)>, EngineError> {
        let Some(fault) = fault else {
            return Ok(None);
        };
        let code = &tried[fault.solution].code;
        let repaired = self.repaired(scenario, code, &fault.seen).await?;
        Ok(repaired.map(|solution| {
            let spent = solution.usage;
            let fresh = Fresh {
                mended_from: Some(fault.solution),
                ..Fresh::new(solution)
            };
            (fresh, spent)
        }))
    }

    /// The code mended by its author after what was seen of it; `None` where no code came of it.
    pub(in crate::engine) async fn repaired(
        &self,
        scenario: &Scenario,
        code: &str,
        seen: &str,
    ) -> Result<Option<Solution>, EngineError> {
        let Some(writers) = self.writers else {
            return Ok(None);
        };
        let coder = &writers.coder;
        match coder.repair(self.permit, scenario, code, seen).await {
            Ok(solution) => Ok(Some(solution)),
            Err(CodeError::Llm(error)) => Err(error.into()),
            Err(CodeError::NoCode(_)) => Ok(None),
        }
    }

    /// Up to `wanted` new solutions, with their tokens counted; fewer where the model gave no code or the same twice.
    pub(in crate::engine) async fn code(
        &self,
        scenario: &Scenario,
        wanted: usize,
        offset: usize,
        tally: &mut Tally,
    ) -> Result<Asked, EngineError> {
        let Some(writers) = self.writers else {
            return Err(EngineError::NoModel);
        };
        let solved = writers
            .coder
            .solve(
                self.permit,
                scenario,
                offset..offset + wanted,
                self.requests,
            )
            .await;
        let solutions = match solved {
            Ok(solutions) => solutions,
            Err(CodeError::Llm(error)) => return Err(error.into()),
            Err(refusal @ CodeError::NoCode(_)) => {
                tracing::debug!(scenario = self.number, %refusal, "the coder gave nothing");
                Vec::new()
            }
        };
        for solution in &solutions {
            tally.spent(solution.usage);
        }
        Ok(Asked {
            asked: wanted,
            solutions,
        })
    }

    /// Solutions until one gives what the task shows, and whether one does.
    pub(in crate::engine) async fn until_one_fits(
        &self,
        scenario: &Scenario,
        shown: &[Check],
        tally: &mut Tally,
    ) -> Result<(Asked, bool), EngineError> {
        let shown: Vec<(Suite, Check)> =
            shown.iter().map(|c| (Suite::Visible, c.clone())).collect();
        let Steps { first, most, .. } = Steps::of(shown.iter().map(|(_, check)| check));
        let mut all = Asked {
            asked: 0,
            solutions: Vec::new(),
        };
        let mut fits = false;
        while !fits && all.asked < most {
            self.phase(Phase::Coding, tally);
            let wanted = if all.asked == 0 { first } else { 1 };
            let more = self.code(scenario, wanted, all.asked, tally).await?;
            all.asked += more.asked;
            self.phase(Phase::Running, tally);
            for solution in more.solutions {
                let answers = self.observe(&solution.code, &shown).await?;
                let mut answered = shown.iter().zip(&answers);
                // What cannot be seen yet is asked in another form later.
                fits |= answered.all(|((_, check), answer)| {
                    meets(check, answer) || matches!(answer, Answer::Unobservable(_))
                });
                all.solutions.push(solution);
            }
        }
        Ok((all, fits))
    }

    /// Further expectations of the task's text, beside the `checks`, and what each solution of `tried` answers to them.
    pub(in crate::engine) async fn expect_more(
        &self,
        scenario: &Scenario,
        (checks, said, wish): (&mut Vec<(Suite, Check)>, &mut Said, Wish<'_>),
        tried: &mut [Tried],
        tally: &mut Tally,
    ) -> Result<(), EngineError> {
        let Some(writers) = self.writers else {
            return Ok(());
        };
        let there: Vec<&Check> = checks.iter().map(|(_, check)| check).collect();
        // What nobody answers for is no example for a tester.
        let shown: Vec<&Check> = there
            .iter()
            .copied()
            .filter(|check| said.stands(check))
            .collect();
        let weaver = &writers.weaver;
        let more = match wish {
            Wish::Calls(calls) | Wish::Disputed(calls) => {
                weaver.expected_of(self.permit, scenario, calls).await
            }
            Wish::Edges => {
                let edges = edges_of(scenario, &there);
                if edges.is_empty() {
                    return Ok(());
                }
                weaver.expected_of(self.permit, scenario, &edges).await
            }
            Wish::More | Wish::Error(_) => {
                let error = match wish {
                    Wish::Error(error) => Some(error),
                    Wish::More | Wish::Edges | Wish::Calls(_) | Wish::Disputed(_) => None,
                };
                weaver
                    .more_checks(self.permit, scenario, &there, &shown, error)
                    .await
            }
        };
        let more = self.woven_or_nothing(more)?;
        let Some(mut more) = more else {
            return Ok(());
        };
        tally.spent(more.tokens);
        if matches!(wish, Wish::Disputed(_)) {
            more.checks
                .retain(|one| more.values.contains(one) && !more.unsure.contains(one));
        }
        said.unsure.extend(more.unsure);
        // Hidden: whoever mends a solution is shown what it gave to a visible one.
        let more: Vec<(Suite, Check)> = more
            .checks
            .into_iter()
            .map(|c| (Suite::Hidden, c))
            .collect();
        for one in tried.iter_mut() {
            let answers = self.observe(&one.code, &more).await?;
            one.answers.extend(answers);
        }
        checks.extend(more);
        Ok(())
    }

    /// Calls at the edges of the arguments over which a solution falls with an error that its task does not name, or that
    /// have no end: three of ten false dreams fell over an empty list, and agreed with each other there.
    pub(super) async fn falls_over(
        &self,
        scenario: &Scenario,
        checks: &[(Suite, Check)],
        code: &str,
        named: &[Vec<String>],
    ) -> Result<Vec<String>, EngineError> {
        let there: Vec<&Check> = checks
            .iter()
            .filter(|(_, check)| check.origin != Origin::Agreement)
            .map(|(_, check)| check)
            .collect();
        let edges: Vec<(Suite, Check)> = plain_edges(scenario, &there)
            .map(|edge| (Suite::Hidden, edge.expecting("None", Origin::Agreement)))
            .take(MOST_TRIED)
            .collect();
        let answers = self.observe(code, &edges).await?;
        let falls = |answer: &Answer| match answer {
            Answer::Raised(classes) => !classes
                .iter()
                .any(|c| named.iter().flatten().any(|n| n == c)),
            Answer::Ended(_) => true,
            Answer::Value(_) | Answer::Held(_) | Answer::Unobservable(_) => false,
        };
        let fallen = edges.into_iter().zip(&answers);
        let fallen = fallen.filter(|(_, answer)| falls(answer));
        Ok(fallen
            .map(|((_, edge), _)| edge.call)
            .take(MOST_EDGES)
            .collect())
    }

    /// Asks the model once more about the calls of which it may take back what `best` misses.
    pub(super) async fn ask_again(
        &self,
        scenario: &Scenario,
        (checks, said): (&[(Suite, Check)], &mut Said),
        best: &Tried,
        tally: &mut Tally,
    ) -> Result<(), EngineError> {
        let missed = checks
            .iter()
            .zip(&best.answers)
            .filter(|((_, check), answer)| {
                // What the model was not sure of refutes only who fails there.
                let refutes = !said.is_unsure(check) || fails(check, answer);
                refutes && said.may_take_back(check) && !meets(check, answer)
            });
        let missed: Vec<Check> = missed.map(|((_, check), _)| check.clone()).collect();
        if let Some(writers) = self.writers {
            let calls: Vec<String> = missed.iter().map(|check| check.call.clone()).collect();
            let now = writers
                .weaver
                .expected_of(self.permit, scenario, &calls)
                .await;
            if let Some(now) = self.woven_or_nothing(now)? {
                tally.spent(now.tokens);
                said.says_now.extend(now.values);
            }
        }
        said.asked_again.extend(missed);
        Ok(())
    }

    /// Leaves out what proves nothing, and what is wrong by the task's own words.
    pub(super) async fn usable(
        &self,
        draft: &Draft,
        fresh: Vec<Fresh>,
        checks: &[(Suite, Check)],
        refuted: &mut Option<Refuted>,
    ) -> Result<Vec<Fresh>, EngineError> {
        let mut usable = Vec::new();
        for one in fresh {
            if is_copy(draft, &one.code) {
                tracing::debug!(
                    scenario = self.number,
                    "a solution imports what it should write anew"
                );
                refuted.get_or_insert_with(|| Refuted {
                    reason: Reason::BorrowsSolution,
                    code: one.code,
                    why: "the model imports what it should write anew".to_owned(),
                });
                continue;
            }
            if one.code.trim().is_empty() {
                continue;
            }
            if let Some(why) = self.foreign_letters(draft, &one.code, checks).await? {
                let code = one.code;
                let reason = Reason::HiddenCheckFailed;
                *refuted = Some(Refuted { reason, code, why });
            } else {
                usable.push(one);
            }
        }
        Ok(usable)
    }
}

/// Calls on which nobody but another solution speaks against a settled one, and that are not among the `decided`, few enough
/// to ask a model about: what it is sure of refutes one of the two, and costs less than further solutions.
pub(super) fn undecided(settlement: &Settlement, decided: &[String]) -> Vec<String> {
    let Settlement::Settled {
        support: None,
        disputed,
        ..
    } = settlement
    else {
        return Vec::new();
    };
    let calls = disputed.iter().filter(|call| !decided.contains(call));
    calls.take(MOST_DISPUTED).cloned().collect()
}

/// Calls at the edges of the arguments that are `there`, few enough to ask a model about.
fn edges_of(scenario: &Scenario, there: &[&Check]) -> Vec<String> {
    let edges = plain_edges(scenario, there);
    edges.map(|edge| edge.call).take(MOST_EDGES).collect()
}

fn plain_edges(scenario: &Scenario, there: &[&Check]) -> impl Iterator<Item = Question> {
    let domain = Domain::of(&scenario.task_prompt, &scenario.entry_point);
    let edges = edge_questions(&scenario.entry_point, there).into_iter();
    edges.filter(move |edge| {
        edge.setup.is_empty() && edge.given.is_empty() && !domain.excludes(&edge.call)
    })
}
