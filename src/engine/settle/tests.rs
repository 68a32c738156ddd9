//! Tests of the room around: what settles, what does not, and what is asked beyond the checks.

use super::*;
use crate::dream::{CheckKind, Origin};

mod doubts;
mod unsure;

fn example(suite: Suite, n: usize, expect: &str, origin: Origin) -> (Suite, Check) {
    let check = Check {
        kind: CheckKind::Example {
            expect: expect.to_owned(),
        },
        setup: String::new(),
        call: format!("f({n})"),
        given: std::collections::BTreeMap::new(),
        origin,
        max_ms: None,
        serve: None,
    };
    (suite, check)
}

/// Three visible and three hidden checks; the model expects `expected`.
fn suite(expected: [i64; 6], origin: Origin) -> Vec<(Suite, Check)> {
    let suites = [
        Suite::Visible,
        Suite::Visible,
        Suite::Visible,
        Suite::Hidden,
        Suite::Hidden,
        Suite::Hidden,
    ];
    let all = suites.into_iter().zip(expected).enumerate();
    all.map(|(n, (suite, value))| example(suite, n, &value.to_string(), origin))
        .collect()
}

fn tried(code: &str, answers: [i64; 6]) -> Tried {
    let answers = answers
        .iter()
        .map(|n| Answer::Value(Value::Int(n.to_string())))
        .collect();
    Tried::new(code, answers)
}

/// Two independent solutions that answer alike.
fn pair(answers: [i64; 6]) -> [Tried; 2] {
    [tried("a", answers), tried("b", answers)]
}

#[test]
fn a_wrong_expectation_falls_where_two_independent_solutions_agree_against_it() {
    let checks = suite([1, 2, 3, 4, 5, 99], Origin::Model);
    let solutions = pair([1, 2, 3, 4, 5, 6]);
    let Settlement::Settled {
        dropped,
        support,
        checks,
        hidden_checks,
        ..
    } = settle(&checks, &solutions, &Said::default())
    else {
        panic!("it settles");
    };
    assert_eq!(
        (dropped.len(), checks.len(), hidden_checks.len()),
        (1, 3, 2)
    );
    assert!(support.is_some());
}

#[test]
fn one_solution_alone_never_overrules_an_expectation() {
    let checks = suite([1, 2, 3, 4, 5, 99], Origin::Model);
    let one = settle(&checks, &[tried("a", [1, 2, 3, 4, 5, 6])], &Said::default());
    assert!(
        matches!(
            one,
            Settlement::Unsettled {
                needs: Needs::Solutions,
                ..
            }
        ),
        "{one:?}"
    );
    let copied = settle(
        &checks,
        &[
            tried("a", [1, 2, 3, 4, 5, 6]),
            tried("a  # the same", [1, 2, 3, 4, 5, 6]),
        ],
        &Said::default(),
    );
    assert!(matches!(copied, Settlement::Unsettled { .. }), "{copied:?}");
}

#[test]
fn agreement_against_most_expectations_settles_nothing() {
    let checks = suite([1, 2, 30, 40, 50, 60], Origin::Model);
    let wrong = pair([1, 2, 3, 4, 5, 6]);
    assert!(matches!(
        settle(&checks, &wrong, &Said::default()),
        Settlement::Unsettled { .. }
    ));
}

#[test]
fn an_answer_of_the_source_is_never_a_suspect() {
    let checks = suite([1, 2, 3, 4, 5, 99], Origin::Source);
    let wrong = pair([1, 2, 3, 4, 5, 6]);
    assert!(matches!(
        settle(&checks, &wrong, &Said::default()),
        Settlement::Unsettled { .. }
    ));
    let with_right = [
        wrong[0].clone(),
        wrong[1].clone(),
        tried("c", [1, 2, 3, 4, 5, 99]),
    ];
    let Settlement::Settled {
        winner,
        wrong,
        support,
        ..
    } = settle(&checks, &with_right, &Said::default())
    else {
        panic!("it settles");
    };
    assert_eq!((winner, wrong), (2, vec![0, 1]));
    assert!(support.is_some_and(|s| s.contains("no model wrote")));
}

#[test]
fn a_suite_that_is_right_needs_a_second_solution_only_for_support() {
    let checks = suite([1, 2, 3, 4, 5, 6], Origin::Model);
    let alone = settle(&checks, &[tried("a", [1, 2, 3, 4, 5, 6])], &Said::default());
    let Settlement::Settled { support: None, .. } = alone else {
        panic!("{alone:?}")
    };
    let both = settle(&checks, &pair([1, 2, 3, 4, 5, 6]), &Said::default());
    let Settlement::Settled {
        support: Some(_), ..
    } = both
    else {
        panic!("{both:?}")
    };
}

