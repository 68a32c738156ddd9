//! Runs checks against code for settling: every check, also after a miss.

use super::bench::{Bench, Role, Room};
use super::passes::attempt;
use super::ruling::Undecided;
use super::trial::Trial;
use crate::dream::{Check, Ending, Outcome, Stage};

/// After so many limits in a row the rest is taken to end the same way: each costs five seconds.
const LIMITS_MAX: usize = 2;
/// Any seed: settling compares solutions with each other under the same one.
const HASH_SEED: u32 = 20_231;

pub(super) async fn trials(
    bench: &mut Bench<'_>,
    code: &str,
    checks: &[Check],
) -> Result<Vec<Trial>, Undecided> {
    let room = Room {
        role: Role::Solution,
        hash_seed: HASH_SEED,
    };
    let mut trials: Vec<Trial> = Vec::with_capacity(checks.len());
    let mut limits = 0;
    for check in checks {
        let trial = match trials.last() {
            Some(last) if limits >= LIMITS_MAX || failed_to_load(last) => last.clone(),
            _ => attempt(bench, room, code, check).await?,
        };
        let ended = matches!(
            trial.observation.ending,
            Ending::Exited(_) | Ending::Signaled(_)
        );
        limits = if ended { 0 } else { limits + 1 };
        trials.push(trial);
    }
    Ok(trials)
}

fn failed_to_load(trial: &Trial) -> bool {
    matches!(
        trial.observation.outcome,
        Outcome::Raised {
            stage: Stage::Load,
            ..
        }
    )
}
