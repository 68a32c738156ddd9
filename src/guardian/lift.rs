//! Rewrites a call so that what it changes can be seen: literal arguments of the entry point become given names. Pure;
//! the gate on steadiness runs what comes out.

use std::collections::{BTreeMap, HashSet};

use tree_sitter::Node;

use super::bench::readable;
use super::entry::{self, Shape};
use super::syntax::{Source, bare, named, only_expression};
use crate::dream::{Candidate, Check, Value, parse_literal};

/// A check with every argument that can change under a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lifted {
    pub(super) check: Check,
    /// Given name to the parameter that it is passed for.
    pub(super) arguments: BTreeMap<String, String>,
    /// Whether the call runs a second time before what is looked at.
    pub(super) twice: bool,
}

/// `None` where no call with arguments of our own can be told.
pub(super) fn lift(candidate: &Candidate, check: &Check) -> Option<Lifted> {
    let (plain, check) = (check, &with_literals_given(check));
    let name = &candidate.scenario.entry_point;
    let code = Source::parse(&candidate.code)?;
    let found = entry::find(&code, name).ok()?;
    // Calling twice could rightly differ where a setup builds state or the entry point is a class.
    let parameters: &[String] = match &found.shape {
        Shape::Function { parameters, .. } => parameters,
        Shape::Assigned => &[],
        // An object may rightly keep, and change, what a setup made for it.
        Shape::Class => return of_methods(&code, found.node, name, plain),
    };
    // A server counts what it is asked: twice is another thing than once.
    if !check.setup.trim().is_empty() || check.serve.is_some() {
        return of_methods(&code, code.root(), name, check);
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
        twice: true,
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
    forget_watched(&source, *call, check, &mut lifted);
    for (range, new) in edits.into_iter().rev() {
        lifted.check.call.replace_range(range, &new);
    }
    lifted.check.setup = first_call(&lifted.check);
    Some(lifted)
}

/// The check with what its setup binds to a literal given by name instead, where the setup says nothing else of it: then
/// a change of it is seen.
fn with_literals_given(check: &Check) -> Check {
    let mut check = check.clone();
    let setup = check.setup.clone();
    let Some(source) = Source::parse(&setup) else {
        return check;
    };
    let nodes = source.nodes();
    let times = |name: &str| {
        let same =
            |(n, _): &&(Node<'_>, u32)| n.kind() == "identifier" && source.text_of(*n) == name;
        nodes.iter().filter(same).count()
    };
    let mut cut = Vec::new();
    for statement in named(source.root()) {
        let assignment = statement.named_child(0).filter(|_| {
            statement.kind() == "expression_statement" && statement.named_child_count() == 1
        });
        let Some(assignment) = assignment.filter(|a| a.kind() == "assignment") else {
            continue;
        };
        let side = |field| assignment.child_by_field_name(field);
        let (Some(left), Some(right)) = (side("left"), side("right")) else {
            continue;
        };
        let (name, literal) = (source.text_of(left), source.text_of(right));
        let ours = left.kind() == "identifier"
            && times(name) == 1
            && !check.given.contains_key(name)
            && parse_literal(literal).is_ok_and(|value| can_change(&value));
        if ours {
            check.given.insert(name.to_owned(), literal.to_owned());
            cut.push(statement.byte_range());
        }
    }
    for range in cut.into_iter().rev() {
        check.setup.replace_range(range, "pass");
    }
    if check
        .setup
        .lines()
        .all(|line| matches!(line.trim(), "pass" | ""))
    {
        check.setup.clear();
    }
    check
}

/// As `lift`, for the methods of a class and for what a setup built: only what the check itself gives by name, because
/// an object may rightly keep a list that was written for it alone.
fn of_methods(
    code: &Source<'_>,
    defined: Node<'_>,
    entry_point: &str,
    check: &Check,
) -> Option<Lifted> {
    let source = Source::parse(&check.call)?;
    only_expression(&source)?;
    let mut lifted = Lifted {
        check: check.clone(),
        arguments: BTreeMap::new(),
        twice: false,
    };
    let calls: Vec<_> = source
        .nodes()
        .into_iter()
        .map(|(n, _)| n)
        .filter(|n| n.kind() == "call")
        .collect();
    for call in calls {
        let function = bare(call.child_by_field_name("function")?);
        let text = source.text_of(function);
        let method = text.rsplit('.').next().unwrap_or(text);
        let wanted = if method == entry_point {
            "__init__"
        } else {
            method
        };
        let Some(parameters) = entry::parameters_of(code, defined, &[wanted, method]) else {
            continue;
        };
        for (at, argument) in named(call.child_by_field_name("arguments")?)
            .into_iter()
            .enumerate()
        {
            let text = source.text_of(argument);
            if check.given.contains_key(text) {
                let parameter = parameters.get(at).cloned();
                let parameter = parameter.unwrap_or_else(|| format!("argument {}", at + 1));
                lifted.arguments.insert(text.to_owned(), parameter);
            }
        }
    }
    // Named twice, it is passed and then looked at: the check has its own say about changes.
    let nodes = source.nodes();
    let times = |name: &String| {
        let same =
            |(n, _): &&(Node<'_>, u32)| n.kind() == "identifier" && source.text_of(*n) == name;
        nodes.iter().filter(same).count()
    };
    lifted.arguments.retain(|name, _| times(name) == 1);
    Some(lifted)
}

/// A check that looks at an argument after the call has its own say about changes.
fn forget_watched(source: &Source<'_>, call: Node<'_>, check: &Check, lifted: &mut Lifted) {
    let inside = call.byte_range();
    let watched: HashSet<_> = source
        .nodes()
        .iter()
        .filter(|(n, _)| n.kind() == "identifier" && !inside.contains(&n.start_byte()))
        .map(|(n, _)| source.text_of(*n))
        .filter(|name| check.given.contains_key(*name))
        .collect();
    lifted
        .arguments
        .retain(|name, _| !watched.contains(name.as_str()));
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
    fn methods_are_watched_by_the_names_that_the_check_gives() {
        let candidate = Candidate {
            scenario: Scenario {
                entry_point: "Box".to_owned(),
                ..Scenario::default()
            },
            code: "class Box:\n    def __init__(self, size):\n        pass\n    def put(self, items, n=1):\n        pass\n"
                .to_owned(),
            checks: vec![],
            hidden_checks: vec![],
        };
        let check = Check {
            given: [("xs".to_owned(), "[1]".to_owned())].into(),
            ..Check::example("Box([2]).put(xs)", "1")
        };
        let lifted = lift(&candidate, &check).unwrap();
        assert!(!lifted.twice);
        assert_eq!(lifted.check.call, check.call);
        assert_eq!(
            lifted.arguments.into_iter().collect::<Vec<_>>(),
            [("xs".to_owned(), "items".to_owned())]
        );
    }

    #[test]
    fn what_a_setup_binds_to_a_literal_is_watched() {
        let candidate = Candidate {
            scenario: Scenario {
                entry_point: "f".to_owned(),
                ..Scenario::default()
            },
            code: "f = lambda a, b=None: a\n".to_owned(),
            checks: vec![],
            hidden_checks: vec![],
        };
        let arguments = |setup: &str| {
            let check = Check {
                setup: setup.to_owned(),
                ..Check::example("f(xs)", "1")
            };
            let lifted = lift(&candidate, &check).unwrap();
            let names = lifted.arguments.into_iter();
            (names.collect::<Vec<_>>(), lifted.check.given.len())
        };
        let watched = vec![("xs".to_owned(), "a".to_owned())];
        assert_eq!(arguments("xs = [1, 2]"), (watched, 1));
        assert_eq!(arguments("xs = [1]\nxs.append(2)"), (vec![], 0));
        assert_eq!(arguments("xs = (1, 2)"), (vec![], 0));
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
