//! Senses that hang or talk nonsense while a session runs: a named state of its own, and never a missed wake.

use super::*;

/// Longer than senses are waited for, and the look that follows.
const NOTICED: Duration = Duration::from_secs(7);

/// A session that began by itself, from here on in real time: a time that stands still while a look is under way never
/// comes to the end of anybody's patience.
async fn asleep(script: &Script, world: &World, at: &str) -> (SupervisorHandle, SessionId) {
    let handle = Supervisor::start(parts(world, script, wall(at), obedient()));
    let session = dreaming(&handle).await;
    tokio::time::resume();
    (handle, session)
}

async fn hung(at: &str, trigger: Trigger) {
    let (world, script) = (World::new(), Script::calm());
    let (handle, session) = asleep(&script, &world, at).await;
    assert_eq!(handle.snapshot().trigger, Some(trigger));
    let hanging = script.hang();
    let began = clock::monotonic();
    let ended = tokio::time::timeout(NOTICED, handle.finished(&session)).await;
    let report = ended.expect("it is not slept through").expect("a report");
    assert!(began.elapsed() > Duration::from_secs(2), "a moment is none");
    assert_eq!(report.wake_reason, Some(WakeReason::Presence));
    // What is not known is said, also while the senses still hang.
    let why = tokio::time::timeout(NOTICED, handle.why()).await;
    let why = why.expect("it answers").expect("it lives");
    assert!(!why.may_dream || trigger == Trigger::Night, "{why:?}");
    let presence = why
        .gates
        .iter()
        .find(|gate| gate.gate == GateKind::Presence);
    let presence = presence.expect("there is one");
    assert_eq!(presence.reading, "unknown");
    let said = "the senses have not answered for";
    assert!(presence.reason.contains(said), "{presence:?}");
    drop(hanging);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn senses_that_hang_end_an_idle_session_and_say_so() {
    hung("2026-11-21T12:00[UTC]", Trigger::Idle).await;
}

#[tokio::test(start_paused = true)]
async fn senses_that_hang_end_a_nights_session_too() {
    hung("2026-11-21T03:00[UTC]", Trigger::Night).await;
}

/// By day nobody knows whether its owner is there; by night that is how it began.
#[tokio::test(start_paused = true)]
async fn what_waited_until_its_owner_was_away_ends_by_day_when_nobody_can_say_so() {
    for (hour, ends) in [(12, true), (3, false)] {
        let (world, script) = (World::new(), Script::calm());
        let at = wall(&format!("2026-11-21T{hour:02}:00[UTC]"));
        let mut parts = parts(&world, &script, at, obedient());
        parts.settings.dreaming.enabled = false;
        // The command itself is as good as a key: half an hour must pass, or five minutes of the night.
        let handle = Supervisor::start(parts);
        let session = handle.request(request(Trigger::WhenAway)).await;
        let session = session.expect("it is free");
        until(&handle, Duration::from_mins(32), |now| {
            now.name == StateName::Dreaming
        })
        .await;
        script.change(|now| now.presence.blind = Some("a test".to_owned()));
        let over = tokio::time::timeout(Duration::from_secs(2), handle.finished(&session)).await;
        assert_eq!(over.is_ok(), ends, "{hour}");
        if let Ok(report) = over {
            let report = report.expect("a report");
            assert_eq!(report.wake_reason, Some(WakeReason::Presence));
        }
        handle.shutdown().await;
    }
}

async fn ended_at_once(by: WakeReason) {
    let (world, script) = (World::new(), Script::calm());
    let (handle, session) = asleep(&script, &world, "2026-11-21T12:00[UTC]").await;
    let hanging = script.hang();
    // A look is under way, and waits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pressed = clock::monotonic();
    if by == WakeReason::Presence {
        script.tell(Notice::Key);
    } else {
        assert!(handle.wake(by).await);
    }
    let report = handle.finished(&session).await.expect("a report");
    assert!(pressed.elapsed() < Duration::from_millis(500));
    assert_eq!(report.wake_reason, Some(by));
    drop(hanging);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_ends_a_session_at_once_while_the_senses_hang() {
    ended_at_once(WakeReason::Presence).await;
}

#[tokio::test(start_paused = true)]
async fn a_wake_ends_a_session_at_once_while_the_senses_hang() {
    ended_at_once(WakeReason::Wake).await;
}

/// No source of ours tells such a figure; should one, it hides nobody.
#[tokio::test(start_paused = true)]
async fn figures_that_are_none_hide_no_key() {
    for figure in [f64::NAN, f64::NEG_INFINITY, -1.0] {
        let (world, script) = (World::new(), Script::calm());
        let night = wall("2026-11-21T03:00[UTC]");
        let handle = Supervisor::start(parts(&world, &script, night, obedient()));
        let session = dreaming(&handle).await;
        script.change(|now| {
            now.load_of_others = Sensed::Known(figure);
            now.memory_used = Sensed::Known(figure);
            now.temperature_c = Sensed::Known(figure);
            now.memory_pressure = Some(figure);
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        // Found by a look alone.
        script.key();
        let pressed = clock::monotonic();
        let report = handle.finished(&session).await.expect("a report");
        assert!(pressed.elapsed() < Duration::from_secs(1), "{figure}");
        assert_eq!(report.wake_reason, Some(WakeReason::Presence));
        handle.shutdown().await;
    }
}
