//! Solutions that solve nothing, in the shape of the real one: the checks must tell each of them from a solution. Pure;
//! the gate on nothing-solutions runs them.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::bench::readable;
use super::entry::Shape;
use super::syntax::{Source, only_expression};
use crate::dream::{Candidate, Check, CheckKind, Value, class_name, parse_literal};

/// Most constants and most echoed arguments that are tried: more differ in nothing.
const CONSTANTS_MAX: usize = 4;
const ECHOES_MAX: usize = 3;
const ERRORS_MAX: usize = 2;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct StandIn {
    /// As a person reads it: "returns None".
    pub(super) name: String,
    pub(super) code: String,
    /// The checks that it is sure to meet, by position in both suites: they are asked last.
    pub(super) meets: HashSet<usize>,
}

pub(super) fn stand_ins(candidate: &Candidate, shape: &Shape) -> Vec<StandIn> {
    let name = candidate.scenario.entry_point.as_str();
    let checks: Vec<&Check> = candidate.all_checks().map(|(_, check)| check).collect();
    let mut all = vec![plain("an empty module", String::new())];
    let mut values: Vec<Value> = vec![Value::None];
    for check in &checks {
        if let CheckKind::Example { expect } = &check.kind {
            let value = parse_literal(expect).unwrap_or(Value::None);
            if values.len() <= CONSTANTS_MAX && !values.iter().any(|v| v.equals(&value)) {
                values.push(value);
            }
        }
    }
    // What is empty meets every "for all" and is a part of everything, where a check looks at more than the result.
    if checks.iter().any(|check| !is_direct(check, name)) {
        let empty = [
            Value::Str(String::new()),
            Value::List(Vec::new()),
            Value::Dict(Vec::new()),
            Value::Set(Vec::new()),
            Value::Int("0".to_owned()),
            Value::Bool(true),
            Value::Bool(false),
        ];
        let new = |value: &Value| !values.iter().any(|v| v.equals(value));
        let empty: Vec<Value> = empty.into_iter().filter(new).collect();
        values.extend(empty);
    }
    for value in values {
        let literal = value.to_literal();
        let meets = checks
            .iter()
            .enumerate()
            .filter(|(_, check)| expects(check, &value))
            .map(|(at, _)| at);
        all.push(StandIn {
            name: format!("returns {literal} always"),
            code: shaped(name, shape, &format!("return {literal}")),
            meets: meets.collect(),
        });
    }
    let errors: Vec<_> = checks.iter().filter_map(|check| raised(check)).collect();
    for error in dedup(errors).into_iter().take(ERRORS_MAX) {
        let body = format!("raise {error}()");
        let meets = checks
            .iter()
            .enumerate()
            .filter(|(_, check)| raised(check) == Some(error))
            .map(|(at, _)| at);
        all.push(StandIn {
            name: format!("raises {error} always"),
            code: shaped(name, shape, &body),
            meets: meets.collect(),
        });
    }
    for at in 0..echoes(candidate, shape).min(ECHOES_MAX) {
        let body = format!(
            "values = [*args, *kwargs.values()]\n    return values[{at}] if len(values) > {at} else None"
        );
        all.push(plain(
            &format!("returns its argument {}", at + 1),
            shaped(name, shape, &body),
        ));
    }
    match shape {
        Shape::Function { is_async, .. } => all.extend(table(name, *is_async, &candidate.checks)),
        Shape::Assigned => all.extend(table(name, false, &candidate.checks)),
        Shape::Class => {}
    }
    all
}

/// How many arguments can be echoed: what the definition names, or what the checks pass (`*args` names nothing).
fn echoes(candidate: &Candidate, shape: &Shape) -> usize {
    let passed = |check: &Check| {
        let source = Source::parse(&check.call)?;
        let calls = source.nodes().into_iter().map(|(n, _)| n);
        calls
            .filter(|n| n.kind() == "call")
            .filter_map(|n| n.child_by_field_name("arguments"))
            .map(|list| list.named_child_count())
            .max()
    };
    let passed = candidate
        .all_checks()
        .filter_map(|(_, check)| passed(check));
    let named = match shape {
        Shape::Function { parameters, .. } => parameters.len(),
        Shape::Class | Shape::Assigned => 0,
    };
    named.max(passed.max().unwrap_or(0))
}

/// Whether a check expects a value of the entry point's call itself, not of what is made of it.
pub(super) fn is_direct(check: &Check, name: &str) -> bool {
    matches!(check.kind, CheckKind::Example { .. })
        && Source::parse(&check.call).is_some_and(|source| {
            only_expression(&source)
                .filter(|top| top.kind() == "call")
                .and_then(|top| top.child_by_field_name("function"))
                .is_some_and(|function| source.text_of(function) == name)
        })
}

