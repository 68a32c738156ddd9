//! The supervisor by itself, with scripted senses and sessions that only obey (or do not): when it begins, what ends
//! it, how fast, and what is left afterwards.

mod abandoned;
mod blind;
mod chores;
mod commands;
mod preflight;
mod record;
mod strain;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dreamer::clock;
use dreamer::config::Settings;
use dreamer::dream::{Complexity, RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use dreamer::energy::gate::GateKind;
use dreamer::energy::{Notice, Power, Reading, Sensed, Senses};
use dreamer::ids::SessionId;
use dreamer::supervisor::permit::{Ended, Pace, PermitKind, WorkPermit};
use dreamer::supervisor::{
    NamedJob, Purpose, Refusal, RunSession, Snapshot, StateName, StateWord, Supervisor,
    SupervisorHandle, SupervisorParts, Transition, WallClock,
};
use dreamer::tree::Tree;

use crate::support::World;
use crate::support::senses::{Script, wall};

/// Longer than anything that must happen within the awake tick and the settling.
const SOON: Duration = Duration::from_secs(45);

fn session_of(permit: &WorkPermit) -> SessionId {
    match permit.kind() {
        PermitKind::Session(session) => session.clone(),
        PermitKind::Operator | PermitKind::Preflight => panic!("not a session's permit"),
    }
}

/// Dreams until the permit is over.
fn obedient() -> RunSession {
    Arc::new(|permit, _, _| {
        Box::pin(async move {
            let ended = permit.ended().await;
            let status = if ended.0 == WakeReason::WindowClosed {
                SessionStatus::Completed
            } else {
                SessionStatus::Interrupted
            };
            let mut report = SessionReport::empty(session_of(&permit), status);
            report.wake_reason = Some(ended.0);
            report
        })
    })
}

/// Dreams for a minute and is done.
fn short(runs: &Arc<AtomicUsize>) -> RunSession {
    let runs = Arc::clone(runs);
    Arc::new(move |permit, _, _| {
        runs.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_mins(1)).await;
            SessionReport::empty(session_of(&permit), SessionStatus::Completed)
        })
    })
}

fn settings(folder: &Path) -> Settings {
    let mut settings = Settings::defaults_in(folder);
    settings.dreaming.enabled = true;
    settings.energy.temperature_limit_c = Some(85.0);
    settings
}

fn parts(world: &World, script: &Script, wall: WallClock, run: RunSession) -> SupervisorParts {
    SupervisorParts {
        wall,
        ..SupervisorParts::new(
            Purpose::Service,
            settings(world.path()),
            script.senses(),
            Arc::new(Tree::without_groups(0)),
            run,
        )
    }
}

fn request(trigger: Trigger) -> RemRequest {
    RemRequest {
        trigger,
        max_scenarios: None,
        complexity: Complexity::Medium,
        for_duration: None,
        tasks: Vec::new(),
        tasks_file: None,
    }
}

async fn until(
    handle: &SupervisorHandle,
    limit: Duration,
    holds: impl Fn(&Snapshot) -> bool,
) -> Snapshot {
    let mut watch = handle.watch();
    let found = tokio::time::timeout(limit, watch.wait_for(|now| holds(now))).await;
    match found {
        Ok(Ok(snapshot)) => snapshot.clone(),
        Ok(Err(_)) => panic!("the supervisor is gone"),
        Err(late) => panic!("{late}, not within {limit:?}: {:?}", handle.snapshot()),
    }
}

async fn dreaming(handle: &SupervisorHandle) -> SessionId {
    until(handle, SOON, |now| now.name == StateName::Dreaming)
        .await
        .session
        .expect("a session")
}

