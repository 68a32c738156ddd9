//! Gate 1: the solution is Python of a sane size that defines its entry point once, is no stub and reaches for nothing.
//! Pure.

use tree_sitter::Node;

use super::entry::{self, Shape};
use super::reach::beyond;
use super::ruling::Ruling;
use super::spelling;
use super::syntax::{Source, is_local, named};
use crate::dream::{Candidate, Check, CheckKind, Reason, class_name};

/// A thousand lines of 64 characters: far beyond any single task.
const CODE_BYTES_MAX: usize = 64 << 10;
/// Depth of the syntax tree. Python's own parser gives up at 100 brackets or 100 indents, each some levels deep.
const DEPTH_MAX: u32 = 400;

pub(super) fn rule(candidate: &Candidate) -> Ruling {
    let code = &candidate.code;
    if code.len() > CODE_BYTES_MAX {
        return Ruling::Fail(
            Reason::TooLarge,
            format!("{} bytes of code; at most {CODE_BYTES_MAX}", code.len()),
        );
    }
    let Some(source) = Source::parse(code) else {
        return Ruling::Fail(Reason::SyntaxError, "cannot be parsed".to_owned());
    };
    if let Some(line) = source.first_error_line() {
        return Ruling::Fail(Reason::SyntaxError, format!("line {line} is not Python"));
    }
    if let Some(what) = spelling::misleading(&source) {
        return Ruling::Fail(Reason::ReachesHarness, what);
    }
    let depth = source
        .nodes()
        .iter()
        .map(|(_, depth)| *depth)
        .max()
        .unwrap_or(0);
    if depth > DEPTH_MAX {
        return Ruling::Fail(
            Reason::TooLarge,
            format!("nested {depth} levels deep; at most {DEPTH_MAX}"),
        );
    }
    let name = &candidate.scenario.entry_point;
    if !is_identifier(name) {
        return Ruling::Fail(Reason::EntryPointMissing, format!("`{name}` is not a name"));
    }
    let entry = match entry::find(&source, name) {
        Ok(entry) => entry,
        Err(reason) => {
            let what = if reason == Reason::EntryPointRepeated {
                "defined more than once"
            } else {
                "not defined"
            };
            return Ruling::Fail(reason, format!("`{name}` is {what} at the top level"));
        }
    };
    if let Some(what) = stub_marker(&source, &entry, &candidate.scenario.task_prompt) {
        return Ruling::Fail(Reason::StubMarker, what);
    }
    if let Some(call) = expects_nothing_written(candidate) {
        let what = format!("`{call}` is expected not to be written yet");
        return Ruling::Fail(Reason::StubMarker, what);
    }
    if let Some(name) = code_as_text(&source) {
        let what = format!("`{name}` runs code that nothing here can read or change");
        return Ruling::Fail(Reason::ReachesHarness, what);
    }
    if let Some(text) = code_in_annotation(&source) {
        let what =
            format!("the annotation `{text}` holds code that nothing here can cover or change");
        return Ruling::Fail(Reason::ReachesHarness, what);
    }
    if let Some((reason, what)) = beyond(&source, &candidate.scenario.libraries) {
        return Ruling::Fail(reason, what);
    }
    Ruling::Pass(format!(
        "{} lines, {name} defined once",
        code.lines().count()
    ))
}

pub(super) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

/// A check that expects what an unwritten part raises, where the task does not ask for that error.
fn expects_nothing_written(candidate: &Candidate) -> Option<&str> {
    const UNWRITTEN: &str = "NotImplementedError";
    if candidate.scenario.task_prompt.contains(UNWRITTEN) {
        return None;
    }
    let mut checks = candidate.all_checks().map(|(_, check)| check);
    let expects = |check: &&Check| match &check.kind {
        CheckKind::Raises { error } => class_name(error) == UNWRITTEN,
        CheckKind::Example { .. } | CheckKind::Property { .. } => false,
    };
    checks.find(expects).map(|check| check.call.as_str())
}

