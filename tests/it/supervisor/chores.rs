//! What is done while nothing is dreamed: once after a session, never before a dream, and gone with the first key.

use std::sync::Mutex;

use dreamer::energy::{Reading, Senses};
use dreamer::supervisor::{Chore, RunChore};

use super::*;

/// Notes what it is asked for.
fn noting(done: &Arc<Mutex<Vec<Chore>>>) -> RunChore {
    let done = Arc::clone(done);
    Arc::new(move |chore, _| {
        done.lock().expect("a list").push(chore);
        Ok(Some("done".to_owned()))
    })
}

#[tokio::test(start_paused = true)]
async fn chores_are_done_once_after_a_session_and_never_before_it() {
    let (world, script, runs) = (World::new(), Script::calm(), Arc::default());
    script.key();
    let done = Arc::default();
    let mut parts = parts(&world, &script, wall("2026-11-21T01:50[UTC]"), short(&runs));
    parts.run_chore = Some(noting(&done));
    let handle = Supervisor::start(parts);
    tokio::time::sleep(Duration::from_mins(9)).await;
    assert_eq!(*done.lock().unwrap(), [], "nothing was dreamed yet");
    tokio::time::sleep(Duration::from_mins(20)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(*done.lock().unwrap(), [Chore::Replay, Chore::Compact]);
    // The session of the absence is gone over too; the room is given back once a week.
    tokio::time::sleep(Duration::from_hours(19)).await;
    let all = done.lock().unwrap().clone();
    assert_eq!(all, [Chore::Replay, Chore::Compact, Chore::Replay]);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_stops_a_chore_and_it_is_due_again() {
    let (world, script, runs) = (World::new(), Script::calm(), Arc::default());
    let night = wall("2026-11-21T03:00[UTC]");
    let mut parts = parts(&world, &script, night, short(&runs));
    // Told, not asked: the test's clock stands still while a chore is at work.
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    parts.run_chore = Some(Arc::new(move |chore, stop| {
        tell.send(chore).expect("the test listens");
        while !stop.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(None)
    }));
    let handle = Supervisor::start(parts);
    assert_eq!(told.recv().await, Some(Chore::Replay));
    script.tell(Notice::Key);
    // The first has ended, else no second one could begin; and nothing was done.
    assert_eq!(told.recv().await, Some(Chore::Replay));
    script.tell(Notice::Key);
    handle.shutdown().await;
}

/// A session has ended, and nothing of it was gone over yet.
fn leave_something_to_do(parts: &SupervisorParts) {
    let known = r#"{"session_ended": "2026-11-20T03:00:00Z"}"#;
    std::fs::create_dir_all(&parts.settings.data_dir).expect("a folder");
    std::fs::write(parts.settings.data_dir.join("supervisor.json"), known).expect("a file");
}

/// A busy machine, by senses that know nothing of it by two looks with a minute between them.
struct Busy {
    script: Script,
    before: Option<clock::Instant>,
}

impl Senses for Busy {
    fn read(&mut self, now: clock::Instant) -> Reading {
        let before = self.before.replace(now);
        let close = before.is_some_and(|before| now < before + Duration::from_secs(20));
        let mut reading = self.script.read(now);
        reading.load_of_others = if close {
            Sensed::Known(0.9)
        } else {
            Sensed::Unknown("it was long ago".to_owned())
        };
        reading
    }
}

#[tokio::test(start_paused = true)]
async fn no_chore_begins_on_a_busy_machine_that_is_looked_at_once_a_minute() {
    let (world, script, done) = (World::new(), Script::calm(), Arc::default());
    let mut parts = parts(&world, &script, wall("2026-11-21T12:00[UTC]"), obedient());
    parts.senses = Box::new(Busy {
        script,
        before: None,
    });
    parts.settings.dreaming.enabled = false;
    leave_something_to_do(&parts);
    parts.run_chore = Some(noting(&done));
    let handle = Supervisor::start(parts);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(*done.lock().unwrap(), []);
    handle.shutdown().await;
}

/// What a chore tells of itself.
type Told = tokio::sync::mpsc::UnboundedReceiver<&'static str>;

/// A chore is under way, by day, where the settings alone say that nothing can begin for hours. In real time, because the
/// test's clock stands still while a chore is at work.
async fn at_work(world: &World, script: &Script) -> (SupervisorHandle, Told) {
    let mut parts = parts(world, script, wall("2026-11-21T12:00[UTC]"), obedient());
    parts.settings.dreaming.enabled = false;
    leave_something_to_do(&parts);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    parts.run_chore = Some(Arc::new(move |_, stop| {
        tell.send("begun").ok();
        let began = clock::monotonic();
        while !stop.is_cancelled() {
            // A test that has failed must come to its end.
            if began.elapsed() > Duration::from_secs(8) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        tell.send("stopped").ok();
        Ok(None)
    }));
    let handle = Supervisor::start(parts);
    // Two looks, five seconds apart.
    let begun = tokio::time::timeout(Duration::from_secs(20), told.recv()).await;
    assert_eq!(begun, Ok(Some("begun")));
    (handle, told)
}

#[track_caller]
fn assert_stopped(told: Result<Option<&'static str>, tokio::time::error::Elapsed>) {
    assert_eq!(told.expect("it is told in time"), Some("stopped"));
}

#[tokio::test]
async fn another_programs_load_stops_a_chore_as_soon_as_it_would_stop_a_dream() {
    let (world, script) = (World::new(), Script::calm());
    let (handle, mut told) = at_work(&world, &script).await;
    script.load(0.95);
    assert_stopped(tokio::time::timeout(Duration::from_secs(4), told.recv()).await);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_pause_and_a_wake_stop_a_chore_at_once() {
    let (world, script) = (World::new(), Script::calm());
    for pause in [true, false] {
        let (handle, mut told) = at_work(&world, &script).await;
        if pause {
            handle.pause(None).await;
        } else {
            handle.wake(WakeReason::Wake).await;
        }
        assert_stopped(tokio::time::timeout(Duration::from_millis(400), told.recv()).await);
        handle.shutdown().await;
    }
}