/// Solutions whose answers have nothing in common with each other or with a real one.
pub(super) fn odd_ones(candidate: &Candidate, shape: &Shape) -> Vec<StandIn> {
    let name = candidate.scenario.entry_point.as_str();
    // One of them also changes what it is given and calls what can be called: a check may look at that instead of the
    // result. Never with a number alone, which something may wait for.
    let meddling = "for value in [*args, *kwargs.values()]:\n        \
                    for how, what in (('append', ('zq', 7919)), ('append', 79), ('add', ('zq', 7919)), \
                    ('update', {'zq': 7919}), ('__call__', 'zq'), ('__call__', None)):\n            \
                    try:\n                \
                    getattr(value, how)(*[what] * (what is not None))\n            \
                    except Exception:\n                pass\n    return -7919";
    let returns = ["return 'zq'", "return [(None,)]", "return None"];
    let mut odd: Vec<StandIn> = std::iter::once(meddling)
        .chain(returns)
        .map(|body| plain("answers oddly", shaped(name, shape, body)))
        .collect();
    if *shape == Shape::Class {
        // Objects are true, not empty and unlike each other by themselves; these are not.
        let own = "    def __bool__(self):\n        return False\n    def __len__(self):\n        return 0\n    \
                   def __eq__(self, other):\n        return True\n    def __hash__(self):\n        return 0\n    \
                   def __iter__(self):\n        return iter(())\n";
        let code = shaped(name, shape, "return None");
        odd.push(plain(
            "is empty",
            code.replace("\n\ndef _method", &format!("\n{own}\ndef _method")),
        ));
    }
    odd
}

/// The solution with its entry point giving an object that says yes to every comparison, and one that knows nothing of
/// comparisons. A check that the first meets and the second does not compares inside its call.
///
/// Differences and quotients are what they are of equal numbers, and its text finds in itself what is looked for. Its length, its
/// place in a list and its remainder are data: where all checks ask for these alone, a constant meets them too.
pub(super) fn flatterer(candidate: &Candidate, shape: &Shape) -> [StandIn; 2] {
    let name = candidate.scenario.entry_point.as_str();
    let methods = "    def _yes(self, *_):\n        return True\n    \
                   __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _yes\n    \
                   def _none(self, *_):\n        return 0\n    \
                   __sub__ = __rsub__ = __xor__ = __rxor__ = _none\n    \
                   def _once(self, *_):\n        return 1\n    \
                   __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = _once\n    \
                   def __divmod__(self, other):\n        return (1, 0)\n    \
                   def __hash__(self):\n        return 0\n    \
                   def partition(self, wanted):\n        return (self, wanted, self)\n    \
                   rpartition = partition\n    \
                   def __str__(self, *_):\n        return _Found()\n    \
                   __repr__ = __format__ = __str__\n\n\
                   class _Found(str):\n    \
                   def partition(self, wanted):\n        return (self, wanted, self)\n    \
                   rpartition = partition\n";
    [methods, "    pass\n"].map(|body| {
        let given = shaped(name, shape, "return _Given()");
        plain(
            "flatters",
            format!("{}\n\nclass _Given:\n{body}\n{given}", candidate.code),
        )
    })
}

fn plain(name: &str, code: String) -> StandIn {
    StandIn {
        name: name.to_owned(),
        code,
        meets: HashSet::new(),
    }
}

fn shaped(name: &str, shape: &Shape, body: &str) -> String {
    match shape {
        Shape::Function { is_async: true, .. } => {
            format!("async def {name}(*args, **kwargs):\n    {body}\n")
        }
        Shape::Function {
            is_async: false, ..
        }
        | Shape::Assigned => {
            format!("def {name}(*args, **kwargs):\n    {body}\n")
        }
        // Every method does it; the constructor does nothing.
        Shape::Class => format!(
            "class {name}:\n    def __init__(self, *args, **kwargs):\n        pass\n    def __getattr__(self, wanted):\n        \
             if wanted.startswith('__'):\n            raise AttributeError(wanted)\n        return _method\n\n\
             def _method(*args, **kwargs):\n    {body}\n"
        ),
    }
}

