//! `dreamer wake-test`: how fast this machine is yours again, measured here and now.
//!
//! Called by `main` through the command line. The measuring itself is the supervisor's.

use anyhow::Context as _;

use super::{Context, Exit, asked_to_stop, say};
use crate::config::SandboxChoice;
use crate::sandbox::SandboxError;
use crate::supervisor::wake_test::{self, Figures, Freezing, Measured, Plan, WakeTestError};

/// Key press to stillness, half of all: the promise where one write stops everything.
const HALF_STILL_MS: f64 = 20.0;
/// Key press to stillness, 99 of 100: the promise there.
const STILL_MS: f64 = 100.0;
/// The same, and half of all too, where the container engine must be asked.
const STILL_BY_ENGINE_MS: f64 = 250.0;
/// Key press to everything gone, 99 of 100.
const GONE_MS: f64 = 2000.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many dreams are begun and ended by a key
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Which sandbox; default: DREAMING_SANDBOX
    #[arg(long, value_enum)]
    backend: Option<BackendName>,
    /// How many sandboxes burn while the key is pressed
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    sandboxes: u8,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum BackendName {
    Docker,
    Bubblewrap,
}

/// Runs the command: 0 where the promise was kept, 1 where not, 2 where it could not be measured.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let mut settings = context.settings.clone();
    match args.backend {
        Some(BackendName::Docker) => settings.sandbox.choice = SandboxChoice::Docker,
        Some(BackendName::Bubblewrap) => settings.sandbox.choice = SandboxChoice::Bubblewrap,
        None => {}
    }
    let plan = Plan {
        settings,
        rounds: args.rounds,
        sandboxes: usize::from(args.sandboxes),
    };
    let told = |round| tracing::info!(round, of = args.rounds, "woken");
    let measured = tokio::select! {
        measured = wake_test::measure(&plan, told) => measured,
        _ = asked_to_stop() => return Ok(Exit::Interrupted),
    };
    let measured = match measured {
        Ok(measured) => measured,
        Err(WakeTestError::Sandbox(SandboxError::Interrupted(_))) => return Ok(Exit::Interrupted),
        Err(error) => return Err(error).context("nothing could be measured"),
    };
    if context.json {
        say(&serde_json::to_string(&measured)?)?;
    } else {
        say(&text(&measured))?;
    }
    Ok(if kept(&measured) {
        Exit::Done
    } else {
        Exit::No
    })
}

/// Half of all and 99 of 100, in milliseconds from the key to stillness.
fn promised(freezing: Freezing) -> (f64, f64) {
    match freezing {
        Freezing::Engine => (STILL_BY_ENGINE_MS, STILL_BY_ENGINE_MS),
        Freezing::OneWrite | Freezing::WriteForEach | Freezing::Signals => {
            (HALF_STILL_MS, STILL_MS)
        }
    }
}

fn kept(measured: &Measured) -> bool {
    let (half, nearly_all) = promised(measured.freezing);
    measured.failed_rounds == 0
        && measured.stillness_ms.percentile(0.5) < half
        && measured.stillness_ms.percentile(0.99) < nearly_all
        && measured.release_ms.percentile(0.99) < GONE_MS
}

fn text(measured: &Measured) -> String {
    let mut lines = vec![format!(
        "{} wakes of a dream in {}, stopped by {}",
        measured.rounds,
        measured.backend,
        measured.freezing.as_str()
    )];
    if let Some(name) = &measured.model_server {
        lines.push(format!(
            "the model server {name} was generating meanwhile, and is gone each time"
        ));
    }
    let mut part = |name: &str, figures: &Figures| {
        let summary = figures.summary();
        lines.push(format!(
            "{name}: p50 {} ms, p99 {} ms, max {} ms",
            summary.p50, summary.p99, summary.max
        ));
        lines.extend(
            figures
                .histogram()
                .into_iter()
                .map(|row| format!("  {row}")),
        );
    };
    if let Some(cpu_after) = &measured.cpu_after_ms {
        part(
            "key press to the last CPU cycle of dream work",
            &measured.stillness_ms,
        );
        part(
            "CPU time that dream work used after the key press",
            cpu_after,
        );
    }
    part("key press to everything gone", &measured.release_ms);
    if measured.cpu_after_ms.is_none() {
        lines.push(
            "no control group counts the dream's CPU time here: it stood still when everything was gone, or before"
                .to_owned(),
        );
    }
    let (half, nearly_all) = promised(measured.freezing);
    lines.push(format!(
        "promised: stillness p50 below {half} ms and p99 below {nearly_all} ms, everything gone p99 below {GONE_MS} ms: {}",
        if kept(measured) { "kept" } else { "NOT kept" }
    ));
    if measured.failed_rounds > 0 {
        lines.push(format!("{} rounds FAILED", measured.failed_rounds));
        lines.extend(measured.failures.iter().cloned());
    }
    lines.join("\n")
}
