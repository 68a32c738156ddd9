//! Takes verdicts out of calls. A `call` that compares its own result would leave the verdict to the interpreter that
//! runs the candidate; what can be split into a call and an expectation is split when it is read, the rest is refused.
//! Pure; called by the reader of candidate files, by whoever lifts asserts into checks, and by the gate on checks.

use tree_sitter::Node;

use super::syntax::{Source, bare, children, named, only_expression};
use crate::dream::{Check, CheckKind, Reason, Value, parse_literal};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    #[error("`{0}` is not one Python expression")]
    NotAnExpression(String),
    #[error("`{0}` compares the result inside the call: give the call and what to expect apart")]
    VerdictInside(String),
    #[error("`{0}` compares literals with each other")]
    Tautology(String),
}

impl SplitError {
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotAnExpression(_) | Self::Tautology(_) => Reason::BadCheck,
            Self::VerdictInside(_) => Reason::VerdictInsideCall,
        }
    }
}

/// The same check with its verdict outside of its call.
///
/// # Errors
/// A call that is not one expression, or that compares the result where it cannot be split.
pub fn split(mut check: Check) -> Result<Check, SplitError> {
    let call = check.call.trim().to_owned();
    let refuse = || SplitError::VerdictInside(call.clone());
    let source = Source::parse(&call).ok_or_else(|| SplitError::NotAnExpression(call.clone()))?;
    let top = only_expression(&source).ok_or_else(|| SplitError::NotAnExpression(call.clone()))?;
    let Some(claim) = claim(&source, top)? else {
        if carries_verdict(&source, top) {
            return Err(refuse());
        }
        check.call.clone_from(&call);
        return Ok(check);
    };
    let expected = expected_truth(&check.kind);
    let kind = match (check.kind, expected) {
        (kind @ CheckKind::Raises { .. }, _) => kind,
        (_, None) => return Err(refuse()),
        (_, Some(truth)) => claim.as_expectation(truth),
    };
    let inner =
        Source::parse(&claim.call).ok_or_else(|| SplitError::NotAnExpression(call.clone()))?;
    let inner_top =
        only_expression(&inner).ok_or_else(|| SplitError::NotAnExpression(call.clone()))?;
    if carries_verdict(&inner, inner_top) {
        return Err(refuse());
    }
    check.kind = kind;
    check.call = claim.call;
    Ok(check)
}

/// Whether statements that run before a call already hold an expectation.
#[must_use]
pub fn setup_holds_verdict(setup: &str) -> bool {
    let Some(source) = Source::parse(setup) else {
        return false;
    };
    let mut open = vec![source.root()];
    while let Some(node) = open.pop() {
        match node.kind() {
            "function_definition" | "class_definition" | "lambda" => {}
            "assert_statement" => return true,
            "assignment" => {
                if node
                    .child_by_field_name("right")
                    .is_some_and(|right| carries_verdict(&source, right))
                {
                    return true;
                }
            }
            _ => open.extend(named(node)),
        }
    }
    false
}

/// A comparison of one call with literals.
struct Claim {
    call: String,
    /// The comparison over the name `result`; `None` for bare truth.
    comparison: Option<String>,
    /// The literal of a single `==` or `is`, and of their negations.
    equal_to: Option<(String, bool)>,
    negated: bool,
}

impl Claim {
    fn as_expectation(&self, truth: bool) -> CheckKind {
        let truth = truth != self.negated;
        match (&self.equal_to, &self.comparison) {
            (Some((literal, equal)), _) if *equal == truth => CheckKind::Example {
                expect: literal.clone(),
            },
            (_, Some(comparison)) if truth => CheckKind::Property {
                holds: comparison.clone(),
            },
            (_, Some(comparison)) => CheckKind::Property {
                holds: format!("not ({comparison})"),
            },
            (_, None) => CheckKind::Property {
                holds: if truth { "bool(result)" } else { "not result" }.to_owned(),
            },
        }
    }
}

