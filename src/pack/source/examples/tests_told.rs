//! What the functions of a test file tell: asserts, expected errors and unittest's methods; pure.

use tree_sitter::Node;

use super::{Place, Stream, Told};
use crate::pack::source::literal::is_literal;
use crate::pack::source::syntax::{expression_of, named_children, preorder, text_of};

/// Asserts and their kin in one function of a test file, or at the top of a module; `stream` already knows the module.
pub(in crate::pack::source) fn read_tests(
    body: Node,
    source: &str,
    stream: &mut Stream,
    place: Place,
) {
    for statement in named_children(body) {
        match statement.kind() {
            "assert_statement" => stream.assertion(statement, source),
            "with_statement" => expected_error(statement, source, stream),
            "expression_statement" => match expression_of(statement) {
                Some(expression) => unittest_call(expression, source, stream),
                None => stream.statement(statement, source, place),
            },
            "import_statement" | "import_from_statement" => {
                stream.statement(statement, source, place);
            }
            _ => stream.poison(statement, source),
        }
    }
}

/// `with pytest.raises(ValueError): call` and unittest's `assertRaises`.
fn expected_error(statement: Node, source: &str, stream: &mut Stream) {
    let nodes = preorder(statement, |n| n.kind() != "block");
    let context = nodes.iter().find(|n| n.kind() == "call");
    let Some((callee, arguments)) = context.and_then(|c| call_parts(*c, source)) else {
        return;
    };
    if !matches!(callee, "pytest.raises" | "raises" | "self.assertRaises") {
        return;
    }
    let class = arguments
        .first()
        .map(|a| text_of(*a, source))
        .unwrap_or_default();
    let body = statement
        .child_by_field_name("body")
        .map(named_children)
        .unwrap_or_default();
    if let ([only], true) = (body.as_slice(), is_class_name(class))
        && let Some(call) = expression_of(*only)
    {
        let class = class.rsplit('.').next().unwrap_or_default();
        stream.example(call, source, Told::Raises(class.to_owned()));
    }
}

/// `self.assertEqual(call, literal)` and `self.assertIsNone(call)`.
fn unittest_call(expression: Node, source: &str, stream: &mut Stream) {
    let Some((callee, arguments)) = call_parts(expression, source) else {
        return;
    };
    match (callee, arguments.as_slice()) {
        (
            "self.assertEqual" | "self.assertListEqual" | "self.assertDictEqual",
            [left, right, ..],
        ) => {
            let literal = |node: &Node| is_literal(text_of(*node, source));
            if literal(right) {
                stream.example(
                    *left,
                    source,
                    Told::Value(text_of(*right, source).to_owned()),
                );
            } else if literal(left) {
                stream.example(
                    *right,
                    source,
                    Told::Value(text_of(*left, source).to_owned()),
                );
            }
            stream.effect(*left, source);
            stream.effect(*right, source);
        }
        ("self.assertIsNone", [call]) => {
            stream.example(*call, source, Told::Value("None".to_owned()));
        }
        _ => stream.effect(expression, source),
    }
}

fn is_class_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

/// Callee's text and arguments of a call.
fn call_parts<'t, 's>(node: Node<'t>, source: &'s str) -> Option<(&'s str, Vec<Node<'t>>)> {
    if node.kind() != "call" {
        return None;
    }
    let callee = node.child_by_field_name("function")?;
    let arguments = node.child_by_field_name("arguments")?;
    Some((text_of(callee, source), named_children(arguments)))
}
