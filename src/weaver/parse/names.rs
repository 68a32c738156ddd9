//! Which names an expression takes from outside of itself. Pure; called while lifting checks.

use tree_sitter::Node;

use super::reader::children;

/// Names that `node` uses and does not bind itself, in no order, perhaps repeated. Scopes are not told apart: a name that
/// is bound anywhere inside (a lambda's parameter, a comprehension's target) counts as bound everywhere inside.
pub(super) fn free<'a>(node: Node<'a>, code: &'a str) -> Vec<&'a str> {
    let mut used = Vec::new();
    let mut bound = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => used.push(&code[node.byte_range()]),
            "attribute" => open.extend(node.child_by_field_name("object")),
            "keyword_argument" => open.extend(node.child_by_field_name("value")),
            "lambda_parameters" => bound.extend(identifiers(node, code)),
            "for_in_clause" => {
                bound.extend(
                    node.child_by_field_name("left")
                        .map(|l| identifiers(l, code))
                        .unwrap_or_default(),
                );
                open.extend(children(node));
            }
            "import_statement" | "import_from_statement" => {}
            _ => open.extend(children(node)),
        }
    }
    used.retain(|name| !bound.contains(name));
    used
}

/// Names that an import statement binds.
pub(super) fn imported<'a>(statement: Node<'a>, code: &'a str) -> Vec<&'a str> {
    let module = statement.child_by_field_name("module_name");
    let names = children(statement)
        .into_iter()
        .filter(|n| Some(*n) != module);
    let name = |n: Node<'a>| {
        let bound = n.child_by_field_name("alias").unwrap_or(n);
        code[bound.byte_range()]
            .split('.')
            .next()
            .unwrap_or_default()
    };
    names.map(name).collect()
}

fn identifiers<'a>(node: Node<'a>, code: &'a str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if node.kind() == "identifier" {
            found.push(&code[node.byte_range()]);
        }
        open.extend(children(node));
    }
    found
}

/// Builtins that make sense in a check's call.
pub(super) fn is_builtin(name: &str) -> bool {
    const BUILTINS: [&str; 44] = [
        "abs",
        "all",
        "any",
        "bin",
        "bool",
        "bytearray",
        "bytes",
        "callable",
        "chr",
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "filter",
        "float",
        "frozenset",
        "hash",
        "hex",
        "int",
        "isinstance",
        "iter",
        "len",
        "list",
        "map",
        "max",
        "min",
        "next",
        "object",
        "oct",
        "ord",
        "pow",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "slice",
        "sorted",
        "str",
        "sum",
        "tuple",
        "type",
        "zip",
        "print",
    ];
    BUILTINS.contains(&name)
}

/// Modules that models forget to import and that do nothing but compute.
pub(super) fn is_plain_module(name: &str) -> bool {
    const MODULES: [&str; 13] = [
        "math",
        "datetime",
        "collections",
        "re",
        "json",
        "itertools",
        "functools",
        "decimal",
        "fractions",
        "string",
        "operator",
        "statistics",
        "textwrap",
    ];
    MODULES.contains(&name)
}
