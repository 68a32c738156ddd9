//! Python and Rust source: sections at definitions, by tree-sitter. Called by `read`; pure but for the
//! deadline of the parser.

use std::ops::ControlFlow;
use std::time::Duration;

use tree_sitter::{Language, Node, ParseOptions, ParseState, Parser};

use super::chunk::{LineIndex, Section, between};
use crate::clock;
use crate::dream::FragmentKind;

/// A container larger than this (`chunk` cuts there anyway) is opened and its members become sections.
const OPEN_BYTES: usize = 3_000;
/// Classes in classes in modules: deeper nesting is no longer a heading that helps a person.
const MAX_DEPTH: usize = 4;
/// The parser's error recovery and the grammar of HTML take time in the square of a hostile file's nesting. A real file of
/// two megabytes takes less than a second.
const MAX_PARSE_TIME: Duration = Duration::from_secs(5);
/// Source beyond this is generated data more often than code, and its tree would not fit the memory budget.
const MAX_SOURCE_BYTES: usize = 2_000_000;

struct Grammar {
    definitions: &'static [&'static str],
    containers: &'static [&'static str],
    attached: &'static [&'static str],
}

const PYTHON: Grammar = Grammar {
    definitions: &["function_definition", "class_definition"],
    containers: &["class_definition"],
    attached: &["comment"],
};
const RUST: Grammar = Grammar {
    definitions: &[
        "function_item",
        "struct_item",
        "enum_item",
        "union_item",
        "trait_item",
        "impl_item",
        "mod_item",
        "macro_definition",
        "function_signature_item",
    ],
    containers: &["trait_item", "impl_item", "mod_item"],
    attached: &["attribute_item", "line_comment", "block_comment"],
};

/// Sections of the source, or `None` where it is too large or too strange to parse: the caller keeps it as plain text.
pub(crate) fn sections(text: &str, kind: FragmentKind) -> Option<Vec<Section>> {
    let (language, grammar): (Language, _) = match kind {
        FragmentKind::Python => (tree_sitter_python::LANGUAGE.into(), PYTHON),
        FragmentKind::Rust => (tree_sitter_rust::LANGUAGE.into(), RUST),
        FragmentKind::Prose => return None,
    };
    let tree = parse(text, &language)?;
    let index = LineIndex::new(text);
    let mut cuts = Vec::new();
    collect(tree.root_node(), &grammar, text, &index, &[], &mut cuts);
    Some(between(cuts, "", text.len()))
}

/// A bounded parse.
pub(crate) fn parse(text: &str, language: &Language) -> Option<tree_sitter::Tree> {
    if text.len() > MAX_SOURCE_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let deadline = clock::monotonic() + MAX_PARSE_TIME;
    let mut budget = |_: &ParseState| {
        if clock::monotonic() > deadline {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut budget);
    let bytes = text.as_bytes();
    let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(options))
}

/// Cut points at the definitions among the node's children; after each, what follows belongs to the container again.
fn collect(
    parent: Node<'_>,
    grammar: &Grammar,
    text: &str,
    index: &LineIndex,
    path: &[String],
    cuts: &mut Vec<(usize, String)>,
) {
    let mut cursor = parent.walk();
    // Comments and attributes directly above a definition belong to it.
    let mut attached: Option<Node<'_>> = None;
    let mut previous_end_row = None;
    for child in parent.children(&mut cursor) {
        if grammar.attached.contains(&child.kind()) {
            let row = child.start_position().row;
            let touches = previous_end_row.is_some_and(|end: usize| row <= end + 1);
            // A comment behind code on the same line belongs to that code.
            if previous_end_row == Some(row) && attached.is_none() {
                continue;
            }
            if attached.is_none() || !touches {
                attached = Some(child);
            }
            previous_end_row = Some(last_row(child));
            continue;
        }
        let inner = definition(child, grammar);
        if let Some(inner) = inner {
            let near = previous_end_row
                .is_some_and(|end| child.start_position().row <= end + 1)
                .then_some(attached)
                .flatten();
            let first = near.unwrap_or(child);
            let mut path = path.to_vec();
            path.push(name(inner, text));
            cuts.push((
                index.start(first.start_position().row, text),
                heading(&path, grammar),
            ));
            let large = child.end_byte() - child.start_byte() > OPEN_BYTES;
            let opens =
                large && path.len() < MAX_DEPTH && grammar.containers.contains(&inner.kind());
            if let Some(body) = inner.child_by_field_name("body").filter(|_| opens) {
                collect(body, grammar, text, index, &path, cuts);
            }
            path.pop();
            cuts.push((
                index.start(last_row(child) + 1, text),
                heading(&path, grammar),
            ));
        }
        attached = None;
        previous_end_row = Some(last_row(child));
    }
}

