//! The entry point: where the solution defines it and what it looks like. Pure; used by the gates that read the
//! solution and by the stand-ins that copy its shape.

use tree_sitter::Node;

use super::syntax::{Source, bare, children, named};
use crate::dream::Reason;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Positional parameters by name, `self` not among them.
    Function {
        is_async: bool,
        parameters: Vec<String>,
    },
    Class,
    /// A name bound to something callable that the text does not show. A lambda and another name of a definition are
    /// what they stand for.
    Assigned,
}

#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) shape: Shape,
    pub(super) node: Node<'t>,
}

/// The one definition of `name` at the top level.
pub(super) fn find<'s>(source: &'s Source<'_>, name: &str) -> Result<Entry<'s>, Reason> {
    let statements = named(source.root());
    let mut found = statements
        .into_iter()
        .filter_map(|statement| definition(source, statement, name));
    let first = found.next().ok_or(Reason::EntryPointMissing)?;
    if found.next().is_some() || bindings(source, name) > 1 {
        return Err(Reason::EntryPointRepeated);
    }
    Ok(first)
}

/// How often the module binds `name`, inside of `if`, `try` and loops too, or from within a function by `global`.
fn bindings(source: &Source<'_>, name: &str) -> usize {
    let is_name = |n: &Node<'_>| n.kind() == "identifier" && source.text_of(*n) == name;
    let mut count = 0;
    let mut open = vec![(source.root(), false)];
    while let Some((node, inside)) = open.pop() {
        let field = |field| node.child_by_field_name(field);
        let target = match node.kind() {
            "assignment" if decorates(source, node, name) => None,
            "global_statement" if inside => {
                count += usize::from(named(node).iter().any(is_name));
                None
            }
            _ if inside => None,
            "decorated_definition" if is_overload(source, node) => continue,
            "function_definition" | "class_definition" | "named_expression" => field("name"),
            "assignment" | "augmented_assignment" | "for_statement" if !is_note(node) => {
                field("left")
            }
            "aliased_import" => field("alias"),
            "import_from_statement" => {
                let mut cursor = node.walk();
                let names = node.children_by_field_name("name", &mut cursor);
                count += names
                    .filter_map(|n| n.named_child(0).filter(|_| n.kind() == "dotted_name"))
                    .filter(is_name)
                    .count();
                None
            }
            "delete_statement" | "as_pattern_target" => Some(node),
            _ => None,
        };
        let mut targets: Vec<Node<'_>> = target.into_iter().collect();
        while let Some(target) = targets.pop() {
            match target.kind() {
                "attribute" | "subscript" | "call" => {}
                "identifier" => count += usize::from(is_name(&target)),
                _ => targets.extend(named(target)),
            }
        }
        let scope = matches!(
            node.kind(),
            "function_definition" | "class_definition" | "lambda"
        );
        let inner = named(node).into_iter();
        open.extend(inner.map(|child| (child, inside || scope)));
    }
    count
}

/// `f: Callable[[int], int]` says what a name will hold and binds nothing.
fn is_note(node: Node<'_>) -> bool {
    node.kind() == "assignment" && node.child_by_field_name("right").is_none()
}

/// `f = cache(f)` at the top level: the way to decorate without an `@`.
fn decorates(source: &Source<'_>, assignment: Node<'_>, name: &str) -> bool {
    let at_top = assignment
        .parent()
        .and_then(|statement| statement.parent())
        .is_some_and(|module| module.kind() == "module");
    let side = |field: &str| assignment.child_by_field_name(field);
    let is_name = |node: Node<'_>| node.kind() == "identifier" && source.text_of(node) == name;
    let passed = side("right")
        .map(bare)
        .filter(|right| right.kind() == "call")
        .and_then(|call| call.child_by_field_name("arguments"))
        .map(named);
    at_top
        && side("left").is_some_and(is_name)
        && passed.is_some_and(|passed| matches!(passed.as_slice(), [one] if is_name(*one)))
}

fn is_overload(source: &Source<'_>, decorated: Node<'_>) -> bool {
    named(decorated)
        .iter()
        .any(|n| n.kind() == "decorator" && source.text_of(*n).trim_end().ends_with("overload"))
}

