//! Tests of the room around.

use super::rule;
use super::subject::Signatures;
use crate::dream::{Candidate, Check, CheckKind, Reason, Route, Scenario, Serve};
use crate::guardian::ruling::Ruling;

/// With things of every kind that a check could change.
const SOLUTION: &str = "import math\nTABLE = {'a': [1]}\nNAMES = ['x']\n\n\ndef helper(x=1):\n    return x\n\n\n\
    class Total:\n    sums = []\n\n    def total(self):\n        return sum(self.sums)\n\n\n\
    shared = Total()\n\n\ndef f(x):\n    return x + helper()\n";

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
    assert_eq!(reason(&ruling), expected, "{ruling:?}");
}

fn reason(ruling: &Ruling) -> Option<Reason> {
    match ruling {
        Ruling::Fail(reason, _) => Some(*reason),
        Ruling::Pass(_) | Ruling::Skipped(_) => None,
    }
}

/// Each of these setups, beside the larger solution.
#[track_caller]
fn check_setups(setups: &[&str], expected: Option<Reason>) {
    let wrong: Vec<String> = setups
        .iter()
        .filter_map(|setup| {
            let mut candidate = candidate();
            candidate.code = SOLUTION.to_owned();
            candidate.checks[0].setup = (*setup).to_owned();
            let ruling = rule(&candidate);
            (reason(&ruling) != expected).then(|| format!("{setup:?}: {ruling:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    let idle = Check {
        setup: "note = []\nnote.append(1)".to_owned(),
        ..Check::example("f(1)", "2")
    };
    check(|c| c.hidden_checks[0] = idle, Some(Reason::TooFewChecks));
    for (one, other) in [
        ("f([5, 6])", "f([5] + [6])"),
        ("f([2, 8])", "f(list((2, 8)))"),
        ("f(1000)", "f(10 ** 3)"),
        ("f([0, 0])", "f([0] * 2)"),
        ("f(-(1 + 2))", "f(-3)"),
    ] {
        let signatures = Signatures::of("def f(x):\n    return x\n");
        let subject = |call: &str| signatures.subject(&Check::example(call, ""));
        assert_eq!(subject(one), subject(other));
        assert_ne!(subject("f((1 + g()) * 2)"), subject("f(1 + g() * 2)"));
    }
    for call in [
        "(f(+1))  # one",
        "f(1,)",
        "f(x=1)",
        "f(0x1)",
        "f(x=(1))",
        "f(*[1])",
        "f(**{'x': 1})",
        "f(- -1)",
    ] {
        check(
            |c| c.hidden_checks[0] = Check::example(call, "2"),
            Some(Reason::TooFewChecks),
        );
        check(
            |c| c.checks[1] = Check::example(call, "2"),
            Some(Reason::TooFewChecks),
        );
    }
    let by_setup = Check {
        setup: "import math\nx = 0b1".to_owned(),
        ..Check::example("f(x)", "2")
    };
    check(
        |c| c.hidden_checks[0] = by_setup,
        Some(Reason::TooFewChecks),
    );
    let looked_at = Check {
        given: [("unused".to_owned(), "3".to_owned())].into(),
        ..Check::example("f(1)", "2")
    };
    check(
        |c| c.hidden_checks[0] = looked_at,
        Some(Reason::TooFewChecks),
    );
    let property = |holds: &str| Check {
        kind: CheckKind::Property {
            holds: holds.to_owned(),
        },
        ..Check::example("f(1)", "")
    };
    check(
        |c| {
            c.checks[1] = property("result > 1");
            c.checks[2] = property("result < 3");
        },
        Some(Reason::TooFewChecks),
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
fn keywords_are_bound_where_the_signature_tells_how() {
    let code = "from dataclasses import dataclass\n\n\n@dataclass\nclass Point:\n    x: int\n    y: int = 0\n\n\n\
        class Box:\n    def __init__(self, wide, high=1, *, name=''):\n        pass\n\n    def fits(self, a, b):\n\
        \x20       return a\n\n\ndef f(a, /, b=1, *rest, key=None):\n    return a\n";
    let signatures = Signatures::of(code);
    let subject = |call: &str| signatures.subject(&Check::example(call, ""));
    for (one, two) in [
        ("f(1, 2)", "f(1, b=2)"),
        ("f(1, b=2, key='x')", "f(1, key=\"x\", b=2)"),
        ("Point(1, 2)", "Point(y=2, x=1)"),
        ("Box(3).fits(1, 2)", "Box(wide=3).fits(b=2, a=1)"),
        ("f(g(1, k=2, j=3))", "f(g(1, j=3, k=2))"),
        ("f([1, g()])", "f( [1, g(),] )"),
        ("f({'a': g()})", "f({\"a\": g(),})"),
        ("f((1, g()))", "f((1, g(),))"),
    ] {
        assert_eq!(subject(one), subject(two));
    }
    for (one, two) in [
        ("f(1, 2)", "f(2, 1)"),
        ("f(1)", "f(1.0)"),
        ("f(1)", "f(True)"),
        ("f([1])", "f((1,))"),
        ("f((g(),))", "f(g())"),
        ("f(1, key=2)", "f(1, 2)"),
        ("f(-1)", "f(1)"),
        ("f('a b')", "f('a  b')"),
        ("f(*g())", "f(g())"),
        ("f(lambda x: x)", "f(lambda x: -x)"),
        ("Box(3).fits(1, 2)", "Box(4).fits(1, 2)"),
    ] {
        assert_ne!(subject(one), subject(two));
    }
    let served = |body: &str| Check {
        serve: Some(Serve {
            routes: vec![Route {
                path: "/a".to_owned(),
                status: 200,
                body: body.to_owned(),
                delay_ms: 0,
            }],
        }),
        ..Check::example("f(base_url)", "1")
    };
    assert_ne!(
        signatures.subject(&served("a")),
        signatures.subject(&served("b"))
    );
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
fn a_call_may_not_change_the_solution_either() {
    for call in [
        "[(f := abs), f(1)][1]",
        "[TABLE.clear(), f(1)][1]",
        "[setattr(Total, 'total', len), f(1)][1]",
        "[exec('f = abs'), f(1)][1]",
    ] {
        let change = |c: &mut Candidate| {
            c.code = SOLUTION.to_owned();
            c.checks[0] = Check::example(call, "2");
        };
        check(change, Some(Reason::BadCheck));
    }
    for call in [
        "f(eval=1)",
        "setattr(Total(), 'x', f(1))",
        "[t := Total(), t.sums.append(1), f(1)][2]",
    ] {
        let change = |c: &mut Candidate| {
            c.code = SOLUTION.to_owned();
            c.checks[0] = Check::example(call, "2");
        };
        check(change, None);
    }
}

#[test]
fn a_setup_may_build_but_not_replace() {
    check(
        |c| c.checks[0].setup = "import json\nx = json.loads('1')\nx += 1".to_owned(),
        None,
    );
    check_setups(
        &[
            "import re\np = re.compile('a+')",
            "t = Total()\nt.sums = [1]\nt.sums.append(2)\nsetattr(t, 'name', 'x')",
            "TABLE = {}\nTABLE['a'] = 2\nTABLE.update(b=3)",
            "def fill(TABLE):\n    TABLE['a'] = 2\nfill({})",
            "copy = dict(TABLE)\ncopy['a'] = 2",
            "own = NAMES[:]\nown.append('z')",
            "shared.add(3)\nshared['x'] = 4",
            "class Sub(Total):\n    def total(self):\n        return 1",
            "match [1, 2]:\n    case [first, *rest]:\n        pass\n    case Total(f=1):\n        pass",
            "import sys, io\nsys.stdin = io.StringIO('1')",
            "def fill(box, table):\n    box.total = table['a']\nfill(Total(), TABLE)",
            "def show(box):\n    return box.sums\nshow(Total)",
        ],
        None,
    );
    check_setups(
        &[
            "locals()['f'] = len",
            "globals().update(f=len)",
            "vars().update(f=len)",
            "vars()['f'] = len",
            "match 3:\n    case f:\n        pass",
            "match [3]:\n    case [*f]:\n        pass",
            "match 3:\n    case int() as f:\n        pass",
            "with open('x') as f:\n    pass",
            "from math import *",
            "Total.total = lambda self: 2",
            "h = Total\nh.total = len",
            "type(Total()).total = len",
            "t = Total()\nt.__class__.total = len",
            "Total.sums.append(3)",
            "setattr(Total, 'total', len)",
            "type.__setattr__(Total, 'total', len)",
            "helper.__defaults__ = (3,)",
            "shared.total = len",
            "TABLE['a'] = 2",
            "del TABLE['a']",
            "TABLE.update(a=2)",
            "NAMES += ['z']",
            "NAMES.append('z')",
            "list.append(NAMES, 'z')",
            "import random\nrandom.shuffle(NAMES)",
            "rows = TABLE['a']\nrows[0] = 2",
            "for row in TABLE.values():\n    row.append(1)",
            "def spoil():\n    TABLE['a'] = 2\nspoil()",
            "def tune(kind):\n    kind.ratio = 4\ntune(Total)",
            "def tune(n, kind):\n    setattr(kind, 'ratio', n)\ntune(4, kind=Total)",
            "tune = lambda rows: vars(rows)\ntune(helper)",
            "from unittest.mock import patch\npatch('solution.f').start()",
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
        ],
        Some(Reason::BadCheck),
    );
    check_setups(
        &[
            "math.sqrt = len",
            "def put(module):\n    module.floor = round\nput(math)",
        ],
        Some(Reason::ReachesHarness),
    );
    check(
        |c| c.checks[0].setup = "assert f(1) == 2".to_owned(),
        Some(Reason::VerdictInsideCall),
    );
    check(
        |c| c.checks[0].setup = "import subprocess".to_owned(),
        Some(Reason::ForbiddenImport),
    );
}
