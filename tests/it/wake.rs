//! The promise, measured: a real key in a real terminal against real sandboxes that burn. Small counts here, the full
//! ones in `scripts/soak-wake`.

use std::io::Write;

use dreamer::config::{SandboxChoice, Settings};
use dreamer::sandbox::SandboxError;
use dreamer::supervisor::wake_test::{Measured, Plan, WakeTestError, measure};

use crate::support::{World, ledger, left_out};

const ROUNDS: u32 = 5;

/// A machine that compiles beside the test may be slow; a wake that needs a second is broken.
const BROKEN_MS: f64 = 1000.0;

async fn wake(choice: SandboxChoice, part: &str) -> Option<Measured> {
    let world = World::new();
    let mut settings = Settings::defaults_in(world.path());
    settings.sandbox.choice = choice;
    settings.sandbox.namespace = format!("dreamer-it-wake-{part}");
    let plan = Plan {
        settings,
        rounds: ROUNDS,
        sandboxes: 4,
    };
    match measure(&plan, |_| {}).await {
        Ok(measured) => {
            ledger(part);
            Some(measured)
        }
        Err(WakeTestError::Sandbox(SandboxError::Unavailable(why))) => {
            left_out("waking", &why);
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
fn check(measured: &Measured) {
    let figures = serde_json::to_string(measured).expect("JSON");
    _ = writeln!(std::io::stderr(), "{figures}");
    assert_eq!(measured.failed_rounds, 0, "{measured:?}");
    assert!(
        measured.stillness_ms.percentile(1.0) < BROKEN_MS,
        "{measured:?}"
    );
    assert!(measured.release_ms.percentile(1.0) < 2000.0, "{measured:?}");
    // It really was busy: something was used up to the key, and stopped.
    assert!(
        measured
            .cpu_after_ms
            .as_ref()
            .is_some_and(|cpu| cpu.percentile(1.0) < 400.0),
        "{measured:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_press_stills_bubblewrap_and_leaves_nothing() {
    if let Some(measured) = wake(SandboxChoice::Bubblewrap, "bubblewrap").await {
        check(&measured);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_press_stills_docker_and_leaves_nothing() {
    if let Some(measured) = wake(SandboxChoice::Docker, "docker").await {
        check(&measured);
    }
}
