//! Tells a solution that is a table of the checks' own inputs and outputs: pairs of literals in its code that say just what
//! the checks say, and little else. Pure; the gate on nothing-solutions asks such code something new before it believes it.

use tree_sitter::Node;

use super::syntax::{Source, bare, named, only_expression};
use crate::dream::{Candidate, Check, CheckKind, Value, parse_literal};

/// Checks that a table must hold at least: a function with two base cases is none.
const ROWS_MIN: usize = 3;
/// Share of the examples that it must hold, and share of its rows that are checks, in percent. A table of the days of the
/// week has rows that no check asks for.
const SHARE_MIN_PERCENT: usize = 50;

/// How many examples the code holds by heart, where these are suspiciously many: `(held, of)`.
pub(super) fn by_heart(candidate: &Candidate) -> Option<(usize, usize)> {
    let source = Source::parse(&candidate.code)?;
    let rows = rows(&source);
    let name = &candidate.scenario.entry_point;
    let examples: Vec<(Vec<Value>, Value)> = candidate
        .all_checks()
        .filter_map(|(_, check)| example(check, name))
        .collect();
    let held =
        |(inputs, output): &&(Vec<Value>, Value)| rows.iter().any(|row| row.says(inputs, output));
    let known = examples.iter().filter(held).count();
    let used = rows
        .iter()
        .filter(|row| {
            examples
                .iter()
                .any(|(inputs, output)| row.says(inputs, output))
        })
        .count();
    let mostly = |part: usize, whole: usize| part * 100 >= whole * SHARE_MIN_PERCENT;
    (known >= ROWS_MIN && mostly(known, examples.len()) && mostly(used, rows.len()))
        .then_some((known, examples.len()))
}

/// "For these inputs, that output", as some code says it.
#[derive(Debug)]
struct Row {
    inputs: Vec<Value>,
    output: Value,
}

impl Row {
    fn says(&self, inputs: &[Value], output: &Value) -> bool {
        if !loosely(output, &self.output) {
            return false;
        }
        let all = Value::Tuple(inputs.to_vec());
        let text = |value: &Value| Value::Str(value.to_literal());
        match self.inputs.as_slice() {
            [one] => {
                loosely(&all, one)
                    || loosely(&text(&all), one)
                    || inputs.first().is_some_and(|first| {
                        inputs.len() == 1 && (loosely(first, one) || loosely(&text(first), one))
                    })
            }
            several => {
                inputs.len() <= several.len()
                    && inputs.iter().all(|i| several.iter().any(|s| loosely(i, s)))
            }
        }
    }
}

/// A key of a dict cannot be a list, so a table says `(1, 2)` for `[1, 2]`.
fn loosely(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| loosely(a, b))
        }
        _ => a.equals(b),
    }
}

/// The literal arguments of the entry point's call, and what it must give.
pub(super) fn example(check: &Check, name: &str) -> Option<(Vec<Value>, Value)> {
    let CheckKind::Example { expect } = &check.kind else {
        return None;
    };
    let output = parse_literal(expect).ok()?;
    let source = Source::parse(&check.call)?;
    only_expression(&source)?;
    let call = source.nodes().into_iter().map(|(n, _)| n).find(|n| {
        let function = n.child_by_field_name("function").map(bare);
        n.kind() == "call" && function.is_some_and(|f| source.text_of(f) == name)
    })?;
    let mut inputs = Vec::new();
    for argument in named(call.child_by_field_name("arguments")?) {
        let value = match argument.kind() {
            "keyword_argument" => argument.child_by_field_name("value")?,
            _ => argument,
        };
        let text = source.text_of(value);
        let text = check.given.get(text).map_or(text, String::as_str);
        inputs.push(parse_literal(text).ok()?);
    }
    (!inputs.is_empty()).then_some((inputs, output))
}

