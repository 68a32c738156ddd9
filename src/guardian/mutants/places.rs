//! Where a solution can be changed so that it says something else, and where it cannot. Pure.

use tree_sitter::Node;

use crate::guardian::syntax::{Source, children, named};

/// Nodes that carry meaning, of function bodies and of what stands at the top level or in a class: no docstrings,
/// annotations, messages of exceptions, imports, waiting times. Of defaults and decorators only tables.
pub(super) fn changeable<'s>(source: &'s Source<'_>) -> Vec<Node<'s>> {
    let mut found = Vec::new();
    let mut open: Vec<(Node<'_>, bool)> = statements_of(source, source.root());
    while let Some((node, inside)) = open.pop() {
        let skip = is_idle(node)
            || matches!(
                node.kind(),
                "type"
                    | "import_statement"
                    | "import_from_statement"
                    | "global_statement"
                    | "nonlocal_statement"
            )
            || is_docstring(node)
            || is_waiting_time(source, node)
            || has_no_result(source, node);
        if skip {
            continue;
        }
        if matches!(
            node.kind(),
            "decorator" | "default_parameter" | "typed_default_parameter"
        ) {
            open.extend(tables(node).into_iter().map(|table| (table, true)));
            continue;
        }
        if inside {
            found.push(node);
        }
        // The message of an exception says the same whatever its words.
        if node.kind() == "raise_statement" {
            continue;
        }
        let body = node.child_by_field_name("body");
        if node.kind() == "class_definition" {
            open.extend(
                body.map(|body| statements_of(source, body))
                    .unwrap_or_default(),
            );
            continue;
        }
        let function = node.kind() == "function_definition" || node.kind() == "lambda";
        for child in children(node) {
            open.push((child, inside || (function && body == Some(child))));
        }
    }
    found.sort_by_key(|node| (node.start_byte(), node.end_byte()));
    found
}

/// The statements of a module or of a class's body, and whether they carry meaning by themselves.
fn statements_of<'s>(source: &Source<'_>, body: Node<'s>) -> Vec<(Node<'s>, bool)> {
    let of = |statement: Node<'s>| {
        let defines = matches!(
            statement.kind(),
            "function_definition" | "class_definition" | "decorated_definition"
        );
        (statement, !defines)
    };
    named(body)
        .into_iter()
        .filter(|statement| !is_main_guard(source, *statement) && !names_only(source, *statement))
        .map(of)
        .collect()
}

/// Containers that are written out with something in them.
fn tables(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut open = named(node);
    while let Some(node) = open.pop() {
        let table = matches!(node.kind(), "dictionary" | "list" | "tuple" | "set");
        if table && node.named_child_count() > 0 {
            found.push(node);
        } else {
            open.extend(named(node));
        }
    }
    found
}

/// `__all__ = …`, `T = TypeVar('T')`, `log = getLogger('x')`, and the small numbers that tell an enumeration's members
/// apart: no result shows them.
fn names_only(source: &Source<'_>, statement: Node<'_>) -> bool {
    let Some(assignment) = statement
        .named_child(0)
        .filter(|n| n.kind() == "assignment")
    else {
        return false;
    };
    let side = |field| assignment.child_by_field_name(field);
    let (Some(left), Some(right)) = (side("left"), side("right")) else {
        return false;
    };
    let made_by = right
        .child_by_field_name("function")
        .filter(|_| right.kind() == "call")
        .map(|f| source.text_of(f).rsplit('.').next().unwrap_or_default());
    let of_enumeration = || {
        let class = statement.parent().and_then(|body| body.parent());
        class
            .and_then(|class| class.child_by_field_name("superclasses"))
            .is_some_and(|list| {
                let list = source.text_of(list);
                list.contains("Enum") || list.contains("Flag")
            })
    };
    source.text_of(left).starts_with("__")
        || matches!(
            made_by,
            Some("TypeVar" | "NewType" | "ParamSpec" | "getLogger" | "namedtuple")
        )
        || (right.kind() == "integer" && source.text_of(right).len() == 1 && of_enumeration())
}

/// `timeout=5`
fn is_waiting_time(source: &Source<'_>, node: Node<'_>) -> bool {
    node.kind() == "keyword_argument"
        && node
            .child_by_field_name("name")
            .is_some_and(|name| source.text_of(name) == "timeout")
}

/// `if __name__ == '__main__':` never holds here.
fn is_main_guard(source: &Source<'_>, statement: Node<'_>) -> bool {
    statement.kind() == "if_statement"
        && statement
            .child_by_field_name("condition")
            .is_some_and(|condition| {
                let words: String = source.text_of(condition).split_whitespace().collect();
                matches!(
                    words.as_str(),
                    "__name__=='__main__'" | "__name__==\"__main__\""
                )
            })
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
