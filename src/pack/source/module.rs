//! One Python module: its top-level statements, what each binds and mentions, and the smallest program that holds one
//! definition with everything it needs; pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use tree_sitter::Node;

use super::docstring::{docstring, without_doctests, without_headings};
use super::doctest;
use super::examples::Stream;
use super::safe;
use super::syntax::{
    free_names, imports, last_line_of, line_of, named_children, names_bound, names_in, parse,
    preorder, text_of,
};

/// Top-level statements looked at; generated modules may hold many thousands.
const MOST_ITEMS: usize = 2_000;
/// Longest solution, in bytes; what is longer is a program and not a task.
const MOST_CODE: usize = 16_000;

#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) name: String,
    /// As a reader of the task needs it: the function's head, or the class with the heads of its methods.
    pub(super) signature: String,
    pub(super) is_class: bool,
    /// Docstring without its examples.
    pub(super) prose: String,
    /// Its docstring and those of its methods, as Python sees them.
    pub(super) docstrings: Vec<String>,
    /// Places where the code decides or repeats.
    pub(super) branches: usize,
    pub(super) lines: (u32, u32),
    item: usize,
}

#[derive(Debug, Clone)]
struct Item {
    names: Vec<String>,
    reads: HashSet<String>,
    /// What it needs from outside of itself.
    free: HashSet<String>,
    /// Without doctests, which hold the answers.
    code: String,
    import: bool,
    /// Modules imported anywhere inside.
    modules: Vec<String>,
    /// Cannot be part of a solution: broken, a relative import, a call that reaches out.
    barred: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Module {
    items: Vec<Item>,
    pub(super) definitions: Vec<Definition>,
}

/// A self-contained program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) code: String,
    /// Third-party libraries that it imports.
    pub(super) libraries: Vec<String>,
    /// Definitions in it.
    pub(super) definitions: usize,
}

impl Module {
    pub(super) fn read(source: &str) -> Self {
        let mut module = Self::default();
        // Most blocks of prose define nothing and need no parser.
        let defines = source.contains("def ") || source.contains("class ");
        let Some(tree) = Some(source).filter(|_| defines).and_then(parse) else {
            return module;
        };
        for statement in named_children(tree.root_node())
            .into_iter()
            .take(MOST_ITEMS)
        {
            let inner = inner_definition(statement);
            let index = module.items.len();
            module.items.push(item(statement, source));
            if let Some(inner) = inner.filter(|n| !n.has_error()) {
                module
                    .definitions
                    .extend(definition(statement, inner, source, index));
            }
        }
        module
    }

    /// Names of all definitions at the top.
    pub(super) fn defined(&self) -> HashSet<&str> {
        self.definitions.iter().map(|d| d.name.as_str()).collect()
    }

