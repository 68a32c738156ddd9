//! Where a solution can be changed so that it says something else, and where it cannot. Pure.

use tree_sitter::Node;

use crate::guardian::syntax::{Source, children, is_main_guard, named};

/// Nodes that carry meaning, of function bodies and of what stands at the top level or in a class: no docstrings,
/// annotations, messages of exceptions, imports, waiting times. Of defaults, decorators, keywords of a class and the like
/// only what holds more than a plain value.
pub(super) fn changeable<'s>(source: &'s Source<'_>) -> Vec<Node<'s>> {
    let mut found = Vec::new();
    let mut open: Vec<(Node<'_>, bool)> = statements_of(source, source.root());
    let reads_errors = reads_errors(source);
    while let Some((node, inside)) = open.pop() {
        let skip = is_idle(node)
            || matches!(
                node.kind(),
                "import_statement"
                    | "import_from_statement"
                    | "global_statement"
                    | "nonlocal_statement"
            )
            || is_docstring(node)
            || is_waiting_time(source, node);
        if skip {
            continue;
        }
        if node.kind() == "type" {
            open.extend(
                values_for_a_type(node)
                    .into_iter()
                    .map(|value| (value, true)),
            );
            continue;
        }
        if has_no_result(source, node) {
            open.extend(
                changes_within(source, node)
                    .into_iter()
                    .map(|call| (call, true)),
            );
            continue;
        }
        if matches!(
            node.kind(),
            "decorator" | "default_parameter" | "typed_default_parameter"
        ) {
            open.extend(carriers(node).into_iter().map(|carrier| (carrier, true)));
            continue;
        }
        if inside {
            found.push(node);
        }
        // The message of an exception says the same whatever its words.
        if node.kind() == "raise_statement" {
            let carried = if reads_errors {
                carried_by(node)
            } else {
                Vec::new()
            };
            open.extend(carried.into_iter().map(|value| (value, true)));
            continue;
        }
        let body = node.child_by_field_name("body");
        if node.kind() == "class_definition" {
            open.extend(
                body.map(|body| statements_of(source, body))
                    .unwrap_or_default(),
            );
            let bases = node.child_by_field_name("superclasses");
            let carried = bases.map(carriers).unwrap_or_default();
            open.extend(carried.into_iter().map(|carrier| (carrier, true)));
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

/// Whether the code has a piece that decides something, which a suite has to tell from another.
pub(super) fn decides(source: &Source<'_>) -> bool {
    let mut open = named(source.root());
    while let Some(node) = open.pop() {
        let decision = matches!(
            node.kind(),
            "if_statement"
                | "while_statement"
                | "match_statement"
                | "conditional_expression"
                | "comparison_operator"
                | "boolean_operator"
                | "not_operator"
                | "if_clause"
        );
        if is_main_guard(source, node) {
            open.extend(node.child_by_field_name("alternative"));
        } else if decision {
            return true;
        } else {
            open.extend(named(node));
        }
    }
    false
}

/// Whether a statement at the top level only stops what was changed: an assertion, something that does nothing but raise, a
/// call that hands nothing over. Whatever else it does could be a part of the solution.
pub(super) fn tests_itself(source: &Source<'_>, statement: Node<'_>) -> bool {
    let stops = match statement.kind() {
        "assert_statement" => true,
        "expression_statement" => statement
            .named_child(0)
            .filter(|expression| expression.kind() == "call")
            .and_then(|call| call.child_by_field_name("arguments"))
            .is_some_and(|arguments| arguments.named_child_count() == 0),
        "if_statement" | "for_statement" | "while_statement" | "with_statement"
        | "try_statement" => !is_main_guard(source, statement) && only_raises(statement),
        _ => false,
    };
    stops && changes_within(source, statement).is_empty()
}

/// Whether the statements inside of a statement are assertions and the raising of errors alone.
fn only_raises(statement: Node<'_>) -> bool {
    let mut raises = false;
    let mut open = vec![statement];
    while let Some(node) = open.pop() {
        match node.kind() {
            "assert_statement" | "raise_statement" => raises = true,
            "pass_statement" | "block" | "if_statement" | "for_statement" | "while_statement"
            | "with_statement" | "try_statement" | "elif_clause" | "else_clause"
            | "except_clause" | "finally_clause" => open.extend(named(node)),
            kind if kind.ends_with("_statement") || kind.ends_with("_definition") => return false,
            // An expression of a head.
            _ => {}
        }
    }
    raises
}

/// The statements of a module or of a class's body, and whether they carry meaning by themselves.
fn statements_of<'s>(source: &Source<'_>, body: Node<'s>) -> Vec<(Node<'s>, bool)> {
    let mut found = Vec::new();
    let mut open = named(body);
    while let Some(statement) = open.pop() {
        if is_main_guard(source, statement) {
            let mut cursor = statement.walk();
            for other in statement.children_by_field_name("alternative", &mut cursor) {
                match other.child_by_field_name("body") {
                    Some(always) => open.extend(named(always)),
                    None => found.push((other, true)),
                }
            }
            continue;
        }
        if names_only(source, statement) {
            let defaults = defaults_of_a_tuple(source, statement);
            found.extend(defaults.map(|value| (value, true)));
            continue;
        }
        let defines = matches!(
            statement.kind(),
            "function_definition" | "class_definition" | "decorated_definition"
        );
        found.push((statement, !defines));
    }
    found
}

/// `namedtuple('Prices', 'tea coffee', defaults=(2, 3))`
fn defaults_of_a_tuple<'s>(source: &Source<'_>, statement: Node<'s>) -> Option<Node<'s>> {
    let call = statement.named_child(0)?.child_by_field_name("right")?;
    let arguments = named(call.child_by_field_name("arguments")?);
    let is_default = |argument: &Node<'_>| {
        argument.kind() == "keyword_argument"
            && argument
                .child_by_field_name("name")
                .is_some_and(|name| source.text_of(name) == "defaults")
    };
    let default = arguments.into_iter().find(is_default)?;
    default.child_by_field_name("value")
}

/// Whether something looks at an exception that was caught: then what it carries may be a result.
fn reads_errors(source: &Source<'_>) -> bool {
    let nodes = source.nodes().into_iter().map(|(node, _)| node);
    let mut clauses = nodes.filter(|node| node.kind().starts_with("except"));
    clauses.any(|clause| {
        clause.child_by_field_name("alias").is_some() || has_kind(clause, "as_pattern")
    })
}

/// What an exception carries beside words: values that are worked out.
fn carried_by(raise: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let arguments = raise
        .named_child(0)
        .filter(|error| error.kind() == "call")
        .and_then(|error| error.child_by_field_name("arguments"));
    let mut open = arguments.map(named).unwrap_or_default();
    while let Some(node) = open.pop() {
        if has_kind(node, "string") {
            // `(hours * 3, 'late')`; what is put together with words is words.
            if matches!(node.kind(), "tuple" | "list" | "dictionary" | "pair") {
                open.extend(named(node));
            }
        } else {
            found.push(node);
        }
    }
    found
}

/// Values where a type is expected: only who asks for the annotation sees them, and nothing else is in them.
fn values_for_a_type(annotation: Node<'_>) -> Vec<Node<'_>> {
    let mut values = named(annotation);
    values.retain(|value| matches!(value.kind(), "integer" | "float" | "dictionary"));
    values
}

/// What is done in passing inside of an output: `print(rows.append(n))`.
fn changes_within<'s>(source: &Source<'_>, statement: Node<'s>) -> Vec<Node<'s>> {
    const CHANGES: [&str; 14] = [
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
        "update",
        "add",
        "discard",
        "setdefault",
        "send",
        "__setitem__",
    ];
    let mut found = Vec::new();
    let mut open = named(statement);
    while let Some(node) = open.pop() {
        let method = node
            .child_by_field_name("function")
            .filter(|function| node.kind() == "call" && function.kind() == "attribute")
            .and_then(|function| function.child_by_field_name("attribute"));
        let changes = method.is_some_and(|method| CHANGES.contains(&source.text_of(method)));
        if changes || node.kind() == "named_expression" {
            found.push(node);
        } else {
            open.extend(named(node));
        }
    }
    found
}

/// Containers that are written out with something in them, and bodies of small functions.
fn carriers(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut open = named(node);
    while let Some(node) = open.pop() {
        let table = matches!(node.kind(), "dictionary" | "list" | "tuple" | "set");
        if table && node.named_child_count() > 0 {
            found.push(node);
        } else if node.kind() == "lambda" {
            found.extend(node.child_by_field_name("body"));
        } else {
            open.extend(named(node));
        }
    }
    found
}

/// `__all__ = …`, `T = TypeVar('T')`, `log = getLogger('x')`, and the small numbers that tell an enumeration's members
/// apart where nobody asks for them: no result shows them.
fn names_only(source: &Source<'_>, statement: Node<'_>) -> bool {
    const FOR_READERS: [&str; 6] = [
        "__all__",
        "__slots__",
        "__version__",
        "__author__",
        "__license__",
        "__doc__",
    ];
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
                let plain = list.contains("Enum") || list.contains("Flag");
                plain && !list.contains("Int") && !source.text().contains(".value")
            })
    };
    FOR_READERS.contains(&source.text_of(left))
        || matches!(
            made_by,
            Some("TypeVar" | "NewType" | "ParamSpec" | "getLogger" | "namedtuple")
        )
        || (right.kind() == "integer" && source.text_of(right).len() == 1 && of_enumeration())
}

/// `timeout=5` of somebody else's function: one of its own may do anything with it, and what is worked out may be a result.
fn is_waiting_time(source: &Source<'_>, node: Node<'_>) -> bool {
    let field = |name| node.child_by_field_name(name);
    let is_time = node.kind() == "keyword_argument"
        && field("name").is_some_and(|name| source.text_of(name) == "timeout")
        && field("value").is_some_and(|value| {
            matches!(
                value.kind(),
                "integer" | "float" | "none" | "identifier" | "attribute"
            )
        });
    let called = || {
        let call = node.parent().and_then(|list| list.parent())?;
        let function = call.child_by_field_name("function")?;
        source.text_of(function).rsplit('.').next()
    };
    is_time && called().is_none_or(|name| !defines(source, name))
}

fn defines(source: &Source<'_>, name: &str) -> bool {
    let mut nodes = source.nodes().into_iter();
    nodes.any(|(node, _)| {
        let bound = match node.kind() {
            "function_definition" | "class_definition" => node.child_by_field_name("name"),
            "assignment" => node.child_by_field_name("left"),
            _ => None,
        };
        bound.is_some_and(|bound| source.text_of(bound) == name)
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
