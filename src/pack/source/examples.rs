//! Doctests and asserts become examples: a call, what it gives, and the statements it needs before it; pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use tree_sitter::Node;

use super::doctest::Step;
use super::literal::is_literal;
use super::safe;
use super::syntax::{
    Import, expression_of, imports, lone_expression, named_children, names_bound, names_in, parse,
    preorder, text_of, unwrapped,
};

/// Longest call and longest expected value, in bytes; a longer one is data, not an example.
const MOST_CALL: usize = 1_000;
const MOST_VALUE: usize = 4_000;
/// Statements remembered and examples taken from one stretch of a document.
const MOST_PARTS: usize = 200;
const MOST_EXAMPLES: usize = 200;
/// Statements that one example may need before it, in bytes.
const MOST_SETUP: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A Python literal.
    Value(String),
    /// Name of an exception's class.
    Raises(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) setup: String,
    pub(super) call: String,
    pub(super) told: Told,
    /// Names that call and setup mention.
    pub(super) uses: HashSet<String>,
}

/// One statement that later calls may need.
#[derive(Debug, Clone)]
struct Part {
    text: String,
    binds: Vec<String>,
    reads: HashSet<String>,
    import: bool,
}

/// What a reader of the document knows so far: imports, variables, and the examples seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    parts: Vec<Part>,
    /// Names whose value cannot be rebuilt in a sandbox.
    poisoned: HashSet<String>,
    /// Import bindings: name here to dotted path.
    pub(super) imported: HashMap<String, String>,
    pub(super) examples: Vec<Example>,
}

/// What the stretch of text stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Third-party libraries that may be imported.
    pub(super) libraries: &'a [String],
    /// Names under which the document itself would be imported.
    pub(super) own: &'a [String],
}

impl Stream {
    /// A doctest session, in order.
    pub(super) fn session(&mut self, steps: &[Step], place: Place) {
        for step in steps {
            let Some(tree) = parse(&step.source) else {
                continue;
            };
            let root = tree.root_node();
            if root.has_error() {
                continue;
            }
            if step.skipped {
                self.poisoned.extend(names_bound(root, &step.source));
                continue;
            }
            match lone_expression(&tree) {
                Some(expression) => self.expression(expression, &step.source, &step.want),
                None => {
                    for statement in named_children(root) {
                        self.statement(statement, &step.source, place);
                    }
                }
            }
        }
    }

    /// A statement that is no example by itself: remembered for the calls behind it.
    pub(super) fn statement(&mut self, statement: Node, source: &str, place: Place) {
        let reads = names_in(statement, source);
        let binds = names_bound(statement, source);
        let text = text_of(statement, source);
        let imported = imports(statement, source);
        if !imported.is_empty() {
            self.import(&imported, text, place);
            return;
        }
        let odd = matches!(
            statement.kind(),
            "print_statement" | "exec_statement" | "comment" | "return_statement"
        );
        if odd {
            return;
        }
        let inner = preorder(statement, |_| true);
        let unsafe_inside = inner.iter().any(|n| {
            n.kind() == "yield"
                || n.kind() == "await"
                || imports(*n, source)
                    .iter()
                    .any(|i| !safe::allowed(&i.module, place.libraries))
        });
        let unsafe_inside = unsafe_inside || judges(statement);
        if unsafe_inside || reads.iter().any(|n| self.is_denied(n)) || text.len() > MOST_SETUP {
            self.poisoned.extend(binds);
            return;
        }
        self.push(Part {
            text: text.to_owned(),
            binds,
            reads,
            import: false,
        });
    }

