//! A second chance for a candidate that fell for one thing only. Where its code changes the arguments, another solution
//! that passed the same checks may stand in for it, or its own author works on a copy. Where no check reaches some of its
//! lines, the model is asked what the edges of its arguments give; else, where nobody stands beside it, one more solution
//! is asked for, to agree on questions that do, or a further list of expectations; it is never replaced then, as the other
//! may lack just the rule that those lines are about. Where another solution contradicts it, the model is asked what that one call
//! gives, and believed where it is sure. Whatever comes of it goes through every gate again.

use tokio::sync::MutexGuard;

use crate::dream::{Candidate, Check, GateOutcome, Origin, Reason, Suite};
use crate::guardian::{Agreement, Context, Judgement, Peer};

use super::borrowed::is_copy;
use super::draft::Draft;
use super::progress::Phase;
use super::settle::{SOME_EVIDENCE, Said, Tried, differ, meets};
use super::solve::Wish;
use super::{EngineError, Scene, Tally};

/// Other solutions that are tried in its place: each costs a verification.
const MOST_OTHERS: usize = 2;

impl Scene<'_> {
    /// The verdict on a candidate or on what stands in for it. Of two alike that are proven at once one stands: a verdict
    /// that may save comes with the turn at the shelf, which nobody holds while a model is asked.
    pub(super) async fn prove(
        &self,
        draft: &Draft,
        (mut candidate, mut context): (Candidate, Context),
        asked: usize,
        tally: &mut Tally,
    ) -> Result<(Candidate, Judgement, Option<MutexGuard<'_, ()>>), EngineError> {
        let mut second = false;
        loop {
            let turn = self.tools.shelf.lock().await;
            self.phase(Phase::Proving, tally);
            context.known = Some(self.known_to(draft)?);
            let (proven, judged) = if second {
                let judged = self.judge(&candidate, &context, tally).await?;
                (candidate, judged)
            } else {
                self.with_others(candidate, &context, tally).await?
            };
            if second || draft.solved || curable(&judged).is_none() {
                return Ok((proven, judged, Some(turn)));
            }
            drop(turn);
            let chance = self
                .second_chance(draft, (&proven, &context), &judged, asked, tally)
                .await?;
            let Some(chance) = chance else {
                return Ok((proven, judged, None));
            };
            (candidate, context) = chance;
            second = true;
        }
    }

    /// The verdict on `candidate`; where it changes its arguments, on the first of the others that does not fall.
    async fn with_others(
        &self,
        candidate: Candidate,
        context: &Context,
        tally: &mut Tally,
    ) -> Result<(Candidate, Judgement), EngineError> {
        let judged = self.judge(&candidate, context, tally).await?;
        if !matches!(curable(&judged), Some((Reason::MutatesInput, _))) {
            return Ok((candidate, judged));
        }
        let others = context
            .peers
            .iter()
            .filter(|peer| peer.origin == Origin::Model);
        for other in others.take(MOST_OTHERS) {
            // The two change places: the one that fell still answers for itself.
            let mut context = context.clone();
            let mut peers = context.peers.iter_mut();
            if let Some(peer) = peers.find(|peer| peer.code == other.code) {
                peer.code.clone_from(&candidate.code);
            }
            let other = with_code(&candidate, &other.code);
            let again = self.judge(&other, &context, tally).await?;
            match again {
                Judgement::Rejected { .. } => {}
                Judgement::Verified(_) | Judgement::Undecided { .. } => return Ok((other, again)),
            }
        }
        Ok((candidate, judged))
    }

    /// What a model may still do for a candidate that was `judged`: itself mended, or with one more solution beside it that
    /// passes the same checks. `asked` solutions were asked for before.
    async fn second_chance(
        &self,
        draft: &Draft,
        (candidate, context): (&Candidate, &Context),
        judged: &Judgement,
        asked: usize,
        tally: &mut Tally,
    ) -> Result<Option<(Candidate, Context)>, EngineError> {
        if let Judgement::Rejected {
            disputed: Some(disputed),
            ..
        } = judged
        {
            return self.decided(disputed, (candidate, context), tally).await;
        }
        match curable(judged) {
            Some((Reason::MutatesInput, seen)) => {
                let mended = self.on_a_copy(candidate, seen, tally).await?;
                let mended = mended.filter(|code| !is_copy(draft, code));
                Ok(mended.map(|code| (with_code(candidate, &code), context.clone())))
            }
            Some((Reason::WeakChecks, _)) => {
                let edges = self
                    .with_more_expected(candidate, Wish::Edges, tally)
                    .await?;
                if let Some(stronger) = edges {
                    return Ok(Some((stronger, context.clone())));
                }
                // Somebody beside it has answered questions that its checks do not ask.
                if !context.peers.is_empty() {
                    return Ok(None);
                }
                let Some(code) = self.one_more(candidate, asked, tally).await? else {
                    let more = self
                        .with_more_expected(candidate, Wish::More, tally)
                        .await?;
                    return Ok(more.map(|candidate| (candidate, context.clone())));
                };
                let checks = candidate.all_checks().count();
                let support = format!("1 independent solution agrees on all {checks} checks");
                let context = Context {
                    peers: vec![by_a_model(&code)],
                    agreement: Agreement::Reached(support),
                    ..context.clone()
                };
                Ok(Some((candidate.clone(), context)))
            }
            _ => Ok(None),
        }
    }

    /// Where another solution contradicts: the candidate with what the model is sure of as one more check, and without those
    /// who miss that; `None` where it is not sure, or expects something else.
    async fn decided(
        &self,
        disputed: &Check,
        (candidate, context): (&Candidate, &Context),
        tally: &mut Tally,
    ) -> Result<Option<(Candidate, Context)>, EngineError> {
        let Some(writers) = self.writers else {
            return Ok(None);
        };
        if !disputed.setup.is_empty() || !disputed.given.is_empty() {
            return Ok(None);
        }
        self.phase(Phase::Coding, tally);
        let calls = [disputed.call.clone()];
        let scenario = &candidate.scenario;
        let told = writers.weaver.expected_of(self.permit, scenario, &calls);
        let Some(told) = self.woven_or_nothing(told.await)? else {
            return Ok(None);
        };
        tally.spent(told.tokens);
        let sure = |one: &&Check| told.values.contains(one) && !told.unsure.contains(one);
        let Some(check) = told.checks.iter().find(sure) else {
            return Ok(None);
        };
        let asked = [(Suite::Hidden, check.clone())];
        if !meets(check, &self.observe(&candidate.code, &asked).await?[0]) {
            return Ok(None);
        }
        let (mut candidate, mut context) = (candidate.clone(), context.clone());
        candidate.hidden_checks.push(check.clone());
        for peer in std::mem::take(&mut context.peers) {
            if meets(check, &self.observe(&peer.code, &asked).await?[0]) {
                context.peers.push(peer);
            } else {
                context.wrong_attempts.push(peer.code);
            }
        }
        // Those who agreed before may be among the wrong ones.
        let all = candidate.all_checks();
        let evidence = all.filter(|(_, check)| check.origin.is_evidence()).count();
        if context.peers.is_empty() {
            context.agreement = if evidence >= SOME_EVIDENCE {
                Agreement::Reached(format!(
                    "{evidence} answers that no model wrote, and what the model is sure of where another solution differs"
                ))
            } else {
                Agreement::NotReached("nobody is left who agrees".to_owned())
            };
        }
        Ok(Some((candidate, context)))
    }

    /// Another solution that passes every check of `candidate`.
    async fn one_more(
        &self,
        candidate: &Candidate,
        asked: usize,
        tally: &mut Tally,
    ) -> Result<Option<String>, EngineError> {
        self.phase(Phase::Coding, tally);
        let more = self.code(&candidate.scenario, 1, asked, tally).await?;
        let Some(one) = more.solutions.into_iter().next() else {
            return Ok(None);
        };
        if !differ(&one.code, &candidate.code) {
            return Ok(None);
        }
        self.phase(Phase::Running, tally);
        let checks = checks_of(candidate);
        let answers = self.observe(&one.code, &checks).await?;
        let mut answered = checks.iter().zip(&answers);
        let passes = answered.all(|((_, check), answer)| meets(check, answer));
        Ok(passes.then_some(one.code))
    }

    /// The candidate with further expectations, where it meets all that the model is sure of. Of the edges of its arguments
    /// the others are left out, met or not.
    async fn with_more_expected(
        &self,
        candidate: &Candidate,
        wish: Wish<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Candidate>, EngineError> {
        self.phase(Phase::Coding, tally);
        let mut checks = checks_of(candidate);
        let there = checks.len();
        let mut tried = [Tried::new(&candidate.code, Vec::new())];
        let mut said = Said::default();
        self.expect_more(
            &candidate.scenario,
            (&mut checks, &mut said, wish),
            &mut tried,
            tally,
        )
        .await?;
        let mut stronger = candidate.clone();
        for ((_, check), answer) in checks.drain(there..).zip(&tried[0].answers) {
            let sure = !said.is_unsure(&check);
            match meets(&check, answer) {
                true if sure || wish == Wish::More => stronger.hidden_checks.push(check),
                false if sure => return Ok(None),
                true | false => {}
            }
        }
        let more = stronger.hidden_checks.len() > candidate.hidden_checks.len();
        Ok(more.then_some(stronger))
    }

    /// The same code, mended by the model that wrote it.
    async fn on_a_copy(
        &self,
        candidate: &Candidate,
        seen: &str,
        tally: &mut Tally,
    ) -> Result<Option<String>, EngineError> {
        self.phase(Phase::Coding, tally);
        let seen = format!(
            "{seen}. Nothing that is passed in may be changed: make a copy first (`sorted(x)`, `list(x)`, `dict(x)`) and \
             work on that; the rest of the code is right."
        );
        let repaired = self
            .repaired(&candidate.scenario, &candidate.code, &seen)
            .await?;
        Ok(repaired.and_then(|solution| {
            tally.spent(solution.usage);
            Some(solution.code).filter(|code| *code != candidate.code)
        }))
    }
}

/// The one reason why it fell, where another solution may be without it, and what the gate saw.
fn curable(judged: &Judgement) -> Option<(&Reason, &str)> {
    let Judgement::Rejected {
        reasons,
        gates,
        disputed,
    } = judged
    else {
        return None;
    };
    let reason = match &reasons[..] {
        [reason @ (Reason::MutatesInput | Reason::WeakChecks)] => reason,
        [reason @ Reason::Disagreement] if disputed.is_some() => reason,
        _ => return None,
    };
    let failed = gates.iter().find(|gate| gate.outcome == GateOutcome::Fail);
    Some((reason, failed.map_or("", |gate| gate.detail.as_str())))
}

fn checks_of(candidate: &Candidate) -> Vec<(Suite, Check)> {
    let all = candidate.all_checks();
    all.map(|(suite, check)| (suite, check.clone())).collect()
}

fn by_a_model(code: &str) -> Peer {
    Peer {
        code: code.to_owned(),
        origin: Origin::Model,
    }
}

fn with_code(candidate: &Candidate, code: &str) -> Candidate {
    Candidate {
        code: code.to_owned(),
        ..candidate.clone()
    }
}
