//! What each rule for choosing a model loses beside always knowing the best, in three made-up worlds: the table of the
//! project's goal. Lower is better; ends with 1 where a goal is missed; what late outcomes cost is told beside them.
//!
//! `cargo bench --bench regret`

use std::io::Write as _;
use std::process::ExitCode;

use dreamer::models::simulate::{GOALS, Player, SEEDS, STEPS, WORLDS, mean_and_p95, regret};
use dreamer::models::{Bounds, RewardPunishParams, Strategy};

const DELAY: usize = 20;

fn say(text: &str) {
    _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn row(player: &Player, delay: usize) -> [(f64, f64); 3] {
    WORLDS.map(|world| {
        let seeds = (0..SEEDS).map(|seed| regret(&world, player, STEPS, delay, seed));
        mean_and_p95(seeds.collect())
    })
}

fn main() -> ExitCode {
    let usual = Bounds::default();
    let thompson = Player::Ours(Strategy::default(), usual);
    let transfer = Strategy::RewardPunish(RewardPunishParams::default());
    let players = [
        ("uniform", Player::Uniform, 0),
        ("seed 003, x1.5 / x0.8, drawn", Player::Seed, 0),
        (
            "reward_punish (the seed's steps, repaired)",
            Player::Ours(transfer, usual),
            0,
        ),
        ("thompson (ours)", thompson.clone(), 0),
        ("thompson, 20 outcomes outstanding", thompson, DELAY),
    ];
    say(&format!(
        "regret over T = {STEPS}, {SEEDS} seeds: mean / p95\n"
    ));
    let names = WORLDS.map(|world| world.name);
    say(&format!("| | {} |", names.join(" | ")));
    say("|---|---|---|---|");
    let mut table = Vec::new();
    for (name, player, delay) in players {
        let row = row(&player, delay);
        let cells = row.map(|(mean, p95)| format!("{mean:.0} / {p95:.0}"));
        say(&format!("| {name} | {} |", cells.join(" | ")));
        table.push(row);
    }
    let (uniform, ours, late) = (table[0], table[3], table[4]);
    say("");
    let mut missed = 0;
    for n in 0..3 {
        let mut verdict = |ok: bool| {
            missed += u32::from(!ok);
            if ok { "holds" } else { "MISSED" }
        };
        say(&format!(
            "{}: mean {:.1} of at most {} {}; p95 {:.0} below uniform's {:.0} {}; late outcomes cost {:.0} % (25 % wanted)",
            names[n],
            ours[n].0,
            GOALS[n],
            verdict(ours[n].0 <= GOALS[n]),
            ours[n].1,
            uniform[n].1,
            verdict(ours[n].1 < uniform[n].1),
            100.0 * (late[n].0 / ours[n].0 - 1.0),
        ));
    }
    ExitCode::from(u8::from(missed > 0))
}
