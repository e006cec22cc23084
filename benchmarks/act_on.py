"""An Act-On that answers at once from what it has prepared: any number of accounts, each with the same lists.

`POST /control` sets `{"lists": 2, "contacts": 1000, "changed_ms": 0, "version": 1}`: contacts a list, when all of them
and their lists changed last, and a number that stands in each contact. `GET /requests` tells how many calls came since
`POST /control`.
"""

import json
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

from benchmarks.http_server import Request, Response, serve

HEADERS = [
    "_contact_id_", "Email", "First Name", "Last Name", "Company", "Job Title", "City", "Country", "Phone", "Version",
    "__created_date", "__modified_date",
]  # fmt: skip
CREATED_MS = 1_400_000_000_000


class ActOn:
    def __init__(self) -> None:
        self.prepare({"lists": 1, "contacts": 0, "changed_ms": 0, "version": 1})

    def prepare(self, wanted: dict[str, int]) -> None:
        self.requests = 0
        names = [f"l-{number:04}" for number in range(1, wanted["lists"] + 1)]
        rows = [
            {"id": name, "name": f"List {name}", "folderName": "", "tsLastModified": wanted["changed_ms"],
             "tsLastCounted": 0, "sourceSize": wanted["contacts"]}
            for name in names
        ]  # fmt: skip
        self.lists = json.dumps({"offset": 0, "count": len(rows), "totalCount": len(rows), "result": rows}).encode()
        self.rows = {name: [self._row(name, number, wanted) for number in range(wanted["contacts"])] for name in names}
        self.pages: dict[tuple[str, int, int], bytes] = {}

    @staticmethod
    def _row(name: str, number: int, wanted: dict[str, int]) -> list[str]:
        return [
            f"{name}:{number}", f"person{number}@example.com", "Ada", "Lovelace", "Analytical Engines", "Programmer",
            "London", "United Kingdom", "+44 20 7946 0000", str(wanted["version"]), str(CREATED_MS),
            str(wanted["changed_ms"]),
        ]  # fmt: skip

    def answer(self, request: Request) -> Response:
        parts = urlsplit(request.target)
        if parts.path == "/control":
            self.prepare(json.loads(request.body))
            return Response()
        if parts.path == "/requests":
            return Response(json.dumps(self.requests).encode())
        self.requests += 1
        date = f"Content-Type: application/json\r\nDate: {formatdate(usegmt=True)}\r\n"
        if parts.path == "/api/1/list":
            return Response(self.lists, headers=date)
        name = parts.path.rpartition("/")[2]
        query = parse_qs(parts.query)
        return Response(self._page(name, int(query["offset"][0]), int(query["count"][0])), headers=date)

    def _page(self, name: str, offset: int, count: int) -> bytes:
        if (name, offset, count) not in self.pages:
            rows = self.rows[name]
            page = {
                "listId": name, "offset": offset, "count": count, "totalCount": len(rows), "emailColumn": "Email",
                "headers": HEADERS, "data": rows[offset : offset + count],
            }  # fmt: skip
            self.pages[name, offset, count] = json.dumps(page).encode()
        return self.pages[name, offset, count]


if __name__ == "__main__":
    serve(ActOn().answer)