fn stub_marker(source: &Source<'_>, entry: &entry::Entry<'_>, task: &str) -> Option<String> {
    let hollow = match entry.shape {
        // A lambda has an expression for its body.
        Shape::Function { .. } => {
            entry.node.kind() != "lambda" && is_hollow_body(source, entry.node)
        }
        Shape::Class => is_hollow_class(source, entry.node),
        Shape::Assigned => false,
    };
    if hollow {
        return Some("the entry point has no body".to_owned());
    }
    // Where the task is about such words, only an order to oneself is one.
    let task = task.to_ascii_lowercase();
    let is_theme = ["todo", "fixme", "xxx"].iter().any(|w| task.contains(w));
    source.nodes().into_iter().find_map(|(node, _)| {
        let text = source.text_of(node);
        let found = match node.kind() {
            "comment" => Some(text).filter(|text| is_marker(text, is_theme)),
            // What stands alone as a text is a docstring.
            "expression_statement" if !is_theme => node
                .named_child(0)
                .filter(|only| only.kind() == "string" && node.named_child_count() == 1)
                .and_then(|_| {
                    let mut lines = text.lines();
                    lines.find(|line| is_marker(line.trim().trim_matches(['"', '\'']), false))
                }),
            _ => None,
        };
        found.map(|line| format!("`{}`", line.trim()))
    })
}

/// A use of `eval`, `exec` or `compile`: what they run is out of reach of the gates that read, cover and mutate.
fn code_as_text<'t>(source: &Source<'t>) -> Option<&'t str> {
    source.nodes().into_iter().find_map(|(node, _)| {
        let text = source.text_of(node);
        let built_in = node.kind() == "identifier" && matches!(text, "eval" | "exec" | "compile");
        let parent = node.parent()?;
        // `re.compile`, `run(compile=True)` and a method of that name are others.
        let other = match parent.kind() {
            "attribute" => parent.child_by_field_name("attribute") == Some(node),
            "keyword_argument" | "function_definition" => {
                parent.child_by_field_name("name") == Some(node)
            }
            // `compile: float`, a field
            "assignment" => parent.child_by_field_name("left") == Some(node),
            // `from re import compile`
            "dotted_name" | "aliased_import" => true,
            _ => false,
        };
        let own = || is_local(source, node, text) || is_own(source, text);
        (built_in && !other && !own()).then_some(text)
    })
}

/// An annotation that is more than a type: whoever asks for it has what it computes. As text it is nothing, since nobody may
/// run it.
fn code_in_annotation<'t>(source: &Source<'t>) -> Option<&'t str> {
    let computes = |node: Node<'_>| match node.kind() {
        "boolean_operator" => !is_choice_of_types(source, node),
        "lambda"
        | "conditional_expression"
        | "comparison_operator"
        | "not_operator"
        | "named_expression"
        | "await"
        | "list_comprehension"
        | "set_comprehension"
        | "dictionary_comprehension"
        | "generator_expression" => true,
        "binary_operator" => node
            .child_by_field_name("operator")
            .is_some_and(|o| o.kind() != "|"),
        _ => false,
    };
    let nodes = source.nodes().into_iter().map(|(node, _)| node);
    let mut annotations = nodes.filter(|node| node.kind() == "type");
    let holds = |annotation: &Node<'_>| {
        let mut open = vec![*annotation];
        while let Some(node) = open.pop() {
            if computes(node) {
                return true;
            }
            open.extend(named(node));
        }
        false
    };
    annotations.find(holds).map(|node| source.text_of(node))
}

