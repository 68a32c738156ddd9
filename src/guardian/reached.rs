//! Gate 5: each check runs at least one line of the solution, measured while it ran, and enough of them run lines of what the
//! task asks for. A suite that tests a pasted copy, a helper or nothing falls here. Pure.
//!
//! Methods that Python writes for a data class, an enumeration or a named tuple are lines of no text. A check that runs no
//! others asks the entry point where it names it; that it is not met without it was tried on nothing-solutions.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use tree_sitter::Node;

use super::entry::{self, Shape};
use super::ruling::Ruling;
use super::syntax::{Source, named};
use super::trial::Trial;
use crate::dream::{Candidate, Check, CheckKind, Reason, Suite};

/// Fewest visible and hidden checks that run a line of what the task asks for: as many as there must be at all.
const VISIBLE_MIN: usize = 3;
const HIDDEN_MIN: usize = 2;

pub(super) fn rule(candidate: &Candidate, trials: &[Trial]) -> Ruling {
    let ground = Ground::of(candidate);
    let mut lines: BTreeSet<u32> = BTreeSet::new();
    let (mut visible, mut hidden) = (0, 0);
    for ((suite, check), trial) in candidate.all_checks().zip(trials) {
        let seen = &trial.observation.lines;
        if trial.traced && seen.is_empty() && !ground.is_asked_unseen(check) {
            return Ruling::Fail(
                Reason::CheckMissesSolution,
                format!("`{}` runs no line of the solution", check.call),
            );
        }
        if seen.is_empty() || seen.iter().any(|line| ground.holds(*line)) {
            match suite {
                Suite::Visible => visible += 1,
                Suite::Hidden => hidden += 1,
            }
        }
        lines.extend(seen);
    }
    let all = (candidate.checks.len(), candidate.hidden_checks.len());
    if visible < VISIBLE_MIN.min(all.0) || hidden < HIDDEN_MIN.min(all.1) {
        let detail = format!(
            "{visible} visible and {hidden} hidden checks run a line of `{}` or of what the task names; at least \
             {VISIBLE_MIN} and {HIDDEN_MIN}",
            candidate.scenario.entry_point
        );
        return Ruling::Fail(Reason::CheckMissesSolution, detail);
    }
    Ruling::Pass(format!("{} lines of the solution ran", lines.len()))
}

/// What the task asks for, in the solution's text.
#[derive(Debug)]
struct Ground {
    /// Its lines; `None` where the text does not show which they are.
    lines: Option<Vec<RangeInclusive<u32>>>,
    /// The entry point where it is a class with methods that its text does not hold.
    class: Option<String>,
}

/// A function or a class at the top level.
struct Defined<'s> {
    name: &'s str,
    node: Node<'s>,
    decorators: Vec<Node<'s>>,
}

