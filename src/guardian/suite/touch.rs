//! What a check's own statements and its call do to the solution: they may build and change things of their own, never
//! replace or change what the solution defines. Pure; reads and never runs. A gate of form, as `reach` is: it follows
//! names, not values.

use std::collections::HashMap;

use tree_sitter::Node;

use crate::guardian::reach::{changed_parameters, own_function};
use crate::guardian::syntax::{Source, bare, is_local, named};

/// Names with which everything could be replaced unseen.
const TRICKS: [&str; 5] = ["exec", "eval", "globals", "locals", "compile"];

/// Methods with which Python's own containers are changed in place.
const IN_PLACE: &str = "append extend insert remove pop clear sort reverse update add discard setdefault popitem \
    appendleft extendleft popleft rotate subtract move_to_end intersection_update difference_update \
    symmetric_difference_update __setattr__ __delattr__ __setitem__ __delitem__ __ior__ __iadd__ __init__";

/// Functions that change what is passed to them first.
const OF_THE_FIRST: &str = "setattr delattr setitem delitem shuffle heappush heappop heapify heapreplace heappushpop insort \
    insort_left insort_right __setattr__ __delattr__ __setitem__ __delitem__ iadd ior";

/// Types whose methods are functions of the first argument too: `list.append(xs, 1)`.
const TYPES: [&str; 8] = [
    "list",
    "dict",
    "set",
    "type",
    "object",
    "bytearray",
    "deque",
    "Counter",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something that only the solution's own code should change.
    Data,
    /// A function, a class, or an object of the solution's own making, whose methods are there to be called.
    Thing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    kind: Kind,
    /// Bound by the check to something of the solution's.
    alias: bool,
}

/// The solution as its checks see it, and what they have made of its names so far.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    entry_point: String,
    /// What it imports, as statements: a module that it holds is not to be changed either.
    pub(super) imports: String,
    names: HashMap<String, Name>,
    /// Functions of the check's own, with the parameters that they change.
    changers: HashMap<String, Vec<(usize, String)>>,
}

impl Solution {
    pub(super) fn of(code: &str, entry_point: &str) -> Self {
        let mut solution = Self {
            entry_point: entry_point.to_owned(),
            imports: String::new(),
            names: HashMap::new(),
            changers: HashMap::new(),
        };
        if let Some(source) = Source::parse(code) {
            solution.learn(&source);
        }
        let entry = Name {
            kind: Kind::Thing,
            alias: false,
        };
        solution.names.insert(entry_point.to_owned(), entry);
        solution
    }

    /// What is bound at the top level, inside of `if` and `try` too.
    fn learn(&mut self, source: &Source<'_>) {
        let mut open = vec![source.root()];
        let mut bound = Vec::new();
        while let Some(node) = open.pop() {
            match node.kind() {
                "function_definition" | "class_definition" => {
                    if let Some(name) = node.child_by_field_name("name") {
                        self.own(source.text_of(name), Kind::Thing);
                    }
                }
                "import_statement" | "import_from_statement" => {
                    self.imports.push_str(source.text_of(node));
                    self.imports.push('\n');
                }
                "lambda" => {}
                "assignment" => {
                    bound.push(node);
                    open.extend(node.child_by_field_name("right"));
                }
                _ => open.extend(named(node)),
            }
        }
        for node in bound {
            let (Some(left), Some(right)) = (
                node.child_by_field_name("left"),
                node.child_by_field_name("right"),
            ) else {
                continue;
            };
            let of_its_own = match right.kind() {
                "lambda" => true,
                "call" => right
                    .child_by_field_name("function")
                    .is_some_and(|f| self.kind_of(source.text_of(f)) == Some(Kind::Thing)),
                "identifier" => self.kind_of(source.text_of(right)) == Some(Kind::Thing),
                _ => false,
            };
            let kind = if of_its_own { Kind::Thing } else { Kind::Data };
            for name in bound_by(left) {
                self.own(source.text_of(name), kind);
            }
        }
    }

