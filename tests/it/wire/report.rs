//! Reports of sessions, with everything in them that may be in one.

use std::collections::BTreeMap;

use dreamer::dream::{
    Funnel, GateCount, Measured, PlantRate, SessionReport, SessionStatus, Spent, Tokens, WakeReason,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{figure, session};

const STATUSES: [SessionStatus; 5] = [
    SessionStatus::Completed,
    SessionStatus::Interrupted,
    SessionStatus::Error,
    SessionStatus::NoKnowledge,
    SessionStatus::Busy,
];

fn counts() -> impl Strategy<Value = BTreeMap<String, u64>> {
    btree_map(any::<String>(), any::<u64>(), 0..3)
}

fn tokens() -> impl Strategy<Value = Tokens> {
    any::<(u64, u64)>().prop_map(|(prompt, completion)| Tokens { prompt, completion })
}

fn funnel() -> impl Strategy<Value = Funnel> {
    any::<[u64; 11]>().prop_map(
        |[
            tried,
            woven,
            parsed,
            ran,
            settled,
            passed,
            steady,
            agreed,
            adequate,
            new,
            kept,
        ]| Funnel {
            tried,
            woven,
            parsed,
            ran,
            settled,
            passed,
            steady,
            agreed,
            adequate,
            new,
            kept,
        },
    )
}

fn measured() -> impl Strategy<Value = Measured> {
    let spent = (figure(), tokens()).prop_map(|(seconds, tokens)| Spent { seconds, tokens });
    let gate = (any::<(u64, u64)>(), figure()).prop_map(|((passed, failed), seconds)| GateCount {
        passed,
        failed,
        seconds,
    });
    let plant =
        (any::<(u64, u64)>(), figure(), figure()).prop_map(|((tried, through), low, high)| {
            PlantRate {
                tried,
                through,
                low,
                high,
            }
        });
    (
        funnel(),
        btree_map(any::<String>(), spent, 0..3),
        btree_map(any::<String>(), gate, 0..3),
        btree_map(any::<String>(), plant, 0..3),
    )
        .prop_map(|(funnel, spent, gates, plants)| Measured {
            funnel,
            spent,
            gates,
            plants,
        })
}

pub(super) fn report() -> impl Strategy<Value = SessionReport> {
    let ended = (
        session(),
        select(&STATUSES),
        option::of(select(&WakeReason::ALL)),
    );
    let figures = (any::<[u64; 3]>(), figure(), figure(), tokens());
    let named = (counts(), counts(), counts());
    let said = (
        option::of(any::<String>()),
        vec(any::<String>(), 0..3),
        measured(),
    );
    (ended, figures, named, said).prop_map(
        |(
            (session_id, status, wake_reason),
            ([attempted, successful, requeued], duration_seconds, success_rate, tokens),
            (tiers, rejections, generator),
            (model, hints, measured),
        )| SessionReport {
            session_id,
            status,
            duration_seconds,
            dreams_attempted: attempted,
            dreams_successful: successful,
            success_rate,
            wake_reason,
            tiers,
            rejections,
            tokens,
            generator,
            measured: Box::new(measured),
            requeued,
            model,
            hints,
        },
    )
}
