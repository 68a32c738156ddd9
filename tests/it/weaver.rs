//! Weaver and coder over real HTTP: against the scripted fake, and against a real model where one is named.

use std::sync::Arc;

use dreamer::coder::{CodeError, Coder};
use dreamer::config::{LlmChoice, LlmSettings};
use dreamer::dream::{
    Check, CheckKind, Cluster, Difficulty, Fragment, FragmentKind, Source, TaskLine, WakeReason,
};
use dreamer::llm::LlmClient;
use dreamer::similarity;
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::Tree;
use dreamer::weaver::{ScenarioWeaver, WeaveError, parse};
use futures_util::StreamExt;

use crate::support;
use crate::support::fake_llm::{Asked, Behaviour, FakeLlm};

fn operator() -> (WorkPermit, PermitHolder) {
    permit::operator(Arc::new(Tree::without_groups(0)))
}

async fn client(url: String) -> LlmClient {
    let settings = LlmSettings {
        choice: LlmChoice::Url(url),
        model: String::new(),
        api_key: None,
        api_key_file: None,
        remote: false,
        servers: Vec::new(),
    };
    LlmClient::discover(&settings)
        .await
        .expect("a model answers")
        .expect("it is allowed")
}

fn cluster(id: i64, label: &str, text: &str) -> Cluster {
    let source = Source {
        path: "/docs/a.rst".to_owned(),
        sha256: String::new(),
        lines: (1, 9),
        licence: String::new(),
    };
    let fragment = Fragment {
        id,
        source,
        kind: FragmentKind::Prose,
        heading: label.to_owned(),
        text: text.to_owned(),
    };
    Cluster {
        id,
        label: label.to_owned(),
        concepts: Vec::new(),
        fragments: vec![fragment],
        degree: 1,
        dreamed: 0,
    }
}

fn clusters() -> Vec<Cluster> {
    (1..=7)
        .map(|id| cluster(id, "lists", "Lists are mutable sequences."))
        .collect()
}

#[tokio::test]
async fn a_cluster_becomes_a_scenario_with_both_suites() {
    let fake = FakeLlm::competent().await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let woven = weaver
        .weave_scenario(&permit, &clusters()[0], Difficulty::Simple, &[], &[])
        .await
        .unwrap();
    assert_eq!(woven.scenario.entry_point, "rotate_left");
    assert_eq!((woven.checks.len(), woven.hidden_checks.len()), (5, 4));
    assert!(!woven.thought.is_empty());
    assert!(woven.tokens.completion > 0);
    for asked in &fake.asked()[1..] {
        assert!(
            !asked.question().contains("def rotate_left"),
            "no solution is shown to whoever writes checks"
        );
    }
}

#[tokio::test]
async fn a_task_like_a_known_one_is_refused_before_its_checks_are_asked_for() {
    let fake = FakeLlm::competent().await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let stream =
        weaver.weave_multiple_scenarios(&permit, &CLUSTERS, Difficulty::Simple, &[], Vec::new());
    let woven: Vec<_> = stream.collect().await;
    let names: Vec<_> = woven
        .iter()
        .map(|w| w.as_ref().map(|w| w.scenario.entry_point.clone()))
        .collect();
    assert!(names[..5].iter().all(Result::is_ok), "{names:?}");
    assert!(
        names[5..]
            .iter()
            .all(|n| matches!(n, Err(WeaveError::TooSimilar(_)))),
        "{names:?}"
    );
    assert_eq!(fake.asked().len(), 5 * 2 + 2);
}

static CLUSTERS: std::sync::LazyLock<Vec<Cluster>> = std::sync::LazyLock::new(clusters);

#[tokio::test]
async fn scenarios_are_woven_only_as_they_are_asked_for_and_end_with_the_permit() {
    let fake = FakeLlm::competent().await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, holder) = operator();
    let stream =
        weaver.weave_multiple_scenarios(&permit, &CLUSTERS, Difficulty::Simple, &[], Vec::new());
    let mut stream = std::pin::pin!(stream);
    assert!(stream.next().await.is_some_and(|w| w.is_ok()));
    assert_eq!(fake.asked().len(), 2);
    holder.end(WakeReason::Wake);
    let next = stream.next().await.expect("the interruption is told");
    assert_eq!(
        next.unwrap_err().interrupted().map(|e| e.0),
        Some(WakeReason::Wake)
    );
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn nonsense_and_rejections_are_named() {
    let task = |json: &'static str| FakeLlm::always(Behaviour::Say(json.to_owned()));
    let (permit, _holder) = operator();
    for (fake, expected) in [
        (
            task("I would rather talk about the weather.").await,
            "the model's answer is no task",
        ),
        (
            task("{\"reject\": \"a licence text\", \"task_prompt\": \"\"}").await,
            "found no task",
        ),
        (
            task("{\"entry_point\": \"x1\", \"task_prompt\": \"short\"}").await,
            "cannot be judged",
        ),
    ] {
        let weaver = ScenarioWeaver::new(client(fake.url()).await);
        let error = weaver
            .weave_scenario(&permit, &CLUSTERS[0], Difficulty::Simple, &[], &[])
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_infrastructure());
    }
}

