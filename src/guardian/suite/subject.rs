//! What a check asks the solution, in one spelling: two checks that ask the same are one, however they are written. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tree_sitter::Node;

use super::fold;
use super::idle::without_idle;
use crate::dream::{Check, Value, parse_literal};
use crate::guardian::syntax::{Source, bare, children, named, normal};

/// Deeper than any honest call nests; what lies below is compared by its words.
const DEPTH_MAX: usize = 60;

/// What a check asks, whatever it expects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    setup: String,
    call: String,
    given: BTreeMap<String, String>,
    /// What its server answers.
    serve: String,
}

/// Names of the positional parameters of what the solution defines.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    /// Of functions, and of classes by what makes an object of them.
    functions: HashMap<String, Vec<String>>,
    /// By name alone, where all methods of that name agree.
    methods: HashMap<String, Option<Vec<String>>>,
}

impl Signatures {
    pub(super) fn of(code: &str) -> Self {
        let mut all = Self::default();
        let Some(source) = Source::parse(code) else {
            return all;
        };
        for (node, _) in source.nodes() {
            let Some(name) = node.child_by_field_name("name") else {
                continue;
            };
            let name = source.text_of(name);
            match (node.kind(), class_around(node)) {
                ("function_definition", None) => {
                    let of_name = positional(&source, node);
                    all.functions.entry(name.to_owned()).or_insert(of_name);
                }
                ("function_definition", Some(class)) => {
                    let mut own = positional(&source, node);
                    if own.first().is_some_and(|p| p == "self" || p == "cls") {
                        own.remove(0);
                    }
                    if name == "__init__"
                        && let Some(class) = class.child_by_field_name("name")
                    {
                        let class = source.text_of(class).to_owned();
                        all.functions.insert(class, own);
                    } else {
                        let known = all.methods.entry(name.to_owned());
                        let known = known.or_insert_with(|| Some(own.clone()));
                        if known.as_ref() != Some(&own) {
                            *known = None;
                        }
                    }
                }
                ("class_definition", None) => {
                    if let Some(fields) = fields(&source, node) {
                        all.functions.entry(name.to_owned()).or_insert(fields);
                    }
                }
                _ => {}
            }
        }
        all
    }

    fn of_call(&self, source: &Source<'_>, function: Node<'_>) -> &[String] {
        let known = match function.kind() {
            "identifier" => self.functions.get(source.text_of(function)),
            "attribute" => function
                .child_by_field_name("attribute")
                .and_then(|name| self.methods.get(source.text_of(name)))
                .and_then(Option::as_ref),
            _ => None,
        };
        known.map_or(&[], Vec::as_slice)
    }

    /// What a check asks.
    pub(super) fn subject(&self, check: &Check) -> Subject {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut setup = String::new();
        let needed = without_idle(&check.setup, &check.call);
        match data_of(&needed) {
            Some(data) => names = data,
            None => setup = self.spelled(&needed, &BTreeMap::new()).0,
        }
        for (name, literal) in &check.given {
            let plain = parse_literal(literal).map_or_else(|_| literal.clone(), |v| v.to_literal());
            names.insert(name.clone(), plain);
        }
        let (call, used) = self.spelled(&check.call, &names);
        // What was written into the call says nothing more, and what only `holds` looks at asks nothing; statements of
        // the setup may look at the rest.
        names.retain(|name, _| !setup.is_empty() && !used.contains(name));
        let serve = check.serve.as_ref().map(serde_json::to_string);
        Subject {
            setup,
            call,
            given: names,
            serve: serve.and_then(Result::ok).unwrap_or_default(),
        }
    }

    /// Python text in the one form that it has, and the names that were replaced by their literals.
    fn spelled(&self, text: &str, names: &BTreeMap<String, String>) -> (String, BTreeSet<String>) {
        let mut speller = Speller {
            signatures: self,
            names,
            used: BTreeSet::new(),
        };
        let Some(source) = Source::parse(text.trim_start()) else {
            return (normal(text), speller.used);
        };
        let statements = named(source.root());
        let asking = statements.into_iter().filter(|s| !is_silent(*s));
        let lines: Vec<String> = asking.map(|s| speller.spell(&source, s, 0)).collect();
        (lines.join("\n"), speller.used)
    }
}

