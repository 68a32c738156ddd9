//! What code may import and name. A gate of form, not a wall: the sandbox is the wall. It keeps dreams clean of tricks
//! that no honest solution needs and tells a person which one was tried. Pure.

use std::collections::HashMap;

use tree_sitter::Node;

use super::syntax::{Source, is_local, named};
use crate::dream::{Reason, Value, parse_literal};

/// Python 3.11's standard library, without what is forbidden below and without what only exists on other systems.
const STANDARD: &str = "abc aifc argparse array ast asynchat asyncio asyncore audioop base64 binascii bisect bz2 \
    calendar cgi cmath cmd codecs collections colorsys compileall concurrent configparser contextlib contextvars copy \
    copyreg crypt csv dataclasses datetime dbm decimal difflib dis doctest email encodings enum errno filecmp \
    fileinput fnmatch fractions ftplib functools genericpath getopt getpass gettext glob graphlib grp gzip hashlib \
    heapq hmac html http imaplib imghdr inspect io ipaddress itertools json keyword linecache locale logging lzma \
    mailbox mailcap marshal math mimetypes mmap netrc nntplib ntpath numbers opcode operator optparse os pathlib \
    pickle pickletools pkgutil platform plistlib poplib posixpath pprint pwd pyclbr queue quopri random re reprlib \
    sched secrets select selectors shelve shlex shutil smtplib sndhdr socket socketserver sqlite3 ssl stat statistics \
    string stringprep struct symtable sys sysconfig tabnanny tarfile tempfile textwrap threading time timeit token \
    tokenize tomllib traceback tracemalloc types typing unicodedata unittest urllib uu uuid warnings wave weakref \
    wsgiref xdrlib xml xmlrpc zipapp zipfile zlib zoneinfo __future__";

/// Of the standard library, but no solution's business: processes, signals, the interpreter's own workings, windows.
const FORBIDDEN: &str = "antigravity atexit bdb builtins cProfile code codeop ctypes curses ensurepip faulthandler fcntl gc \
    idlelib imp importlib lib2to3 msvcrt multiprocessing nt pdb pip posix profile pstats pty py_compile readline resource \
    rlcompleter runpy signal site subprocess syslog telnetlib termios this tkinter trace tty turtle turtledemo venv \
    webbrowser winreg winsound zipimport cffi setuptools distutils pydoc";

/// Members of allowed modules that reach out of the program.
const FORBIDDEN_MEMBERS: [(&str, &str); 11] = [
    ("codecs", "builtins"),
    ("pkgutil", "resolve_name"),
    // Code as text.
    ("timeit", "timeit repeat Timer main template"),
    ("marshal", "load loads"),
    (
        "os",
        "_exit abort kill killpg fork forkpty system popen execl execle execlp execlpe execv execve execvp execvpe spawnl \
         spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp setuid setgid chroot ptrace nice",
    ),
    (
        "sys",
        "modules _getframe settrace setprofile _current_frames _current_exceptions meta_path path_hooks path_importer_cache \
         addaudithook setdlopenflags __stdout__ __stderr__",
    ),
    (
        "inspect",
        "currentframe stack trace getouterframes getinnerframes",
    ),
    ("threading", "settrace setprofile"),
    (
        "asyncio",
        "create_subprocess_exec create_subprocess_shell subprocess",
    ),
    ("types", "FrameType CodeType"),
    ("concurrent.futures", "ProcessPoolExecutor"),
];

/// Names that lead to frames and to the interpreter's tables from anywhere.
const HARNESS_WORDS: [&str; 25] = [
    "bltns",
    "_getframe",
    "_current_frames",
    "_current_exceptions",
    "_getframemodulename",
    "f_back",
    "f_globals",
    "f_locals",
    "f_builtins",
    "tb_frame",
    "gi_frame",
    "cr_frame",
    "ag_frame",
    "__subclasses__",
    "__builtins__",
    "__import__",
    "__loader__",
    "__globals__",
    "__code__",
    "__closure__",
    "gi_code",
    "cr_code",
    "ag_code",
    "co_consts",
    "co_code",
];

