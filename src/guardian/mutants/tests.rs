//! Tests of the room around.

use super::{is_decided, mutants, self_tests, without};
use crate::guardian::syntax::Source;

const CODE: &str = "import os\n\ndef f(xs: list = [], n: int = 3):\n    \"\"\"Doc 1.\"\"\"\n    total = 0\n    for x in xs:\n        if x < 5 and not x == 2:\n            total += x * 2\n        elif x:\n            raise ValueError('no 7')\n    return total\n";

#[test]
fn every_mutant_is_python_and_differs() {
    let all = mutants(CODE, 100, 1);
    assert!(all.len() >= 12, "{all:#?}");
    for mutant in &all {
        assert_ne!(mutant.code, CODE);
        assert_eq!(
            Source::parse(&mutant.code).unwrap().first_error_line(),
            None,
            "{}",
            mutant.code
        );
    }
    let names: Vec<_> = all.iter().map(|m| m.name.as_str()).collect();
    for expected in [
        "line 7: `<` became `<=`",
        "line 7: `<` became `>=`",
        "line 7: `and` became `or`",
        "line 8: `+=` became `-=`",
        "line 11: `total` became `None`",
        "line 10: `raise ValueError('no 7')` became `pass`",
        "line 5: `0` became `1`",
    ] {
        assert!(
            names.contains(&expected),
            "{expected} is not among {names:#?}"
        );
    }
    assert!(!names.iter().any(|n| n.contains("Doc")
        || n.starts_with("line 3")
        || n.contains("'no 7'` became `''`")));
}

#[track_caller]
fn names(body: &str) -> Vec<String> {
    let code = format!("def f(xs, n):\n{body}");
    mutants(&code, 100, 1).into_iter().map(|m| m.name).collect()
}

#[test]
fn what_provably_means_the_same_is_not_made() {
    for body in [
        "    for x in xs:\n        if x > n:\n            n = x\n    return n\n",
        "    return n if n > xs else xs\n",
    ] {
        let all = names(body);
        assert!(!all.iter().any(|n| n.contains("`>=`")), "{all:?}");
        assert!(all.iter().any(|n| n.contains("`>` became `<=`")), "{all:?}");
    }
    let idle = "    for x in xs:\n        if x == n:\n            n += 2\n            continue\n    return n\n";
    assert!(!names(idle).iter().any(|n| n.contains("continue")));
    let needed = "    for x in xs:\n        if x == n:\n            continue\n        n += 2\n    return n\n";
    assert!(names(needed).iter().any(|n| n.contains("continue")));
    let found = "    for x in xs:\n        if x == n:\n            n = True\n            break\n    return n\n";
    assert!(!names(found).iter().any(|n| n.contains("break")));
    let first =
        "    for x in xs:\n        if x > n:\n            n = x\n            break\n    return n\n";
    assert!(names(first).iter().any(|n| n.contains("break")));
}

