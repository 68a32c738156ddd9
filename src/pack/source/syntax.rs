//! Reading Python with tree-sitter, never with recursion: documents are hostile and may nest as deep as they like.

use std::collections::HashSet;
use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// Longest Python text that is parsed, in bytes. The largest module of the standard library has about 230 KB.
const MOST_BYTES: usize = 1 << 20;
/// How often the parser may report progress before it is stopped. It reports every hundred steps; a megabyte of
/// ordinary code needs about five thousand reports.
const MOST_REPORTS: u32 = 10_000;

/// The tree of a text, also of a broken one; `None` for a text beyond the limits.
pub(super) fn parse(text: &str) -> Option<Tree> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    let language = tree_sitter_python::LANGUAGE.into();
    parser.set_language(&language).ok()?;
    let mut reports = 0;
    let mut progress = |_: &tree_sitter::ParseState| {
        reports += 1;
        if reports > MOST_REPORTS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let bytes = text.as_bytes();
    parser.parse_with_options(
        &mut |at, _| bytes.get(at..).unwrap_or_default(),
        None,
        Some(ParseOptions::new().progress_callback(&mut progress)),
    )
}

pub(super) fn text_of<'s>(node: Node, source: &'s str) -> &'s str {
    source.get(node.byte_range()).unwrap_or_default()
}

/// Line of a node's first character, counted from 1.
pub(super) fn line_of(node: Node) -> u32 {
    u32::try_from(node.start_position().row).map_or(u32::MAX, |row| row.saturating_add(1))
}

pub(super) fn last_line_of(node: Node) -> u32 {
    u32::try_from(node.end_position().row).map_or(u32::MAX, |row| row.saturating_add(1))
}

pub(super) fn named_children(node: Node) -> Vec<Node> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

/// Every node below and including `root` in the order of the text; below a node for which `enter` says no, nothing.
pub(super) fn preorder<'t>(
    root: Node<'t>,
    mut enter: impl FnMut(Node<'t>) -> bool,
) -> Vec<Node<'t>> {
    let mut found = Vec::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        found.push(node);
        if enter(node) {
            let mut children = named_children(node);
            children.reverse();
            stack.extend(children);
        }
    }
    found
}

/// Names that a piece of code mentions: every identifier but attributes and the names of keyword arguments.
pub(super) fn names_in(root: Node, source: &str) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        match node.kind() {
            "identifier" => {
                names.insert(text_of(node, source).to_owned());
            }
            "attribute" => stack.extend(node.child_by_field_name("object")),
            "keyword_argument" => stack.extend(node.child_by_field_name("value")),
            _ => stack.extend(named_children(node)),
        }
    }
    names
}

/// Names that a statement binds at its own level: assignments, imports, definitions, loops; not inside definitions.
pub(super) fn names_bound(statement: Node, source: &str) -> Vec<String> {
    let mut bound = Vec::new();
    let mut stack = vec![statement];
    while let Some(node) = stack.pop() {
        match node.kind() {
            "function_definition" | "class_definition" => {
                let name = node.child_by_field_name("name");
                bound.extend(name.map(|n| text_of(n, source).to_owned()));
            }
            "import_statement" | "import_from_statement" => {
                bound.extend(imports(node, source).into_iter().map(|i| i.binds));
            }
            "assignment" | "augmented_assignment" | "for_statement" | "named_expression" => {
                let left = node
                    .child_by_field_name("left")
                    .or_else(|| node.child_by_field_name("name"));
                bound.extend(left.map(|l| targets(l, source)).unwrap_or_default());
                stack.extend(node.child_by_field_name("body"));
                stack.extend(
                    node.child_by_field_name("right")
                        .filter(|r| r.kind() == "assignment"),
                );
            }
            "as_pattern_target" => bound.extend(targets(node, source)),
            "lambda" | "list_comprehension" | "generator_expression" => {}
            _ => stack.extend(named_children(node)),
        }
    }
    bound
}

