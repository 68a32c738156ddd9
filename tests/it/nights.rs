//! A year of nights, hour by hour: the real supervisor with scripted senses on a clock that jumps. Three zones, both
//! changes of the clock, machines that sleep, clocks that are set. A week at a time; in the ordinary test run only the
//! weeks' ends around each change.

use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::config::{NightHours, Settings};
use dreamer::dream::{SessionReport, SessionStatus, Trigger, WakeReason};
use dreamer::energy::Notice;
use dreamer::energy::simulated::{Act, Script, SimulatedSenses};
use dreamer::supervisor::permit::PermitKind;
use dreamer::supervisor::{Purpose, RunSession, StateName, Supervisor, SupervisorParts};
use dreamer::tree::Tree;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use crate::support::{World, full};

mod defaults;
mod jumps;

/// Begin is late by a look, the settling and a look.
const LATE_BEGIN: Duration = Duration::from_secs(5 + 30 + 5);
/// An end is late by a look, which is a tick of half a second; timers count whole milliseconds.
const LATE_END: Duration = Duration::from_millis(500 + 2);
/// Without input inside the night, DREAMING_NIGHT_QUIET_MINUTES.
const QUIET: Duration = Duration::from_mins(5);

/// The hour in which a night begins, and the one before which it ends.
type Hours = (i8, i8);
const AFTER_MIDNIGHT: Hours = (2, 6);
const OVER_MIDNIGHT: Hours = (22, 6);

fn is_night((start, end): Hours, hour: i8) -> bool {
    if start < end {
        (start..end).contains(&hour)
    } else {
        hour >= start || hour < end
    }
}

/// What happens in one night, by its number: the owner leaves at 23:00 and comes at 7:40; some nights are not so.
fn acts_of(day: Date, start: &Zoned, shift: &mut SignedDuration) -> Vec<(Duration, Act)> {
    let number = day.day_of_year();
    let at = |hour: i8, minute: i8| {
        let wall = day
            .at(hour, minute, 0, 0)
            .to_zoned(start.time_zone().clone());
        wall.expect("a time of that day").timestamp()
    };
    let mut wanted: Vec<(Timestamp, Act)> = vec![
        (at(7, 40), Act::Input(Notice::Key)),
        (at(23, 0), Act::Input(Notice::Key)),
    ];
    let set = |minutes| Act::Clock(SignedDuration::from_mins(minutes));
    match number % 10 {
        // It sleeps through the whole window.
        1 => wanted.push((at(1, 0), Act::Suspend(Duration::from_hours(6)))),
        // It sleeps into the window.
        2 => wanted.push((at(0, 30), Act::Suspend(Duration::from_hours(3)))),
        // Somebody types in the middle of the night.
        3 => wanted.push((at(4, 0), Act::Input(Notice::Key))),
        // The desk is bumped.
        4 => wanted.push((at(4, 30), Act::Input(Notice::Pointer))),
        // The clock is set by day.
        5 => wanted.push((at(12, 0), set(-20))),
        6 => wanted.push((at(12, 0), set(20))),
        // It is set into the window, out of it again through its beginning, out of it through its end, and back in it.
        7 => wanted.push((at(1, 50), set(20))),
        8 => wanted.push((at(2, 10), set(-20))),
        9 => wanted.push((at(5, 50), set(20))),
        _ => wanted.push((at(5, 50), set(-20))),
    }
    wanted.sort_by_key(|(at, _)| *at);
    let mut acts = Vec::new();
    for (moment, act) in wanted {
        let awake = moment.duration_since(start.timestamp()) - *shift;
        let Ok(awake) = Duration::try_from(awake) else {
            continue;
        };
        match act {
            Act::Suspend(length) => *shift += SignedDuration::try_from(length).expect("hours"),
            Act::Clock(jump) => *shift += jump,
            _ => {}
        }
        acts.push((awake, act));
    }
    acts
}

/// A session, by the time that the machine was awake until then.
#[derive(Debug)]
struct Began {
    at: Duration,
    ended: Option<Duration>,
}