#[tokio::test(start_paused = true)]
async fn the_night_is_entered_without_any_scheduler_and_once() {
    let (world, script, runs) = (World::new(), Script::calm(), Arc::default());
    script.key();
    let run = short(&runs);
    let handle = Supervisor::start(parts(&world, &script, wall("2026-11-21T01:50[UTC]"), run));
    tokio::time::sleep(Duration::from_mins(9)).await;
    assert_eq!(handle.snapshot().name, StateName::Awake);
    let begun = until(&handle, Duration::from_mins(2), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    assert_eq!(begun.trigger, Some(Trigger::Night));
    // The absence is another way in: its own session comes after half an hour, and then no more.
    tokio::time::sleep(Duration::from_mins(20)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    tokio::time::sleep(Duration::from_hours(20)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    tokio::time::sleep(Duration::from_hours(4)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3, "the next night");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_give_the_night_a_second_session() {
    let (world, script, runs) = (World::new(), Script::calm(), Arc::<AtomicUsize>::default());
    script.key();
    let start = |text| Supervisor::start(parts(&world, &script, wall(text), short(&runs)));
    let handle = start("2026-11-21T02:10[UTC]");
    tokio::time::sleep(Duration::from_mins(12)).await;
    handle.shutdown().await;
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let again = start("2026-11-21T02:23[UTC]");
    tokio::time::sleep(Duration::from_mins(5)).await;
    again.shutdown().await;
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn input_ends_the_session_and_quiet_lets_it_begin_again() {
    let (world, script) = (World::new(), Script::calm());
    let handle = Supervisor::start(parts(
        &world,
        &script,
        wall("2026-11-21T03:00[UTC]"),
        obedient(),
    ));
    let session = dreaming(&handle).await;
    script.key();
    let before = clock::monotonic();
    let report = handle.finished(&session).await.expect("a report");
    assert!(
        before.elapsed() <= Duration::from_secs(1),
        "{:?}",
        before.elapsed()
    );
    assert_eq!(report.status, SessionStatus::Interrupted);
    assert_eq!(report.wake_reason, Some(WakeReason::Presence));
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!(handle.snapshot().name, StateName::Awake);
    let again = until(&handle, Duration::from_mins(2), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    assert_ne!(again.session, Some(session));
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_begun_by_night_ends_with_the_window() {
    let (world, script) = (World::new(), Script::calm());
    script.key();
    let handle = Supervisor::start(parts(
        &world,
        &script,
        wall("2026-11-21T05:50[UTC]"),
        obedient(),
    ));
    let begun = until(&handle, Duration::from_mins(8), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    let session = begun.session.expect("a session");
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::WindowClosed));
    assert_eq!(report.status, SessionStatus::Completed);
    let why = handle.why().await.expect("an answer");
    let window = why.gates.iter().find(|gate| gate.gate == GateKind::Window);
    assert!(
        window.is_some_and(|gate| !gate.open && gate.reading.starts_with("06:00")),
        "{why:?}"
    );
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_becomes_the_nights_and_ends_with_it() {
    let (world, script) = (World::new(), Script::calm());
    let handle = Supervisor::start(parts(
        &world,
        &script,
        wall("2026-11-21T01:50[UTC]"),
        obedient(),
    ));
    dreaming(&handle).await;
    assert_eq!(handle.snapshot().trigger, Some(Trigger::Idle));
    until(&handle, Duration::from_mins(11), |now| {
        now.trigger == Some(Trigger::Night)
    })
    .await;
    let over = Duration::from_hours(4) + Duration::from_secs(2);
    let ended = until(&handle, over, |now| !now.reports.is_empty()).await;
    assert_eq!(ended.reports[0].wake_reason, Some(WakeReason::WindowClosed));
    tokio::time::sleep(Duration::from_hours(2)).await;
    assert_eq!(
        handle.snapshot().reports.len(),
        1,
        "both ways in are used up"
    );
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_that_begins_after_the_nights_is_not_cut_at_its_end() {
    let (world, script, runs) = (World::new(), Script::calm(), Arc::<AtomicUsize>::default());
    script.key();
    let (nights, idle) = (short(&runs), obedient());
    let counted = Arc::clone(&runs);
    let run: RunSession = Arc::new(move |permit, request, progress| {
        if counted.load(Ordering::Relaxed) == 0 {
            nights(permit, request, progress)
        } else {
            idle(permit, request, progress)
        }
    });
    let handle = Supervisor::start(parts(&world, &script, wall("2026-11-21T05:20[UTC]"), run));
    until(&handle, Duration::from_mins(7), |now| {
        now.trigger == Some(Trigger::Night)
    })
    .await;
    until(&handle, Duration::from_mins(26), |now| {
        now.trigger == Some(Trigger::Idle)
    })
    .await;
    // It is 5:51. The window closes, and the absence goes on.
    tokio::time::sleep(Duration::from_mins(30)).await;
    let now = handle.snapshot();
    assert_eq!(
        (now.name, now.trigger),
        (StateName::Dreaming, Some(Trigger::Idle))
    );
    assert_eq!(now.reports.len(), 1);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_keeps_it_awake_and_says_which() {
    type Close = fn(&mut dreamer::energy::Reading);
    let cases: [(GateKind, Close); 4] = [
        (GateKind::Load, |now| {
            now.load_of_others = Sensed::Known(0.5);
        }),
        (GateKind::Memory, |now| now.memory_used = Sensed::Known(0.9)),
        (GateKind::Heat, |now| {
            now.temperature_c = Sensed::Known(90.0);
        }),
        (GateKind::Power, |now| {
            now.power = Sensed::Known(Power::Battery { percent: Some(99) });
        }),
    ];
    for (kind, close) in cases {
        let (world, script) = (World::new(), Script::calm());
        script.change(close);
        let handle = Supervisor::start(parts(
            &world,
            &script,
            wall("2026-11-21T03:00[UTC]"),
            obedient(),
        ));
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(handle.snapshot().name, StateName::Awake, "{kind:?}");
        let why = handle.why().await.expect("an answer");
        assert!(!why.may_dream);
        let closed: Vec<_> = why
            .gates
            .iter()
            .filter(|gate| !gate.open)
            .map(|gate| gate.gate)
            .collect();
        assert_eq!(closed, [kind]);
        handle.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_may_dream_at_any_hour_and_sit_there() {
    let (world, script) = (World::new(), Script::calm());
    script.key();
    let mut parts = parts(&world, &script, wall("2026-11-21T12:00[UTC]"), obedient());
    parts.settings.dreaming.enabled = false;
    let handle = Supervisor::start(parts);
    let session = handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free");
    let refused = handle.request(request(Trigger::Manual)).await;
    assert_eq!(
        refused,
        Err(Refusal::Busy {
            running: session.clone()
        })
    );
    tokio::time::sleep(Duration::from_mins(10)).await;
    script.key();
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(handle.snapshot().session, Some(session.clone()));
    assert!(handle.wake(WakeReason::Wake).await);
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::Wake));
    assert!(!handle.wake(WakeReason::Wake).await, "nobody dreams");
    handle.shutdown().await;
}

/// Begins a session that a person asked for.
async fn asked_for(handle: &SupervisorHandle) -> SessionId {
    handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free")
}

#[tokio::test(start_paused = true)]
async fn another_programs_load_freezes_a_session_until_it_stays_low() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, noon, obedient()));
    let session = asked_for(&handle).await;
    script.load(0.95);
    tokio::time::sleep(Duration::from_secs(1)).await;
    script.load(0.1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        handle.snapshot().name,
        StateName::Dreaming,
        "a spike is forgiven"
    );
    script.load(0.95);
    let frozen = until(&handle, Duration::from_secs(4), |now| {
        now.name == StateName::Frozen
    })
    .await;
    assert_eq!(frozen.waking, Some(WakeReason::Load));
    // Between the two limits it neither goes on nor ends.
    script.load(0.5);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(handle.snapshot().name, StateName::Frozen);
    script.load(0.2);
    let began = clock::monotonic();
    let again = until(&handle, SOON, |now| now.name == StateName::Dreaming).await;
    assert!(began.elapsed() >= Duration::from_secs(30));
    assert_eq!(again.session, Some(session), "the same session");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn load_that_lasts_ends_the_session() {
    let (world, script) = (World::new(), Script::calm());
    let noon = wall("2026-11-21T12:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, noon, obedient()));
    let session = asked_for(&handle).await;
    script.load(0.95);
    let began = clock::monotonic();
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::Load));
    let over = began.elapsed().saturating_sub(Duration::from_mins(10));
    assert!(over <= Duration::from_secs(4), "{over:?}");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_ends_an_automatic_session_without_waiting_for_a_look() {
    let (world, script) = (World::new(), Script::calm());
    let night = wall("2026-11-21T03:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, night, obedient()));
    for what in [Notice::Key, Notice::Login, Notice::Sleep] {
        let session = dreaming(&handle).await;
        let before = clock::monotonic();
        script.tell(what);
        let report = handle.finished(&session).await.expect("a report");
        assert_eq!(before.elapsed(), Duration::ZERO, "no time passes");
        let reason = match what {
            Notice::Key | Notice::Login | Notice::Pointer | Notice::Asked => WakeReason::Presence,
            Notice::Sleep => WakeReason::Suspend,
        };
        assert_eq!(report.wake_reason, Some(reason));
        assert_eq!(report.status, SessionStatus::Interrupted);
        tokio::time::sleep(Duration::from_mins(6)).await;
    }
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_bumped_desk_costs_twenty_seconds_and_a_hand_on_the_mouse_the_session() {
    let (world, script) = (World::new(), Script::calm());
    let night = wall("2026-11-21T03:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, night, obedient()));
    let session = dreaming(&handle).await;
    script.tell(Notice::Pointer);
    let frozen = until(&handle, Duration::from_millis(1), |now| {
        now.name == StateName::Frozen
    })
    .await;
    assert_eq!(frozen.waking, Some(WakeReason::Presence));
    let again = until(&handle, Duration::from_secs(21), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    assert_eq!(again.session.as_ref(), Some(&session));
    tokio::time::sleep(Duration::from_mins(1)).await;
    script.tell(Notice::Pointer);
    tokio::time::sleep(Duration::from_secs(3)).await;
    script.tell(Notice::Pointer);
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::Presence));
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_session_stops_its_clocks_and_begins_nothing() {
    let (world, script) = (World::new(), Script::calm());
    let (sender, mut permits) = tokio::sync::mpsc::unbounded_channel();
    let obey = obedient();
    let run: RunSession = Arc::new(move |permit, request, progress| {
        sender.send(permit.clone()).expect("the test listens");
        obey(permit, request, progress)
    });
    let noon = wall("2026-11-21T12:00[UTC]");
    let handle = Supervisor::start(parts(&world, &script, noon, run));
    asked_for(&handle).await;
    let permit = permits.recv().await.expect("a permit");
    assert_eq!(permit.running().await, Ok(()));
    script.load(0.95);
    permit.not_running().await;
    assert!(matches!(permit.pace(), Pace::Frozen { .. }));
    let early = tokio::time::timeout(Duration::from_mins(1), permit.running()).await;
    assert!(early.is_err(), "nothing begins while it is frozen");
    script.load(0.0);
    assert_eq!(permit.running().await, Ok(()));
    handle.wake(WakeReason::Wake).await;
    assert_eq!(permit.running().await, Err(Ended(WakeReason::Wake)));
    assert!(permit.woken_at().is_some());
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_given_time_is_kept() {
    let (world, script) = (World::new(), Script::calm());
    let handle = Supervisor::start(parts(
        &world,
        &script,
        wall("2026-11-21T12:00[UTC]"),
        obedient(),
    ));
    let asked = RemRequest {
        for_duration: Some(Duration::from_mins(20)),
        ..request(Trigger::Manual)
    };
    let began = clock::monotonic();
    let session = handle.request(asked).await.expect("it is free");
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.status, SessionStatus::Completed);
    let over = began.elapsed().saturating_sub(Duration::from_mins(20));
    assert!(over <= Duration::from_secs(1), "{over:?}");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_hear_is_abandoned_within_two_seconds() {
    let (world, script) = (World::new(), Script::calm());
    let deaf: RunSession = Arc::new(|_, _, _| Box::pin(std::future::pending()));
    let handle = Supervisor::start(parts(&world, &script, wall("2026-11-21T12:00[UTC]"), deaf));
    let session = handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free");
    let told = clock::monotonic();
    handle.wake(WakeReason::Wake).await;
    assert_eq!(handle.snapshot().name, StateName::Waking);
    let report = handle.finished(&session).await.expect("a report");
    assert!(
        told.elapsed() <= Duration::from_millis(2100),
        "{:?}",
        told.elapsed()
    );
    assert_eq!(report.status, SessionStatus::Interrupted);
    assert_eq!(handle.snapshot().name, StateName::Awake);
    handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free again");
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_breaks_is_an_error_and_not_the_end() {
    let (world, script) = (World::new(), Script::calm());
    let broken: RunSession = Arc::new(|_, _, _| Box::pin(async { panic!("a bug") }));
    let handle = Supervisor::start(parts(
        &world,
        &script,
        wall("2026-11-21T12:00[UTC]"),
        broken,
    ));
    let session = handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free");
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.status, SessionStatus::Error);
    assert_eq!(report.session_id, session);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_the_session_and_survives_a_restart() {
    let (world, script) = (World::new(), Script::calm());
    let start = |text| Supervisor::start(parts(&world, &script, wall(text), obedient()));
    let handle = start("2026-11-21T03:00[UTC]");
    let session = dreaming(&handle).await;
    handle.pause(Some(Duration::from_hours(1))).await;
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::Pause));
    handle.shutdown().await;

    let again = start("2026-11-21T03:30[UTC]");
    tokio::time::sleep(Duration::from_mins(25)).await;
    assert_eq!(again.snapshot().name, StateName::Awake);
    let why = again.why().await.expect("an answer");
    assert!(why.because.starts_with("paused"), "{}", why.because);
    until(&again, Duration::from_mins(7), |now| {
        now.name == StateName::Dreaming
    })
    .await;
    again.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_may_wait_until_the_owner_is_away() {
    let (world, script) = (World::new(), Script::calm());
    script.key();
    let mut parts = parts(&world, &script, wall("2026-11-21T12:00[UTC]"), obedient());
    parts.settings.dreaming.enabled = false;
    parts.purpose = Purpose::Requests;
    let handle = Supervisor::start(parts);
    let session = handle
        .request(request(Trigger::WhenAway))
        .await
        .expect("it is free");
    assert!(handle.request(request(Trigger::Manual)).await.is_err());
    tokio::time::sleep(Duration::from_mins(29)).await;
    assert_eq!(handle.snapshot().waiting, Some(session.clone()));
    until(&handle, Duration::from_mins(3), |now| {
        now.session.as_ref() == Some(&session)
    })
    .await;
    script.key();
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::Presence));
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_can_be_dropped() {
    let (world, script) = (World::new(), Script::calm());
    script.key();
    let handle = Supervisor::start(parts(
        &world,
        &script,
        wall("2026-11-21T12:00[UTC]"),
        obedient(),
    ));
    let session = handle
        .request(request(Trigger::WhenAway))
        .await
        .expect("it is free");
    handle.pause(None).await;
    assert_eq!(
        handle.snapshot().waiting,
        Some(session.clone()),
        "a pause only delays it"
    );
    assert!(handle.wake(WakeReason::Wake).await);
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.status, SessionStatus::Interrupted);
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_service_ends_the_session_and_its_permit() {
    let (world, script) = (World::new(), Script::calm());
    let (sender, mut permits) = tokio::sync::mpsc::unbounded_channel();
    let obey = obedient();
    let run: RunSession = Arc::new(move |permit, request, progress| {
        sender.send(permit.clone()).expect("the test listens");
        obey(permit, request, progress)
    });
    let handle = Supervisor::start(parts(&world, &script, wall("2026-11-21T12:00[UTC]"), run));
    let session = handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free");
    let permit = permits.recv().await.expect("a permit");
    assert!(!permit.is_ended());
    handle.shutdown().await;
    assert!(permit.is_ended());
    let report = handle.finished(&session).await.expect("a report");
    assert_eq!(report.wake_reason, Some(WakeReason::Shutdown));
    let late = handle.request(request(Trigger::Manual)).await;
    assert_eq!(late, Err(Refusal::Stopping));
}

#[tokio::test(start_paused = true)]
async fn nobody_left_to_ask_ends_the_service() {
    let (world, script) = (World::new(), Script::calm());
    let (sender, mut permits) = tokio::sync::mpsc::unbounded_channel();
    let obey = obedient();
    let run: RunSession = Arc::new(move |permit, request, progress| {
        sender.send(permit.clone()).expect("the test listens");
        obey(permit, request, progress)
    });
    let handle = Supervisor::start(parts(&world, &script, wall("2026-11-21T12:00[UTC]"), run));
    handle
        .request(request(Trigger::Manual))
        .await
        .expect("it is free");
    let permit = permits.recv().await.expect("a permit");
    drop(handle);
    tokio::time::timeout(Duration::from_secs(1), permit.ended())
        .await
        .expect("no work outlives its owner");
}

/// Counts how often it is looked at the machine.
struct Counted {
    script: Script,
    looks: Arc<AtomicUsize>,
}

impl Senses for Counted {
    fn read(&mut self, now: clock::Instant) -> Reading {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.script.read(now)
    }
}

/// The named jobs start, nudge, and stop; in real time, which a scheduler goes by.
#[tokio::test]
async fn the_named_jobs_come_and_go_with_the_service() {
    let (world, script) = (World::new(), Script::calm());
    // A gate that may open at any moment: it looks every five seconds by itself.
    script.load(0.5);
    let looks = Arc::<AtomicUsize>::default();
    let mut parts = parts(&world, &script, wall("2026-11-21T03:00[UTC]"), obedient());
    parts.senses = Box::new(Counted {
        script,
        looks: Arc::clone(&looks),
    });
    parts.named_jobs = &[NamedJob {
        name: "every_second",
        schedule: "* * * * * *",
    }];
    let handle = Supervisor::start(parts);
    until(&handle, Duration::from_secs(10), |now| now.tick.is_some()).await;
    let (before, began) = (looks.load(Ordering::Relaxed), clock::monotonic());
    while looks.load(Ordering::Relaxed) < before + 3 {
        assert!(began.elapsed() < Duration::from_secs(9), "nobody nudges");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::timeout(Duration::from_secs(10), handle.shutdown())
        .await
        .expect("it stops");
}

#[tokio::test(start_paused = true)]
async fn a_broken_preflight_is_safe_mode_until_three_good_ones_and_every_change_is_noted() {
    let world = World::new();
    let script = Script::calm();
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let noted: Arc<std::sync::Mutex<Vec<Transition>>> = Arc::default();
    let mut parts = parts(
        &world,
        &script,
        wall("2026-11-21T03:00[Europe/Warsaw]"),
        obedient(),
    );
    parts.settings.dreaming.enabled = true;
    parts.preflight = Some({
        let broken = Arc::clone(&broken);
        Arc::new(move |_| {
            let broken = broken.load(std::sync::atomic::Ordering::SeqCst);
            Box::pin(async move { broken.then(|| "sandbox: there is none".to_owned()) })
        })
    });
    parts.note = Some({
        let noted = Arc::clone(&noted);
        Box::new(move |now| noted.lock().expect("no panic").push(now.clone()))
    });
    let handle = Supervisor::start(parts);
    let mut follow = handle.watch();
    let in_safe_mode = follow.wait_for(|now| now.name == StateName::Safe).await;
    let reason = in_safe_mode
        .expect("it lives")
        .safe
        .clone()
        .expect("why")
        .reason;
    assert_eq!(reason, "sandbox: there is none");
    let status = handle.get_statistics();
    assert_eq!(
        (status.state, status.original_state.as_str()),
        (StateWord::Idle, "SAFE_MODE")
    );
    let why = handle.why().await.expect("it answers");
    assert!(why.gates.iter().all(|gate| gate.open), "{why:?}");
    assert!(!why.may_dream, "{why:?}");
    let because = &why.because;
    assert!(
        because.contains("there is none (0 of 3 good checks)"),
        "{because}"
    );
    let refused = handle.request(request(Trigger::Manual)).await;
    let report = refused.expect_err("nothing begins").report();
    assert_eq!(report.status, SessionStatus::Error);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(
        handle.snapshot().name,
        StateName::Safe,
        "an hour of night does not help"
    );
    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    let began = clock::monotonic();
    let dreaming = follow.wait_for(|now| now.name == StateName::Dreaming).await;
    drop(dreaming.expect("it lives"));
    let after = began.elapsed();
    assert!(
        after > Duration::from_mins(2) && after < Duration::from_mins(5),
        "{after:?}"
    );
    let shown = handle.get_statistics().transitions;
    handle.shutdown().await;
    let noted = noted.lock().expect("no panic");
    assert_eq!(shown[..], noted[..4], "`status` shows what was noted");
    let names: Vec<_> = noted.iter().map(|now| now.to.as_str()).collect();
    assert_eq!(names, ["safe", "awake", "settling", "dreaming", "stopping"]);
    assert_eq!(noted[0].why.as_deref(), Some("sandbox: there is none"));
}