    fn import(&mut self, imported: &[Import], text: &str, place: Place) {
        for import in imported {
            let last = import.module.rsplit('.').next().unwrap_or_default();
            let path = match &import.name {
                Some(name) => format!("{}.{name}", import.module),
                None => import.module.clone(),
            };
            if place.own.iter().any(|own| own == last) {
                // The document's own definitions stand in the solution already.
                if import.name.as_deref() != Some(import.binds.as_str()) {
                    self.poisoned.insert(import.binds.clone());
                }
                continue;
            }
            if import.binds == "*" || !safe::allowed(&import.module, place.libraries) {
                self.poisoned.insert(import.binds.clone());
                continue;
            }
            self.poisoned.remove(&import.binds);
            self.imported.insert(import.binds.clone(), path);
            let single = match (&import.name, imported.len()) {
                (_, 1) => text.to_owned(),
                (Some(name), _) if *name == import.binds => {
                    format!("from {} import {name}", import.module)
                }
                (Some(name), _) => {
                    format!("from {} import {name} as {}", import.module, import.binds)
                }
                (None, _) if import.module.split('.').next() == Some(import.binds.as_str()) => {
                    format!("import {}", import.module)
                }
                (None, _) => format!("import {} as {}", import.module, import.binds),
            };
            self.push(Part {
                text: single,
                binds: vec![import.binds.clone()],
                reads: HashSet::new(),
                import: true,
            });
        }
    }

    /// An expression with the output that stands below it.
    fn expression(&mut self, expression: Node, source: &str, want: &str) {
        if let Some(class) = raised(want) {
            self.example(expression, source, Told::Raises(class));
            return;
        }
        if want.is_empty() {
            self.effect(expression, source);
            return;
        }
        if !want.contains("...") {
            let (call, told) = compared(expression, source, want);
            if let (Some(call), Some(value)) = (call, told) {
                self.example(call, source, Told::Value(value));
            }
        }
        self.effect(expression, source);
    }

    /// `assert call == literal` and its like.
    pub(super) fn assertion(&mut self, statement: Node, source: &str) {
        let Some(claim) = statement.named_child(0) else {
            return;
        };
        let (call, told) = compared(claim, source, "True");
        // A bare call that is merely true tells no value.
        if let (Some(call), Some(value)) = (call, told)
            && call != unwrapped(claim)
        {
            self.example(call, source, Told::Value(value));
        }
        self.effect(claim, source);
    }

    /// A call whose value the document tells.
    pub(super) fn example(&mut self, call: Node, source: &str, told: Told) {
        let text = text_of(call, source);
        let value_fits = match &told {
            Told::Value(value) => value.len() <= MOST_VALUE && is_literal(value),
            Told::Raises(class) => !class.is_empty(),
        };
        let reads = names_in(call, source);
        let printed = call.kind() == "call"
            && call
                .child_by_field_name("function")
                .is_some_and(|f| text_of(f, source) == "print");
        let strange = preorder(call, |_| true).iter().any(|n| {
            matches!(
                n.kind(),
                "named_expression" | "await" | "yield" | "comment" | "ellipsis"
            )
        });
        let fits = value_fits
            && !printed
            && !strange
            && text.len() <= MOST_CALL
            && (is_call(call) || reads.iter().any(|n| self.is_variable(n)))
            && !judges(call)
            && self.examples.len() < MOST_EXAMPLES
            && !reads.iter().any(|n| self.is_denied(n));
        if !fits {
            return;
        }
        let Some((setup, setup_reads)) = self.setup_for(&reads) else {
            return;
        };
        let mut uses = reads;
        uses.extend(setup_reads);
        self.examples.push(Example {
            setup,
            call: text.to_owned(),
            told,
            uses,
        });
    }

    /// An expression that may have changed a variable: the calls behind it need it too.
    fn effect(&mut self, expression: Node, source: &str) {
        let reads = names_in(expression, source);
        let text = text_of(expression, source);
        let touches = self
            .parts
            .iter()
            .any(|p| !p.import && p.binds.iter().any(|b| reads.contains(b)));
        if touches && text.len() <= MOST_SETUP && !reads.iter().any(|n| self.is_denied(n)) {
            self.push(Part {
                text: text.to_owned(),
                binds: Vec::new(),
                reads,
                import: false,
            });
        }
    }