/// Sessions that never end by themselves: the window has to end them.
fn endless() -> RunSession {
    Arc::new(|permit, _, _| {
        Box::pin(async move {
            let PermitKind::Session(id) = permit.kind().clone() else {
                panic!("not a session's permit")
            };
            let ended = permit.ended().await;
            let status = if ended.0 == WakeReason::WindowClosed {
                SessionStatus::Completed
            } else {
                SessionStatus::Interrupted
            };
            let mut report = SessionReport::empty(id, status);
            report.wake_reason = Some(ended.0);
            report
        })
    })
}
/// Runs to its end on a clock that leaps over what nobody waits in.
fn in_simulated_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(work)
}

async fn live(script: Arc<Script>, hours: Hours, world: &World) -> Vec<Began> {
    let begun = clock::monotonic();
    let wall = {
        let script = Arc::clone(&script);
        Arc::new(move || script.wall(clock::monotonic().saturating_duration_since(begun)))
    };
    let mut settings = Settings::defaults_in(world.path());
    settings.dreaming.enabled = true;
    let minutes = |hour: i8| 60 * u16::try_from(hour).expect("an hour");
    settings.dreaming.night = NightHours {
        start: minutes(hours.0),
        end: minutes(hours.1),
    };
    // Nights alone: no absence is long enough.
    settings.dreaming.idle_threshold = Duration::from_hours(24);
    let supervisor = Supervisor::start(SupervisorParts {
        wall: wall.clone(),
        ..SupervisorParts::new(
            Purpose::Service,
            settings,
            Box::new(SimulatedSenses::new(Arc::clone(&script), begun)),
            Arc::new(Tree::without_groups(0)),
            endless(),
        )
    });
    let awake = || clock::monotonic().saturating_duration_since(begun);
    let mut sessions: Vec<Began> = Vec::new();
    let mut running = None;
    let mut states = supervisor.watch();
    let mut over = std::pin::pin!(tokio::time::sleep_until(begun + script.length));
    loop {
        let now = states.borrow_and_update().clone();
        if now.session != running {
            if let (Some(_), Some(last)) = (&running, sessions.last_mut()) {
                last.ended = Some(awake());
            }
            if now.session.is_some() {
                assert_eq!(now.trigger, Some(Trigger::Night));
                sessions.push(Began {
                    at: awake(),
                    ended: None,
                });
            }
            running = now.session.clone();
        }
        assert!(now.session.is_some() || now.name != StateName::Dreaming);
        tokio::select! {
            changed = states.changed() => changed.expect("it lives"),
            () = &mut over => break,
        }
    }
    supervisor.shutdown().await;
    sessions
}

/// Lives through `days` days from noon of `first` on and holds the sessions against what the calendar says.
fn check(zone: &str, hours: Hours, first: Date, days: i32) {
    let start: Zoned = first
        .at(12, 30, 0, 0)
        .in_tz(zone)
        .expect("a zone of this system");
    let mut shift = SignedDuration::ZERO;
    let mut acts = Vec::new();
    for day in 1..=days {
        let date = first.checked_add(day.days()).expect("a date");
        acts.extend(acts_of(date, &start, &mut shift));
    }
    // It ends at noon, however long it slept: a session of a night that is not over has not ended.
    let wall = SignedDuration::from_hours(24 * i64::from(days));
    let length = Duration::try_from(wall - shift).expect("days");
    let script = Arc::new(Script::of(start.clone(), acts.clone(), length));
    live_through(zone, hours, &script, &acts);
}

