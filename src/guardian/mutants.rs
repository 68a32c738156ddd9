//! Small wrong versions of a solution: one operator, comparison, constant, condition, return or statement changed. Pure;
//! the gate on adequacy runs them. A mutant may by chance mean the same as the original, so nobody demands that all fall;
//! those that provably do are not made.

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
    Arguments,
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

/// Nodes that carry meaning, of function bodies and of what stands at the top level: no docstrings, annotations, messages
/// of exceptions, imports, waiting times.
fn changeable<'s>(source: &'s Source<'_>) -> Vec<Node<'s>> {
    let mut found = Vec::new();
    // A class's own statements name its fields; its methods are what it does.
    let mut open: Vec<(Node<'_>, bool)> = named(source.root())
        .into_iter()
        .map(|statement| {
            let defines = matches!(
                statement.kind(),
                "function_definition" | "class_definition" | "decorated_definition"
            );
            (statement, !defines && !is_main_guard(source, statement))
        })
        .collect();
    while let Some((node, inside)) = open.pop() {
        let skip = is_idle(node)
            || matches!(
                node.kind(),
                "type"
                    | "decorator"
                    | "import_statement"
                    | "import_from_statement"
                    | "global_statement"
                    | "nonlocal_statement"
            )
            || is_docstring(node)
            || source.text_of(node).starts_with("timeout=")
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

/// `if __name__ == '__main__':` never holds here.
fn is_main_guard(source: &Source<'_>, statement: Node<'_>) -> bool {
    statement.kind() == "if_statement"
        && statement
            .child_by_field_name("condition")
            .is_some_and(|condition| source.text_of(condition).contains("__name__"))
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
        "comparison_operator" => comparison(source, node),
        "argument_list" => swapped(source, node),
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
                .map(|n| {
                    let mut both = one(Kind::Constant, node, &(n + 1).to_string());
                    both.extend(one(Kind::Boundary, node, &(n - 1).to_string()));
                    both
                })
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
            Some("assignment") if changes_a_part(source, node) => {
                one(Kind::Statement, node, "pass")
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// `d[k] = v` and `self.x = v`. Without `x = v` there would be no `x`; without an entry in a cache all is only slower.
fn changes_a_part(source: &Source<'_>, statement: Node<'_>) -> bool {
    let target = statement
        .named_child(0)
        .and_then(|assignment| assignment.child_by_field_name("left"));
    target.is_some_and(|target| {
        let text = source.text_of(target).to_ascii_lowercase();
        matches!(target.kind(), "subscript" | "attribute")
            && !["cache", "memo", "known", "seen"]
                .iter()
                .any(|word| text.contains(word))
    })
}

/// The first two arguments of a call the other way round, where they are unlike.
fn swapped(source: &Source<'_>, list: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    const SAME_EITHER_WAY: [&str; 6] = ["max", "min", "gcd", "lcm", "isclose", "hypot"];
    let function = list
        .parent()
        .and_then(|call| call.child_by_field_name("function"))
        .map(|f| source.text_of(f));
    let name = function
        .and_then(|f| f.rsplit('.').next())
        .unwrap_or_default();
    let arguments = named(list);
    let [first, second, ..] = arguments.as_slice() else {
        return Vec::new();
    };
    let plain = |n: &Node<'_>| {
        !matches!(
            n.kind(),
            "keyword_argument" | "list_splat" | "dictionary_splat"
        )
    };
    let (a, b) = (source.text_of(*first), source.text_of(*second));
    if SAME_EITHER_WAY.contains(&name) || !plain(first) || !plain(second) || a == b {
        return Vec::new();
    }
    let range = first.start_byte()..second.end_byte();
    vec![(Kind::Arguments, range, format!("{b}, {a}"))]
}

/// A statement that changes nothing where it stands: a `continue` that the loop's end follows anyway, or a `break` out of
/// a loop that only looks for something and has found it.
fn is_idle(node: Node<'_>) -> bool {
    match node.kind() {
        "continue_statement" => ends_its_loop(node),
        "break_statement" => found_already(node),
        _ => false,
    }
}

fn ends_its_loop(node: Node<'_>) -> bool {
    let mut at = node;
    while let Some(parent) = at.parent() {
        match parent.kind() {
            "block" if named(parent).last() != Some(&at) => return false,
            "for_statement" | "while_statement" => return true,
            "block" | "if_statement" | "elif_clause" | "else_clause" => at = parent,
            _ => return false,
        }
    }
    false
}

/// `for …: if CONDITION: name = CONSTANT; break`, where neither calls anything: once true, always the same assignment.
fn found_already(node: Node<'_>) -> bool {
    let Some(block) = node.parent() else {
        return false;
    };
    let constants_only = named(block).iter().all(|statement| {
        if *statement == node {
            return true;
        }
        let assignment = statement
            .named_child(0)
            .filter(|n| n.kind() == "assignment");
        assignment
            .and_then(|a| a.child_by_field_name("right"))
            .is_some_and(|right| {
                matches!(
                    right.kind(),
                    "true" | "false" | "none" | "integer" | "string"
                )
            })
    });
    let Some(condition) = block.parent().filter(|n| n.kind() == "if_statement") else {
        return false;
    };
    let pure = condition
        .child_by_field_name("condition")
        .is_some_and(|test| !has_kind(test, "call"));
    let alone = condition.child_by_field_name("alternative").is_none()
        && condition.parent().is_some_and(|body| {
            named(body).len() == 1
                && body.parent().is_some_and(|l| {
                    l.kind() == "for_statement" && l.child_by_field_name("alternative").is_none()
                })
        });
    constants_only && pure && alone
}

fn has_kind(node: Node<'_>, kind: &str) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if node.kind() == kind {
            return true;
        }
        open.extend(children(node));
    }
    false
}

/// `if a > b: b = a` and `a if a > b else b`: where both are equal, either way gives the same.
fn keeps_the_better(source: &Source<'_>, comparison: Node<'_>) -> bool {
    let operands = named(comparison);
    let ([one, other], Some(parent)) = (operands.as_slice(), comparison.parent()) else {
        return false;
    };
    let pair = [source.text_of(*one), source.text_of(*other)];
    let is_pair = |a: &str, b: &str| [a, b] == pair || [b, a] == pair;
    match parent.kind() {
        "if_statement" | "elif_clause" => {
            let Some(body) = parent.child_by_field_name("consequence") else {
                return false;
            };
            let statements = named(body);
            let [only] = statements.as_slice() else {
                return false;
            };
            let Some(assignment) = only.named_child(0).filter(|n| n.kind() == "assignment") else {
                return false;
            };
            let sides = ["left", "right"].map(|f| assignment.child_by_field_name(f));
            let [Some(left), Some(right)] = sides else {
                return false;
            };
            parent.child_by_field_name("alternative").is_none()
                && is_pair(source.text_of(left), source.text_of(right))
        }
        "conditional_expression" => {
            let parts = named(parent);
            let [yes, _, no] = parts.as_slice() else {
                return false;
            };
            is_pair(source.text_of(*yes), source.text_of(*no))
        }
        _ => false,
    }
}

fn comparison(source: &Source<'_>, node: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    let mut found = Vec::new();
    let same_on_the_boundary = keeps_the_better(source, node);
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
        found.extend(
            boundary
                .filter(|_| !same_on_the_boundary)
                .map(|b| (Kind::Boundary, operator.byte_range(), b.to_owned())),
        );
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
mod tests;
