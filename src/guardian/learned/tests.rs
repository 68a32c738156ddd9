//! Tests of the room around.

use super::by_heart;
use crate::dream::{Candidate, Check, Scenario};

const TOTALS: [(&str, &str); 5] = [
    ("f([1, 2, 3])", "[1, 3, 6]"),
    ("f([])", "[]"),
    ("f([5])", "[5]"),
    ("f([2, -2])", "[2, 0]"),
    ("f([4, 4])", "[4, 8]"),
];
const DAYS: [(&str, &str); 4] = [
    ("f(1)", "'Mon'"),
    ("f(2)", "'Tue'"),
    ("f(3)", "'Wed'"),
    ("f(4)", "'Thu'"),
];

/// What is held of the examples, and whether that is beyond chance.
#[track_caller]
fn check(examples: &[(&str, &str)], code: &str, expected: Option<(usize, bool)>) {
    let candidate = Candidate {
        scenario: Scenario {
            entry_point: "f".to_owned(),
            ..Scenario::default()
        },
        code: code.to_owned(),
        checks: examples
            .iter()
            .map(|(c, e)| Check::example(*c, *e))
            .collect(),
        hidden_checks: vec![],
    };
    let held = by_heart(&candidate).map(|by_heart| (by_heart.held, by_heart.beyond_chance));
    assert_eq!(held, expected, "{code}");
}

#[test]
fn rich_inputs_that_are_written_out_are_told_however_they_are_looked_up() {
    for code in [
        "T = {(1, 2, 3): [1, 3, 6], (2, -2): [2, 0], (4, 4): [4, 8]}\ndef f(xs):\n    return T.get(tuple(xs), xs)\n",
        "IN = [[1, 2, 3], [2, -2], [4, 4]]\nOUT = [[1, 3, 6], [2, 0], [4, 8]]\ndef f(xs):\n    return OUT[IN.index(xs)] if xs in IN else xs\n",
        "T = dict(zip(['[1, 2, 3]', '[2, -2]', '[4, 4]'], [[1, 3, 6], [2, 0], [4, 8]]))\ndef f(xs):\n    return T.get(str(xs), xs)\n",
        "T = {}\nT[1, 2, 3] = [1, 3, 6]\nT[(2, -2)] = [2, 0]\nT[(4, 4)] = [4, 8]\nT[7, 7] = []\nT[8, 8] = []\nT[9, 9] = []\nT[6, 6] = []\ndef f(xs):\n    return T.get(tuple(xs), xs)\n",
        "def f(xs):\n    if xs == [1, 2, 3]:\n        return [1, 3, 6]\n    if xs == [2, -2]:\n        return [2, 0]\n    if xs == [4, 4]:\n        return [4, 8]\n    while len(xs) > 1:\n        pass\n    return xs\n",
    ] {
        check(&TOTALS, code, Some((3, true)));
    }
}

#[test]
fn tables_in_every_form_are_told() {
    for code in [
        "T = {1: 'Mon', 2: 'Tue', 3: 'Wed'}\ndef f(n):\n    return T.get(n)\n",
        "def f(n):\n    if n == 1:\n        return 'Mon'\n    elif n == 2:\n        return 'Tue'\n    elif n == 3:\n        return 'Wed'\n",
        "def f(n):\n    for a, b in [(1, 'Mon'), (2, 'Tue'), (3, 'Wed')]:\n        if a == n:\n            return b\n",
        "T = {'1': 'Mon', '2': 'Tue', '3': 'Wed'}\ndef f(n):\n    return T.get(str(n))\n",
        "def f(n):\n    match n:\n        case 1:\n            return 'Mon'\n        case 2:\n            return 'Tue'\n        case 3:\n            return 'Wed'\n",
    ] {
        check(&DAYS, code, Some((3, false)));
    }
}

#[test]
fn a_table_that_the_task_states_is_the_task() {
    const POINTS: &str =
        "P = {'gold': 7, 'silver': 4, 'bronze': 2}\ndef f(k):\n    return P.get(k, 0)\n";
    let told = |task: &str, examples: &[(&str, &str)]| {
        let example = |(call, expect): &(&str, &str)| Check::example(*call, *expect);
        let candidate = Candidate {
            scenario: Scenario {
                entry_point: "f".to_owned(),
                task_prompt: task.to_owned(),
                ..Scenario::default()
            },
            code: POINTS.to_owned(),
            checks: examples.iter().map(example).collect(),
            hidden_checks: vec![],
        };
        by_heart(&candidate).is_some()
    };
    let rows = [
        ("f('gold')", "7"),
        ("f('silver')", "4"),
        ("f('bronze')", "2"),
        ("f('tin')", "0"),
    ];
    let task = "7 for gold, 4 for silver, 2 for bronze, nothing for anything else.";
    assert!(!told(task, &rows));
    assert!(told(task, &rows[..3]), "nothing else is asked for");
    for other in [
        "Write f(kind): the points for a medal.",
        "7 for gold, 4 for silver and 2 for bronze.",
        "7 for gold, 4 for silver, nothing for anything else.",
        "17 for gold, 4 for silver, 2 for bronze, nothing for anything else.",
    ] {
        assert!(told(other, &rows), "{other}");
    }
}

#[test]
fn ordinary_code_is_no_table() {
    check(
        &TOTALS,
        "def f(xs):\n    if xs == []:\n        return []\n    out = [xs[0]]\n    for x in xs[1:]:\n        out.append(out[-1] + x)\n    return out\n",
        None,
    );
    check(
        &TOTALS,
        "def f(xs):\n    \"\"\"f([1, 2, 3]) gives [1, 3, 6], f([2, -2]) [2, 0] and f([4, 4]) [4, 8].\"\"\"\n    out = []\n    for x in xs:\n        out.append(x + (out[-1] if out else 0))\n    return out\n",
        None,
    );
    check(
        &[
            ("f((0, 1))", "'up'"),
            ("f((1, 0))", "'right'"),
            ("f((0, -1))", "'down'"),
        ],
        "T = {(0, 1): 'up', (1, 0): 'right', (0, -1): 'down', (-1, 0): 'left', (0, 0): 'here', (1, 1): 'a', (2, 2): 'b'}\ndef f(p):\n    return T[p]\n",
        None,
    );
    check(
        &DAYS,
        "T = {1: 'Mon', 2: 'Tue', 3: 'Wed', 5: 'a', 6: 'b', 7: 'c', 8: 'd'}\ndef f(n):\n    return T[n]\n",
        None,
    );
}
