# The child: one job, confined before any of its code runs. The outcome is written before anything else of it can run.


def watch_lines(lines):
    """Records which lines of the solution's functions run; its top level is not of interest."""

    def ours(code):
        return code.co_filename == "<solution>" and code.co_name != "<module>"

    if _monitoring:
        events, tool = _monitoring.events, _monitoring.COVERAGE_ID

        def on_line(code, line):
            if ours(code):
                lines.add(line)
            return _monitoring.DISABLE

        _monitoring.use_tool_id(tool, "dreamer")
        _monitoring.register_callback(tool, events.LINE, on_line)
        _monitoring.set_events(tool, events.LINE)
        return lambda: _monitoring.set_events(tool, 0)

    def local(frame, event, _):
        if event == "line":
            lines.add(frame.f_lineno)
        return local

    def top(frame, event, _):
        return local if ours(frame.f_code) else None

    # Loaded before, where the job's code names it.
    threads = getattr(sys.modules.get("threading"), "settrace", lambda _: None)
    threads(top)
    _settrace(top)
    return lambda: (_settrace(None), threads(None))


# Text that is run as code, code that is made or changed, and ways into frames, as the interpreter itself tells of them,
# whatever words led there. `f_code` is left out: the watch looks at it too, and only who has a frame already can ask.
AUDITED = frozenset(
    """exec compile code.__new__ function.__new__ sys.settrace sys.setprofile sys.addaudithook sys._current_frames
    gc.get_objects gc.get_referrers gc.get_referents""".split()
)
AUDITED_WAYS = frozenset("object.__getattr__ object.__setattr__ object.__delattr__".split())
AUDITED_MEMBERS = frozenset("__code__ tb_frame gi_frame gi_code cr_frame cr_code ag_frame ag_code".split())


def audit(fd):
    """Ends the job where the solution's own lines do one of these, and tells which. Libraries do all of it for honest
    solutions, in lines of their own. Returns what ends the watch: a hook cannot be taken away again."""
    me, over = _getpid(), []

    def hook(event, args):
        if event in AUDITED:
            what = event
        elif event in AUDITED_WAYS and args[1] in AUDITED_MEMBERS:
            what = args[1]
        else:
            return
        if over or _frame(1).f_code.co_filename != "<solution>":
            return
        over.append(what)
        if _getpid() == me:
            say(fd, '{"outcome":"raised","stage":"call","classes":["ReachesHarness"],"message":"","errno":null}')
            say(fd, '{"reaches":%s}' % _quote(what))
        _exit(0)

    sys.addaudithook(hook)
    return lambda: over.append("")


def say(fd, line):
    data = line.encode("ascii") + b"\n"
    while data:
        data = data[_write(fd, data) :]


def class_told(kind):
    """The name of a class; of one that is named like a built-in exception and is another, with its module."""
    name = _name(kind)
    if _exceptions.get(name, kind) is kind:
        return name
    module = vars(kind).get("__module__")
    held = sys.modules.get(module, _Module("none"))
    # Whatever name the solution gives itself, its own classes are no library's.
    own = module == "solution" or held is sys.modules.get("solution")
    library = not own and vars(held).get(name) is kind
    return name if library else "solution." + name


def raised(stage, error):
    """An exception as an outcome. Its message is asked last: that runs code of the job."""
    kinds = ",".join(_quote(class_told(c)) for c in _mro(type(error)) if c is not object)
    number = "null"
    try:
        if isinstance(error, OSError) and type(error.errno) is int:
            number = str(error.errno)
        message = str(error)
        if type(message) is not str:
            message = ""
    except BaseException:
        message = ""
    message = message[:MAX_MESSAGE].encode("utf-8", "backslashreplace").decode()
    return '{"outcome":"raised","stage":"%s","classes":[%s],"message":%s,"errno":%s}' % (
        stage,
        kinds,
        _quote(message),
        number,
    )


def remember(code):
    """Lets whoever shows lines of the solution find them."""
    import linecache

    linecache.cache["<solution>"] = (len(code), None, code.splitlines(True), "<solution>")


def new_module(name, code):
    module = _Module(name)
    module.__file__ = "<solution>"
    module.__builtins__ = builtins
    sys.modules[name] = module
    if "linecache" in sys.modules:
        remember(code)
    return module


def other_threads():
    """How many threads there are beside this one. A thread that was joined may take a moment to be gone; one that Python
    itself still counts was not waited for, or was just cancelled."""
    counted = getattr(sys.modules.get("threading"), "_active", None)
    for _ in range(COUNTED_TICKS):
        if type(counted) is not dict or len(counted) <= 1:
            break
        _sleep(0.002)
    else:
        return len(counted) - 1
    try:
        for _ in range(THREAD_TICKS):
            others = len(_listdir("/proc/self/task")) - 1
            if others <= 0:
                break
            _sleep(0.002)
        return max(0, others)
    except OSError:
        return 0


