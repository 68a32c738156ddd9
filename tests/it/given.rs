//! Sessions over tasks that a person gave (`dream --tasks`).

use dreamer::coder::prompt::SOLVE_MARK;
use dreamer::config::{LlmChoice, SandboxChoice};
use dreamer::dream::{RemRequest, SessionStatus, TaskLine};
use dreamer::weaver::prompt::CHECKS_MARK;

use crate::session::{backends, given, night, request, saved, settings};
use crate::support::World;
use crate::support::fake_llm::{self, Asked, Behaviour, FakeLlm};

#[tokio::test(flavor = "multi_thread")]
async fn given_tasks_are_solved_and_each_dream_names_its_line() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let llm = FakeLlm::competent().await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    let report = night(&settings, given(fake_llm::some_task())).await;
    assert_eq!(
        (report.dreams_attempted, report.dreams_successful),
        (1, 1),
        "{report:?}"
    );
    let line = saved(&settings.output_dir)[0]["provenance"]["tasks_line"].clone();
    assert!(
        line.as_str().is_some_and(|line| line.contains('7')),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_and_solutions_are_asked_for_at_once() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let is_checks = |asked: &Asked| asked.question().contains(CHECKS_MARK);
    let llm =
        FakeLlm::competent_but(move |asked| is_checks(asked).then_some(Behaviour::Hang)).await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    // Nobody answers the request for checks, and the three for solutions come all the same.
    tokio::select! {
        report = night(&settings, given(fake_llm::some_task())) => panic!("{report:?}"),
        () = llm.wait_for_requests(4) => {}
    }
    let asked = llm.asked();
    assert_eq!(asked.iter().filter(|asked| is_checks(asked)).count(), 1);
    let solves = |asked: &&Asked| asked.question().contains(SOLVE_MARK);
    assert_eq!(asked.iter().filter(solves).count(), 3);
    // All begin alike, down to the end of the task's text: a server that has read it for one has read it for all.
    let before = |asked: &Asked| {
        let messages = asked.body["messages"].as_array().expect("messages");
        let (last, shown) = messages.split_last().expect("a message");
        let last = last["content"].as_str().expect("text");
        let task = last.find("\n\nWrite ").expect("what is asked for");
        (shown.to_vec(), last[..task].to_owned())
    };
    assert!(
        asked[1..]
            .iter()
            .all(|one| before(one) == before(&asked[0]))
    );
    assert!(before(&asked[0]).1.contains(&fake_llm::some_task()));
}

