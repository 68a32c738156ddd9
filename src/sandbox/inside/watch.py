# The run of one child, watched from process 1: its clocks, its output, its end, and what it leaves behind.


def waited(pid):
    """The longest time in milliseconds that a thread of a process stood ready and got no CPU. The dream's work has
    the lowest priority there is: on a busy machine it waits, and that is not the job's fault."""
    longest = 0
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                longest = max(longest, int(f.read().split()[1]))
    except (OSError, ValueError, IndexError):
        pass
    return longest / 1e6


def spent_by_all(me):
    """CPU time in milliseconds of every process here but this one: a job may share its work among many."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != me:
            try:
                with open("/proc/%s/schedstat" % name) as f:
                    total += int(f.read().split()[0])
            except (OSError, ValueError, IndexError):
                pass
    return total / 1e6


def counted():
    """How often the kernel ended a process here for want of memory, and refused to make one, where the group can be
    seen from inside."""
    counts = []
    for key, paths in (
        ("oom_kill", ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")),
        ("max", ("/sys/fs/cgroup/pids/pids.events", "/sys/fs/cgroup/pids.events")),
    ):
        count = 0
        for path in paths:
            try:
                with open(path) as f:
                    count = int(dict(line.split() for line in f).get(key, 0))
                break
            except (OSError, ValueError):
                pass
        counts.append(count)
    return counts


def run(job):
    limits, before = job["limits"], counted()
    pipes = [os.pipe() for _ in range(3)]
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        child(job, pipes[0][1], pipes[1][1], pipes[2][1])
    pidfd = os.pidfd_open(pid)
    poll, taken = select.poll(), {}
    poll.register(pidfd, select.POLLIN)
    for mine, theirs in pipes:
        os.close(theirs)
        os.set_blocking(mine, False)
        poll.register(mine, select.POLLIN)
        taken[mine] = bytearray()
    result, out, err = (mine for mine, _ in pipes)
    clock, stop, cpu = ((~pid) << 3) | 2, None, 0.0

    def pull(fd):
        """Takes what a pipe holds; true where it may hold more."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            poll.unregister(fd)
            return False
        taken[fd] += data
        return True

    def flooded():
        return len(taken[out]) + len(taken[err]) > limits["output_bytes"] or len(taken[result]) > 2 * MAX_RESULT

    ended = False
    while not ended and stop is None:
        for fd, _ in poll.poll(TICK_MS):
            if fd == pidfd:
                ended = True
            else:
                pull(fd)
        try:
            cpu = time.clock_gettime(clock)
        except OSError:
            pass
        if flooded():
            stop = "output"
        elif not ended and cpu * 1000 > limits["cpu_ms"]:
            stop = "cpu"
        elif not ended:
            over = (time.monotonic() - started) * 1000 - limits["wall_ms"]
            spent = spent_by_all(_getpid()) if over > 0 else 0
            # What its own other processes ran instead is no excuse.
            if over > 0 and over > waited(pid) - max(0, spent - cpu * 1000):
                stop = "wall"
            elif spent > limits["cpu_ms"]:
                stop = "cpu"
            elif over > limits["wall_ms"] * (MAX_STRETCH - 1):
                stop = "starved"
    if not ended:
        os.kill(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    wall_ms = (time.monotonic() - started) * 1000
    cpu_ms = (used.ru_utime + used.ru_stime) * 1000
    # Everything else in this process space is what the job left behind. Reaping blocks until the last is gone, so
    # that the next job starts alone.
    left = 0
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            _, s, u = os.wait4(-1, 0)
        except ChildProcessError:
            break
        left += os.WIFSIGNALED(s)
        cpu_ms += (u.ru_utime + u.ru_stime) * 1000
    for fd in (result, out, err):
        while not flooded():
            try:
                if not pull(fd):
                    break
            except (KeyError, OSError):
                break
    if stop is None and flooded():
        stop = "output"
    for fd in (pidfd, result, out, err):
        os.close(fd)
    code = os.waitstatus_to_exitcode(status)
    if stop is None and (code == -signal.SIGXCPU or (code == -9 and cpu_ms >= limits["cpu_ms"])):
        stop = "cpu"
    after = counted()
    if stop == "starved":
        ending = {"kind": "infra", "detail": "the machine gave the job no CPU time within its wall limit"}
    elif stop:
        ending = {"kind": stop}
    elif code < 0:
        ending = {"kind": "signaled", "detail": -code}
    else:
        ending = {"kind": "exited", "detail": code}
    clean = empty("/tmp") and empty("/dev/shm")
    room = limits["output_bytes"]
    shown = [bytes(taken[fd])[:room].decode("utf-8", "replace") for fd in (out, err)]
    return {
        "ending": ending,
        "said": bytes(taken[result]).decode("utf-8", "replace"),
        "stdout": shown[0],
        "stderr": shown[1][: max(0, room - len(shown[0]))],
        "wall_ms": wall_ms,
        "cpu_ms": cpu_ms,
        "left_processes": left,
        "clean": clean,
        "oom_kills": after[0] - before[0],
        "process_refusals": after[1] - before[1],
    }
