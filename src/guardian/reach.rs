//! What code may import and name. A gate of form, not a wall: the sandbox is the wall. It keeps dreams clean of tricks
//! that no honest solution needs and tells a person which one was tried. Pure.

use std::collections::HashMap;

use tree_sitter::Node;

use super::syntax::{Source, named};
use crate::dream::Reason;

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
const FORBIDDEN_MEMBERS: [(&str, &str); 7] = [
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
const HARNESS_WORDS: [&str; 20] = [
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
            "call" => set_from_afar(source, node, &modules),
            "identifier" | "string_content" => harness_word(source.text_of(node)),
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
    let (first, rest) = text.split_once('.').map_or((text, ""), |(a, b)| (a, b));
    let module = modules.get(first)?;
    if rest.is_empty() {
        member_of(module, member)
    } else {
        member_of(&format!("{module}.{rest}"), member)
    }
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
    let (_, members) = FORBIDDEN_MEMBERS.iter().find(|(name, _)| *name == module)?;
    let found = members.split_whitespace().any(|m| m == member);
    found.then(|| (Reason::ReachesHarness, format!("uses `{module}.{member}`")))
}

fn harness_word(text: &str) -> Option<(Reason, String)> {
    HARNESS_WORDS
        .contains(&text)
        .then(|| (Reason::ReachesHarness, format!("names `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::beyond;
    use crate::dream::Reason;
    use crate::guardian::syntax::Source;

    #[track_caller]
    fn check(code: &str, expected: Option<Reason>) {
        let source = Source::parse(code).unwrap();
        let libraries = ["PyYAML".to_owned(), "numpy>=1.2".to_owned()];
        assert_eq!(
            beyond(&source, &libraries).map(|(reason, _)| reason),
            expected,
            "{code}"
        );
    }

    #[test]
    fn honest_imports_pass() {
        for code in [
            "import os, sys, re\nos.path.join('a')\nsys.maxsize",
            "from collections import deque as d",
            "import os.path",
            "from __future__ import annotations",
            "import yaml\nimport numpy as np",
            "import concurrent.futures as cf\ncf.ThreadPoolExecutor",
            "import inspect\ninspect.signature(f)",
            "x.kill()",
            "import asyncio\nasyncio.run(f())",
            "import sys, io\nold, sys.stdout = sys.stdout, io.StringIO()",
            "from dataclasses import dataclass\nself.json = 3\nsetattr(self, 'a', 1)",
            "import decimal\nctx = decimal.getcontext()\nctx.prec = 3",
            "from datetime import datetime\nvars(self)",
        ] {
            check(code, None);
        }
    }

    #[test]
    fn what_reaches_out_is_named() {
        for code in [
            "import ctypes",
            "from gc import collect",
            "import json, subprocess",
            "import _thread",
            "import multiprocessing.pool",
            "def f():\n    import signal",
        ] {
            check(code, Some(Reason::ForbiddenImport));
        }
        for code in [
            "import os\nos._exit(0)",
            "from os import _exit as bye",
            "import os as o\no.fork()",
            "import sys\nsys.modules['x']",
            "from sys import _getframe",
            "import inspect\ninspect.stack()",
            "e.__traceback__.tb_frame",
            "().__class__.__base__.__subclasses__()",
            "__import__('os')",
            "getattr(x, 'f_back')",
            "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
            "import math\nmath.sqrt = f",
            "import json, math as m\nx, m.pi = 1, 3",
            "import os.path\ndel os.path",
            "import math\nsetattr(math, 'pi', 3)",
            "import json\nvars(json)['dumps'] = f",
            "f.__code__ = g.__code__",
            "f.__globals__['x'] = 1",
        ] {
            check(code, Some(Reason::ReachesHarness));
        }
        for code in [
            "import requests",
            "from .near import x",
            "from . import x",
            "import pandas",
        ] {
            check(code, Some(Reason::UndeclaredImport));
        }
    }
}
