"""An OpenAI-compatible server around a small GGUF model, for tests of the model's part. Started by scripts/llm-tiny.

Listens on a free loopback port and prints its base address. One request at a time; a client that goes away ends its
request, also while the prompt is still being read.
"""

import http.server
import json
import os
import select
import socket
import sys
import threading

import llama_cpp_py_sync

NAME = "smollm2-135m-instruct"
# The model was trained with this many tokens of context.
CONTEXT = 8192
# Asked for more, the tiny model only repeats itself.
MOST_TOKENS = 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model = None
    turn = threading.Lock()

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/health":
            self.reply(200, {"status": "ok"})
        elif self.path == "/v1/models":
            self.reply(200, {"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": "local"}]})
        else:
            self.reply(404, {"error": {"message": "no such path"}})

    def do_POST(self):
        if self.path != "/v1/chat/completions":
            return self.reply(404, {"error": {"message": "no such path"}})
        try:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            limit = asked.get("max_tokens") or asked.get("max_completion_tokens") or MOST_TOKENS
            options = {
                "max_tokens": min(int(limit), MOST_TOKENS),
                "temperature": float(asked.get("temperature", 0.8)),
                "seed": asked.get("seed"),
                "response_format": asked.get("response_format"),
                "cancel_callback": self.is_gone,
                "stream": True,
            }
            messages = asked["messages"]
            streamed = bool(asked.get("stream"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self.reply(400, {"error": {"message": str(error)}})
        with self.turn:
            try:
                pieces = self.model.create_chat_completion(messages, **options)
                self.answer(pieces, streamed)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            except (ValueError, RuntimeError) as error:
                # Before the first byte only: later the half answer itself tells that it broke.
                self.close_connection = True
                if not self.begun and not self.is_gone():
                    self.reply(400, {"error": {"message": str(error)}})

    begun = False

    def answer(self, pieces, streamed):
        self.begun = False
        text = ""
        for piece in pieces:
            delta = piece["choices"][0]["delta"].get("content") or ""
            text += delta
            if streamed and delta:
                self.event({"delta": {"content": delta}, "finish_reason": None})
        if not streamed:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            return self.reply(200, {"object": "chat.completion", "model": NAME, "choices": [choice]})
        self.event({"delta": {}, "finish_reason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, choice):
        if not self.begun:
            self.begun = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
        chunk = {"object": "chat.completion.chunk", "model": NAME, "choices": [{"index": 0, **choice}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def is_gone(self):
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True


def main():
    Handler.model = llama_cpp_py_sync.Llama(sys.argv[1], n_ctx=CONTEXT, n_threads=os.cpu_count())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()


main()
