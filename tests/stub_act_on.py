"""Act-On, as little of it as there may be: tokens, a list with one contact, uploads, and errors that tell too much."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

PIECE = 1024 * 1024


@dataclass
class StubActOn:
    """What it gives out, and what came; `fails` makes every call of the API an error that repeats the request."""

    url: str
    tokens: list[str] = field(default_factory=list)
    uploaded: int = 0
    fails: bool = False


@contextmanager
def stub_act_on() -> Iterator[StubActOn]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if stub.fails:
                self.answer(500, {"message": f"broken for {self.headers['Authorization']} at {self.path}"})
            elif self.path.startswith("/api/1/list?"):
                row = {"id": "l-0001", "name": "One", "tsLastModified": 2**41}
                self.answer(200, {"offset": 0, "count": 1, "totalCount": 1, "result": [row]})
            else:
                cells = ["l-0001:1", "jane@example.com", str(2**41), str(2**41)]
                headers = ["_contact_id_", "Email", "__created_date", "__modified_date"]
                self.answer(200, {"listId": "l-0001", "totalCount": 1, "headers": headers, "data": [cells]})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            if self.path != "/token":
                left = length
                while left:
                    left -= len(self.rfile.read(min(left, PIECE)))
                stub.uploaded = length
                self.answer(200, {"id": "l-0002"})
                return
            form = parse_qs(self.rfile.read(length).decode())
            if form.get("code") != ["good"]:
                self.answer(403, {"error": "invalid_grant", "error_description": f"refused: {form}"})
                return
            made = [f"access-{len(stub.tokens)}-Zq7", f"refresh-{len(stub.tokens)}-Zq7"]
            stub.tokens += made
            self.answer(200, {"access_token": made[0], "refresh_token": made[1], "expires_in": 3600})

        def answer(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        stub = StubActOn(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
