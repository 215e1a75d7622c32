"""A language model's endpoint of a few lines, on a port of this machine."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DRIP = b"drip"
Respond = Callable[[dict[str, Any]], Any]


class Model:
    """An endpoint whose content is `respond(request)`; what is not a string is the whole reply,
    a number its status, `DRIP` a reply that never ends."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock, self.running, self.most = threading.Lock(), 0, 0

    def reply(self, request: dict[str, Any], headers: dict[str, str]) -> tuple[int, bytes]:
        with self.lock:
            self.requests.append(request)
            self.headers.append(headers)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            given = self.respond(request)
        finally:
            with self.lock:
                self.running -= 1
        if isinstance(given, int):
            return given, b"{}"
        if isinstance(given, str):
            given = {"choices": [{"message": {"role": "assistant", "content": given}}]}
        return 200, given if isinstance(given, bytes) else json.dumps(given).encode()


@contextmanager
def serving(model: Model) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = model.reply(body | {"path": self.path}, dict(self.headers))
            try:
                self.send_response(status)
                if status in (301, 307):
                    self.send_header("Location", "/elsewhere")
                length = 10**9 if content == DRIP else len(content)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(content)
                while content == DRIP:
                    self.wfile.flush()
                    time.sleep(0.02)
                    self.wfile.write(b" ")
            except OSError:
                pass  # whoever asked has stopped waiting

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
