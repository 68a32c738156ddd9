//! Gate 7: the checks are strong enough. Mutants of the solution must fall; the share that does is the evidence. Where
//! independent solutions agreed on new questions, one that a surviving mutant answers otherwise becomes a hidden check.

use std::fmt::Write as _;

use super::agreement::Panel;
use super::bench::{Bench, Role, Room, Unheard, fails_to_load};
use super::mutants::{Mutant, is_decided, mutants, self_tests, without};
use super::ruling::{Hearing, Ruling, Undecided};
use super::trial::{Trial, meets};
use crate::dream::{Candidate, Check, Reason};
use crate::sandbox::Limits;

/// Most mutants that are tried: 30 tell 0.8 from 0.6 nine times in ten.
const MUTANTS_MAX: usize = 30;
/// Of fewer all must fall: a share of them says nothing.
const MUTANTS_MIN: usize = 4;
/// New questions that must have been answered before a survivor that answers them alike is held to mean the same.
const ASKED_MIN: usize = 8;
/// Share of the mutants that must fall, in percent (the project's contract on gates). Those that provably mean the same
/// are not made, and a survivor that also answers every new question as the original does is not counted here: of the
/// good fixtures' and the pack's survivors nearly all of these mean the same.
const FALLEN_MIN_PERCENT: usize = 80;
/// Share of all mutants that must fall, whatever the survivors answer, in percent: questions near weak checks are weak.
const FALLEN_OF_ALL_MIN_PERCENT: usize = 60;
/// Survivors that are always allowed: of five mutants, one is a fifth.
const ALLOWED: usize = 1;
/// The same for those that no question tells from the original.
const ALLOWED_SILENT: usize = 2;
/// Most checks that are added against survivors.
const ADDED_MAX: usize = 8;
/// CPU time of a mutant's run: what the original took, traced, several times over, and what any run takes.
const CPU_TIMES: f64 = 3.0;
const CPU_LEAST_MS: u64 = 150;
/// Wall time of a mutant's run, in the same way: a mutant that waits for what never comes uses no CPU time. Generous,
/// because what it waits for may itself stand waiting on a busy machine.
const WALL_TIMES: f64 = 5.0;
const WALL_LEAST_MS: u64 = 2_000;
/// Statements that code is tried without, because they may be tests of itself: few programs have one.
const SELF_TESTS_MAX: usize = 3;
/// Survivors that are shown.
const SHOWN: usize = 5;

pub(super) async fn rule(
    bench: &mut Bench<'_>,
    solution: Room,
    seed: u32,
    candidate: &mut Candidate,
    trials: &[Trial],
    panel: &Panel,
) -> Hearing {
    let total = |ms: fn(&Trial) -> f64| trials.iter().map(ms).sum::<f64>();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds below the CPU limit"
    )]
    let (cpu_ms, wall_ms) = (
        CPU_LEAST_MS + (total(|t| t.observation.cpu_ms) * CPU_TIMES) as u64,
        WALL_LEAST_MS + (total(|t| t.observation.wall_ms) * WALL_TIMES) as u64,
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
        ..solution
    };
    let code = judged(bench, room, candidate).await?;
    let all = mutants(&code, MUTANTS_MAX, u64::from(seed));
    if all.is_empty() && is_decided(&code) {
        let detail = "decides something, and nothing of it can be changed".to_owned();
        return Ok(Ruling::Fail(Reason::WeakChecks, detail));
    }
    if all.is_empty() {
        return Ok(Ruling::Skipped("no code to change".to_owned()));
    }
    // What was added before stands at the end and is among the witnesses.
    let checks: Vec<(Check, Trial)> = candidate
        .all_checks()
        .map(|(_, check)| check.clone())
        .zip(trials.iter().cloned())
        .collect();
    let asked: Vec<(Check, Trial)> = panel
        .answered
        .iter()
        .map(|answered| (answered.check.clone(), answered.trial.clone()))
        .collect();
    let mut jury = Jury::of(bench, room, &code, checks).await?;
    let mut witnesses = Jury::of(bench, room, &code, asked).await?;
    let mut count = Count {
        asked: panel.answered.len(),
        ..Count::default()
    };
    let mut added: Vec<usize> = Vec::new();
    for mutant in &all {
        match jury.fate(bench, room, mutant).await? {
            Fate::Falls(_) => {
                count.fallen += 1;
                continue;
            }
            Fate::FailsToLoad => {
                count.unloaded += 1;
                continue;
            }
            Fate::Stands => {}
        }
        // Of several that would do, one that was added before; then one that may be added.
        witnesses
            .order
            .sort_by_key(|at| (!added.contains(at), !panel.answered[*at].agreed, *at));
        match witnesses.fate(bench, room, mutant).await? {
            Fate::Falls(at) if added.contains(&at) => count.by_added += 1,
            Fate::Falls(at) if panel.answered[at].agreed && added.len() < ADDED_MAX => {
                added.push(at);
                count.by_added += 1;
            }
            Fate::Falls(at) => {
                let shown_by = &panel.answered[at].check.call;
                count
                    .shown
                    .push(format!("{} (told by `{shown_by}`)", mutant.name));
            }
            Fate::Stands | Fate::FailsToLoad => count.silent.push(mutant.name.clone()),
        }
    }
    for at in &added {
        let check = &panel.answered[*at].check;
        if !candidate.hidden_checks.contains(check) {
            candidate.hidden_checks.push(check.clone());
        }
    }
    count.unanswered = jury.unanswered;
    let detail = count.told(added.len());
    if count.is_weak() {
        return Ok(Ruling::Fail(Reason::WeakChecks, detail));
    }
    Ok(Ruling::Pass(detail))
}

