//! Gate 2: the checks are checks. Enough of them, each readable, none contradicting another, no setup that replaces the
//! solution. Pure; whether a check reaches the solution is measured later.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::form::is_identifier;
use super::reach::beyond;
use super::ruling::Ruling;
use super::split::{setup_holds_verdict, split};
use super::syntax::{Source, children, normal, only_expression};
use crate::dream::{Candidate, Check, CheckKind, Reason, Serve, Value, parse_literal};

/// Fewest different visible and hidden checks (the project's contract on gates).
const VISIBLE_MIN: usize = 3;
const HIDDEN_MIN: usize = 2;
/// Most checks of both suites: at 10 ms a run and six runs a check they take 12 s.
const CHECKS_MAX: usize = 200;

/// A check's server: more than any exercise needs, less than slows the runs of thirty mutants down.
const ROUTES_MAX: usize = 64;
const PATH_MAX: usize = 1_000;
const BODY_MAX: usize = 64 << 10;
const DELAY_MAX_MS: u64 = 2_000;

/// Names with which a setup could replace the solution unseen.
const SETUP_TRICKS: [&str; 6] = ["exec", "eval", "globals", "setattr", "delattr", "compile"];

type Wrong = (Reason, String);

pub(super) fn rule(candidate: &Candidate) -> Ruling {
    match examine(candidate) {
        Ok(detail) => Ruling::Pass(detail),
        Err((reason, detail)) => Ruling::Fail(reason, detail),
    }
}

fn examine(candidate: &Candidate) -> Result<String, Wrong> {
    if candidate.all_checks().count() > CHECKS_MAX {
        return Err((Reason::TooLarge, format!("more than {CHECKS_MAX} checks")));
    }
    for (_, check) in candidate.all_checks() {
        examine_one(candidate, check)?;
    }
    let visible: HashSet<_> = candidate
        .checks
        .iter()
        .map(|c| (subject(c), claim(c)))
        .collect();
    let seen: HashSet<_> = candidate.checks.iter().map(subject).collect();
    let hidden: HashSet<_> = candidate
        .hidden_checks
        .iter()
        .map(subject)
        .filter(|s| !seen.contains(s))
        .collect();
    if visible.len() < VISIBLE_MIN || hidden.len() < HIDDEN_MIN {
        let detail = format!(
            "{} different visible checks and {} hidden ones that repeat none; at least {VISIBLE_MIN} and {HIDDEN_MIN}",
            visible.len(),
            hidden.len()
        );
        return Err((Reason::TooFewChecks, detail));
    }
    contradictions(candidate)?;
    Ok(format!(
        "{} visible, {} hidden",
        visible.len(),
        hidden.len()
    ))
}

fn examine_one(candidate: &Candidate, check: &Check) -> Result<(), Wrong> {
    let bad = |what: String| Err((Reason::BadCheck, what));
    let apart = split(check.clone()).map_err(|e| (e.reason(), e.to_string()))?;
    if apart.kind != check.kind {
        return Err((
            Reason::VerdictInsideCall,
            format!("`{}` compares the result inside the call", check.call),
        ));
    }
    match &check.kind {
        CheckKind::Example { expect } => {
            if let Err(error) = parse_literal(expect) {
                return bad(format!("expect of `{}`: {error}", check.call));
            }
        }
        CheckKind::Raises { error } => {
            if !error.split('.').all(is_identifier) {
                return bad(format!("`{error}` does not name an exception"));
            }
        }
        CheckKind::Property { holds } => examine_holds(holds)?,
    }
    for (name, literal) in &check.given {
        if !is_identifier(name)
            || matches!(name.as_str(), "result" | "seen" | "base_url")
            || *name == candidate.scenario.entry_point
        {
            return bad(format!("`{name}` cannot be given"));
        }
        if let Err(error) = parse_literal(literal) {
            return bad(format!("given `{name}`: {error}"));
        }
    }
    if let Some(serve) = &check.serve {
        examine_serve(serve)?;
    }
    for text in [&check.setup, &check.call] {
        let source =
            Source::parse(text).ok_or((Reason::BadCheck, "cannot be parsed".to_owned()))?;
        if let Some((reason, what)) = beyond(&source, &candidate.scenario.libraries) {
            return Err((reason, format!("a check {what}")));
        }
    }
    examine_setup(&check.setup, &candidate.scenario.entry_point)
}

/// What a check's server answers, within what a test on loopback can need.
fn examine_serve(serve: &Serve) -> Result<(), Wrong> {
    let bad = |what: String| Err((Reason::BadCheck, what));
    if serve.routes.len() > ROUTES_MAX {
        return bad(format!("a server of more than {ROUTES_MAX} routes"));
    }
    for route in &serve.routes {
        let path = &route.path;
        let plain = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
        if !plain || path.len() > PATH_MAX {
            return bad(format!("`{path}` is no path of a server"));
        }
        if !(200..=599).contains(&route.status) {
            return bad(format!("`{path}` answers with status {}", route.status));
        }
        if route.body.len() > BODY_MAX || route.delay_ms > DELAY_MAX_MS {
            return bad(format!(
                "`{path}` answers more than {BODY_MAX} bytes or later than {DELAY_MAX_MS} ms"
            ));
        }
    }
    Ok(())
}

fn examine_holds(holds: &str) -> Result<(), Wrong> {
    let bad = |what: String| Err((Reason::BadCheck, what));
    let Some(source) = Source::parse(holds) else {
        return bad(format!("`{holds}` cannot be parsed"));
    };
    if only_expression(&source).is_none() {
        return bad(format!("`{holds}` is not one expression"));
    }
    let names_result = source
        .nodes()
        .iter()
        .any(|(n, _)| n.kind() == "identifier" && source.text_of(*n) == "result");
    if !names_result {
        return bad(format!("`{holds}` says nothing of the result"));
    }
    match beyond(&source, &[]) {
        Some((reason, what)) => Err((reason, format!("a check {what}"))),
        None => Ok(()),
    }
}

