# The program inside a sandbox: process 1, asked over standard input, answering over standard output, one frame each
# way (four bytes of length, big-endian, then JSON). For every job it forks a child, watches it, ends it at its limits
# and removes what it leaves behind. It never sees an expected value, so there is nothing here for a job to find.
#
# Names of builtins and of library functions are bound here, before any job runs: a job that patches `json` or
# `builtins.len` changes nothing for the code that reports on it.
import builtins

globals().update({k: v for k, v in vars(builtins).items() if not k.startswith("__")})

import sys

sys.path[:] = [p for p in sys.path if p]

import _json, _sitebuiltins, ast, atexit, ctypes, io, json, linecache, math, os, resource, select, signal, threading
import time, traceback, types

# What solutions import most: loaded once here, inherited by every child.
import abc, asyncio, bisect, collections, collections.abc, concurrent.futures, contextlib, copy, dataclasses, datetime
import decimal, enum, fractions, functools, hashlib, heapq, itertools, logging, operator, random, re, statistics
import string, textwrap, typing, uuid

PR_SET_DUMPABLE = 4
MAX_DEPTH = 100  # nesting of a result; the reader outside allows the same
MAX_NODES = 200_000  # elements of a result
MAX_RESULT = 4 << 20  # characters of an encoded result
MAX_INT_BITS = 400_000  # about 120,000 decimal digits; converting more takes noticeable time
MAX_MESSAGE = 2_000  # characters of an exception's message
MAX_TMP = 20_000  # files that cleaning up removes before it gives the sandbox up
MAX_STRETCH = 6  # how many wall limits a job may take where it stands waiting for a CPU; the reader outside knows it
TICK_MS = 20  # how often the child's CPU clock is looked at

_quote = _json.encode_basestring_ascii
_write, _getpid, _exit = os.write, os.getpid, os._exit
_mro = type.__dict__["__mro__"].__get__
_name = type.__dict__["__name__"].__get__
_prctl = ctypes.CDLL(None).prctl
_settrace, _thread_trace, _recursion = sys.settrace, threading.settrace, sys.setrecursionlimit
_monitoring = getattr(sys, "monitoring", None)
_digits = getattr(sys, "set_int_max_str_digits", None)
