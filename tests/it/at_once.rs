//! Sessions with several scenarios in play: on a server that works on four requests at once, and not on the processors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dreamer::app::App;
use dreamer::config::{LlmChoice, Settings};
use dreamer::dream::{RemRequest, SessionStatus, WakeReason};
use dreamer::store::{ExperienceQuery, Store};

use crate::session::{backends, given, saved, settings, supervise_app};
use crate::support::World;
use crate::support::fake_llm::{self, Behaviour, FakeLlm};

fn tasks(prompts: impl IntoIterator<Item = String>) -> RemRequest {
    let mut request = given(String::new());
    let tasks = prompts.into_iter().map(|prompt| given(prompt).tasks);
    request.tasks = tasks.flatten().collect();
    request
}

/// A machine whose processors worked `share` of the time, whenever somebody looks.
fn machine(settings: &Settings, share: f64) -> App {
    let looks = AtomicU32::new(0);
    let count = move || {
        let had = 10.0 * f64::from(looks.fetch_add(1, Ordering::SeqCst));
        Some((share * had, had))
    };
    App::open_on(settings, Arc::new(count)).expect("the parts join")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_scenario_that_waits_holds_up_no_other_and_a_wake_puts_it_back() {
    for backend in backends().await {
        let world = World::new();
        let slow = fake_llm::more_tasks().next().expect("a second task");
        let hangs = slow.clone();
        let llm = FakeLlm::competent_with(4, move |asked| {
            asked.question().contains(&hangs).then_some(Behaviour::Hang)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let (supervisor, _senses) = supervise_app(&machine(&settings, 0.2));
        let others = fake_llm::more_tasks().nth(1);
        let all = [fake_llm::some_task(), slow].into_iter().chain(others);
        let session = supervisor
            .request(tasks(all))
            .await
            .expect("it is accepted");
        let others_are_saved = async {
            while saved(&settings.output_dir).len() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), others_are_saved)
            .await
            .expect("the third task does not wait for the second");
        assert!(supervisor.wake(WakeReason::Wake).await);
        let report = supervisor.finished(&session).await.expect("a report");
        supervisor.shutdown().await;
        assert_eq!(report.status, SessionStatus::Interrupted);
        let counts = (
            report.measured.funnel.tried,
            report.dreams_successful,
            report.requeued,
        );
        assert_eq!(counts, (3, 2, 1), "{backend:?}: {report:?}");
        assert_eq!(report.tiers.get("gold"), Some(&2));
        let store = Store::open(&settings.database()).expect("the store opens");
        let put_back = ExperienceQuery {
            limit: 9,
            event_type: Some("dream.requeued".to_owned()),
            ..ExperienceQuery::default()
        };
        let told = store.experience(&put_back).expect("readable");
        assert_eq!(told.len(), 1, "{backend:?}: {told:?}");
        let event: serde_json::Value = serde_json::from_str(&told[0].record).expect("JSON");
        assert_eq!(event["done"], true, "it is the last of its course: {event}");
    }
}

/// Of how many tasks the server had requests at once, with so much of the processors at work.
async fn tasks_in_play(settings: &Settings, llm: &FakeLlm, share: f64) -> usize {
    let task = fake_llm::some_task();
    let (supervisor, _senses) = supervise_app(&machine(settings, share));
    let rest: Vec<String> = fake_llm::more_tasks().collect();
    let all = std::iter::once(task).chain(rest.clone());
    let session = supervisor
        .request(tasks(all))
        .await
        .expect("it is accepted");
    let hanging = || {
        let asked = llm.asked();
        let of = |task: &&String| {
            asked
                .iter()
                .any(|one| one.question().contains(task.as_str()))
        };
        rest.iter().filter(of).count()
    };
    while hanging() < 1 || saved(&settings.output_dir).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A second scenario's requests would come within milliseconds of the first one's.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let most = hanging();
    assert!(supervisor.wake(WakeReason::Wake).await);
    supervisor.finished(&session).await.expect("a report");
    supervisor.shutdown().await;
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn several_are_in_play_where_their_code_can_run_beside_the_model() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    for (share, priority, expected) in [(0.9, 19, 1), (0.2, 19, 3), (0.9, 0, 3)] {
        let world = World::new();
        let first = fake_llm::some_task();
        // All but the first task's requests hang.
        let llm = FakeLlm::competent_with(3, move |asked| {
            (!asked.question().contains(&first)).then_some(Behaviour::Hang)
        })
        .await;
        let mut settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        settings.energy.priority = priority;
        let seen = tasks_in_play(&settings, &llm, share).await;
        assert_eq!(seen, expected, "{share} busy, niceness {priority}");
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
    let twin = fake_llm::more_tasks().next().expect("a second task");
    let (supervisor, _senses) = supervise_app(&machine(&settings, 0.2));
    let session = supervisor
        .request(tasks([fake_llm::some_task(), twin.clone(), twin]))
        .await
        .expect("it is accepted");
    let report = supervisor.finished(&session).await.expect("a report");
    supervisor.shutdown().await;
    assert_eq!(report.status, SessionStatus::Completed);
    assert_eq!(saved(&settings.output_dir).len(), 2, "{report:?}");
    assert_eq!(report.rejections.get("duplicate"), Some(&1), "{report:?}");
}
