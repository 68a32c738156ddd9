# The run of one child, watched from process 1: its clocks, its output, its end, and what it leaves behind.


def waited(me):
    """The longest time in milliseconds that a thread of any of the job's processes stood ready and got no CPU. The
    dream's work has the lowest priority there is: on a busy machine it waits, and that is not the job's fault."""
    longest = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != me:
            try:
                for task in os.listdir("/proc/%s/task" % name):
                    with open("/proc/%s/task/%s/schedstat" % (name, task)) as f:
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


def delayed():
    """How long in milliseconds this process itself stood ready and got no CPU, so far."""
    try:
        with open("/proc/self/schedstat") as f:
            return int(f.read().split()[1]) / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0


def excused(me, pid, late):
    """Of a run's wall time what is no fault of the job: its threads stood ready and got no CPU, or this process was
    `late` to see its end. What the job's own other processes ran instead is no excuse. Asked before it is reaped."""
    try:
        with open("/proc/%d/schedstat" % pid) as f:
            own = int(f.read().split()[0]) / 1e6
    except (OSError, ValueError, IndexError):
        return late
    return max(0, waited(me) - max(0, spent_by_all(me) - own)) + late


def opened(*paths):
    """The first of these files that can be seen here, kept open: it is read twice in every run."""
    for path in paths:
        try:
            return os.open(path, os.O_RDONLY)
        except OSError:
            pass
    return None


_counters = (
    (b"oom_kill", opened("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")),
    (b"max", opened("/sys/fs/cgroup/pids/pids.events", "/sys/fs/cgroup/pids.events")),
)


def counted():
    """How often the kernel ended a process here for want of memory, and refused to make one, where the group can be
    seen from inside."""
    counts = []
    for key, fd in _counters:
        try:
            lines = os.pread(fd, CHUNK, 0).splitlines() if fd is not None else ()
            counts.append(int(dict(line.split() for line in lines).get(key, 0)))
        except (OSError, ValueError):
            counts.append(0)
    return counts


