//! Rewrites a call so that what it changes can be seen: literal arguments of the entry point become given names. Pure;
//! the gate on steadiness runs what comes out.

use std::collections::{BTreeMap, HashSet};

use tree_sitter::Node;

use super::bench::readable;
use super::entry::{self, Positions, Shape};
use super::split::is_plain;
use super::syntax::{Source, bare, identifiers, named, only_expression};
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
    // An object may rightly keep, and change, what a setup made for it.
    if found.shape == Shape::Class {
        return of_methods(&code, found.node, name, plain);
    }
    let parameters = Positions::of_entry(&code, &found);
    // A server counts what it is asked: twice is another thing than once.
    if !check.setup.trim().is_empty() || check.serve.is_some() {
        return of_methods(&code, code.root(), name, check);
    }
    let source = Source::parse(&check.call)?;
    only_expression(&source)?;
    let call = the_call_of(&source, name)?;
    let mut lifted = Lifted {
        check: check.clone(),
        arguments: BTreeMap::new(),
        twice: true,
    };
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for (at, (parameter, value)) in arguments_of(&source, call, &parameters)?
        .into_iter()
        .enumerate()
    {
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
    forget_watched(&source, call, check, &mut lifted);
    for (range, new) in edits.into_iter().rev() {
        lifted.check.call.replace_range(range, &new);
    }
    lifted.check.setup = first_call(&lifted.check);
    Some(lifted)
}

/// An argument that a check builds for itself, `list(range(3))` in its call or by several statements of its setup: what it
/// is before the entry point has had it, and after.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Built {
    pub(super) parameter: String,
    pub(super) before: Check,
    pub(super) after: Check,
}

/// The arguments that a call builds of literals and built-in functions alone, and those that its setup builds: two runs
/// tell whether one was changed.
pub(super) fn built(candidate: &Candidate, check: &Check) -> Vec<Built> {
    built_by(candidate, &with_literals_given(check)).unwrap_or_default()
}

fn built_by(candidate: &Candidate, check: &Check) -> Option<Vec<Built>> {
    let name = &candidate.scenario.entry_point;
    let code = Source::parse(&candidate.code)?;
    let found = entry::find(&code, name).ok()?;
    if found.shape == Shape::Class || check.serve.is_some() {
        return None;
    }
    let parameters = Positions::of_entry(&code, &found);
    let setup = Source::parse(&check.setup)?;
    let bound = bound_by(&setup);
    let source = Source::parse(&check.call)?;
    only_expression(&source)?;
    let call = the_call_of(&source, name)?;
    let asking = |call: String| Check {
        setup: check.setup.clone(),
        given: check.given.clone(),
        ..Check::example(call, "None")
    };
    let of = |(parameter, value): (String, Node<'_>)| {
        let text = source.text_of(value);
        if value.kind() == "identifier" {
            // Named twice, the check has its own say about changes.
            let ours = bound.contains(text) && !check.given.contains_key(text);
            return (ours && times(&source, text) == 1).then(|| Built {
                parameter,
                before: asking(text.to_owned()),
                after: asking(format!("[{}, {text}][1]", check.call)),
            });
        }
        let is_built = !matches!(value.kind(), "lambda" | "generator_expression")
            && parse_literal(text).is_err()
            && is_plain(&source, value, &HashSet::new());
        is_built.then(|| {
            let mut whole = check.call.clone();
            whole.replace_range(value.byte_range(), "_argument");
            Built {
                parameter,
                before: asking(text.to_owned()),
                after: asking(format!(
                    "(lambda _argument: [{whole}, _argument])({text})[1]"
                )),
            }
        })
    };
    let passed = arguments_of(&source, call, &parameters)?;
    Some(passed.into_iter().filter_map(of).collect())
}

/// Names that the statements of a setup bind to values at its top level.
fn bound_by<'s>(setup: &'s Source<'_>) -> HashSet<&'s str> {
    let statements = named(setup.root()).into_iter();
    let assignments = statements
        .filter(|statement| statement.kind() == "expression_statement")
        .filter_map(|statement| statement.named_child(0))
        .filter(|inner| inner.kind() == "assignment");
    let targets = assignments.filter_map(|assignment| assignment.child_by_field_name("left"));
    targets
        .flat_map(identifiers)
        .map(|name| setup.text_of(name))
        .collect()
}

/// How often a text names something.
fn times(source: &Source<'_>, name: &str) -> usize {
    let nodes = source.nodes().into_iter().map(|(node, _)| node);
    nodes
        .filter(|node| node.kind() == "identifier" && source.text_of(*node) == name)
        .count()
}

/// The only call of a function in an expression.
fn the_call_of<'s>(source: &'s Source<'_>, name: &str) -> Option<Node<'s>> {
    let nodes = source.nodes().into_iter().map(|(node, _)| node);
    let mut calls = nodes.filter(|node| is_call_of(source, *node, name));
    calls.next().filter(|_| calls.next().is_none())
}

/// What a call passes, with the parameters' names. What stands behind a star is passed one by one where it is written out,
/// and else watched as a whole.
fn arguments_of<'s>(
    source: &Source<'_>,
    call: Node<'s>,
    parameters: &Positions,
) -> Option<Vec<(String, Node<'s>)>> {
    let mut passed = Vec::new();
    let (mut at, mut counted) = (0, true);
    for argument in named(call.child_by_field_name("arguments")?) {
        match argument.kind() {
            "keyword_argument" => {
                let name = argument.child_by_field_name("name")?;
                let value = argument.child_by_field_name("value")?;
                passed.push((source.text_of(name).to_owned(), value));
            }
            "dictionary_splat" => {
                let held = bare(argument.named_child(0)?);
                for pair in named(held).into_iter().filter(|n| n.kind() == "pair") {
                    let key = pair.child_by_field_name("key")?;
                    let value = pair.child_by_field_name("value")?;
                    if let Ok(Value::Str(name)) = parse_literal(source.text_of(key)) {
                        passed.push((name, value));
                    }
                }
            }
            "list_splat" => {
                let held = bare(argument.named_child(0)?);
                let items = match held.kind() {
                    "list" | "tuple" => named(held),
                    // Nobody knows which parameters its items are, nor those behind it.
                    _ => {
                        counted = false;
                        vec![held]
                    }
                };
                for item in items {
                    passed.push((parameters.name(at), item));
                    at += 1;
                }
            }
            _ if counted => {
                passed.push((parameters.name(at), argument));
                at += 1;
            }
            _ => {}
        }
    }
    Some(passed)
}

/// The check with what its setup binds to a literal given by name instead, where the setup says nothing else of it: then
/// a change of it is seen.
fn with_literals_given(check: &Check) -> Check {
    let mut check = check.clone();
    let setup = check.setup.clone();
    let Some(source) = Source::parse(&setup) else {
        return check;
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
            && times(&source, name) == 1
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
                let parameter = parameters.name(at);
                lifted.arguments.insert(text.to_owned(), parameter);
            }
        }
    }
    // Named twice, it is passed and then looked at: the check has its own say about changes.
    lifted.arguments.retain(|name, _| times(&source, name) == 1);
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

pub(super) fn can_change(value: &Value) -> bool {
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
mod tests;
