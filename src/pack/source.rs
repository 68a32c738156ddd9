//! The owner's own examples: doctests and asserts in documents become tasks with the document's own answers as
//! checks, and where the document holds the code, its body is the solution to prove. Pure; called by the engine.
//!
//! Documents are hostile: every reading is bounded, nothing recurses, nothing is run here, and what could not be
//! proven inside a sandbox is left out.

use std::collections::{HashMap, HashSet};

use crate::dream::{Check, Document, FragmentKind, Scenario, Source};

mod docstring;
mod doctest;
mod examples;
mod library;
mod literal;
mod module;
mod prose;
mod safe;
mod syntax;
mod task;

use examples::{Example, Place, Stream};
use module::Module;
pub use task::with_answers;

/// Longest document that is looked at, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// Tasks from one document.
const MOST_TASKS: usize = 500;
/// Fewest distinct examples with which a solution can be proven: three to show and two to hide.
pub const LEAST_EXAMPLES: usize = 5;

/// A task that a document tells, with the document's own answers.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceTask {
    pub scenario: Scenario,
    /// The document's own code, self-contained; `None` where the document only describes it.
    pub solution: Option<String>,
    pub checks: Vec<Check>,
    pub hidden_checks: Vec<Check>,
    /// Dotted name under which the real thing can be imported, where there is one.
    pub reference: Option<String>,
    pub source: Source,
    /// Stable across machines and moves of the file; remembered as tried.
    pub key: String,
}

impl SourceTask {
    /// Distinct usable examples, visible and hidden ones together.
    #[must_use]
    pub fn examples(&self) -> usize {
        self.checks.len() + self.hidden_checks.len()
    }

    /// True where nobody wrote an answer yet, but the real thing can be asked for them.
    #[must_use]
    pub fn can_be_asked(&self) -> bool {
        self.solution.is_none() && self.reference.is_some()
    }

    /// True where the document's own code stands beside enough examples to prove it.
    #[must_use]
    pub fn is_provable(&self) -> bool {
        self.solution.is_some() && self.examples() >= LEAST_EXAMPLES
    }
}

/// The tasks of one document, standard library only.
#[must_use]
pub fn source_tasks(document: &Document) -> Vec<SourceTask> {
    source_tasks_with(document, &[])
}

/// The tasks of one document; code in it may also import these third-party libraries.
#[must_use]
pub fn source_tasks_with(document: &Document, libraries: &[String]) -> Vec<SourceTask> {
    if document.text.len() > MOST_BYTES {
        return Vec::new();
    }
    let mut tasks = match document.kind {
        FragmentKind::Python => python_tasks(document, libraries, &HashMap::new()),
        FragmentKind::Prose => prose_tasks(document, libraries),
        FragmentKind::Rust => Vec::new(),
    };
    tasks.truncate(MOST_TASKS);
    tasks
}

/// What a task's own text shows of the function that it asks for: its doctests, and lines that are asserts, each call once.
#[must_use]
pub fn examples_in(task: &str, entry_point: &str, libraries: &[String]) -> Vec<Check> {
    if task.len() > MOST_BYTES {
        return Vec::new();
    }
    // The end of a docstring or of a fence is no output.
    let ends =
        |line: &str| matches!(line.trim(), "\"\"\"" | "'''") || line.trim().starts_with("```");
    let lines: Vec<&str> = task
        .lines()
        .map(|line| if ends(line) { "" } else { line })
        .collect();
    let place = Place {
        libraries,
        own: &[],
    };
    let mut stream = Stream::default();
    stream.session(&doctest::steps(&lines.join("\n")), place);
    for line in lines.iter().map(|line| line.trim()) {
        let asserted = line.starts_with("assert").then(|| syntax::parse(line));
        if let Some(tree) = asserted.flatten().filter(|t| !t.root_node().has_error()) {
            for statement in syntax::named_children(tree.root_node()) {
                stream.assertion(statement, line);
            }
        }
    }
    let about: Vec<&Example> = stream
        .examples
        .iter()
        .filter(|example| task::is_about(example, entry_point, &HashSet::new()))
        .collect();
    task::checks_of(&about)
}