    fn push(&mut self, part: Part) {
        for name in &part.binds {
            self.poisoned.remove(name);
        }
        if self.parts.len() < MOST_PARTS {
            self.parts.push(part);
        } else {
            self.poisoned.extend(part.binds);
        }
    }

    fn is_denied(&self, name: &str) -> bool {
        self.poisoned.contains(name) || (safe::denied_name(name) && !self.binds(name))
    }

    fn is_variable(&self, name: &str) -> bool {
        self.parts
            .iter()
            .any(|p| !p.import && p.binds.iter().any(|b| b == name))
    }

    fn binds(&self, name: &str) -> bool {
        self.parts.iter().any(|p| p.binds.iter().any(|b| b == name))
    }

    /// The statements that `reads` hangs together with, in order, and the names that they mention; `None` where they
    /// are too long.
    fn setup_for(&self, reads: &HashSet<String>) -> Option<(String, HashSet<String>)> {
        let variables: HashSet<&String> = self
            .parts
            .iter()
            .filter(|p| !p.import)
            .flat_map(|p| &p.binds)
            .collect();
        let mut wanted: HashSet<&String> = reads.iter().collect();
        let mut taken = BTreeSet::new();
        loop {
            let before = taken.len();
            for (index, part) in self.parts.iter().enumerate() {
                let binds = part.binds.iter().any(|b| wanted.contains(b));
                let touches = !part.import
                    && part
                        .reads
                        .iter()
                        .any(|r| wanted.contains(r) && variables.contains(r));
                if (binds || touches) && taken.insert(index) {
                    wanted.extend(part.reads.iter().chain(&part.binds));
                }
            }
            if taken.len() == before {
                break;
            }
        }
        let chosen: Vec<&Part> = taken.iter().filter_map(|i| self.parts.get(*i)).collect();
        let mut lines: Vec<&str> = Vec::new();
        for part in &chosen {
            if !(part.import && lines.contains(&part.text.as_str())) {
                lines.push(&part.text);
            }
        }
        let setup = lines.join("\n");
        let mentioned = chosen
            .iter()
            .flat_map(|p| p.reads.iter().chain(&p.binds))
            .cloned()
            .collect();
        (setup.len() <= MOST_SETUP).then_some((setup, mentioned))
    }

    /// The stream without its variables and examples: what a later section may still count on.
    pub(super) fn imports_only(&self) -> Self {
        Self {
            parts: self.parts.iter().filter(|p| p.import).cloned().collect(),
            poisoned: HashSet::new(),
            imported: self.imported.clone(),
            examples: Vec::new(),
        }
    }
}

/// Class that the last line of a traceback names, without its module.
fn raised(want: &str) -> Option<String> {
    if !want.starts_with("Traceback (") {
        return None;
    }
    let line = want
        .lines()
        .skip(1)
        .find(|l| !l.is_empty() && !l.starts_with(char::is_whitespace))?;
    let class = line.split(':').next()?.trim().rsplit('.').next()?;
    let plain = !class.is_empty() && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| class.to_owned())
}

/// The call and the literal it equals: an expression with its output, or both sides of a comparison that holds.
fn compared<'t>(
    expression: Node<'t>,
    source: &str,
    want: &str,
) -> (Option<Node<'t>>, Option<String>) {
    let root = unwrapped(expression);
    if matches!(root.kind(), "not_operator" | "boolean_operator") {
        return (None, None);
    }
    if root.kind() != "comparison_operator" {
        return (Some(root), Some(want.to_owned()));
    }
    let sides = named_children(root);
    let [left, right] = sides.as_slice() else {
        return (None, None);
    };
    let operator = source
        .get(left.end_byte()..right.start_byte())
        .unwrap_or_default()
        .trim();
    let literal = |node: &Node| is_literal(text_of(*node, source));
    let (call, value) = match operator {
        "==" if literal(right) => (left, right),
        "==" if literal(left) => (right, left),
        "is" if matches!(right.kind(), "none" | "true" | "false") => (left, right),
        _ => return (None, None),
    };
    if want != "True" {
        return (None, None);
    }
    (
        Some(unwrapped(*call)),
        Some(text_of(*value, source).to_owned()),
    )
}

