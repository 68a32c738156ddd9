//! In which forms a text tells what a call gives; pure.

use tree_sitter::Node;

use crate::pack::source::literal::is_literal;
use crate::pack::source::syntax::{named_children, preorder, text_of, unwrapped};

/// Class that the last line of a traceback names, without its module.
pub(super) fn raised(want: &str) -> Option<String> {
    if !want.starts_with("Traceback (") {
        return None;
    }
    let line = want
        .lines()
        .skip(1)
        .find(|l| !l.is_empty() && !l.starts_with(char::is_whitespace))?;
    let class = line.split(':').next()?.trim().rsplit('.').next()?;
    let plain = !class.is_empty() && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| class.to_owned())
}

/// The call and the literal it equals: an expression with its output, or both sides of a comparison that holds.
pub(super) fn compared<'t>(
    expression: Node<'t>,
    source: &str,
    want: &str,
) -> (Option<Node<'t>>, Option<String>) {
    let root = unwrapped(expression);
    if matches!(root.kind(), "not_operator" | "boolean_operator") {
        return (None, None);
    }
    if root.kind() != "comparison_operator" {
        return (Some(root), Some(want.to_owned()));
    }
    let sides = named_children(root);
    let [left, right] = sides.as_slice() else {
        return (None, None);
    };
    let operator = source
        .get(left.end_byte()..right.start_byte())
        .unwrap_or_default()
        .trim();
    let literal = |node: &Node| is_literal(text_of(*node, source));
    let (call, value) = match operator {
        "==" if literal(right) => (left, right),
        "==" if literal(left) => (right, left),
        "is" if matches!(right.kind(), "none" | "true" | "false") => (left, right),
        _ => return (None, None),
    };
    if want != "True" {
        return (None, None);
    }
    (
        Some(unwrapped(*call)),
        Some(text_of(*value, source).to_owned()),
    )
}

/// A call somewhere in it: a bare variable or a literal shows nothing.
pub(super) fn is_call(expression: Node) -> bool {
    preorder(expression, |_| true)
        .iter()
        .any(|n| n.kind() == "call")
}

/// True where the expression compares what a call gave: the judging belongs outside of the candidate's interpreter.
pub(super) fn judges(expression: Node) -> bool {
    preorder(expression, |n| n.kind() != "lambda")
        .into_iter()
        .filter(|n| {
            matches!(
                n.kind(),
                "comparison_operator" | "not_operator" | "boolean_operator"
            )
        })
        .any(|n| n.kind() != "comparison_operator" || is_call(n))
}
