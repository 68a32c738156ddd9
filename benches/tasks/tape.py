"""A tape beside a model server: complete chat answers are kept by what was asked, the n-th answer for the n-th time, and
given back. With it a rule for what counts as proof is tried on recorded answers in minutes, where the model takes an hour.

usage: tape.py PORT URL TAPE [--offline]
  PORT  where it listens on 127.0.0.1; URL  the server, such as http://127.0.0.1:8080; TAPE  a file, one answer a line
  --offline  what is not on the tape is refused (503) and not asked for

The seed is no part of what was asked. The server's work is somebody else's load to a dreamer that asks through this.
"""

import hashlib
import http.client
import http.server
import json
import sys
import threading
import urllib.parse

WITHOUT = ("seed",)
TIMEOUT_SECONDS = 900


def key_of(asked: dict) -> str:
    told = {key: value for key, value in asked.items() if key not in WITHOUT}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Tape:
    def __init__(self, path: str, offline: bool) -> None:
        self.path, self.offline = path, offline
        self.lock, self.rows, self.turns = threading.Lock(), {}, {}
        try:
            with open(path) as lines:
                for row in map(json.loads, lines):
                    self.rows.setdefault(row["key"], []).append(row)
        except FileNotFoundError:
            pass

    def next(self, key: str) -> dict | None:
        with self.lock:
            turn = self.turns.get(key, 0)
            self.turns[key] = turn + 1
            rows = self.rows.get(key, [])
            return rows[turn] if turn < len(rows) else None

    def keep(self, row: dict) -> None:
        with self.lock:
            self.rows.setdefault(row["key"], []).append(row)
            with open(self.path, "a") as out:
                out.write(json.dumps(row) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tape: Tape
    server_url: urllib.parse.SplitResult

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.through(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if not self.path.endswith("/chat/completions"):
            return self.through(body)
        asked = json.loads(body)
        key = key_of(asked)
        row = self.tape.next(key)
        if row:
            return self.give(200, row["type"], row["body"].encode())
        if self.tape.offline:
            return self.give(503, "application/json", b'{"error":{"message":"not on the tape"}}')
        return self.through(body, key)

    def give(self, status: int, kind: str, data: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # Who asked has left.

    def through(self, body: bytes | None, key: str | None = None) -> None:
        up = http.client.HTTPConnection(self.server_url.hostname, self.server_url.port, timeout=TIMEOUT_SECONDS)
        self.close_connection = True
        try:
            passed_on = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept")}
            up.request(self.command, self.path, body, passed_on)
            reply = up.getresponse()
            kind = reply.getheader("content-type") or "application/octet-stream"
            self.send_response(reply.status)
            self.send_header("content-type", kind)
            self.send_header("connection", "close")
            self.end_headers()
            whole = b""
            while chunk := reply.read1(65536):
                whole += chunk
                self.wfile.write(chunk)
                self.wfile.flush()
            text = whole.decode()
            complete = "data: [DONE]" in text or kind.startswith("application/json")
            if key and reply.status == 200 and complete:
                self.tape.keep({"key": key, "asked": json.loads(body), "type": kind, "body": text})
        except OSError:
            pass  # Who asked has left, and the server is told so by the connection that ends.
        finally:
            up.close()


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(words) != 3:
        sys.exit(__doc__)
    Handler.tape = Tape(words[2], "--offline" in sys.argv)
    Handler.server_url = urllib.parse.urlsplit(words[1])
    http.server.ThreadingHTTPServer(("127.0.0.1", int(words[0])), Handler).serve_forever()


if __name__ == "__main__":
    main()
