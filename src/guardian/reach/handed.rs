//! Modules in other hands: what somebody else calls them no reader can tell. Pure.

use std::collections::{HashMap, HashSet};

use tree_sitter::Node;

use super::leads_out;
use super::names::{HARMLESS, STANDARD};
use crate::dream::Reason;
use crate::guardian::syntax::{Source, bare, children, identifiers, is_local, named};

/// A module with forbidden members in anybody else's hands: `m = sys`, `[sys][0]`, `look(sys)`.
pub(super) fn handed_on(
    source: &Source<'_>,
    node: Node<'_>,
    modules: &HashMap<String, String>,
) -> Option<(Reason, String)> {
    let module = modules.get(source.text_of(node))?;
    if !leads_out(module) || is_local(source, node, source.text_of(node)) {
        return None;
    }
    let parent = node.parent()?;
    let at_home = match parent.kind() {
        "attribute" | "dotted_name" | "aliased_import" | "parameters" | "typed_parameter"
        | "global_statement" | "delete_statement" | "type" => true,
        "keyword_argument" | "default_parameter" | "typed_default_parameter" => {
            parent.child_by_field_name("name") == Some(node)
        }
        "assignment" => parent.child_by_field_name("left") == Some(node),
        "argument_list" => {
            let asked = parent
                .parent()
                .and_then(|p| p.child_by_field_name("function"));
            let asked = asked.map_or("", |f| source.text_of(f));
            parent.named_child(0) == Some(node)
                && matches!(
                    asked,
                    "getattr" | "hasattr" | "setattr" | "delattr" | "vars"
                )
        }
        _ => false,
    };
    (!at_home).then(|| (Reason::ReachesHarness, format!("hands `{module}` on")))
}

/// A whole module of the standard library in the hands of an own function, where nobody can follow it by its name:
/// nearly each has `sys` or `os` among its members.
pub(super) fn handed_to_own(
    source: &Source<'_>,
    node: Node<'_>,
    modules: &HashMap<String, String>,
    own: &HashSet<&str>,
) -> Option<(Reason, String)> {
    let module = modules.get(source.text_of(node))?;
    let is_one_of = |list: &str| list.split_whitespace().any(|name| name == module);
    if !is_one_of(STANDARD) {
        return None;
    }
    let by_name = node
        .parent()
        .filter(|parent| parent.kind() == "keyword_argument");
    let is_name = by_name.is_some_and(|p| p.child_by_field_name("name") == Some(node));
    let list = by_name.map_or_else(|| node.parent(), |parent| parent.parent());
    let call = list
        .filter(|list| list.kind() == "argument_list")?
        .parent()?;
    let function = bare(call.child_by_field_name("function")?);
    let called = source.text_of(function).rsplit('.').next()?;
    let to_own = function.kind() == "lambda" || own.contains(called);
    if is_one_of(HARMLESS) && !(to_own && is_changer(source, function, called)) {
        return None;
    }
    let handed = to_own && !is_name && !is_local(source, node, source.text_of(node));
    handed.then(|| (Reason::ReachesHarness, format!("hands `{module}` on")))
}

/// The name of a function that the text defines.
pub(in crate::guardian) fn own_function(node: Node<'_>) -> Option<Node<'_>> {
    match node.kind() {
        "function_definition" => node.child_by_field_name("name"),
        "assignment" => {
            let right = bare(node.child_by_field_name("right")?);
            let left = node.child_by_field_name("left");
            left.filter(|left| right.kind() == "lambda" && left.kind() == "identifier")
        }
        _ => None,
    }
}

/// Whether what is called, or a function of this name, changes what it is given.
fn is_changer(source: &Source<'_>, function: Node<'_>, called: &str) -> bool {
    if function.kind() == "lambda" {
        return !changed_parameters(source, function).is_empty();
    }
    let mut nodes = source.nodes().into_iter();
    nodes.any(|(node, _)| {
        own_function(node).is_some_and(|name| source.text_of(name) == called)
            && !changed_parameters(source, node).is_empty()
    })
}

/// The parameters of a function, or of the lambda in an assignment, of which it sets a member or a part: by number and
/// by name.
pub(in crate::guardian) fn changed_parameters(
    source: &Source<'_>,
    function: Node<'_>,
) -> Vec<(usize, String)> {
    let function = function.child_by_field_name("right").map_or(function, bare);
    let list = function.child_by_field_name("parameters");
    let mut names: Vec<&str> = Vec::new();
    for parameter in list.map(named).unwrap_or_default() {
        let name = identifiers(parameter).into_iter().next();
        names.push(name.map_or("", |name| source.text_of(name)));
    }
    let mut changed: Vec<&str> = Vec::new();
    let mut open = children(function);
    while let Some(node) = open.pop() {
        changed.extend(changed_by(source, node));
        open.extend(children(node));
    }
    let numbered = names.into_iter().enumerate();
    numbered
        .filter(|(_, name)| !name.is_empty() && changed.contains(name))
        .map(|(at, name)| (at, name.to_owned()))
        .collect()
}

/// The names of which a node sets a member or a part.
fn changed_by<'t>(source: &Source<'t>, node: Node<'_>) -> Vec<&'t str> {
    let targets = match node.kind() {
        "assignment" | "augmented_assignment" | "for_statement" => {
            node.child_by_field_name("left").into_iter().collect()
        }
        "delete_statement" => named(node),
        "call" => {
            let function = node.child_by_field_name("function");
            let word = function.map_or("", |f| source.text_of(f));
            let word = word.rsplit('.').next().unwrap_or(word);
            if !matches!(
                word,
                "setattr" | "delattr" | "vars" | "__setattr__" | "__delattr__"
            ) {
                return Vec::new();
            }
            let arguments = node.child_by_field_name("arguments").map(named);
            let first = arguments.unwrap_or_default().into_iter().next();
            return first.map(|n| source.text_of(n)).into_iter().collect();
        }
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    let mut open: Vec<Node<'_>> = targets;
    while let Some(target) = open.pop() {
        match target.kind() {
            "attribute" | "subscript" => found.extend(root_of(source, target)),
            "identifier" => {}
            _ => open.extend(named(target)),
        }
    }
    found
}

/// The name with which a chain of attributes and subscripts begins.
fn root_of<'t>(source: &Source<'t>, chain: Node<'_>) -> Option<&'t str> {
    let mut node = bare(chain);
    loop {
        let inner = match node.kind() {
            "attribute" => node.child_by_field_name("object")?,
            "subscript" => node.child_by_field_name("value")?,
            "identifier" => return Some(source.text_of(node)),
            _ => return None,
        };
        node = bare(inner);
    }
}