struct Speller<'a> {
    signatures: &'a Signatures,
    names: &'a BTreeMap<String, String>,
    used: BTreeSet<String>,
}

impl Speller<'_> {
    fn spell(&mut self, source: &Source<'_>, node: Node<'_>, depth: usize) -> String {
        let node = bare(node);
        let text = source.text_of(node);
        if depth > DEPTH_MAX {
            return normal(text);
        }
        if node.kind() == "identifier" {
            return match self.names.get(text) {
                Some(literal) => {
                    self.used.insert(text.to_owned());
                    literal.clone()
                }
                None => text.to_owned(),
            };
        }
        if node.is_named()
            && node.kind() != "argument_list"
            && let Ok(value) = parse_literal(text)
        {
            return value.to_literal();
        }
        let inner = |node| self.spell(source, node, depth + 1);
        match node.kind() {
            "call" => self.call(source, node, depth),
            "unary_operator" => {
                let sign = text.chars().next().unwrap_or('-');
                let of = node.child_by_field_name("argument").map(inner);
                let whole = format!("{sign}{}", of.unwrap_or_default());
                parse_literal(&whole).map_or(whole, |value| value.to_literal())
            }
            "binary_operator" => {
                let operator = node.child_by_field_name("operator");
                let operator = operator.map_or("", |n| source.text_of(n));
                let [left, right] = ["left", "right"].map(|side| {
                    let side = node.child_by_field_name(side);
                    side.map_or_else(String::new, |n| self.spell(source, n, depth + 1))
                });
                let constant = || {
                    let (left, right) = (parse_literal(&left).ok()?, parse_literal(&right).ok()?);
                    fold::operated(operator, &left, &right)
                };
                constant().map_or_else(
                    || format!("({left} {operator} {right})"),
                    |value| value.to_literal(),
                )
            }
            "attribute" | "keyword_argument" => {
                let field = |name| node.child_by_field_name(name);
                let text = |name| field(name).map_or("", |n| source.text_of(n));
                if node.kind() == "attribute" {
                    let object = field("object").map(inner).unwrap_or_default();
                    format!("{object}.{}", text("attribute"))
                } else {
                    let value = field("value").map(inner).unwrap_or_default();
                    format!("{}={value}", text("name"))
                }
            }
            // Without commas that say nothing.
            "list" | "set" | "dictionary" | "tuple" | "expression_list" => {
                let items: Vec<String> = named(node).into_iter().map(inner).collect();
                let whole = match node.kind() {
                    "list" => format!("[{}]", items.join(", ")),
                    "set" | "dictionary" => format!("{{{}}}", items.join(", ")),
                    _ => format!("({},)", items.join(", ")),
                };
                parse_literal(&whole).map_or(whole, |value| value.to_literal())
            }
            "comment" => String::new(),
            "string" => text.to_owned(),
            _ if node.child_count() == 0 => text.to_owned(),
            _ => {
                let parts: Vec<String> = children(node).into_iter().map(inner).collect();
                parts.join(" ")
            }
        }
    }

    /// Arguments by position where the signature tells it, then the others by name.
    fn call(&mut self, source: &Source<'_>, call: Node<'_>, depth: usize) -> String {
        let field = |name| call.child_by_field_name(name);
        let (Some(function), Some(list)) = (field("function"), field("arguments")) else {
            return normal(source.text_of(call));
        };
        let called = self.spell(source, function, depth + 1);
        if list.kind() != "argument_list" {
            return format!("{called}({})", self.spell(source, list, depth + 1));
        }
        let (mut placed, mut by_name, mut open) = (Vec::new(), BTreeMap::new(), false);
        for argument in named(list) {
            let plain = self.spell(source, argument, depth + 1);
            match argument.kind() {
                "keyword_argument" => {
                    let (name, value) = plain.split_once('=').unwrap_or((&plain, ""));
                    by_name.insert(name.to_owned(), value.to_owned());
                }
                "list_splat" | "dictionary_splat" => {
                    match parse_literal(plain.trim_start_matches(['*', ' '])) {
                        Ok(Value::List(items) | Value::Tuple(items))
                            if argument.kind() == "list_splat" && by_name.is_empty() =>
                        {
                            placed.extend(items.iter().map(Value::to_literal));
                        }
                        Ok(Value::Dict(entries))
                            if entries.iter().all(|(k, _)| matches!(k, Value::Str(_))) =>
                        {
                            by_name.extend(entries.iter().filter_map(|(k, v)| match k {
                                Value::Str(name) => Some((name.clone(), v.to_literal())),
                                _ => None,
                            }));
                        }
                        _ => {
                            open = true;
                            placed.push(plain);
                        }
                    }
                }
                _ => placed.push(plain),
            }
        }
        if !open {
            let parameters = self.signatures.of_call(source, bare(function));
            while let Some(value) = parameters.get(placed.len()).and_then(|p| by_name.remove(p)) {
                placed.push(value);
            }
        }
        let own = self.signatures.functions.contains_key(&called);
        if let ([only], true, false) = (placed.as_slice(), by_name.is_empty(), own)
            && let Ok(value) = parse_literal(only)
            && let Some(made) = fold::called(&called, &value)
        {
            return made.to_literal();
        }
        placed.extend(
            by_name
                .into_iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        format!("{called}({})", placed.join(", "))
    }
}

