//! A whole night whose woven tasks join two libraries, because tasks with each alone succeeded before.

use dreamer::config::{LlmChoice, SandboxChoice, Settings};
use dreamer::dream::{AttemptFact, Complexity};
use dreamer::knowledge::Knowledge;
use dreamer::store::Store;
use dreamer::weaver::prompt::TASK_MARK;

use crate::learning_nights::dream;
use crate::libraries::Shop;
use crate::support::backends::backends;
use crate::support::facts;
use crate::support::fake_llm::{Asked, FakeLlm};

fn fact(n: i64, library: &str, saved: bool) -> AttemptFact {
    AttemptFact {
        library: library.to_owned(),
        ..facts::example(n, saved)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_libraries_are_asked_for_together_once_each_alone_succeeded_and_the_fact_says_why() {
    let Some(backend) = backends("two libraries together").await.into_iter().next() else {
        return;
    };
    let (shop, pair) = (Shop::open(), "tinydep and tinylib".to_owned());
    let Some(set) = shop.prepare(backend.name(), "tinylib,tinydep") else {
        return;
    };
    set.expect("a set");
    let mut settings = Settings::defaults_in(&shop.path().join("data"));
    settings.output_dir = shop.path().join("out");
    settings.sandbox.choice = match backend.name() {
        "docker" => SandboxChoice::Docker,
        _ => SandboxChoice::Bubblewrap,
    };
    let fake = FakeLlm::competent().await;
    settings.llm.choice = LlmChoice::Url(fake.url());
    let store = std::sync::Arc::new(Store::open(&settings.database()).expect("a store"));
    let path = shop.path().join("notes.md");
    std::fs::write(
        &path,
        "# Words\n\nCount the words in a text, and merge sorted lists.\n",
    )
    .expect("written");
    Knowledge::new(store.clone())
        .ingest(&[path], &mut |_| ())
        .expect("it is ingested");
    let mut chosen = Vec::new();
    for round in 0..5 {
        // The two alone pass often, together even more often, and without any nothing does; said again before each night,
        // since what the fake fails at speaks against them.
        for n in round * 24..round * 24 + 24 {
            let library = ["tinylib", "tinydep", "tinydep+tinylib", ""]
                [usize::try_from(n % 4).expect("small")];
            let saved = !library.is_empty() && n % 3 != 0;
            store
                .record_fact(&fact(n, library, saved))
                .expect("it is kept");
        }
        let night = dream(&settings, Complexity::Auto).await;
        let mut facts = store.facts(1000).expect("facts");
        facts.retain(|fact| fact.session_id == night.session_id);
        facts.sort_by_key(|fact| fact.at);
        let decisions = facts
            .iter()
            .filter_map(|fact| fact.choice.as_ref())
            .flat_map(|c| &c.decisions);
        let of_libraries: Vec<_> = decisions
            .filter(|d| d.what == "libraries")
            .cloned()
            .collect();
        let first = of_libraries
            .first()
            .expect("each woven task says which libraries it was to use");
        // What the fake fails at from then on may take the pair away again.
        assert!(
            round > 0 || first.alternatives.iter().any(|a| a.name == pair),
            "{first:?}"
        );
        for decision in &of_libraries {
            assert!(
                decision
                    .alternatives
                    .iter()
                    .all(|a| a.weight >= 0.05 - 1e-9),
                "{decision:?}"
            );
            assert!(
                decision.in_words().contains("believed to pass"),
                "{decision:?}"
            );
        }
        chosen.extend(of_libraries.into_iter().map(|d| d.chosen));
        if chosen.contains(&pair) {
            break;
        }
    }
    assert!(chosen.contains(&pair), "{chosen:?}");
    let asked = fake.asked();
    let tasks = asked
        .iter()
        .map(Asked::question)
        .filter(|q| q.contains(TASK_MARK));
    let both = tasks
        .filter(|question| question.contains("both tinydep and tinylib"))
        .count();
    assert!(both > 0, "the model was asked for a task with both");
}
