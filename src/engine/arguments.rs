//! A second chance for a candidate that fell for one thing only: its code changes the arguments. Another solution that
//! passed the same checks may stand in for it; else its own author is asked once to work on a copy. Whatever comes of it
//! goes through every gate again.

use crate::coder::CodeError;
use crate::dream::{Candidate, GateOutcome, Origin, Reason};
use crate::guardian::{Context, Judgement};

use super::draft::Draft;
use super::progress::Phase;
use super::{EngineError, Scene, Tally};

/// Other solutions that are tried in its place: each costs a verification.
const MOST_OTHERS: usize = 2;

impl Scene<'_> {
    /// The judgement of what stands in, with its candidate; the one that was given where nothing better came of it.
    pub(super) async fn spare_arguments(
        &self,
        draft: &Draft,
        candidate: Candidate,
        context: &Context,
        judged: Judgement,
        tally: &mut Tally,
    ) -> Result<(Candidate, Judgement), EngineError> {
        let Judgement::Rejected { reasons, gates } = &judged else {
            return Ok((candidate, judged));
        };
        if reasons[..] != [Reason::MutatesInput] || draft.solved {
            return Ok((candidate, judged));
        }
        let seen = gates
            .iter()
            .find(|gate| gate.outcome == GateOutcome::Fail)
            .map(|gate| gate.detail.clone())
            .unwrap_or_default();
        let others = context
            .peers
            .iter()
            .filter(|peer| peer.origin == Origin::Model);
        for other in others.take(MOST_OTHERS) {
            // The two change places: the one that fell still answers for itself.
            let mut context = context.clone();
            context.peers.retain(|peer| peer.code != other.code);
            context.peers.push(crate::guardian::Peer {
                code: candidate.code.clone(),
                origin: Origin::Model,
            });
            let other = with_code(&candidate, &other.code);
            let again = self.judge(&other, &context, tally).await?;
            if matches!(again, Judgement::Verified(_)) {
                return Ok((other, again));
            }
        }
        let Some(code) = self.on_a_copy(&candidate, &seen, tally).await? else {
            return Ok((candidate, judged));
        };
        self.phase(Phase::Proving, tally);
        let mended = with_code(&candidate, &code);
        let again = self.judge(&mended, context, tally).await?;
        Ok(match again {
            Judgement::Verified(_) | Judgement::Undecided { .. } => (mended, again),
            Judgement::Rejected { .. } => (candidate, judged),
        })
    }

    /// The same code, mended by the model that wrote it.
    async fn on_a_copy(
        &self,
        candidate: &Candidate,
        seen: &str,
        tally: &mut Tally,
    ) -> Result<Option<String>, EngineError> {
        let Some(writers) = self.writers else {
            return Ok(None);
        };
        self.phase(Phase::Coding, tally);
        let seen = format!(
            "{seen}. Nothing that is passed in may be changed: make a copy first (`sorted(x)`, `list(x)`, `dict(x)`) and \
             work on that; the rest of the code is right."
        );
        let asking = self.tools.asking(writers);
        let coder = &writers.coder;
        let repaired = coder
            .repair(self.permit, &candidate.scenario, &candidate.code, &seen)
            .await;
        drop(asking);
        match repaired {
            Ok(solution) => {
                tally.spent(solution.usage);
                Ok(Some(solution.code).filter(|code| *code != candidate.code))
            }
            Err(CodeError::Llm(error)) => Err(error.into()),
            Err(CodeError::NoCode(_)) => Ok(None),
        }
    }
}

fn with_code(candidate: &Candidate, code: &str) -> Candidate {
    Candidate {
        code: code.to_owned(),
        ..candidate.clone()
    }
}