def call(job, fd):
    """The whole of a call job, in the child. The outcome is written before anything else of the job can run."""
    me, lines, stop, heard = _getpid(), set(), None, None
    stage, kept, before = "setup", {}, {}
    try:
        for name, source in job["given"].items():
            kept[name] = literal(source)
            before[name] = encode(kept[name], True)
        values = {name: decode(form) for name, form in job["values"].items()}
        stage = "load"
        module = new_module("solution", job["code"])
        # A candidate's checks are asked under it once; code of ours that stands in for one may run text.
        if job["trace"]:
            heard = audit(fd)
        exec(compile(job["code"], "<solution>", "exec", dont_inherit=True), module.__dict__)
        stage = "setup"
        space = dict(module.__dict__, __name__="__check__")
        if "base_url" in job:
            space["base_url"] = job["base_url"]
        if job["trace"]:
            stop = watch_lines(lines)
        if job["setup"]:
            exec(compile(job["setup"], "<setup>", "exec", dont_inherit=True), space)
        space.update(kept)
        space.update(values)
        stage = "call"
        result = eval(compile(job["call"].strip(), "<call>", "eval", dont_inherit=True), space)
        if stop:
            stop()
        answer = None
    except BaseException as error:
        if stop:
            stop()
        _recursion(10_000)
        answer = raised(stage, error)
    if _getpid() != me:
        _exit(0)
    _recursion(10_000)
    if _digits:
        _digits(0)
    if answer is None:
        try:
            answer = '{"outcome":"value","value":%s}' % encode(result)
        except Unobservable as why:
            answer = '{"outcome":"unobservable","type_name":%s}' % _quote(why.args[0])
        except BaseException as error:
            answer = '{"outcome":"unobservable","type_name":%s}' % _quote(_name(type(error)))
    if heard:
        heard()
    say(fd, answer)
    threads = other_threads()
    mutated = []
    for name, value in kept.items():
        try:
            same = encode(value, True) == before.get(name)
        except BaseException:
            same = False
        if not same:
            mutated.append(_quote(name))
    marks = ",".join(map(str, sorted(lines)))
    say(fd, '{"lines":[%s],"mutated":[%s],"threads":%d}' % (marks, ",".join(mutated), threads))
    return 0


def program(job, fd):
    """A whole program as `__main__`; its exit status is what the interpreter's would be."""
    me, status = _getpid(), 0
    try:
        module = new_module("__main__", job["code"])
        exec(compile(job["code"], "<solution>", "exec", dont_inherit=True), module.__dict__)
    except SystemExit as end:
        status = 0 if end.code is None else end.code if type(end.code) is int else 1
        if status == 1 and type(end.code) is not int:
            print(end.code, file=sys.stderr)
    except BaseException as error:
        status = 1
        if _getpid() == me:
            say(fd, raised("load", error))
        try:
            import traceback

            remember(job["code"])
            traceback.print_exception(type(error), error, error.__traceback__.tb_next)
        except BaseException:
            # What its own failure looks like is the job's to spoil; how it ended is not.
            pass
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    return status & 0xFF


def confine(limits, threads, user):
    """The child's own limits; called before any code of the job."""
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    # A job may look at itself; process 1 cannot be looked at.
    _prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        _write(score, b"1000")
        os.close(score)
    except OSError:
        pass
    seconds = math.ceil(limits["cpu_ms"] / 1000)
    for name, soft, hard in (
        ("CPU", seconds, seconds + 1),
        ("AS", limits["memory_bytes"], limits["memory_bytes"]),
        ("FSIZE", limits["file_bytes"], limits["file_bytes"]),
        ("NOFILE", 256, 256),
        ("CORE", 0, 0),
        ("MSGQUEUE", 0, 0),
        ("MEMLOCK", 0, 0),
        ("NPROC", limits["processes"], limits["processes"]),
    ):
        which = getattr(resource, "RLIMIT_" + name, None)
        if which is not None and (threads or name != "NPROC"):
            resource.setrlimit(which, (soft, hard))
    # Thread stacks count as address space; 64 of the usual 8 MiB would be all of it.
    _thread.stack_size(2 << 20)


def told(fd):
    """All that a pipe holds until its other end is closed."""
    data = bytearray()
    while True:
        more = os.read(fd, CHUNK)
        if not more:
            return read_json(data)
        data += more


def child(head, user, fds):
    """`head` is what process 1 knows of the job; the rest comes through the first of `fds`."""
    status = 1
    try:
        job, fd, out, err = fds
        body = told(job)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, fd)
        os.closerange(fd + 1, 256)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, n, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            raw = io.open(n, mode + "b", closefd=False)
            errors = "strict" if mode == "r" else "backslashreplace"
            stream = io.TextIOWrapper(raw, "utf-8", errors, line_buffering=n == 2)
            stream.mode = mode
            setattr(sys, name, stream)
            setattr(sys, "__%s__" % name, stream)
        flush = [sys.stdout.flush, sys.stderr.flush]
        sys.argv[:] = ["solution.py"]
        sys.modules["__main__"] = _Module("__main__")
        builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
        builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
        confine(head["limits"], head["threads"], user)
        if "base_url" in head:
            body["base_url"] = head["base_url"]
        status = (call if head["op"] == "call" else program)(body, fd)
        for f in flush:
            try:
                f()
            except BaseException:
                pass
    finally:
        _exit(status)
