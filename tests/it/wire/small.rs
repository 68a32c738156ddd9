//! The smaller questions and answers.

use dreamer::dream::{Finding, Health};
use dreamer::http::api::{Accepted, Problem, Woken};
use dreamer::http::learning::WeightsBody;
use dreamer::llm::server::ServerStatus;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{check, figure, session};

const HEALTHS: [Health; 3] = [Health::Ok, Health::Warn, Health::Fail];

fn server() -> impl Strategy<Value = ServerStatus> {
    let text = || option::of(any::<String>());
    let figures = (
        option::of(any::<u32>()),
        option::of(figure()),
        any::<u32>(),
        option::of(any::<u64>()),
    );
    (
        any::<[String; 2]>(),
        any::<(bool, bool)>(),
        (text(), text()),
        figures,
    )
        .prop_map(
            |(
                [name, state],
                (ours, healthy),
                (url, why),
                (pid, seconds, restarts, memory_bytes),
            )| {
                ServerStatus {
                    name,
                    state,
                    ours,
                    healthy,
                    url,
                    pid,
                    seconds,
                    restarts,
                    memory_bytes,
                    why,
                }
            },
        )
}

fn weights() -> impl Strategy<Value = WeightsBody> {
    let text = || option::of(any::<String>());
    (
        btree_map(any::<String>(), option::of(figure()), 0..4),
        (text(), text()),
        option::of(any::<bool>()),
        option::of(any::<u64>()),
    )
        .prop_map(
            |(weights, (strategy, reason), hold, roll_back)| WeightsBody {
                weights,
                strategy,
                hold,
                roll_back,
                reason,
            },
        )
}

fn finding() -> impl Strategy<Value = Finding> {
    (any::<[String; 3]>(), select(&HEALTHS)).prop_map(|([check, detail, fix], status)| Finding {
        check,
        status,
        detail,
        fix,
    })
}

proptest! {
    #[test]
    fn what_a_model_server_does_comes_back_as_it_was(value in server()) {
        let back = check(&value)?;
        prop_assert_eq!(back, value);
    }

    #[test]
    fn what_is_asked_of_the_weights_comes_back_as_it_was(value in weights()) {
        let back = check(&value)?;
        prop_assert_eq!(back, value);
    }

    #[test]
    fn what_the_doctor_found_comes_back_as_it_was(value in finding()) {
        let back = check(&value)?;
        prop_assert_eq!(back, value);
    }

    #[test]
    fn answers_of_a_word_come_back_as_they_were(
        session_id in session(),
        woken in any::<bool>(),
        error in any::<String>(),
    ) {
        let accepted = check(&Accepted { session_id: session_id.clone() })?;
        prop_assert_eq!(accepted.session_id, session_id);
        prop_assert_eq!(check(&Woken { woken })?.woken, woken);
        let problem = check(&Problem { error: error.clone() })?;
        prop_assert_eq!(problem.error, error);
    }
}