/// The last row that holds a byte of the node; some nodes end at column 0 of the next.
fn last_row(node: Node<'_>) -> usize {
    let end = node.end_position();
    if end.column == 0 && end.row > node.start_position().row {
        end.row - 1
    } else {
        end.row
    }
}

fn definition<'a>(node: Node<'a>, grammar: &Grammar) -> Option<Node<'a>> {
    if node.kind() == "decorated_definition" {
        return node.child_by_field_name("definition");
    }
    grammar.definitions.contains(&node.kind()).then_some(node)
}

fn name(node: Node<'_>, text: &str) -> String {
    let field = |name| {
        node.child_by_field_name(name)
            .and_then(|n| text.get(n.byte_range()))
    };
    match (field("name"), field("trait"), field("type")) {
        (Some(name), _, _) => name.to_owned(),
        (None, Some(of), Some(what)) => format!("{of} for {what}"),
        (None, None, Some(what)) => what.to_owned(),
        (None, _, None) => node.kind().to_owned(),
    }
}

fn heading(path: &[String], grammar: &Grammar) -> String {
    let separator = if grammar.containers == PYTHON.containers {
        "."
    } else {
        "::"
    };
    path.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: FragmentKind, expected: &[(&str, &str)]) {
        let got = sections(text, kind).unwrap();
        let got: Vec<(&str, &str)> = got
            .iter()
            .map(|s| (s.heading.as_str(), text[s.start..s.end].trim()))
            .filter(|(_, body)| !body.is_empty())
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn python_definitions_keep_their_decorators_and_comments() {
        check(
            "import os\n\n# adds\n@cache\ndef add(a, b):\n    return a + b\n\nX = 1\n\nclass C:\n    def m(self): pass\n",
            FragmentKind::Python,
            &[
                ("", "import os"),
                ("add", "# adds\n@cache\ndef add(a, b):\n    return a + b"),
                ("", "X = 1"),
                ("C", "class C:\n    def m(self): pass"),
            ],
        );
    }

    #[test]
    fn a_large_class_is_opened() {
        let body = "        x = 1\n".repeat(200);
        let text = format!("class C:\n    def a(self):\n{body}\n    def b(self):\n{body}");
        let got = sections(&text, FragmentKind::Python).unwrap();
        let headings: Vec<&str> = got.iter().map(|s| s.heading.as_str()).collect();
        assert_eq!(headings[..2], ["C", "C.a"]);
        assert!(headings.contains(&"C.b"));
    }

    #[test]
    fn rust_items_keep_their_documents_and_attributes() {
        check(
            "use a::b;\n\n/// Adds.\n#[must_use]\npub fn add() {}\n\nimpl Show for Point {\n    fn x() {}\n}\n",
            FragmentKind::Rust,
            &[
                ("", "use a::b;"),
                ("add", "/// Adds.\n#[must_use]\npub fn add() {}"),
                ("Show for Point", "impl Show for Point {\n    fn x() {}\n}"),
            ],
        );
    }

    #[test]
    fn broken_and_deeply_nested_source_is_survived() {
        assert!(sections("def (:\n  ))) class\n", FragmentKind::Python).is_some());
        let nested = "(".repeat(100_000);
        let _ = sections(&nested, FragmentKind::Python);
        assert_eq!(sections(&"x".repeat(3_000_000), FragmentKind::Rust), None);
    }
}
