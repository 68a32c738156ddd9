//! What code may import and name. A gate of form, not a wall: the sandbox is the wall. It keeps dreams clean of tricks
//! that no honest solution needs and tells a person which one was tried. Pure.

mod constant;
mod handed;
mod names;

use std::collections::{HashMap, HashSet};

use tree_sitter::Node;

pub(super) use self::handed::{changed_parameters, own_function};
use self::handed::{handed_on, handed_to_own};
use self::names::{
    BUILTINS, FORBIDDEN, FORBIDDEN_MEMBERS, HARNESS_WORDS, LEADING_OUT, MODULE_OF, STANDARD,
};
use super::syntax::{Source, in_main_guard, is_local, named};
use crate::dream::Reason;

/// The first thing that code may not import or name, with its reason; `None` where there is none.
pub(super) fn beyond(source: &Source<'_>, libraries: &[String]) -> Option<(Reason, String)> {
    let mut modules: HashMap<String, String> = HashMap::new();
    let nodes = source.nodes();
    let own: HashSet<&str> = nodes
        .iter()
        .filter_map(|(node, _)| own_function(*node))
        .map(|name| source.text_of(name))
        .collect();
    for (node, _) in nodes {
        let found = match node.kind() {
            "import_statement" => imports(source, node, libraries, &mut modules),
            "import_from_statement" => import_from(source, node, libraries, &mut modules),
            "attribute" => attribute(source, node, &modules),
            "assignment" | "augmented_assignment" | "delete_statement" => {
                patched(source, node, &modules)
            }
            "call" => set_from_afar(source, node, &modules)
                .or_else(|| looked_up(source, node, &modules))
                .or_else(|| harness_text(source, node)),
            "identifier" => harness_word(source.text_of(node))
                .or_else(|| handed_on(source, node, &modules))
                .or_else(|| handed_to_own(source, node, &modules, &own))
                .or_else(|| own_table(source, node)),
            "string_content" => harness_word(source.text_of(node)),
            "string" | "concatenated_string" | "binary_operator" => harness_text(source, node),
            _ => None,
        };
        if found.is_some() && !shows_its_examples(source, node) {
            return found;
        }
    }
    None
}

fn imports(
    source: &Source<'_>,
    node: Node<'_>,
    libraries: &[String],
    modules: &mut HashMap<String, String>,
) -> Option<(Reason, String)> {
    for imported in named(node) {
        let (path, bound) = if imported.kind() == "aliased_import" {
            let path = source.text_of(imported.child_by_field_name("name")?);
            (
                path,
                source
                    .text_of(imported.child_by_field_name("alias")?)
                    .to_owned(),
            )
        } else {
            let path = source.text_of(imported);
            (path, path.split('.').next().unwrap_or(path).to_owned())
        };
        if let Some(wrong) = module(path, libraries) {
            return Some(wrong);
        }
        if bound == path || imported.kind() == "aliased_import" {
            modules.insert(bound, path.to_owned());
        } else {
            modules.insert(bound.clone(), bound);
        }
    }
    None
}

fn import_from(
    source: &Source<'_>,
    node: Node<'_>,
    libraries: &[String],
    modules: &mut HashMap<String, String>,
) -> Option<(Reason, String)> {
    let path = source.text_of(node.child_by_field_name("module_name")?);
    if let Some(wrong) = module(path, libraries) {
        return Some(wrong);
    }
    if named(node).iter().any(|n| n.kind() == "wildcard_import") && has_forbidden(path) {
        let what = format!("imports everything of `{path}`");
        return Some((Reason::ReachesHarness, what));
    }
    let mut cursor = node.walk();
    for name in node.children_by_field_name("name", &mut cursor) {
        let (member, bound) = match name.kind() {
            "aliased_import" => (
                source.text_of(name.child_by_field_name("name")?),
                source.text_of(name.child_by_field_name("alias")?),
            ),
            _ => (source.text_of(name), source.text_of(name)),
        };
        if let Some(wrong) = member_of(path, member) {
            return Some(wrong);
        }
        modules.insert(bound.to_owned(), format!("{path}.{member}"));
    }
    None
}

