//! A definition and its examples become a task; pure.

use std::collections::HashSet;
use std::fmt::Write;

use super::examples::{Example, Stream, Told};
use super::module::{Definition, Module, Program};
use super::{LEAST_EXAMPLES, SourceTask};
use crate::dream::{Check, CheckKind, Difficulty, Document, Origin, Scenario, Source};
use crate::pack::key_of;

/// Checks of one task; more examples than this prove nothing more.
const MOST_CHECKS: usize = 40;
/// Visible examples that the prompt shows, and bytes of them: one may hold a whole file.
const MOST_SHOWN: usize = 5;
const MOST_SHOWN_BYTES: usize = 1_500;
/// Prose in a prompt, in characters; a section may go on about other things.
const MOST_PROSE: usize = 1_500;
/// Prose shorter than this does not say what to do.
const LEAST_PROSE: usize = 12;
/// Definitions of one section that its prose may be taken to describe.
const MOST_TOGETHER: usize = 3;
/// Longest title and description, in characters.
const MOST_TITLE: usize = 80;
const MOST_DESCRIPTION: usize = 300;

/// Where the examples stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) document: &'a Document,
    pub(super) module: &'a Module,
    pub(super) libraries: &'a [String],
    /// What the document has imported up to here.
    pub(super) known: &'a Stream,
    /// Lines of the section; `None`: the definition's own lines.
    pub(super) lines: Option<(u32, u32)>,
    pub(super) title: &'a str,
    /// The section's prose, for definitions whose docstring says nothing.
    pub(super) prose: &'a str,
}

/// The tasks whose solution the document holds.
pub(super) fn proven(context: &Context, examples: &[Example]) -> Vec<SourceTask> {
    let defined = context.module.defined();
    let mut tasks = Vec::new();
    let mut seen = HashSet::new();
    for definition in context.module.definitions.iter().rev() {
        // The last definition of a name is the one that counts.
        if !seen.insert(definition.name.as_str()) || definition.name.starts_with("test") {
            continue;
        }
        let own: Vec<&Example> = examples
            .iter()
            .filter(|e| is_about(e, &definition.name, &defined))
            .collect();
        let checks = checks_of(&own);
        if checks.is_empty() {
            continue;
        }
        if let Some(program) = context
            .module
            .program(definition, context.known, context.libraries)
        {
            tasks.extend(task(context, definition, program, checks));
        }
    }
    tasks.reverse();
    tasks
}

/// True where an example needs the name from the solution, and nothing else from the module or from anywhere.
pub(super) fn is_about(example: &Example, name: &str, defined: &HashSet<&str>) -> bool {
    example.needs.len() == 1
        && example.needs.contains(name)
        && !example
            .uses
            .iter()
            .any(|u| u != name && defined.contains(u.as_str()))
}

fn task(
    context: &Context,
    definition: &Definition,
    program: Program,
    checks: Vec<Check>,
) -> Option<SourceTask> {
    // A section about a few definitions says what its docstrings leave out; one about many is about something else.
    let around = if context.module.definitions.len() <= MOST_TOGETHER {
        context.prose
    } else {
        ""
    };
    let prose = match (around, definition.prose.as_str()) {
        (around, "") => around.to_owned(),
        ("", own) => own.to_owned(),
        (around, own) => format!("{around}\n\n{own}"),
    };
    let prose = clipped(&prose, MOST_PROSE);
    if prose.len() < LEAST_PROSE {
        return None;
    }
    let calls: Vec<String> = checks
        .iter()
        .map(|c| format!("{}\n{}", c.setup, c.call))
        .collect();
    let key = key_of(&["source", &definition.name, &program.code, &calls.join("\n")]);
    let (visible, hidden) = split(checks);
    let what = if definition.is_class {
        "class"
    } else {
        "function"
    };
    let mut prompt = format!(
        "Write a Python {what} `{}`:\n\n```python\n{}\n```\n\n{prose}\n",
        definition.name, definition.signature
    );
    prompt.push_str(&shown(&visible));
    let documented = definition.prose.len() >= LEAST_PROSE;
    let summary = first_sentence(if documented {
        &definition.prose
    } else {
        &prose
    });
    let title = if documented || context.title.is_empty() {
        &summary
    } else {
        context.title
    };
    let lines = context.lines.unwrap_or(definition.lines);
    Some(SourceTask {
        scenario: Scenario {
            title: clipped(&format!("{}: {title}", definition.name), MOST_TITLE),
            description: clipped(&summary, MOST_DESCRIPTION),
            task_prompt: prompt,
            difficulty: difficulty(definition, &program),
            libraries: program.libraries,
            test_cases: in_words(&visible),
            entry_point: definition.name.clone(),
            in_place: Vec::new(),
        },
        solution: Some(program.code),
        checks: visible,
        hidden_checks: hidden,
        reference: None,
        source: source_of(context.document, lines),
        key,
    })
}

/// One concept where the code hardly branches; four and more where it branches much or leans on other definitions.
fn difficulty(definition: &Definition, program: &Program) -> Difficulty {
    let weight = definition.branches + 3 * program.definitions.saturating_sub(1);
    match weight {
        0..=3 => Difficulty::Simple,
        4..=8 => Difficulty::Medium,
        _ => Difficulty::Complex,
    }
}

