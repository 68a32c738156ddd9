//! Texts that a program puts together of constants alone: a name is what it says, not how it is written. Pure.

use tree_sitter::Node;

use crate::dream::{Value, parse_literal};
use crate::guardian::syntax::{Source, bare, children, named};

/// Deeper than any honest text is put together; as deep as the gate of form lets code nest.
const DEPTH_MAX: usize = 400;

/// What a constant expression of texts says; `None` where only a run can tell.
pub(super) fn text(source: &Source<'_>, node: Node<'_>) -> Option<String> {
    folded(source, node, 0)
}

fn folded(source: &Source<'_>, node: Node<'_>, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }
    let node = bare(node);
    let field = |name| node.child_by_field_name(name);
    let inner = |node| folded(source, node, depth + 1);
    match node.kind() {
        "string" => match parse_literal(source.text_of(node)) {
            Ok(Value::Str(text)) => Some(text),
            Ok(_) => None,
            Err(_) => formatted(source, node, depth),
        },
        "concatenated_string" => named(node).into_iter().map(inner).collect(),
        "binary_operator" => {
            let (left, right) = (field("left")?, field("right")?);
            match field("operator")?.kind() {
                "+" => Some(inner(left)? + &inner(right)?),
                "%" => filled(source, &inner(left)?, right, depth),
                _ => None,
            }
        }
        "call" => joined(source, node, depth),
        _ => None,
    }
}

/// `f'__{"code"}__'`
fn formatted(source: &Source<'_>, node: Node<'_>, depth: usize) -> Option<String> {
    let mut text = String::new();
    for part in children(node) {
        match part.kind() {
            "string_start" | "string_end" => {}
            "string_content" => {
                let content = source.text_of(part);
                match parse_literal(&format!("'''{content}'''")) {
                    Ok(Value::Str(plain)) => text.push_str(&plain),
                    _ => text.push_str(content),
                }
            }
            // With a conversion or a format there is more in it.
            "interpolation" if part.named_child_count() == 1 => {
                text.push_str(&folded(source, part.named_child(0)?, depth + 1)?);
            }
            _ => return None,
        }
    }
    Some(text)
}

/// `'__%s__' % 'code'`
fn filled(source: &Source<'_>, text: &str, right: Node<'_>, depth: usize) -> Option<String> {
    let right = bare(right);
    let values = match right.kind() {
        "tuple" => named(right),
        _ => vec![right],
    };
    let mut text = text.to_owned();
    for value in values {
        let value = folded(source, value, depth + 1)?;
        text = text.replacen("%s", &value, 1);
    }
    Some(text)
}

/// `''.join(['__', 'code__'])`
fn joined(source: &Source<'_>, call: Node<'_>, depth: usize) -> Option<String> {
    let function = call.child_by_field_name("function")?;
    let method = function.child_by_field_name("attribute")?;
    if source.text_of(method) != "join" {
        return None;
    }
    let between = folded(source, function.child_by_field_name("object")?, depth + 1)?;
    let arguments = named(call.child_by_field_name("arguments")?);
    let [list] = arguments.as_slice() else {
        return None;
    };
    if !matches!(list.kind(), "list" | "tuple") {
        return None;
    }
    let parts = named(*list).into_iter();
    let parts: Option<Vec<String>> = parts.map(|part| folded(source, part, depth + 1)).collect();
    parts.map(|parts| parts.join(&between))
}