class Stream:
    """What a job wrote to one pipe, in memory that is given back to the system as a whole."""

    def __init__(self, fd, most):
        self.fd, self.most, self.size = fd, most, 0
        # Private: a child's copy is no way into this one.
        self.room = mmap.mmap(-1, most + CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.view = memoryview(self.room)
        os.set_blocking(fd, False)

    def pull(self):
        """Takes what the pipe holds; false at its end, None where it holds nothing now."""
        try:
            n = os.readv(self.fd, [self.view[self.size : self.size + CHUNK]])
        except BlockingIOError:
            return None
        self.size += n
        return n > 0

    def full(self):
        return self.size > self.most

    def close(self):
        self.view.release()
        self.room.close()
        os.close(self.fd)


def hand_over(length, to):
    """Lets the next `length` bytes of standard input through to a pipe; where nobody reads it they are dropped."""
    room = mmap.mmap(-1, CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    view = memoryview(room)
    heard = True
    while length:
        n = os.readv(0, [view[: min(length, CHUNK)]])
        if not n:
            _exit(0)
        length -= n
        part = view[:n]
        while heard and part:
            try:
                part = part[os.write(to, part) :]
            except BrokenPipeError:
                heard = False
        part.release()
    view.release()
    room.close()
    os.close(to)


def bury(cpu_ms):
    """Ends and reaps everything else in this process space: what a job left behind. Reaping blocks until the last is
    gone, so that the next job starts alone. Returns how many were still alive, and the CPU time of all."""
    left = 0
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            _, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            return left, cpu_ms
        left += os.WIFSIGNALED(status)
        cpu_ms += (used.ru_utime + used.ru_stime) * 1000


def flooded(streams, limits):
    result, out, err = streams.values()
    return result.full() or out.size + err.size > limits["output_bytes"]


def watch(pid, limits, streams, server):
    """Waits for a child's end, or for the first limit that it misses, which it returns; and for how long this process
    itself has waited for a CPU since the last time that it had nothing to do."""
    started, me = time.monotonic(), _getpid()
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    # Nobody asks any more: whoever owned this is dead, and everything here ends with this process.
    poll.register(0, 0)
    poll.register(pidfd, select.POLLIN)
    for fd in streams:
        poll.register(fd, select.POLLIN)
    if server:
        server.begin(poll)
    clock, cpu_ms, spent, ticks, late = ((~pid) << 3) | 2, 0.0, 0.0, 0, 0.0
    try:
        while True:
            late = delayed()
            for fd, _ in poll.poll(server.wait(TICK_MS) if server else TICK_MS):
                if fd == pidfd:
                    return None, delayed() - late
                if fd == 0:
                    _exit(0)
                if fd not in streams:
                    server.handle(fd)
                elif streams[fd].pull() is False:
                    poll.unregister(fd)
            if server:
                server.answer()
            if flooded(streams, limits):
                return "output", 0.0
            try:
                cpu_ms = time.clock_gettime(clock) * 1000
            except OSError:
                pass
            over = (time.monotonic() - started) * 1000 - limits["wall_ms"]
            ticks += 1
            if ticks % ALL_TICKS == 0 or over > 0:
                spent = spent_by_all(me)
            if max(cpu_ms, spent) > limits["cpu_ms"]:
                return "cpu", 0.0
            # What its own other processes ran instead is no excuse.
            if over > 0 and over > waited(me) - max(0, spent - cpu_ms):
                return "wall", 0.0
            if over > limits["wall_ms"] * (MAX_STRETCH - 1):
                return "starved", 0.0
    finally:
        os.close(pidfd)


def named(stop, status, cpu_ms, limits):
    """The ending as it is told outside."""
    code = os.waitstatus_to_exitcode(status)
    if stop is None and (code == -signal.SIGXCPU or (code == -9 and cpu_ms >= limits["cpu_ms"])):
        stop = "cpu"
    if stop == "starved":
        return {"kind": "infra", "detail": "the machine gave the job no CPU time within its wall limit"}
    if stop:
        return {"kind": stop}
    if code < 0:
        return {"kind": "signaled", "detail": -code}
    return {"kind": "exited", "detail": code}


def run(head, user):
    limits, before = head["limits"], counted()
    pipes = [os.pipe() for _ in range(4)]
    (job, to_job), *theirs = pipes
    server = Server() if head["serve"] else None
    if server:
        head["base_url"] = server.base_url
    started = time.monotonic()
    try:
        pid = os.fork()
    except OSError:
        pid = None
    if pid == 0:
        for fd in (to_job, *(mine for mine, _ in theirs)):
            os.close(fd)
        child(head, user, (job, *(fd for _, fd in theirs)))
    for fd in (job, *(fd for _, fd in theirs)):
        os.close(fd)
    mosts = (2 * MAX_RESULT, limits["output_bytes"], limits["output_bytes"])
    streams = {fd: Stream(fd, most) for (fd, _), most in zip(theirs, mosts)}
    hand_over(head["length"], to_job)
    if server:
        server.told()
    ending, left = {"kind": "infra", "detail": "no process could be made"}, 0
    wall_ms, waited_ms, cpu_ms = 0.0, 0.0, 0.0
    if pid is not None:
        stop, late = watch(pid, limits, streams, server)
        ended = time.monotonic()
        waited_ms = excused(_getpid(), pid, late)
        if stop:
            os.kill(pid, signal.SIGKILL)
        _, status, used = os.wait4(pid, 0)
        wall_ms = (ended - started) * 1000
        left, cpu_ms = bury((used.ru_utime + used.ru_stime) * 1000)
        for stream in streams.values():
            while not stream.full() and stream.pull():
                pass
        if stop is None and flooded(streams, limits):
            stop = "output"
        ending = named(stop, status, cpu_ms, limits)
    after = counted()
    result, out, err = streams.values()
    room = limits["output_bytes"]
    shown = min(out.size, room)
    parts = [result.view[: min(result.size, result.most)], out.view[:shown], err.view[: min(err.size, room - shown)]]
    line = {
        "ending": ending,
        "parts": [len(part) for part in parts],
        "wall_ms": wall_ms,
        "waited_ms": min(waited_ms, wall_ms),
        "cpu_ms": cpu_ms,
        "left_processes": left,
        "clean": clean(user),
        "oom_kills": after[0] - before[0],
        "process_refusals": after[1] - before[1],
        "served": server.end() if server else None,
    }
    send(line, parts)
    for part in parts:
        part.release()
    for stream in streams.values():
        stream.close()
