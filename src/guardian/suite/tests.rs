//! Tests of the room around.

use super::rule;
use crate::dream::{Candidate, Check, CheckKind, Reason, Scenario};
use crate::guardian::ruling::Ruling;

fn candidate() -> Candidate {
    Candidate {
        scenario: Scenario {
            entry_point: "f".to_owned(),
            ..Scenario::default()
        },
        code: "def f(x):\n    return x + 1\n".to_owned(),
        checks: vec![
            Check::example("f(1)", "2"),
            Check::example("f(2)", "3"),
            Check::example("f(3)", "4"),
        ],
        hidden_checks: vec![Check::example("f(4)", "5"), Check::example("f(5)", "6")],
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Candidate), expected: Option<Reason>) {
    let mut candidate = candidate();
    change(&mut candidate);
    let ruling = rule(&candidate);
    let reason = match &ruling {
        Ruling::Fail(reason, _) => Some(*reason),
        Ruling::Pass(_) | Ruling::Skipped(_) => None,
    };
    assert_eq!(reason, expected, "{ruling:?}");
}

#[test]
fn enough_different_checks_are_needed() {
    check(|_| (), None);
    check(|c| c.checks.truncate(2), Some(Reason::TooFewChecks));
    check(
        |c| c.checks[2] = Check::example("f( 1 )", "2"),
        Some(Reason::TooFewChecks),
    );
    check(
        |c| c.hidden_checks[0] = Check::example("f(1)", "2"),
        Some(Reason::TooFewChecks),
    );
    check(
        |c| c.hidden_checks[0] = Check::example("f(5)", "6.0"),
        Some(Reason::TooFewChecks),
    );
}

#[test]
fn another_spelling_is_no_other_check() {
    let given = Check {
        given: [("x".to_owned(), "0x1".to_owned())].into(),
        ..Check::example("f(x)", "2")
    };
    check(
        |c| c.hidden_checks[0] = given.clone(),
        Some(Reason::TooFewChecks),
    );
    check(
        |c| c.hidden_checks[0] = Check::example("(f(+1))  # one", "2"),
        None,
    );
    check(
        |c| {
            c.checks.push(Check::example("f([1, 'a'])", "1"));
            c.hidden_checks.push(Check::example("f([1,\"a\",])", "2"));
        },
        Some(Reason::ContradictingChecks),
    );
    let other = Check {
        kind: CheckKind::Example {
            expect: "5".to_owned(),
        },
        ..given
    };
    check(|c| c.checks.push(other), Some(Reason::ContradictingChecks));
}

#[test]
fn contradicting_checks_are_told() {
    check(
        |c| c.hidden_checks.push(Check::example("f(1)", "3")),
        Some(Reason::ContradictingChecks),
    );
    check(
        |c| c.hidden_checks.push(Check::example("f(1)", "2.0")),
        None,
    );
    let raises = Check {
        kind: CheckKind::Raises {
            error: "ValueError".to_owned(),
        },
        ..Check::example("f(1)", "")
    };
    check(|c| c.checks.push(raises), Some(Reason::ContradictingChecks));
}

#[test]
fn checks_that_cannot_be_read_are_told() {
    check(
        |c| c.checks[0] = Check::example("f(1)", "two"),
        Some(Reason::BadCheck),
    );
    check(
        |c| c.checks[0] = Check::example("f(1", "2"),
        Some(Reason::BadCheck),
    );
    check(
        |c| c.checks[0] = Check::example("f(1) == 2", "True"),
        Some(Reason::VerdictInsideCall),
    );
    check(
        |c| {
            c.checks[0].kind = CheckKind::Raises {
                error: "a b".to_owned(),
            }
        },
        Some(Reason::BadCheck),
    );
    check(
        |c| {
            c.checks[0].kind = CheckKind::Property {
                holds: "1 < 2".to_owned(),
            }
        },
        Some(Reason::BadCheck),
    );
    check(
        |c| {
            c.checks[0].kind = CheckKind::Property {
                holds: "result; 1".to_owned(),
            }
        },
        Some(Reason::BadCheck),
    );
    check(
        |c| _ = c.checks[0].given.insert("a".to_owned(), "g()".to_owned()),
        Some(Reason::BadCheck),
    );
    check(
        |c| _ = c.checks[0].given.insert("f".to_owned(), "1".to_owned()),
        Some(Reason::BadCheck),
    );
}

#[test]
fn a_setup_may_build_but_not_replace() {
    check(
        |c| c.checks[0].setup = "import json\nx = json.loads('1')\nx += 1".to_owned(),
        None,
    );
    for setup in [
        "def f(x): return 2",
        "f = lambda x: 2",
        "f.name = 3",
        "from math import sqrt as f",
        "for f in (1,): pass",
        "class f: pass",
        "del f",
        "globals()['f'] = 3",
        "exec('f = 3')",
        "(f := 3)",
    ] {
        check(
            |c| c.checks[0].setup = setup.to_owned(),
            Some(Reason::BadCheck),
        );
    }
    check(
        |c| c.checks[0].setup = "assert f(1) == 2".to_owned(),
        Some(Reason::VerdictInsideCall),
    );
    check(
        |c| c.checks[0].setup = "import subprocess".to_owned(),
        Some(Reason::ForbiddenImport),
    );
}