#[tokio::test]
async fn a_server_that_fails_is_infrastructure_and_no_verdict_on_the_task() {
    let fake = FakeLlm::always(Behaviour::Status(500, Vec::new(), "broken".to_owned())).await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let error = weaver
        .weave_scenario(&permit, &CLUSTERS[0], Difficulty::Simple, &[], &[])
        .await
        .unwrap_err();
    assert!(error.is_infrastructure(), "{error}");
}

#[tokio::test]
async fn a_given_task_finds_its_name_and_gets_checks() {
    let fake = FakeLlm::competent().await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let line = |prompt: &str| TaskLine {
        title: None,
        task_prompt: prompt.to_owned(),
        entry_point: None,
        difficulty: None,
        libraries: Vec::new(),
        line: 1,
    };
    let named = line(
        "Write `rotate_left(items, n)` that rotates a list to the left. An empty list stays empty.",
    );
    let (scenario, spent) = weaver.scenario_for(&permit, &named).await.unwrap();
    assert_eq!(
        (scenario.entry_point.as_str(), spent.prompt),
        ("rotate_left", 0)
    );
    let woven = weaver.checks_for(&permit, &scenario, &[], 0).await.unwrap();
    assert_eq!((woven.checks.len(), woven.hidden_checks.len()), (5, 4));

    let error = FakeLlm::always(Behaviour::Say("{\"entry_point\": \"tally\"}".to_owned())).await;
    let weaver = ScenarioWeaver::new(client(error.url()).await);
    let (scenario, spent) = weaver
        .scenario_for(&permit, &line("Count the votes in a list."))
        .await
        .unwrap();
    assert_eq!(scenario.entry_point, "tally");
    assert!(scenario.task_prompt.ends_with("Name the function `tally`."));
    assert!(spent.prompt > 0);
}

#[tokio::test]
async fn errors_that_the_task_does_not_name_are_not_tested_for() {
    let mut lines: Vec<String> = (0..6)
        .map(|i| format!("assert total([{i}]) == {i}"))
        .collect();
    lines.push("with raises(TypeError): total(None)".to_owned());
    lines.extend([
        "with raises(ValueError): total([])".to_owned(),
        "with raises(ValueError): total([])".to_owned(),
    ]);
    let fake = FakeLlm::always(Behaviour::Say(lines.join("\n"))).await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let scenario = dreamer::dream::Scenario {
        task_prompt: "Write `total(xs)`. Raise ValueError for an empty list.".to_owned(),
        entry_point: "total".to_owned(),
        ..Default::default()
    };
    let woven = weaver.checks_for(&permit, &scenario, &[], 0).await.unwrap();
    let all: Vec<_> = woven.checks.iter().chain(&woven.hidden_checks).collect();
    let raises: Vec<_> = all
        .iter()
        .filter(|c| matches!(c.kind, CheckKind::Raises { .. }))
        .map(|c| c.call.as_str())
        .collect();
    assert_eq!(
        raises,
        ["total([])"],
        "in one suite only, and never TypeError"
    );
    assert_eq!(all.len(), 7);
}

#[tokio::test]
async fn a_list_is_left_soon_after_what_was_asked_for_and_keeps_to_what_the_task_allows() {
    let mut lines: Vec<String> = (1..40)
        .map(|size| format!("assert pages([7], {size}) == {size}"))
        .collect();
    lines.insert(1, "assert pages([7], 0) == 0".to_owned());
    lines.insert(2, "with raises(ValueError): pages([7], -1)".to_owned());
    let text = format!("```python\n{}\n```", lines.join("\n"));
    let drip = Behaviour::Drip(text, std::time::Duration::from_millis(2));
    let fake = FakeLlm::always(drip).await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let scenario = dreamer::dream::Scenario {
        task_prompt: "Write `pages(items: list, size: int) -> int`. `size` is at least 1."
            .to_owned(),
        entry_point: "pages".to_owned(),
        ..Default::default()
    };
    let there = Check::example("pages([3], 2)", "9");
    let told = [&there];
    let error = Some("ValueError");
    let two = weaver
        .more_checks(&permit, &scenario, &told, &told, error)
        .await
        .unwrap();
    let six = weaver
        .more_checks(&permit, &scenario, &told, &told, None)
        .await
        .unwrap();
    let calls = |checks: &[Check]| {
        checks
            .iter()
            .map(|check| check.call.clone())
            .collect::<Vec<_>>()
    };
    let sizes = |most: u32| {
        (1..most)
            .map(|size| format!("pages([7], {size})"))
            .collect::<Vec<_>>()
    };
    // Three more than were asked for, and two of them are of sizes that the task excludes.
    assert_eq!(calls(&two.checks), sizes(4));
    assert_eq!(calls(&six.checks), sizes(8));
    let asked: Vec<String> = fake.asked().iter().map(Asked::question).collect();
    let first = "Write 2 further checks of `pages`. One of them must raise ValueError.";
    assert!(asked[0].ends_with(first), "{}", asked[0]);
    assert!(
        asked[1].ends_with("Write 6 further checks of `pages`."),
        "{}",
        asked[1]
    );
}

