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
/// Items of a container and characters of a text that make an input one that no code holds by chance.
const RICH_ITEMS: usize = 2;
const RICH_TEXT: usize = 12;
/// Characters between a word and what belongs to it where a task states a row: "7 for gold", "See Other is 303".
const STATED_GAP: usize = 12;
/// Words with which a task states what holds of all that no row names.
const REST: [&str; 7] = [
    "else",
    "other",
    "others",
    "another",
    "otherwise",
    "unknown",
    "default",
];

/// What a solution holds of the checks' own inputs and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByHeart {
    pub(super) held: usize,
    pub(super) of: usize,
    /// Whether the inputs are such that nobody writes them into code by chance: no honest table is keyed by them.
    pub(super) beyond_chance: bool,
}

/// How many examples the code holds by heart, where these are suspiciously many.
pub(super) fn by_heart(candidate: &Candidate) -> Option<ByHeart> {
    let source = Source::parse(&candidate.code)?;
    let name = &candidate.scenario.entry_point;
    let examples: Vec<(Vec<Value>, Value)> = candidate
        .all_checks()
        .filter_map(|(_, check)| example(check, name))
        .collect();
    let of = examples.len();
    let mostly = |part: usize, whole: usize| part * 100 >= whole * SHARE_MIN_PERCENT;
    // However the code looks them up: rich inputs that it spells out together with what is expected of them.
    let spelled = literals(&source);
    let is_rich_row = |(inputs, output): &(Vec<Value>, Value)| {
        let written = |value: &Value| {
            let text = Value::Str(value.to_literal());
            spelled
                .iter()
                .any(|s| loosely(s, value) || loosely(s, &text))
        };
        inputs.iter().any(is_rich)
            && inputs.iter().filter(|input| is_rich(input)).all(written)
            && (written(output) || matches!(output, Value::Bool(_) | Value::None))
    };
    let rows = rows(&source);
    let is_row =
        |(inputs, output): &(Vec<Value>, Value)| rows.iter().any(|row| row.says(inputs, output));
    if is_the_task(candidate, &examples, |example| {
        is_row(example) || is_rich_row(example)
    }) {
        return None;
    }
    let rich = examples.iter().filter(|e| is_rich_row(e)).count();
    if rich >= ROWS_MIN && mostly(rich, of) {
        return Some(ByHeart {
            held: rich,
            of,
            beyond_chance: true,
        });
    }
    let known = examples.iter().filter(|e| is_row(e)).count();
    let used = rows
        .iter()
        .filter(|row| {
            examples
                .iter()
                .any(|(inputs, output)| row.says(inputs, output))
        })
        .count();
    (known >= ROWS_MIN && mostly(known, of) && mostly(used, rows.len())).then_some(ByHeart {
        held: known,
        of,
        beyond_chance: false,
    })
}

/// Whether the task itself is this table: it states every row that is held, words with what belongs to them, and what
/// all else gives, and a check asks for something else. There is nothing more that such a solution could know.
fn is_the_task(
    candidate: &Candidate,
    examples: &[(Vec<Value>, Value)],
    is_held: impl Fn(&(Vec<Value>, Value)) -> bool,
) -> bool {
    let task = candidate.scenario.task_prompt.to_lowercase();
    let states = |(inputs, output): &(Vec<Value>, Value)| {
        let [Value::Str(word)] = inputs.as_slice() else {
            return false;
        };
        let belongs = match output {
            Value::Str(text) => text.clone(),
            Value::Int(_) | Value::Float(_) => output.to_literal(),
            _ => return false,
        };
        states_row(&task, &word.to_lowercase(), &belongs.to_lowercase())
    };
    let (held, free): (Vec<_>, Vec<_>) = examples.iter().partition(|example| is_held(example));
    let mut kinds = candidate.all_checks().map(|(_, check)| &check.kind);
    let asks_else = !free.is_empty() || kinds.any(|kind| matches!(kind, CheckKind::Raises { .. }));
    let mut words = task.split(|c: char| !c.is_alphanumeric());
    held.len() >= ROWS_MIN
        && asks_else
        && words.any(|word| REST.contains(&word))
        && held.into_iter().all(states)
}

/// Whether a text has a word and what belongs to it beside each other, both whole and in one sentence.
fn states_row(task: &str, word: &str, belongs: &str) -> bool {
    let beside = |first: &str, second: &str| {
        whole(task, first).any(|from| {
            let end = from + first.len();
            whole(task, second)
                .filter(|at| *at >= end)
                .filter_map(|at| task.get(end..at))
                .any(|between| {
                    between.chars().count() <= STATED_GAP && !between.contains(['.', '\n'])
                })
        })
    };
    let says_something = |text: &str| text.contains(char::is_alphanumeric);
    says_something(word)
        && says_something(belongs)
        && (beside(word, belongs) || beside(belongs, word))
}

/// Where a text holds a part that is no part of a longer word or number.
fn whole<'t>(text: &'t str, part: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(part).filter_map(move |(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        (ends(before) && ends(after)).then_some(at)
    })
}

/// Containers with something to tell them apart, and texts of more than a word. Single numbers, words and pairs are keys
/// of many honest tables.
fn is_rich(value: &Value) -> bool {
    match value {
        Value::List(items) | Value::Set(items) | Value::Frozenset(items) => {
            items.len() >= RICH_ITEMS || items.iter().any(is_rich)
        }
        // A colour, a point, a version.
        Value::Tuple(items) if items.len() <= 2 * RICH_ITEMS && items.iter().all(is_scalar) => {
            false
        }
        Value::Tuple(items) => items.len() > RICH_ITEMS || items.iter().any(is_rich),
        Value::Dict(pairs) => pairs.len() >= RICH_ITEMS || pairs.iter().any(|(_, v)| is_rich(v)),
        Value::Str(text) => {
            text.chars().count() >= RICH_TEXT && !text.chars().all(char::is_alphanumeric)
        }
        _ => false,
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::None
    ) || matches!(value, Value::Str(_) if !is_rich(value))
}

/// Every literal that the code spells out, parts of literals included.
fn literals(source: &Source<'_>) -> Vec<Value> {
    let written = |node: Node<'_>| match node.kind() {
        "list" | "tuple" | "set" | "dictionary" | "string" | "integer" | "float"
        | "unary_operator" => parse_literal(source.text_of(node)).ok(),
        // `table[1, 2] = …` has a key without brackets.
        "subscript" => {
            let mut cursor = node.walk();
            let keys = node.children_by_field_name("subscript", &mut cursor);
            let keys: Option<Vec<Value>> = keys
                .map(|key| parse_literal(source.text_of(key)).ok())
                .collect();
            keys.filter(|keys| keys.len() > 1).map(Value::Tuple)
        }
        _ => None,
    };
    let nodes = source.nodes().into_iter();
    nodes.filter_map(|(node, _)| written(node)).collect()
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
mod tests;
