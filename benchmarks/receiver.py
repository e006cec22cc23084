"""A callback that accepts everything, and tells what it received and when.

`POST /fast` is answered at once, `POST /slow/100` after 100 ms, `POST /down/NAME` with 503 until `POST /up`.
`GET /times` is a JSON array of the moments (monotonic seconds, the same in every process of this machine) at which
bodies arrived; `GET /paths` of the names; `GET /kept` of pairs, moment and body, of what came to `/keep` or names its
event; `POST /forget` forgets all, and is down again.
"""

import json
import time
from typing import Any
from urllib.parse import urlsplit

from benchmarks.http_server import Request, Response, serve

UNAVAILABLE = "503 Service Unavailable"


class Receiver:
    def __init__(self) -> None:
        self.times: list[float] = []
        self.kept: list[tuple[float, str]] = []
        self.paths: list[str] = []
        self.is_down = True

    def answer(self, request: Request) -> Response:
        _, first, *rest = urlsplit(request.target).path.split("/")
        if request.method == "GET":
            told: dict[str, Any] = {
                "times": self.times,
                "kept": self.kept,
                "paths": self.paths,
                "count": len(self.times),
            }
            return Response(json.dumps(told[first]).encode())
        if first == "forget":
            self.__init__()  # type: ignore[misc]
            return Response()
        if first == "up":
            self.is_down = False
            return Response()
        if first == "down" and self.is_down:
            return Response(status=UNAVAILABLE)
        now = time.monotonic()
        self.times.append(now)
        if first == "keep" or (first == "down" and b'"eventId"' in request.body):
            self.kept.append((now, request.body.decode()))
        if first == "down":
            self.paths.append(rest[0])
        return Response(after_s=int(rest[0]) / 1000 if first == "slow" else 0.0)


if __name__ == "__main__":
    serve(Receiver().answer)
