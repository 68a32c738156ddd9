//! What a claim about the entry point says: `assert`, `raises` and their relatives, read from the syntax tree. Pure.

use tree_sitter::Node;

use super::reader::{Before, Reader, bare, children, descend, named_arguments};
use crate::dream::{Check, CheckKind};

impl<'a> Reader<'a> {
    /// What `assert CLAIM` says.
    pub(super) fn claim(&self, claim: Node<'a>, before: &Before<'a>) -> Option<Check> {
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
    pub(super) fn with_raises(&self, statement: Node<'a>, before: &Before<'a>) -> Option<Check> {
        let body = statement.child_by_field_name("body")?;
        let raises = descend(statement, body.start_byte(), |n| {
            n.kind() == "call" && self.is_named(n, &["raises", "assertRaises"])
        })?;
        let error = self.error_class(*named_arguments(raises).first()?)?;
        let call = Self::only_call(body)?;
        self.check(call, CheckKind::Raises { error }, before)
    }

    /// `try: f(x)` … `except E: pass`
    pub(super) fn try_except(&self, statement: Node<'a>, before: &Before<'a>) -> Option<Check> {
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
    pub(super) fn called_assertion(&self, call: Node<'a>, before: &Before<'a>) -> Option<Check> {
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
}