/// The tasks of several documents, with what test files among them assert about functions in the others. Each task
/// once, in the order of the documents. Fewer once nobody wants them any more.
#[must_use]
pub fn source_tasks_across(
    documents: &[Document],
    libraries: &[String],
    is_wanted: &dyn Fn() -> bool,
) -> Vec<SourceTask> {
    let small = || {
        documents
            .iter()
            .take_while(|_| is_wanted())
            .filter(|d| d.text.len() <= MOST_BYTES)
    };
    let stems: Vec<String> = small()
        .filter(|d| is_python(d) && !is_test(d))
        .map(|d| stem(&d.path))
        .collect();
    let mut told: HashMap<(String, String), Vec<Example>> = HashMap::new();
    for document in small().filter(|d| is_python(d) && is_test(d)) {
        let place = Place {
            libraries,
            own: &stems,
        };
        for (key, examples) in tests_of(document, place) {
            told.entry(key).or_default().extend(examples);
        }
    }
    let mut seen = HashSet::new();
    let mut tasks = Vec::new();
    for document in small() {
        let found = if is_python(document) {
            python_tasks(document, libraries, &told)
        } else {
            source_tasks_with(document, libraries)
        };
        tasks.extend(
            found
                .into_iter()
                .take(MOST_TASKS)
                .filter(|t| seen.insert(t.key.clone())),
        );
    }
    tasks
}

fn is_python(document: &Document) -> bool {
    document.kind == FragmentKind::Python
}

/// A Python file: docstrings of its definitions, and asserts beside them.
fn python_tasks(
    document: &Document,
    libraries: &[String],
    told: &HashMap<(String, String), Vec<Example>>,
) -> Vec<SourceTask> {
    let own = [stem(&document.path)];
    let place = Place {
        libraries,
        own: &own,
    };
    let module = Module::read(&document.text);
    let known = Stream::default();
    let mut examples = module_examples(&module, &document.text, &known, place).examples;
    let [stem] = own;
    for definition in &module.definitions {
        examples.extend(
            told.get(&(stem.clone(), definition.name.clone()))
                .into_iter()
                .flatten()
                .cloned(),
        );
    }
    let context = task::Context {
        document,
        module: &module,
        libraries,
        known: &known,
        lines: None,
        title: "",
        prose: "",
    };
    task::proven(&context, &examples)
}

/// Markdown, reStructuredText, HTML or plain text: section by section.
fn prose_tasks(document: &Document, libraries: &[String]) -> Vec<SourceTask> {
    let page = prose::read(&document.path, &document.text);
    let own = page
        .module
        .iter()
        .map(|m| m.rsplit('.').next().unwrap_or(m).to_owned());
    let own: Vec<String> = own
        .filter(|m| !safe::allowed(m, libraries))
        .chain([stem(&document.path)])
        .collect();
    // A page named as the library it documents (`bisect.rst`) still imports the real one.
    let own: Vec<String> = own
        .into_iter()
        .filter(|o| !safe::allowed(o, libraries))
        .collect();
    let place = Place {
        libraries,
        own: &own,
    };
    let mut known = Stream::default();
    // A page about a module shows its names as if it had imported them.
    if let Some(module) = page
        .module
        .as_deref()
        .filter(|m| safe::allowed(m, libraries))
    {
        for name in page.sections.iter().filter_map(|s| s.documents.as_deref()) {
            known.understood(module, name.rsplit('.').next().unwrap_or(name));
        }
    }
    let mut tasks = Vec::new();
    let mut described = library::Described::new(&page, libraries);
    for section in &page.sections {
        let module = Module::read(&section.code);
        let mut stream = module_examples(&module, &section.code, &known, place);
        for session in &section.sessions {
            stream.session(&doctest::steps(session), place);
        }
        let context = task::Context {
            document,
            module: &module,
            libraries,
            known: &stream,
            lines: Some(section.lines),
            title: &section.title,
            prose: &section.prose,
        };
        tasks.extend(task::proven(&context, &stream.examples));
        described.section(section, &stream, &module);
        known.learn(&stream);
    }
    tasks.extend(described.tasks(document));
    tasks
}

