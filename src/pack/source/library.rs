//! Documentation of a library becomes tasks without a solution: the functions that it describes, with the doctests that
//! it shows for them, or with none where the real function can be asked; pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use tree_sitter::Node;

use super::examples::{Example, Stream};
use super::module::Module;
use super::prose::{Page, Section};
use super::syntax::{lone_expression, parse, preorder, text_of};
use super::task::{checks_of, clipped, first_sentence, in_words, shown, source_of, split};
use super::{LEAST_EXAMPLES, SourceTask, safe};
use crate::dream::{Difficulty, Document, Scenario};
use crate::pack::key_of;

/// Builtins that only make a result observable: the call inside them is the one that is shown.
const WRAPPERS: &[&str] = &[
    "list", "tuple", "dict", "set", "sorted", "str", "bool", "int", "float", "len", "next",
];
/// Prose in a prompt, in characters.
const MOST_PROSE: usize = 1_500;
/// Names from one page.
const MOST_NAMES: usize = 200;
/// Prose shorter than this does not tell what a function does, in bytes: one sentence.
const LEAST_PROSE: usize = 40;
/// A function that is told in so few bytes does one thing: about five sentences.
const SHORT_PROSE: usize = 400;

/// Parameters by whose names documentation means open files, classes, frames and the like: nothing that a call of a line makes
/// of plain data.
const NO_DATA: &[&str] = &[
    "cls",
    "code",
    "context",
    "exception",
    "fd",
    "file",
    "fp",
    "frame",
    "loop",
    "module",
    "node",
    "parser",
    "readline",
    "sock",
    "stream",
    "task",
    "tb",
    "tp",
];

/// What a page has shown so far, by dotted name.
#[derive(Debug)]
pub(super) struct Described<'p> {
    /// Third-party libraries that tasks may be about.
    libraries: &'p [String],
    /// Section of a name's own directive.
    homes: HashMap<String, &'p Section>,
    shown: BTreeMap<String, (Vec<Example>, &'p Section)>,
}

impl<'p> Described<'p> {
    pub(super) fn new(page: &'p Page, libraries: &'p [String]) -> Self {
        let module = page.module.as_deref();

        let mut homes = HashMap::new();
        for section in &page.sections {
            if let (Some(module), Some(name)) = (module, section.documents.as_deref()) {
                let last = name.rsplit('.').next().unwrap_or(name);
                homes.entry(format!("{module}.{last}")).or_insert(section);
            }
        }
        Self {
            libraries,
            homes,
            shown: BTreeMap::new(),
        }
    }

    /// Takes the examples of one section that call something defined nowhere on the page.
    pub(super) fn section(&mut self, section: &'p Section, stream: &Stream, module: &Module) {
        let defined = module.defined();
        for example in &stream.examples {
            if example.uses.iter().any(|u| defined.contains(u.as_str()))
                || self.shown.len() >= MOST_NAMES
            {
                continue;
            }
            if let Some((reference, bare)) = self.rewritten(example, stream) {
                let entry = self
                    .shown
                    .entry(reference)
                    .or_insert_with(|| (Vec::new(), section));
                entry.0.push(bare);
            }
        }
    }

    /// The dotted name that an example shows, and the example with the bare name in its place.
    fn rewritten(&self, example: &Example, stream: &Stream) -> Option<(String, Example)> {
        let tree = parse(&example.call)?;
        let source = &example.call;
        let callee = shown_callee(lone_expression(&tree)?, source)?;
        let written = text_of(callee, source);
        let (first, rest) = written
            .split_once('.')
            .map_or((written, None), |(f, r)| (f, Some(r)));
        let path = stream.imported.get(first)?;
        let reference = rest.map_or_else(|| path.clone(), |rest| format!("{path}.{rest}"));
        let (module, name) = reference.rsplit_once('.')?;
        let foreign = module
            .split('.')
            .next()
            .is_some_and(|m| self.libraries.iter().any(|l| l == m));
        let plain = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        // What no import calls a module is a class: `datetime.date.today` is a method.
        let of_module = stream.modules.contains(module) && (foreign || safe::is_steady(module));
        if !plain || !of_module || !example.needs.is_empty() {
            return None;
        }
        let call = replaced(lone_expression(&tree)?, source, written, name);
        let setup: Vec<&str> = example
            .setup
            .lines()
            .filter(|l| !imports_name(l, name) && !unused(l, &call, &example.setup))
            .collect();
        let setup = setup.join("\n");
        // The bare name now stands for the solution; nothing may still mean the module or class of the same name.
        let module_stays =
            call.contains(&format!("{name}.")) || setup.contains(&format!("{name}."));
        (!module_stays && !setup.contains(written)).then(|| {
            let bare = example.told_of(setup, call);
            (reference, bare)
        })
    }

    pub(super) fn tasks(&self, document: &Document) -> Vec<SourceTask> {
        let shown = self
            .shown
            .iter()
            .filter_map(|(reference, (examples, section))| {
                // Elsewhere a function is mentioned, not described: news of a version, a tutorial, a question.
                let home = self.homes.get(reference).copied();
                let section = home.or((examples.len() >= LEAST_EXAMPLES).then_some(*section))?;
                task(reference, examples, section, document, self.libraries)
            });
        let mut bare: Vec<(&String, &&Section)> = self
            .homes
            .iter()
            .filter(|(reference, section)| {
                !self.shown.contains_key(*reference) && can_be_asked(reference, section)
            })
            .collect();
        bare.sort_by_key(|(_, section)| section.lines);
        let bare = bare
            .into_iter()
            .filter_map(|(reference, section)| task(reference, &[], section, document, &[]));
        shown.chain(bare).take(MOST_NAMES).collect()
    }
}

