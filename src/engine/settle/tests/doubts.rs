//! What outweighs a doubt and what does not: one expectation missed, an error forgotten, a copy, a fall over a question.

use super::*;

/// Two examples that the source shows, `met` expectations that `right` meets, and one that it misses.
fn one_missed(met: usize) -> (Vec<(Suite, Check)>, Tried) {
    let origin = |n| if n < 2 { Origin::Source } else { Origin::Model };
    let mut checks: Vec<_> = (0..met + 2)
        .map(|n| example(Suite::Visible, n, &n.to_string(), origin(n)))
        .collect();
    checks.push(example(Suite::Hidden, met + 2, "99", Origin::Model));
    let answers = (0..met + 3).map(|n| Answer::Value(Value::Int(n.to_string())));
    let right = Tried::new("right", answers.collect());
    (checks, right)
}

#[test]
fn two_examples_and_eight_expectations_met_outweigh_one_that_is_missed() {
    let (checks, right) = one_missed(OUTWEIGHING);
    let Settlement::Settled {
        dropped, support, ..
    } = settle(&checks, std::slice::from_ref(&right), &Said::default())
    else {
        panic!("it settles");
    };
    assert!(support.is_some());
    assert!(
        matches!(&dropped[..], [one] if one.why.contains("8 others")),
        "{dropped:?}"
    );
    // Another that differs where nobody expects anything leaves the doubt.
    let open = |checks: &mut Vec<(Suite, Check)>| {
        checks.push(example(Suite::Hidden, 50, "None", Origin::Agreement));
    };
    let (mut asked, mut one) = (checks.clone(), right.clone());
    open(&mut asked);
    let mut other = Tried::new("other", one.answers.clone());
    one.answers.push(Answer::Value(Value::Int("1".to_owned())));
    other
        .answers
        .push(Answer::Value(Value::Int("2".to_owned())));
    other.answers[OUTWEIGHING + 2] = Answer::Value(Value::Int("98".to_owned()));
    let doubted = settle(&asked, &[one, other], &Said::default());
    assert!(
        matches!(&doubted, Settlement::Settled { support: None, .. }),
        "{doubted:?}"
    );
}

#[test]
fn fewer_expectations_or_an_exception_outweigh_nothing() {
    let needs = |settlement: &Settlement| match settlement {
        Settlement::Unsettled { needs, .. } => Some(*needs),
        Settlement::Settled { .. } => None,
    };
    let (checks, right) = one_missed(OUTWEIGHING - 1);
    let few = settle(&checks, &[right], &Said::default());
    assert_eq!(needs(&few), Some(Needs::Either), "{few:?}");
    let (checks, mut right) = one_missed(OUTWEIGHING);
    right.answers[OUTWEIGHING + 2] = Answer::Raised(vec!["IndexError".to_owned()]);
    let failed = settle(&checks, &[right], &Said::default());
    assert_eq!(needs(&failed), Some(Needs::Solutions), "{failed:?}");
    let (mut checks, right) = one_missed(OUTWEIGHING);
    checks[1].1.origin = Origin::Model;
    let unshown = settle(&checks, &[right], &Said::default());
    assert_eq!(needs(&unshown), Some(Needs::Solutions), "{unshown:?}");
}

#[test]
fn a_lone_solution_that_falls_over_an_open_question_has_no_support() {
    let (mut checks, mut right) = one_missed(LEAST_CONFIRMED);
    checks.pop();
    right.answers.pop();
    checks.push(example(Suite::Hidden, 50, "None", Origin::Agreement));
    let answered = |class: &str| {
        let mut one = right.clone();
        one.answers.push(Answer::Raised(vec![class.to_owned()]));
        settle(&checks, &[one], &Said::default())
    };
    for (class, supported) in [("ValueError", true), ("IndexError", false)] {
        let settlement = answered(class);
        let Settlement::Settled { support, .. } = &settlement else {
            panic!("{settlement:?}");
        };
        assert_eq!(support.is_some(), supported, "{class}");
    }
}

#[test]
fn a_named_error_that_two_solutions_forget_is_no_suspect() {
    let mut checks = suite([1, 2, 3, 4, 5, 6], Origin::Model);
    checks[5].1.kind = CheckKind::Raises {
        error: "json.JSONDecodeError".to_owned(),
    };
    let forgot = settle(&checks, &pair([1, 2, 3, 4, 5, 6]), &Said::default());
    assert!(matches!(forgot, Settlement::Unsettled { .. }), "{forgot:?}");
    let mut right = pair([1, 2, 3, 4, 5, 6]);
    for one in &mut right {
        one.answers[5] = Answer::Raised(vec!["JSONDecodeError".to_owned()]);
    }
    let settled = settle(&checks, &right, &Said::default());
    assert!(matches!(&settled, Settlement::Settled { dropped, .. } if dropped.is_empty()));
}

#[test]
fn an_expectation_that_a_third_solution_meets_is_no_suspect() {
    let checks = suite([1, 2, 3, 4, 5, 99], Origin::Model);
    let [one, other] = pair([1, 2, 3, 4, 5, 6]);
    let third = tried("c", [1, 2, 3, 4, 50, 99]);
    let settlement = settle(&checks, &[one, other, third], &Said::default());
    assert!(
        matches!(settlement, Settlement::Unsettled { .. }),
        "{settlement:?}"
    );
}

#[test]
fn a_copy_with_other_names_is_no_second_opinion() {
    assert!(!differ(
        "def f(a):\n    b = a + 1\n    return b",
        "def f(x):\n    y = x + 1\n    return y"
    ));
    assert!(differ(
        "def f(a):\n    return a + 1",
        "def f(a):\n    return 1 + a"
    ));
}

#[test]
fn an_error_that_the_task_names_has_to_be_seen() {
    let (mut checks, mut right) = one_missed(OUTWEIGHING);
    let named = [vec!["BadNameError".to_owned(), "ValueError".to_owned()]];
    let settled = settle(&checks, std::slice::from_ref(&right), &Said::default());
    assert_eq!(settled.clone().having_seen(&[]), settled);
    let unseen = settled.having_seen(&named);
    assert!(
        matches!(&unseen, Settlement::Unsettled { best: Some(0), needs: Needs::Error(0), why } if why.contains("ValueError")),
        "{unseen:?}"
    );
    let kind = CheckKind::Raises {
        error: "ValueError".to_owned(),
    };
    checks.push((Suite::Hidden, Check::new("f(70)", kind)));
    right
        .answers
        .push(Answer::Raised(vec!["ValueError".to_owned()]));
    let settled = settle(&checks, &[right], &Said::default());
    assert!(matches!(settled, Settlement::Settled { .. }), "{settled:?}");
    assert_eq!(settled.clone().having_seen(&named), settled);
}
