//! Small wrong versions of a solution: one operator, comparison, constant, condition, return or statement changed. Pure;
//! the gate on adequacy runs them. A mutant may by chance mean the same as the original, so nobody demands that all fall;
//! those that provably do are not made.

mod places;
mod texts;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use tree_sitter::Node;

use super::syntax::{Source, bare, children, named};
use places::{changeable, decides};
use texts::{digits, texts};

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

/// Whether code decides anything, wherever that stands: then something of it must be open to change.
pub(super) fn is_decided(code: &str) -> bool {
    Source::parse(code).is_some_and(|source| decides(&source))
}

/// Where code tests itself while it is loaded, which would fell mutants before a check is asked; the last place first.
pub(super) fn self_tests(code: &str) -> Vec<Range<usize>> {
    let Some(source) = Source::parse(code) else {
        return Vec::new();
    };
    let statements = named(source.root()).into_iter().rev();
    statements
        .filter(|statement| places::tests_itself(&source, *statement))
        .map(|statement| statement.byte_range())
        .collect()
}

/// The code with nothing at this place. Lines stay where they are.
pub(super) fn without(code: &str, range: Range<usize>) -> String {
    let lines = code[range.clone()].matches('\n').count();
    let mut rest = code.to_owned();
    rest.replace_range(range, &format!("pass{}", "\n".repeat(lines)));
    rest
}

fn edits(source: &Source<'_>, node: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    let text = source.text_of(node);
    let one = |kind, node: Node<'_>, new: &str| vec![(kind, node.byte_range(), new.to_owned())];
    match node.kind() {
        "comparison_operator" => comparison(source, node),
        "argument_list" => swapped(source, node),
        "call" => unwrapped(source, node),
        "slice" => named(node)
            .into_iter()
            .map(|bound| (Kind::Boundary, bound.byte_range(), String::new()))
            .collect(),
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
            _ => {
                let mut all = digits(source, node);
                if let Some(n) = whole_number(text) {
                    all.extend(one(Kind::Constant, node, &n.saturating_add(1).to_string()));
                    all.extend(one(Kind::Boundary, node, &n.saturating_sub(1).to_string()));
                }
                all
            }
        },
        "float" => one(Kind::Constant, node, &format!("({text} + 1)")),
        "true" => one(Kind::Constant, node, "False"),
        "false" => one(Kind::Constant, node, "True"),
        "string" => texts(source, node),
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

fn whole_number(text: &str) -> Option<i64> {
    let plain = text.replace('_', "").to_ascii_lowercase();
    let based = |prefix: &str, base| {
        let digits = plain.strip_prefix(prefix)?;
        i64::from_str_radix(digits, base).ok()
    };
    plain
        .parse()
        .ok()
        .or_else(|| based("0x", 16))
        .or_else(|| based("0o", 8))
        .or_else(|| based("0b", 2))
}

/// A call without what it is for: `sorted(xs)` as `xs`, `text.strip()` as `text`, `max` as `min`, an argument with a name
/// left out.
fn unwrapped(source: &Source<'_>, call: Node<'_>) -> Vec<(Kind, Range<usize>, String)> {
    const WRAPPERS: [&str; 7] = ["sorted", "reversed", "set", "abs", "round", "int", "str"];
    const METHODS: [&str; 9] = [
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "title",
        "capitalize",
        "swapcase",
        "casefold",
    ];
    let field = |name| call.child_by_field_name(name);
    let (Some(function), Some(list)) = (field("function"), field("arguments")) else {
        return Vec::new();
    };
    if list.kind() != "argument_list" {
        return Vec::new();
    }
    let mut made = Vec::new();
    let arguments = named(list);
    for named in arguments.iter().filter(|a| a.kind() == "keyword_argument") {
        let name = named.child_by_field_name("name").map(|n| source.text_of(n));
        if matches!(name, Some("key" | "reverse" | "default" | "sep" | "start")) {
            // A comma may stand on either side; two in a row or one in front is no Python.
            let text = source.text_of(list);
            let (from, to) = (
                named.start_byte() - list.start_byte(),
                named.end_byte() - list.start_byte(),
            );
            let before = text[..from].trim_end().trim_end_matches(',');
            let after = &text[to..];
            let after = if before == "(" {
                after.trim_start().trim_start_matches(',')
            } else {
                after
            };
            made.push((
                Kind::Arguments,
                list.byte_range(),
                format!("{before}{after}"),
            ));
        }
    }
    let name = source.text_of(function);
    let other = match name {
        "max" => "min",
        "min" => "max",
        "any" => "all",
        "all" => "any",
        _ => "",
    };
    if !other.is_empty() {
        made.push((Kind::Operator, function.byte_range(), other.to_owned()));
    }
    if let ([only], true) = (arguments.as_slice(), WRAPPERS.contains(&name))
        && !matches!(only.kind(), "keyword_argument" | "list_splat")
    {
        made.push((
            Kind::Statement,
            call.byte_range(),
            format!("({})", source.text_of(*only)),
        ));
    }
    if function.kind() == "attribute"
        && let Some(object) = function.child_by_field_name("object")
        && let Some(method) = function.child_by_field_name("attribute")
        && METHODS.contains(&source.text_of(method))
        && !matches!(object.kind(), "string")
    {
        made.push((
            Kind::Statement,
            call.byte_range(),
            source.text_of(object).to_owned(),
        ));
    }
    made
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
