//! Small wrong versions of a solution: one operator, comparison, constant, condition, return or statement changed. Pure;
//! the gate on adequacy runs them. A mutant may by chance mean the same as the original, so nobody demands that all fall.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use tree_sitter::Node;

use super::syntax::{Source, bare, children, named};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutant {
    /// As a person reads it: "line 3: `<` became `<=`".
    pub(super) name: String,
    pub(super) code: String,
}

/// What was changed; mutants are taken from the kinds in turn, so that no kind crowds out the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Comparison,
    Operator,
    Return,
    Condition,
    Constant,
    Statement,
    Boundary,
}

/// At most `most` mutants, the same ones for the same `seed`.
pub(super) fn mutants(code: &str, most: usize, seed: u64) -> Vec<Mutant> {
    let Some(source) = Source::parse(code) else {
        return Vec::new();
    };
    let mut by_kind: BTreeMap<Kind, Vec<(Range<usize>, String)>> = BTreeMap::new();
    for node in changeable(&source) {
        for (kind, range, new) in edits(&source, node) {
            by_kind.entry(kind).or_default().push((range, new));
        }
    }
    // A linear congruential step (Knuth's MMIX constants) is random enough to choose among places.
    let mut state = seed;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let mut chosen = Vec::new();
    let mut known = HashSet::new();
    while chosen.len() < most && by_kind.values().any(|places| !places.is_empty()) {
        for places in by_kind.values_mut().filter(|places| !places.is_empty()) {
            let (range, new) = places.swap_remove(next(places.len()));
            let mutated = format!("{}{new}{}", &code[..range.start], &code[range.end..]);
            if chosen.len() < most && mutated != code && known.insert(mutated.clone()) {
                let line = code[..range.start].lines().count().max(1);
                let name = format!("line {line}: `{}` became `{new}`", &code[range]);
                chosen.push(Mutant {
                    name,
                    code: mutated,
                });
            }
        }
    }
    chosen
}

/// Nodes inside function bodies that carry meaning: no docstrings, annotations, messages of exceptions, imports.
fn changeable<'s>(source: &'s Source<'_>) -> Vec<Node<'s>> {
    let mut found = Vec::new();
    let mut open = vec![(source.root(), false)];
    while let Some((node, inside)) = open.pop() {
        let skip = matches!(
            node.kind(),
            "type"
                | "decorator"
                | "import_statement"
                | "import_from_statement"
                | "global_statement"
                | "nonlocal_statement"
        ) || is_docstring(node)
            || has_no_result(source, node);
        if skip {
            continue;
        }
        if inside {
            found.push(node);
        }
        // The message of an exception says the same whatever its words.
        if node.kind() == "raise_statement" {
            continue;
        }
        let body = node.kind() == "function_definition" || node.kind() == "lambda";
        for child in children(node) {
            let is_body = node.child_by_field_name("body") == Some(child);
            open.push((child, inside || (body && is_body)));
        }
    }
    found.sort_by_key(|node| (node.start_byte(), node.end_byte()));
    found
}

fn is_docstring(node: Node<'_>) -> bool {
    node.kind() == "expression_statement"
        && node.named_child(0).is_some_and(|e| e.kind() == "string")
        && node.child_count() == 1
}

/// Statements whose absence no result shows: output, waiting, tidying up.
fn has_no_result(source: &Source<'_>, node: Node<'_>) -> bool {
    const NAMES: [&str; 9] = [
        "print", "sleep", "join", "close", "flush", "debug", "info", "warning", "shutdown",
    ];
    let expression = node
        .named_child(0)
        .filter(|_| node.kind() == "expression_statement");
    let call = expression.and_then(|e| {
        if e.kind() == "await" {
            e.named_child(0)
        } else {
            Some(e)
        }
    });
    let function = call
        .filter(|c| c.kind() == "call")
        .and_then(|c| c.child_by_field_name("function"));
    let name = function.and_then(|f| source.text_of(f).rsplit('.').next());
    name.is_some_and(|name| NAMES.contains(&name))
}

