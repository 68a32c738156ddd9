//! What may still happen to a dream after its first verdict: a model's opinion, and a second chance for code that only
//! changes its arguments or has a line that no check reaches.

use std::sync::atomic::{AtomicUsize, Ordering};

use dreamer::coder::prompt::{REPAIR_MARK, SOLVE_MARK};
use dreamer::config::LlmChoice;
use dreamer::weaver::prompt::CHECKS_MARK;

use crate::session::{backends, given, know, night, request, saved, settings};
use crate::support::World;
use crate::support::fake_llm::{self, Behaviour, FakeLlm};

#[tokio::test(flavor = "multi_thread")]
async fn an_opinion_lowers_a_dream_to_silver_and_is_asked_only_where_it_is_wanted() {
    let Some(backend) = backends().await.pop() else {
        return;
    };
    let page = "# Words\n\nCount the words in a text, and merge sorted lists.\n";
    let doubted = || given(fake_llm::some_task());
    for (asked, wanted, expected) in [
        (doubted(), true, ("silver", Some("fail"))),
        (doubted(), false, ("gold", None)),
        // The fake doubts its first task alone, and this is another.
        (request(2), true, ("gold", Some("pass"))),
    ] {
        let world = World::new();
        let llm = FakeLlm::competent().await;
        let mut settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        settings.dreaming.opinion = wanted;
        settings.dreaming.strict = false;
        know(&world, &settings, "notes.md", page);
        let report = night(&settings, asked).await;
        assert_eq!(report.dreams_successful, 1, "{report:?}");
        let dream = &saved(&settings.output_dir)[0];
        let gates = dream["evidence"].as_array().expect("gates");
        let opinion = gates.iter().find(|gate| gate["gate"] == "opinion");
        let opinion = opinion.and_then(|gate| gate["outcome"].as_str());
        let tier = dream["tier"].as_str().expect("a tier");
        assert_eq!((tier, opinion), expected, "{gates:?}");
    }
}

