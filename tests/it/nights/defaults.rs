//! Weeks at the default settings: what is left of an absence for its own session once the night has had one, and of a
//! night once the absence has. Sessions come to an end by themselves here, unless a window or a key comes first.

use dreamer::ids::SessionId;

use super::*;

/// Sessions that are done after `length`.
fn lasting(length: Duration) -> RunSession {
    let endless = endless();
    Arc::new(move |permit, request, progress| {
        let told = endless(permit.clone(), request, progress);
        Box::pin(async move {
            tokio::select! {
                report = told => report,
                () = tokio::time::sleep(length) => {
                    let PermitKind::Session(id) = permit.kind().clone() else {
                        panic!("not a session's permit")
                    };
                    SessionReport::empty(id, SessionStatus::Completed)
                }
            }
        })
    })
}

/// A session, by the time that the machine was awake until then, and all that it was held to.
#[derive(Debug)]
struct Lived {
    began: Duration,
    ended: Duration,
    triggers: Vec<Trigger>,
    report: Arc<SessionReport>,
}

impl Lived {
    fn is_completed_as(&self, trigger: Trigger) -> bool {
        self.triggers.last() == Some(&trigger) && self.report.status == SessionStatus::Completed
    }
}

async fn live_at_defaults(script: Arc<Script>, length: Duration, world: &World) -> Vec<Lived> {
    let begun = clock::monotonic();
    let awake = move || clock::monotonic().saturating_duration_since(begun);
    let shown = Arc::clone(&script);
    let mut settings = Settings::defaults_in(world.path());
    settings.dreaming.enabled = true;
    let supervisor = Supervisor::start(SupervisorParts {
        wall: Arc::new(move || shown.wall(awake())),
        ..SupervisorParts::new(
            Purpose::Service,
            settings,
            Box::new(SimulatedSenses::new(Arc::clone(&script), begun)),
            Arc::new(Tree::without_groups(0)),
            lasting(length),
        )
    });
    let mut sessions = Vec::new();
    let mut running: Option<(SessionId, Duration, Vec<Trigger>)> = None;
    let mut states = supervisor.watch();
    let mut over = std::pin::pin!(tokio::time::sleep_until(begun + script.length));
    loop {
        let now = states.borrow_and_update().clone();
        let known = running.as_ref();
        let is_over = known.is_some_and(|(id, ..)| now.session.as_ref() != Some(id));
        if let Some((id, began, triggers)) = running.take_if(|_| is_over) {
            sessions.push(Lived {
                began,
                ended: awake(),
                triggers,
                report: now.report(&id).expect("it reported"),
            });
        }
        if let Some((id, trigger)) = now.session.clone().zip(now.trigger) {
            let (_, _, triggers) = running.get_or_insert_with(|| (id, awake(), Vec::new()));
            if triggers.last() != Some(&trigger) {
                triggers.push(trigger);
            }
        }
        tokio::select! {
            changed = states.changed() => changed.expect("it lives"),
            () = &mut over => break,
        }
    }
    supervisor.shutdown().await;
    sessions
}

/// The owner leaves at 23:00 and comes at 7:40. In one night of three he looks in at 5:10, in the next he leaves at 1:55.
fn keys(start: &Zoned, days: i32) -> Vec<Duration> {
    let mut keys = Vec::new();
    for day in 1..=days {
        let date = start.date().checked_add(day.days()).expect("a date");
        let night = match day % 3 {
            0 => Some((1, 55)),
            1 => Some((5, 10)),
            _ => None,
        };
        for (hour, minute) in night.into_iter().chain([(7, 40), (23, 0)]) {
            let wall = date.at(hour, minute, 0, 0);
            let wall = wall.to_zoned(start.time_zone().clone());
            let at = wall.expect("a time of that day").timestamp();
            let after = at.duration_since(start.timestamp());
            keys.push(Duration::try_from(after).expect("it comes later"));
        }
    }
    keys
}

/// Lives through `days` days with sessions of this length and holds them against what the contract says.
fn weeks(length: Duration, days: i32) {
    let start: Zoned = "2026-06-01T12:30[UTC]".parse().expect("a zoned time");
    let keys = keys(&start, days);
    let acts = keys.iter().map(|at| (*at, Act::Input(Notice::Key)));
    let all = Duration::from_hours(24 * u64::try_from(days).expect("few days"));
    let script = Arc::new(Script::of(start, acts.collect(), all));
    let world = World::new();
    let sessions = in_simulated_time(live_at_defaults(Arc::clone(&script), length, &world));

    let windows = windows(&script, AFTER_MIDNIGHT);
    let mut outlasted = 0;
    for session in &sessions {
        let when = script.wall(session.began);
        let holds =
            |(opened, closed): &&(Duration, Duration)| (*opened..*closed).contains(&session.began);
        let opens = |(opened, _): &&(Duration, Duration)| {
            session.began < *opened && *opened + LATE_END < session.ended
        };
        let inside = windows.iter().find(holds);
        let opened = windows.iter().find(opens);
        let end = |window: Option<&(Duration, Duration)>| window.map(|(_, closed)| *closed);
        let (held_to, until) = match (session.triggers.first(), inside, opened) {
            (Some(Trigger::Night), Some(_), _) => (vec![Trigger::Night], end(inside)),
            (Some(Trigger::Idle), Some(_), None) => {
                let is_longer = end(inside).is_some_and(|closed| session.ended > closed + LATE_END);
                outlasted += u32::from(is_longer);
                (vec![Trigger::Idle], None)
            }
            (Some(Trigger::Idle), None, Some(_)) => {
                (vec![Trigger::Idle, Trigger::Night], end(opened))
            }
            (Some(Trigger::Idle), None, None) => (vec![Trigger::Idle], None),
            _ => panic!("{when}: {session:?}"),
        };
        assert_eq!(session.triggers, held_to, "{when}: {session:?}");
        let overran = until.is_some_and(|until| session.ended > until + LATE_END);
        assert!(!overran, "{when}: {session:?}");
        let by_window = session.report.wake_reason == Some(WakeReason::WindowClosed);
        assert!(until.is_some() || !by_window, "{when}: {session:?}");
    }
    assert!(outlasted > 0, "no absence's session came by night");
    for (opened, closed) in &windows {
        let of_night = sessions.iter().filter(|session| {
            let ended_inside = session.ended > *opened && session.ended <= *closed + LATE_END;
            ended_inside && session.is_completed_as(Trigger::Night)
        });
        assert_eq!(of_night.count(), 1, "the night of {}", script.wall(*opened));
    }
    let absences = [Duration::ZERO].into_iter().chain(keys.iter().copied());
    for (left, came) in absences.zip(keys.iter().copied().chain([all])) {
        let of_absence = sessions.iter().filter(|session| {
            let began_as = session.triggers.first() == Some(&Trigger::Idle);
            let completed = session.report.status == SessionStatus::Completed;
            began_as && completed && (left..came).contains(&session.began)
        });
        assert!(of_absence.count() <= 1, "away since {}", script.wall(left));
    }
}

#[test]
fn night_and_absence_each_have_one_session_and_none_cuts_the_other_short() {
    weeks(Duration::from_mins(25), 21);
}

#[test]
fn sessions_longer_than_a_night_are_ended_by_the_window_that_they_belong_to_alone() {
    weeks(Duration::from_hours(5), if full() { 21 } else { 4 });
}