fn edits(source: &Source<'_>, node: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    let text = source.text_of(node);
    let one = |kind, node: Node<'_>, new: &str| vec![(kind, node.byte_range(), new.to_owned())];
    match node.kind() {
        "comparison_operator" => comparison(node),
        "binary_operator" | "augmented_assignment" => {
            let operator = node.child_by_field_name("operator");
            operator.map(|o| operator_edit(o)).unwrap_or_default()
        }
        "boolean_operator" => node
            .child_by_field_name("operator")
            .map(|o| {
                one(
                    Kind::Condition,
                    o,
                    if o.kind() == "and" { "or" } else { "and" },
                )
            })
            .unwrap_or_default(),
        "not_operator" => node
            .child_by_field_name("argument")
            .map(|a| {
                one(
                    Kind::Condition,
                    node,
                    &format!("({})", source.text_of(bare(a))),
                )
            })
            .unwrap_or_default(),
        "if_statement" | "elif_clause" | "while_statement" => node
            .child_by_field_name("condition")
            .filter(|c| c.kind() != "comparison_operator")
            .map(|c| {
                one(
                    Kind::Condition,
                    c,
                    &format!("(not ({}))", source.text_of(c)),
                )
            })
            .unwrap_or_default(),
        "unary_operator" if text.starts_with('-') => node
            .child_by_field_name("argument")
            .map(|a| one(Kind::Operator, node, source.text_of(a)))
            .unwrap_or_default(),
        "return_statement" => match named(node).as_slice() {
            [value] if source.text_of(*value) != "None" => one(Kind::Return, *value, "None"),
            _ => Vec::new(),
        },
        "integer" => match text {
            "0" => one(Kind::Constant, node, "1"),
            "1" => one(Kind::Constant, node, "2"),
            _ => text
                .parse::<i64>()
                .map(|n| one(Kind::Constant, node, &(n + 1).to_string()))
                .unwrap_or_default(),
        },
        "float" => one(Kind::Constant, node, &format!("({text} + 1)")),
        "true" => one(Kind::Constant, node, "False"),
        "false" => one(Kind::Constant, node, "True"),
        "string" if !text.starts_with(['f', 'F']) => {
            let empty = matches!(text, "''" | "\"\"");
            one(
                Kind::Constant,
                node,
                if empty {
                    "'zq'"
                } else if text.starts_with(['b', 'B']) {
                    "b''"
                } else {
                    "''"
                },
            )
        }
        "break_statement" | "continue_statement" | "raise_statement" | "delete_statement" => {
            one(Kind::Statement, node, "pass")
        }
        "expression_statement" => match node.named_child(0).map(|e| e.kind()) {
            Some("call" | "augmented_assignment" | "await") => one(Kind::Statement, node, "pass"),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn comparison(node: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    let mut found = Vec::new();
    for operator in children(node).into_iter().filter(|n| !n.is_named()) {
        let (opposite, boundary) = match operator.kind() {
            "<" => (">=", Some("<=")),
            "<=" => (">", Some("<")),
            ">" => ("<=", Some(">=")),
            ">=" => ("<", Some(">")),
            "==" => ("!=", None),
            "!=" => ("==", None),
            "in" => ("not in", None),
            "not in" => ("in", None),
            "is" => ("is not", None),
            "is not" => ("is", None),
            _ => continue,
        };
        found.push((Kind::Comparison, operator.byte_range(), opposite.to_owned()));
        found.extend(boundary.map(|b| (Kind::Boundary, operator.byte_range(), b.to_owned())));
    }
    found
}

fn operator_edit(operator: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    let new = match operator.kind() {
        "+" => "-",
        "-" | "*" => "+",
        "/" | "//" | "%" | "**" => "*",
        "&" => "|",
        "|" | "^" => "&",
        "<<" => ">>",
        ">>" => "<<",
        "+=" => "-=",
        "-=" | "*=" => "+=",
        "/=" | "//=" | "%=" | "**=" => "*=",
        "|=" => "&=",
        "&=" | "^=" => "|=",
        _ => return Vec::new(),
    };
    vec![(Kind::Operator, operator.byte_range(), new.to_owned())]
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn the_same_seed_gives_the_same_few() {
        assert_eq!(mutants(CODE, 5, 9), mutants(CODE, 5, 9));
        assert_eq!(mutants(CODE, 5, 9).len(), 5);
    }
}
