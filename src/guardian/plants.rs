//! Candidates that are known to be bad, planted to see whether they get through: the false-pass rate is measured while
//! the program works, not assumed. Made from a dream that was accepted just before; the engine plants them, one sort
//! after the other, and this file says what the counts mean.
//!
//! *Certain*: nothing-solutions, shuffled expectations, forgeries. *Shown*: mutants of the dream that answer some new
//! question otherwise than the dream does; a mutant without such a witness may mean the same and is not planted.

use super::bench::{Bench, Role, Room};
use super::entry;
use super::inputs::questions;
use super::mutants::mutants;
use super::stand_ins::stand_ins;
use super::syntax::Source;
use super::trial::{Trial, same_outcome};
use super::{Context, Guardian, Judgement, hash_seeds};
use crate::chance::Chance;
use crate::dream::{Candidate, Check, CheckKind, Origin, Outcome, Reason, Value, parse_literal};
use crate::sandbox::Limits;
use crate::supervisor::permit::WorkPermit;

/// Kinds of certain plants.
const KINDS: usize = 3;
/// Mutants of which one with a witness is taken, whatever its kind, and how many are tried: most have one.
const MUTANTS: usize = 40;
const TRIED: usize = 6;
/// Questions that a mutant is asked.
const QUESTIONS: usize = 24;
/// CPU time for all questions together: a mutant that loops for ever is of no use here.
const MUTANT_CPU_MS: u64 = 1_000;
/// Plants over which the rates are counted (the project's contract).
pub const COUNTED: usize = 300;
/// Lower bound of the rate of shown plants above which nothing is saved any more (the project's contract).
const SHOWN_MAX: f64 = 0.05;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Bad beyond doubt.
    Certain,
    /// Bad because a witness shows it.
    Shown,
}

impl Class {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Shown => "shown",
        }
    }
}

/// A bad candidate under seal: nobody but the Guardian reads it.
#[derive(Debug)]
pub struct Plant {
    class: Class,
    kind: &'static str,
    candidate: Candidate,
    /// A call that no check holds, with the accepted dream's answer.
    witness: Option<Check>,
}

impl Plant {
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// In a word or two: "shuffled expectations".
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What a dream lacks whose shown plant got through.
    #[must_use]
    pub fn witness(&self) -> Option<&Check> {
        self.witness.as_ref()
    }
}

/// What became of a plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planted {
    Fell(Reason),
    /// Accepted: a false pass.
    Through,
    Undecided(String),
}

/// One certain plant of a dream, the same one each time: the kinds come in turns, and each kind goes through its own.
fn certain(dream: &Candidate, turn: usize) -> Option<Plant> {
    let name = &dream.scenario.entry_point;
    let with_code = |kind, code: String| Plant {
        class: Class::Certain,
        kind,
        candidate: Candidate {
            code,
            ..dream.clone()
        },
        witness: None,
    };
    let source = Source::parse(&dream.code)?;
    let shape = entry::find(&source, name).ok()?.shape;
    let nothing: Vec<Plant> = stand_ins(dream, &shape)
        .into_iter()
        .map(|stand_in| with_code("nothing-solution", stand_in.code))
        .collect();
    let mut forgeries: Vec<Plant> = Vec::new();
    let forgery = |body: &str| format!("def {name}(*args, **kwargs):\n    {body}\n");
    // Each tries to give the verdict itself: by ending the interpreter, by answering in its place, by an object that is
    // equal to everything.
    forgeries.push(with_code("forgery", forgery("import sys\n    sys.exit(0)")));
    forgeries.push(with_code(
        "forgery",
        format!(
            "{}\n\nprint('{{\"outcome\": \"value\"}}')\nraise SystemExit(0)\n",
            dream.code
        ),
    ));
    forgeries.push(with_code(
        "forgery",
        forgery(
            "import os\n    for fd in range(3, 64):\n        try:\n            os.write(fd, b'{\"outcome\":\"value\",\"value\":\"none\"}\\n{\"lines\":[1]}\\n')\n        \
             except OSError:\n            pass\n    raise SystemExit(0)",
        ),
    ));
    forgeries.push(with_code(
        "forgery",
        format!(
            "class _Any:\n    def __eq__(self, other):\n        return True\n\n    def __hash__(self):\n        return 0\n\n\n{}",
            forgery("return _Any()")
        ),
    ));
    let kinds = [shuffled(dream).into_iter().collect(), nothing, forgeries];
    let mut kinds: Vec<Vec<Plant>> = kinds.into_iter().filter(|k| !k.is_empty()).collect();
    let mut kind = kinds.swap_remove(turn % kinds.len());
    let at = turn / KINDS % kind.len();
    Some(kind.swap_remove(at))
}