/// A call somewhere in it: a bare variable or a literal shows nothing.
fn is_call(expression: Node) -> bool {
    preorder(expression, |_| true)
        .iter()
        .any(|n| n.kind() == "call")
}

/// True where the expression compares what a call gave: the judging belongs outside of the candidate's interpreter.
fn judges(expression: Node) -> bool {
    preorder(expression, |n| n.kind() != "lambda")
        .into_iter()
        .filter(|n| {
            matches!(
                n.kind(),
                "comparison_operator" | "not_operator" | "boolean_operator"
            )
        })
        .any(|n| n.kind() != "comparison_operator" || is_call(n))
}

/// Asserts and their kin in one function of a test file, or at the top of a module; `stream` already knows the module.
pub(super) fn read_tests(body: Node, source: &str, stream: &mut Stream, place: Place) {
    for statement in named_children(body) {
        match statement.kind() {
            "assert_statement" => stream.assertion(statement, source),
            "with_statement" => expected_error(statement, source, stream),
            "expression_statement" => match expression_of(statement) {
                Some(expression) => unittest_call(expression, source, stream),
                None => stream.statement(statement, source, place),
            },
            "import_statement" | "import_from_statement" => {
                stream.statement(statement, source, place);
            }
            _ => {
                stream.poisoned.extend(names_bound(statement, source));
            }
        }
    }
}

/// `with pytest.raises(ValueError): call` and unittest's `assertRaises`.
fn expected_error(statement: Node, source: &str, stream: &mut Stream) {
    let nodes = preorder(statement, |n| n.kind() != "block");
    let context = nodes.iter().find(|n| n.kind() == "call");
    let Some((callee, arguments)) = context.and_then(|c| call_parts(*c, source)) else {
        return;
    };
    if !matches!(callee, "pytest.raises" | "raises" | "self.assertRaises") {
        return;
    }
    let class = arguments
        .first()
        .map(|a| text_of(*a, source))
        .unwrap_or_default();
    let body = statement
        .child_by_field_name("body")
        .map(named_children)
        .unwrap_or_default();
    if let ([only], true) = (body.as_slice(), is_class_name(class))
        && let Some(call) = expression_of(*only)
    {
        let class = class.rsplit('.').next().unwrap_or_default();
        stream.example(call, source, Told::Raises(class.to_owned()));
    }
}

/// `self.assertEqual(call, literal)` and `self.assertIsNone(call)`.
fn unittest_call(expression: Node, source: &str, stream: &mut Stream) {
    let Some((callee, arguments)) = call_parts(expression, source) else {
        return;
    };
    match (callee, arguments.as_slice()) {
        (
            "self.assertEqual" | "self.assertListEqual" | "self.assertDictEqual",
            [left, right, ..],
        ) => {
            let literal = |node: &Node| is_literal(text_of(*node, source));
            if literal(right) {
                stream.example(
                    *left,
                    source,
                    Told::Value(text_of(*right, source).to_owned()),
                );
            } else if literal(left) {
                stream.example(
                    *right,
                    source,
                    Told::Value(text_of(*left, source).to_owned()),
                );
            }
        }
        ("self.assertIsNone", [call]) => {
            stream.example(*call, source, Told::Value("None".to_owned()));
        }
        _ => stream.effect(expression, source),
    }
}

fn is_class_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

/// Callee's text and arguments of a call.
fn call_parts<'t, 's>(node: Node<'t>, source: &'s str) -> Option<(&'s str, Vec<Node<'t>>)> {
    if node.kind() != "call" {
        return None;
    }
    let callee = node.child_by_field_name("function")?;
    let arguments = node.child_by_field_name("arguments")?;
    Some((text_of(callee, source), named_children(arguments)))
}
