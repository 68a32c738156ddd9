//! What the machine itself ends is not begun again at once: the dream may have been the reason.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_game_that_ends_gives_the_card_back_though_the_processors_cannot_be_told_apart() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, noon, obedient()));
    let session = asked_for(&handle).await;
    script.change(|now| {
        now.load_of_others = Sensed::Unknown("containers that no group counts".to_owned());
        now.graphics = Some(Sensed::Known(0.9));
    });
    let frozen = until(&handle, Duration::from_secs(4), |now| {
        now.name == StateName::Frozen
    })
    .await;
    assert_eq!(frozen.waking, Some(WakeReason::Load));
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(handle.snapshot().name, StateName::Frozen);
    script.change(|now| now.graphics = Some(Sensed::Known(0.05)));
    let began = clock::monotonic();
    let again = until(&handle, SOON, |now| now.name == StateName::Dreaming).await;
    assert!(began.elapsed() >= Duration::from_secs(30));
    assert_eq!(again.session, Some(session), "the same session");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn memory_that_runs_short_with_every_dream_is_not_dreamed_out_of_all_night() {
    let (world, script) = (World::new(), Script::calm());
    let night = wall("2026-11-21T02:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, night, obedient()));
    let mut begun = Vec::new();
    let start = clock::monotonic();
    for _ in 0..4 {
        let limit = Duration::from_hours(2);
        let found = until(&handle, limit, |now| now.name == StateName::Dreaming).await;
        begun.push(start.elapsed().as_secs() / 60);
        // The model is loaded: too much.
        script.change(|now| now.memory_used = Sensed::Known(0.9));
        let session = found.session.expect("a session");
        let report = handle.finished(&session).await.expect("a report");
        assert_eq!(report.wake_reason, Some(WakeReason::Memory));
        script.change(|now| now.memory_used = Sensed::Known(0.3));
    }
    // After 15, 30 and 60 minutes, and the settling each time.
    let waits: Vec<_> = begun.windows(2).map(|two| two[1] - two[0]).collect();
    let near = |(wait, expected): (&u64, u64)| (expected..=expected + 2).contains(wait);
    assert!(waits.iter().zip([15, 30, 60]).all(near), "{waits:?}");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let why = handle.why().await.expect("an answer");
    assert!(!why.may_dream);
    let window = why.gates.iter().find(|gate| gate.gate == GateKind::Window);
    let window = window.expect("there is one");
    let row = "4 sessions in a row were ended, the last by too little memory";
    assert!(!window.open && window.reading.contains(row), "{window:?}");
    assert!(window.reason.contains("next try after"), "{window:?}");
    // A person who asks does not wait.
    asked_for(&handle).await;
    handle.shutdown().await;
}
