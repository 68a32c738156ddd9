//! Rewrites a direct call of the entry point so that what it changes can be seen: literal arguments become given names.
//! Pure; the gate on steadiness runs what comes out.

use std::collections::{BTreeMap, HashSet};

use tree_sitter::Node;

use super::bench::readable;
use super::entry::{self, Shape};
use super::syntax::{Source, bare, named, only_expression};
use crate::dream::{Candidate, Check, Value, parse_literal};

/// A check whose call runs twice in one interpreter, with every argument that can change under a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lifted {
    pub(super) check: Check,
    /// Given name to the parameter that it is passed for.
    pub(super) arguments: BTreeMap<String, String>,
}

/// `None` where calling twice could rightly differ (a setup builds state, the entry point is a class) or the entry
/// point is not called just once.
pub(super) fn lift(candidate: &Candidate, check: &Check) -> Option<Lifted> {
    let name = &candidate.scenario.entry_point;
    let code = Source::parse(&candidate.code)?;
    let Shape::Function { parameters, .. } = entry::find(&code, name).ok()?.shape else {
        return None;
    };
    // A server counts what it is asked: twice is another thing than once.
    if !check.setup.trim().is_empty() || check.serve.is_some() {
        return None;
    }
    let source = Source::parse(&check.call)?;
    only_expression(&source)?;
    let calls: Vec<_> = source
        .nodes()
        .into_iter()
        .map(|(n, _)| n)
        .filter(|n| is_call_of(&source, *n, name))
        .collect();
    let [call] = calls.as_slice() else {
        return None;
    };
    let mut lifted = Lifted {
        check: check.clone(),
        arguments: BTreeMap::new(),
    };
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for (at, argument) in named(call.child_by_field_name("arguments")?)
        .into_iter()
        .enumerate()
    {
        let (parameter, value) = match argument.kind() {
            "keyword_argument" => (
                source
                    .text_of(argument.child_by_field_name("name")?)
                    .to_owned(),
                argument.child_by_field_name("value")?,
            ),
            "list_splat" | "dictionary_splat" => return None,
            _ => (
                parameters
                    .get(at)
                    .cloned()
                    .unwrap_or_else(|| format!("argument {}", at + 1)),
                argument,
            ),
        };
        let text = source.text_of(value);
        if check.given.contains_key(text) {
            lifted.arguments.insert(text.to_owned(), parameter);
        } else if parse_literal(text).is_ok_and(|v| can_change(&v)) {
            let new = format!("_argument_{at}");
            lifted.check.given.insert(new.clone(), text.to_owned());
            lifted.arguments.insert(new.clone(), parameter);
            edits.push((value.byte_range(), new));
        }
    }
    // A check that looks at an argument after the call has its own say about changes.
    let inside = call.byte_range();
    let seen_outside = |(n, _): &(Node<'_>, u32)| {
        n.kind() == "identifier"
            && !inside.contains(&n.start_byte())
            && check.given.contains_key(source.text_of(*n))
    };
    let watched: HashSet<_> = source
        .nodes()
        .iter()
        .filter(|n| seen_outside(n))
        .map(|(n, _)| source.text_of(*n))
        .collect();
    lifted
        .arguments
        .retain(|name, _| !watched.contains(name.as_str()));
    for (range, new) in edits.into_iter().rev() {
        lifted.check.call.replace_range(range, &new);
    }
    lifted.check.setup = first_call(&lifted.check);
    Some(lifted)
}

/// The first of two calls, as statements before the second.
fn first_call(check: &Check) -> String {
    let mut lines: Vec<_> = readable(&check.given)
        .iter()
        .map(|(name, literal)| format!("{name} = {literal}"))
        .collect();
    lines.push(format!(
        "try:\n    (\n{}\n)\nexcept Exception:\n    pass",
        check.call
    ));
    lines.join("\n")
}

fn is_call_of(source: &Source<'_>, node: Node<'_>, name: &str) -> bool {
    let function = node.child_by_field_name("function").map(bare);
    node.kind() == "call" && function.is_some_and(|f| source.text_of(f) == name)
}

fn can_change(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::Bytearray(_) => true,
        Value::Tuple(items) => items.iter().any(can_change),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Complex(..)
        | Value::Str(_)
        | Value::Surrogates(_)
        | Value::Bytes(_)
        | Value::Frozenset(_)
        | Value::Range(..)
        | Value::Ellipsis => false,
    }
}

#[cfg(test)]
mod tests {
    use super::lift;
    use crate::dream::{Candidate, Check, Scenario};

    fn lifted(call: &str, given: &[(&str, &str)]) -> Option<(String, Vec<(String, String)>)> {
        let candidate = Candidate {
            scenario: Scenario {
                entry_point: "f".to_owned(),
                ..Scenario::default()
            },
            code: "def f(a, b=None):\n    return a\n".to_owned(),
            checks: vec![],
            hidden_checks: vec![],
        };
        let check = Check {
            given: given
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            ..Check::example(call, "1")
        };
        let lifted = lift(&candidate, &check)?;
        Some((lifted.check.call, lifted.arguments.into_iter().collect()))
    }

    #[test]
    fn literal_arguments_that_can_change_get_a_name() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            lifted("sorted(f([2, 1], b={'k': 1}))", &[]),
            Some((
                "sorted(f(_argument_0, b=_argument_1))".to_owned(),
                vec![pair("_argument_0", "a"), pair("_argument_1", "b")]
            ))
        );
        assert_eq!(
            lifted("f(1, 'x')", &[]),
            Some(("f(1, 'x')".to_owned(), vec![]))
        );
        assert_eq!(
            lifted("f(x)", &[("x", "[1]")]),
            Some(("f(x)".to_owned(), vec![pair("x", "a")]))
        );
    }

    #[test]
    fn a_check_that_watches_its_argument_is_left_alone() {
        assert_eq!(
            lifted("(f(x), x)[1]", &[("x", "[1]")]),
            Some(("(f(x), x)[1]".to_owned(), vec![]))
        );
        assert_eq!(lifted("f(f([1]))", &[]), None);
        assert_eq!(lifted("f(*[1])", &[]), None);
    }
}
