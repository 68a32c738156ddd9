//! Lifts the checks out of what a model wrote: `assert f(x) == literal` lines and their relatives. Pure; called by the
//! weaver on hostile text. Never evaluates anything beyond arithmetic on small constants, and never lifts a check whose
//! call does not name the entry point.

use tree_sitter::{Node, Parser};

use super::fold;
use crate::dream::{Check, CheckKind, Origin};

mod names;

/// Longer calls and expectations are not "worked out by hand"; a person must be able to read them.
const MAX_CALL: usize = 300;
const MAX_EXPECT: usize = 600;

/// Statements that are looked at: an answer has about ten.
const MAX_STATEMENTS: usize = 200;

/// Of a text that is read at all: an answer of 1,200 tokens has about 5,000 bytes.
const MAX_TEXT: usize = 64 << 10;

/// The checks in `text` on `entry_point`, in order, without doubles; where two contradict each other both are dropped.
#[must_use]
pub fn checks(text: &str, entry_point: &str) -> Vec<Check> {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    let code = fenced(text);
    let mut lifted = Vec::new();
    if !lift_all(&code, entry_point, &mut lifted) {
        // One broken line must not take the others with it.
        lifted.clear();
        for statement in statements(&code) {
            lift_all(&statement, entry_point, &mut lifted);
        }
    }
    without_doubles(lifted)
}

/// The same check for the purpose of finding doubles: spaces do not count.
pub(super) fn key(check: &Check) -> String {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    format!("{}\n{}", bare(&check.setup), bare(&check.call))
}

fn without_doubles(lifted: Vec<Check>) -> Vec<Check> {
    let mut kept: Vec<Check> = Vec::new();
    let mut contradicted = Vec::new();
    for check in lifted {
        match kept.iter().find(|k| key(k) == key(&check)) {
            None => kept.push(check),
            Some(before) if before.kind != check.kind => contradicted.push(key(&check)),
            Some(_) => {}
        }
    }
    kept.retain(|check| !contradicted.contains(&key(check)));
    kept
}

/// All fenced blocks one after the other; the whole text where there is no fence.
fn fenced(text: &str) -> String {
    let mut inside = false;
    let mut any = false;
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            any = true;
        } else if inside {
            code.push_str(line);
            code.push('\n');
        }
    }
    if any { code } else { text.to_owned() }
}

/// Runs of lines that may each be a statement: a line and what follows until its brackets are closed.
fn statements(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = code.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if !["assert", "with ", "self.assert", "pytest.raises", "raises("]
            .iter()
            .any(|s| line.starts_with(s))
        {
            continue;
        }
        let mut statement = line.to_owned();
        // Brackets inside strings are miscounted; such a statement does not parse and is left out.
        let open =
            |s: &str| s.matches(['(', '[', '{']).count() > s.matches([')', ']', '}']).count();
        while open(&statement) && statement.len() < MAX_CALL + MAX_EXPECT {
            let starts_anew = lines
                .peek()
                .is_none_or(|next| next.trim_start().starts_with("assert"));
            if starts_anew {
                break;
            }
            statement.push('\n');
            statement.push_str(lines.next().unwrap_or_default());
        }
        if statement.starts_with("with ") && statement.ends_with(':') {
            statement.push_str("\n    ");
            statement.push_str(lines.next().unwrap_or_default().trim());
        }
        found.push(statement);
        if found.len() == MAX_STATEMENTS {
            break;
        }
    }
    found
}

/// Lifts every check of `code`; false where it is not Python.
fn lift_all(code: &str, entry_point: &str, lifted: &mut Vec<Check>) -> bool {
    let mut parser = Parser::new();
    if parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .is_err()
    {
        return false;
    }
    let Some(tree) = parser.parse(code, None) else {
        return false;
    };
    if tree.root_node().has_error() {
        return false;
    }
    let reader = Reader { code, entry_point };
    reader.block(tree.root_node(), 0, lifted);
    true
}

struct Reader<'a> {
    code: &'a str,
    entry_point: &'a str,
}

/// Assignments and imports that stand before a check in its block.
#[derive(Default)]
struct Before<'a> {
    bound: Vec<(Vec<&'a str>, Node<'a>)>,
}