    /// The definition with the imports, constants and definitions it needs; `None` where one of them cannot stand in
    /// a sandbox, or is neither in the module nor among what `known` has imported.
    pub(super) fn program(
        &self,
        definition: &Definition,
        known: &Stream,
        libraries: &[String],
    ) -> Option<Program> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, item) in self.items.iter().enumerate() {
            for name in &item.names {
                by_name.entry(name).or_default().push(index);
            }
        }
        let mut taken = BTreeSet::from([definition.item]);
        let mut waiting = vec![definition.item];
        while let Some(index) = waiting.pop() {
            let item = self.items.get(index)?;
            for index in item
                .reads
                .iter()
                .filter_map(|r| by_name.get(r.as_str()))
                .flatten()
            {
                if taken.insert(*index) {
                    waiting.push(*index);
                }
            }
        }
        let chosen: Vec<&Item> = taken.iter().filter_map(|i| self.items.get(*i)).collect();
        if chosen.iter().any(|i| i.barred) {
            return None;
        }
        let defined: HashSet<&String> = chosen.iter().flat_map(|i| &i.names).collect();
        let missing: BTreeSet<&String> = chosen
            .iter()
            .flat_map(|i| &i.free)
            .filter(|n| !defined.contains(n))
            .collect();
        let mut lines = BTreeSet::new();
        let mut modules: BTreeSet<String> = chosen.iter().flat_map(|i| i.modules.clone()).collect();
        for name in missing.into_iter().filter(|n| !safe::is_builtin(n)) {
            let (line, path) = match known.import_of(name) {
                Some((line, path)) => (line.to_owned(), path.to_owned()),
                None => safe::home_of(name)?,
            };
            lines.insert(line);
            modules.insert(path);
        }
        if !modules.iter().all(|m| safe::allowed(m, libraries)) {
            return None;
        }
        let foreign = modules.iter().filter(|m| !safe::computes(m));
        let foreign: BTreeSet<String> = foreign
            .map(|m| m.split('.').next().unwrap_or_default().to_owned())
            .collect();
        let mut code: String = lines.into_iter().map(|line| line + "\n").collect();
        if !code.is_empty() && !chosen.first().is_some_and(|i| i.import) {
            code.push_str("\n\n");
        }
        code.push_str(&joined(&chosen));
        (code.len() <= MOST_CODE).then(|| Program {
            code,
            libraries: foreign.into_iter().collect(),
            definitions: self
                .definitions
                .iter()
                .filter(|d| taken.contains(&d.item))
                .count(),
        })
    }
}

/// Imports close together, everything else two lines apart.
fn joined(items: &[&Item]) -> String {
    let mut code = String::new();
    let mut after_import = true;
    // Imports of the future must come first, and every import of a module stands well at its top.
    let (first, rest): (Vec<&Item>, Vec<&Item>) = items.iter().partition(|i| i.import);
    for item in first.iter().chain(&rest) {
        if !code.is_empty() {
            code.push_str(if item.import && after_import {
                "\n"
            } else {
                "\n\n\n"
            });
        }
        code.push_str(item.code.trim_end());
        after_import = item.import;
    }
    code.push('\n');
    code
}

/// The function or class that a statement defines, below its decorators.
fn inner_definition(statement: Node) -> Option<Node> {
    let inner = match statement.kind() {
        "decorated_definition" => statement.child_by_field_name("definition")?,
        _ => statement,
    };
    matches!(inner.kind(), "function_definition" | "class_definition").then_some(inner)
}

fn item(statement: Node, source: &str) -> Item {
    let mut modules = Vec::new();
    let mut barred = statement.has_error();
    for node in preorder(statement, |_| true) {
        for import in imports(node, source) {
            barred |= import.module.starts_with('.') || import.binds == "*";
            modules.push(match &import.name {
                // `from urllib import parse` imports a part.
                Some(name) if !safe::computes(&import.module) => {
                    let part = format!("{}.{name}", import.module);
                    if safe::computes(&part) {
                        part
                    } else {
                        import.module
                    }
                }
                _ => import.module,
            });
        }
        let callee = (node.kind() == "call")
            .then(|| node.child_by_field_name("function"))
            .flatten();
        barred |= callee
            .is_some_and(|c| c.kind() == "identifier" && safe::denied_name(text_of(c, source)));
        barred |= matches!(node.kind(), "print_statement" | "exec_statement");
    }
    if statement.kind() == "future_import_statement" {
        modules.push("__future__".to_owned());
    }
    Item {
        names: names_bound(statement, source),
        reads: names_in(statement, source),
        // An import mentions the names inside of modules, which nobody has to define.
        free: if statement.kind().contains("import") {
            HashSet::new()
        } else {
            free_names(statement, source)
        },
        code: without_doctests(statement, source),
        import: statement.kind().contains("import"),
        modules,
        barred,
    }
}