/// A check that another gave.
fn beside(call: &str) -> Vec<Check> {
    parse::checks(&format!("assert {call} == 9"), "total")
}

#[tokio::test]
async fn few_checks_are_asked_for_once_more_and_do_where_others_stand_beside_them() {
    let three = "assert total([1]) == 1\nassert total([]) == 0\nassert total([1, 2]) == 3";
    let fake = FakeLlm::always(Behaviour::Say(three.to_owned())).await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let scenario = dreamer::dream::Scenario {
        task_prompt: "Write `total(xs)`, the sum of a list.".to_owned(),
        entry_point: "total".to_owned(),
        ..Default::default()
    };
    let alone = weaver
        .checks_for(&permit, &scenario, &[], 0)
        .await
        .unwrap_err();
    assert!(
        alone
            .to_string()
            .contains("only 3 checks could be read, where 5"),
        "{alone}"
    );
    assert_eq!(fake.asked().len(), 2);
    let mut there = beside("total([4])");
    there.extend(beside("total([5])"));
    let woven = weaver.checks_for(&permit, &scenario, &there, 0).await;
    let woven = woven.unwrap();
    assert_eq!((woven.checks.len(), woven.hidden_checks.len()), (1, 2));
    assert_eq!(fake.asked().len(), 3);
    // What is there already is no new check.
    there.extend(beside("total([])"));
    let woven = weaver.checks_for(&permit, &scenario, &there, 0).await;
    let woven = woven.unwrap();
    assert_eq!((woven.checks.len(), woven.hidden_checks.len()), (0, 2));
}

#[tokio::test]
async fn solutions_are_clean_differ_and_come_in_the_order_of_their_numbers() {
    let fake = FakeLlm::competent().await;
    let llm = client(fake.url()).await;
    let (permit, _holder) = operator();
    let weaver = ScenarioWeaver::new(llm.clone());
    let woven = weaver
        .weave_scenario(&permit, &CLUSTERS[0], Difficulty::Simple, &[], &[])
        .await
        .unwrap();
    let coder = Coder::new(llm.clone());
    let solutions = coder
        .solve(&permit, &woven.scenario, 0..2, 4)
        .await
        .unwrap();
    assert_eq!(
        solutions.iter().map(|s| s.temperature).collect::<Vec<_>>(),
        [0.2, 0.7]
    );
    assert!(
        solutions
            .iter()
            .all(|s| !s.code.contains("print(") && s.code.contains("def rotate_left"))
    );
    let asked = fake.asked();
    for shown in &asked[3..] {
        for check in woven.checks.iter().chain(&woven.hidden_checks) {
            assert!(
                !shown.body.to_string().contains(&check.call),
                "the coder sees no check"
            );
        }
    }
    assert!(llm.spent().completion >= woven.tokens.completion + solutions[0].usage.completion);
    let repaired = coder
        .repair(
            &permit,
            &woven.scenario,
            "def rotate_left(items, n):\n    return items\n",
            "rotate_left([1, 2], 1) gave [1, 2]",
        )
        .await;
    assert!(repaired.unwrap().code.contains("n %= len(items)"));
}

#[tokio::test]
async fn the_half_competent_fake_makes_mistakes_and_the_competent_one_none() {
    let (permit, _holder) = operator();
    let mut differ = Vec::new();
    for fake in [FakeLlm::competent().await, FakeLlm::half_competent().await] {
        let llm = client(fake.url()).await;
        let woven = ScenarioWeaver::new(llm.clone())
            .weave_scenario(&permit, &CLUSTERS[0], Difficulty::Simple, &[], &[])
            .await
            .unwrap();
        let solved = Coder::new(llm)
            .solve(&permit, &woven.scenario, 0..4, 4)
            .await
            .unwrap();
        let wrong = "    return items[n:] + items[:n]\n";
        let naive = format!("def rotate_left(items, n):\n{wrong}");
        differ.push((woven.checks, solved.iter().any(|s| s.code == naive)));
    }
    assert_ne!(differ[0].0, differ[1].0);
    assert_eq!((differ[0].1, differ[1].1), (false, true));
}