impl<'a> Reader<'a> {
    fn text(&self, node: Node<'_>) -> &'a str {
        &self.code[node.byte_range()]
    }

    /// Every check of a block; those inside test functions and classes too, three levels deep as pytest has them.
    fn block(&self, block: Node<'a>, depth: usize, lifted: &mut Vec<Check>) {
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

    /// What `assert CLAIM` says.
    fn claim(&self, claim: Node<'a>, before: &Before<'a>) -> Option<Check> {
        let claim = bare(claim);
        match claim.kind() {
            "not_operator" => {
                let argument = claim.child_by_field_name("argument")?;
                self.example(bare(argument), "False".to_owned(), before)
            }
            "comparison_operator" => self.comparison(claim, before),
            "call" if self.is_named(claim, &["isclose", "approx"]) => self.close_to(claim, before),
            "call"
                if self.calls_entry(claim)
                    && !self.is_named(claim, &["isinstance", "all", "any", "callable"]) =>
            {
                self.example(claim, "True".to_owned(), before)
            }
            _ => None,
        }
    }

    fn comparison(&self, comparison: Node<'a>, before: &Before<'a>) -> Option<Check> {
        if comparison.named_child_count() != 2 {
            return None;
        }
        let (left, right) = (
            bare(comparison.named_child(0)?),
            bare(comparison.named_child(1)?),
        );
        let between = &self.code[left.end_byte()..right.start_byte()];
        let operator: String = between
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')'))
            .collect();
        match operator.as_str() {
            "==" | "is" => {
                let (call, expected) = if self.calls_entry(left) {
                    (left, right)
                } else {
                    (right, left)
                };
                if expected.kind() == "call" && self.is_named(expected, &["approx"]) {
                    let value = named_arguments(expected).into_iter().next()?;
                    return self.near(call, value, None, before);
                }
                let expect = self.literal(expected, before)?;
                if operator == "is" && !matches!(expect.as_str(), "None" | "True" | "False") {
                    return None;
                }
                self.example(call, expect, before)
            }
            // abs(f(x) - literal) < tolerance
            "<" | "<=" => {
                if !self.is_named(left, &["abs"]) {
                    return None;
                }
                let difference = bare(*named_arguments(left).first()?);
                let (a, b) = (
                    difference.child_by_field_name("left")?,
                    difference.child_by_field_name("right")?,
                );
                let minus = difference
                    .child_by_field_name("operator")
                    .is_some_and(|o| self.text(o) == "-");
                let (call, value) = if self.calls_entry(a) { (a, b) } else { (b, a) };
                if minus {
                    self.near(call, value, Some(right), before)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// `isclose(f(x), literal)`
    fn close_to(&self, call: Node<'a>, before: &Before<'a>) -> Option<Check> {
        let arguments = named_arguments(call);
        let (&a, &b) = (arguments.first()?, arguments.get(1)?);
        let (inner, value) = if self.calls_entry(a) { (a, b) } else { (b, a) };
        self.near(inner, value, None, before)
    }

    /// A result near a number: a property, because the Guardian's own tolerance is finer than what people write.
    fn near(
        &self,
        call: Node<'a>,
        value: Node<'a>,
        tolerance: Option<Node<'a>>,
        before: &Before<'a>,
    ) -> Option<Check> {
        let value = self.literal(bare(value), before)?;
        let Ok(number) = value.parse::<f64>() else {
            // A list of floats: compared as every expectation is.
            return self.example(bare(call), value, before);
        };
        let tolerance = match tolerance {
            Some(node) => self.literal(bare(node), before)?.parse::<f64>().ok()?,
            // What pytest.approx allows.
            None => (number.abs() * 1e-6).max(1e-12),
        };
        if !(tolerance > 0.0 && tolerance <= 0.1) {
            return None;
        }
        let holds = format!("abs(result - ({value})) <= {tolerance:e}");
        self.check(bare(call), CheckKind::Property { holds }, before)
    }

    /// `with pytest.raises(E): f(x)`
    fn with_raises(&self, statement: Node<'a>, before: &Before<'a>) -> Option<Check> {
        let body = statement.child_by_field_name("body")?;
        let raises = descend(statement, body.start_byte(), |n| {
            n.kind() == "call" && self.is_named(n, &["raises", "assertRaises"])
        })?;
        let error = self.error_class(*named_arguments(raises).first()?)?;
        let call = Self::only_call(body)?;
        self.check(call, CheckKind::Raises { error }, before)
    }

    /// `try: f(x)` … `except E: pass`
    fn try_except(&self, statement: Node<'a>, before: &Before<'a>) -> Option<Check> {
        let body = statement.child_by_field_name("body")?;
        let first = children(body).into_iter().next()?;
        let call = bare(first.named_child(0)?);
        let clauses: Vec<_> = children(statement)
            .into_iter()
            .filter(|c| c.kind() == "except_clause")
            .collect();
        let [clause] = clauses.as_slice() else {
            return None;
        };
        let class = clause.named_child(0)?;
        let class = if class.kind() == "as_pattern" {
            class.named_child(0)?
        } else {
            class
        };
        let error = self.error_class(class)?;
        // `assert f(x) == 1` inside try says something else.
        let fails_otherwise =
            self.text(body).contains("assert False") || self.text(statement).contains("else:");
        if first.kind() != "expression_statement" || !fails_otherwise {
            return None;
        }
        self.check(call, CheckKind::Raises { error }, before)
    }

    /// `pytest.raises(E, f, x)`, `self.assertEqual(f(x), y)` and its sisters.
    fn called_assertion(&self, call: Node<'a>, before: &Before<'a>) -> Option<Check> {
        if call.kind() != "call" {
            return None;
        }
        let arguments = named_arguments(call);
        let (first, second) = (*arguments.first()?, arguments.get(1).copied());
        match self.last_name(call)? {
            "raises" | "assertRaises" => {
                let error = self.error_class(first)?;
                let (function, last) = (second?, *arguments.last()?);
                if self.text(function) != self.entry_point || arguments.len() < 3 {
                    return None;
                }
                let inner = &self.code[arguments[2].start_byte()..last.end_byte()];
                let call = format!("{}({inner})", self.entry_point);
                self.finished(&call, CheckKind::Raises { error }, arguments[2], before)
            }
            "assertEqual" | "assertEquals" => {
                let (call, expected) = if self.calls_entry(first) {
                    (first, second?)
                } else {
                    (second?, first)
                };
                let expect = self.literal(bare(expected), before)?;
                self.example(bare(call), expect, before)
            }
            "assertTrue" => self.example(bare(first), "True".to_owned(), before),
            "assertFalse" => self.example(bare(first), "False".to_owned(), before),
            "assertIsNone" => self.example(bare(first), "None".to_owned(), before),
            _ => None,
        }
    }

    fn example(&self, call: Node<'a>, expect: String, before: &Before<'a>) -> Option<Check> {
        self.check(call, CheckKind::Example { expect }, before)
    }

    fn check(&self, call: Node<'a>, kind: CheckKind, before: &Before<'a>) -> Option<Check> {
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
    fn finished(
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
    fn literal(&self, node: Node<'a>, before: &Before<'a>) -> Option<String> {
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

    /// A class that says something: `Exception` is raised by every mistake.
    fn error_class(&self, node: Node<'a>) -> Option<String> {
        let name = self.text(node);
        let named = matches!(node.kind(), "identifier" | "attribute");
        let broad = matches!(
            name,
            "Exception" | "BaseException" | "NameError" | "AssertionError"
        );
        (named && !broad && name.len() < 80).then(|| name.to_owned())
    }

    /// The one expression of a `with` body, assigned or not.
    fn only_call(body: Node<'a>) -> Option<Node<'a>> {
        let statements: Vec<_> = children(body)
            .into_iter()
            .filter(|s| s.kind() != "comment")
            .collect();
        let [statement] = statements.as_slice() else {
            return None;
        };
        if statement.kind() != "expression_statement" {
            return None;
        }
        let inner = statement.named_child(0)?;
        Some(bare(if inner.kind() == "assignment" {
            inner.child_by_field_name("right")?
        } else {
            inner
        }))
    }

    fn calls_entry(&self, node: Node<'a>) -> bool {
        let is_call = |n: Node<'a>| {
            n.kind() == "call"
                && n.child_by_field_name("function")
                    .is_some_and(|f| self.text(f) == self.entry_point)
        };
        descend(node, usize::MAX, is_call).is_some()
    }

    /// The last part of the called name: `raises` of `pytest.raises`.
    fn last_name(&self, call: Node<'a>) -> Option<&'a str> {
        let function = call.child_by_field_name("function")?;
        self.text(function).rsplit('.').next()
    }

    fn is_named(&self, call: Node<'a>, names: &[&str]) -> bool {
        call.kind() == "call"
            && self
                .last_name(call)
                .is_some_and(|name| names.contains(&name))
    }
}

pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

/// The expression inside any number of brackets around it.
pub(super) fn bare(mut node: Node<'_>) -> Node<'_> {
    while node.kind() == "parenthesized_expression" {
        let Some(inner) = node.named_child(0) else {
            break;
        };
        node = inner;
    }
    node
}

fn named_arguments(call: Node<'_>) -> Vec<Node<'_>> {
    call.child_by_field_name("arguments")
        .map(children)
        .unwrap_or_default()
}

/// The first node below (or at) `node`, in the order of the text and before byte `end`, of which `wanted` is true.
fn descend<'a>(node: Node<'a>, end: usize, wanted: impl Fn(Node<'a>) -> bool) -> Option<Node<'a>> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One line a check: `setup | call -> kind`.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let show = |c: &Check| {
            let setup = if c.setup.is_empty() {
                String::new()
            } else {
                format!("{} | ", c.setup.replace('\n', "; "))
            };
            match &c.kind {
                CheckKind::Example { expect } => format!("{setup}{} -> {expect}", c.call),
                CheckKind::Raises { error } => format!("{setup}{} raises {error}", c.call),
                CheckKind::Property { holds } => format!("{setup}{} holds {holds}", c.call),
            }
        };
        let shown: Vec<String> = checks(text, "f").iter().map(show).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn equalities_on_either_side_are_lifted() {
        check(
            "```python\nassert f([1, 2]) == [2, 1]\nassert (3) == f(1, k=2)\n```",
            &["f([1, 2]) -> [2, 1]", "f(1, k=2) -> 3"],
        );
        check("assert f(1) == -1, 'message'", &["f(1) -> -1"]);
        check("assert len(f(1)) == 2", &["len(f(1)) -> 2"]);
    }

    #[test]
    fn truth_and_none_are_lifted() {
        check(
            "assert f(1)\nassert not f(2)\nassert f(3) is None\nassert f(4) is False\nassert f(5) is True",
            &[
                "f(1) -> True",
                "f(2) -> False",
                "f(3) -> None",
                "f(4) -> False",
                "f(5) -> True",
            ],
        );
    }

    #[test]
    fn errors_are_lifted_in_every_usual_form() {
        check(
            "with pytest.raises(ValueError):\n    f(-1)",
            &["f(-1) raises ValueError"],
        );
        check(
            "with raises(KeyError): f({}, 'a')",
            &["f({}, 'a') raises KeyError"],
        );
        check(
            "pytest.raises(TypeError, f, None, 2)",
            &["f(None, 2) raises TypeError"],
        );
        check(
            "with pytest.raises(ValueError, match='x') as e:\n    y = f(-1)",
            &["f(-1) raises ValueError"],
        );
        check(
            "try:\n    f(0)\n    assert False\nexcept ZeroDivisionError:\n    pass",
            &["f(0) raises ZeroDivisionError"],
        );
        check("with raises(Exception): f(0)", &[]);
        check("try:\n    f(0)\nexcept ValueError:\n    pass", &[]);
    }

    #[test]
    fn constants_are_folded_and_everything_else_is_dropped() {
        check("assert f(1) == [0] * 3", &["f(1) -> [0, 0, 0]"]);
        check("assert f(1) == 2 ** 10", &["f(1) -> 1024"]);
        check("assert f(1) == [1 + 1, -2 * 3]", &["f(1) -> [2, -6]"]);
        check("assert f(1) == 'ab' * 2", &["f(1) -> 'abab'"]);
        check(
            "assert f(1) == sum([1, 2])\nassert f(2) == g(3)\nassert f(3) == f(4)\nassert f(5) == 2 ** 99999",
            &[],
        );
    }

    #[test]
    fn floats_become_nearness() {
        check(
            "assert f(1) == pytest.approx(0.5)",
            &["f(1) holds abs(result - (0.5)) <= 5e-7"],
        );
        check(
            "assert math.isclose(f(1), 2.0)",
            &["f(1) holds abs(result - (2.0)) <= 2e-6"],
        );
        check(
            "assert abs(f(1) - 0.33) < 0.01",
            &["f(1) holds abs(result - (0.33)) <= 1e-2"],
        );
        check("assert f(1) == 0.25", &["f(1) -> 0.25"]);
        check("assert abs(f(1) - 0.33) < 100", &[]);
    }

    #[test]
    fn what_stands_before_a_check_becomes_its_setup() {
        check(
            "def test_it():\n    items = [1, 2]\n    expected = [2]\n    assert f(items) == expected\n    assert f(3) == 1",
            &["items = [1, 2] | f(items) -> [2]", "f(3) -> 1"],
        );
        check(
            "from datetime import date\nassert f(date(2024, 1, 1)) == 1",
            &["from datetime import date | f(date(2024, 1, 1)) -> 1"],
        );
        check("assert f(math.pi) == 3", &["import math | f(math.pi) -> 3"]);
        check("assert f(unknown) == 3", &[]);
        check("x = f(1)\nassert f(x) == 3", &[]);
        check(
            "assert f([x * 2 for x in range(3)], key=lambda y: -y) == 3",
            &["f([x * 2 for x in range(3)], key=lambda y: -y) -> 3"],
        );
    }

    #[test]
    fn checks_that_decide_inside_or_miss_the_entry_point_are_dropped() {
        check(
            "assert f(1) != 2\nassert f(1) > 2\nassert isinstance(f(1), list)\nassert g(1) == 2\nassert 1 == 1",
            &[],
        );
        check(
            "assert (f(1) == 2) == True\nassert f(1) == 2 and f(2) == 3\nassert 'a' in f(1)",
            &[],
        );
    }

    #[test]
    fn doubles_go_and_contradictions_take_both() {
        check(
            "assert f(1) == 2\nassert f( 1 ) == 2\nassert f(3) == 4\nassert f(3) == 5",
            &["f(1) -> 2"],
        );
    }

    #[test]
    fn a_broken_line_does_not_take_the_others_with_it() {
        check(
            "assert f(1) == 2\nassert f([[1]]]) == 3\nassert f(\n    2,\n) == [\n    3]\nwith raises(ValueError):\n    f(9)\nassert f(4) == (",
            &[
                "f(1) -> 2",
                "f( 2, ) -> [\n    3]",
                "f(9) raises ValueError",
            ],
        );
    }

    #[test]
    fn long_checks_are_dropped() {
        check(&format!("assert f('{}') == 1", "x".repeat(400)), &[]);
        check(&format!("assert f(1) == '{}'", "x".repeat(700)), &[]);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            let _ = checks(&text, "f");
        }

        #[test]
        fn arbitrary_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "assert ", "f(1)", "f(", ")", " == ", "2", "[", "]", "* 3", "\n", "with raises(E): ", "try:\n    ", "not ",
            "except E:\n    pass\n", "abs(", " - ", " < ", "x = ", "is None", "```", "def t():\n    ", "self.assertEqual(", ", ",
        ]), 0..40)) {
            for check in checks(&pieces.concat(), "f") {
                prop_assert!(check.call.contains('f'));
            }
        }

        #[test]
        fn integers_come_back_as_written(n in any::<i32>()) {
            let lifted = checks(&format!("assert f({n}) == {n}"), "f");
            let expect = n.to_string();
            prop_assert_eq!(&lifted[0].kind, &CheckKind::Example { expect });
        }
    }
}