fn definition<'s>(source: &'s Source<'_>, statement: Node<'s>, name: &str) -> Option<Entry<'s>> {
    let is_named = |node: Node<'_>, field: &str| {
        node.child_by_field_name(field)
            .is_some_and(|n| n.kind() == "identifier" && source.text_of(n) == name)
    };
    match statement.kind() {
        "decorated_definition" => {
            let inner = statement.child_by_field_name("definition")?;
            if is_overload(source, statement) {
                None
            } else {
                definition(source, inner, name)
            }
        }
        "function_definition" if is_named(statement, "name") => {
            let is_async = children(statement)
                .first()
                .is_some_and(|n| n.kind() == "async");
            let shape = Shape::Function {
                is_async,
                parameters: parameters(source, statement),
            };
            Some(Entry {
                shape,
                node: statement,
            })
        }
        "class_definition" if is_named(statement, "name") => Some(Entry {
            shape: Shape::Class,
            node: statement,
        }),
        "expression_statement" => {
            let assignment = statement.named_child(0)?;
            if assignment.kind() != "assignment" || decorates(source, assignment, name) {
                return None;
            }
            if is_named(assignment, "left") {
                return Some(assigned(source, assignment, name));
            }
            // `encode, decode = codec('|')`
            let left = assignment.child_by_field_name("left")?;
            let one_of_several = matches!(left.kind(), "pattern_list" | "tuple_pattern")
                && named(left)
                    .into_iter()
                    .any(|n| n.kind() == "identifier" && source.text_of(n) == name);
            one_of_several.then_some(Entry {
                shape: Shape::Assigned,
                node: assignment,
            })
        }
        _ => None,
    }
}

fn assigned<'s>(source: &'s Source<'_>, assignment: Node<'s>, name: &str) -> Entry<'s> {
    let entry = |shape, node| Entry { shape, node };
    let Some(right) = assignment.child_by_field_name("right").map(bare) else {
        return entry(Shape::Assigned, assignment);
    };
    let text = source.text_of(right);
    match right.kind() {
        "lambda" => {
            let shape = Shape::Function {
                is_async: false,
                parameters: parameters(source, right),
            };
            entry(shape, right)
        }
        // Only definitions are followed: `f = g` beside `g = f` would never end.
        "identifier" if text != name => named(source.root())
            .into_iter()
            .filter(|statement| statement.kind() != "expression_statement")
            .find_map(|statement| definition(source, statement, text))
            .unwrap_or(entry(Shape::Assigned, assignment)),
        _ => entry(Shape::Assigned, assignment),
    }
}

/// How a function names what it is passed by position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Positions {
    names: Vec<String>,
    /// Of all that follow.
    rest: Option<String>,
}

impl Positions {
    pub(super) fn name(&self, at: usize) -> String {
        let known = self.names.get(at).or(self.rest.as_ref());
        known.map_or_else(|| format!("argument {}", at + 1), String::clone)
    }

    fn of(source: &Source<'_>, function: Node<'_>) -> Self {
        let mut positions = Self::default();
        let list = function.child_by_field_name("parameters").map(named);
        for parameter in list.into_iter().flatten() {
            let pattern = match parameter.kind() {
                "typed_parameter" => parameter.named_child(0).unwrap_or(parameter),
                _ => parameter,
            };
            match pattern.kind() {
                "list_splat_pattern" => {
                    let rest = pattern.named_child(0);
                    positions.rest = rest.map(|n| source.text_of(n).to_owned());
                    break;
                }
                "keyword_separator" | "dictionary_splat_pattern" => break,
                _ => positions.names.extend(parameter_name(source, parameter)),
            }
        }
        positions
    }

    /// Of what calling the entry point passes on: to a function, or to the one that a `partial` holds.
    pub(super) fn of_entry(source: &Source<'_>, entry: &Entry<'_>) -> Self {
        match entry.shape {
            Shape::Function { .. } => Self::of(source, entry.node),
            Shape::Assigned => Self::of_partial(source, entry.node).unwrap_or_default(),
            Shape::Class => Self::default(),
        }
    }

    fn of_partial(source: &Source<'_>, assignment: Node<'_>) -> Option<Self> {
        let call = bare(assignment.child_by_field_name("right")?);
        let made_by = source.text_of(call.child_by_field_name("function")?);
        if made_by.rsplit('.').next() != Some("partial") {
            return None;
        }
        let held = named(call.child_by_field_name("arguments")?);
        let (function, bound) = held.split_first()?;
        let name = source.text_of(*function);
        let found = named(source.root())
            .into_iter()
            .filter(|statement| statement.kind() != "expression_statement")
            .find_map(|statement| definition(source, statement, name))?;
        let mut positions = Self::of(source, found.node);
        let by_position = bound.iter().filter(|n| n.kind() != "keyword_argument");
        let taken = by_position.count().min(positions.names.len());
        positions.names.drain(..taken);
        Some(positions)
    }
}

/// Positional parameters of the first function inside `node` with one of these names, without `self`.
pub(super) fn parameters_of(
    source: &Source<'_>,
    node: Node<'_>,
    names: &[&str],
) -> Option<Positions> {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let name = node.child_by_field_name("name").map(|n| source.text_of(n));
        if node.kind() == "function_definition" && name.is_some_and(|n| names.contains(&n)) {
            let mut positions = Positions::of(source, node);
            positions.names.retain(|p| p != "self" && p != "cls");
            return Some(positions);
        }
        open.extend(named(node));
    }
    None
}

fn parameters(source: &Source<'_>, function: Node<'_>) -> Vec<String> {
    let Some(list) = function.child_by_field_name("parameters") else {
        return Vec::new();
    };
    let names = named(list).into_iter();
    names.filter_map(|n| parameter_name(source, n)).collect()
}

