//! Does learning pay? Recorded tries (`dreamer learning facts > tries.jsonl`) become a world of topics, difficulties and
//! models; five nights are played in it, with learning on and off, and nights 2 to 5 are compared. Says so where the record
//! is too thin to tell.
//!
//! `cargo bench --bench pays -- [TRIES [HOURS A NIGHT]]`, by default with the tries that lie beside it. The tries over the
//! owner's documents and those over given tasks are two halves, each told apart. Exit code 0 where one holds and none
//! missed, 1 where one missed, 2 where nothing could be told of either.

use std::io::Write as _;
use std::process::ExitCode;

use dreamer::chance::Chance;
use dreamer::dream::{ArmKey, AttemptFact};
use dreamer::learning::replay::{Weighs, World, exit_code, nights};
use dreamer::models::{Bounds, Rule, Strategy};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/tries/given.jsonl");
const SEEDS: u64 = 200;
const NIGHTS: usize = 5;
const HOURS: f64 = 4.0;
/// Of the project's goal.
const ENOUGH: usize = 300;
const GOAL: f64 = 1.2;

fn say(text: &str) {
    _ = writeln!(std::io::stdout().lock(), "{text}");
}

struct Usual(Rule);

impl Weighs for Usual {
    fn choose(&mut self, arms: &[ArmKey], chance: &mut Chance) -> usize {
        self.0.choose(arms, chance).unwrap_or_default()
    }

    fn learn(&mut self, fact: &AttemptFact) {
        if let Some(arm) = &fact.arm {
            self.0.learn(
                arm,
                f64::from(u8::from(fact.outcome.is_success())),
                fact.seconds,
            );
        }
    }
}

/// Of a paired difference; by the normal distribution, which 200 pairs allow.
fn p_value(differences: &[f64]) -> f64 {
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let z = mean / (variance / n).sqrt().max(1e-12);
    // Upper tail (Abramowitz and Stegun 26.2.17); exact to 1e-7.
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let sum: f64 = series.iter().rev().fold(0.0, |sum, c| (sum + c) * t);
    let tail = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum;
    if z >= 0.0 { tail } else { 1.0 - tail }
}

fn main() -> ExitCode {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let file = args.next().unwrap_or_else(|| RECORDED.to_owned());
    let hours = args.next().and_then(|h| h.parse().ok()).unwrap_or(HOURS);
    let text = std::fs::read_to_string(&file).expect("the file of tries is readable");
    let facts = text.lines().map(|line| {
        serde_json::from_str::<AttemptFact>(line).expect("each line is a recorded try")
    });
    // Given tasks come in the order of their file: nights of them choose models alone, and are no nights of documents.
    let is_given = |fact: &AttemptFact| fact.steps.first().is_some_and(|s| s.name == "given");
    let (given, found): (Vec<_>, Vec<_>) = facts.partition(is_given);
    let shown = [("the owner's documents", found), ("given tasks", given)]
        .map(|(name, facts)| pays(name, &World::of(&facts), hours));
    let code = exit_code(&shown);
    if code == 2 {
        say("\nnothing could be told");
    }
    ExitCode::from(code)
}

/// Whether learning pays for tries of this kind; `None` where they are too few to tell.
fn pays(name: &str, world: &World, hours: f64) -> Option<bool> {
    say(&format!(
        "\n{name}: {} recorded tries with {} models, nights of {hours} h, {SEEDS} seeds",
        world.tries,
        world.arms.len()
    ));
    if world.arms.is_empty() {
        say("left out: no recorded try asked a model");
        return None;
    }
    if !world.has_a_choice() {
        say("left out: of one model and one topic nothing can be chosen");
        return None;
    }
    let seconds = hours * 3600.0;
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let mut rule = Usual(Rule::new(&Strategy::default(), Bounds::default()));
        let mut chance = Chance::seeded(seed);
        let with = nights(world, Some(&mut rule), NIGHTS, seconds, &mut chance);
        let mut chance = Chance::seeded(seed);
        let without = nights(world, None, NIGHTS, seconds, &mut chance);
        let later = |saved: Vec<u32>| f64::from(saved.iter().skip(1).sum::<u32>());
        on.push(later(with));
        off.push(later(without));
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let per_hour = |v: &[f64]| mean(v) / (hours * (NIGHTS - 1) as f64);
    let differences: Vec<f64> = on.iter().zip(&off).map(|(a, b)| a - b).collect();
    let ratio = mean(&on) / mean(&off).max(1e-9);
    let p = p_value(&differences);
    say(&format!(
        "| verified dreams an hour, nights 2 to 5 | |\n|---|---|\n| learning off | {:.2} |\n| learning on | {:.2} |",
        per_hour(&off),
        per_hour(&on)
    ));
    let (enough, holds) = (world.tries >= ENOUGH, ratio >= GOAL && p < 0.01);
    let verdict = match (enough, holds) {
        (false, _) => "too thin to tell",
        (true, true) => "holds",
        (true, false) => "MISSED",
    };
    say(&format!(
        "ratio {ratio:.2} of at least {GOAL}, p = {p:.1e}: {verdict} ({ENOUGH} tries are wanted)"
    ));
    enough.then_some(holds)
}
