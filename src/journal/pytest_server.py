import json
import subprocess

_SERVER = r'''
import http.server, json, sys, threading, time
routes = {path: (status, body, delay_ms) for path, status, body, delay_ms in json.loads(sys.argv[1])}
lock = threading.Lock()
requests, running, most = [], 0, 0


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        global running, most
        with lock:
            requests.append({"method": self.command, "path": self.path})
            running += 1
            most = max(most, running)
        try:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            status, body, delay_ms = routes.get(self.path, (404, "", 0))
            time.sleep(delay_ms / 1000)
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
        finally:
            with lock:
                running -= 1

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
with lock:
    print(json.dumps({"requests": requests, "max_concurrent": most}), flush=True)
'''


class _Server:
    """A loopback server in a process of its own that answers these routes and 404 to all else."""

    def __init__(self, routes):
        command = [sys.executable, "-c", _SERVER, json.dumps(routes)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.base_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self._seen = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._seen, _ = self._process.communicate("", timeout=30)

    def seen(self):
        return json.loads(self._seen)
