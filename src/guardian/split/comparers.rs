//! Which expressions hand the outcome of a comparison on: by an operator, by a function that stands for one, or by what
//! a setup defines. An object that says yes to every comparison would pass such a check. Pure.

use std::collections::HashSet;

use tree_sitter::Node;

use crate::dream::parse_literal;
use crate::guardian::syntax::{Source, bare, identifiers, named};

/// Built-in functions that hand the outcome of a comparison on.
const RELAYS: [&str; 16] = [
    "all",
    "any",
    "bool",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "max",
    "min",
    "next",
    "repr",
    "set",
    "str",
    "sum",
    "tuple",
];

/// Functions that give what the function gives that they are handed, and the modules that have them. A method of such a name
/// is the solution's own.
const APPLIERS: [&str; 4] = ["map", "starmap", "reduce", "partial"];
const APPLYING_MODULES: [&str; 3] = ["builtins", "functools", "itertools"];

/// Comparisons as methods, which an object can answer as it likes.
const COMPARING_METHODS: [&str; 7] = [
    "__contains__",
    "__eq__",
    "__ge__",
    "__gt__",
    "__le__",
    "__lt__",
    "__ne__",
];

/// Methods of built-in containers that compare what they are asked for with what they hold.
const SEARCHES: [&str; 9] = [
    "count",
    "get",
    "index",
    "isdisjoint",
    "issubset",
    "issuperset",
    "intersection",
    "difference",
    "pop",
];

/// Functions of `operator` that compare.
const OPERATORS: [&str; 14] = [
    "contains", "countOf", "eq", "ge", "gt", "indexOf", "is_", "is_not", "le", "lt", "ne", "not_",
    "truth", "xor",
];

/// What `'old' if age > 60 else 'young'` is: a verdict as part of a call; words that were chosen, where a function of the
/// setup returns it and both are not just true and false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tests {
    Verdicts,
    Words,
}

/// What a setup defines that gives the outcome of a comparison, by name.
#[derive(Debug, Default)]
pub(super) struct Comparers {
    functions: HashSet<String>,
    /// Names under which `operator` was imported.
    operators: HashSet<String>,
    /// Names of functions that apply another, and of the modules that have them.
    appliers: HashSet<String>,
    applying: HashSet<String>,
}

impl Comparers {
    pub(super) fn of(setup: &str) -> Self {
        let mut known = Self::default();
        known.operators.insert("operator".to_owned());
        known.appliers.extend(APPLIERS.map(str::to_owned));
        known.applying.extend(APPLYING_MODULES.map(str::to_owned));
        let Some(source) = Source::parse(setup) else {
            return known;
        };
        let nodes: Vec<Node<'_>> = source.nodes().into_iter().map(|(node, _)| node).collect();
        // What is defined by way of another is found at a further turn.
        loop {
            let before = known.functions.len();
            for node in &nodes {
                known.learn(&source, *node);
            }
            if known.functions.len() == before {
                return known;
            }
        }
    }

