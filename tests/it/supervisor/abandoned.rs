//! Sessions that could not write their own end down: those that did not hear, and those that broke.

use std::sync::Mutex;

use dreamer::app::App;
use dreamer::config::{LlmChoice, SandboxChoice};
use dreamer::journal::{Dirs, night};
use dreamer::store::Store;
use dreamer::supervisor::CloseSession;

use super::*;
use crate::session;

/// Hears nothing.
fn deaf() -> RunSession {
    Arc::new(|_, _, _| Box::pin(std::future::pending()))
}

/// Notes the ends that it is to write down, and finds that two of three tries were saved.
fn close(ends: &Arc<Mutex<Vec<SessionReport>>>) -> CloseSession {
    let ends = Arc::clone(ends);
    Arc::new(move |end: SessionReport| {
        ends.lock().expect("no panic").push(end.clone());
        SessionReport {
            dreams_attempted: 3,
            dreams_successful: 2,
            ..end
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_hear_is_closed_once_and_reports_what_it_had_done() {
    let (world, script, ends) = (World::new(), Script::calm(), Arc::default());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, deaf());
    parts.close_session = Some(close(&ends));
    let handle = Supervisor::start(parts);
    let session = asked_for(&handle).await;
    handle.wake(WakeReason::Wake).await;
    let report = handle.finished(&session).await.expect("a report");
    let counts = |report: &SessionReport| (report.dreams_attempted, report.dreams_successful);
    assert_eq!(counts(&report), (3, 2));
    let told = handle.get_statistics().last_report.expect("a report");
    assert_eq!(counts(&told), (3, 2));
    // The service's own end waits for it too.
    let again = asked_for(&handle).await;
    handle.shutdown().await;
    let report = handle.finished(&again).await.expect("a report");
    assert_eq!(counts(&report), (3, 2));
    let ends = ends.lock().expect("no panic");
    let closed: Vec<_> = ends
        .iter()
        .map(|end| (&end.session_id, end.status, end.wake_reason))
        .collect();
    let interrupted = SessionStatus::Interrupted;
    assert_eq!(
        closed,
        [
            (&session, interrupted, Some(WakeReason::Wake)),
            (&again, interrupted, Some(WakeReason::Shutdown)),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_that_broke_is_closed_too() {
    let (world, script, ends) = (World::new(), Script::calm(), Arc::default());
    let noon = wall("2026-11-21T12:00[UTC]");
    let broken: RunSession = Arc::new(|_, _, _| Box::pin(async { panic!("a bug") }));
    let mut parts = parts(&world, &script, noon, broken);
    parts.close_session = Some(close(&ends));
    let handle = Supervisor::start(parts);
    let session = asked_for(&handle).await;
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.status, SessionStatus::Error);
    assert_eq!(report.dreams_successful, 2);
    assert_eq!(ends.lock().expect("no panic").len(), 1);
    handle.shutdown().await;
}

#[tokio::test]
async fn an_abandoned_session_is_over_in_the_store_and_on_the_page() {
    let world = World::new();
    let settings = session::settings(&world, SandboxChoice::Auto, LlmChoice::Forbidden);
    let app = App::open(&settings).expect("the parts join");
    let store = Arc::new(Store::open(&settings.database()).expect("the store opens"));
    let mut parts = app.parts(Purpose::Requests);
    parts.senses = Script::calm().senses();
    let counted = Arc::clone(&store);
    // Has tried three tasks, and hears nothing from then on.
    parts.run_session = Arc::new(move |permit, _, _| {
        let mut report = SessionReport::empty(session_of(&permit), SessionStatus::Interrupted);
        let now = clock::local();
        let begun = counted.begin_session(&report, Trigger::Manual, now.date(), now.timestamp());
        begun.expect("it has a row");
        report.dreams_attempted = 3;
        report.dreams_successful = 2;
        counted.update_session(&report).expect("it is counted");
        Box::pin(std::future::pending())
    });
    let handle = Supervisor::start(parts);
    let session = asked_for(&handle).await;
    handle.wake(WakeReason::Wake).await;
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!((report.dreams_attempted, report.dreams_successful), (3, 2));
    assert_eq!(handle.get_statistics().total_dreams, 3);
    handle.shutdown().await;
    let row = store.session(&session).expect("it is read").expect("a row");
    assert_eq!(row.report.hints, report.hints);
    assert_eq!(row.report.status, SessionStatus::Interrupted);
    assert_eq!(row.report.wake_reason, Some(WakeReason::Wake));
    assert!(row.ended.is_some());
    let page = night::page_path(&Dirs::of(&settings), row.night);
    let page = std::fs::read_to_string(page).expect("the night's page");
    assert!(page.contains("3 tried, 2 saved"), "{page}");
    assert!(!page.contains("Still running"), "{page}");
    let again = store.close_session(&row.report, clock::utc());
    assert!(!again.expect("it is asked"), "once");
}