/// The dream with the answers of its examples exchanged, so that at least one is wrong.
fn shuffled(dream: &Candidate) -> Option<Plant> {
    let mut candidate = dream.clone();
    let mut examples: Vec<&mut Check> = candidate
        .checks
        .iter_mut()
        .chain(&mut candidate.hidden_checks)
        .filter(|check| matches!(check.kind, CheckKind::Example { .. }))
        .collect();
    let mut kinds: Vec<CheckKind> = examples.iter().map(|check| check.kind.clone()).collect();
    // `1` and `1.0` are the same answer: exchanging them makes nothing wrong.
    let same = |a: &CheckKind, b: &CheckKind| match (answer(a), answer(b)) {
        (Some(a), Some(b)) => a.equals(&b),
        _ => a == b,
    };
    if kinds.windows(2).all(|pair| same(&pair[0], &pair[1])) {
        return None;
    }
    kinds.rotate_left(1);
    for (check, kind) in examples.iter_mut().zip(kinds) {
        check.kind = kind;
    }
    Some(Plant {
        class: Class::Certain,
        kind: "shuffled expectations",
        candidate,
        witness: None,
    })
}

fn answer(kind: &CheckKind) -> Option<Value> {
    match kind {
        CheckKind::Example { expect } => parse_literal(expect).ok(),
        CheckKind::Raises { .. } | CheckKind::Property { .. } => None,
    }
}

impl Guardian {
    /// One plant of each class, where the dream allows it. `turn` makes plants of one dream differ from one time to
    /// the next; the same turn gives the same plants.
    ///
    /// # Errors
    /// Where the sandbox failed, in words: nothing follows from it.
    pub async fn plants(
        &self,
        permit: &WorkPermit,
        dream: &Candidate,
        turn: usize,
    ) -> Result<Vec<Plant>, String> {
        let mut plants: Vec<Plant> = certain(dream, turn).into_iter().collect();
        let mut bench = Bench::new(&self.sandbox, permit);
        let shown = shown(&mut bench, dream, turn).await;
        bench.close();
        plants.extend(shown?);
        Ok(plants)
    }

    /// Judges a plant by gates 1 to 8, as any candidate.
    pub async fn try_plant(&self, permit: &WorkPermit, plant: &Plant) -> Planted {
        match self
            .judge(permit, &plant.candidate, &Context::default())
            .await
        {
            Judgement::Verified(_) => Planted::Through,
            Judgement::Rejected { reasons, .. } => {
                Planted::Fell(reasons.first().copied().unwrap_or(Reason::BadCheck))
            }
            Judgement::Undecided { why, .. } => Planted::Undecided(why),
        }
    }
}

async fn shown(
    bench: &mut Bench<'_>,
    dream: &Candidate,
    turn: usize,
) -> Result<Option<Plant>, String> {
    let [seed, ..] = hash_seeds(dream);
    // Another stream than the Guardian's own: it must not be asked what it asked itself.
    let seed = u64::from(seed) ^ (0x9e37_79b9_7f4a_7c15 + turn as u64);
    let checks: Vec<&Check> = dream.all_checks().map(|(_, check)| check).collect();
    let asked: Vec<Check> = questions(
        &dream.scenario.entry_point,
        &checks,
        &[&dream.code],
        QUESTIONS,
        seed,
    )
    .into_iter()
    .map(|question| question.expecting("None", Origin::Agreement))
    .collect();
    let asked: Vec<&Check> = asked.iter().collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let brief = Limits {
        cpu_ms: MUTANT_CPU_MS,
        ..Limits::default()
    };
    bench.limit(Role::Mutant, brief);
    let room = |role| Room { role, hash_seed: 7 };
    let answers = |bench_trials: Option<Vec<Trial>>| bench_trials.unwrap_or_default();
    let right = bench.roll_call(room(Role::Solution), &dream.code, &asked, &[]);
    let right = answers(right.await.map_err(|undecided| undecided.0)?);
    // Made kind by kind: the first one would nearly always be a comparison.
    let mut all = mutants(&dream.code, MUTANTS, seed);
    let mut chance = Chance::seeded(seed);
    for _ in 0..TRIED {
        let Some(at) = chance.pick(&vec![1.0; all.len()]) else {
            break;
        };
        let mutant = all.swap_remove(at);
        let wrong = bench.roll_call(room(Role::Mutant), &mutant.code, &asked, &[]);
        let wrong = answers(wrong.await.map_err(|undecided| undecided.0)?);
        let differs = asked
            .iter()
            .zip(right.iter().zip(&wrong))
            .find_map(|(check, (a, b))| {
                let Outcome::Value { value } = &a.observation.outcome else {
                    return None;
                };
                // The dream's own answer: nobody was asked whether it is theirs too.
                (!same_outcome(&a.observation, &b.observation)).then(|| Check {
                    origin: Origin::Model,
                    kind: CheckKind::Example {
                        expect: value.to_literal(),
                    },
                    ..(*check).clone()
                })
            });
        if let Some(witness) = differs {
            return Ok(Some(Plant {
                class: Class::Shown,
                kind: "mutant",
                candidate: Candidate {
                    code: mutant.code,
                    ..dream.clone()
                },
                witness: Some(witness),
            }));
        }
    }
    Ok(None)
}

/// How many plants were tried and how many got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Count {
    pub tried: u64,
    pub through: u64,
}