fn attribute(
    source: &Source<'_>,
    node: Node<'_>,
    modules: &HashMap<String, String>,
) -> Option<(Reason, String)> {
    let object = node.child_by_field_name("object")?;
    let member = source.text_of(node.child_by_field_name("attribute")?);
    let text = source.text_of(object);
    if member == "__self__"
        && (BUILTINS.split_whitespace().any(|b| b == text)
            || modules.contains_key(text.split('.').next().unwrap_or(text)))
    {
        return Some((Reason::ReachesHarness, format!("uses `{text}.__self__`")));
    }
    let (first, rest) = text.split_once('.').map_or((text, ""), |(a, b)| (a, b));
    let Some(module) = modules.get(first) else {
        // `module.sys.modules`, whoever the module came from.
        let (_, last) = text.rsplit_once('.')?;
        let is_sys = last.trim_start_matches('_') == "sys";
        return is_sys.then(|| member_of("sys", member)).flatten();
    };
    let path = if rest.is_empty() {
        module.clone()
    } else {
        format!("{module}.{rest}")
    };
    if member == "__dict__" && is_module(&path) {
        return Some((Reason::ReachesHarness, format!("uses `{path}.__dict__`")));
    }
    member_of(&path, member)
}

/// `getattr(sys, '_getframe')`, and a member of such a module under a name that is only known when it runs.
fn looked_up(
    source: &Source<'_>,
    call: Node<'_>,
    modules: &HashMap<String, String>,
) -> Option<(Reason, String)> {
    if source.text_of(call.child_by_field_name("function")?) != "getattr" {
        return None;
    }
    let arguments = named(call.child_by_field_name("arguments")?);
    let [object, name, ..] = arguments.as_slice() else {
        return None;
    };
    let text = source.text_of(*object);
    let (first, rest) = text.split_once('.').map_or((text, ""), |(a, b)| (a, b));
    let path = format!("{}.{rest}", modules.get(first)?);
    let path = path.trim_end_matches('.');
    match constant::text(source, *name) {
        Some(member) => member_of(path, &member),
        None if leads_out(path) => {
            let what = format!("looks up in `{path}` what only a run can tell");
            Some((Reason::ReachesHarness, what))
        }
        None => None,
    }
}

/// `doctest.testmod()` of a program that is run by itself, which never happens here.
fn shows_its_examples(source: &Source<'_>, node: Node<'_>) -> bool {
    let text = source.text_of(node);
    let asked = match node.kind() {
        "attribute" => matches!(text, "doctest.testmod" | "doctest.testfile"),
        "import_from_statement" => {
            let module = node.child_by_field_name("module_name");
            module.is_some_and(|module| source.text_of(module) == "doctest")
        }
        _ => false,
    };
    asked && in_main_guard(source, node)
}

fn has_forbidden(path: &str) -> bool {
    FORBIDDEN_MEMBERS
        .iter()
        .any(|(name, _)| is_same(path, name))
}

/// Whether something that is nobody's business can be had from a module.
fn leads_out(path: &str) -> bool {
    let mut leading = LEADING_OUT.split_whitespace();
    has_forbidden(path) || leading.any(|name| is_same(path, name))
}

/// `globals()`, and `vars()` or `locals()` to look something up: every import is in it, under a name that only a run tells.
fn own_table(source: &Source<'_>, node: Node<'_>) -> Option<(Reason, String)> {
    let text = source.text_of(node);
    let parent = node.parent()?;
    let is_function = parent.child_by_field_name("function") == Some(node);
    let table = match text {
        "globals" => {
            parent.kind() != "attribute" || parent.child_by_field_name("object") == Some(node)
        }
        // `"{a}".format(**locals())`
        "locals" | "vars" => {
            let bare = parent.child_by_field_name("arguments").map(named);
            let spread = parent
                .parent()
                .is_some_and(|p| p.kind() == "dictionary_splat");
            is_function && bare.is_some_and(|a| a.is_empty()) && !spread
        }
        _ => false,
    };
    let named_so =
        parent.kind() == "keyword_argument" || parent.child_by_field_name("name") == Some(node);
    (table && !named_so && !is_local(source, node, text))
        .then(|| (Reason::ReachesHarness, format!("looks into `{text}()`")))
}

/// Whether a path leads to a module, through another module that imported it too: `os.sys`, `collections._sys`.
fn is_same(path: &str, name: &str) -> bool {
    if path == name {
        return true;
    }
    let last = path.rsplit_once('.').map(|(_, last)| last);
    last.is_some_and(|last| last.trim_start_matches('_') == name)
}

/// Streams may be put in the place of streams; everything else of a module belongs to everybody.
const REPLACEABLE: [&str; 3] = ["sys.stdin", "sys.stdout", "sys.stderr"];