#[test]
fn runs_without_an_answer_agree_with_nothing() {
    let checks = suite([1, 2, 3, 4, 5, 6], Origin::Model);
    let endless = |code: &str| {
        let answers = [1, 2, 3, 4, 5]
            .map(|n: i64| Answer::Value(Value::Int(n.to_string())))
            .into_iter()
            .chain([Answer::Ended(Ending::Cpu)]);
        Tried::new(code, answers.collect())
    };
    assert!(matches!(
        settle(&checks, &[endless("a"), endless("b")], &Said::default()),
        Settlement::Unsettled { .. }
    ));
}

#[test]
fn suites_lend_to_each_other_as_no_solution_saw_them() {
    let mut checks = suite([1, 2, 3, 4, 5, 6], Origin::Model);
    for (suite, _) in &mut checks {
        *suite = Suite::Visible;
    }
    let both = pair([1, 2, 3, 4, 5, 6]);
    let Settlement::Settled {
        checks,
        hidden_checks,
        ..
    } = settle(&checks, &both, &Said::default())
    else {
        panic!("it settles")
    };
    assert_eq!((checks.len(), hidden_checks.len()), (4, 2));
}

/// As `suite`, with two calls that nobody expects anything of.
fn with_open(expected: [i64; 6]) -> Vec<(Suite, Check)> {
    let mut checks = suite(expected, Origin::Model);
    checks.extend((7..9).map(|n| example(Suite::Hidden, n, "None", Origin::Agreement)));
    checks
}

fn answering(code: &str, answers: [i64; 6], open: [i64; 2]) -> Tried {
    let mut one = tried(code, answers);
    one.answers
        .extend(open.map(|n| Answer::Value(Value::Int(n.to_string()))));
    one
}

#[test]
fn what_solutions_agree_on_beyond_the_checks_becomes_a_hidden_check() {
    let right = [1, 2, 3, 4, 5, 6];
    let both = [answering("a", right, [7, 8]), answering("b", right, [7, 8])];
    let Settlement::Settled {
        hidden_checks,
        support: Some(_),
        ..
    } = settle(&with_open(right), &both, &Said::default())
    else {
        panic!("it settles")
    };
    let added: Vec<&Check> = hidden_checks.iter().filter(|c| is_open(c)).collect();
    let due = ["7", "8"].map(|n| CheckKind::Example {
        expect: n.to_owned(),
    });
    assert_eq!(
        added.iter().map(|c| &c.kind).collect::<Vec<_>>(),
        [&due[0], &due[1]]
    );
}

#[test]
fn a_dissent_that_no_check_refutes_takes_two_more_solutions() {
    let right = [1, 2, 3, 4, 5, 6];
    let mut tried = vec![answering("a", right, [7, 8]), answering("b", right, [7, 9])];
    let supported = |tried: &[Tried]| match settle(&with_open(right), tried, &Said::default()) {
        Settlement::Settled { support, wrong, .. } => support.map(|_| wrong),
        Settlement::Unsettled { why, .. } => panic!("{why}"),
    };
    assert_eq!(supported(&tried), None, "one against one");
    let Settlement::Settled { disputed, .. } = settle(&with_open(right), &tried, &Said::default())
    else {
        panic!("it settles")
    };
    assert_eq!(disputed, ["f(8)"]);
    tried.push(answering("c", right, [7, 8]));
    assert_eq!(supported(&tried), None, "two against one");
    tried.push(answering("d", right, [7, 8]));
    assert_eq!(supported(&tried), Some(vec![1]), "three against one");
}

#[test]
fn a_dissent_that_a_check_refutes_is_none() {
    let right = [1, 2, 3, 4, 5, 6];
    let tried = [
        answering("a", right, [7, 8]),
        answering("b", right, [7, 8]),
        answering("c", [1, 2, 3, 4, 5, 7], [7, 9]),
    ];
    let settled = settle(&with_open(right), &tried, &Said::default());
    assert!(
        matches!(
            settled,
            Settlement::Settled {
                support: Some(_),
                ..
            }
        ),
        "{settled:?}"
    );
}

#[test]
fn refusing_an_open_question_contradicts_nobody() {
    let right = [1, 2, 3, 4, 5, 6];
    let mut refuses = answering("b", right, [7, 8]);
    refuses.answers[7] = Answer::Raised(vec!["ValueError".to_owned()]);
    let Settlement::Settled {
        hidden_checks,
        support: Some(_),
        ..
    } = settle(
        &with_open(right),
        &[answering("a", right, [7, 8]), refuses],
        &Said::default(),
    )
    else {
        panic!("it settles")
    };
    assert_eq!(hidden_checks.iter().filter(|c| is_open(c)).count(), 1);
}

