//! What is done while nothing is dreamed: once after a session, never before a dream, and gone with the first key.

use std::sync::Mutex;

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