    fn learn(&mut self, source: &Source<'_>, node: Node<'_>) {
        let field = |name| node.child_by_field_name(name);
        match node.kind() {
            "import_statement" => {
                for imported in named(node) {
                    let path = imported.child_by_field_name("name");
                    let alias = imported.child_by_field_name("alias");
                    if let (Some(path), Some(alias)) = (path, alias) {
                        let (path, alias) = (source.text_of(path), source.text_of(alias));
                        if path == "operator" {
                            self.operators.insert(alias.to_owned());
                        } else if APPLYING_MODULES.contains(&path) {
                            self.applying.insert(alias.to_owned());
                        }
                    }
                }
            }
            "import_from_statement" => {
                let from = field("module_name").map(|n| source.text_of(n));
                let mut cursor = node.walk();
                for name in node.children_by_field_name("name", &mut cursor) {
                    let member = name.child_by_field_name("name").unwrap_or(name);
                    let bound = name.child_by_field_name("alias").unwrap_or(member);
                    let (member, bound) = (source.text_of(member), source.text_of(bound));
                    if from == Some("operator") && OPERATORS.contains(&member) {
                        self.functions.insert(bound.to_owned());
                    } else if from.is_some_and(|from| APPLYING_MODULES.contains(&from))
                        && APPLIERS.contains(&member)
                    {
                        self.appliers.insert(bound.to_owned());
                    }
                }
            }
            "function_definition" => {
                // A class's own idea of order or equality is data for the solution, and so is what a class fills in that is
                // derived from the solution's.
                if let Some(name) = field("name").map(|n| source.text_of(n))
                    && !name.starts_with("__")
                    && !fills_in(source, node)
                    && self.gives_verdict(source, node)
                {
                    self.functions.insert(name.to_owned());
                }
            }
            "assignment" => {
                if let (Some(left), Some(right)) = (field("left"), field("right"))
                    && self.is_comparer(source, bare(right))
                {
                    self.functions.insert(source.text_of(left).to_owned());
                }
            }
            _ => {}
        }
    }

    /// Whether a function returns a comparison's outcome, or the words for it after it compared.
    fn gives_verdict(&self, source: &Source<'_>, function: Node<'_>) -> bool {
        let mut compares = false;
        let mut says = false;
        let mut open: Vec<Node<'_>> = function.child_by_field_name("body").into_iter().collect();
        while let Some(node) = open.pop() {
            match node.kind() {
                "function_definition" | "class_definition" | "lambda" => continue,
                "return_statement" => {
                    let given = node.named_child(0).map(bare);
                    if given.is_some_and(|value| self.carries(source, value, Tests::Words)) {
                        return true;
                    }
                    says |= given.is_some_and(|value| matches!(value.kind(), "true" | "false"));
                }
                "assignment" => {
                    let right = node.child_by_field_name("right");
                    if right.is_some_and(|right| self.carry_verdict(source, right)) {
                        return true;
                    }
                }
                "comparison_operator" => compares = true,
                _ => {}
            }
            open.extend(named(node));
        }
        compares && says
    }

    /// Whether calling this gives a comparison's outcome.
    fn is_comparer(&self, source: &Source<'_>, function: Node<'_>) -> bool {
        let text = source.text_of(function);
        match function.kind() {
            "identifier" => self.functions.contains(text) || text == "eval",
            "lambda" => function
                .child_by_field_name("body")
                .is_some_and(|body| self.carry_verdict(source, body)),
            "attribute" => {
                let part = |field| function.child_by_field_name(field).map(bare);
                let (Some(object), Some(member)) = (part("object"), part("attribute")) else {
                    return false;
                };
                let member = source.text_of(member);
                let of = source.text_of(object);
                let of_operator = self.operators.contains(of) || of.contains("'operator'");
                (COMPARING_METHODS.contains(&member) && !is_built(source, object))
                    || (of_operator && OPERATORS.contains(&member))
                    || self.functions.contains(member)
                    || (SEARCHES.contains(&member) && is_written_out(source, object))
            }
            // `getattr(x, '__eq__')(3)`, `partial(eq, 3)(x)`
            "call" => {
                COMPARING_METHODS.iter().any(|name| text.contains(name))
                    || self.carry_verdict(source, function)
            }
            _ => false,
        }
    }

    /// Whether this is one of the functions that give what another gives, by its name or as a member of its module.
    fn is_applier(&self, source: &Source<'_>, function: Node<'_>) -> bool {
        let text = source.text_of(function);
        if function.kind() != "attribute" {
            return self.appliers.contains(text);
        }
        let Some((of, member)) = text.rsplit_once('.') else {
            return false;
        };
        let imported = || APPLYING_MODULES.iter().any(|name| of.contains(name));
        APPLIERS.contains(&member.trim()) && (self.applying.contains(of.trim()) || imported())
    }