/// `None` where the outermost operation neither compares with a literal nor negates.
fn claim(source: &Source<'_>, top: Node<'_>) -> Result<Option<Claim>, SplitError> {
    let mut node = top;
    let mut negations = 0;
    while node.kind() == "not_operator" {
        let Some(argument) = node.child_by_field_name("argument") else {
            return Ok(None);
        };
        node = bare(argument);
        negations += 1;
    }
    let negated = negations % 2 == 1;
    if node.kind() != "comparison_operator" {
        let call = source.text_of(node).to_owned();
        let claim = Claim {
            call,
            comparison: None,
            equal_to: None,
            negated,
        };
        return Ok((negations > 0).then_some(claim));
    }
    let whole = source.text_of(node);
    let operands = named(node);
    let is_literal = |n: &Node<'_>| parse_literal(source.text_of(*n)).is_ok();
    let mut others = operands.iter().filter(|n| !is_literal(n));
    let Some(call) = others.next() else {
        return Err(SplitError::Tautology(whole.to_owned()));
    };
    if others.next().is_some() {
        return Err(SplitError::VerdictInside(whole.to_owned()));
    }
    let (from, to) = (
        call.start_byte() - node.start_byte(),
        call.end_byte() - node.start_byte(),
    );
    let comparison = format!("{}result{}", &whole[..from], &whole[to..]);
    let literal = operands
        .iter()
        .find(|n| is_literal(n))
        .map(|n| source.text_of(*n).to_owned());
    let operators: Vec<_> = children(node)
        .into_iter()
        .filter(|n| !n.is_named())
        .map(|n| n.kind())
        .collect();
    let equal_to = match (operators.as_slice(), literal) {
        (["==" | "is"], Some(literal)) => Some((literal, true)),
        (["!=" | "is not"], Some(literal)) => Some((literal, false)),
        _ => None,
    };
    let call = source.text_of(bare(*call)).to_owned();
    Ok(Some(Claim {
        call,
        comparison: Some(comparison),
        equal_to,
        negated,
    }))
}

/// What a check says of a call that is itself true or false; `None` where it says something else.
fn expected_truth(kind: &CheckKind) -> Option<bool> {
    match kind {
        CheckKind::Example { expect } => match parse_literal(expect) {
            Ok(Value::Bool(truth)) => Some(truth),
            _ => None,
        },
        CheckKind::Property { holds } => match super::syntax::normal(holds).as_str() {
            "result" | "result is True" | "result == True" | "bool ( result )" => Some(true),
            "not result" | "result is False" | "result == False" => Some(false),
            _ => None,
        },
        CheckKind::Raises { .. } => Some(true),
    }
}

/// Built-in functions that hand the outcome of a comparison on.
const RELAYS: [&str; 16] = [
    "all",
    "any",
    "bool",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "max",
    "min",
    "next",
    "repr",
    "set",
    "str",
    "sum",
    "tuple",
];

