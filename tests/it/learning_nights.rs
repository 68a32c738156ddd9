//! Whole nights that learn: two models, one of them bad, and what the next choice and the night's page make of it.

use std::process::Command;

use dreamer::app::App;
use dreamer::clock;
use dreamer::config::{LlmChoice, SandboxChoice, Settings};
use dreamer::dream::{Attempt, Complexity, FactOutcome, RemRequest, SessionReport, Trigger};
use dreamer::journal::{Dirs, night};
use dreamer::knowledge::Knowledge;
use dreamer::models::kept;
use dreamer::store::Store;
use dreamer::supervisor::{Purpose, Supervisor};

use crate::support::fake_llm::{Behaviour, FakeLlm};
use crate::support::senses::Script;
use crate::support::{World, ledger, left_out};

/// Scenarios of a night; the competent fake knows five tasks.
const SCENARIOS: u32 = 8;
/// Nights at most until the weights have moved: a model that was asked once at the end of a night may still look the better.
const NIGHTS: u32 = 6;
/// Weight of the good one that says they have.
const MOVED: f64 = 0.6;

pub(crate) async fn dream(settings: &Settings, complexity: Complexity) -> SessionReport {
    let senses = Script::calm();
    let mut parts = App::open(settings)
        .expect("the parts join")
        .parts(Purpose::Requests);
    parts.senses = senses.senses();
    let supervisor = Supervisor::start(parts);
    let request = RemRequest {
        trigger: Trigger::Manual,
        max_scenarios: Some(SCENARIOS),
        complexity,
        for_duration: None,
        tasks: Vec::new(),
        tasks_file: None,
    };
    let session = supervisor.request(request).await.expect("it is accepted");
    let finished = supervisor.finished(&session);
    let report = tokio::time::timeout(std::time::Duration::from_mins(4), finished).await;
    let report = report.expect("in time").expect("a report");
    supervisor.shutdown().await;
    (*report).clone()
}

fn told(settings: &Settings, words: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_dreamer"))
        .args(words)
        .env_clear()
        .env("DREAMING_DATA_DIR", &settings.data_dir)
        .env("HOME", &settings.data_dir)
        .current_dir(&settings.data_dir)
        .output()
        .expect("it runs");
    assert!(
        out.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_two_models_the_weights_move_to_the_good_one_and_the_commands_say_why() {
    let world = World::new();
    let mut settings = Settings::defaults_in(&world.path().join("data"));
    settings.output_dir = world.path().join("out");
    settings.sandbox.choice = SandboxChoice::Bubblewrap;
    let tree = std::sync::Arc::new(dreamer::tree::Tree::open("dreamer-it").expect("a tree"));
    let (permit, _holder) = dreamer::supervisor::permit::operator(tree);
    if let Err(error) = dreamer::sandbox::select(&settings.sandbox, &permit).await {
        left_out("a night with two models", &error.to_string());
        return;
    }
    ledger("bubblewrap");
    let good = FakeLlm::competent().await;
    let bad = FakeLlm::always(Behaviour::Say("I would rather not.".to_owned())).await;
    settings.llm.choice = LlmChoice::Url(format!("{}, {}", bad.url(), good.url()));
    let path = world.write(
        "notes.md",
        "# Words\n\nCount the words in a text, and merge sorted lists.\n",
    );
    let store = std::sync::Arc::new(Store::open(&settings.database()).expect("the store opens"));
    Knowledge::new(store.clone())
        .ingest(&[path], &mut |_| ())
        .expect("it is ingested");

    let mut views = Vec::new();
    for _ in 0..NIGHTS {
        let report = dream(&settings, Complexity::Auto).await;
        assert!(
            report
                .model
                .as_deref()
                .is_some_and(|names| names.contains(&bad.url())),
            "{report:?}"
        );
        let facts = store.facts(1000).expect("facts");
        views = kept::book(&store, &facts).expect("a book").views();
        let weight_of = |url: String| {
            let mut asked = views.iter().filter(|view| view.metrics.tries > 0);
            asked
                .find(|view| view.arm.endpoint == url)
                .map(|view| view.weight)
        };
        if weight_of(bad.url()).is_some() && weight_of(good.url()) > Some(MOVED) {
            break;
        }
    }
    let of = |url: String| {
        views
            .iter()
            .find(|view| view.arm.endpoint == url)
            .expect("it was asked")
    };
    let (fine, poor) = (of(good.url()), of(bad.url()));
    assert!(
        fine.metrics.saved > 0 && poor.metrics.saved == 0,
        "{views:?}"
    );
    assert!(
        fine.weight > MOVED && poor.weight < 1.0 - MOVED,
        "{views:?}"
    );

    let weights = told(&settings, &["models", "weights"]);
    let first = weights.lines().nth(1).expect("a line");
    assert!(
        first.contains(&good.url()) && first.contains("believed"),
        "{weights}"
    );
    let shown = told(&settings, &["learning", "show"]);
    assert!(
        shown.contains("model ") && shown.contains("runner-up"),
        "{shown}"
    );
    assert!(shown.contains("ladder"), "{shown}");

    // What came to nothing knows its documents, so that who forgets them forgets it too, and why it was tried.
    let attempts = store.attempts(1000).expect("attempts");
    assert!(attempts.iter().all(|attempt| attempt.choice.is_some()));
    let refused = |attempt: &&Attempt| attempt.reasons == ["not_woven"];
    let refused: Vec<&Attempt> = attempts.iter().filter(refused).collect();
    assert!(!refused.is_empty(), "{attempts:?}");
    for attempt in refused {
        assert!(!attempt.provenance.sources.is_empty(), "{attempt:?}");
    }

    let facts = store.facts(1000).expect("facts");
    assert!(facts.iter().any(|fact| fact.outcome == FactOutcome::Saved));
    let page = night::page_path(&Dirs::of(&settings), night::night_of(&clock::local()));
    let page = std::fs::read_to_string(page).expect("the night's page");
    for what in ["Why: topic", "Why: difficulty", "Why: model"] {
        assert!(page.contains(what), "{what}: {page}");
    }

    // A person's word goes before all figures, and can be taken back.
    told(
        &settings,
        &[
            "models",
            "weights",
            "--set",
            &format!("{}=0", fine.arm.model),
        ],
    );
    let held = kept::current(&store).expect("a version").version;
    assert!(held > 0);
    told(&settings, &["models", "weights", "--roll-back", "0"]);
    assert!(
        kept::current(&store)
            .expect("a version")
            .config
            .overrides
            .is_empty()
    );
    let replayed = told(&settings, &["models", "reinforce", "start", "--json"]);
    let replayed: serde_json::Value = serde_json::from_str(&replayed).expect("JSON");
    assert_eq!(replayed["status"], "completed");
    assert_eq!(replayed["outcomes"], replayed["replayed"]);
}
