//! What a person asks of the supervisor is as good as a key.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_persons_command_counts_as_input() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, noon, obedient()));
    dreaming(&handle).await;
    handle.pause(Some(Duration::from_mins(1))).await;
    handle.resume().await;
    // Away for two hours by every sensor, and here a moment ago by what was asked.
    tokio::time::sleep(Duration::from_mins(29)).await;
    assert_eq!(handle.snapshot().name, StateName::Awake);
    let status = handle.get_statistics().energy.expect("it runs");
    let idle = status.idle_time_seconds.expect("it is known");
    assert!((1700.0..1760.0).contains(&idle), "{idle}");
    until(&handle, Duration::from_mins(3), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_between_two_looks_is_in_the_status_at_once() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.settings.dreaming.enabled = false;
    let handle = Supervisor::start(parts);
    // From now on looks are a minute apart.
    until(&handle, SOON, |now| now.tick.is_some()).await;
    let idle = || handle.get_statistics().energy.expect("it runs");
    assert!(idle().is_idle);
    script.tell(Notice::Key);
    assert!(!idle().is_idle);
    assert_eq!(idle().idle_time_seconds, Some(0.0));
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_session_when_away_is_not_away_yet() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.settings.dreaming.enabled = false;
    let handle = Supervisor::start(parts);
    until(&handle, SOON, |now| now.name == StateName::Awake).await;
    let asked = handle.request(request(Trigger::WhenAway)).await;
    asked.expect("it is accepted");
    tokio::time::sleep(Duration::from_mins(29)).await;
    assert_eq!(handle.snapshot().name, StateName::Awake);
    until(&handle, Duration::from_mins(3), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    handle.shutdown().await;
}

/// The same settings without ENABLE_DREAMING.
fn disabled(world: &World) -> Settings {
    let mut settings = settings(world.path());
    settings.dreaming.enabled = false;
    settings
}

#[tokio::test(start_paused = true)]
async fn what_the_service_may_no_longer_do_by_itself_ends_with_the_reload() {
    let (world, script) = (World::new(), Script::calm());
    let night = wall("2026-11-21T03:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, night, obedient()));
    let session = dreaming(&handle).await;
    handle.reload(settings(world.path())).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(handle.snapshot().session.as_ref(), Some(&session));
    let told = clock::monotonic();
    handle.reload(disabled(&world)).await;
    let report = handle.finished(&session).await.expect("a report");
    assert!(told.elapsed() < Duration::from_secs(1));
    assert_eq!(report.wake_reason, Some(WakeReason::Pause));
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(handle.snapshot().name, StateName::Awake);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_person_asked_for_goes_on_after_such_a_reload() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.settings.dreaming.enabled = false;
    let handle = Supervisor::start(parts);
    let session = asked_for(&handle).await;
    handle.reload(disabled(&world)).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(handle.snapshot().session, Some(session));
    handle.shutdown().await;
}
