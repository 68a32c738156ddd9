//! What the control socket says is what was meant: plain data to JSON and back, for values that nobody thought of.

mod report;
mod small;

use std::path::Path;
use std::time::Duration;

use dreamer::config::Settings;
use dreamer::dream::{Complexity, Difficulty, Finding, RemRequest, TaskLine, Trigger, WakeReason};
use dreamer::energy::gate::{Gate, GateKind, Pause};
use dreamer::energy::{EnergyStatus, Metrics};
use dreamer::engine::progress::{Phase, ProgressEvent};
use dreamer::http::api::{PauseBody, RemBody, WakeBody};
use dreamer::ids::SessionId;
use dreamer::supervisor::proposals::Kind;
use dreamer::supervisor::{
    Counts, Safe, Snapshot, StateName, StateWord, Status, Tick, Told, Transition, Why,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use report::report;

const NAMES: [StateName; 8] = [
    StateName::Starting,
    StateName::Safe,
    StateName::Awake,
    StateName::Settling,
    StateName::Dreaming,
    StateName::Frozen,
    StateName::Waking,
    StateName::Stopping,
];
const GATES: [GateKind; 8] = [
    GateKind::Enabled,
    GateKind::Paused,
    GateKind::Window,
    GateKind::Presence,
    GateKind::Load,
    GateKind::Memory,
    GateKind::Heat,
    GateKind::Power,
];

const PHASES: [Phase; 5] = [
    Phase::Weaving,
    Phase::Coding,
    Phase::Running,
    Phase::Proving,
    Phase::Saving,
];

/// Figures as they are told: shares and milliseconds to some digits.
fn figure() -> impl Strategy<Value = f64> {
    (-1_000_000_000_i64..1_000_000_000).prop_map(|n| n as f64 / 1000.0)
}

fn session() -> impl Strategy<Value = SessionId> {
    "[0-9a-f]{8,64}".prop_map(|text| SessionId::parse(&text).expect("an identity"))
}

fn pause() -> impl Strategy<Value = Option<Pause>> {
    let until = proptest::option::of(-8_000_000_000_i64..8_000_000_000);
    proptest::option::of(until.prop_map(|until| Pause {
        until: until.map(|s| jiff::Timestamp::from_second(s).expect("within the calendar")),
    }))
}

fn energy() -> impl Strategy<Value = EnergyStatus> {
    let maybe = || proptest::option::of(figure());
    (
        maybe(),
        maybe(),
        maybe(),
        figure(),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(
            |(one, two, three, limit, (first, second, third))| EnergyStatus {
                is_monitoring: first,
                metrics: Metrics {
                    cpu_percent: one,
                    memory_percent: two,
                    temperature: three,
                    timestamp: first.then_some(jiff::Timestamp::UNIX_EPOCH),
                },
                cpu_threshold: limit,
                memory_threshold: limit,
                is_busy: second,
                idle_time_seconds: one,
                is_idle: third,
                registered_callbacks: 3,
            },
        )
}

fn progress() -> impl Strategy<Value = ProgressEvent> {
    let phase = proptest::sample::select(&PHASES);
    let texts = any::<[String; 2]>();
    let more = proptest::collection::vec(any::<String>(), 0..3);
    (0..6_u8, any::<u64>(), phase, texts, more).prop_map(
        |(kind, scenario, phase, [one, two], more)| match kind {
            0 => ProgressEvent::Ready {
                sandbox: one,
                model: more.into_iter().next(),
            },
            1 => ProgressEvent::Phase { scenario, phase },
            2 => ProgressEvent::Task {
                scenario,
                title: one,
                generator: two,
            },
            3 => ProgressEvent::Saved {
                scenario,
                dream_id: one,
                tier: two,
            },
            4 => ProgressEvent::Rejected {
                scenario,
                reasons: more,
                detail: one,
            },
            _ => ProgressEvent::Requeued { scenario, why: one },
        },
    )
}

fn transitions() -> impl Strategy<Value = Vec<Transition>> {
    let name = || proptest::sample::select(&NAMES);
    let rest = (
        proptest::option::of(session()),
        proptest::option::of(any::<String>()),
    );
    let one = (-8_000_000_000_i64..8_000_000_000, name(), name(), rest).prop_map(
        |(second, from, to, (session, why))| Transition {
            at: jiff::Timestamp::from_second(second).expect("within the calendar"),
            from,
            to,
            session,
            why,
        },
    );
    proptest::collection::vec(one, 0..4)
}

fn status() -> impl Strategy<Value = Status> {
    let name = proptest::sample::select(&NAMES);
    let reason = proptest::option::of(proptest::sample::select(&WakeReason::ALL));
    let told = (
        proptest::option::of(session()),
        any::<String>(),
        any::<bool>(),
    );
    let figures = (figure(), figure(), any::<u64>());
    let parts = (
        proptest::option::of(report()),
        proptest::option::of(energy()),
        pause(),
        transitions(),
    );
    (name, reason, told, figures, parts).prop_map(
        |(name, wake_reason, (session, text, service), (one, two, version), parts)| {
            let (last_report, energy, paused, transitions) = parts;
            let counts = Counts::default();
            Status {
                supervisor: name,
                state: name.word(None),
                wake_reason,
                current_session_id: session.clone(),
                waiting: session,
                troubles: vec![Finding::warn("experience_http", text.clone(), "start it")],
                trigger: Some(Trigger::Night),
                original_state: text.clone(),
                success_rate: one,
                safe: Some(Safe {
                    reason: text.clone(),
                    good: 1,
                    of: 3,
                }),
                tick: Some(Tick {
                    senses_ms: one,
                    judge_ms: two,
                    decide_ms: one,
                    chosen: Kind::Compact,
                }),
                version,
                last_report,
                energy,
                paused,
                transitions,
                ..Status::new(&Snapshot::of_nobody(None), counts, text, service)
            }
        },
    )
}

fn why() -> impl Strategy<Value = Why> {
    let gate = (
        proptest::sample::select(&GATES),
        any::<[String; 3]>(),
        any::<bool>(),
    );
    let gates = gate.prop_map(|(gate, [reading, threshold, reason], open)| Gate {
        gate,
        reading,
        threshold,
        open,
        reason,
    });
    let gates = proptest::collection::vec(gates, 0..9);
    (gates, proptest::sample::select(&NAMES), any::<String>()).prop_map(
        |(gates, supervisor, because)| Why {
            state: StateWord::Idle,
            may_dream: gates.iter().all(|gate| gate.open),
            gates,
            supervisor,
            because,
        },
    )
}

fn task_line() -> impl Strategy<Value = TaskLine> {
    let maybe = || proptest::option::of(any::<String>());
    let difficulties = [Difficulty::Simple, Difficulty::Medium, Difficulty::Complex];
    (
        (maybe(), any::<String>(), maybe()),
        proptest::option::of(proptest::sample::select(difficulties.to_vec())),
        proptest::collection::vec(any::<String>(), 0..3),
        any::<u64>(),
    )
        .prop_map(
            |((title, task_prompt, entry_point), difficulty, libraries, line)| TaskLine {
                title,
                task_prompt,
                entry_point,
                difficulty,
                libraries,
                line,
            },
        )
}

/// What a person can ask for.
fn rem_request() -> impl Strategy<Value = RemRequest> {
    let complexities = [
        Complexity::Simple,
        Complexity::Medium,
        Complexity::Complex,
        Complexity::Auto,
    ];
    let limit = proptest::option::of(1..u32::MAX);
    // A year, in milliseconds.
    let length = proptest::option::of(0..31_536_000_000_u64);
    (
        proptest::sample::select(vec![Trigger::Manual, Trigger::WhenAway]),
        limit,
        proptest::sample::select(complexities.to_vec()),
        length.prop_map(|ms| ms.map(Duration::from_millis)),
        proptest::collection::vec(task_line(), 0..3),
        proptest::option::of(any::<String>()),
    )
        .prop_map(
            |(trigger, max_scenarios, complexity, for_duration, tasks, tasks_file)| RemRequest {
                trigger,
                max_scenarios,
                complexity,
                for_duration,
                tasks,
                tasks_file,
            },
        )
}

/// There and back; what comes back says the same in every byte.
fn check<T: Serialize + DeserializeOwned>(value: &T) -> Result<T, TestCaseError> {
    let text = serde_json::to_string(value).expect("it is written");
    let back: T = serde_json::from_str(&text)
        .map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
    prop_assert_eq!(serde_json::to_string(&back).expect("it is written"), text);
    Ok(back)
}

proptest! {
    #[test]
    fn a_status_comes_back_as_it_was(value in status()) {
        let back = check(&value)?;
        prop_assert_eq!(back, value);
    }

    #[test]
    fn the_answer_to_why_comes_back_as_it_was(value in why()) {
        let back = check(&value)?;
        prop_assert_eq!(back, value);
    }

    #[test]
    fn what_the_command_line_asks_is_what_the_service_is_asked(asked in rem_request()) {
        let body = check(&RemBody::of(&asked))?;
        let own = Settings::defaults_in(Path::new("/nowhere")).dreaming;
        prop_assert_eq!(body.request(&own), Ok(asked));
    }

    #[test]
    fn how_long_to_pause_and_who_wakes_come_back_as_they_were(
        seconds in proptest::option::of(any::<u64>()),
        interrupt in any::<bool>(),
    ) {
        prop_assert_eq!(check(&PauseBody { seconds })?.seconds, seconds);
        prop_assert_eq!(check(&WakeBody { interrupt })?.interrupt, interrupt);
    }

    #[test]
    fn what_followers_are_told_comes_back_as_it_was(
        report in report(),
        version in any::<u64>(),
        name in proptest::sample::select(&NAMES),
        session_id in session(),
        progress in progress(),
    ) {
        check(&Told::Progress { session_id, progress })?;
        check(&Told::Report { report })?;
        check(&Told::State { version, supervisor: name })?;
    }
}
