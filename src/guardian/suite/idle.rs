//! Statements of a setup that do nothing for the call behind it: with them a check asks what it asks without. Pure.

use std::collections::HashSet;

use tree_sitter::Node;

use crate::guardian::syntax::{Source, children, identifiers, named};

/// Built-in names that change nothing but what they are given.
const PLAIN: &str = "abs all any bool bytes dict enumerate filter float frozenset int isinstance len list map max min \
    print range repr reversed round set sorted str sum tuple zip";

/// A setup without the statements that only concern names which neither the call nor anything else in it speaks of.
pub(super) fn without_idle(setup: &str, call: &str) -> String {
    let (Some(source), Some(asked)) = (Source::parse(setup), Source::parse(call)) else {
        return setup.to_owned();
    };
    let bound: HashSet<&str> = source
        .nodes()
        .into_iter()
        .filter_map(|(node, _)| target_of(node))
        .flat_map(identifiers)
        .map(|name| source.text_of(name))
        .collect();
    let is_foreign = |name: &&str| {
        !bound.contains(name) && !PLAIN.split_whitespace().any(|plain| plain == *name)
    };
    let mut needed: HashSet<&str> = names_in(&asked, asked.root()).into_iter().collect();
    let statements = named(source.root());
    let names: Vec<Vec<&str>> = statements.iter().map(|s| names_in(&source, *s)).collect();
    let mut kept = vec![false; statements.len()];
    // In both directions: `off()` matters where `off = s.connect(f)` stands before it and the call speaks of `s`.
    loop {
        let before = needed.len();
        for ((statement, names), kept) in statements.iter().zip(&names).zip(&mut kept) {
            let told = names
                .iter()
                .any(|name| needed.contains(name) || is_foreign(name));
            let stops = matches!(statement.kind(), "assert_statement" | "raise_statement");
            if told || stops || names.is_empty() {
                needed.extend(names);
                *kept = true;
            }
        }
        if needed.len() == before {
            break;
        }
    }
    let kept = statements.iter().zip(kept).filter(|(_, kept)| *kept);
    let kept: Vec<&str> = kept
        .map(|(statement, _)| source.text_of(*statement))
        .collect();
    kept.join("\n")
}

/// What a node binds, where it is a binding of the setup's own: what is imported stays foreign.
fn target_of(node: Node<'_>) -> Option<Node<'_>> {
    match node.kind() {
        "assignment" | "augmented_assignment" | "for_statement" | "for_in_clause" => {
            node.child_by_field_name("left")
        }
        "named_expression" | "function_definition" => node.child_by_field_name("name"),
        "parameters" | "lambda_parameters" => Some(node),
        _ => None,
    }
}

/// The names that a piece of text speaks of, without those of members and of keywords.
fn names_in<'t>(source: &Source<'t>, node: Node<'_>) -> Vec<&'t str> {
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => found.push(source.text_of(node)),
            "attribute" => open.extend(node.child_by_field_name("object")),
            "keyword_argument" => open.extend(node.child_by_field_name("value")),
            _ => open.extend(children(node)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::without_idle;

    #[test]
    fn what_the_call_does_not_need_says_nothing() {
        for (setup, call, expected) in [
            ("note = []\nnote.append(1)", "f([1])", ""),
            ("n = 3\nm = n + 1\nk = 2", "f(m)", "n = 3\nm = n + 1"),
            ("def g(x):\n    return x\nh = g(3)", "f(1)", ""),
            ("xs = [1]\nxs.append(2)", "f(xs)", "xs = [1]\nxs.append(2)"),
            (
                "import random\nrandom.seed(3)",
                "f(1)",
                "import random\nrandom.seed(3)",
            ),
            ("shared.add(3)", "f(1)", "shared.add(3)"),
            (
                "off = s.connect(1)\noff()",
                "f(s)",
                "off = s.connect(1)\noff()",
            ),
            ("a = Box()\nb = 1", "f(1)", "a = Box()"),
            ("open('x', 'w').close()", "f(1)", "open('x', 'w').close()"),
        ] {
            assert_eq!(without_idle(setup, call), expected, "{setup}");
        }
    }
}
