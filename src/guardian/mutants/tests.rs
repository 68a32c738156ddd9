//! Tests of the room around.

use super::mutants;
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
