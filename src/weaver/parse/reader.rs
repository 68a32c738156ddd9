//! Walks a model's test code statement by statement and builds checks from the claims it finds. Pure.

use tree_sitter::Node;

use super::{MAX_CALL, MAX_EXPECT, MAX_STATEMENTS, names};
use crate::dream::{Check, CheckKind, Origin};
use crate::weaver::fold;

pub(super) struct Reader<'a> {
    pub(super) code: &'a str,
    pub(super) entry_point: &'a str,
}

/// Assignments and imports that stand before a check in its block.
#[derive(Default)]
pub(super) struct Before<'a> {
    bound: Vec<(Vec<&'a str>, Node<'a>)>,
}

impl<'a> Reader<'a> {
    pub(super) fn text(&self, node: Node<'_>) -> &'a str {
        &self.code[node.byte_range()]
    }

    /// Every check of a block; those inside test functions and classes too, three levels deep as pytest has them.
    pub(super) fn block(&self, block: Node<'a>, depth: usize, lifted: &mut Vec<Check>) {
        let mut before = Before::default();
        for statement in children(block).into_iter().take(MAX_STATEMENTS) {
            match statement.kind() {
                "assert_statement" => {
                    let claim = statement.named_child(0);
                    lifted.extend(claim.and_then(|c| self.claim(c, &before)));
                }
                "with_statement" => lifted.extend(self.with_raises(statement, &before)),
                "try_statement" => lifted.extend(self.try_except(statement, &before)),
                "expression_statement" => {
                    let Some(inner) = statement.named_child(0) else {
                        continue;
                    };
                    if inner.kind() == "assignment" {
                        self.note_assignment(inner, statement, &mut before);
                    } else {
                        lifted.extend(self.called_assertion(inner, &before));
                    }
                }
                "import_statement" | "import_from_statement" => {
                    let names = names::imported(statement, self.code);
                    before.bound.push((names, statement));
                }
                "function_definition" | "class_definition" if depth < 3 => {
                    if let Some(body) = statement.child_by_field_name("body") {
                        self.block(body, depth + 1, lifted);
                    }
                }
                _ => {}
            }
        }
    }

    fn note_assignment(&self, assignment: Node<'a>, statement: Node<'a>, before: &mut Before<'a>) {
        if let Some(left) = assignment.child_by_field_name("left")
            && left.kind() == "identifier"
        {
            before.bound.push((vec![self.text(left)], statement));
        }
    }

    pub(super) fn example(
        &self,
        call: Node<'a>,
        expect: String,
        before: &Before<'a>,
    ) -> Option<Check> {
        self.check(call, CheckKind::Example { expect }, before)
    }

    pub(super) fn check(
        &self,
        call: Node<'a>,
        kind: CheckKind,
        before: &Before<'a>,
    ) -> Option<Check> {
        // A comparison that is left inside would put the verdict where the candidate runs.
        let verdict_inside = matches!(
            call.kind(),
            "comparison_operator" | "boolean_operator" | "not_operator"
        );
        if !self.calls_entry(call) || verdict_inside {
            return None;
        }
        self.finished(self.text(call), kind, call, before)
    }

    /// The check, unless it is too long or uses a name that nothing binds. `place` is where its names are looked for.
    pub(super) fn finished(
        &self,
        call: &str,
        kind: CheckKind,
        place: Node<'a>,
        before: &Before<'a>,
    ) -> Option<Check> {
        let mut setup = String::new();
        let mut free = names::free(place, self.code);
        let mut used = Vec::new();
        // Backwards, since a later binding may need an earlier one.
        for (names, statement) in before.bound.iter().rev() {
            if names.iter().any(|name| free.contains(name)) {
                free.retain(|name| !names.contains(name));
                free.extend(
                    names::free(*statement, self.code)
                        .into_iter()
                        .filter(|n| !names.contains(n)),
                );
                // A setup that calls the function would run it unwatched.
                if names::free(*statement, self.code).contains(&self.entry_point) {
                    return None;
                }
                used.push(*statement);
            }
        }
        for name in free {
            if name == self.entry_point || names::is_builtin(name) {
                continue;
            }
            if !names::is_plain_module(name) {
                return None;
            }
            let line = format!("import {name}\n");
            if !setup.contains(&line) {
                setup.push_str(&line);
            }
        }
        for statement in used.iter().rev() {
            setup.push_str(self.text(*statement));
            setup.push('\n');
        }
        let setup = setup.trim_end().to_owned();
        let expect_len = match &kind {
            CheckKind::Example { expect } => expect.len(),
            CheckKind::Raises { error } => error.len(),
            CheckKind::Property { holds } => holds.len(),
        };
        if call.len() > MAX_CALL || setup.len() > MAX_CALL || expect_len > MAX_EXPECT {
            return None;
        }
        Some(Check {
            kind,
            setup,
            call: call
                .split('\n')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" "),
            given: std::collections::BTreeMap::default(),
            origin: Origin::Model,
            max_ms: None,
            serve: None,
        })
    }

    /// The expected value as a literal; a name is looked up among the assignments before.
    pub(super) fn literal(&self, node: Node<'a>, before: &Before<'a>) -> Option<String> {
        if node.kind() == "identifier" && !matches!(self.text(node), "None" | "True" | "False") {
            let bound = before
                .bound
                .iter()
                .rev()
                .find(|(names, _)| names.contains(&self.text(node)))?;
            let value = bound.1.named_child(0)?.child_by_field_name("right")?;
            return fold::literal(bare(value), self.code);
        }
        fold::literal(node, self.code)
    }

    pub(super) fn calls_entry(&self, node: Node<'a>) -> bool {
        let is_call = |n: Node<'a>| {
            n.kind() == "call"
                && n.child_by_field_name("function")
                    .is_some_and(|f| self.text(f) == self.entry_point)
        };
        descend(node, usize::MAX, is_call).is_some()
    }

    /// The last part of the called name: `raises` of `pytest.raises`.
    pub(super) fn last_name(&self, call: Node<'a>) -> Option<&'a str> {
        let function = call.child_by_field_name("function")?;
        self.text(function).rsplit('.').next()
    }

    pub(super) fn is_named(&self, call: Node<'a>, names: &[&str]) -> bool {
        call.kind() == "call"
            && self
                .last_name(call)
                .is_some_and(|name| names.contains(&name))
    }
}

pub(in crate::weaver) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

/// The expression inside any number of brackets around it.
pub(in crate::weaver) fn bare(mut node: Node<'_>) -> Node<'_> {
    while node.kind() == "parenthesized_expression" {
        let Some(inner) = node.named_child(0) else {
            break;
        };
        node = inner;
    }
    node
}

pub(super) fn named_arguments(call: Node<'_>) -> Vec<Node<'_>> {
    call.child_by_field_name("arguments")
        .map(children)
        .unwrap_or_default()
}

/// The first node below (or at) `node`, in the order of the text and before byte `end`, of which `wanted` is true.
pub(super) fn descend<'a>(
    node: Node<'a>,
    end: usize,
    wanted: impl Fn(Node<'a>) -> bool,
) -> Option<Node<'a>> {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if node.start_byte() >= end {
            continue;
        }
        if wanted(node) {
            return Some(node);
        }
        open.extend(children(node).into_iter().rev());
    }
    None
}