#[tokio::test(flavor = "multi_thread")]
async fn given_tasks_without_a_model_are_an_error_with_a_hint() {
    let world = World::new();
    let settings = settings(&world, SandboxChoice::Auto, LlmChoice::Forbidden);
    let task = serde_json::from_str(r#"{"task_prompt": "write f"}"#).unwrap();
    let report = night(
        &settings,
        RemRequest {
            tasks: vec![task],
            ..request(1)
        },
    )
    .await;
    assert_eq!(report.status, SessionStatus::Error);
    assert!(
        report
            .hints
            .iter()
            .any(|hint| hint.contains("DREAMING_LLM_URL")),
        "{:?}",
        report.hints
    );
}

/// Two ways to write this function are known to the fake, and they agree.
pub(crate) const RUNS: &str = "Write a function `run_lengths(text: str) -> list` that returns a list of `(character, count)` tuples, one \
                    for each run of equal neighbouring characters in `text`, in order. An empty text gives an empty list.";
/// Two examples of it.
pub(crate) const SHOWN: &str =
    ">>> run_lengths('aab')\n[('a', 2), ('b', 1)]\n>>> run_lengths('ccc')\n[('c', 3)]";
/// Its solution.
pub(crate) const RUNS_CODE: &str = "def run_lengths(text):\n    runs = []\n    for character in text:\n        if runs and runs[-1][0] == character:\n            runs[-1] = (character, runs[-1][1] + 1)\n        else:\n            runs.append((character, 1))\n    return runs";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_given_task_shows_is_evidence_and_no_agreement_outweighs_it() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    for (example, kept) in [
        (">>> run_lengths('aab')\n[('a', 2), ('b', 1)]", true),
        (">>> run_lengths('aab')\n[('b', 1), ('a', 2)]", false),
        ("assert run_lengths('ccc') == [('c', 3)]", true),
        ("assert run_lengths('ccc') == [('c', 4)]", false),
    ] {
        let world = World::new();
        let llm = FakeLlm::competent().await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{example}"))).await;
        assert_eq!(
            report.dreams_successful,
            u64::from(kept),
            "{example}: {report:?}"
        );
        for dream in saved(&settings.output_dir) {
            let checks = dream["checks"].as_array().expect("checks");
            let shown: Vec<&str> = checks
                .iter()
                .filter(|check| check["origin"] == "source")
                .filter_map(|check| check["call"].as_str())
                .collect();
            assert!(
                matches!(shown[..], [call] if example.contains(call)),
                "{dream}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_long_costs_its_task_and_a_server_that_takes_none_ends_the_session() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    for (too_long, saved, status) in [
        ("rotate_left", 1, SessionStatus::Completed),
        ("Write", 0, SessionStatus::Error),
    ] {
        let world = World::new();
        let llm = FakeLlm::competent_but(move |asked| {
            let words = r#"{"error":{"type":"exceed_context_size_error"}}"#;
            let refused = Behaviour::Status(400, Vec::new(), words.to_owned());
            asked.question().contains(too_long).then_some(refused)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let mut request = given(fake_llm::some_task());
        let first = request.tasks[0].clone();
        let other = TaskLine {
            task_prompt: RUNS.to_owned(),
            ..first.clone()
        };
        request.tasks = vec![first.clone(), other, first];
        let report = night(&settings, request).await;
        assert_eq!(
            (report.dreams_successful, report.status),
            (saved, status),
            "{report:?}"
        );
        let told = |hint: &String| hint.contains("turned requests away");
        assert!(report.hints.iter().any(told), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_two_examples_shown_two_solutions_are_asked_for_and_one_opinion_is_enough() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let solves = |asked: &Asked| asked.question().contains(SOLVE_MARK);
    for (examples, saved, requests) in [(SHOWN, 1, 2), ("", 0, 5)] {
        let world = World::new();
        // Every solution is the same: nobody independent agrees with it.
        let llm = FakeLlm::competent_but(move |asked| {
            let alike = Behaviour::code(RUNS_CODE);
            solves(asked).then_some(alike)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{examples}"))).await;
        assert_eq!(report.dreams_successful, saved, "{examples}: {report:?}");
        let asked = llm.asked();
        assert_eq!(asked.iter().filter(|asked| solves(asked)).count(), requests);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_solution_solves_gets_no_checks() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    for (wrong, solutions, lists) in [(true, 3, 0), (false, 2, 1)] {
        let world = World::new();
        let is_code = |asked: &Asked| asked.question().contains(SOLVE_MARK);
        let llm = FakeLlm::competent_with(1, move |asked| {
            let code = Behaviour::code("def run_lengths(text):\n    return [text]");
            (wrong && is_code(asked)).then_some(code)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{SHOWN}"))).await;
        assert_eq!(report.dreams_successful, u64::from(!wrong), "{report:?}");
        let asked = llm.asked();
        let is_list = |asked: &&Asked| asked.question().contains(CHECKS_MARK);
        assert_eq!(asked.iter().filter(is_list).count(), lists);
        assert_eq!(
            asked.iter().filter(|asked| is_code(asked)).count(),
            solutions
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_refused_list_are_counted() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let llm = FakeLlm::competent_with(1, move |asked| {
        let list = asked.question().contains(CHECKS_MARK);
        list.then(|| Behaviour::Say("I would rather not write any checks today.".to_owned()))
    })
    .await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    let report = night(&settings, given(RUNS.to_owned())).await;
    assert_eq!(report.dreams_attempted, 0, "{report:?}");
    let unused = &report.measured.spent["unused"];
    assert!(unused.tokens.completion > 0, "{report:?}");
    assert_eq!(unused.tokens, report.tokens, "{report:?}");
}

/// One check of the dream was dropped, and the record tells why.
#[track_caller]
pub(crate) fn dropped_one(dream: &serde_json::Value, told: &str) {
    let dropped = dream["dropped_checks"].as_array().expect("dropped checks");
    let why = dropped[0]["why"].as_str().expect("a reason");
    assert!(dropped.len() == 1 && why.contains(told), "{dropped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_expectations_met_outweigh_one_that_is_missed() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    // As many as are asked for: four, then six.
    let first = "assert run_lengths('ee') == [('e', 2)]\nassert run_lengths('fg') == [('f', 1), ('g', 1)]\n\
                 assert run_lengths('hhi') == [('h', 2), ('i', 1)]\nassert run_lengths('jkj') == [('j', 2), ('k', 1)]";
    let met = "assert run_lengths('l') == [('l', 1)]\nassert run_lengths('mm') == [('m', 2)]\nassert run_lengths('noo') == [('n', 1), ('o', 2)]\n\
               assert run_lengths('pq') == [('p', 1), ('q', 1)]\nassert run_lengths('rrs') == [('r', 2), ('s', 1)]\nassert run_lengths('t') == [('t', 1)]";
    let missed = met.replace("'t', 1", "'t', 2");
    let met = met.to_owned();
    for (further, kept) in [(met, true), (missed, false)] {
        let world = World::new();
        let lists = std::sync::atomic::AtomicUsize::new(0);
        let llm = FakeLlm::competent_with(1, move |asked| {
            let list = |_: &str| {
                let list = lists.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Behaviour::code([first, &further][list.min(1)])
            };
            asked.answered(list, RUNS_CODE)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{SHOWN}"))).await;
        assert_eq!(report.dreams_successful, u64::from(kept), "{report:?}");
        for dream in saved(&settings.output_dir) {
            dropped_one(&dream, "10 others");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_agreed_solutions_meet_few_expectations_the_tester_is_asked_once_more() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let calls = ["aab", "c", "abb", "dd", "eef"];
    for second_is_right in [true, false] {
        let world = World::new();
        let lists = std::sync::atomic::AtomicUsize::new(0);
        let llm = FakeLlm::competent_but(move |asked| {
            if !asked.question().contains(CHECKS_MARK) {
                return None;
            }
            let first = lists.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            let list = if first {
                let wrong = calls.map(|call| format!("assert run_lengths('{call}') == ['{call}']"));
                wrong.join("\n")
            } else if second_is_right {
                "assert run_lengths('g') == [('g', 1)]\nassert run_lengths('hh') == [('h', 2)]\nassert run_lengths('ij') == [('i', 1), ('j', 1)]\n\
                 assert run_lengths('kkl') == [('k', 2), ('l', 1)]\nassert run_lengths('mmm') == [('m', 3)]\nassert run_lengths('n n') == [('n', 1), (' ', 1), ('n', 1)]\n\
                 assert run_lengths('oop') == [('o', 2), ('p', 1)]\nassert run_lengths('qrr') == [('q', 1), ('r', 2)]\nassert run_lengths('s') == [('s', 1)]"
                    .to_owned()
            } else {
                "assert run_lengths('g') == 'g'\nassert run_lengths('hh') == 'h'".to_owned()
            };
            Some(Behaviour::code(&list))
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(RUNS.to_owned())).await;
        assert_eq!(
            report.dreams_successful,
            u64::from(second_is_right),
            "{report:?}"
        );
        let asked = llm.asked();
        let lists = asked
            .iter()
            .filter(|asked| asked.question().contains(CHECKS_MARK));
        let lists: Vec<String> = lists.map(Asked::question).collect();
        assert_eq!(lists.len(), 2);
        // The second list stands beside the first; calls that nobody expects anything of are no part of it.
        let shown = lists[1].contains("assert run_lengths('aab') == ['aab']");
        assert!(shown && !lists[1].contains("None"), "{}", lists[1]);
        for dream in saved(&settings.output_dir) {
            let dropped = dream["dropped_checks"].as_array().expect("dropped checks");
            assert_eq!(dropped.len(), calls.len(), "{dropped:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_benchmarks_task_that_a_person_gives_is_dreamed_and_marked() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let paraphrased = include_str!("../fixtures/benchmarks/paraphrased.jsonl");
    let told = paraphrased.lines().map(|line| {
        let task: serde_json::Value = serde_json::from_str(line).expect("JSON");
        task
    });
    let benchmark = told
        .into_iter()
        .find(|task| task["entry_point"] == "can_arrange");
    let benchmark = benchmark.expect("the task");
    let task = benchmark["task_prompt"].as_str().expect("a text");
    let shown = ">>> can_arrange([1, 3, 2])\n2\n>>> can_arrange([1, 2, 3])\n-1";
    let list = "assert can_arrange([5, 4, 3, 9]) == 2\nassert can_arrange([2, 1]) == 1\nassert can_arrange([]) == -1\n\
                assert can_arrange([7, 8, 1, 2, 9, 3, 4]) == 5\nassert can_arrange([4]) == -1\nassert can_arrange([9, 8]) == 1";
    let code = "def can_arrange(arr):\n    last = -1\n    for i in range(1, len(arr)):\n        if arr[i] < arr[i - 1]:\n            last = i\n    return last";
    let world = World::new();
    let llm = FakeLlm::competent_with(1, move |asked| {
        asked.answered(|_| Behaviour::code(list), code)
    })
    .await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    let text = format!("Write a function `can_arrange(arr)`. {task}\n\n{shown}");
    let report = night(&settings, given(text)).await;
    assert_eq!(report.dreams_successful, 1, "{report:?}");
    for dream in saved(&settings.output_dir) {
        assert_eq!(dream["contaminated"], true);
    }
}