/// Distinct checks; examples that contradict each other are all left out.
pub(super) fn checks_of(examples: &[&Example]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    let mut contradicted: Vec<(String, String)> = Vec::new();
    for example in examples {
        let check = check_of(example);
        match checks
            .iter()
            .find(|c| c.call == check.call && c.setup == check.setup)
        {
            Some(before) if before.kind == check.kind => {}
            Some(_) => contradicted.push((check.setup, check.call)),
            None => checks.push(check),
        }
    }
    checks.retain(|c| {
        !contradicted
            .iter()
            .any(|(setup, call)| *setup == c.setup && *call == c.call)
    });
    checks.truncate(MOST_CHECKS);
    checks
}

fn check_of(example: &Example) -> Check {
    let kind = match &example.told {
        Told::Value(value) => CheckKind::Example {
            expect: value.clone(),
        },
        Told::Raises(class) => CheckKind::Raises {
            error: class.clone(),
        },
    };
    Check {
        kind,
        setup: example.setup.clone(),
        call: example.call.clone(),
        given: std::collections::BTreeMap::new(),
        origin: Origin::Source,
        max_ms: None,
        serve: None,
    }
}

/// The second and fourth of every five are hidden: authors begin with the plain cases and end with the odd ones, so
/// both suites get both.
pub(super) fn split(checks: Vec<Check>) -> (Vec<Check>, Vec<Check>) {
    let (mut visible, mut hidden) = (Vec::new(), Vec::new());
    for (index, check) in checks.into_iter().enumerate() {
        if matches!(index % LEAST_EXAMPLES, 1 | 3) {
            hidden.push(check);
        } else {
            visible.push(check);
        }
    }
    (visible, hidden)
}

/// Shares `answers` of the real thing out among a scenario's suites and shows the visible ones in its prompt, where it
/// shows none yet.
#[must_use]
pub fn with_answers(scenario: &mut Scenario, answers: Vec<Check>) -> (Vec<Check>, Vec<Check>) {
    let (visible, hidden) = split(answers);
    if scenario.test_cases.is_empty() && !visible.is_empty() {
        scenario.task_prompt.push_str(&shown(&visible));
        scenario.test_cases = in_words(&visible);
    }
    (visible, hidden)
}

/// Those that a prompt has room for, in order.
fn fitting(checks: &[Check]) -> impl Iterator<Item = &Check> {
    let mut left = MOST_SHOWN_BYTES;
    let fits = move |check: &&Check| {
        let told = match &check.kind {
            CheckKind::Example { expect: told }
            | CheckKind::Raises { error: told }
            | CheckKind::Property { holds: told } => told,
        };
        let size = check.setup.len() + check.call.len() + told.len();
        let fits = size <= left;
        left -= if fits { size } else { 0 };
        fits
    };
    checks.iter().filter(fits).take(MOST_SHOWN)
}

/// The visible checks as a reader of the task sees them; empty where none has room.
pub(super) fn shown(checks: &[Check]) -> String {
    if fitting(checks).next().is_none() {
        return String::new();
    }
    let mut text = "\nExamples:\n\n```python\n".to_owned();
    for (number, check) in fitting(checks).enumerate() {
        if number > 0 && !check.setup.is_empty() {
            text.push('\n');
        }
        for (part, is_call) in [(&check.setup, false), (&check.call, true)] {
            for (index, line) in part.lines().enumerate() {
                let goes_on = (is_call && index > 0) || line.starts_with([' ', ')', ']', '}']);
                let mark = if goes_on { "..." } else { ">>>" };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{mark} {line}");
            }
        }
        let _ = match &check.kind {
            CheckKind::Example { expect } => writeln!(text, "{expect}"),
            CheckKind::Raises { error } => writeln!(text, "# raises {error}"),
            CheckKind::Property { holds } => writeln!(text, "# holds: {holds}"),
        };
    }
    text.push_str("```\n");
    text
}

pub(super) fn in_words(checks: &[Check]) -> Vec<String> {
    let words = fitting(checks).map(|check| {
        let call = check.call.replace('\n', " ");
        match &check.kind {
            CheckKind::Example { expect } => format!("{call} gives {}", expect.replace('\n', " ")),
            CheckKind::Raises { error } => format!("{call} raises {error}"),
            CheckKind::Property { holds } => format!("{call}: {holds}"),
        }
    });
    words.collect()
}

pub(super) fn source_of(document: &Document, lines: (u32, u32)) -> Source {
    Source {
        path: document.path.clone(),
        sha256: document.sha256.clone(),
        lines,
        licence: document.licence.clone(),
    }
}

pub(super) fn first_sentence(prose: &str) -> String {
    let paragraph = prose.split("\n\n").next().unwrap_or_default();
    let text = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.find(". ").unwrap_or(text.len());
    text.get(..end)
        .unwrap_or(&text)
        .trim_end_matches(['.', ':'])
        .to_owned()
}

/// At most `most` characters, cut at the end of a paragraph, a line or a word where there is one.
pub(super) fn clipped(text: &str, most: usize) -> String {
    let Some((cut, _)) = text.char_indices().nth(most) else {
        return text.trim().to_owned();
    };
    let head = text.get(..cut).unwrap_or_default();
    let end = ["\n\n", "\n", " "]
        .iter()
        .find_map(|mark| head.rfind(mark).filter(|at| *at > cut / 2));
    head.get(..end.unwrap_or(cut))
        .unwrap_or(head)
        .trim()
        .to_owned()
}
