# A small HTTP server for one job, inside process 1: a job can neither signal nor read it. It answers the routes that it
# is told after the job's process was forked, so that the job's memory does not hold them, and 404 to all else. It is
# driven by the runner's own poll; nothing here waits.
import heapq as _heapq

_http = _socket = None

MAX_OPEN = 64  # connections at once; more wait in the kernel's queue, as before a busy server
MAX_HEAD = 16 << 10  # bytes of a request's first line and headers
MAX_BODY = 8 << 20  # bytes of a request's body, which is read and thrown away
MAX_SEEN = 256 << 10  # characters of the record of requests, some thousands of them


class Connection:
    def __init__(self, sock):
        self.sock, self.head, self.left, self.tail, self.out, self.size = sock, b"", None, b"", [], 0
        self.method = self.path = ""
        self.asked = False  # its request was read whole


class Server:
    def __init__(self):
        global _http, _socket
        # Few jobs have a server.
        import http as _http, socket as _socket

        self.poll, self.routes, self.left = None, {}, MAX_SEEN
        self.open, self.due, self.turn, self.full = {}, [], 0, False
        self.requests, self.running, self.most = [], 0, 0
        self.listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(256)
        self.listener.setblocking(False)
        self.base_url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.door = self.listener.fileno()

    def told(self):
        """Reads what it shall answer: the routes, then their bodies, into memory that is given back as a whole."""
        routes, at = read_json(take(int.from_bytes(take(4), "big"))), 0
        for route in routes:
            self.routes[route["path"]] = (route["status"], at, at + route["length"], route["delay_ms"])
            at += route["length"]
        self.room = mmap.mmap(-1, max(1, at), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.bodies = memoryview(self.room)
        while at:
            n = os.readv(0, [self.bodies[len(self.bodies) - at :]])
            if not n:
                _exit(0)
            at -= n

    def begin(self, poll):
        """What came before waits in the kernel's queue."""
        self.poll = poll
        poll.register(self.door, select.POLLIN)

    def handle(self, fd):
        """True where `fd` was ours."""
        if fd == self.door:
            self.accept()
        elif fd in self.open:
            one = self.open[fd]
            try:
                self.write(one) if one.out else self.read(one)
            except BlockingIOError:
                pass
            except Exception:
                # Whatever a job sends, process 1 goes on.
                self.close(one)
        else:
            return False
        return True

    def accept(self):
        while len(self.open) < MAX_OPEN:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            self.open[sock.fileno()] = Connection(sock)
            self.poll.register(sock.fileno(), select.POLLIN)
        self.poll.unregister(self.door)
        self.full = True

    def read(self, one):
        data = one.sock.recv(1 << 16)
        if not data:
            return self.close(one)
        if one.asked:
            return  # more than it said; thrown away
        if one.left is None:
            one.head += data
            head, end, data = one.head.partition(b"\r\n\r\n")
            if not end:
                if len(one.head) > MAX_HEAD:
                    self.close(one)
                return
            self.read_head(one, head)
        if one.left == "chunked":
            # Its end is enough: what was sent is of no interest.
            one.tail = (one.tail + data)[-7:]
            self.count(one, len(data))
            if one.tail.endswith(b"0\r\n\r\n"):
                self.asked(one)
        else:
            self.count(one, len(data))
            one.left -= len(data)
            if one.left <= 0:
                self.asked(one)

    def count(self, one, size):
        one.size += size
        if one.size > MAX_BODY:
            raise OSError("too large")

    def read_head(self, one, head):
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise OSError("no HTTP")
        one.method, one.path, one.left = words[0], words[1], 0
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip().lower()
            if name == "content-length" and value.isdigit():
                one.left = int(value[:12])
            elif name == "transfer-encoding" and value.endswith("chunked"):
                one.left = "chunked"
                return
            elif name == "expect" and value == "100-continue":
                one.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def asked(self, one):
        one.asked = True
        self.left -= len(one.method) + len(one.path) + 32
        if self.left < 0:
            raise OSError("too many requests")
        self.requests.append({"method": one.method, "path": one.path})
        self.running += 1
        self.most = max(self.most, self.running)
        status, start, end, delay_ms = self.routes.get(one.path, (404, 0, 0, 0))
        self.turn += 1
        when = time.monotonic() + delay_ms / 1000
        _heapq.heappush(self.due, (when, self.turn, one, status, start, end))
        self.answer()

    def answer(self):
        """Sends what is due."""
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            _, _, one, status, start, end = _heapq.heappop(self.due)
            self.running -= 1
            if one.sock.fileno() < 0:
                continue
            try:
                phrase = _http.HTTPStatus(status).phrase
            except ValueError:
                phrase = ""
            head = "HTTP/1.0 %d %s\r\nContent-Length: %d\r\n\r\n" % (status, phrase, end - start)
            one.out = [head.encode()]
            if one.method != "HEAD" and end > start:
                one.out.append(self.bodies[start:end])
            try:
                self.write(one)
            except BlockingIOError:
                self.poll.modify(one.sock.fileno(), select.POLLOUT)
            except OSError:
                self.close(one)

    def write(self, one):
        while one.out:
            sent = one.sock.send(one.out[0])
            one.out[0] = one.out[0][sent:]
            if not one.out[0]:
                one.out.pop(0)
        self.close(one)

    def close(self, one):
        fd = one.sock.fileno()
        if fd < 0:
            return
        del self.open[fd]
        self.poll.unregister(fd)
        one.sock.close()
        one.out = []
        if self.full:
            self.full = False
            self.poll.register(self.door, select.POLLIN)

    def wait(self, most_ms):
        """How long a poll may wait."""
        if not self.due:
            return most_ms
        return max(0, min(most_ms, math.ceil((self.due[0][0] - time.monotonic()) * 1000)))

    def end(self):
        """Closes everything and says what was seen, requests that nobody waited for included."""
        if self.poll and not self.full:
            self.accept()
        for one in list(self.open.values()):
            try:
                while one.sock.fileno() >= 0 and not one.asked:
                    self.read(one)
            except Exception:
                pass
        for one in list(self.open.values()):
            one.sock.close()
            one.out = []
        self.listener.close()
        # Whatever part of it was to be sent goes with it.
        self.due = []
        self.bodies.release()
        self.room.close()
        return {"requests": self.requests, "max_concurrent": self.most}