/// Functions of the interpreter that hold its table of builtins as their `__self__`.
const BUILTINS: &str = "abs aiter all anext any ascii bin breakpoint callable chr compile delattr dir divmod eval exec format \
    getattr globals hasattr hash hex id input isinstance issubclass iter len locals max min next oct open ord pow print \
    repr round setattr sorted sum vars";

/// Distributions whose module has another name.
const MODULE_OF: [(&str, &str); 10] = [
    ("beautifulsoup4", "bs4"),
    ("pyyaml", "yaml"),
    ("pillow", "PIL"),
    ("python-dateutil", "dateutil"),
    ("scikit-learn", "sklearn"),
    ("scikit-image", "skimage"),
    ("opencv-python", "cv2"),
    ("attrs", "attr"),
    ("msgpack-python", "msgpack"),
    ("python-dotenv", "dotenv"),
];

/// The first thing that code may not import or name, with its reason; `None` where there is none.
pub(super) fn beyond(source: &Source<'_>, libraries: &[String]) -> Option<(Reason, String)> {
    let mut modules: HashMap<String, String> = HashMap::new();
    for (node, _) in source.nodes() {
        let found = match node.kind() {
            "import_statement" => imports(source, node, libraries, &mut modules),
            "import_from_statement" => import_from(source, node, libraries, &mut modules),
            "attribute" => attribute(source, node, &modules),
            "assignment" | "augmented_assignment" | "delete_statement" => {
                patched(source, node, &modules)
            }
            "call" => {
                set_from_afar(source, node, &modules).or_else(|| looked_up(source, node, &modules))
            }
            "identifier" => {
                harness_word(source.text_of(node)).or_else(|| handed_on(source, node, &modules))
            }
            "string_content" => harness_word(source.text_of(node)).or_else(|| {
                (source.text_of(node) == "__self__")
                    .then(|| (Reason::ReachesHarness, "names `__self__`".to_owned()))
            }),
            _ => None,
        };
        if found.is_some() {
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
    let module = modules.get(first)?;
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
    let literal = match parse_literal(source.text_of(*name)) {
        Ok(Value::Str(literal)) => literal,
        _ if has_forbidden(path) => {
            let what = format!("looks up in `{path}` what only a run can tell");
            return Some((Reason::ReachesHarness, what));
        }
        _ => return None,
    };
    member_of(path, &literal)
}

/// A module with forbidden members in anybody else's hands: `m = sys`, `[sys][0]`, `look(sys)`.
fn handed_on(
    source: &Source<'_>,
    node: Node<'_>,
    modules: &HashMap<String, String>,
) -> Option<(Reason, String)> {
    let module = modules.get(source.text_of(node))?;
    if !has_forbidden(module) || is_local(source, node, source.text_of(node)) {
        return None;
    }
    let parent = node.parent()?;
    let at_home = match parent.kind() {
        "attribute" | "dotted_name" | "aliased_import" | "parameters" | "typed_parameter"
        | "global_statement" | "delete_statement" | "type" => true,
        "keyword_argument" | "default_parameter" | "typed_default_parameter" => {
            parent.child_by_field_name("name") == Some(node)
        }
        "assignment" => parent.child_by_field_name("left") == Some(node),
        "argument_list" => {
            let asked = parent
                .parent()
                .and_then(|p| p.child_by_field_name("function"));
            let asked = asked.map_or("", |f| source.text_of(f));
            parent.named_child(0) == Some(node)
                && matches!(
                    asked,
                    "getattr" | "hasattr" | "setattr" | "delattr" | "vars"
                )
        }
        _ => false,
    };
    (!at_home).then(|| (Reason::ReachesHarness, format!("hands `{module}` on")))
}

fn has_forbidden(path: &str) -> bool {
    FORBIDDEN_MEMBERS
        .iter()
        .any(|(name, _)| is_same(path, name))
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
    let (_, members) = FORBIDDEN_MEMBERS
        .iter()
        .find(|(name, _)| is_same(module, name))?;
    let found = members.split_whitespace().any(|m| m == member);
    found.then(|| (Reason::ReachesHarness, format!("uses `{module}.{member}`")))
}

fn harness_word(text: &str) -> Option<(Reason, String)> {
    HARNESS_WORDS
        .contains(&text)
        .then(|| (Reason::ReachesHarness, format!("names `{text}`")))
}

#[cfg(test)]
mod tests;