impl Ground {
    fn of(candidate: &Candidate) -> Self {
        let mut ground = Self {
            lines: None,
            class: None,
        };
        let name = candidate.scenario.entry_point.as_str();
        let Some(source) = Source::parse(&candidate.code) else {
            return ground;
        };
        let Ok(entry) = entry::find(&source, name) else {
            return ground;
        };
        let all: Vec<Defined<'_>> = named(source.root())
            .into_iter()
            .filter_map(|statement| defined(&source, statement))
            .collect();
        let asked = [
            &candidate.scenario.task_prompt,
            &candidate.scenario.description,
        ];
        let words: HashSet<&str> = asked
            .into_iter()
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .collect();
        let registers = format!("@{name}.");
        let mut wanted: HashSet<&str> = all
            .iter()
            .filter(|one| {
                let mut decorators = one.decorators.iter();
                one.node == entry.node
                    || words.contains(one.name)
                    || decorators.any(|d| source.text_of(*d).starts_with(&registers))
            })
            .map(|one| one.name)
            .collect();
        // What wraps it or is the base of it is a part of it.
        loop {
            let before = wanted.len();
            let more: Vec<&str> = all
                .iter()
                .filter(|one| wanted.contains(one.name))
                .flat_map(|one| around(&source, one))
                .collect();
            wanted.extend(more);
            if wanted.len() == before {
                break;
            }
        }
        if entry.shape != Shape::Assigned {
            let mut lines = vec![lines_of(entry.node)];
            let others = all.iter().filter(|one| wanted.contains(one.name));
            lines.extend(others.map(|one| lines_of(one.node)));
            ground.lines = Some(lines);
        }
        let is_written_for = |one: &Defined<'_>| {
            one.node == entry.node
                && (!one.decorators.is_empty()
                    || one.node.child_by_field_name("superclasses").is_some())
        };
        if entry.shape == Shape::Class && all.iter().any(is_written_for) {
            ground.class = Some(name.to_owned());
        }
        ground
    }

    fn holds(&self, line: u32) -> bool {
        let lines = self.lines.as_ref();
        lines.is_none_or(|lines| lines.iter().any(|part| part.contains(&line)))
    }

    /// Whether a check that runs no line of the text asks the class all the same: by its name, or by that of an object which
    /// its setup made of it. A property says nothing of where its result comes from.
    fn is_asked_unseen(&self, check: &Check) -> bool {
        let (Some(class), Some(call)) = (&self.class, Source::parse(&check.call)) else {
            return false;
        };
        if matches!(check.kind, CheckKind::Property { .. }) {
            return false;
        }
        let used = names(&call, call.root());
        if used.contains(class.as_str()) {
            return true;
        }
        let Some(setup) = Source::parse(&check.setup) else {
            return false;
        };
        named(setup.root()).into_iter().any(|statement| {
            let assignment = statement.named_child(0);
            let side = |field: &str| {
                assignment
                    .filter(|a| a.kind() == "assignment")
                    .and_then(|a| a.child_by_field_name(field))
                    .map(|side| names(&setup, side))
                    .unwrap_or_default()
            };
            !side("left").is_disjoint(&used) && side("right").contains(class.as_str())
        })
    }
}

fn defined<'s>(source: &'s Source<'_>, statement: Node<'s>) -> Option<Defined<'s>> {
    let (node, decorators) = match statement.kind() {
        "decorated_definition" => {
            let parts = named(statement).into_iter();
            let decorators = parts.filter(|part| part.kind() == "decorator");
            (
                statement.child_by_field_name("definition")?,
                decorators.collect(),
            )
        }
        "function_definition" | "class_definition" => (statement, Vec::new()),
        _ => return None,
    };
    Some(Defined {
        name: source.text_of(node.child_by_field_name("name")?),
        node,
        decorators,
    })
}

/// Names in the decorators and among the bases of a definition.
fn around<'s>(source: &'s Source<'_>, one: &Defined<'s>) -> HashSet<&'s str> {
    let bases = one.node.child_by_field_name("superclasses");
    let parts = one.decorators.iter().copied().chain(bases);
    parts.flat_map(|part| names(source, part)).collect()
}

/// Names whose values an expression or a text asks for: neither attributes nor keywords.
fn names<'t>(source: &Source<'t>, node: Node<'_>) -> HashSet<&'t str> {
    let mut found = HashSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => {
                found.insert(source.text_of(node));
            }
            "attribute" => open.extend(node.child_by_field_name("object")),
            "keyword_argument" => open.extend(node.child_by_field_name("value")),
            _ => open.extend(named(node)),
        }
    }
    found
}

fn lines_of(node: Node<'_>) -> RangeInclusive<u32> {
    let line = |row: usize| u32::try_from(row + 1).unwrap_or(u32::MAX);
    line(node.start_position().row)..=line(node.end_position().row)
}

#[cfg(test)]
mod tests {
    use super::rule;
    use crate::dream::{
        Candidate, Check, CheckKind, Ending, Observation, Outcome, Reason, Scenario,
    };
    use crate::guardian::ruling::Ruling;
    use crate::guardian::trial::Trial;