/// A statement that asks nothing by itself.
fn is_silent(statement: Node<'_>) -> bool {
    matches!(
        statement.kind(),
        "comment" | "pass_statement" | "import_statement" | "import_from_statement"
    )
}

/// The names that a setup gives to literals, where it does nothing else.
fn data_of(setup: &str) -> Option<BTreeMap<String, String>> {
    let source = Source::parse(setup)?;
    let mut data = BTreeMap::new();
    for statement in named(source.root()).into_iter().filter(|s| !is_silent(*s)) {
        let only = named(statement);
        let [assignment] = only.as_slice() else {
            return None;
        };
        let left = assignment.child_by_field_name("left")?;
        let right = assignment.child_by_field_name("right")?;
        if assignment.kind() != "assignment" || left.kind() != "identifier" {
            return None;
        }
        let value = parse_literal(source.text_of(right)).ok()?;
        data.insert(source.text_of(left).to_owned(), value.to_literal());
    }
    Some(data)
}

fn class_around(node: Node<'_>) -> Option<Node<'_>> {
    let mut around = node.parent();
    while let Some(outer) = around {
        match outer.kind() {
            "class_definition" => return Some(outer),
            "function_definition" | "lambda" => return None,
            _ => around = outer.parent(),
        }
    }
    None
}

/// Parameters that can be given by position, `self` among them.
fn positional(source: &Source<'_>, function: Node<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let list = function.child_by_field_name("parameters").map(named);
    for parameter in list.unwrap_or_default() {
        let name = match parameter.kind() {
            "identifier" => Some(parameter),
            "default_parameter" | "typed_default_parameter" => {
                parameter.child_by_field_name("name")
            }
            "typed_parameter" => parameter.named_child(0),
            "positional_separator" => continue,
            // What follows a star is given by name.
            _ => None,
        };
        match name.filter(|n| n.kind() == "identifier") {
            Some(name) => names.push(source.text_of(name).to_owned()),
            None => break,
        }
    }
    names
}

/// The fields of a data class of its own, in their order.
fn fields(source: &Source<'_>, class: Node<'_>) -> Option<Vec<String>> {
    let around = class
        .parent()
        .filter(|p| p.kind() == "decorated_definition")?;
    let is_data = |n: &Node<'_>| {
        let text = source.text_of(*n);
        n.kind() == "decorator" && text.contains("dataclass") && !text.contains("kw_only")
    };
    if !named(around).iter().any(is_data) || class.child_by_field_name("superclasses").is_some() {
        return None;
    }
    let mut names = Vec::new();
    for statement in named(class.child_by_field_name("body")?) {
        let Some(field) = statement
            .named_child(0)
            .filter(|n| n.kind() == "assignment")
        else {
            continue;
        };
        let left = field.child_by_field_name("left");
        if let (Some(_), Some(left)) = (field.child_by_field_name("type"), left) {
            let outside = ["ClassVar", "KW_ONLY", "init=False"];
            if outside.iter().any(|w| source.text_of(field).contains(w)) {
                return None;
            }
            names.push(source.text_of(left).to_owned());
        }
    }
    Some(names)
}
