//! Gate 7: the checks are strong enough. Mutants of the solution must fall; the share that does is the evidence.

use std::fmt::Write as _;

use super::bench::{Bench, Role, Room};
use super::mutants::mutants;
use super::ruling::{Hearing, Ruling};
use super::trial::{Trial, meets};
use crate::dream::{Candidate, Check, Reason};
use crate::sandbox::Limits;

/// Most mutants that are tried: 30 tell 0.8 from 0.6 nine times in ten and take half a second.
const MUTANTS_MAX: usize = 30;
/// Fewer say nothing.
const MUTANTS_MIN: usize = 4;
/// Share of the mutants that must fall, in percent. Below the 80 that a strong suite reaches (of the good fixtures the
/// median is 100, the least 60): a floor for suites that leave most of the code untried, until it is measured with real
/// models how many good dreams a higher one costs.
const FALLEN_MIN_PERCENT: usize = 60;
/// Survivors that are always allowed: they may mean the same as the original.
const ALLOWED: usize = 2;
/// CPU time of a mutant's run: what the original took, traced, several times over, and what any run takes.
const CPU_TIMES: f64 = 5.0;
const CPU_LEAST_MS: u64 = 150;
/// Wall time of a mutant's run, in the same way: a mutant that waits for what never comes uses no CPU time. Generous,
/// because what it waits for may itself stand waiting on a busy machine.
const WALL_TIMES: f64 = 10.0;
const WALL_LEAST_MS: u64 = 2_000;
/// Survivors that are shown.
const SHOWN: usize = 3;

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    hash_seed: u32,
    candidate: &Candidate,
    trials: &[Trial],
) -> Hearing {
    let all = mutants(&candidate.code, MUTANTS_MAX, u64::from(hash_seed));
    if all.len() < MUTANTS_MIN {
        return Ok(Ruling::Skipped(format!(
            "only {} mutants: too little code to change",
            all.len()
        )));
    }
    let slowest = |ms: fn(&Trial) -> f64| trials.iter().map(ms).fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds below the CPU limit"
    )]
    let (cpu_ms, wall_ms) = (
        CPU_LEAST_MS + (slowest(|t| t.observation.cpu_ms) * CPU_TIMES) as u64,
        WALL_LEAST_MS + (slowest(|t| t.observation.wall_ms) * WALL_TIMES) as u64,
    );
    bench.limit(
        Role::Mutant,
        Limits {
            cpu_ms: cpu_ms.min(Limits::default().cpu_ms),
            wall_ms: wall_ms.min(Limits::default().wall_ms),
            ..Limits::default()
        },
    );
    let room = Room {
        role: Role::Mutant,
        hash_seed,
    };
    // The checks with the most lines of the solution behind them fell most mutants.
    let mut checks: Vec<(&Check, &Trial)> = candidate
        .all_checks()
        .map(|(_, check)| check)
        .zip(trials)
        .collect();
    checks.sort_by_key(|(_, trial)| std::cmp::Reverse(trial.observation.lines.len()));
    let mut survivors = Vec::new();
    for mutant in &all {
        let mut fell = false;
        for (check, _) in &checks {
            let trial = bench.attempt(room, &mutant.code, check, false).await?;
            if meets(check, &trial).is_err() {
                fell = true;
                break;
            }
        }
        if !fell {
            survivors.push(mutant.name.clone());
        }
    }
    let fallen = all.len() - survivors.len();
    let mut detail = format!("{fallen} of {} mutants fell", all.len());
    if !survivors.is_empty() {
        survivors.truncate(SHOWN);
        _ = write!(detail, "; these pass: {}", survivors.join("; "));
    }
    if all.len() - fallen > ALLOWED && fallen * 100 < all.len() * FALLEN_MIN_PERCENT {
        return Ok(Ruling::Fail(Reason::WeakChecks, detail));
    }
    Ok(Ruling::Pass(detail))
}
