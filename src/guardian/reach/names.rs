//! Modules, members and names: what code may import, and what leads out of the program.

/// Python 3.11's standard library, without what is forbidden below and without what only exists on other systems.
pub(super) const STANDARD: &str = "abc aifc argparse array ast asynchat asyncio asyncore audioop base64 binascii bisect bz2 \
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
pub(super) const FORBIDDEN: &str = "antigravity atexit bdb builtins cProfile code codeop ctypes curses ensurepip faulthandler fcntl gc \
    idlelib imp importlib lib2to3 msvcrt multiprocessing nt pdb pip posix profile pstats pty py_compile readline resource \
    rlcompleter runpy signal site subprocess syslog telnetlib termios this tkinter trace tty turtle turtledemo venv \
    webbrowser winreg winsound zipimport cffi setuptools distutils pydoc";

/// Members of allowed modules that reach out of the program.
pub(super) const FORBIDDEN_MEMBERS: [(&str, &str); 18] = [
    ("codecs", "builtins"),
    ("pkgutil", "resolve_name"),
    // Code as text.
    ("timeit", "timeit repeat Timer main template"),
    ("marshal", "load loads"),
    (
        "doctest",
        "run_docstring_examples DocTestRunner DebugRunner debug debug_src testmod testfile DocTestParser DocTestFinder \
         DocTestSuite DocFileSuite DocFileTest script_from_examples testsource",
    ),
    // Whatever the bytes say is done, a call of `eval` too.
    ("pickle", "load loads Unpickler"),
    ("shelve", "open Shelf BsdDbShelf DbfilenameShelf"),
    // What reads its own text can tell that it was changed.
    ("linecache", "getline getlines updatecache lazycache cache"),
    (
        "dis",
        "dis disassemble distb disco Bytecode get_instructions code_info show_code",
    ),
    ("logging", "config"),
    // Puts its own things in the place of anybody's, by name.
    ("unittest", "mock"),
    (
        "os",
        "_exit abort kill killpg fork forkpty system popen execl execle execlp execlpe execv execve execvp execvpe spawnl \
         spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp setuid setgid chroot ptrace nice",
    ),
    (
        "sys",
        "modules _getframe settrace setprofile _current_frames _current_exceptions meta_path path_hooks path_importer_cache \
         gettrace getprofile monitoring addaudithook setdlopenflags __stdout__ __stderr__",
    ),
    (
        "inspect",
        "currentframe stack trace getouterframes getinnerframes getsource getsourcelines findsource getblock getcomments \
         getclosurevars getgeneratorlocals getcoroutinelocals getasyncgenlocals",
    ),
    ("threading", "settrace setprofile"),
    (
        "asyncio",
        "create_subprocess_exec create_subprocess_shell subprocess",
    ),
    ("types", "FrameType CodeType"),
    ("concurrent.futures", "ProcessPoolExecutor"),
];

/// Modules that an own function may be given: they hold no other modules, or are handed on for what they give.
pub(super) const HARMLESS: &str =
    "array binascii cmath errno itertools math operator random time zlib";

/// Modules whose own imports of forbidden ones are among their members.
pub(super) const LEADING_OUT: &str = "aifc codecs compileall dataclasses doctest enum getpass gzip imaplib inspect logging lzma mailbox pkgutil \
    pyclbr reprlib shutil timeit wave zipfile";

/// Names that lead to frames and to the interpreter's tables from anywhere.
pub(super) const HARNESS_WORDS: [&str; 32] = [
    "bltns",
    // What runs an annotation as code.
    "eval_str",
    "get_type_hints",
    "get_annotations",
    "ForwardRef",
    "_evaluate",
    "_eval_type",
    "__annotations__",
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
pub(super) const BUILTINS: &str = "abs aiter all anext any ascii bin breakpoint callable chr compile delattr dir divmod eval exec format \
    getattr globals hasattr hash hex id input isinstance issubclass iter len locals max min next oct open ord pow print \
    repr round setattr sorted sum vars";

/// Distributions whose module has another name.
pub(super) const MODULE_OF: [(&str, &str); 10] = [
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