impl Count {
    pub fn add(&mut self, through: bool) {
        self.tried += 1;
        self.through += u64::from(through);
    }

    /// The rate's 95 % interval after Clopper and Pearson (1934): exact, and cautious where the counts are small.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        let low = if self.through == 0 {
            0.0
        } else {
            solve(|p| 1.0 - below(self.tried, self.through, p) > TAIL)
        };
        let high = if self.through >= self.tried {
            1.0
        } else {
            solve(|p| below(self.tried, self.through + 1, p) <= TAIL)
        };
        (low, high)
    }
}

/// Half of what is outside of a 95 % interval.
const TAIL: f64 = 0.025;

/// The smallest rate for which `holds`, by halving; 50 halvings are more exact than a float of this size needs.
fn solve(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// Chance of fewer than `k` hits in `n` tries at a rate of `p`.
fn below(n: u64, k: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    // In logarithms: 0.5^300 is no float.
    let mut term = n as f64 * (1.0 - p).ln();
    let mut sum = 0.0;
    for i in 0..k {
        sum += term.exp();
        term += ((n - i) as f64).ln() - ((i + 1) as f64).ln() + p.ln() - (1.0 - p).ln();
    }
    sum
}

/// Why nothing may be saved any more; `None` while the Guardian can be trusted.
#[must_use]
pub fn alarm(certain: Count, shown: Count) -> Option<String> {
    if certain.through > 0 {
        return Some(format!(
            "{} of {} planted candidates that are bad beyond doubt got through",
            certain.through, certain.tried
        ));
    }
    let (low, _) = shown.interval();
    (low > SHOWN_MAX).then(|| {
        format!(
            "{} of {} planted mutants got through: more than {:.0} in a hundred beyond doubt",
            shown.through,
            shown.tried,
            SHOWN_MAX * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{Count, alarm, certain, shuffled};
    use crate::dream::{Candidate, Check, Scenario};

    fn dream() -> Candidate {
        Candidate {
            scenario: Scenario {
                entry_point: "f".to_owned(),
                ..Scenario::default()
            },
            code: "def f(x):\n    return x + 1\n".to_owned(),
            checks: vec![Check::example("f(1)", "2"), Check::example("f(2)", "3")],
            hidden_checks: vec![Check::example("f(4)", "5")],
        }
    }

    #[test]
    fn the_interval_is_exact() {
        let near = |a: f64, b: f64| (a - b).abs() < 0.001;
        let count = |tried, through| Count { tried, through }.interval();
        let (low, high) = count(22, 0);
        assert!(low.abs() < 1e-12 && near(high, 0.154), "{high}");
        // Tables of the binomial distribution give these.
        let (low, high) = count(10, 1);
        assert!(near(low, 0.0025) && near(high, 0.445), "{low} {high}");
        let (low, high) = count(300, 15);
        assert!(near(low, 0.0283) && near(high, 0.0811), "{low} {high}");
        assert_eq!(count(0, 0), (0.0, 1.0));
        assert!(near(count(1, 1).0, 0.025));
    }

    #[test]
    fn one_certain_false_pass_is_enough_and_a_shown_one_is_not() {
        let count = |tried, through| Count { tried, through };
        assert_eq!(alarm(count(300, 0), count(300, 15)), None);
        assert_eq!(alarm(count(0, 0), count(1, 1)), None);
        assert!(alarm(count(0, 0), count(2, 2)).is_some());
        assert_eq!(alarm(count(0, 0), count(20, 2)), None);
        assert!(alarm(count(300, 1), count(0, 0)).is_some());
        assert!(alarm(count(300, 0), count(300, 30)).is_some());
    }

    #[test]
    fn plants_differ_from_the_dream_and_come_in_turns() {
        let dream = dream();
        let kinds: Vec<_> = (0..12)
            .filter_map(|turn| certain(&dream, turn))
            .map(|plant| plant.kind)
            .collect();
        let first = ["shuffled expectations", "nothing-solution", "forgery"];
        let mut wanted = first.repeat(4);
        wanted.sort_unstable();
        let mut sorted = kinds.clone();
        sorted.sort_unstable();
        assert_eq!(
            sorted, wanted,
            "each kind as often as the others: {kinds:?}"
        );
        let mut codes = std::collections::HashSet::new();
        for turn in 0..60 {
            let plant = certain(&dream, turn).unwrap();
            assert_ne!(plant.candidate, dream);
            codes.insert((plant.kind, plant.candidate.code));
        }
        let of = |kind| codes.iter().filter(|(k, _)| *k == kind).count();
        assert_eq!(of("forgery"), 4, "every one has its turn");
        assert!(of("nothing-solution") >= 6, "{codes:?}");
        let mut same = dream.clone();
        same.checks = vec![Check::example("f(1)", "2")];
        same.hidden_checks.clear();
        assert!(shuffled(&same).is_none());
        same.checks = vec![Check::example("f(1)", "2"), Check::example("f(1.0)", "2.0")];
        assert!(shuffled(&same).is_none());
    }
}