/// The visible examples by heart, found by the arguments' text.
fn table(name: &str, is_async: bool, visible: &[Check]) -> Option<StandIn> {
    let mut rows = String::new();
    let mut meets = HashSet::new();
    for (at, check) in visible.iter().enumerate() {
        let (CheckKind::Example { expect }, Some(arguments)) =
            (&check.kind, arguments(&check.call, name))
        else {
            continue;
        };
        let Ok(value) = parse_literal(expect) else {
            continue;
        };
        let quote = |text: &str| Value::Str(text.to_owned()).to_literal();
        let given: Vec<_> = readable(&check.given)
            .iter()
            .map(|(name, literal)| format!("{}: {literal}", quote(name)))
            .collect();
        let _ = writeln!(
            rows,
            "_learn({}, {{{}}}, {}, {})",
            quote(&check.setup),
            given.join(", "),
            quote(&format!("_key({arguments}\n)")),
            value.to_literal()
        );
        meets.insert(at);
    }
    if meets.is_empty() {
        return None;
    }
    let word = if is_async { "async def" } else { "def" };
    let code = format!(
        "import copy\n_rows = {{}}\ndef _key(*args, **kwargs):\n    return repr((args, sorted(kwargs.items())))\n\
         def _learn(setup, given, call, value):\n    try:\n        scope = {{'_key': _key}}\n        exec(setup, scope)\n        \
         scope.update(given)\n        _rows[eval(call, scope)] = value\n    except Exception:\n        pass\n{rows}\
         {word} {name}(*args, **kwargs):\n    return copy.deepcopy(_rows.get(_key(*args, **kwargs)))\n"
    );
    Some(StandIn {
        name: "knows the visible examples by heart".to_owned(),
        code,
        meets,
    })
}

/// The text between the parentheses of the first call of `name`.
fn arguments(call: &str, name: &str) -> Option<String> {
    let source = Source::parse(call)?;
    only_expression(&source)?;
    let calls = source.nodes().into_iter().map(|(n, _)| n).find(|n| {
        n.kind() == "call"
            && n.child_by_field_name("function")
                .is_some_and(|f| source.text_of(f) == name)
    })?;
    let text = source.text_of(calls.child_by_field_name("arguments")?);
    text.strip_prefix('(')?.strip_suffix(')').map(str::to_owned)
}

fn expects(check: &Check, value: &Value) -> bool {
    match &check.kind {
        CheckKind::Example { expect } => {
            parse_literal(expect).is_ok_and(|expected| expected.equals(value))
        }
        CheckKind::Raises { .. } | CheckKind::Property { .. } => false,
    }
}

fn raised(check: &Check) -> Option<&str> {
    match &check.kind {
        CheckKind::Raises { error } => Some(class_name(error)),
        CheckKind::Example { .. } | CheckKind::Property { .. } => None,
    }
}

fn dedup(items: Vec<&str>) -> Vec<&str> {
    let mut seen = HashSet::new();
    items
        .into_iter()
        .filter(|item| seen.insert(*item))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{arguments, flatterer, odd_ones, stand_ins};
    use crate::dream::{Candidate, Check, CheckKind, Scenario};
    use crate::guardian::entry::Shape;
    use crate::guardian::syntax::Source;

    #[test]
    fn arguments_are_taken_from_the_call() {
        assert_eq!(arguments("f(1, [2, 3])", "f").as_deref(), Some("1, [2, 3]"));
        assert_eq!(arguments("sorted(f(')'))", "f").as_deref(), Some("')'"));
        assert_eq!(arguments("g(1)", "f"), None);
    }

    #[test]
    fn every_stand_in_is_python() {
        let example = |call: &str, expect: &str| Check {
            setup: "x = 1
y = '''a
b'''"
                .to_owned(),
            given: [("a".to_owned(), "nan".to_owned())].into(),
            ..Check::example(call, expect)
        };
        let raises = Check {
            kind: CheckKind::Raises {
                error: "ValueError".to_owned(),
            },
            ..example("f(-1)", "")
        };
        let candidate = Candidate {
            scenario: Scenario {
                entry_point: "f".to_owned(),
                ..Scenario::default()
            },
            code: String::new(),
            checks: vec![
                example("f(a, 'it\\'s')", "[1]"),
                example("f(x)", "'a\\nb'"),
                raises,
            ],
            hidden_checks: vec![example("f(3)", "nan")],
        };
        let function = Shape::Function {
            is_async: false,
            parameters: vec!["a".into(), "b".into()],
        };
        let coroutine = Shape::Function {
            is_async: true,
            parameters: vec![],
        };
        for shape in [function, coroutine, Shape::Class, Shape::Assigned] {
            let all = stand_ins(&candidate, &shape);
            assert!(all.len() >= 5, "{shape:?}");
            let others = odd_ones(&candidate, &shape).into_iter();
            for stand_in in others.chain(flatterer(&candidate, &shape)).chain(all) {
                let source = Source::parse(&stand_in.code).unwrap();
                assert_eq!(
                    source.first_error_line(),
                    None,
                    "{}:\n{}",
                    stand_in.name,
                    stand_in.code
                );
            }
        }
    }
}