/// Every pair of input and output that the code spells out: entries of dicts, `if x == A: return B`, `case A: return B`,
/// and pairs `(A, B)` inside a list or a tuple.
fn rows(source: &Source<'_>) -> Vec<Row> {
    let value = |node: Node<'_>| parse_literal(source.text_of(node)).ok();
    let mut rows = Vec::new();
    let mut push = |inputs: Vec<Value>, output: Option<Value>| {
        if let Some(output) = output.filter(|_| !inputs.is_empty()) {
            rows.push(Row { inputs, output });
        }
    };
    for (node, _) in source.nodes() {
        match node.kind() {
            "pair" => {
                let sides = ["key", "value"].map(|f| node.child_by_field_name(f));
                if let [Some(key), Some(output)] = sides {
                    push(value(key).into_iter().collect(), value(output));
                }
            }
            "if_statement" | "elif_clause" => {
                let parts = ["condition", "consequence"].map(|f| node.child_by_field_name(f));
                if let [Some(test), Some(body)] = parts {
                    push(constants(source, test), returned(source, body));
                }
            }
            "conditional_expression" => {
                if let [yes, test, _] = named(node).as_slice() {
                    push(constants(source, *test), value(*yes));
                }
            }
            "case_clause" => {
                let pattern = named(node).into_iter().find(|n| n.kind() == "case_pattern");
                if let (Some(pattern), Some(body)) =
                    (pattern, node.child_by_field_name("consequence"))
                {
                    push(value(pattern).into_iter().collect(), returned(source, body));
                }
            }
            "tuple" | "list" => {
                let inside = node
                    .parent()
                    .is_some_and(|p| matches!(p.kind(), "list" | "tuple"));
                if let ([input, output], true) = (named(node).as_slice(), inside) {
                    push(value(*input).into_iter().collect(), value(*output));
                }
            }
            _ => {}
        }
    }
    rows
}

/// What a test compares with, by `==` or `in`.
fn constants(source: &Source<'_>, test: Node<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    let mut open = vec![test];
    while let Some(node) = open.pop() {
        if node.kind() == "comparison_operator" {
            let literals = named(node).into_iter();
            found.extend(literals.filter_map(|n| parse_literal(source.text_of(n)).ok()));
        } else {
            open.extend(named(node));
        }
    }
    found
}

fn returned(source: &Source<'_>, body: Node<'_>) -> Option<Value> {
    let first = named(body).into_iter().next()?;
    let given = match first.kind() {
        "return_statement" => named(first).into_iter().next()?,
        "expression_statement" => first
            .named_child(0)
            .filter(|n| n.kind() == "assignment")?
            .child_by_field_name("right")?,
        _ => return None,
    };
    parse_literal(source.text_of(given)).ok()
}

#[cfg(test)]
mod tests {
    use super::by_heart;
    use crate::dream::{Candidate, Check, Scenario};

    #[track_caller]
    fn check(code: &str, expected: Option<(usize, usize)>) {
        let examples = [
            ("f([1, 2, 3])", "[1, 3, 6]"),
            ("f([])", "[]"),
            ("f([5])", "[5]"),
            ("f([2, -2])", "[2, 0]"),
        ];
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
        assert_eq!(by_heart(&candidate), expected, "{code}");
    }

    #[test]
    fn tables_in_every_form_are_told() {
        check(
            "T = {(1, 2, 3): [1, 3, 6], (5,): [5], (2, -2): [2, 0]}\ndef f(xs):\n    return T.get(tuple(xs), [])\n",
            Some((3, 4)),
        );
        check(
            "def f(xs):\n    if xs == [1, 2, 3]:\n        return [1, 3, 6]\n    elif xs == [5]:\n        return [5]\n    elif xs == []:\n        return []\n    return [2, 0]\n",
            Some((3, 4)),
        );
        check(
            "def f(xs):\n    for a, b in [([1, 2, 3], [1, 3, 6]), ([5], [5]), ([2, -2], [2, 0])]:\n        if a == xs:\n            return b\n    return []\n",
            Some((3, 4)),
        );
        check(
            "T = {'[1, 2, 3]': [1, 3, 6], '[5]': [5], '[2, -2]': [2, 0]}\ndef f(xs):\n    return T.get(str(xs), [])\n",
            Some((3, 4)),
        );
        check(
            "def f(xs):\n    match xs:\n        case [1, 2, 3]:\n            return [1, 3, 6]\n        case [5]:\n            return [5]\n        case [2, -2]:\n            return [2, 0]\n    return []\n",
            Some((3, 4)),
        );
    }

    #[test]
    fn ordinary_code_is_no_table() {
        check(
            "def f(xs):\n    if xs == []:\n        return []\n    out = [xs[0]]\n    for x in xs[1:]:\n        out.append(out[-1] + x)\n    return out\n",
            None,
        );
        check(
            "DAYS = {1: 'Mon', 2: 'Tue', 3: 'Wed'}\ndef f(n):\n    return DAYS[n]\n",
            None,
        );
    }
}