/// Whether the real function can answer calls of it: it only computes, and its documentation says what.
fn can_be_asked(reference: &str, section: &Section) -> bool {
    let Some((module, name)) = reference.rsplit_once('.') else {
        return false;
    };
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase());
    let arguments = section.title.split_once('(').map(|(_, rest)| rest.trim());
    plain
        && arguments.is_some_and(|all| !all.starts_with(')') && are_data(all))
        && safe::is_steady(module)
        && !safe::denied_name(name)
        && section.prose.len() >= LEAST_PROSE
}

/// Whether all that must be given may be plain data, as far as the names tell.
fn are_data(arguments: &str) -> bool {
    let given = arguments.split([',', '[', ']', ')']).map(str::trim);
    given.into_iter().all(|name| !NO_DATA.contains(&name))
}

fn task(
    reference: &str,
    examples: &[Example],
    section: &Section,
    document: &Document,
    libraries: &[String],
) -> Option<SourceTask> {
    let (module, name) = reference.rsplit_once('.')?;
    let examples: Vec<&Example> = examples.iter().collect();
    let checks = checks_of(&examples);
    if checks.is_empty() && !examples.is_empty() {
        return None;
    }
    let prose = clipped(&section.prose, MOST_PROSE);
    // The examples that the page goes on with are shown below in our own form.
    let prose = prose
        .trim_end_matches("Examples:")
        .trim_end_matches("Example:");
    let prose = prose.trim_end().to_owned();
    let calls: Vec<String> = checks
        .iter()
        .map(|c| format!("{}\n{}", c.setup, c.call))
        .collect();
    let key = key_of(&["library", reference, &calls.join("\n")]);
    let (visible, hidden) = split(checks);
    let mut prompt = format!(
        "Write a Python function `{name}` that behaves like `{reference}`. Write it yourself: do not import `{name}` \
         from `{module}`.\n\n"
    );
    if section.documents.is_some() {
        // The directive's own line is the signature.
        // Writing to a String cannot fail.
        let _ = write!(prompt, "```\n{}\n```\n\n", section.title);
    }
    prompt.push_str(&prose);
    prompt.push('\n');
    if !visible.is_empty() {
        prompt.push_str(&shown(&visible));
    }
    let foreign = !safe::computes(module);
    let library = module.split('.').next().unwrap_or(module);
    let used = libraries
        .iter()
        .filter(|l| foreign && *l == library)
        .cloned();
    Some(SourceTask {
        scenario: Scenario {
            title: format!("{name}, as {module} has it"),
            description: clipped(&first_sentence(&prose), 300),
            task_prompt: prompt,
            difficulty: if prose.len() <= SHORT_PROSE {
                Difficulty::Simple
            } else {
                Difficulty::Medium
            },
            libraries: used.collect(),
            test_cases: in_words(&visible),
            entry_point: name.to_owned(),
            in_place: Vec::new(),
        },
        solution: None,
        checks: visible,
        hidden_checks: hidden,
        reference: Some(reference.to_owned()),
        source: source_of(document, section.lines),
        key,
    })
}

/// The callee of the call that an expression shows: its own, or the one inside wrappers that make it observable.
fn shown_callee<'t>(expression: Node<'t>, source: &str) -> Option<Node<'t>> {
    let mut node = expression;
    loop {
        if node.kind() != "call" {
            return None;
        }
        let callee = node.child_by_field_name("function")?;
        let arguments = node.child_by_field_name("arguments")?;
        let wraps = callee.kind() == "identifier" && WRAPPERS.contains(&text_of(callee, source));
        if wraps {
            node = arguments.named_child(0)?;
            continue;
        }
        let dotted = preorder(callee, |_| true)
            .iter()
            .all(|n| matches!(n.kind(), "identifier" | "attribute"));
        return dotted.then_some(callee);
    }
}

/// The call with every mention of `written` replaced by `name`.
fn replaced(expression: Node, source: &str, written: &str, name: &str) -> String {
    let mut text = String::new();
    let mut at = expression.start_byte();
    for node in preorder(expression, |n| text_of(n, source) != written) {
        if text_of(node, source) == written && matches!(node.kind(), "identifier" | "attribute") {
            text.push_str(source.get(at..node.start_byte()).unwrap_or_default());
            text.push_str(name);
            at = node.end_byte();
        }
    }
    text.push_str(source.get(at..expression.end_byte()).unwrap_or_default());
    text
}

/// An import line that binds the name of the solution.
fn imports_name(line: &str, name: &str) -> bool {
    let is_import = line.starts_with("import ") || line.starts_with("from ");
    is_import
        && line
            .split([' ', ',', '.', '(', ')'])
            .any(|word| word == name)
}

/// An import line whose name is not used any more.
fn unused(line: &str, call: &str, setup: &str) -> bool {
    let is_import = |line: &str| line.starts_with("import ") || line.starts_with("from ");
    let Some(bound) = line.rsplit(' ').next().filter(|_| is_import(line)) else {
        return false;
    };
    let name = bound.split('.').next().unwrap_or(bound);
    let names = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == name)
    };
    !names(call) && !setup.lines().any(|l| !is_import(l) && names(l))
}