    fn own(&mut self, name: &str, kind: Kind) {
        let name_of = Name { kind, alias: false };
        self.names.entry(name.to_owned()).or_insert(name_of);
    }

    fn kind_of(&self, name: &str) -> Option<Kind> {
        self.names.get(name).map(|n| n.kind)
    }

    /// The first thing in a setup or a call that would replace or change the solution, in words that follow "may not".
    /// Remembers which names the text binds, for the text that runs after it.
    pub(super) fn touched_by(&mut self, source: &Source<'_>) -> Option<String> {
        for (node, _) in source.nodes() {
            let found = match node.kind() {
                "identifier" => self.trick(source, node),
                // What it is to the interpreter too, unless it is `type(x).y = …`.
                "type_alias_statement" => Some("change what `type` gives".to_owned()),
                "wildcard_import" => Some("import everything of a module".to_owned()),
                "call" => self
                    .changed_by_call(source, node)
                    .or_else(|| self.handed_to_a_changer(source, node)),
                _ => self.bound(source, node),
            };
            if found.is_some() {
                return found;
            }
            self.remember(source, node);
        }
        None
    }

    fn trick(&self, source: &Source<'_>, node: Node<'_>) -> Option<String> {
        let text = source.text_of(node);
        let parent = node.parent()?;
        let is_member = parent.kind() == "attribute"
            && parent.child_by_field_name("attribute") == Some(node)
            || parent.kind() == "keyword_argument"
                && parent.child_by_field_name("name") == Some(node);
        if is_member || text == self.entry_point {
            return None;
        }
        let asked_with = || {
            let called =
                parent.kind() == "call" && parent.child_by_field_name("function") == Some(node);
            let arguments = parent.child_by_field_name("arguments").map(named);
            called && arguments.is_some_and(|a| !a.is_empty())
        };
        let trick = TRICKS.contains(&text)
            || matches!(text, "vars" | "setattr" | "delattr") && !asked_with()
            || text == "patch" && source.normal().contains("mock");
        trick.then(|| format!("use `{text}`"))
    }

