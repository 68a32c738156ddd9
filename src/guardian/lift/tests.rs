//! Tests of the room around.

use super::{built, lift};
use crate::dream::{Candidate, Check, Scenario};

fn candidate(entry_point: &str, code: &str) -> Candidate {
    let scenario = Scenario {
        entry_point: entry_point.to_owned(),
        ..Scenario::default()
    };
    Candidate {
        scenario,
        code: code.to_owned(),
        checks: vec![],
        hidden_checks: vec![],
    }
}

fn lifted(call: &str, given: &[(&str, &str)]) -> Option<(String, Vec<(String, String)>)> {
    let candidate = candidate("f", "def f(a, b=None):\n    return a\n");
    let check = Check {
        given: given
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
        ..Check::example(call, "1")
    };
    let lifted = lift(&candidate, &check)?;
    Some((lifted.check.call, lifted.arguments.into_iter().collect()))
}

#[test]
fn literal_arguments_that_can_change_get_a_name() {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        lifted("sorted(f([2, 1], b={'k': 1}))", &[]),
        Some((
            "sorted(f(_argument_0, b=_argument_1))".to_owned(),
            vec![pair("_argument_0", "a"), pair("_argument_1", "b")]
        ))
    );
    assert_eq!(
        lifted("f(1, 'x')", &[]),
        Some(("f(1, 'x')".to_owned(), vec![]))
    );
    assert_eq!(
        lifted("f(x)", &[("x", "[1]")]),
        Some(("f(x)".to_owned(), vec![pair("x", "a")]))
    );
}

#[test]
fn arguments_that_a_call_builds_are_told_from_others() {
    let candidate = candidate("f", "def f(a, b=None):\n    return a\n");
    let told = |call: &str| {
        let built = built(&candidate, &Check::example(call, "1")).into_iter();
        let told = built.map(|b| (b.parameter, b.before.call, b.after.call));
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        told("sorted(f(list(range(3)), b='x'))"),
        [(
            "a".to_owned(),
            "list(range(3))".to_owned(),
            "(lambda _argument: [sorted(f(_argument, b='x')), _argument])(list(range(3)))[1]"
                .to_owned()
        )]
    );
    for none in [
        "f([1])",
        "f(other())",
        "f(x)",
        "f(*[1])",
        "f(f(list('a')))",
        "f(lambda: 1)",
    ] {
        assert_eq!(told(none), [], "{none}");
    }
}

#[test]
fn methods_are_watched_by_the_names_that_the_check_gives() {
    let candidate = candidate(
        "Box",
        "class Box:\n    def __init__(self, size):\n        pass\n    def put(self, items, n=1):\n        pass\n",
    );
    let check = Check {
        given: [("xs".to_owned(), "[1]".to_owned())].into(),
        ..Check::example("Box([2]).put(xs)", "1")
    };
    let lifted = lift(&candidate, &check).unwrap();
    assert!(!lifted.twice);
    assert_eq!(lifted.check.call, check.call);
    assert_eq!(
        lifted.arguments.into_iter().collect::<Vec<_>>(),
        [("xs".to_owned(), "items".to_owned())]
    );
}

#[test]
fn what_a_setup_binds_to_a_literal_is_watched() {
    let candidate = candidate("f", "f = lambda a, b=None: a\n");
    let arguments = |setup: &str| {
        let check = Check {
            setup: setup.to_owned(),
            ..Check::example("f(xs)", "1")
        };
        let lifted = lift(&candidate, &check).unwrap();
        let names = lifted.arguments.into_iter();
        (names.collect::<Vec<_>>(), lifted.check.given.len())
    };
    let watched = vec![("xs".to_owned(), "a".to_owned())];
    assert_eq!(arguments("xs = [1, 2]"), (watched, 1));
    assert_eq!(arguments("xs = [1]\nxs.append(2)"), (vec![], 0));
    assert_eq!(arguments("xs = (1, 2)"), (vec![], 0));
}

#[test]
fn a_check_that_watches_its_argument_is_left_alone() {
    assert_eq!(
        lifted("(f(x), x)[1]", &[("x", "[1]")]),
        Some(("(f(x), x)[1]".to_owned(), vec![]))
    );
    assert_eq!(lifted("f(f([1]))", &[]), None);
}

#[test]
fn what_stands_behind_a_star_is_watched() {
    let watched = |call: &str, name: &str, parameter: &str| {
        let arguments = vec![(name.to_owned(), parameter.to_owned())];
        Some((call.to_owned(), arguments))
    };
    assert_eq!(lifted("f(*[1])", &[]), Some(("f(*[1])".to_owned(), vec![])));
    assert_eq!(
        lifted("f(*[[2, 1]])", &[]),
        watched("f(*[_argument_0])", "_argument_0", "a")
    );
    assert_eq!(
        lifted("f(1, *([2],))", &[]),
        watched("f(1, *(_argument_1,))", "_argument_1", "b")
    );
    assert_eq!(
        lifted("f(**{'b': [1]})", &[]),
        watched("f(**{'b': _argument_0})", "_argument_0", "b")
    );
    assert_eq!(
        lifted("f(*x)", &[("x", "[[1]]")]),
        watched("f(*x)", "x", "a")
    );
}

#[test]
fn what_several_statements_of_a_setup_build_is_watched() {
    let candidate = candidate("f", "def f(a, b=None):\n    return a\n");
    let told = |setup: &str, call: &str| {
        let check = Check {
            setup: setup.to_owned(),
            ..Check::example(call, "1")
        };
        let built = built(&candidate, &check).into_iter();
        let told = built.map(|b| (b.parameter, b.before.call, b.after.call, b.after.setup));
        told.collect::<Vec<_>>()
    };
    let setup = "xs = [1]\nxs.append(2)";
    assert_eq!(
        told(setup, "sorted(f(1, xs))"),
        [(
            "b".to_owned(),
            "xs".to_owned(),
            "[sorted(f(1, xs)), xs][1]".to_owned(),
            setup.to_owned()
        )]
    );
    for (setup, call) in [
        (setup, "(f(xs), xs)[1]"),
        (setup, "f([xs])"),
        ("xs = [1, 2]", "f(xs)"),
        ("def xs():\n    pass", "f(xs)"),
        ("import math", "f(math)"),
    ] {
        assert_eq!(told(setup, call), [], "{setup}: {call}");
    }
}