/// The code as mutants of it are judged: without its own tests of itself, where the checks do not need them. What those
/// fell says nothing of the checks.
async fn judged(
    bench: &mut Bench<'_>,
    room: Room,
    candidate: &Candidate,
) -> Result<String, Undecided> {
    let mut code = candidate.code.clone();
    for range in self_tests(&code).into_iter().take(SELF_TESTS_MAX) {
        let without = without(&code, range);
        let mut needed = false;
        for (_, check) in candidate.all_checks() {
            let trial = bench.attempt(room, &without, check, false).await?;
            needed |= meets(check, &trial).is_err();
            if needed {
                break;
            }
        }
        if !needed {
            code = without;
        }
    }
    Ok(code)
}

/// What became of the mutants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Count {
    /// New questions that the solution answered.
    asked: usize,
    fallen: usize,
    /// Fell because nothing came back from them: they ran into a limit, or ended the interpreter.
    unanswered: usize,
    /// Could not even be loaded: no check fells these, and none misses them.
    unloaded: usize,
    /// Fell by a check that was added.
    by_added: usize,
    /// Passed, though a new question tells them from the original.
    shown: Vec<String>,
    /// Passed, and nothing tells them from the original.
    silent: Vec<String>,
}

impl Count {
    fn is_weak(&self) -> bool {
        let fallen = self.fallen + self.by_added;
        let (shown, silent) = (self.shown.len(), self.silent.len());
        let all = fallen + shown + silent;
        if all < MUTANTS_MIN {
            return shown > 0 || fallen == 0 || (silent > 0 && self.asked < ASKED_MIN);
        }
        // Silence says something only where there was something to answer.
        let (of_all_min, allowed) = if self.asked < ASKED_MIN {
            (FALLEN_MIN_PERCENT, ALLOWED)
        } else {
            (FALLEN_OF_ALL_MIN_PERCENT, ALLOWED_SILENT)
        };
        let against = shown > ALLOWED && fallen * 100 < (fallen + shown) * FALLEN_MIN_PERCENT;
        let overall = shown + silent > allowed && fallen * 100 < all * of_all_min;
        against || overall
    }

    fn told(&self, added: usize) -> String {
        let fallen = self.fallen + self.by_added;
        let all = fallen + self.shown.len() + self.silent.len();
        let mut text = format!("{fallen} of {all} mutants fell");
        if added > 0 {
            _ = write!(
                text,
                ", {} of them by {added} checks added on which independent solutions agree",
                self.by_added
            );
        }
        if self.unanswered > 0 {
            _ = write!(text, ", {} of them without an answer", self.unanswered);
        }
        if self.unloaded > 0 {
            _ = write!(text, "; {} that fail to load are left out", self.unloaded);
        }
        let mut list = |what: &str, names: &[String]| {
            if !names.is_empty() {
                let some: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
                _ = write!(text, "; {what}: {}", some.join("; "));
            }
        };
        list("these pass", &self.shown);
        list("these pass and seem to mean the same", &self.silent);
        text
    }
}

/// What checks make of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stands,
    /// By the check at this place; by any where it gives no answer at all.
    Falls(usize),
    FailsToLoad,
}