fn definition(statement: Node, inner: Node, source: &str, item: usize) -> Option<Definition> {
    let name = text_of(inner.child_by_field_name("name")?, source).to_owned();
    let body = inner.child_by_field_name("body")?;
    let doc = docstring(body, source).unwrap_or_default();
    let is_class = inner.kind() == "class_definition";
    let mut docstrings = vec![doc.clone()];
    let mut signature = format!("{}:", head(inner, source)?);
    if is_class {
        for method in named_children(body)
            .into_iter()
            .filter_map(inner_definition)
        {
            let method_body = method.child_by_field_name("body");
            docstrings.extend(method_body.and_then(|b| docstring(b, source)));
            let shown =
                head(method, source).filter(|h| !h.contains("def _") || h.contains("def __init__"));
            if let Some(method_head) = shown {
                // Writing to a String cannot fail.
                let _ = write!(signature, "\n    {method_head}: ...");
            }
        }
    }
    let branches = preorder(body, |_| true)
        .into_iter()
        .filter(|n| branches(n.kind()))
        .count();
    Some(Definition {
        name,
        signature,
        is_class,
        prose: without_headings(&doctest::without(&doc)),
        docstrings,
        branches,
        lines: (line_of(statement), last_line_of(statement)),
        item,
    })
}

fn branches(kind: &str) -> bool {
    matches!(
        kind,
        "if_statement"
            | "elif_clause"
            | "for_statement"
            | "while_statement"
            | "except_clause"
            | "conditional_expression"
            | "boolean_operator"
            | "for_in_clause"
            | "if_clause"
            | "case_clause"
            | "raise_statement"
    )
}

/// First line of a definition without its colon.
fn head(definition: Node, source: &str) -> Option<String> {
    let body = definition.child_by_field_name("body")?;
    let text = source.get(definition.start_byte()..body.start_byte())?;
    // Comments between head and body would hide the colon.
    let text = text.split(" #").next().unwrap_or(text).trim_end();
    let words: Vec<&str> = text.trim_end_matches(':').split_whitespace().collect();
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
import math
import re
from os import path

LIMIT = 3


def helper(x):
    """Help.

    >>> helper(1)
    4
    """
    return x + LIMIT


def area(r):
    """Area of a circle.

    More words.

    Examples:

    >>> area(0)
    3.0
    """
    if r < 0:
        raise ValueError(r)
    return math.pi * r * r + helper(0)


def reads(name):
    return path.exists(name)
"#;

    #[test]
    fn a_program_holds_what_its_definition_needs_and_no_answers() {
        let module = Module::read(SOURCE);
        let area = &module.definitions[1];
        assert_eq!(area.prose, "Area of a circle.\n\nMore words.");
        assert_eq!(area.signature, "def area(r):");
        let program = module
            .program(area, &Stream::default(), &[])
            .expect("self-contained");
        assert!(program.code.starts_with(
            "import math\n\n\nLIMIT = 3\n\n\ndef helper(x):\n    \"\"\"Help.\"\"\"\n"
        ));
        assert!(!program.code.contains(">>>") && !program.code.contains("import re"));
        assert!(
            program
                .code
                .contains("More words.\n    \"\"\"\n    if r < 0:")
        );
        assert_eq!(program.definitions, 2);
    }

    #[test]
    fn what_reaches_out_is_no_program() {
        let module = Module::read(SOURCE);
        assert_eq!(
            module.program(&module.definitions[2], &Stream::default(), &[]),
            None
        );
        let opening = Module::read("def f(x):\n    return open(x).read()\n");
        assert_eq!(
            opening.program(&opening.definitions[0], &Stream::default(), &[]),
            None
        );
        let foreign = Module::read("import numpy as np\n\ndef f(x):\n    return np.sum(x)\n");
        assert_eq!(
            foreign.program(&foreign.definitions[0], &Stream::default(), &[]),
            None
        );
        let given = foreign.program(
            &foreign.definitions[0],
            &Stream::default(),
            &["numpy".to_owned()],
        );
        assert_eq!(given.expect("allowed").libraries, ["numpy"]);
    }
}
