//! Sessions with several scenarios in play, on a server that works on four requests at once.

use std::time::Duration;

use dreamer::config::LlmChoice;
use dreamer::dream::{RemRequest, SessionStatus, WakeReason};

use crate::given::RUNS;
use crate::session::{backends, given, night, saved, settings, supervise};
use crate::support::World;
use crate::support::fake_llm::{self, Asked, Behaviour, FakeLlm};

fn two(first: &str, second: &str) -> RemRequest {
    let mut request = given(first.to_owned());
    request.tasks.extend(given(second.to_owned()).tasks);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn one_scenario_that_waits_holds_up_no_other_and_a_wake_puts_it_back() {
    for backend in backends().await {
        let world = World::new();
        let slow = |asked: &Asked| asked.question().contains("run_lengths");
        let llm =
            FakeLlm::competent_with(4, move |asked| slow(asked).then_some(Behaviour::Hang)).await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let (supervisor, _senses) = supervise(&settings);
        let session = supervisor
            .request(two(RUNS, &fake_llm::some_task()))
            .await
            .expect("it is accepted");
        let other_is_saved = async {
            while saved(&settings.output_dir).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), other_is_saved)
            .await
            .expect("the second task does not wait for the first");
        assert!(supervisor.wake(WakeReason::Wake).await);
        let report = supervisor.finished(&session).await.expect("a report");
        supervisor.shutdown().await;
        assert_eq!(report.status, SessionStatus::Interrupted);
        let counts = (
            report.measured.funnel.tried,
            report.dreams_successful,
            report.requeued,
        );
        assert_eq!(counts, (2, 1, 1), "{backend:?}: {report:?}");
        assert_eq!(report.tiers.get("gold"), Some(&1));
        assert!(report.tokens.completion > 0, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_alike_that_are_in_play_one_is_saved() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let llm = FakeLlm::competent_with(4, |_| None).await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    let task = fake_llm::some_task();
    let report = night(&settings, two(&task, &task)).await;
    assert_eq!(report.status, SessionStatus::Completed);
    assert_eq!(saved(&settings.output_dir).len(), 1, "{report:?}");
    assert_eq!(report.rejections.get("duplicate"), Some(&1), "{report:?}");
}
