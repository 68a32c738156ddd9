# What goes out of a job and into it: exact built-in data in the form that the reader outside knows, and literals.


class Unobservable(Exception):
    pass


def text(value):
    try:
        value.encode()
    except UnicodeEncodeError:
        return '{"surrogates":"%s"}' % value.encode("utf-8", "surrogatepass").hex()
    return '{"str":%s}' % _quote(value)


def encode(value, canonical=False):
    """The serde form of a value of exact built-in type; `canonical` sorts what has no order."""
    room = [MAX_NODES, MAX_RESULT]
    number = "%d".__mod__

    def whole(n):
        if n.bit_length() > MAX_INT_BITS:
            raise Unobservable("int of more than %d bits" % MAX_INT_BITS)
        return '"%s"' % number(n)

    def take(made):
        room[1] -= len(made)
        if room[1] < 0:
            raise Unobservable("data of more than %d characters" % MAX_RESULT)
        return made

    def many(kind, values, depth, unordered=False):
        parts = [walk(v, depth) for v in values]
        if unordered and canonical:
            parts.sort()
        return '{"%s":[%s]}' % (kind, ",".join(parts))

    def walk(v, depth):
        room[0] -= 1
        if room[0] < 0:
            raise Unobservable("data of more than %d elements" % MAX_NODES)
        kind = type(v)
        if v is None:
            return '"none"'
        if kind is bool:
            return '{"bool":true}' if v else '{"bool":false}'
        if kind is int:
            return take('{"int":%s}' % whole(v))
        if kind is str:
            if len(v) > room[1]:
                raise Unobservable("data of more than %d characters" % MAX_RESULT)
            return take(text(v))
        if kind is float:
            return '{"float":"%s"}' % float.__repr__(v)
        if kind is complex:
            return '{"complex":["%s","%s"]}' % (float.__repr__(v.real), float.__repr__(v.imag))
        if kind is bytes or kind is bytearray:
            if len(v) > room[1]:
                raise Unobservable("data of more than %d characters" % MAX_RESULT)
            return take('{"%s":"%s"}' % (_name(kind), v.hex()))
        if v is Ellipsis:
            return '"ellipsis"'
        if kind is range:
            return '{"range":[%s,%s,%s]}' % (whole(v.start), whole(v.stop), whole(v.step))
        if depth >= MAX_DEPTH:
            raise Unobservable("%s nested deeper than %d" % (_name(kind), MAX_DEPTH))
        if kind is list or kind is tuple:
            return many(_name(kind), v, depth + 1)
        if kind is set or kind is frozenset:
            return many(_name(kind), v, depth + 1, True)
        if kind is dict:
            pairs = ["[%s,%s]" % (walk(k, depth + 1), walk(x, depth + 1)) for k, x in dict.items(v)]
            return '{"dict":[%s]}' % ",".join(pairs)
        raise Unobservable(_name(kind))

    return walk(value, 0)


def decode(form):
    """The value that a serde form stands for."""
    if form == "none":
        return None
    if form == "ellipsis":
        return Ellipsis
    ((kind, body),) = form.items()
    if kind == "bool" or kind == "str":
        return body
    if kind == "int":
        return int(body)
    if kind == "float":
        return float(body)
    if kind == "complex":
        return complex(float(body[0]), float(body[1]))
    if kind == "surrogates":
        return bytes.fromhex(body).decode("utf-8", "surrogatepass")
    if kind == "bytes":
        return bytes.fromhex(body)
    if kind == "bytearray":
        return bytearray.fromhex(body)
    if kind == "range":
        return range(*map(int, body))
    if kind == "dict":
        return {decode(k): decode(v) for k, v in body}
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](map(decode, body))


# Calls that a literal may hold beside what `ast.literal_eval` reads.
LITERAL_CALLS = {c.__name__: c for c in (float, complex, set, frozenset, bytearray, bytes, range, list, tuple, dict)}


def literal(source):
    """A Python literal, read without running it; `float("nan")`, `frozenset({1})`, `range(3)` and the like too."""
    import ast

    def read(node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return LITERAL_CALLS[node.func.id](*map(read, node.args))
        if isinstance(node, ast.List):
            return [read(n) for n in node.elts]
        if isinstance(node, ast.Tuple):
            return tuple(read(n) for n in node.elts)
        if isinstance(node, ast.Set):
            return {read(n) for n in node.elts}
        if isinstance(node, ast.Dict):
            return {read(k): read(v) for k, v in zip(node.keys, node.values)}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Call):
            return -read(node.operand)
        return ast.literal_eval(node)

    return read(ast.parse(source.strip(), mode="eval").body)