#[test]
fn what_the_task_states_is_overruled_by_nobody() {
    let stated = [Check::example("f(5)", "6")];
    let checks = with_stated(suite([1, 2, 3, 4, 5, 99], Origin::Model), &stated);
    assert_eq!(checks.len(), 6, "it stands in the place of the model's");
    let agreed_and_wrong = pair([1, 2, 3, 4, 5, 7]);
    let said = Said {
        stated: stated.to_vec(),
        ..Said::default()
    };
    let settled = settle(&checks, &agreed_and_wrong, &said);
    assert!(
        matches!(&settled, Settlement::Unsettled { why, needs: Needs::Solutions, .. } if why.contains("the task itself")),
        "{settled:?}"
    );
    let Settlement::Settled { dropped, .. } = settle(&checks, &pair([1, 2, 3, 4, 5, 6]), &said)
    else {
        panic!("those who heed it settle");
    };
    assert!(dropped.is_empty());
}

#[test]
fn what_the_task_states_is_added_where_nobody_asked_and_never_against_evidence() {
    let stated = [Check::example("f(9)", "9"), Check::example("f(0)", "7")];
    let checks = with_stated(suite([1, 2, 3, 4, 5, 6], Origin::Source), &stated);
    assert_eq!(checks.len(), 7);
    assert_eq!(checks[6], (Suite::Hidden, stated[0].clone()));
    assert_eq!(checks[0], example(Suite::Visible, 0, "1", Origin::Source));
}

#[test]
fn what_the_source_answers_counts_among_the_confirmed() {
    let model = suite([1, 2, 3, 97, 98, 99], Origin::Model);
    let Settlement::Unsettled { why, .. } =
        settle(&model, &pair([1, 2, 3, 4, 5, 6]), &Said::default())
    else {
        panic!("three of six are too few");
    };
    assert!(why.contains("confirms only 3 of 6"), "{why}");

    let shown = [7, 8].map(|n| example(Suite::Visible, n, "0", Origin::Source));
    let checks: Vec<_> = model.into_iter().chain(shown).collect();
    let answers = |code| {
        let mut solution = tried(code, [1, 2, 3, 4, 5, 6]);
        let zero = || Answer::Value(Value::Int("0".to_owned()));
        solution.answers.extend([zero(), zero()]);
        solution
    };
    let settled = settle(&checks, &[answers("a"), answers("b")], &Said::default());
    assert!(
        matches!(&settled, Settlement::Settled { dropped, .. } if dropped.len() == 3),
        "{settled:?}"
    );
}

/// Two answers of the source, then four expectations of a model.
fn mostly_expected(expected: [i64; 6]) -> Vec<(Suite, Check)> {
    let mut checks = suite(expected, Origin::Model);
    for (_, check) in &mut checks[..2] {
        check.origin = Origin::Source;
    }
    checks
}

#[test]
fn two_answers_of_the_source_stand_in_for_a_second_solution_where_all_else_is_met() {
    let supported = |tried: &[Tried], checks: &[(Suite, Check)]| match settle(
        checks,
        tried,
        &Said::default(),
    ) {
        Settlement::Settled { support, .. } => support.is_some(),
        Settlement::Unsettled { .. } => false,
    };
    let right = tried("a", [1, 2, 3, 4, 5, 6]);
    let met = mostly_expected([1, 2, 3, 4, 5, 6]);
    assert!(supported(std::slice::from_ref(&right), &met));
    let missed = mostly_expected([1, 2, 3, 4, 5, 7]);
    assert!(!supported(std::slice::from_ref(&right), &missed));
    let mut one_answer = met.clone();
    one_answer[0].1.origin = Origin::Model;
    assert!(!supported(&[right], &one_answer));
    let mut open = met;
    open.push(example(Suite::Hidden, 9, "None", Origin::Agreement));
    let answering = |code: &str, last: i64| {
        let mut one = tried(code, [1, 2, 3, 4, 5, 6]);
        one.answers
            .push(Answer::Value(Value::Int(last.to_string())));
        one
    };
    assert!(supported(&[answering("a", 7)], &open));
    let dissent = [answering("a", 7), answering("b", 8)];
    assert!(!supported(&dissent, &open));
}

#[test]
fn who_agree_and_meet_few_expectations_are_given_more_of_them() {
    let checks = suite([1, 2, 30, 40, 50, 60], Origin::Model);
    let needs = |tried: &[Tried]| match settle(&checks, tried, &Said::default()) {
        Settlement::Unsettled { needs, .. } => needs,
        settled @ Settlement::Settled { .. } => panic!("{settled:?}"),
    };
    assert_eq!(needs(&pair([1, 2, 3, 4, 5, 6])), Needs::Expectations);
    let alone = [tried("a", [1, 2, 3, 4, 5, 6])];
    assert_eq!(needs(&alone), Needs::Solutions);
}