/// A model whose solutions are right and sort the list that they are given; asked to mend one it works on a copy.
async fn sorts_in_place() -> FakeLlm {
    let def = "def top_three(numbers):\n";
    FakeLlm::scripted(move |asked| {
        let asked = asked.question();
        if asked.contains(CHECKS_MARK) {
            Behaviour::code("assert top_three([1, 5, 3, 4]) == [5, 4, 3]\nassert top_three([-1, -5, -3, -2]) == [-1, -2, -3]\nassert top_three([3, 1, 2, 4, 5]) == [5, 4, 3]\nassert top_three([]) == []\nassert top_three([2]) == [2]\nassert top_three([7, 7, 1, 0]) == [7, 7, 1]\nassert top_three([0, 9]) == [9, 0]")
        } else if asked.contains(REPAIR_MARK) {
            assert!(asked.contains("changes its argument"), "{asked}");
            Behaviour::code(&format!("{def}    return sorted(numbers, reverse=True)[:3]"))
        } else if asked.contains(SOLVE_MARK) {
            let loops = asked.contains("edge cases") || asked.contains("plain loops");
            Behaviour::code(&if loops {
                format!("{def}    numbers.sort()\n    numbers.reverse()\n    return numbers[:3]")
            } else {
                format!("{def}    numbers.sort(reverse=True)\n    return numbers[0:3]")
            })
        } else {
            Behaviour::Say("{\"entry_point\": \"top_three\"}".to_owned())
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_only_changes_its_arguments_is_mended_once_and_judged_anew() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let llm = sorts_in_place().await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    let task = "Write a function `top_three(numbers: list) -> list` that returns the three largest numbers of `numbers`, the largest first; all of them where there are fewer. An empty list gives an empty list.";
    let report = night(&settings, given(task.to_owned())).await;
    assert_eq!(report.dreams_successful, 1, "{report:?}");
    let dreams = saved(&settings.output_dir);
    let file = dreams[0]["code_file"].as_str().expect("a name");
    let code = std::fs::read_to_string(settings.output_dir.join(file)).expect("the code");
    assert!(code.contains("sorted(numbers"), "{code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_check_reaches_a_line_of_a_lone_solution_one_more_is_asked_for() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let lone = "def fold(n):\n    if n > 6:\n        return n - 6\n    return n * 2";
    let right = "def fold(n):\n    return n - 6 if n > 6 else 2 * n";
    let wrong = "def fold(n):\n    return 2 * n if n < 5 else n + n";
    let first = "assert fold(0) == 0\nassert fold(1) == 2\nassert fold(-2) == -4\nassert fold(4) == 8\nassert fold(6) == 12";
    let further =
        "assert fold(3) == 6\nassert fold(7) == 1\nassert fold(9) == 3\nassert fold(8) == 2";
    for (third, second, saved_, added) in [
        (right, first, 1, true),
        (wrong, first, 0, false),
        // The same text once more: then further expectations may reach the line.
        (lone, first, 0, false),
        (lone, further, 1, false),
        (lone, "assert fold(3) == 6\nassert fold(7) == 14", 0, false),
    ] {
        let world = World::new();
        let (solutions, lists) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let llm = FakeLlm::scripted(move |asked| {
            let text = if asked.question().contains(CHECKS_MARK) {
                [first, second][lists.fetch_add(1, Ordering::SeqCst).min(1)]
            } else if solutions.fetch_add(1, Ordering::SeqCst) < 2 {
                lone
            } else {
                third
            };
            Behaviour::code(text)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let task = "Write a function `fold(n: int) -> int` that returns twice `n`; where `n` is above 6 it returns `n` less 6.\n\n>>> fold(2)\n4\n>>> fold(5)\n10";
        let report = night(&settings, given(task.to_owned())).await;
        assert_eq!(report.dreams_successful, saved_, "{third}: {report:?}");
        let asked = llm.asked();
        let solved = asked
            .iter()
            .filter(|asked| asked.question().contains(SOLVE_MARK));
        assert_eq!(solved.count(), 3);
        for dream in saved(&settings.output_dir) {
            let checks = dream["hidden_checks"].as_array().expect("checks");
            let agreed = checks.iter().any(|check| check["origin"] == "agreement");
            assert_eq!(agreed, added, "{checks:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solution_that_imports_what_it_should_write_falls_for_just_that() {
    let Some(backend) = backends().await.pop() else {
        return;
    };
    let world = World::new();
    let borrowed = "from math import comb as real\n\n\ndef comb(n, k):\n    return real(n, k)";
    let llm = FakeLlm::competent_but(move |asked| {
        let solves = asked.question().contains(SOLVE_MARK);
        solves.then(|| Behaviour::code(borrowed))
    })
    .await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    know(&world, &settings, "math.rst", fake_llm::PAGE);
    let report = night(&settings, request(1)).await;
    let reasons: Vec<&str> = report.rejections.keys().map(String::as_str).collect();
    assert_eq!(reasons, ["borrows_solution"], "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solution_that_contradicts_is_settled_by_what_the_model_is_sure_of() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let list = "assert triple(0) == 0\nassert triple(1) == 3\nassert triple(-1) == -3\nassert triple(10) == 30";
    let task = "Write a function `triple(n: int) -> int` that returns three times `n`.\n\n>>> triple(2)\n6\n>>> triple(5)\n15";
    // One that the ten open questions leave out and the Guardian's ask: it is in the code.
    let k = 37;
    let right = format!("assert triple({k}) == {}", 3 * k);
    let wrong = format!("assert triple({k}) == 7");
    for (says, doubted, kept) in [
        (&right, "nothing", true),
        (&right, "assert", false),
        (&right, "111", false),
        (&wrong, "nothing", false),
    ] {
        let world = World::new();
        let (solutions, says) = (AtomicUsize::new(0), says.clone());
        let is_it = move |question: &str| question.ends_with(&format!("this order:\ntriple({k})"));
        let llm = FakeLlm::scripted(move |asked| {
            let question = asked.question();
            if is_it(&question) {
                Behaviour::Unsure(says.clone(), doubted)
            } else if question.contains(CHECKS_MARK) {
                Behaviour::code(list)
            } else if solutions.fetch_add(1, Ordering::SeqCst) == 0 {
                Behaviour::code("def triple(n):\n    return 3 * n")
            } else {
                let slips = format!("def triple(n):\n    return 7 if n == {k} else n + n + n");
                Behaviour::code(&slips)
            }
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(task.to_owned())).await;
        let asked = llm.asked();
        assert!(asked.iter().any(|asked| is_it(&asked.question())));
        assert_eq!(report.dreams_successful, u64::from(kept), "{report:?}");
        for dream in saved(&settings.output_dir) {
            let hidden = dream["hidden_checks"].as_array().expect("checks");
            let call = format!("triple({k})");
            let decided = hidden.iter().filter(|check| check["call"] == call.as_str());
            assert_eq!((decided.count(), &dream["tier"]), (1, &"gold".into()));
        }
    }
}
