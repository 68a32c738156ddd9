//! The preflight starts a sandbox: it ends for its owner as a dream does, and leaves nothing.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use dreamer::supervisor::Preflight;

use super::*;

/// Tries until its permit is over, then needs a moment to take away what it made; says how each try ended.
fn endless(ends: &Arc<Mutex<Vec<WakeReason>>>, finds: &Arc<AtomicUsize>) -> Preflight {
    let (ends, finds) = (Arc::clone(ends), Arc::clone(finds));
    Arc::new(move |permit| {
        let (ends, finds) = (Arc::clone(&ends), Arc::clone(&finds));
        Box::pin(async move {
            if finds.fetch_add(1, Ordering::Relaxed) > 0 {
                return None;
            }
            let ended = permit.ended().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            ends.lock().expect("no panic").push(ended.0);
            Some("it was interrupted: nothing is known".to_owned())
        })
    })
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_service_waits_until_nothing_of_the_preflight_is_left() {
    let (world, script, ends) = (World::new(), Script::calm(), Arc::default());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.preflight = Some(endless(&ends, &Arc::default()));
    let handle = Supervisor::start(parts);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(handle.snapshot().name, StateName::Starting);
    let why = handle.why().await.expect("it answers");
    assert!(why.gates.iter().all(|gate| gate.open), "{why:?}");
    assert_eq!((why.may_dream, why.because.as_str()), (false, "preflight"));
    let began = clock::monotonic();
    handle.shutdown().await;
    assert_eq!(*ends.lock().expect("no panic"), [WakeReason::Shutdown]);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_preflight_that_does_not_end_holds_up_no_end_of_the_service() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.preflight = Some(Arc::new(|_| Box::pin(std::future::pending())));
    let handle = Supervisor::start(parts);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = clock::monotonic();
    handle.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// One that is interrupted, and what the next one finds.
async fn put_off(pause: bool, broken: bool) {
    let (world, script) = (World::new(), Script::calm());
    let (ends, tries) = (Arc::default(), Arc::default());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    let first = endless(&ends, &tries);
    let counted = Arc::clone(&tries);
    parts.preflight = Some(Arc::new(move |permit| {
        let again = counted.load(Ordering::Relaxed) > 0;
        let trying = first(permit);
        Box::pin(async move {
            let found = trying.await;
            (again && broken)
                .then(|| "there is no sandbox".to_owned())
                .or(found)
        })
    }));
    let handle = Supervisor::start(parts);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(handle.snapshot().name, StateName::Starting);
    let reason = if pause {
        handle.pause(Some(Duration::from_mins(30))).await;
        WakeReason::Pause
    } else {
        script.tell(Notice::Key);
        WakeReason::Presence
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*ends.lock().expect("no panic"), [reason]);
    assert_eq!(handle.snapshot().name, StateName::Awake, "not safe mode");
    // Nobody who sits there is disturbed again.
    tokio::time::sleep(Duration::from_mins(29)).await;
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    let next = if broken {
        StateName::Safe
    } else {
        StateName::Dreaming
    };
    let limit = Duration::from_mins(5);
    let mut seen = handle.watch();
    until(&handle, limit, |now| now.name == next).await;
    assert!(seen.borrow_and_update().reports.is_empty());
    assert_eq!(tries.load(Ordering::Relaxed), 2, "made up for first");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_puts_the_preflight_off_until_a_dream_could_begin() {
    put_off(false, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_puts_the_preflight_off_until_it_is_over() {
    put_off(true, false).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_preflight_finds_that_was_put_off_counts() {
    put_off(false, true).await;
}

/// What the check found may be the doing of the session that a person began meanwhile, or not.
#[tokio::test(start_paused = true)]
async fn a_preflight_that_a_session_disturbed_is_made_up_for_before_the_service_dreams() {
    let (world, script) = (World::new(), Script::calm());
    let night = wall("2026-11-21T03:00[UTC]");
    let mut parts = parts(&world, &script, night, obedient());
    parts.preflight = Some(Arc::new(|_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Some("there is no sandbox".to_owned())
        })
    }));
    let handle = Supervisor::start(parts);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(handle.snapshot().name, StateName::Starting);
    let session = asked_for(&handle).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(handle.snapshot().session, Some(session), "it goes on");
    handle.wake(WakeReason::Wake).await;
    let dreams_or_not = until(&handle, Duration::from_mins(30), |now| {
        now.name == StateName::Safe || now.trigger == Some(Trigger::Night)
    })
    .await;
    assert_eq!(dreams_or_not.name, StateName::Safe);
    handle.shutdown().await;
}

/// What was broken is mended, and its owner asks for a session: half an hour of failures must not keep him waiting, nor his own
/// keys.
#[tokio::test(start_paused = true)]
async fn who_asks_in_safe_mode_has_it_tried_at_once_and_may_type_meanwhile() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.settings.dreaming.enabled = false;
    let broken = Arc::new(AtomicBool::new(true));
    parts.preflight = Some({
        let broken = Arc::clone(&broken);
        Arc::new(move |permit: WorkPermit| {
            let broken = Arc::clone(&broken);
            Box::pin(async move {
                let trying = tokio::time::sleep(Duration::from_secs(2));
                permit.race(trying).await.ok()?;
                let broken = broken.load(Ordering::SeqCst);
                broken.then(|| "llm: no model answers".to_owned())
            })
        })
    });
    let handle = Supervisor::start(parts);
    until(&handle, SOON, |now| now.name == StateName::Safe).await;
    // By now it is tried every quarter of an hour.
    tokio::time::sleep(Duration::from_mins(40)).await;
    broken.store(false, Ordering::SeqCst);
    let refused = handle.request(request(Trigger::Manual)).await;
    let report = refused.expect_err("not yet").report();
    assert_eq!(report.status, SessionStatus::Error);
    let hint = &report.hints[0];
    assert!(
        hint.contains("no model answers") && hint.contains("tried again now"),
        "{hint}"
    );
    let asked = clock::monotonic();
    while handle.snapshot().name == StateName::Safe {
        let passed = asked.elapsed();
        assert!(passed < Duration::from_secs(15), "{passed:?}");
        script.tell(Notice::Key);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let passed = asked.elapsed();
    assert!(
        passed >= Duration::from_secs(6),
        "three in a row: {passed:?}"
    );
    let session = asked_for(&handle).await;
    assert_eq!(handle.snapshot().session, Some(session));
    handle.shutdown().await;
}
