//! Turns an expected value that is written as a small constant expression into a literal. Pure; called while lifting
//! checks. Only what cannot go wrong is folded: integers, repetition of short constants; everything else is left out.

use tree_sitter::Node;

use super::parse::{bare, children};
use crate::dream::parse_literal;

/// Longest sequence that a repetition may give.
const MAX_REPEATED: usize = 100;

/// Brackets inside brackets: expected values have three at most.
const MAX_DEPTH: usize = 20;

/// The literal that `node` stands for, as text.
pub(super) fn literal(node: Node<'_>, code: &str) -> Option<String> {
    if repeats_a_key(node, code) {
        return None;
    }
    let text = &code[node.byte_range()];
    if parse_literal(text).is_ok() {
        return Some(text.to_owned());
    }
    let folded = fold(node, code, 0)?;
    parse_literal(&folded).is_ok().then_some(folded)
}

/// Whether a dict somewhere in it names a key twice: whoever wrote that had no single answer in mind, and Python would
/// silently keep the last.
fn repeats_a_key(node: Node<'_>, code: &str) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let inner = children(node);
        if node.kind() == "dictionary" {
            let keys = inner
                .iter()
                .filter_map(|pair| pair.child_by_field_name("key"));
            let mut keys: Vec<&str> = keys.map(|key| &code[key.byte_range()]).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            if keys.len() < count {
                return true;
            }
        }
        open.extend(inner);
    }
    false
}

fn fold(node: Node<'_>, code: &str, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let node = bare(node);
    let text = &code[node.byte_range()];
    if parse_literal(text).is_ok() {
        return Some(text.to_owned());
    }
    let items = || {
        children(node)
            .into_iter()
            .map(|n| fold(n, code, depth + 1))
            .collect::<Option<Vec<_>>>()
    };
    match node.kind() {
        "binary_operator" => {
            let left = fold(node.child_by_field_name("left")?, code, depth + 1)?;
            let right = fold(node.child_by_field_name("right")?, code, depth + 1)?;
            let operator = node.child_by_field_name("operator")?;
            binary(&left, &code[operator.byte_range()], &right)
        }
        "unary_operator" => {
            let argument = fold(node.child_by_field_name("argument")?, code, depth + 1)?;
            text.starts_with('-')
                .then(|| integer(&argument)?.checked_neg().map(|n| n.to_string()))?
        }
        "list" => Some(format!("[{}]", items()?.join(", "))),
        "tuple" => {
            let items = items()?;
            let comma = if items.len() == 1 { "," } else { "" };
            Some(format!("({}{comma})", items.join(", ")))
        }
        "set" | "dictionary" => Some(format!("{{{}}}", items()?.join(", "))),
        "pair" => {
            let key = fold(node.child_by_field_name("key")?, code, depth + 1)?;
            let value = fold(node.child_by_field_name("value")?, code, depth + 1)?;
            Some(format!("{key}: {value}"))
        }
        _ => None,
    }
}

fn binary(left: &str, operator: &str, right: &str) -> Option<String> {
    if let (Some(a), Some(b)) = (integer(left), integer(right)) {
        let value = match operator {
            "+" => a.checked_add(b),
            "-" => a.checked_sub(b),
            "*" => a.checked_mul(b),
            "**" => a.checked_pow(u32::try_from(b).ok()?),
            _ => None,
        };
        return value.map(|n| n.to_string());
    }
    match (operator, integer(left), integer(right)) {
        ("*", None, Some(count)) => repeated(left, count),
        ("*", Some(count), None) => repeated(right, count),
        _ => None,
    }
}

fn integer(text: &str) -> Option<i128> {
    text.parse().ok()
}

/// A list of constants or a plain string, so many times.
fn repeated(text: &str, count: i128) -> Option<String> {
    let count = usize::try_from(count.max(0)).ok()?;
    if count.saturating_mul(text.len()) > MAX_REPEATED * 4 {
        return None;
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let inner = inner.trim();
        let copies = if inner.is_empty() {
            Vec::new()
        } else {
            vec![inner; count]
        };
        return Some(format!("[{}]", copies.join(", ")));
    }
    let quote = text.chars().next().filter(|q| matches!(q, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    if inner.contains(['\\', quote]) {
        return None;
    }
    Some(format!("{quote}{}{quote}", inner.repeat(count)))
}