    const HELPED: &str =
        "def _twice(x):\n    return x * 2\n\n\ndef f(xs):\n    return [_twice(x) for x in xs]\n";
    const BUOY: &str = "@dataclass\nclass f:\n    name: str\n\n    def size(self):\n        return len(self.name)\n";

    fn trial(lines: &[u32]) -> Trial {
        let mut observation = Observation::of(Ending::Exited(0), Outcome::Nothing);
        observation.lines = lines.to_vec();
        Trial {
            observation,
            holds: None,
            traced: true,
        }
    }

    /// Whether it passes, with these lines run by three visible checks and two hidden ones.
    #[track_caller]
    fn check(code: &str, task: &str, first: Check, lines: [&[u32]; 5], passes: bool) {
        let scenario = Scenario {
            entry_point: "f".to_owned(),
            task_prompt: task.to_owned(),
            ..Scenario::default()
        };
        let other = || Check::example("f(1)", "1");
        let candidate = Candidate {
            scenario,
            code: code.to_owned(),
            checks: vec![first, other(), other()],
            hidden_checks: vec![other(), other()],
        };
        let trials = lines.map(trial);
        let ruling = rule(&candidate, &trials);
        let misses = matches!(ruling, Ruling::Fail(Reason::CheckMissesSolution, _));
        assert_eq!(!misses, passes, "{code}: {ruling:?}");
    }

    #[test]
    fn checks_of_a_helper_alone_are_not_enough() {
        let first = || Check::example("f([])", "[]");
        let all: [&[u32]; 5] = [&[6]; 5];
        let helped: [&[u32]; 5] = [&[2], &[6], &[2, 6], &[6], &[6]];
        check(HELPED, "Write f(xs).", first(), all, true);
        check(HELPED, "Write f(xs).", first(), helped, false);
        check(HELPED, "Write f(xs) and _twice(x).", first(), helped, true);
        let hidden: [&[u32]; 5] = [&[6], &[6], &[6], &[2], &[6]];
        check(HELPED, "Write f(xs).", first(), hidden, false);
        let made = HELPED.replace(
            "def f(xs):\n    return [_twice(x) for x in xs]",
            "f = partial(_twice)",
        );
        check(&made, "Write f(xs).", first(), hidden, true);
        // What wraps it is a part of it, and so is what is registered with it.
        let wrapped = HELPED.replace("def f", "@_twice\ndef f");
        check(&wrapped, "Write f(xs).", first(), hidden, true);
        let registered =
            "@single\ndef f(x):\n    return x\n\n\n@f.register\ndef _(x: str):\n    return x * 2\n";
        let lines: [&[u32]; 5] = [&[3], &[8], &[8], &[8], &[8]];
        check(registered, "Write f(x).", first(), lines, true);
    }

    #[test]
    fn what_python_writes_for_a_class_counts_where_the_class_is_asked() {
        let lines: [&[u32]; 5] = [&[], &[6], &[6], &[6], &[6]];
        let with_setup = |call: &str, setup: &str| Check {
            setup: setup.to_owned(),
            ..Check::example(call, "1")
        };
        let raises = Check {
            kind: CheckKind::Raises {
                error: "AttributeError".to_owned(),
            },
            ..with_setup("setattr(w, 'name', 5)", "w = f('a')")
        };
        let holds = CheckKind::Property {
            holds: "result".to_owned(),
        };
        for (first, passes) in [
            (Check::example("repr(f('a'))", "'x'"), true),
            (raises, true),
            (with_setup("copy(1)", "def copy(x):\n    return x"), false),
            (with_setup("g.f(1)", "w = f('a')"), false),
            (with_setup("g(f=1)", "w = 3\nw.f = 4"), false),
            (Check::new("repr(f('a'))", holds), false),
        ] {
            check(BUOY, "Write f.", first, lines, passes);
        }
        let plain = BUOY.replace("@dataclass\n", "");
        let first = Check::example("repr(f('a'))", "'x'");
        check(
            &plain,
            "Write f.",
            first,
            [&[], &[5], &[5], &[5], &[5]],
            false,
        );
    }
}