/// Names that a piece of code mentions and nowhere binds itself: what it needs from outside.
pub(super) fn free_names(root: Node, source: &str) -> HashSet<String> {
    let mut free = names_in(root, source);
    for node in preorder(root, |_| true) {
        let bound = match node.kind() {
            "function_definition" | "class_definition" | "named_expression" => {
                node.child_by_field_name("name")
            }
            "assignment" | "augmented_assignment" | "for_statement" | "for_in_clause" => {
                node.child_by_field_name("left")
            }
            "as_pattern_target" | "case_pattern" | "global_statement" | "nonlocal_statement" => {
                Some(node)
            }
            "parameters" | "lambda_parameters" => {
                for parameter in named_children(node) {
                    let name = parameter.child_by_field_name("name").or(Some(parameter));
                    let typed = parameter.kind() == "typed_parameter";
                    let name = if typed {
                        parameter.named_child(0)
                    } else {
                        name
                    };
                    for name in name.map(|n| targets(n, source)).unwrap_or_default() {
                        free.remove(&name);
                    }
                }
                None
            }
            "import_statement" | "import_from_statement" => {
                for import in imports(node, source) {
                    free.remove(&import.binds);
                }
                None
            }
            _ => None,
        };
        for name in bound.map(|b| targets(b, source)).unwrap_or_default() {
            free.remove(&name);
        }
    }
    free.retain(|name| !name.starts_with("__"));
    free
}

/// The plain names on the left of an assignment; `a.b` and `a[0]` bind nothing new.
fn targets(left: Node, source: &str) -> Vec<String> {
    preorder(left, |n| !matches!(n.kind(), "attribute" | "subscript"))
        .into_iter()
        .filter(|n| n.kind() == "identifier")
        .map(|n| text_of(n, source).to_owned())
        .collect()
}

/// One name that an import binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// Module path as written; starts with a dot where it is relative.
    pub(super) module: String,
    /// Name taken from the module, `None` for the module itself.
    pub(super) name: Option<String>,
    /// Name that it has here; `*` for everything.
    pub(super) binds: String,
}

/// What an import statement binds; nothing for any other node.
pub(super) fn imports(statement: Node, source: &str) -> Vec<Import> {
    let mut found = Vec::new();
    match statement.kind() {
        "import_statement" => {
            for child in named_children(statement) {
                let (path, alias) = aliased(child, source);
                let first = path.split('.').next().unwrap_or_default().to_owned();
                found.push(Import {
                    module: path,
                    name: None,
                    binds: alias.unwrap_or(first),
                });
            }
        }
        "import_from_statement" => {
            let module = statement.child_by_field_name("module_name");
            let path = module
                .map(|m| text_of(m, source).to_owned())
                .unwrap_or_default();
            for child in named_children(statement) {
                if Some(child) == module {
                    continue;
                }
                let (name, alias) = if child.kind() == "wildcard_import" {
                    ("*".to_owned(), None)
                } else {
                    aliased(child, source)
                };
                found.push(Import {
                    module: path.clone(),
                    binds: alias.unwrap_or_else(|| name.clone()),
                    name: Some(name),
                });
            }
        }
        _ => {}
    }
    found
}

fn aliased(node: Node, source: &str) -> (String, Option<String>) {
    let name = node.child_by_field_name("name").unwrap_or(node);
    let alias = node.child_by_field_name("alias");
    (
        text_of(name, source).to_owned(),
        alias.map(|a| text_of(a, source).to_owned()),
    )
}

/// The expression of a text that is nothing but one expression.
pub(super) fn lone_expression(tree: &Tree) -> Option<Node<'_>> {
    let root = tree.root_node();
    let mut statements = named_children(root);
    statements.retain(|n| n.kind() != "comment");
    let [statement] = statements.try_into().ok()?;
    expression_of(statement).filter(|_| !root.has_error())
}

/// The expression of a statement that is nothing else.
pub(super) fn expression_of(statement: Node) -> Option<Node> {
    if statement.kind() != "expression_statement" || statement.named_child_count() != 1 {
        return None;
    }
    let inner = statement.named_child(0)?;
    let assigns = matches!(
        inner.kind(),
        "assignment" | "augmented_assignment" | "yield" | "await"
    );
    (!assigns).then_some(inner)
}

/// An expression without the parentheses around it.
pub(super) fn unwrapped(mut node: Node) -> Node {
    while node.kind() == "parenthesized_expression" {
        match node.named_child(0) {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_bound_as_python_does() {
        let source = "import a.b as c, d.e\nfrom .x import f as g\nfrom y import *\nu, (v, w[0]) = n.o(p=q)\n";
        let tree = parse(source).expect("parses");
        let mut bound = names_bound(tree.root_node(), source);
        bound.sort();
        assert_eq!(bound, ["*", "c", "d", "g", "u", "v"]);
        let names = names_in(tree.root_node(), source);
        assert!(names.contains("q") && !names.contains("p") && !names.contains("o"));
    }
}