fn examine_setup(setup: &str, entry_point: &str) -> Result<(), Wrong> {
    let bad = |what: String| Err((Reason::BadCheck, what));
    let Some(source) = Source::parse(setup) else {
        return bad("a setup cannot be parsed".to_owned());
    };
    if let Some(line) = source.first_error_line() {
        return bad(format!("line {line} of a setup is not Python"));
    }
    if setup_holds_verdict(setup) {
        return Err((
            Reason::VerdictInsideCall,
            "a setup holds an expectation".to_owned(),
        ));
    }
    for (node, _) in source.nodes() {
        let text = source.text_of(node);
        if node.kind() == "identifier" && SETUP_TRICKS.contains(&text) {
            return bad(format!("a setup may not use `{text}`"));
        }
        let replaced = match node.kind() {
            "assignment"
            | "augmented_assignment"
            | "for_statement"
            | "named_expression"
            | "delete_statement"
            | "as_pattern_target"
            | "aliased_import"
            | "function_definition"
            | "class_definition"
            | "import_from_statement" => binds(&source, node, entry_point),
            _ => false,
        };
        if replaced {
            return bad(format!("a setup may not redefine `{entry_point}`"));
        }
    }
    Ok(())
}

/// Whether a binding statement binds `name` or a part of it (`name.x = …`, `name[0] = …`).
fn binds(source: &Source<'_>, node: tree_sitter::Node<'_>, name: &str) -> bool {
    let targets = match node.kind() {
        "assignment" | "augmented_assignment" | "for_statement" => {
            vec![node.child_by_field_name("left")]
        }
        "named_expression" | "function_definition" | "class_definition" => {
            vec![node.child_by_field_name("name")]
        }
        "aliased_import" => vec![node.child_by_field_name("alias")],
        "import_from_statement" => {
            let mut cursor = node.walk();
            node.children_by_field_name("name", &mut cursor)
                .map(Some)
                .collect()
        }
        _ => vec![Some(node)],
    };
    targets.into_iter().flatten().any(|target| {
        let mut open = vec![target];
        while let Some(node) = open.pop() {
            match node.kind() {
                "identifier" if source.text_of(node) == name => return true,
                "attribute" => open.extend(node.child_by_field_name("object")),
                "subscript" => open.extend(node.child_by_field_name("value")),
                "call" => {}
                _ => open.extend(super::syntax::named(node)),
            }
        }
        false
    })
}

/// What a check asks the solution, whatever it expects.
fn subject(check: &Check) -> (String, String, BTreeMap<&str, String>) {
    let mut given: BTreeMap<&str, String> = check
        .given
        .iter()
        .map(|(name, literal)| {
            let plain = parse_literal(literal).map_or_else(|_| literal.clone(), |v| v.to_literal());
            (name.as_str(), plain)
        })
        .collect();
    let (call, used) = plainly(&check.call, &given);
    // What was written into the call says nothing more; `f(x)` with x given as 1 asks what `f(1)` asks.
    given.retain(|name, _| !used.contains(*name));
    (normal(&check.setup), call, given)
}

/// A call with its literals in the one form that they have and given names replaced by their literals.
fn plainly(call: &str, given: &BTreeMap<&str, String>) -> (String, HashSet<String>) {
    let mut used = HashSet::new();
    let Some(source) = Source::parse(call) else {
        return (normal(call), used);
    };
    let mut words = Vec::new();
    let mut open = vec![source.root()];
    while let Some(node) = open.pop() {
        let text = source.text_of(node);
        let is_keyword = node.parent().is_some_and(|p| {
            p.kind() == "keyword_argument" && p.child_by_field_name("name") == Some(node)
                || p.kind() == "attribute" && p.child_by_field_name("attribute") == Some(node)
        });
        if node.kind() == "comment" {
        } else if node.kind() == "identifier"
            && !is_keyword
            && let Some(literal) = given.get(text)
        {
            used.insert(text.to_owned());
            words.push(literal.clone());
        } else if node.is_named()
            && !matches!(node.kind(), "identifier" | "argument_list")
            && let Ok(value) = parse_literal(text)
        {
            words.push(value.to_literal());
        } else if node.child_count() == 0 || node.kind() == "string" {
            words.push(text.to_owned());
        } else {
            open.extend(children(node).into_iter().rev());
        }
    }
    (words.join(" "), used)
}

/// What it expects.
fn claim(check: &Check) -> String {
    match &check.kind {
        CheckKind::Example { expect } => {
            parse_literal(expect).map_or_else(|_| expect.clone(), |v| v.to_literal())
        }
        CheckKind::Raises { error } => format!("raises {error}"),
        CheckKind::Property { holds } => format!("holds {}", normal(holds)),
    }
}

fn contradictions(candidate: &Candidate) -> Result<(), Wrong> {
    let mut known: HashMap<_, (&Check, Option<Value>)> = HashMap::new();
    for (_, check) in candidate.all_checks() {
        let expected = match &check.kind {
            CheckKind::Example { expect } => parse_literal(expect).ok(),
            CheckKind::Raises { .. } => None,
            CheckKind::Property { .. } => continue,
        };
        let Some((first, before)) = known.get(&subject(check)) else {
            known.insert(subject(check), (check, expected));
            continue;
        };
        let agree = match (before, &expected) {
            (Some(a), Some(b)) => a.equals(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !agree {
            let detail = format!(
                "`{}` is expected to be {} and {}",
                check.call,
                claim(first),
                claim(check)
            );
            return Err((Reason::ContradictingChecks, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
