//! Tests of the room around.

use super::{SplitError, setup_holds_verdict, split};
use crate::dream::{Check, CheckKind};

#[track_caller]
fn check(call: &str, expect: &str, new_call: &str, new_kind: &CheckKind) {
    let after = split(Check::example(call, expect)).unwrap();
    assert_eq!(
        (after.call.as_str(), &after.kind),
        (new_call, new_kind),
        "{call} expecting {expect}"
    );
}

fn expect(text: &str) -> CheckKind {
    CheckKind::Example {
        expect: text.to_owned(),
    }
}

fn holds(text: &str) -> CheckKind {
    CheckKind::Property {
        holds: text.to_owned(),
    }
}

#[test]
fn a_comparison_with_a_literal_becomes_an_expectation() {
    check("f(x) == 3", "True", "f(x)", &expect("3"));
    check("[1, 2] == f(x)", "True", "f(x)", &expect("[1, 2]"));
    check("(f(x) == -1)", "True", "f(x)", &expect("-1"));
    check("(f(x)) == 'a'", "True", "f(x)", &expect("'a'"));
    check("f(x) is None", "True", "f(x)", &expect("None"));
    check("f(x) != 3", "False", "f(x)", &expect("3"));
    check("not f(x) == 3", "False", "f(x)", &expect("3"));
    check(
        "sorted(f(x)) == [1]",
        "True",
        "sorted(f(x))",
        &expect("[1]"),
    );
}

#[test]
fn other_comparisons_with_a_literal_become_properties() {
    check("f(x) == 3", "False", "f(x)", &holds("not (result == 3)"));
    check("f(x) != 3", "True", "f(x)", &holds("result != 3"));
    check("1 < f(x) <= 9", "True", "f(x)", &holds("1 < result <= 9"));
    check(
        "f(x) not in (1, 2)",
        "True",
        "f(x)",
        &holds("result not in (1, 2)"),
    );
    check(
        "f(x) is not None",
        "True",
        "f(x)",
        &holds("result is not None"),
    );
    check("not f(x)", "True", "f(x)", &holds("not result"));
    check("not f(x)", "False", "f(x)", &holds("bool(result)"));
    check("not not f(x)", "True", "f(x)", &holds("bool(result)"));
}

#[test]
fn what_a_class_holds_is_asked_of_its_object() {
    let asked = "Bag('abc').__contains__('a')";
    check("'a' in Bag('abc')", "True", asked, &holds("bool(result)"));
    check("'a' in Bag('abc')", "False", asked, &holds("not result"));
    check("'a' not in Bag('abc')", "True", asked, &holds("not result"));
    check(
        "not 'a' in (Bag('abc'))",
        "False",
        "(Bag('abc')).__contains__('a')",
        &holds("bool(result)"),
    );
    // A function's answer is data, and compared outside.
    check("'a' in f(x)", "True", "f(x)", &holds("'a' in result"));
    let chain = split(Check::example("1 in Bag() in Bag()", "True"));
    assert!(matches!(chain, Err(SplitError::VerdictInside(_))));
}

#[test]
fn properties_and_raises_are_split_too() {
    let mut property = Check::example("f(x) == 3", "");
    property.kind = holds("result is True");
    assert_eq!(split(property).unwrap().kind, expect("3"));
    let mut raises = Check::example("f(x) == 3", "");
    raises.kind = CheckKind::Raises {
        error: "ValueError".to_owned(),
    };
    let raises = split(raises).unwrap();
    assert_eq!(raises.call, "f(x)");
    assert!(matches!(raises.kind, CheckKind::Raises { .. }));
}

#[test]
fn a_verdict_that_cannot_be_taken_out_is_refused() {
    for call in [
        "f(x) == g(x)",
        "f(x) == 3 and g(x) == 4",
        "[f(x) == 1, f(y) == 2]",
        "bool(f(x) == 3)",
        "all(f(n) == n for n in (1, 2))",
        "1 if f(x) == 3 else 0",
        "(f(x) == 3).real",
        "sum([f(1) == 1])",
        "not (f(x) == g(x))",
        "x and not f(x)",
        "(lambda r: r == 3)(f(x))",
        "(lambda r: r)(f(x) == 3)",
        "list(map(lambda r: r == 3, [f(x)]))",
        "operator.eq(f(x), 3)",
        "__import__('operator').eq(f(x), 3)",
        "f(x).__eq__(3)",
        "(3).__eq__(f(x))",
        "getattr(f(x), '__eq__')(3)",
        "eval('f(x) == 3')",
        "[3].count(f(x))",
        "{3}.issuperset([f(x)])",
        "{3: True}[f(x)]",
        "functools.partial(operator.eq, 3)(f(x))",
        "list(itertools.starmap(lambda r: r == 3, [[f(x)]]))",
        "__import__('functools').partial(operator.eq, 3)(f(x))",
    ] {
        assert!(
            matches!(
                split(Check::example(call, "True")),
                Err(SplitError::VerdictInside(_))
            ),
            "{call}"
        );
    }
    assert!(matches!(
        split(Check::example("f(x) == 3", "3")),
        Err(SplitError::VerdictInside(_))
    ));
    assert!(matches!(
        split(Check::example("1 == 1", "True")),
        Err(SplitError::Tautology(_))
    ));
}

