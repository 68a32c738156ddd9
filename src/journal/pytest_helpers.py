import ast
import builtins
import importlib.util
import math
import pathlib
import sys

_FILE = pathlib.Path(__file__).resolve().parent / (_NAME + ".py")


def _load():
    """A fresh module for each check, so that none sees what another left behind."""
    spec = importlib.util.spec_from_file_location("solution", _FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["solution"] = module
    spec.loader.exec_module(module)
    return dict(vars(module), __name__="__check__")


def _literal(text):
    """The value of a Python literal, read without running it; float("nan"), frozenset({1}) and the like too."""
    kinds = (bytearray, bytes, complex, dict, float, frozenset, list, range, set, tuple)
    calls = {kind.__name__: kind for kind in kinds}

    def read(node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return calls[node.func.id](*map(read, node.args))
        if isinstance(node, ast.Name) and node.id in ("nan", "inf"):
            return float(node.id)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
            return kind(map(read, node.elts))
        if isinstance(node, ast.Dict):
            return {read(key): read(value) for key, value in zip(node.keys, node.values)}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -read(node.operand)
        return ast.literal_eval(node)

    return read(ast.parse(text.strip(), mode="eval").body)


def _same(a, b):
    """Equal as the checks mean it: the type counts, ints and floats by value, floats within 1e-9 or 1e-12."""
    if isinstance(a, bool) or isinstance(b, bool):
        return type(a) is type(b) and a == b
    if type(a) in (int, float) and type(b) in (int, float):
        if type(a) is int and type(b) is int:
            return a == b
        if a != a or b != b:
            return a != a and b != b
        try:
            return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
        except OverflowError:
            return a == b
    if type(a) is not type(b):
        return False
    if type(a) is complex:
        return _same(a.real, b.real) and _same(a.imag, b.imag)
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if type(a) in (set, frozenset, dict):
        plain = all(type(key) in (str, int, bytes) for key in (*a, *b))
        if plain:
            return set(a) == set(b) and (type(a) is not dict or all(_same(a[k], b[k]) for k in a))
        if type(a) is dict:
            a, b = a.items(), b.items()
        return _paired(list(a), list(b))
    return a == b


def _paired(left, right):
    """True where each of `left` has one of `right` for itself."""
    if len(left) != len(right):
        return False
    for one in left:
        for at, other in enumerate(right):
            if _same(one, other):
                del right[at]
                break
        else:
            return False
    return True


def _observe(setup, given, call, server):
    """The value of `call` over the solution's names, after `setup`, with fresh copies of `given`."""
    names = _load()
    if server is not None:
        names["base_url"] = server.base_url
    exec(compile(setup, "<setup>", "exec", dont_inherit=True), names)
    names.update((name, _literal(text)) for name, text in given.items())
    code = compile(call.strip(), "<call>", "eval", dont_inherit=True)
    return lambda: eval(code, names)


def _in_server(server, work):
    if server is None:
        return work()
    with server:
        return work()


def _example(call, expect, setup="", given={}, server=None):
    result = _in_server(server, lambda: _observe(setup, given, call, server)())
    expected = _literal(expect)
    assert _same(result, expected), f"{call} gave {result!r}, not {expected!r}"


def _raises(call, error, setup="", given={}, server=None):
    def work():
        observe = _observe(setup, given, call, server)
        try:
            return None, observe()
        except BaseException as raised:
            return raised, None

    raised, result = _in_server(server, work)
    assert raised is not None, f"{call} gave {result!r} and did not raise {error}"
    names = set()
    for base in type(raised).__mro__:
        names.add(f"{base.__module__}.{base.__qualname__}")
        # A class of the code's own that is named like a built-in one is another class; a library's is asked for by its name.
        library = getattr(sys.modules.get(base.__module__), base.__name__, None) is base and base.__module__ != "solution"
        if library or getattr(builtins, base.__name__, base) is base:
            names.update((base.__name__, base.__qualname__))
    assert error in names, f"{call} raised {raised!r}, not {error}"


def _property(call, holds, setup="", given={}, server=None):
    result = _in_server(server, lambda: _observe(setup, given, call, server)())
    names = {name: _literal(text) for name, text in given.items()}
    names["result"] = result
    if server is not None:
        names["seen"] = server.seen()
    code = compile(holds.strip(), "<holds>", "eval", dont_inherit=True)
    assert eval(code, names), f"{call} gave {result!r}; this does not hold: {holds}"