/// `math.sqrt = …`: a module is changed for whoever else uses it.
fn patched(
    source: &Source<'_>,
    node: Node<'_>,
    modules: &HashMap<String, String>,
) -> Option<(Reason, String)> {
    let mut open = match node.kind() {
        "delete_statement" => named(node),
        _ => vec![node.child_by_field_name("left")?],
    };
    while let Some(target) = open.pop() {
        match target.kind() {
            "attribute" => {
                let object = source.text_of(target.child_by_field_name("object")?);
                let member = source.text_of(target.child_by_field_name("attribute")?);
                let Some(module) = modules.get(object) else {
                    continue;
                };
                let path = format!("{module}.{member}");
                if is_module(module) && !REPLACEABLE.contains(&path.as_str()) {
                    return Some((Reason::ReachesHarness, format!("replaces `{path}`")));
                }
            }
            "pattern_list" | "tuple_pattern" | "list_pattern" | "expression_list" => {
                open.extend(named(target));
            }
            _ => {}
        }
    }
    None
}

/// `setattr(math, 'sqrt', …)` and `vars(math)[…] = …`.
fn set_from_afar(
    source: &Source<'_>,
    call: Node<'_>,
    modules: &HashMap<String, String>,
) -> Option<(Reason, String)> {
    let function = source.text_of(call.child_by_field_name("function")?);
    if !matches!(function, "setattr" | "delattr" | "vars") {
        return None;
    }
    let first = named(call.child_by_field_name("arguments")?)
        .into_iter()
        .next()?;
    let module = modules
        .get(source.text_of(first))
        .filter(|m| is_module(m))?;
    Some((
        Reason::ReachesHarness,
        format!("changes `{module}` by `{function}`"),
    ))
}

/// Whether an imported name is a module rather than something out of one, as far as the name tells.
fn is_module(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let known = |name: &str| STANDARD.split_whitespace().any(|m| m == name);
    !path.contains('.') || (known(last) && !last.starts_with(|c: char| c.is_uppercase()))
}

fn module(path: &str, libraries: &[String]) -> Option<(Reason, String)> {
    let top = path.split('.').next().unwrap_or(path);
    let private = top.starts_with('_') && top != "__future__";
    if private || FORBIDDEN.split_whitespace().any(|m| m == top) {
        return Some((Reason::ForbiddenImport, format!("imports `{top}`")));
    }
    if let Some((parent, last)) = path.rsplit_once('.')
        && let Some(wrong) = member_of(parent, last)
    {
        return Some(wrong);
    }
    let declared = libraries.iter().any(|library| {
        let plain = library.trim().to_ascii_lowercase();
        let name = plain
            .split(['[', '<', '>', '=', '~', '!', ' '])
            .next()
            .unwrap_or_default();
        let known = MODULE_OF
            .iter()
            .find(|(distribution, _)| *distribution == name)
            .map(|(_, module)| *module);
        known == Some(top) || name.replace('-', "_") == top.to_ascii_lowercase()
    });
    if declared || STANDARD.split_whitespace().any(|m| m == top) {
        return None;
    }
    let shown = if top.is_empty() { path } else { top };
    Some((
        Reason::UndeclaredImport,
        format!("imports `{shown}`, which is not among the scenario's libraries"),
    ))
}

fn member_of(module: &str, member: &str) -> Option<(Reason, String)> {
    let top = module.split('.').next().unwrap_or(module);
    let standard = STANDARD.split_whitespace().any(|name| name == top);
    let other = member.trim_start_matches('_');
    let last = module.rsplit('.').next().unwrap_or(module);
    let may_be_module = !last.starts_with(|c: char| c.is_uppercase());
    if standard && may_be_module && FORBIDDEN.split_whitespace().any(|name| name == other) {
        let what = format!("uses `{module}.{member}`");
        return Some((Reason::ReachesHarness, what));
    }
    let (_, members) = FORBIDDEN_MEMBERS
        .iter()
        .find(|(name, _)| is_same(module, name))?;
    let found = members.split_whitespace().any(|m| m == member);
    found.then(|| (Reason::ReachesHarness, format!("uses `{module}.{member}`")))
}

/// A harness word in a text that is put together of constants, or in a path as `attrgetter` takes it.
fn harness_text(source: &Source<'_>, node: Node<'_>) -> Option<(Reason, String)> {
    let text = constant::text(source, node)?;
    let is_word = |text: &str| {
        let by_itself =
            (text == "__self__").then(|| (Reason::ReachesHarness, "names `__self__`".to_owned()));
        harness_word(text).or(by_itself)
    };
    let is_path = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_');
    if is_path {
        text.split('.').find_map(is_word)
    } else {
        None
    }
}

fn harness_word(text: &str) -> Option<(Reason, String)> {
    HARNESS_WORDS
        .contains(&text)
        .then(|| (Reason::ReachesHarness, format!("names `{text}`")))
}

#[cfg(test)]
mod tests;