/// `int or None`, as many write what is either: nothing but names of types.
fn is_choice_of_types(source: &Source<'_>, choice: Node<'_>) -> bool {
    const TYPES: [&str; 12] = [
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "set",
        "str",
        "tuple",
    ];
    let mut open = vec![choice];
    while let Some(node) = open.pop() {
        let is_type = match node.kind() {
            "boolean_operator" => {
                open.extend(named(node));
                let operator = node.child_by_field_name("operator");
                operator.is_some_and(|operator| operator.kind() == "or")
            }
            "none" => true,
            "identifier" => {
                let name = source.text_of(node);
                TYPES.contains(&name) && !is_local(source, node, name) && !is_own(source, name)
            }
            _ => false,
        };
        if !is_type {
            return false;
        }
    }
    true
}

/// Whether the module defines or imports this name for good, at its top level.
fn is_own(source: &Source<'_>, name: &str) -> bool {
    let is_name = |n: Node<'_>| source.text_of(n) == name;
    named(source.root())
        .into_iter()
        .any(|statement| match statement.kind() {
            "function_definition" | "class_definition" => {
                statement.child_by_field_name("name").is_some_and(is_name)
            }
            "import_from_statement" => {
                let mut cursor = statement.walk();
                statement
                    .children_by_field_name("name", &mut cursor)
                    .any(|n| is_name(n.child_by_field_name("alias").unwrap_or(n)))
            }
            _ => false,
        })
}

/// Whether a comment, or a line of a docstring, says that something is still to be done. `is_theme`: the task is about such
/// words.
fn is_marker(comment: &str, is_theme: bool) -> bool {
    let said = comment.trim_start_matches('#').trim();
    let text = said.to_ascii_lowercase();
    let first = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let phrases = [
        "your code here",
        "rest of the code",
        "rest of your code",
        "add your code",
        "not implemented yet",
        "not yet implemented",
        "is not handled yet",
        "are not handled yet",
        "not supported yet",
        "not yet supported",
    ];
    // An order; `# We implement this in one pass` tells what was done.
    let order = ["implement this", "implement me"]
        .iter()
        .any(|order| text.starts_with(order) && text.split_whitespace().count() <= 4);
    // `# Todo items in the order of their dates` is about something else.
    let shouted = said.starts_with(['T', 'F']) && said[1..].starts_with(|c: char| c.is_uppercase());
    let ordered = said[first.len()..].is_empty() || said[first.len()..].starts_with([':', '(']);
    let left_over = match first {
        "todo" | "fixme" => shouted && !is_theme || ordered,
        // Thirty, in Rome.
        "xxx" => ordered && !is_theme && said.starts_with('X'),
        _ => false,
    };
    left_over || order || phrases.iter().any(|phrase| text.contains(phrase))
}

/// Nothing but a docstring and `pass`, `...` or `raise NotImplementedError`.
fn is_hollow_body(source: &Source<'_>, definition: Node<'_>) -> bool {
    let Some(body) = definition.child_by_field_name("body") else {
        return true;
    };
    named(body)
        .into_iter()
        .all(|statement| match statement.kind() {
            "pass_statement" => true,
            "expression_statement" => statement
                .named_child(0)
                .is_some_and(|e| matches!(e.kind(), "string" | "ellipsis")),
            "raise_statement" => source.text_of(statement).contains("NotImplementedError"),
            _ => false,
        })
}

/// A class with methods that are all hollow, or one of its own with nothing in it. An exception class may be empty.
fn is_hollow_class(source: &Source<'_>, class: Node<'_>) -> bool {
    let body = class
        .child_by_field_name("body")
        .map(named)
        .unwrap_or_default();
    let methods: Vec<_> = body
        .iter()
        .filter_map(|n| match n.kind() {
            "decorated_definition" => n.child_by_field_name("definition"),
            _ => Some(*n),
        })
        .filter(|n| n.kind() == "function_definition")
        .collect();
    if methods.is_empty() {
        return class.child_by_field_name("superclasses").is_none()
            && is_hollow_body(source, class);
    }
    methods.iter().all(|method| is_hollow_body(source, *method))
}

#[cfg(test)]
mod tests;
