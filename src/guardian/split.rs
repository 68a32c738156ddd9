//! Takes verdicts out of calls. A `call` that compares its own result would leave the verdict to the interpreter that
//! runs the candidate; what can be split into a call and an expectation is split when it is read, the rest is refused.
//! Pure; called by the reader of candidate files, by whoever lifts asserts into checks, and by the gate on checks.

mod comparers;

use std::collections::HashSet;

use tree_sitter::Node;

use self::comparers::Comparers;
use super::syntax::{Source, bare, children, identifiers, named, only_expression};
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
    // Names of modules and of what was made of literals and built-in functions alone: `[i % 2 == 0 for i in range(6)]`
    // compares nothing that a solution gave.
    let mut plain = HashSet::new();
    for (node, _) in source.nodes() {
        let in_function = std::iter::successors(node.parent(), Node::parent).any(|n| {
            matches!(
                n.kind(),
                "function_definition" | "class_definition" | "lambda"
            )
        });
        if in_function {
            continue;
        }
        match node.kind() {
            "assert_statement" => return true,
            "import_statement" | "import_from_statement" => {
                let names = identifiers(node);
                plain.extend(names.into_iter().map(|n| source.text_of(n)));
            }
            "assignment" => {
                let side = |field| node.child_by_field_name(field);
                let (Some(left), Some(right)) = (side("left"), side("right")) else {
                    continue;
                };
                if is_plain(&source, right, &plain) {
                    plain.insert(source.text_of(left));
                } else if comparers.carry_verdict(&source, right) {
                    return true;
                } else {
                    plain.remove(source.text_of(left));
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether an expression is made of literals, built-in functions and `known` names alone.
pub(super) fn is_plain(source: &Source<'_>, expression: Node<'_>, known: &HashSet<&str>) -> bool {
    const BUILTINS: [&str; 24] = [
        "abs",
        "all",
        "any",
        "bool",
        "chr",
        "dict",
        "divmod",
        "enumerate",
        "filter",
        "float",
        "frozenset",
        "int",
        "len",
        "list",
        "map",
        "max",
        "min",
        "ord",
        "range",
        "reversed",
        "round",
        "set",
        "sorted",
        "sum",
    ];
    const ALSO: [&str; 4] = ["str", "tuple", "zip", "partial"];
    let mut bound = HashSet::new();
    let mut open = vec![expression];
    let mut names = Vec::new();
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => names.push(source.text_of(node)),
            "for_in_clause" => {
                let left = node.child_by_field_name("left").map(identifiers);
                bound.extend(left.into_iter().flatten().map(|n| source.text_of(n)));
                open.extend(named(node));
            }
            "lambda_parameters" => {
                bound.extend(identifiers(node).into_iter().map(|n| source.text_of(n)));
            }
            "attribute" => open.extend(node.child_by_field_name("object")),
            "keyword_argument" => open.extend(node.child_by_field_name("value")),
            _ => open.extend(named(node)),
        }
    }
    names.iter().all(|name| {
        known.contains(name)
            || bound.contains(name)
            || BUILTINS.contains(name)
            || ALSO.contains(name)
    })
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
    let operators: Vec<_> = children(node)
        .into_iter()
        .filter(|n| !n.is_named())
        .map(|n| n.kind())
        .collect();
    let is_literal = |n: &Node<'_>| parse_literal(source.text_of(*n)).is_ok();
    if let ([item, held], ["in" | "not in"]) = (&operands[..], &operators[..])
        && is_literal(item)
        && is_made_by_class(source, bare(*held))
    {
        let (item, held) = (source.text_of(*item), source.text_of(*held));
        return Ok(Some(Claim {
            call: format!("{held}.__contains__({item})"),
            comparison: None,
            equal_to: None,
            negated: negated != (operators[0] == "not in"),
        }));
    }
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

/// Whether an expression calls a class, by its name's spelling: `'a' in Bag('abc')` asks the class, whose object leaves the
/// interpreter as nothing that could be compared outside.
fn is_made_by_class(source: &Source<'_>, expression: Node<'_>) -> bool {
    let function = expression.child_by_field_name("function");
    expression.kind() == "call"
        && function.is_some_and(|function| {
            let name = source.text_of(function);
            function.kind() == "identifier" && name.starts_with(char::is_uppercase)
        })
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
mod tests;