    fn bound(&self, source: &Source<'_>, node: Node<'_>) -> Option<String> {
        let left = || node.child_by_field_name("left");
        let targets: Vec<Node<'_>> = match node.kind() {
            "assignment" | "augmented_assignment" | "for_statement" => left().into_iter().collect(),
            "named_expression" | "function_definition" | "class_definition" => {
                node.child_by_field_name("name").into_iter().collect()
            }
            "aliased_import" => node.child_by_field_name("alias").into_iter().collect(),
            "import_statement" | "import_from_statement" => {
                let mut cursor = node.walk();
                let names = node.children_by_field_name("name", &mut cursor);
                names
                    .filter_map(|n| match n.kind() {
                        "dotted_name" => n.named_child(0),
                        _ => None,
                    })
                    .collect()
            }
            "delete_statement" | "as_pattern_target" => named(node),
            "case_pattern" => captures(node),
            _ => Vec::new(),
        };
        let mut open = targets;
        while let Some(target) = open.pop() {
            match target.kind() {
                "identifier" => {
                    let name = source.text_of(target);
                    if name == self.entry_point {
                        return Some(format!("redefine `{name}`"));
                    }
                    // `TABLE += [1]` changes the list itself.
                    let in_place = node.kind() == "augmented_assignment";
                    if in_place && self.of_solution(source, target) == Some(Kind::Data) {
                        return Some(format!("change `{name}`"));
                    }
                }
                "attribute" | "subscript" => {
                    if let Some(name) = self.changed(source, target, false) {
                        return Some(format!("change `{name}`"));
                    }
                }
                "call" => {}
                _ => open.extend(named(target)),
            }
        }
        None
    }

    fn changed_by_call(&self, source: &Source<'_>, call: Node<'_>) -> Option<String> {
        let function = call.child_by_field_name("function")?;
        let arguments = call.child_by_field_name("arguments").map(named);
        let first = arguments.unwrap_or_default().into_iter().next();
        let attribute = (function.kind() == "attribute")
            .then(|| function.child_by_field_name("attribute"))
            .flatten();
        let word = source.text_of(attribute.unwrap_or(function));
        let receiver = attribute.and_then(|_| function.child_by_field_name("object"));
        let of_type = receiver.is_some_and(|r| TYPES.contains(&source.text_of(r)));
        let within = |list: &str| list.split_whitespace().any(|w| w == word);
        let own = attribute.is_none() && self.names.contains_key(word);
        let changed = if within(OF_THE_FIRST) && !own || of_type && within(IN_PLACE) {
            let first = first?;
            let name = source.text_of(self.whose(source, first)?.0).to_owned();
            Some(name)
        } else if within(IN_PLACE) {
            self.changed(source, receiver?, true)
        } else {
            None
        };
        changed.map(|name| format!("change `{name}`"))
    }

    /// `tune(Total)`, where a function of the check's own changes what it is given.
    fn handed_to_a_changer(&self, source: &Source<'_>, call: Node<'_>) -> Option<String> {
        let function = call.child_by_field_name("function")?;
        let parameters = self.changers.get(source.text_of(function))?;
        let arguments = named(call.child_by_field_name("arguments")?);
        arguments
            .into_iter()
            .enumerate()
            .find_map(|(at, argument)| {
                let by_name = argument.kind() == "keyword_argument";
                let field = |name| argument.child_by_field_name(name);
                let is_changed = |(number, name): &(usize, String)| match field("name") {
                    Some(named) if by_name => source.text_of(named) == name,
                    _ => *number == at,
                };
                let value = if by_name { field("value")? } else { argument };
                let (root, _) = self.whose(source, value)?;
                let name = source.text_of(root);
                let any = parameters.iter().any(is_changed);
                any.then(|| format!("change `{name}`"))
            })
    }

    /// The solution's name of which an assignment to `target`, or a method of it that works `in_place`, changes a part.
    fn changed(&self, source: &Source<'_>, target: Node<'_>, in_place: bool) -> Option<String> {
        let (root, kind) = self.whose(source, target)?;
        let direct = match target.kind() {
            "subscript" if !in_place => target.child_by_field_name("value").map(bare) == Some(root),
            _ => in_place && bare(target) == root,
        };
        // An object of the solution's own class is used as it is meant to be.
        if direct && kind == Kind::Thing {
            return None;
        }
        Some(source.text_of(root).to_owned())
    }

    /// Where a chain of attributes and subscripts begins, if that is the solution's.
    fn whose<'t>(&self, source: &Source<'_>, chain: Node<'t>) -> Option<(Node<'t>, Kind)> {
        let mut node = bare(chain);
        let mut through_class = false;
        loop {
            let next = match node.kind() {
                "attribute" => {
                    let member = node.child_by_field_name("attribute");
                    through_class |= member.is_some_and(|m| source.text_of(m) == "__class__");
                    node.child_by_field_name("object")
                }
                "subscript" => node.child_by_field_name("value"),
                _ => None,
            };
            match next {
                Some(inner) => node = bare(inner),
                None => break,
            }
        }
        if through_class {
            return Some((node, Kind::Data));
        }
        match node.kind() {
            "identifier" => Some((node, self.of_solution(source, node)?)),
            "call" => {
                let function = bare(node.child_by_field_name("function")?);
                let text = source.text_of(function);
                if text == "type" {
                    return Some((node, Kind::Data));
                }
                if function.kind() == "attribute" && !text.ends_with("getmodule") {
                    let (root, kind) =
                        self.whose(source, function.child_by_field_name("object")?)?;
                    // What a container hands out is its own; what a method of an object gives may be anything.
                    return (kind == Kind::Data).then_some((root, kind));
                }
                let looks_up = matches!(text, "vars" | "getattr") || text.ends_with("getmodule");
                let first = named(node.child_by_field_name("arguments")?)
                    .into_iter()
                    .next()?;
                let (root, _) = self.whose(source, first)?;
                looks_up.then_some((root, Kind::Data))
            }
            _ => None,
        }
    }

    /// Of which kind of the solution's things a name speaks here; `None` where it is the check's own.
    fn of_solution(&self, source: &Source<'_>, node: Node<'_>) -> Option<Kind> {
        let text = source.text_of(node);
        let name = self.names.get(text)?;
        (name.alias || !is_local(source, node, text)).then_some(name.kind)
    }

    /// What a binding makes of its names: the check's own from here on, or other names for what is the solution's.
    fn remember(&mut self, source: &Source<'_>, node: Node<'_>) {
        let field = |name| node.child_by_field_name(name);
        if let Some(name) = own_function(node) {
            let changed = changed_parameters(source, node);
            self.changers
                .insert(source.text_of(name).to_owned(), changed);
        }
        let (targets, from) = match node.kind() {
            "assignment" | "for_statement" => (field("left"), field("right")),
            "named_expression" => (field("name"), field("value")),
            "function_definition" | "class_definition" => (field("name"), None),
            "aliased_import" => (field("alias"), None),
            _ => return,
        };
        let mut from = from;
        while let Some(inner) = from.filter(|f| f.kind() == "assignment") {
            from = inner.child_by_field_name("right");
        }
        let loops = node.kind() == "for_statement";
        let alias = from.and_then(|from| self.alias(source, from, loops));
        let always = node.parent().is_some_and(|parent| {
            parent.kind() == "module"
                || parent.kind() == "expression_statement"
                    && parent.parent().is_some_and(|p| p.kind() == "module")
        });
        for target in targets.map(bound_by).unwrap_or_default() {
            let name = source.text_of(target);
            match alias {
                Some(kind) => {
                    let name_of = Name { kind, alias: true };
                    self.names.insert(name.to_owned(), name_of);
                }
                None if always => _ = self.names.remove(name),
                None => {}
            }
        }
    }

    fn alias(&self, source: &Source<'_>, from: Node<'_>, loops: bool) -> Option<Kind> {
        let from = bare(from);
        match from.kind() {
            "identifier" | "attribute" => {
                let (root, kind) = self.whose(source, from)?;
                let part = loops || bare(from) != root;
                Some(if part { Kind::Data } else { kind })
            }
            "subscript" => {
                let slice = named(from).iter().any(|n| n.kind() == "slice");
                let (_, kind) = self.whose(source, from).filter(|_| !slice)?;
                Some(kind)
            }
            "call" => {
                let function = from.child_by_field_name("function")?;
                let text = source.text_of(function);
                let part = [".get", ".values", ".items", ".setdefault"];
                let hands_out = part.iter().any(|p| text.ends_with(p))
                    || matches!(text, "vars" | "getattr" | "type");
                self.whose(source, from)
                    .filter(|_| hands_out)
                    .map(|(_, kind)| kind)
            }
            "tuple" | "expression_list" | "conditional_expression" | "boolean_operator" => {
                named(from)
                    .into_iter()
                    .find_map(|part| self.alias(source, part, loops))
            }
            _ => None,
        }
    }
}

/// Names that a target binds, without those that it only changes.
fn bound_by(target: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut open = vec![target];
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => found.push(node),
            "attribute" | "subscript" | "call" | "type" => {}
            _ => open.extend(named(node)),
        }
    }
    found
}

/// Names that a pattern of a `match` binds: `case total`, `case [first, *rest]`, `case Point() as p`.
fn captures(pattern: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut open = named(pattern);
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => found.push(node),
            "dotted_name" => {
                let parts = named(node);
                if let [only] = parts.as_slice() {
                    found.push(*only);
                }
            }
            // What comes first says what to compare with.
            "class_pattern" | "keyword_pattern" => open.extend(named(node).into_iter().skip(1)),
            _ => open.extend(named(node)),
        }
    }
    found
}