#[test]
fn arguments_are_swapped_and_parts_left_unchanged() {
    let all =
        names("    xs[n] = pow(n, 2)\n    xs[0] = max(n, 3)\n    cache[n] = 1\n    return xs\n");
    assert!(
        all.contains(&"line 2: `n, 2` became `2, n`".to_owned()),
        "{all:?}"
    );
    assert!(
        all.contains(&"line 2: `xs[n] = pow(n, 2)` became `pass`".to_owned()),
        "{all:?}"
    );
    assert!(
        !all.iter()
            .any(|n| n.contains("3, n") || n.contains("`cache[n] = 1` became")),
        "{all:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_few() {
    assert_eq!(mutants(CODE, 5, 9), mutants(CODE, 5, 9));
    assert_eq!(mutants(CODE, 5, 9).len(), 5);
}

#[track_caller]
fn changed(code: &str, expected: &[&str]) {
    let all: Vec<String> = mutants(code, 100, 1).into_iter().map(|m| m.name).collect();
    for change in expected {
        assert!(
            all.iter().any(|n| n.ends_with(change)),
            "{change} is not among {all:#?} of {code}"
        );
    }
}

#[track_caller]
fn unchanged(code: &str, unexpected: &str) {
    let all: Vec<String> = mutants(code, 100, 1).into_iter().map(|m| m.name).collect();
    assert!(
        !all.iter().any(|n| n.contains(unexpected)),
        "{all:#?} of {code}"
    );
}

#[test]
fn logic_counts_wherever_it_stands() {
    for (code, expected) in [
        ("class A:\n    __t = {'a': 5}\n", "`5` became `6`"),
        ("__rate = lambda kg: kg < 5\n", "`<` became `>=`"),
        (
            "def f(n, _g=lambda n: n < 3):\n    return _g(n)\n",
            "`<` became `>=`",
        ),
        (
            "@by(lambda n: n * 2)\ndef f(n):\n    return n\n",
            "`*` became `+`",
        ),
        (
            "class A(B, rule=lambda n: n + 4):\n    pass\n",
            "`+` became `-`",
        ),
        (
            "def f(h):\n    try:\n        raise E(h * 3)\n    except E as e:\n        return e.args\n",
            "`*` became `+`",
        ),
        (
            "if __name__ == '__main__':\n    pass\nelse:\n    T = {'car': 4}\n",
            "`4` became `5`",
        ),
        (
            "T = namedtuple('T', 'a b', defaults=(2, 3))\n",
            "`3` became `4`",
        ),
        ("class C(IntEnum):\n    A = 4\n", "`4` became `5`"),
        (
            "class C(Enum):\n    A = 4\n\n\ndef f(c):\n    return C[c].value\n",
            "`4` became `5`",
        ),
        (
            "def f(xs):\n    print(xs.append(3 * 2))\n",
            "`*` became `+`",
        ),
        ("def f(n):\n    return g(timeout=n * 6)\n", "`*` became `+`"),
        (
            "def g(timeout):\n    return timeout\n\n\ndef f(n):\n    return g(timeout=6) * n\n",
            "`6` became `7`",
        ),
        ("def f(a: 2, b: 3):\n    pass\n", "`3` became `4`"),
    ] {
        changed(code, &[expected]);
    }
}

#[test]
fn what_no_result_shows_stays() {
    for (code, unexpected) in [
        ("__all__ = ['f']\n__version__ = '1.0'\n", "line"),
        ("class C(Enum):\n    A = 4\n", "line"),
        ("T = namedtuple('T', 'a b')\n", "line"),
        ("def f(n):\n    raise ValueError(n * 3)\n", "`*`"),
        (
            "def f(n):\n    try:\n        raise E('bad ' + str(n + 1))\n    except E as e:\n        return e\n",
            "`+`",
        ),
        ("def f(s):\n    print(s * 2)\n", "line"),
        ("def f(q):\n    return q.get(timeout=5)\n", "`5`"),
        ("if __name__ == '__main__':\n    f(3 < 4)\n", "line"),
    ] {
        unchanged(code, unexpected);
    }
}

#[test]
fn each_entry_of_a_table_in_one_literal_is_changed() {
    changed(
        "T = '12 9 7 30'.split()\n",
        &["`12` became `13`", "`9` became `10`", "`30` became `31`"],
    );
    changed("T = f'12 9 7'.split()\n", &["`9` became `10`"]);
    changed(
        "T = 'ash:3,oak:5'.split(',')\n",
        &["`oak` became `oakq`", "`5` became `6`"],
    );
    changed(
        "T = b'\\x0c\\x05a'\n",
        &["`\\x05` became `\\x06`", "`a` became `q`"],
    );
    changed(
        "T = 0x0906050D\n\n\ndef f(n):\n    return T >> 8 * n & 0xFF\n",
        &["`9` became `a`", "`D` became `e`"],
    );
    changed(
        "T = '5905'\n\n\ndef f(n):\n    return int(T[n])\n",
        &["`9` became `8`", "`0` became `1`"],
    );
    let prose = "T = 'The table is long enough'\n";
    changed(prose, &["`The` became `Theq`", "`enough` became `enoughq`"]);
    unchanged(prose, "`table`");
    changed("T = 'abcd'\nx = T[0]\n", &["`'abcd'` became `''`"]);
    changed("T = r'[a-z] \\d (x) 12 34'\n", &["became `''`"]);
    unchanged("x = 1000007 - n\n", "`0`");
    let long = format!("T = '{}'.split()\n", "12 ".repeat(40));
    assert!(mutants(&long, 100, 1).len() < 10);
}

#[test]
fn own_tests_are_found_and_decisions_seen() {
    let code = "x = 1\nassert (\n    x == 1\n)\nif x > 1:\n    raise ValueError\ncheck()\nif x:\n    y = 2\n";
    let found = self_tests(code);
    let texts: Vec<&str> = found.iter().map(|range| &code[range.clone()]).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert_eq!(texts[0], "check()");
    let rest = without(code, found[2].clone());
    assert!(rest.starts_with("x = 1\npass\n\n\nif x > 1:\n"), "{rest}");
    for other in [
        "def f(x):\n    assert x\n    return x\n",
        "assert T.update({'a': 3}) is None\n",
        "for k in 'ab':\n    T[k] = 3\n    if k == 'c':\n        raise KeyError\n",
        "fill('a', 3)\n",
    ] {
        assert!(self_tests(other).is_empty(), "{other}");
    }
    assert!(is_decided("def f(x, g=lambda x: x > 2):\n    yield g(x)\n"));
    assert!(!is_decided(
        "def f(x):\n    yield x\n\n\nif __name__ == '__main__':\n    f(1 < 2)\n"
    ));
}
