//! Doctests and asserts become examples: a call, what it gives, and the statements it needs before it; pure.

mod forms;
mod imports;
mod tests_told;

use std::collections::{BTreeSet, HashMap, HashSet};

use tree_sitter::Node;

use super::doctest::Step;
use super::literal::is_literal;
use super::safe;
use super::syntax::{
    free_names, imports, lone_expression, named_children, names_bound, names_in, parse, preorder,
    text_of, unwrapped,
};

use forms::{compared, is_call, judges, raised};
pub(super) use tests_told::read_tests;

/// Longest call and longest expected value, in bytes; a longer one is data, not an example.
const MOST_CALL: usize = 1_000;
const MOST_VALUE: usize = 4_000;
/// Statements remembered and examples taken from one stretch of a document.
const MOST_PARTS: usize = 200;
const MOST_EXAMPLES: usize = 200;
/// Statements that one example may need before it, in bytes.
const MOST_SETUP: usize = 2_000;

/// Callees that give nothing and write what stands below them.
const PRINTERS: &[&str] = &["print", "pprint", "pp", "pprint.pprint", "pprint.pp"];

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
    /// Names that must come from the solution: bound neither by the setup nor by the call nor by Python.
    pub(super) needs: HashSet<String>,
    /// Names that the setup binds.
    bound: HashSet<String>,
}

/// One statement that later calls may need.
#[derive(Debug, Clone)]
struct Part {
    text: String,
    binds: Vec<String>,
    reads: HashSet<String>,
    free: HashSet<String>,
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
    /// Paths that are known to be modules, because they were imported or imported from.
    pub(super) modules: HashSet<String>,
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

impl Example {
    /// The same answer to another call that needs nothing more.
    pub(super) fn told_of(&self, setup: String, call: String) -> Self {
        Self {
            setup,
            call,
            told: self.told.clone(),
            uses: HashSet::new(),
            needs: HashSet::new(),
            bound: HashSet::new(),
        }
    }
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
                self.poison(root, &step.source);
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
            self.poison(statement, source);
            return;
        }
        self.push(Part {
            text: text.to_owned(),
            binds,
            reads,
            free: free_names(statement, source),
            import: false,
        });
    }

    /// An expression with the output that stands below it.
    fn expression(&mut self, expression: Node, source: &str, want: &str) {
        if let Some(class) = raised(want) {
            self.example(expression, source, Told::Raises(class));
            return;
        }
        let want = if want.contains("...") { "" } else { want };
        match compared(expression, source, want) {
            (Some(call), Some(value)) => {
                if !value.is_empty() {
                    self.example(call, source, Told::Value(value));
                }
                self.effect(call, source);
            }
            _ => self.effect(expression, source),
        }
    }

    /// `assert call == literal` and its like.
    pub(super) fn assertion(&mut self, statement: Node, source: &str) {
        let Some(claim) = statement.named_child(0) else {
            return;
        };
        let (call, told) = compared(claim, source, "True");
        // A bare call that is merely true tells no value.
        match (call, told) {
            (Some(call), Some(value)) if call != unwrapped(claim) => {
                self.example(call, source, Told::Value(value));
                self.effect(call, source);
            }
            _ => self.effect(claim, source),
        }
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
                .is_some_and(|f| PRINTERS.contains(&text_of(f, source)));
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
        if let Some(mut example) = self.prepared(&reads) {
            text.clone_into(&mut example.call);
            example.told = told;
            if !self.is_steady(&example, text) {
                return;
            }
            let own = free_names(call, source);
            example
                .needs
                .extend(own.into_iter().filter(|n| !safe::is_builtin(n)));
            let bound = std::mem::take(&mut example.bound);
            example.needs.retain(|n| !bound.contains(n));
            example.uses.extend(reads);
            self.examples.push(example);
        }
    }

    /// An expression that may have changed a variable: the calls behind it need it too. One that judges cannot stand
    /// in a setup, so what it may have changed is not known any more.
    pub(super) fn effect(&mut self, expression: Node, source: &str) {
        let reads = names_in(expression, source);
        if judges(expression) {
            self.poison(expression, source);
            return;
        }
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
                free: free_names(expression, source),
                import: false,
            });
        }
    }

    /// What a statement binds or may have changed is not known any more.
    pub(super) fn poison(&mut self, statement: Node, source: &str) {
        let touched = names_in(statement, source)
            .into_iter()
            .filter(|n| self.is_variable(n));
        let touched: Vec<String> = touched.collect();
        self.poisoned.extend(touched);
        self.poisoned.extend(names_bound(statement, source));
    }

    fn push(&mut self, part: Part) {
        for name in &part.binds {
            self.poisoned.remove(name);
        }
        if part.import && self.parts.iter().any(|p| p.import && p.text == part.text) {
            return;
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

    /// False where an example asks chance or the clock without a seed of its own.
    fn is_steady(&self, example: &Example, call: &str) -> bool {
        let seeded = |text: &str| text.contains("seed(") || text.contains("Random(");
        let imported = self
            .imported
            .iter()
            .filter(|(_, path)| safe::is_chance(path));
        let mut chance = imported.map(|(name, _)| name);
        let asks = chance.any(|name| example.uses.contains(name) || call.contains(name.as_str()));
        !asks || seeded(&example.setup) || seeded(call)
    }

    fn is_variable(&self, name: &str) -> bool {
        self.parts
            .iter()
            .any(|p| !p.import && p.binds.iter().any(|b| b == name))
    }

    fn binds(&self, name: &str) -> bool {
        self.parts.iter().any(|p| p.binds.iter().any(|b| b == name))
    }

    /// The statements that `reads` hangs together with, in order, as an example that still lacks its call; `None`
    /// where they are too long.
    fn prepared(&self, reads: &HashSet<String>) -> Option<Example> {
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
        let bound: HashSet<String> = chosen.iter().flat_map(|p| &p.binds).cloned().collect();
        let free = chosen
            .iter()
            .flat_map(|p| &p.free)
            .filter(|n| !safe::is_builtin(n));
        (setup.len() <= MOST_SETUP).then(|| Example {
            setup,
            call: String::new(),
            told: Told::Value(String::new()),
            uses: chosen
                .iter()
                .flat_map(|p| p.reads.iter().chain(&p.binds))
                .cloned()
                .collect(),
            needs: free.cloned().collect(),
            bound,
        })
    }
}
