# The program inside a sandbox: process 1, asked over standard input, answering over standard output. For every job it
# forks a child, watches it, ends it at its limits and removes what it leaves behind.
#
# A child owns a copy of this memory, so nothing of any job is ever in it but numbers and which of the standard modules
# its code names: no expected value, no call, no result. What a job is told goes through to its child, and what it says goes through to the reader outside, in memory
# that is given back before the next child is made.
#
# Names of builtins and of library functions are bound here, before any job runs: a job that patches `json` or
# `builtins.len` changes nothing for the code that reports on it.
import builtins

globals().update({k: v for k, v in vars(builtins).items() if not k.startswith("__")})

import sys

# A library set comes last: nothing in it stands in for the standard library.
sys.path[:] = [p for p in sys.path if p] + ["/libraries"]

# Only what this program needs itself, and of that the parts that load fastest: `json`, `signal`, `threading` and `ctypes`
# load several times as much as all of this, and their cores are enough here.
import _ctypes, _json, _signal as signal, _sitebuiltins, _thread, atexit, errno, io, math, mmap, os, resource, select
import time

# Libraries of numbers start a thread for each processor at once; a job's processes and its memory are counted.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# What solutions import: loaded here once a job's code names it, before its child is made, so that every child after it
# has it at once. Nothing here does more than define things when it is loaded.
LATER = frozenset(
    """abc argparse array ast asyncio base64 bisect calendar cmath collections collections.abc concurrent.futures
    contextlib contextvars copy csv dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq
    hmac html inspect itertools json linecache locale logging numbers operator pathlib pickle queue random re reprlib
    secrets shutil signal socket sqlite3 statistics string struct tempfile textwrap threading traceback types
    typing unicodedata unittest urllib.parse urllib.request uuid weakref xml.etree.ElementTree zlib zoneinfo""".split()
)

PR_SET_DUMPABLE = 4
MAX_DEPTH = 100  # nesting of a result; the reader outside allows the same
MAX_NODES = 200_000  # elements of a result
MAX_RESULT = 4 << 20  # characters of an encoded result
MAX_INT_BITS = 400_000  # about 120,000 decimal digits; converting more takes noticeable time
MAX_MESSAGE = 2_000  # characters of an exception's message
MAX_TMP = 5_000  # files that cleaning up removes before it gives the sandbox up; a container may have 4,096
MAX_STRETCH = 6  # how many wall limits a job may take where it stands waiting for a CPU; the reader outside knows it
THREAD_TICKS = 50  # of 2 ms, in which a joined thread must be gone
COUNTED_TICKS = 10  # of 2 ms, in which one that was told to end must be over
TICK_MS = 20  # how often the child's CPU clock is looked at
ALL_TICKS = 5  # every so many ticks the time of all the job's processes is looked at too
CHUNK = 1 << 16  # how much is read at once
FIRST_USER = 20_000  # where there are users to choose from, each job runs as one of its own, from here on
USERS = 20_000  # and after so many jobs again

_quote = _json.encode_basestring_ascii
_write, _getpid, _exit = os.write, os.getpid, os._exit
_listdir, _sleep = os.listdir, time.sleep
_mro = type.__dict__["__mro__"].__get__
_name = type.__dict__["__name__"].__get__
_exceptions = {n: c for n, c in vars(builtins).items() if isinstance(c, type) and issubclass(c, BaseException)}
_Module = type(sys)
_settrace, _recursion, _frame = sys.settrace, sys.setrecursionlimit, sys._getframe
_monitoring = getattr(sys, "monitoring", None)
_digits = getattr(sys, "set_int_max_str_digits", None)
# Process 1 of a container is root without rights but two: to become another user, and to end what that user started.
_many_users = os.getuid() == 0


def _prctl(*numbers, call=_ctypes.call_function, at=_ctypes.dlsym(_ctypes.dlopen(None, os.RTLD_NOW), "prctl")):
    return call(at, numbers)


class _Reading:
    """How JSON is read: as `json.loads` does."""

    strict, object_hook, object_pairs_hook, memo = True, None, None, {}
    parse_float, parse_int, parse_constant = float, int, None


_scan = _json.make_scanner(_Reading())
_chunks = _json.make_encoder(None, None, _quote, None, ": ", ", ", False, False, True)


def read_json(data):
    return _scan(data.decode(), 0)[0]


def write_json(value):
    return "".join(_chunks(value, 0)).encode()
