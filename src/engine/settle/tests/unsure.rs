//! Expectations that the model was not sure of as it wrote them.

use super::*;

/// Two examples that the source shows, three expectations that `right` meets, and one (`f(5)`) that it misses.
fn one_missed() -> (Vec<(Suite, Check)>, Said) {
    let mut checks = suite([1, 2, 3, 4, 5, 99], Origin::Model);
    for (_, shown) in &mut checks[..2] {
        shown.origin = Origin::Source;
    }
    let said = Said {
        unsure: vec![checks[5].1.clone()],
        ..Said::default()
    };
    (checks, said)
}

const RIGHT: [i64; 6] = [1, 2, 3, 4, 5, 6];

#[test]
fn one_that_is_missed_is_left_out_where_the_model_was_not_sure_of_it() {
    let (checks, said) = one_missed();
    let Settlement::Settled {
        dropped,
        support: Some(_),
        alone: true,
        checks: visible,
        hidden_checks,
        ..
    } = settle(&checks, &[tried("a", RIGHT)], &said)
    else {
        panic!("it settles");
    };
    assert!(
        matches!(&dropped[..], [one] if one.why.contains("not sure") && one.check.call == "f(5)"),
        "{dropped:?}"
    );
    assert_eq!((visible.len(), hidden_checks.len()), (3, 2));
    let sure = settle(&checks, &[tried("a", RIGHT)], &Said::default());
    assert!(matches!(sure, Settlement::Unsettled { .. }), "{sure:?}");
}

#[test]
fn an_exception_is_no_answer_to_it() {
    let (checks, said) = one_missed();
    let mut falls = tried("a", RIGHT);
    falls.answers[5] = Answer::Raised(vec!["IndexError".to_owned()]);
    let settled = settle(&checks, &[falls], &said);
    let Settlement::Unsettled { needs, .. } = settled else {
        panic!("it does not settle: {settled:?}");
    };
    assert_eq!(needs, Needs::Again);
}

#[test]
fn an_error_that_a_solution_does_not_raise_is_asked_about_again_and_only_what_is_taken_back_goes() {
    let (mut checks, _) = one_missed();
    checks[5].1.kind = CheckKind::Raises {
        error: "ValueError".to_owned(),
    };
    let doubted = checks[5].1.clone();
    let of = |said: &Said| settle(&checks, &pair(RIGHT), said);
    let needs = |settled| match settled {
        Settlement::Unsettled { needs, .. } => needs,
        Settlement::Settled { .. } => Needs::Nothing,
    };
    assert_eq!(needs(of(&Said::default())), Needs::Again);
    let insists = Said {
        asked_again: vec![doubted.clone()],
        ..Said::default()
    };
    assert_eq!(needs(of(&insists)), Needs::Solutions);
    let now = |value: &str| Said {
        says_now: vec![Check::example("f(5)", value)],
        ..insists.clone()
    };
    assert_eq!(needs(of(&now("7"))), Needs::Solutions, "another value");
    let taken_back = now("6");
    let Settlement::Settled { dropped, .. } = of(&taken_back) else {
        panic!("it settles");
    };
    assert!(
        matches!(&dropped[..], [one] if one.why.contains("asked again") && one.check == doubted),
        "{dropped:?}"
    );
    let stated = Said {
        stated: vec![doubted],
        ..taken_back
    };
    assert_eq!(needs(of(&stated)), Needs::Solutions, "the task says so");
}

#[test]
fn where_the_model_was_sure_of_too_little_it_is_asked_for_what_it_is_sure_of() {
    let (checks, _) = one_missed();
    let said = Said {
        unsure: checks[2..].iter().map(|(_, check)| check.clone()).collect(),
        ..Said::default()
    };
    let others = tried("a", [1, 2, 31, 41, 51, 61]);
    let settled = settle(&checks, &[others], &said);
    assert!(
        matches!(
            settled,
            Settlement::Unsettled {
                needs: Needs::Sure,
                ..
            }
        ),
        "{settled:?}"
    );
}

#[test]
fn it_is_a_question_two_answers_to_which_leave_a_doubt_and_one_becomes_a_check() {
    let (checks, said) = one_missed();
    let other = tried("b", [1, 2, 3, 4, 5, 7]);
    let doubted = settle(&checks, &[tried("a", RIGHT), other], &said);
    assert!(
        matches!(doubted, Settlement::Settled { support: None, .. }),
        "{doubted:?}"
    );
    let Settlement::Settled {
        hidden_checks,
        alone: false,
        ..
    } = settle(&checks, &pair(RIGHT), &said)
    else {
        panic!("it settles");
    };
    let agreed: Vec<_> = hidden_checks.iter().filter(|c| is_open(c)).collect();
    let kind = CheckKind::Example {
        expect: "6".to_owned(),
    };
    assert!(
        matches!(&agreed[..], [one] if one.call == "f(5)" && one.kind == kind),
        "{agreed:?}"
    );
}

#[test]
fn one_that_is_met_is_a_check_like_any_other() {
    let (mut checks, _) = one_missed();
    checks[5] = example(Suite::Hidden, 5, "6", Origin::Model);
    let said = Said {
        unsure: checks[2..].iter().map(|(_, check)| check.clone()).collect(),
        ..Said::default()
    };
    let Settlement::Settled {
        support: Some(_),
        hidden_checks,
        dropped,
        ..
    } = settle(&checks, &[tried("a", RIGHT)], &said)
    else {
        panic!("it settles");
    };
    assert_eq!((hidden_checks.len(), dropped.len()), (3, 0));
}

#[test]
fn what_the_task_states_binds_however_unsure_the_model_was() {
    let (checks, mut said) = one_missed();
    said.stated = said.unsure.clone();
    let settled = settle(&checks, &pair(RIGHT), &said);
    assert!(
        matches!(&settled, Settlement::Unsettled { why, .. } if why.contains("the task itself")),
        "{settled:?}"
    );
}

#[test]
fn two_that_are_missed_are_too_many_where_two_others_were_asked_in_vain() {
    let (mut checks, mut said) = one_missed();
    let answering = |code: &str, first: [i64; 6]| {
        let mut one = tried(code, first);
        one.answers.push(Answer::Value(Value::Int("7".to_owned())));
        one
    };
    checks.push(example(Suite::Hidden, 6, "7", Origin::Model));
    // Each misses one that the model was sure of, another one each.
    let all = [
        answering("a", RIGHT),
        answering("b", [1, 2, 0, 4, 5, 6]),
        answering("c", [1, 2, 3, 0, 5, 6]),
    ];
    let is_proven = |checks: &[(Suite, Check)], among: &[Tried], said: &Said| {
        let settled = settle(checks, among, said);
        let Settlement::Settled {
            winner: 0, support, ..
        } = settled
        else {
            panic!("it settles: {settled:?}");
        };
        support.is_some()
    };
    assert!(is_proven(&checks, &all, &said), "one missed");
    checks[6] = example(Suite::Hidden, 6, "98", Origin::Model);
    said.unsure.push(checks[6].1.clone());
    assert!(is_proven(&checks, &all[..2], &said), "one other");
    assert!(!is_proven(&checks, &all, &said));
}
