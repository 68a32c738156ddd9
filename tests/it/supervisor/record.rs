//! What is written down of a change of state: a line in the data folder, a warning in the log where it costs the night.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use dreamer::app::App;
use dreamer::config::{LlmChoice, SandboxChoice};

use super::*;
use crate::session;

#[tokio::test]
async fn a_dream_without_a_service_leaves_its_changes_of_state_too() {
    let world = World::new();
    let settings = session::settings(&world, SandboxChoice::Auto, LlmChoice::Forbidden);
    let app = App::open(&settings).expect("the parts join");
    let mut parts = app.parts(Purpose::Requests);
    parts.senses = Script::calm().senses();
    parts.run_session = obedient();
    parts.close_session = None;
    let handle = Supervisor::start(parts);
    let session = asked_for(&handle).await;
    handle.wake(WakeReason::Wake).await;
    handle.finished(&session).await.expect("a report");
    handle.shutdown().await;
    let path = settings.data_dir.join("logs/transitions.jsonl");
    let text = std::fs::read_to_string(path).expect("it is recorded");
    let all: Vec<Transition> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a change"))
        .collect();
    let woken = all.iter().find(|change| change.to == StateName::Waking);
    let woken = woken.expect("it was woken");
    assert_eq!(woken.from, StateName::Dreaming);
    assert_eq!(woken.session.as_ref(), Some(&session));
    assert_eq!(woken.why.as_deref(), Some("wake"));
}

/// A log that is kept in memory.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn lines(&self) -> Vec<String> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&text);
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn safe_mode_is_in_the_log_of_a_service_that_says_warnings_alone() {
    let heard = Heard::default();
    let log = tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_ansi(false)
        .with_writer({
            let heard = heard.clone();
            move || heard.clone()
        })
        .finish();
    // For this thread, on which all of it runs.
    let _log = tracing::subscriber::set_default(log);
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    let tries = Arc::<AtomicUsize>::default();
    parts.preflight = Some(Arc::new(move |_| {
        let broken = tries.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move { broken.then(|| "llm: no model answers".to_owned()) })
    }));
    let handle = Supervisor::start(parts);
    until(&handle, SOON, |now| now.name == StateName::Safe).await;
    let of_safe_mode = || -> Vec<String> {
        let lines = heard.lines().into_iter();
        lines.filter(|line| line.contains("safe mode")).collect()
    };
    let entry = of_safe_mode();
    assert_eq!(entry.len(), 1, "{entry:?}");
    assert!(
        entry[0].contains("WARN") && entry[0].contains("llm: no model answers"),
        "{entry:?}"
    );
    until(&handle, Duration::from_mins(10), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    let all = of_safe_mode();
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[1].contains("is over"), "{all:?}");
    handle.shutdown().await;
}