/// Checks that judge mutants, all in one interpreter where the original shows that this works.
struct Jury {
    checks: Vec<(Check, Trial)>,
    /// In which the checks are asked one by one.
    order: Vec<usize>,
    together: bool,
    /// Mutants that gave no answer at all, such as endless ones.
    unanswered: usize,
}

impl Jury {
    async fn of(
        bench: &mut Bench<'_>,
        room: Room,
        original: &str,
        checks: Vec<(Check, Trial)>,
    ) -> Result<Self, Undecided> {
        let mut order: Vec<usize> = (0..checks.len()).collect();
        // The checks with the most lines of the solution behind them fell most mutants.
        order.sort_by_key(|at| std::cmp::Reverse(checks[*at].1.observation.lines.len()));
        let mut jury = Self {
            checks,
            order,
            together: true,
            unanswered: 0,
        };
        if !jury.checks.is_empty() {
            let missed = jury.missed(bench, room, original).await?;
            jury.together = missed.is_ok_and(|missed| missed.is_empty());
        }
        Ok(jury)
    }

    async fn fate(
        &mut self,
        bench: &mut Bench<'_>,
        room: Room,
        mutant: &Mutant,
    ) -> Result<Fate, Undecided> {
        let Some(first) = self.order.first().copied() else {
            return Ok(Fate::Stands);
        };
        if self.together {
            return Ok(match self.missed(bench, room, &mutant.code).await? {
                Err(Unheard::FailsToLoad) => Fate::FailsToLoad,
                Err(Unheard::Served | Unheard::NoAnswer) => {
                    self.unanswered += 1;
                    Fate::Falls(first)
                }
                Ok(missed) => {
                    let at = self.order.iter().find(|at| missed.contains(at));
                    at.map_or(Fate::Stands, |at| Fate::Falls(*at))
                }
            });
        }
        for at in &self.order {
            let (check, _) = &self.checks[*at];
            let trial = bench.attempt(room, &mutant.code, check, false).await?;
            if fails_to_load(&trial.observation) {
                return Ok(Fate::FailsToLoad);
            }
            if meets(check, &trial).is_err() {
                return Ok(Fate::Falls(*at));
            }
        }
        Ok(Fate::Stands)
    }

    async fn missed(
        &self,
        bench: &mut Bench<'_>,
        room: Room,
        code: &str,
    ) -> Result<Result<Vec<usize>, Unheard>, Undecided> {
        let (checks, before): (Vec<&Check>, Vec<&Trial>) = self
            .checks
            .iter()
            .map(|(check, trial)| (check, trial))
            .unzip();
        let trials = match bench.call_roll(room, code, &checks, &before).await? {
            Ok(trials) => trials,
            Err(unheard) => return Ok(Err(unheard)),
        };
        let trials = checks.iter().zip(&trials).enumerate();
        Ok(Ok(trials
            .filter(|(_, (check, trial))| meets(check, trial).is_err())
            .map(|(at, _)| at)
            .collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[track_caller]
    fn check(asked: usize, fallen: usize, shown: usize, silent: usize, weak: bool) {
        let names = |n: usize| vec!["x".to_owned(); n];
        let count = Count {
            asked,
            unanswered: 1,
            fallen,
            unloaded: 3,
            by_added: 0,
            shown: names(shown),
            silent: names(silent),
        };
        assert_eq!(count.is_weak(), weak, "{count:?}");
    }

    #[test]
    fn four_of_five_that_differ_must_fall() {
        check(24, 8, 2, 0, false);
        check(24, 7, 2, 0, true);
        check(24, 4, 1, 0, false);
        check(24, 3, 1, 0, false);
        check(24, 2, 2, 0, true);
    }

    #[test]
    fn what_seems_to_mean_the_same_weighs_less() {
        check(24, 9, 0, 3, false);
        check(24, 6, 0, 5, true);
        check(24, 2, 0, 2, false);
        check(24, 8, 1, 3, false);
    }

    #[test]
    fn where_nothing_was_asked_silence_is_no_excuse() {
        check(7, 9, 0, 3, true);
        check(7, 8, 0, 2, false);
        check(7, 2, 0, 2, true);
    }

    #[test]
    fn of_few_mutants_all_must_fall() {
        check(24, 3, 0, 0, false);
        check(24, 2, 1, 0, true);
        check(24, 2, 0, 1, false);
        check(0, 2, 0, 1, true);
        check(24, 0, 0, 1, true);
    }
}