fn parameter_name(source: &Source<'_>, node: Node<'_>) -> Option<String> {
    match node.kind() {
        "identifier" => Some(source.text_of(node).to_owned()),
        "default_parameter" | "typed_default_parameter" => node
            .child_by_field_name("name")
            .map(|n| source.text_of(n).to_owned()),
        "typed_parameter" => {
            let first = node.named_child(0)?;
            (first.kind() == "identifier").then(|| source.text_of(first).to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Positions, Shape, find};
    use crate::dream::Reason;
    use crate::guardian::syntax::Source;

    #[track_caller]
    fn check(code: &str, expected: &Result<Shape, Reason>) {
        let source = Source::parse(code).unwrap();
        assert_eq!(find(&source, "f").map(|e| e.shape), *expected, "{code}");
    }

    #[test]
    fn the_entry_point_is_found_in_every_shape() {
        let function = |is_async, names: &[&str]| {
            Ok(Shape::Function {
                is_async,
                parameters: names.iter().map(|n| (*n).to_owned()).collect(),
            })
        };
        check(
            "def f(a, b=1, *args, c: int, d: int = 2, **rest): pass",
            &function(false, &["a", "b", "c", "d"]),
        );
        check("@cache\ndef f(): pass", &function(false, &[]));
        check("async def f(a): pass", &function(true, &["a"]));
        check("class f:\n    pass", &Ok(Shape::Class));
        check("f = lambda x, n=1: x", &function(false, &["x", "n"]));
        check("def g(a): return a\nf = g", &function(false, &["a"]));
        check("class G:\n    pass\nf = (G)", &Ok(Shape::Class));
        check("f = partial(g, 1)", &Ok(Shape::Assigned));
        check("g, f = pair()", &Ok(Shape::Assigned));
        check("(f, g) = pair()", &Ok(Shape::Assigned));
        check(
            "def f(a): return a\nf = cache(maxsize=None)(f)",
            &function(false, &["a"]),
        );
        check(
            "def f(a): return a\nf = cache(f)\nf = log(f)",
            &function(false, &["a"]),
        );
        check("g = f\nf = g", &Ok(Shape::Assigned));
        check(
            "@overload\ndef f(a: int): ...\n@typing.overload\ndef f(a: str): ...\ndef f(a): return a",
            &function(false, &["a"]),
        );
    }

    #[test]
    fn what_is_passed_by_position_has_the_name_of_its_parameter() {
        for (code, expected) in [
            ("def f(a, b=1, *c, d): pass", ["a", "b", "c"]),
            ("def f(a, /, *b: int, c=2): pass", ["a", "b", "b"]),
            ("def f(a, *, b): pass", ["a", "argument 2", "argument 3"]),
            ("f = lambda a, *b: a", ["a", "b", "b"]),
            (
                "def g(a, b, c): pass\nf = functools.partial(g, 1, c=2)",
                ["b", "c", "argument 3"],
            ),
            ("f = make()", ["argument 1", "argument 2", "argument 3"]),
        ] {
            let source = Source::parse(code).unwrap();
            let entry = find(&source, "f").unwrap();
            let positions = Positions::of_entry(&source, &entry);
            assert_eq!([0, 1, 2].map(|at| positions.name(at)), expected, "{code}");
        }
    }

    #[test]
    fn a_missing_or_repeated_entry_point_is_told() {
        check("def g(): pass", &Err(Reason::EntryPointMissing));
        check(
            "if True:\n    def f(): pass",
            &Err(Reason::EntryPointMissing),
        );
        check(
            "class A:\n    def f(self): pass",
            &Err(Reason::EntryPointMissing),
        );
        check(
            "def f(): pass\ndef f(): pass",
            &Err(Reason::EntryPointRepeated),
        );
        check("def f(): pass\nf = 3", &Err(Reason::EntryPointRepeated));
        for again in [
            "if True:\n    def f(): return 2",
            "try:\n    f = abs\nexcept NameError:\n    pass",
            "for f in (abs,):\n    pass",
            "with open('x') as f:\n    pass",
            "from math import sqrt as f",
            "from math import f",
            "(f := abs)",
            "if True:\n    del f",
            "while True:\n    class f: pass\n    break",
            "def g():\n    global f\n    f = abs\ng()",
            "g, f = 1, 2",
            "f = partial(f, 1)",
            "f = cache(g)",
            "if True:\n    f = cache(f)",
        ] {
            check(
                &format!("def f(): pass\n{again}\n"),
                &Err(Reason::EntryPointRepeated),
            );
        }
        for other in [
            "def g():\n    f = 3",
            "class A:\n    def f(self): pass",
            "f.calls = 0",
            "xs = [f for f in (1, 2)]",
            "g = lambda f: f",
            "if True:\n    g = f",
            "def g(f):\n    return f",
        ] {
            let code = format!("def f(): pass\n{other}\n");
            let source = Source::parse(&code).unwrap();
            assert!(find(&source, "f").is_ok(), "{code}");
        }
    }
}