/// Lives through the script and holds the sessions against what the calendar says; gives back how many nights there were.
fn live_through(zone: &str, hours: Hours, script: &Arc<Script>, acts: &[(Duration, Act)]) -> usize {
    let world = World::new();
    let sessions = in_simulated_time(live(Arc::clone(script), hours, &world));

    let windows = windows(script, hours);
    for (opened, closed) in windows.iter().copied() {
        let night = script.wall(opened);
        let of_window: Vec<&Began> = sessions
            .iter()
            .filter(|session| session.at >= opened && session.at <= closed)
            .collect();
        let disturbed = acts.iter().filter(|(at, act)| {
            *at >= opened
                && *at <= closed
                && matches!(act, Act::Input(Notice::Key) | Act::Suspend(_))
        });
        let wakes = disturbed.count();
        let long_enough = closed.saturating_sub(opened) > QUIET + LATE_BEGIN;
        assert!(
            !of_window.is_empty() || !long_enough,
            "{zone}: the night of {night} is not entered"
        );
        assert!(
            of_window.len() <= 1 + wakes,
            "{zone}: the night of {night} is entered {} times with {wakes} wakes",
            of_window.len()
        );
        let Some(first) = of_window.first() else {
            continue;
        };
        let late = first.at.saturating_sub(opened);
        assert!(
            late <= QUIET + LATE_BEGIN,
            "{zone}: {night} entered after {late:?}"
        );
        for session in of_window {
            let ended = session.ended.unwrap_or_else(|| {
                panic!("{zone}: the session of {night} never ended: {session:?}")
            });
            let over = ended.saturating_sub(closed);
            assert!(over <= LATE_END, "{zone}: {night} overran by {over:?}");
        }
    }
    let outside: Vec<_> = sessions
        .iter()
        .filter(|session| {
            let holds =
                |(opened, closed): &(Duration, Duration)| (*opened..=*closed).contains(&session.at);
            !windows.iter().any(holds)
        })
        .collect();
    assert!(outside.is_empty(), "{zone}: {outside:?}");
    assert!(!sessions.is_empty());
    windows.len()
}

/// What the calendar says: when the clock on the wall shows the night's hours, by the time awake, to the millisecond.
fn windows(script: &Script, hours: Hours) -> Vec<(Duration, Duration)> {
    const STEP: Duration = Duration::from_secs(10);
    let inside = |awake| is_night(hours, script.wall(awake).hour());
    // The first moment after `before` at which it is as it is at `after`.
    let changed = |mut before: Duration, mut after: Duration| {
        while after.saturating_sub(before) > Duration::from_millis(1) {
            let middle = before + after.saturating_sub(before) / 2;
            if inside(middle) == inside(after) {
                after = middle;
            } else {
                before = middle;
            }
        }
        after
    };
    let mut windows: Vec<(Duration, Duration)> = Vec::new();
    let mut opened: Option<Duration> = None;
    let mut last = Duration::ZERO;
    while last < script.length {
        let next = (last + STEP).min(script.length);
        match (opened, inside(next)) {
            (None, true) => opened = Some(changed(last, next)),
            (Some(since), false) => {
                windows.push((since, changed(last, next)));
                opened = None;
            }
            (Some(_), true) | (None, false) => {}
        }
        last = next;
    }
    windows.extend(opened.map(|since| (since, script.length)));
    windows
}

fn year(zone: &str, hours: Hours, changes: [(i8, i8); 2]) {
    let date = |month, day| jiff::civil::date(2026, month, day);
    if full() {
        for week in 0..52 {
            let first = date(1, 1).checked_add((week * 7).days()).expect("a date");
            check(zone, hours, first, 8);
        }
    } else {
        for (month, day) in changes {
            let first = date(month, day).checked_sub(2.days()).expect("a date");
            check(zone, hours, first, 3);
        }
        // The three nights in which the clock is set: days 157 to 159.
        check(zone, hours, date(6, 5), 3);
    }
}

#[test]
fn every_night_in_warsaw_is_entered_once_and_ends_in_time() {
    year("Europe/Warsaw", AFTER_MIDNIGHT, [(3, 29), (10, 25)]);
}

#[test]
fn every_night_in_new_york_is_entered_once_and_ends_in_time() {
    year("America/New_York", AFTER_MIDNIGHT, [(3, 8), (11, 1)]);
}

#[test]
fn every_night_on_lord_howe_whose_clock_moves_by_half_an_hour_is_entered_once() {
    year("Australia/Lord_Howe", AFTER_MIDNIGHT, [(4, 5), (10, 4)]);
}

#[test]
fn every_night_over_midnight_is_entered_once_unless_something_woke_it() {
    year("Europe/Warsaw", OVER_MIDNIGHT, [(3, 29), (10, 25)]);
}
