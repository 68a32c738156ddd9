//! Which modules and names a task taken from a document may use: those that compute, none that reach the machine.
//! The sandbox is the wall; this list only keeps tasks out that could never be proven behind it.

/// Modules of the standard library that compute.
const MODULES: &[&str] = &[
    "__future__",
    "abc",
    "array",
    "ast",
    "asyncio",
    "base64",
    "binascii",
    "bisect",
    "calendar",
    "cmath",
    "codecs",
    "collections",
    "colorsys",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "email",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "graphlib",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "inspect",
    "io",
    "ipaddress",
    "itertools",
    "json",
    "keyword",
    "math",
    "numbers",
    "operator",
    "pprint",
    "queue",
    "quopri",
    "random",
    "re",
    "reprlib",
    "shlex",
    "statistics",
    "string",
    "struct",
    "textwrap",
    "threading",
    "time",
    "tokenize",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "weakref",
    "xml",
    "zlib",
    "zoneinfo",
];

/// Modules whose part is named because the rest of them reaches out.
const PARTS: &[&str] = &["urllib.parse"];

/// Names that reach the machine, the terminal or the interpreter itself.
const NAMES: &[&str] = &[
    "open",
    "exec",
    "eval",
    "compile",
    "input",
    "__import__",
    "breakpoint",
    "exit",
    "quit",
    "globals",
    "locals",
    "vars",
    "help",
    "_",
    "__file__",
    "os",
    "sys",
    "subprocess",
    "socket",
];

/// True where the standard library's module `path` only computes.
pub(super) fn computes(path: &str) -> bool {
    let first = path.split('.').next().unwrap_or_default();
    MODULES.contains(&first) || PARTS.contains(&path)
}

/// True where a task may import `path`: it computes, or its library is one of those given.
pub(super) fn allowed(path: &str, libraries: &[String]) -> bool {
    let first = path.split('.').next().unwrap_or_default();
    computes(path) || libraries.iter().any(|library| library == first)
}

pub(super) fn denied_name(name: &str) -> bool {
    NAMES.contains(&name)
}