    /// Whether a comparison's outcome becomes the value of an expression, or a part of it. Comparisons inside a lambda
    /// that is handed on or among the arguments of a function that is not a relay are the solution's own business.
    pub(super) fn carry_verdict(&self, source: &Source<'_>, top: Node<'_>) -> bool {
        self.carries(source, top, Tests::Verdicts)
    }

    fn carries(&self, source: &Source<'_>, top: Node<'_>, tests: Tests) -> bool {
        let mut open = vec![top];
        while let Some(node) = open.pop() {
            match node.kind() {
                "conditional_expression" if tests == Tests::Words => {
                    let said: Vec<Node<'_>> = named(node).into_iter().step_by(2).collect();
                    if said.iter().all(|n| matches!(n.kind(), "true" | "false")) {
                        return true;
                    }
                    open.extend(said);
                }
                "comparison_operator" | "not_operator" => return true,
                "lambda" => {}
                "call" => {
                    let Some(function) = node.child_by_field_name("function").map(bare) else {
                        continue;
                    };
                    if self.is_comparer(source, function) {
                        return true;
                    }
                    let arguments = node.child_by_field_name("arguments");
                    let name = source.text_of(function);
                    if function.kind() == "lambda" || RELAYS.contains(&name) {
                        open.extend(arguments);
                    } else if self.is_applier(source, function) {
                        let first = arguments.and_then(|list| list.named_child(0));
                        if first.is_some_and(|first| self.is_comparer(source, bare(first))) {
                            return true;
                        }
                    } else if function.kind() != "identifier" {
                        open.push(function);
                    }
                }
                // A dict that is written out is searched for what the solution gives.
                "subscript" => {
                    let of = node.child_by_field_name("value").map(bare);
                    if of.is_some_and(|of| of.kind() == "dictionary" && is_written_out(source, of))
                    {
                        return true;
                    }
                    open.extend(of);
                }
                "list_comprehension"
                | "set_comprehension"
                | "dictionary_comprehension"
                | "generator_expression" => {
                    open.extend(node.child_by_field_name("body"));
                }
                _ => open.extend(named(node)),
            }
        }
        false
    }
}

/// Whether a function is a method of a class that is derived from one which the same text neither defines nor imports: a
/// rule that the task asks to derive from. That it compares what a solution gives shows itself when its checks are run
/// with an object that equals everything.
fn fills_in(source: &Source<'_>, function: Node<'_>) -> bool {
    let mut around = std::iter::successors(function.parent(), Node::parent);
    let Some(class) =
        around.find(|n| matches!(n.kind(), "class_definition" | "function_definition"))
    else {
        return false;
    };
    let bases = class.child_by_field_name("superclasses").map(named);
    let is_own = |name: &str| {
        let mut nodes = source.nodes().into_iter().map(|(node, _)| node);
        nodes.any(|node| match node.kind() {
            "class_definition" => node
                .child_by_field_name("name")
                .is_some_and(|n| source.text_of(n) == name),
            "import_from_statement" => identifiers(node)
                .into_iter()
                .any(|n| source.text_of(n) == name),
            _ => false,
        })
    };
    bases.into_iter().flatten().any(|base| {
        let name = source.text_of(base);
        base.kind() == "identifier" && name.starts_with(char::is_uppercase) && !is_own(name)
    })
}

/// `Vec(1, 2)`: what `==` says of a class that the task asks for is a result like others. A function under such a name is
/// told when its checks are run with an object that equals everything.
fn is_built(source: &Source<'_>, object: Node<'_>) -> bool {
    object.kind() == "call"
        && object
            .child_by_field_name("function")
            .is_some_and(|class| source.text_of(class).starts_with(char::is_uppercase))
}

/// A container of literals alone: what is looked for in it is compared with what was expected.
fn is_written_out(source: &Source<'_>, node: Node<'_>) -> bool {
    matches!(node.kind(), "list" | "tuple" | "set" | "dictionary")
        && parse_literal(source.text_of(node)).is_ok()
}
