# Process 1: takes a job, runs it, answers, and again.
#
# Asked: four bytes of length, big-endian, a JSON object that says what kind of job it is, its limits and how long the
# rest is; then the rest, which only the child reads. Or to start itself anew with another hash seed: a fresh interpreter
# then reads on, and nothing of this memory is left. Answered: four bytes of length of all that follows, a line of
# JSON, then as many bytes of result, output and error output as the line says.


def take(n):
    data = b""
    while len(data) < n:
        more = os.read(0, n - len(data))
        if not more:
            _exit(0)
        data += more
    return data


def send(line, parts=()):
    data = write_json(line) + b"\n"
    length = len(data) + sum(map(len, parts))
    for part in (length.to_bytes(4, "big") + data, *parts):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(1, rest) :]


def load(names):
    """Standard modules that the next job's code names; one that this interpreter does not have is the job's own affair.
    Never a library of the set."""
    new = [name for name in LATER.intersection(names) if name not in sys.modules]
    if new:
        libraries = sys.path.pop()
        for name in new:
            try:
                __import__(name)
            except ImportError:
                pass
        sys.path.append(libraries)


# An interpreter that a job may read or trace could be made to lie for it.
_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
# Python's own handler would turn a job's `kill(1, SIGINT)` into an exception here.
signal.signal(signal.SIGINT, signal.SIG_DFL)
ready = {"ready": sys.version.split()[0]}
if "compiled" in globals():
    # Asked for before any job: the next interpreter of this build need not compile this text again.
    ready["compiled"] = globals().pop("compiled").hex()
send(ready)
number = 0
while True:
    head = read_json(take(int.from_bytes(take(4), "big")))
    if head["op"] == "anew":
        words = [sys.executable, "-S", "-s", "-B", "-c", head["boot"]]
        os.execve(sys.executable, words, dict(os.environ, PYTHONHASHSEED=str(head["hash_seed"])))
    load(head["modules"])
    number += 1
    run(head, FIRST_USER + number % USERS if _many_users else 0)