#[tokio::test]
async fn answers_without_code_give_no_solution() {
    let fake = FakeLlm::always(Behaviour::Say(
        "def rotate_left(items, n): return items".to_owned(),
    ))
    .await;
    let (permit, _holder) = operator();
    let scenario = dreamer::dream::Scenario {
        entry_point: "rotate_left".to_owned(),
        ..Default::default()
    };
    let error = Coder::new(client(fake.url()).await)
        .solve(&permit, &scenario, 0..3, 4)
        .await
        .unwrap_err();
    assert!(matches!(error, CodeError::NoCode(name) if name == "rotate_left"));
}

/// Base URL of a real model, where the person who runs the tests names one.
#[expect(clippy::print_stderr, reason = "a test says when a part is not there")]
#[expect(
    clippy::disallowed_methods,
    reason = "a real part of the test run, no setting of the program"
)]
fn real_model() -> Option<String> {
    let url = std::env::var("DREAMING_LLM_URL")
        .ok()
        .filter(|url| !url.is_empty() && url != "none");
    if url.is_none() {
        eprintln!("no real model: DREAMING_LLM_URL is not set");
    }
    url
}

#[tokio::test]
async fn a_real_model_is_spoken_to_and_whatever_it_says_ends_in_a_named_result() {
    let Some(url) = real_model() else { return };
    support::ledger("llm");
    let llm = client(url).await;
    let (permit, _holder) = operator();
    let weaver = ScenarioWeaver::new(llm.clone());
    let seed = cluster(
        1,
        "str.split",
        "str.split(sep)\nReturn a list of the words in the string, using sep as the delimiter.",
    );
    match weaver
        .weave_scenario(&permit, &seed, Difficulty::Simple, &[], &[])
        .await
    {
        Ok(woven) => {
            let known = similarity::sketch(&woven.scenario, &woven.checks);
            assert!(similarity::likeness(&known, &known) > 0.99);
            let solved = Coder::new(llm.clone())
                .solve(&permit, &woven.scenario, 0..1, 4)
                .await;
            assert!(
                matches!(solved, Ok(_) | Err(CodeError::NoCode(_))),
                "{solved:?}"
            );
        }
        Err(error) => assert!(!error.is_infrastructure(), "{error}"),
    }
    assert!(llm.spent().completion > 0);
}

fn task_that_says(extra: &str) -> String {
    serde_json::json!({
        "reject": "", "thought": "a list", "title": "Mean", "description": "The mean.",
        "entry_point": "mean_of", "signature": "def mean_of(xs: list) -> float:",
        "task_prompt": format!("Write a function mean_of(xs) that returns the mean of the numbers in xs {extra}; 0.0 for an empty list."),
        "concepts": ["mean"], "test_cases": ["an empty list gives 0.0"],
    })
    .to_string()
}

#[tokio::test]
async fn a_task_for_a_library_that_is_not_there_goes_back_with_the_list_of_what_is() {
    let fake = FakeLlm::scripted(|asked| {
        Behaviour::Say(match asked.number {
            0 => task_that_says("with the pandas library"),
            1 => task_that_says("with PyYAML"),
            _ => "no checks today".to_owned(),
        })
    })
    .await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let there = ["yaml".to_owned(), "numpy".to_owned()];
    let woven = weaver
        .weave_scenario(&permit, &clusters()[0], Difficulty::Simple, &there, &[])
        .await;
    // The task itself was taken: it fell only for want of checks.
    assert!(
        matches!(woven, Err(WeaveError::TooFewChecks { .. })),
        "{woven:?}"
    );
    let asked = fake.asked();
    assert!(asked[0].question().contains("both yaml and numpy"));
    let again = asked[1].question();
    assert!(again.contains("The library pandas is not there"), "{again}");
    assert!(again.contains("yaml, numpy"), "{again}");
}

#[tokio::test]
async fn a_model_that_insists_on_an_absent_library_is_refused() {
    let fake = FakeLlm::always(Behaviour::Say(task_that_says("as a numpy array"))).await;
    let weaver = ScenarioWeaver::new(client(fake.url()).await);
    let (permit, _holder) = operator();
    let woven = weaver
        .weave_scenario(&permit, &clusters()[0], Difficulty::Simple, &[], &[])
        .await;
    let Err(WeaveError::Unusable(why)) = woven else {
        panic!("{woven:?}");
    };
    assert!(
        why.contains("numpy") && why.contains("standard library"),
        "{why}"
    );
    assert_eq!(fake.asked().len(), 2);
}
