# Process 1: takes a job, runs it, answers, and again.


def take(n):
    data = b""
    while len(data) < n:
        more = os.read(0, n - len(data))
        if not more:
            _exit(0)
        data += more
    return data


def send(answer):
    data = json.dumps(answer).encode()
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(1, data) :]


# An interpreter that a job may read or trace could be made to lie for it.
_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
# Python's own handler would turn a job's `kill(1, SIGINT)` into an exception here.
signal.signal(signal.SIGINT, signal.SIG_DFL)
send({"ready": sys.version.split()[0]})
while True:
    send(run(json.loads(take(int.from_bytes(take(4), "big")))))