#[test]
fn a_verdict_by_way_of_the_setup_is_refused() {
    for (setup, call) in [
        ("def same(a, b):\n    return a == b\n", "same(f(x), 3)"),
        (
            "def same(a, b):\n    if a == b:\n        return True\n    return False\n",
            "same(f(x), 3)",
        ),
        (
            "def same(a, b):\n    ok = a == b\n    return ok\n",
            "same(f(x), 3)",
        ),
        ("same = lambda a, b: a == b", "same(f(x), 3)"),
        ("from operator import eq as same", "same(f(x), 3)"),
        ("import operator as op", "op.eq(f(x), 3)"),
        (
            "import operator\nsame = operator.eq\nalso = same",
            "also(f(x), 3)",
        ),
        (
            "def same(a, b):\n    return a == b\ndef check(a):\n    return same(a, 3)\n",
            "check(f(x))",
        ),
        (
            "class Judge:\n    def sees(self, r):\n        return r == 3\n",
            "Judge().sees(f(x))",
        ),
        (
            "class Base:\n    pass\nclass Judge(Base):\n    def sees(self, r):\n        return r == 3\n",
            "Judge().sees(f(x))",
        ),
        (
            "import functools as ft\nfrom operator import eq",
            "ft.partial(eq, 3)(f(x))",
        ),
        (
            "from functools import partial as p\nfrom operator import eq",
            "p(eq, 3)(f(x))",
        ),
    ] {
        let mut check = Check::example(call, "True");
        check.setup = setup.to_owned();
        assert!(
            matches!(split(check), Err(SplitError::VerdictInside(_))),
            "{setup}: {call}"
        );
    }
}

#[test]
fn a_setup_that_compares_for_itself_stays() {
    for (setup, call) in [
        ("def key(n):\n    return n > 3\n", "f([1, 5], key)"),
        (
            "def run(n):\n    out = []\n    for i in range(n):\n        if i % 2 == 0:\n            \
             out.append(f(i))\n    return out\n",
            "run(5)",
        ),
        (
            "class Point:\n    def __eq__(self, other):\n        return self.x == other.x\n",
            "f([Point()])",
        ),
        (
            "def label(age):\n    return 'old' if age > 60 else 'young'\n",
            "label(f(x))",
        ),
        (
            "class Money:\n    pass\n",
            "[Money(3), Money(4)].index(Money(4))",
        ),
        (
            "class Cell:\n    def __lt__(self, other):\n        return self.n < other.n\n    \
             def value(self):\n        return self.n\n",
            "f([Cell(1)])[0].value()",
        ),
        (
            "class Heavy(Rule):\n    def allows(self, item):\n        return item > 10\n",
            "(~Heavy()).allows(3)",
        ),
        ("import operator", "f(operator.add, 1, 2)"),
        ("import operator", "f(operator.lt, 1, 2)"),
    ] {
        let mut check = Check::example(call, "1");
        check.setup = setup.to_owned();
        assert!(split(check).is_ok(), "{setup}: {call}");
    }
}

#[test]
fn comparisons_that_are_the_solutions_business_stay() {
    for call in [
        "f(lambda a, b: a < b)",
        "f(1 < 2)",
        "[n for n in f(9) if n > 3]",
        "f(x)",
        "g(f(x))",
        "s.pop()",
        "len(f(x))",
        "list(filter(lambda n: n > 1, f(x)))",
        "f(x)[0]",
        "(f(1), f(2))",
        "isinstance(f(x), int)",
        "(lambda s: (s.push(1), s.pop()))(f())",
        "f('a').count('a')",
        "f(x).index(3)",
        "[1, 2][f(x)]",
        "list(map(str, f(x)))",
        "Vec(1, 2).__eq__(7)",
        "Maybe(4).map(lambda n: n > 3).get()",
        "rows.map(lambda n: n > 3)",
    ] {
        assert_eq!(split(Check::example(call, "1")).unwrap().call, call);
    }
}

#[test]
fn what_is_not_one_expression_is_refused() {
    for call in [
        "x = f(1)",
        "f(1); f(2)",
        "",
        "f(",
        "import os",
        "assert f(1)",
    ] {
        assert!(
            matches!(
                split(Check::example(call, "1")),
                Err(SplitError::NotAnExpression(_))
            ),
            "{call}"
        );
    }
}

#[test]
fn expectations_in_a_setup_are_seen() {
    assert!(setup_holds_verdict("assert f(1) == 2"));
    assert!(setup_holds_verdict("ok = f(1) == 2"));
    assert!(!setup_holds_verdict(
        "s = Stack()\nfor n in range(3):\n    s.push(n)\n"
    ));
    assert!(!setup_holds_verdict("def less(a, b):\n    return a < b\n"));
    assert!(!setup_holds_verdict(
        "mask = [i % 2 == 0 for i in range(6)]"
    ));
    assert!(!setup_holds_verdict("on = True\noff = not on"));
    assert!(!setup_holds_verdict(
        "import operator\nfrom functools import partial\nless = partial(operator.lt, 3)"
    ));
    assert!(setup_holds_verdict("r = f(1)\nok = r == 2"));
    assert!(setup_holds_verdict("ok = True\nok = f(1)\nok = ok == 2"));
}