/// Whether a comparison's outcome becomes the value of an expression, or a part of it. Comparisons inside a lambda or
/// among the arguments of a function that is not a relay are the solution's own business.
fn carries_verdict(source: &Source<'_>, top: Node<'_>) -> bool {
    let mut open = vec![top];
    while let Some(node) = open.pop() {
        match node.kind() {
            "comparison_operator" | "not_operator" => return true,
            "lambda" => {}
            "call" => {
                let Some(function) = node.child_by_field_name("function") else {
                    continue;
                };
                if function.kind() != "identifier" {
                    open.push(function);
                } else if RELAYS.contains(&source.text_of(function)) {
                    open.extend(node.child_by_field_name("arguments"));
                }
            }
            "list_comprehension"
            | "set_comprehension"
            | "dictionary_comprehension"
            | "generator_expression" => {
                open.extend(node.child_by_field_name("body"));
            }
            _ => open.extend(named(node)),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{SplitError, setup_holds_verdict, split};
    use crate::dream::{Check, CheckKind};

    #[track_caller]
    fn check(call: &str, expect: &str, new_call: &str, new_kind: &CheckKind) {
        let after = split(Check::example(call, expect)).unwrap();
        assert_eq!(
            (after.call.as_str(), &after.kind),
            (new_call, new_kind),
            "{call} expecting {expect}"
        );
    }

    fn expect(text: &str) -> CheckKind {
        CheckKind::Example {
            expect: text.to_owned(),
        }
    }

    fn holds(text: &str) -> CheckKind {
        CheckKind::Property {
            holds: text.to_owned(),
        }
    }

    #[test]
    fn a_comparison_with_a_literal_becomes_an_expectation() {
        check("f(x) == 3", "True", "f(x)", &expect("3"));
        check("[1, 2] == f(x)", "True", "f(x)", &expect("[1, 2]"));
        check("(f(x) == -1)", "True", "f(x)", &expect("-1"));
        check("(f(x)) == 'a'", "True", "f(x)", &expect("'a'"));
        check("f(x) is None", "True", "f(x)", &expect("None"));
        check("f(x) != 3", "False", "f(x)", &expect("3"));
        check("not f(x) == 3", "False", "f(x)", &expect("3"));
        check(
            "sorted(f(x)) == [1]",
            "True",
            "sorted(f(x))",
            &expect("[1]"),
        );
    }

    #[test]
    fn other_comparisons_with_a_literal_become_properties() {
        check("f(x) == 3", "False", "f(x)", &holds("not (result == 3)"));
        check("f(x) != 3", "True", "f(x)", &holds("result != 3"));
        check("1 < f(x) <= 9", "True", "f(x)", &holds("1 < result <= 9"));
        check(
            "f(x) not in (1, 2)",
            "True",
            "f(x)",
            &holds("result not in (1, 2)"),
        );
        check(
            "f(x) is not None",
            "True",
            "f(x)",
            &holds("result is not None"),
        );
        check("not f(x)", "True", "f(x)", &holds("not result"));
        check("not f(x)", "False", "f(x)", &holds("bool(result)"));
        check("not not f(x)", "True", "f(x)", &holds("bool(result)"));
    }

    #[test]
    fn properties_and_raises_are_split_too() {
        let mut property = Check::example("f(x) == 3", "");
        property.kind = holds("result is True");
        assert_eq!(split(property).unwrap().kind, expect("3"));
        let mut raises = Check::example("f(x) == 3", "");
        raises.kind = CheckKind::Raises {
            error: "ValueError".to_owned(),
        };
        let raises = split(raises).unwrap();
        assert_eq!(raises.call, "f(x)");
        assert!(matches!(raises.kind, CheckKind::Raises { .. }));
    }

    #[test]
    fn a_verdict_that_cannot_be_taken_out_is_refused() {
        for call in [
            "f(x) == g(x)",
            "f(x) == 3 and g(x) == 4",
            "[f(x) == 1, f(y) == 2]",
            "bool(f(x) == 3)",
            "all(f(n) == n for n in (1, 2))",
            "1 if f(x) == 3 else 0",
            "(f(x) == 3).real",
            "sum([f(1) == 1])",
            "not (f(x) == g(x))",
            "x and not f(x)",
        ] {
            assert!(
                matches!(
                    split(Check::example(call, "True")),
                    Err(SplitError::VerdictInside(_))
                ),
                "{call}"
            );
        }
        assert!(matches!(
            split(Check::example("f(x) == 3", "3")),
            Err(SplitError::VerdictInside(_))
        ));
        assert!(matches!(
            split(Check::example("1 == 1", "True")),
            Err(SplitError::Tautology(_))
        ));
    }

    #[test]
    fn comparisons_that_are_the_solutions_business_stay() {
        for call in [
            "f(lambda a, b: a < b)",
            "f(1 < 2)",
            "[n for n in f(9) if n > 3]",
            "f(x)",
            "g(f(x))",
            "s.pop()",
            "len(f(x))",
            "list(filter(lambda n: n > 1, f(x)))",
            "f(x)[0]",
            "(f(1), f(2))",
            "isinstance(f(x), int)",
        ] {
            assert_eq!(split(Check::example(call, "1")).unwrap().call, call);
        }
    }

    #[test]
    fn what_is_not_one_expression_is_refused() {
        for call in [
            "x = f(1)",
            "f(1); f(2)",
            "",
            "f(",
            "import os",
            "assert f(1)",
        ] {
            assert!(
                matches!(
                    split(Check::example(call, "1")),
                    Err(SplitError::NotAnExpression(_))
                ),
                "{call}"
            );
        }
    }

    #[test]
    fn expectations_in_a_setup_are_seen() {
        assert!(setup_holds_verdict("assert f(1) == 2"));
        assert!(setup_holds_verdict("ok = f(1) == 2"));
        assert!(!setup_holds_verdict(
            "s = Stack()\nfor n in range(3):\n    s.push(n)\n"
        ));
        assert!(!setup_holds_verdict("def less(a, b):\n    return a < b\n"));
    }
}
