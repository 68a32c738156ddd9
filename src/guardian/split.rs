//! Takes verdicts out of calls. A `call` that compares its own result would leave the verdict to the interpreter that
//! runs the candidate; what can be split into a call and an expectation is split when it is read, the rest is refused.
//! Pure; called by the reader of candidate files, by whoever lifts asserts into checks, and by the gate on checks.

mod comparers;

use tree_sitter::Node;

use self::comparers::Comparers;
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
    let comparers = Comparers::of(&check.setup);
    let Some(claim) = claim(&source, top)? else {
        if comparers.carry_verdict(&source, top) {
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
    if comparers.carry_verdict(&inner, inner_top) {
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
    let comparers = Comparers::of(setup);
    let mut open = vec![source.root()];
    while let Some(node) = open.pop() {
        match node.kind() {
            "function_definition" | "class_definition" | "lambda" => {}
            "assert_statement" => return true,
            "assignment" => {
                if node
                    .child_by_field_name("right")
                    .is_some_and(|right| comparers.carry_verdict(&source, right))
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
            "(lambda r: r == 3)(f(x))",
            "(lambda r: r)(f(x) == 3)",
            "list(map(lambda r: r == 3, [f(x)]))",
            "operator.eq(f(x), 3)",
            "__import__('operator').eq(f(x), 3)",
            "f(x).__eq__(3)",
            "(3).__eq__(f(x))",
            "getattr(f(x), '__eq__')(3)",
            "eval('f(x) == 3')",
            "[3].count(f(x))",
            "{3}.issuperset([f(x)])",
            "{3: True}[f(x)]",
            "functools.partial(operator.eq, 3)(f(x))",
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
    fn a_verdict_by_way_of_the_setup_is_refused() {
        for (setup, call) in [
            ("def same(a, b):\n    return a == b\n", "same(f(x), 3)"),
            (
                "def same(a, b):\n    if a == b:\n        return True\n    return False\n",
                "same(f(x), 3)",
            ),
            (
                "def same(a, b):\n    ok = a == b\n    return ok\n",
                "same(f(x), 3)",
            ),
            ("same = lambda a, b: a == b", "same(f(x), 3)"),
            ("from operator import eq as same", "same(f(x), 3)"),
            ("import operator as op", "op.eq(f(x), 3)"),
            (
                "import operator\nsame = operator.eq\nalso = same",
                "also(f(x), 3)",
            ),
            (
                "def same(a, b):\n    return a == b\ndef check(a):\n    return same(a, 3)\n",
                "check(f(x))",
            ),
            (
                "class Judge:\n    def sees(self, r):\n        return r == 3\n",
                "Judge().sees(f(x))",
            ),
        ] {
            let mut check = Check::example(call, "True");
            check.setup = setup.to_owned();
            assert!(
                matches!(split(check), Err(SplitError::VerdictInside(_))),
                "{setup}: {call}"
            );
        }
    }

    #[test]
    fn a_setup_that_compares_for_itself_stays() {
        for (setup, call) in [
            ("def key(n):\n    return n > 3\n", "f([1, 5], key)"),
            (
                "def run(n):\n    out = []\n    for i in range(n):\n        if i % 2 == 0:\n            \
                 out.append(f(i))\n    return out\n",
                "run(5)",
            ),
            (
                "class Point:\n    def __eq__(self, other):\n        return self.x == other.x\n",
                "f([Point()])",
            ),
            (
                "class Cell:\n    def __lt__(self, other):\n        return self.n < other.n\n    \
                 def value(self):\n        return self.n\n",
                "f([Cell(1)])[0].value()",
            ),
            ("import operator", "f(operator.add, 1, 2)"),
            ("import operator", "f(operator.lt, 1, 2)"),
        ] {
            let mut check = Check::example(call, "1");
            check.setup = setup.to_owned();
            assert!(split(check).is_ok(), "{setup}: {call}");
        }
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
            "(lambda s: (s.push(1), s.pop()))(f())",
            "f('a').count('a')",
            "f(x).index(3)",
            "[1, 2][f(x)]",
            "list(map(str, f(x)))",
            "Vec(1, 2).__eq__(7)",
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
