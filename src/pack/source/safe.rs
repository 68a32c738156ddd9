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

/// Modules that compute, but something else each time.
const UNSTEADY: &[&str] = &[
    "random",
    "time",
    "uuid",
    "threading",
    "asyncio",
    "weakref",
    "inspect",
];

/// Names that every module has without an import, in Python 3.11.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "Ellipsis",
    "EncodingWarning",
    "EnvironmentError",
    "Exception",
    "ExceptionGroup",
    "False",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "None",
    "NotADirectoryError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "True",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

/// True for a name that stands in every module.
pub(super) fn is_builtin(name: &str) -> bool {
    name.starts_with("__") || BUILTINS.contains(&name)
}

/// Names that documentation uses without a word of where they come from, by their module. Only names that mean one
/// thing to every reader.
const HOMES: &[(&str, &[&str])] = &[
    (
        "itertools",
        &[
            "accumulate",
            "chain",
            "combinations",
            "combinations_with_replacement",
            "compress",
            "count",
            "cycle",
            "dropwhile",
            "filterfalse",
            "groupby",
            "islice",
            "pairwise",
            "permutations",
            "product",
            "repeat",
            "starmap",
            "takewhile",
            "tee",
            "zip_longest",
        ],
    ),
    (
        "collections",
        &[
            "ChainMap",
            "Counter",
            "OrderedDict",
            "defaultdict",
            "deque",
            "namedtuple",
        ],
    ),
    (
        "functools",
        &[
            "cache",
            "lru_cache",
            "partial",
            "reduce",
            "singledispatch",
            "total_ordering",
            "wraps",
        ],
    ),
    ("decimal", &["Decimal", "getcontext", "localcontext"]),
    ("fractions", &["Fraction"]),
    ("dataclasses", &["dataclass"]),
    ("enum", &["Enum", "IntEnum"]),
    ("operator", &["attrgetter", "itemgetter"]),
    (
        "bisect",
        &["bisect", "bisect_left", "bisect_right", "insort"],
    ),
    ("heapq", &["heapify", "heappop", "heappush"]),
    ("contextlib", &["contextmanager"]),
];

/// Modules that code names whole, as `math.sqrt`.
const WHOLE: &[&str] = &[
    "bisect",
    "collections",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "random",
    "re",
    "statistics",
    "string",
];

/// The import line of a name that the document does not import, and its module.
pub(super) fn home_of(name: &str) -> Option<(String, String)> {
    let home = HOMES.iter().find(|(_, names)| names.contains(&name));
    if let Some((module, _)) = home {
        return Some((format!("from {module} import {name}"), (*module).to_owned()));
    }
    let whole = WHOLE.contains(&name);
    whole.then(|| (format!("import {name}"), name.to_owned()))
}

/// True where a function of this module gives the same answer each time.
pub(super) fn is_steady(path: &str) -> bool {
    computes(path) && !UNSTEADY.contains(&path.split('.').next().unwrap_or_default())
}

/// True for a dotted name whose answers are drawn or read from a clock.
pub(super) fn is_chance(path: &str) -> bool {
    ["random", "time", "uuid", "secrets"].contains(&path.split('.').next().unwrap_or_default())
}

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
