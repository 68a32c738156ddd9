//! Gate 2: the checks are checks. Enough of them, each readable, none contradicting another, no setup that replaces the
//! solution. Pure; whether a check reaches the solution is measured later.

mod fold;
mod idle;
mod subject;
mod touch;

use std::collections::{HashMap, HashSet};

use super::form::is_identifier;
use super::reach::beyond;
use super::ruling::Ruling;
use super::spelling::misleading;
use super::split::{setup_holds_verdict, split};
use super::syntax::{Source, normal, only_expression};
use crate::dream::{Candidate, Check, CheckKind, Reason, Serve, Value, parse_literal};
use subject::Signatures;
use touch::Solution;

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
    let solution = Solution::of(&candidate.code, &candidate.scenario.entry_point);
    for (_, check) in candidate.all_checks() {
        examine_one(candidate, &solution, check)?;
    }
    let signatures = Signatures::of(&candidate.code);
    let subject = |check: &Check| signatures.subject(check);
    let visible: HashSet<_> = candidate.checks.iter().map(subject).collect();
    let hidden: HashSet<_> = candidate
        .hidden_checks
        .iter()
        .map(subject)
        .filter(|s| !visible.contains(s))
        .collect();
    if visible.len() < VISIBLE_MIN || hidden.len() < HIDDEN_MIN {
        let detail = format!(
            "{} different visible checks and {} hidden ones that repeat none; at least {VISIBLE_MIN} and {HIDDEN_MIN}",
            visible.len(),
            hidden.len()
        );
        return Err((Reason::TooFewChecks, detail));
    }
    contradictions(candidate, &signatures)?;
    Ok(format!(
        "{} visible, {} hidden",
        visible.len(),
        hidden.len()
    ))
}

fn examine_one(candidate: &Candidate, solution: &Solution, check: &Check) -> Result<(), Wrong> {
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
    examine_setup(&check.setup)?;
    let mut solution = solution.clone();
    for (place, text) in [("setup", &check.setup), ("call", &check.call)] {
        let alone = Source::parse(text).ok_or((Reason::BadCheck, "cannot be parsed".to_owned()))?;
        if let Some(what) = misleading(&alone) {
            return bad(format!("a {place} {what}"));
        }
        if let Some(what) = solution.touched_by(&alone) {
            return bad(format!("a {place} may not {what}"));
        }
        // With what the solution imports in front: its modules are not the check's to change.
        let text = format!("{}{}", solution.imports, text.trim_start());
        if let Some(whole) = Source::parse(&text)
            && let Some((reason, what)) = beyond(&whole, &candidate.scenario.libraries)
        {
            return Err((reason, format!("a check {what}")));
        }
    }
    Ok(())
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
    if let Some(what) = misleading(&source) {
        return bad(format!("a property {what}"));
    }
    match beyond(&source, &[]) {
        Some((reason, what)) => Err((reason, format!("a check {what}"))),
        None => Ok(()),
    }
}

fn examine_setup(setup: &str) -> Result<(), Wrong> {
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
    Ok(())
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

/// Of the checks that ask what `check` asks: each value that an example expects, with each property that is claimed of
/// it. A property decides elsewhere whether the two can both be right.
pub(super) fn claims_beside<'c>(
    candidate: &'c Candidate,
    check: &Check,
) -> Vec<(Value, &'c Check, &'c str)> {
    let signatures = Signatures::of(&candidate.code);
    let subject = signatures.subject(check);
    let beside = candidate.all_checks().map(|(_, other)| other);
    let beside: Vec<&Check> = beside
        .filter(|other| signatures.subject(other) == subject)
        .collect();
    let expected = beside.iter().filter_map(|other| match &other.kind {
        CheckKind::Example { expect } => parse_literal(expect).ok(),
        CheckKind::Raises { .. } | CheckKind::Property { .. } => None,
    });
    let mut claims = Vec::new();
    for value in expected {
        for other in &beside {
            if let CheckKind::Property { holds } = &other.kind {
                claims.push((value.clone(), *other, holds.as_str()));
            }
        }
    }
    claims
}

fn contradictions(candidate: &Candidate, signatures: &Signatures) -> Result<(), Wrong> {
    let mut known: HashMap<_, (&Check, Option<Value>)> = HashMap::new();
    for (_, check) in candidate.all_checks() {
        let expected = match &check.kind {
            CheckKind::Example { expect } => parse_literal(expect).ok(),
            CheckKind::Raises { .. } => None,
            CheckKind::Property { .. } => continue,
        };
        let subject = signatures.subject(check);
        let Some((first, before)) = known.get(&subject) else {
            known.insert(subject, (check, expected));
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
