//! How likely a model held what it wrote: asked for, read, and made use of.

use std::sync::atomic::{AtomicUsize, Ordering};

use dreamer::coder::prompt::SOLVE_MARK;
use dreamer::config::LlmChoice;
use dreamer::llm::ChatRequest;

use crate::given::{RUNS, RUNS_CODE, SHOWN, dropped_one};
use crate::llm::{client, operator, question};
use crate::session::{backends, given, night, saved, settings};
use crate::support::World;
use crate::support::fake_llm::{Behaviour, FakeLlm, Looks};

#[tokio::test]
async fn both_dialects_say_how_likely_each_word_was() {
    for ollama in [false, true] {
        let looks = Looks {
            ollama,
            ..Looks::default()
        };
        let said = "one or another";
        let fake = FakeLlm::start(looks, move |_| Behaviour::Unsure(said.to_owned(), "or ")).await;
        let client = client(&fake).await;
        let (permit, _holder) = operator();
        let wanted = ChatRequest {
            odds: true,
            ..question()
        };
        let reply = client.chat(&permit, &wanted).await.unwrap();
        assert_eq!(reply.text, said);
        let of = |bytes| reply.odds.of(&bytes).expect("the server says so");
        assert!(of(0..3) > 0.9 && of(7..14) > 0.9);
        assert!((of(4..6) - 0.5).abs() < 0.01 && of(0..14) < 0.5);
        let unasked = client.chat(&permit, &question()).await.unwrap();
        assert_eq!(unasked.odds.of(&(0..3)), None);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_odds_is_asked_without_them() {
    let fake = FakeLlm::scripted(|asked| {
        if asked.body.get("logprobs").is_some() || asked.body.get("top_logprobs").is_some() {
            Behaviour::Status(400, Vec::new(), "unknown field".to_owned())
        } else {
            Behaviour::Say("fine".to_owned())
        }
    })
    .await;
    let (permit, _holder) = operator();
    let wanted = ChatRequest {
        odds: true,
        ..question()
    };
    let reply = client(&fake).await.chat(&permit, &wanted).await.unwrap();
    assert_eq!(reply.text, "fine");
    assert_eq!(reply.odds.of(&(0..4)), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_expectation_that_the_model_was_not_sure_of_costs_no_dream() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let list = "```python\nassert run_lengths('') == []\nassert run_lengths('d') == [('d', 1)]\nassert run_lengths('ee') == [('e', 2)]\n\
                assert run_lengths('fg') == [('f', 1), ('g', 1)]\nassert run_lengths('hhi') == [('h', 2), ('i', 1)]\n\
                assert run_lengths('jkj') == [('j', 2), ('k', 1)]\n```";
    // The last expectation is wrong: one model wrote it with doubt, the other is sure of all that it wrote.
    for (doubted, kept) in [("('j',", true), ("nothing", false)] {
        let world = World::new();
        let llm = FakeLlm::competent_with(1, move |asked| {
            let list = |_: &str| Behaviour::Unsure(list.to_owned(), doubted);
            asked.answered(list, RUNS_CODE)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{SHOWN}"))).await;
        assert_eq!(report.dreams_successful, u64::from(kept), "{report:?}");
        for dream in saved(&settings.output_dir) {
            dropped_one(&dream, "not sure");
            assert_eq!(dream["tier"], "gold");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_no_check_reaches_is_asked_about_at_the_edges() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let list = "assert run_lengths('mnn') == [('m', 1), ('n', 2)]\nassert run_lengths('ee') == [('e', 2)]\n\
                assert run_lengths('fg') == [('f', 1), ('g', 1)]\nassert run_lengths('hhi') == [('h', 2), ('i', 1)]\n\
                assert run_lengths('jkj') == [('j', 1), ('k', 1), ('j', 1)]";
    let right = "assert run_lengths(' ') == [(' ', 1)]";
    let wrong = "assert run_lengths(' ') == []";
    let (def, rest) = RUNS_CODE.split_once('\n').expect("more than one line");
    let guarded = format!("{def}\n    if len(text) == 1:\n        return [(text, 1)]\n{rest}");
    for (edges, kept) in [(right, true), (wrong, false)] {
        let world = World::new();
        let code = guarded.clone();
        let llm = FakeLlm::competent_with(1, move |asked| {
            let checks = |question: &str| {
                let at_edges = question.contains("Exactly these calls");
                let asks = question.contains("\nrun_lengths(' ')\n");
                assert!(asks || !at_edges, "{question}");
                Behaviour::code(if at_edges { edges } else { list })
            };
            asked.answered(checks, &code)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{SHOWN}"))).await;
        assert_eq!(report.dreams_successful, u64::from(kept), "{report:?}");
        for dream in saved(&settings.output_dir) {
            let hidden = dream["hidden_checks"].as_array().expect("checks");
            let edge = |check: &&serde_json::Value| check["call"] == "run_lengths(' ')";
            assert_eq!(hidden.iter().filter(edge).count(), 1, "{hidden:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_is_asked_what_an_edge_gives_over_which_every_solution_falls() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let list = "assert run_lengths('mnn') == [('m', 1), ('n', 2)]\nassert run_lengths('ee') == [('e', 2)]\n\
                assert run_lengths('fg') == [('f', 1), ('g', 1)]\nassert run_lengths('hhi') == [('h', 2), ('i', 1)]\n\
                assert run_lengths('jkj') == [('j', 1), ('k', 1), ('j', 1)]";
    let (def, rest) = RUNS_CODE.split_once('\n').expect("more than one line");
    let falls = format!("{def}\n    assert text[0]\n{rest}");
    let task = RUNS.replace(" An empty text gives an empty list.", "");
    let named = format!("{task} Raise IndexError for an empty text.");
    let (value, error) = (
        "assert run_lengths('') == []",
        "with raises(IndexError): run_lengths('')",
    );
    for (task, code, edge, kept) in [
        (&task, &falls, value, false),
        (&task, &falls, error, true),
        (&named, &falls, error, true),
        (&task, &RUNS_CODE.to_owned(), value, true),
    ] {
        let world = World::new();
        let solved = AtomicUsize::new(0);
        let (first, second) = (code.clone(), code.replace("runs = []", "runs = list()"));
        let llm = FakeLlm::competent_with(1, move |asked| {
            let checks = |question: &str| {
                let asked = question.ends_with("in this order:\nrun_lengths('')");
                Behaviour::code(if asked { edge } else { list })
            };
            let code = [&first, &second][solved.fetch_add(1, Ordering::SeqCst) % 2];
            asked.answered(checks, code)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{task}\n\n{SHOWN}"))).await;
        assert_eq!(
            report.dreams_successful,
            u64::from(kept),
            "{code}: {report:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_the_code_does_not_raise_is_asked_about_again() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let list = "assert run_lengths('mnn') == [('m', 1), ('n', 2)]\nassert run_lengths('ee') == [('e', 2)]\n\
                with raises(ValueError): run_lengths(None)\nwith raises(ValueError): run_lengths('fg')\n\
                assert run_lengths('hhi') == [('h', 2), ('i', 1)]\nassert run_lengths('jkj') == [('j', 1), ('k', 1), ('j', 1)]";
    let taken_back = "assert run_lengths('fg') == [('f', 1), ('g', 1)]";
    let insists = "with raises(ValueError): run_lengths('fg')";
    let (def, rest) = RUNS_CODE.split_once('\n').expect("more than one line");
    let guarded = format!("{def}\n    if text is None:\n        raise ValueError(text)\n{rest}");
    for (again, doubted, kept) in [
        (taken_back, "nothing", true),
        (taken_back, "assert", false),
        (insists, "nothing", false),
    ] {
        let world = World::new();
        let code = guarded.clone();
        let llm = FakeLlm::competent_with(1, move |asked| {
            let checks = |question: &str| {
                let is_it = question.ends_with("in this order:\nrun_lengths('fg')");
                if is_it {
                    Behaviour::Unsure(again.to_owned(), doubted)
                } else {
                    Behaviour::code(list)
                }
            };
            asked.answered(checks, &code)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let task = format!("{RUNS} Raise ValueError for None.\n\n{SHOWN}");
        let report = night(&settings, given(task)).await;
        assert_eq!(report.dreams_successful, u64::from(kept), "{report:?}");
        for dream in saved(&settings.output_dir) {
            dropped_one(&dream, "asked again");
        }
    }
}

/// The checks of a question's calls, as whoever is right writes them.
fn answered_rightly(question: &str) -> String {
    let calls = question
        .split("in this order:\n")
        .nth(1)
        .unwrap_or_default();
    let checks = calls.lines().filter_map(|call| {
        let text = call.strip_prefix("run_lengths('")?.strip_suffix("')")?;
        let runs = text.chars().collect::<Vec<_>>();
        let runs = runs.chunk_by(|a, b| a == b);
        let runs: Vec<String> = runs
            .map(|run| format!("('{}', {})", run[0], run.len()))
            .collect();
        let plain = !text.contains(['\\', '\'']);
        plain.then(|| format!("assert {call} == [{}]\n", runs.join(", ")))
    });
    checks.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_is_asked_about_calls_on_which_two_solutions_differ() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let list = "assert run_lengths('mnn') == [('m', 1), ('n', 2)]\nassert run_lengths('ee') == [('e', 2)]\n\
                assert run_lengths('fg') == [('f', 1), ('g', 1)]\nassert run_lengths('hhi') == [('h', 2), ('i', 1)]\n\
                assert run_lengths('jkj') == [('j', 1), ('k', 1), ('j', 1)]";
    let (def, rest) = RUNS_CODE.split_once('\n').expect("more than one line");
    // No check is that long; what is asked beyond the checks is.
    let short = format!("{def}\n    text = text[:3]\n{rest}");
    for (doubted, kept) in [("nothing", true), ("[(", false)] {
        let world = World::new();
        let solved = AtomicUsize::new(0);
        let short = short.clone();
        let llm = FakeLlm::competent_with(1, move |asked| {
            let checks = |question: &str| {
                if question.contains("Exactly these calls") {
                    Behaviour::Unsure(answered_rightly(question), doubted)
                } else {
                    Behaviour::code(list)
                }
            };
            let counted = usize::from(asked.question().contains(SOLVE_MARK));
            let code = [&short, RUNS_CODE][solved.fetch_add(counted, Ordering::SeqCst) % 2];
            asked.answered(checks, code)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let report = night(&settings, given(format!("{RUNS}\n\n{SHOWN}"))).await;
        assert_eq!(report.dreams_successful, u64::from(kept), "{report:?}");
        for dream in saved(&settings.output_dir) {
            assert_eq!(
                (&dream["tier"], &dream["tries"]["passed"]),
                (&"gold".into(), &1.into()),
                "{dream:#}"
            );
        }
    }
}
