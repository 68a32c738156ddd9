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

#[tokio::test(start_paused = true)]
async fn why_names_the_gate_that_holds_a_request_and_none_that_it_passes_by() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let mut parts = parts(&world, &script, noon, obedient());
    parts.settings.dreaming.enabled = false;
    let handle = Supervisor::start(parts);
    until(&handle, SOON, |now| now.name == StateName::Awake).await;
    let because = async || handle.why().await.expect("it answers").because.clone();
    assert!(because().await.starts_with("enabled: "));
    let asked = handle.request(request(Trigger::WhenAway)).await;
    asked.expect("it is accepted");
    let waits = "a session waits until you are away; ";
    let why = because().await;
    let gate = why.strip_prefix(waits).expect(&why);
    assert!(
        gate.starts_with("window: ") && gate.contains("idle for"),
        "{why}"
    );
    script.load(0.9);
    tokio::time::sleep(Duration::from_mins(31)).await;
    let why = because().await;
    let gate = why.strip_prefix(waits).expect(&why);
    assert!(gate.starts_with("load: "), "{why}");
    script.load(0.0);
    until(&handle, SOON, |now| now.name == StateName::Settling).await;
    let why = because().await;
    assert!(
        why.starts_with(waits) && why.contains("every gate"),
        "{why}"
    );
    handle.shutdown().await;
}

/// A disk that never takes what it is given: the file that is written stands in a pipe that nobody reads, until this is dropped.
struct Stuck(std::path::PathBuf);

impl Stuck {
    fn at(path: std::path::PathBuf) -> Self {
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
        nix::unistd::mkfifo(&path, mode).expect("a pipe");
        Self(path)
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        // Opened from both ends nobody waits any more, also where the test fails.
        let both = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&self.0);
        std::thread::sleep(Duration::from_millis(100));
        drop(both);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_waits_for_no_disk() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let parts = parts(&world, &script, noon, obedient());
    std::fs::create_dir_all(&parts.settings.data_dir).expect("a folder");
    let _stuck = Stuck::at(parts.settings.data_dir.join("supervisor.json.new"));
    let handle = Supervisor::start(parts);
    let session = asked_for(&handle).await;
    let ending = async {
        handle.pause(None).await;
        handle.finished(&session).await.expect("a report")
    };
    let ended = tokio::time::timeout(Duration::from_secs(5), ending).await;
    let report = ended.expect("the session is over");
    assert_eq!(report.wake_reason, Some(WakeReason::Pause));
    assert!(handle.snapshot().pause.is_some(), "it holds all the same");
    let over = tokio::time::timeout(Duration::from_secs(5), handle.shutdown()).await;
    over.expect("nor does the service's end");
}