/// Everything that a module's own text tells about its definitions: docstrings, asserts at its top, test functions.
fn module_examples(module: &Module, text: &str, known: &Stream, place: Place) -> Stream {
    let mut top = known.clone();
    top.forget_imports(&module.defined());
    let mut examples = Vec::new();
    let told = ["import", "assert", "="]
        .iter()
        .any(|mark| text.contains(mark));
    if let Some(tree) = Some(text).filter(|_| told).and_then(syntax::parse) {
        let root = tree.root_node();
        let mut later = Vec::new();
        for statement in syntax::named_children(root) {
            match statement.kind() {
                "function_definition" | "class_definition" | "decorated_definition" => {
                    later.push(statement);
                }
                "assert_statement" => top.assertion(statement, text),
                "import_statement" | "import_from_statement" => {
                    top.statement(statement, text, place);
                }
                "expression_statement" => match syntax::expression_of(statement) {
                    Some(expression) => top.effect(expression, text),
                    None => top.statement(statement, text, place),
                },
                _ => top.poison(statement, text),
            }
        }
        for body in later.into_iter().flat_map(|node| test_bodies(node, text)) {
            let mut inside = top.clone();
            inside.examples.clear();
            examples::read_tests(body, text, &mut inside, place);
            examples.append(&mut inside.examples);
        }
    }
    for docstring in module.definitions.iter().flat_map(|d| &d.docstrings) {
        let mut inside = top.clone();
        inside.examples.clear();
        inside.session(&doctest::steps(docstring), place);
        examples.append(&mut inside.examples);
    }
    top.examples.append(&mut examples);
    top
}

/// Examples in a test file by module and name of the function that they try.
fn tests_of(document: &Document, place: Place) -> HashMap<(String, String), Vec<Example>> {
    let mut imported: HashMap<String, String> = HashMap::new();
    let Some(tree) = syntax::parse(&document.text) else {
        return HashMap::new();
    };
    for statement in syntax::named_children(tree.root_node()) {
        for import in syntax::imports(statement, &document.text) {
            let module = import
                .module
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            if import.name.is_some_and(|name| name == import.binds) && place.own.contains(&module) {
                imported.insert(import.binds, module);
            }
        }
    }
    let module = Module::read(&document.text);
    let local = module.defined();
    let mut told: HashMap<(String, String), Vec<Example>> = HashMap::new();
    for example in module_examples(&module, &document.text, &Stream::default(), place).examples {
        if example.uses.iter().any(|u| local.contains(u.as_str())) {
            continue;
        }
        let mut tried = example
            .uses
            .iter()
            .filter_map(|u| imported.get(u).map(|m| (m.clone(), u.clone())));
        if let (Some(key), None) = (tried.next(), tried.next()) {
            told.entry(key).or_default().push(example);
        }
    }
    told
}

/// Bodies of a test function, or of the test methods of a class, that take no arguments of their own.
fn test_bodies<'t>(node: tree_sitter::Node<'t>, text: &str) -> Vec<tree_sitter::Node<'t>> {
    let named = |n: tree_sitter::Node| {
        n.child_by_field_name("name")
            .map(|n| syntax::text_of(n, text).to_owned())
    };
    let arguments = |n: tree_sitter::Node| {
        n.child_by_field_name("parameters")
            .map_or(0, |p| p.named_child_count())
    };
    let is_test = |n: tree_sitter::Node| named(n).is_some_and(|n| n.starts_with("test"));
    match node.kind() {
        "function_definition" if is_test(node) && arguments(node) == 0 => {
            node.child_by_field_name("body").into_iter().collect()
        }
        "class_definition" => {
            let body = node.child_by_field_name("body");
            let methods = body.map(syntax::named_children).unwrap_or_default();
            let tests = methods
                .into_iter()
                .filter(|m| m.kind() == "function_definition");
            tests
                .filter(|m| is_test(*m) && arguments(*m) == 1)
                .filter_map(|m| m.child_by_field_name("body"))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// File name without folders and ending.
fn stem(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.split('.').next().unwrap_or(name).to_owned()
}

fn is_test(document: &Document) -> bool {
    let stem = stem(&document.path);
    stem.starts_with("test_") || stem.ends_with("_test")
}
