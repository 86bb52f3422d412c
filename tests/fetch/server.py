"""A server on this machine that misbehaves as asked: breaks off, changes its file, ignores ranges, refuses, redirects."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """A file of the server and how it behaves.

    ``breaks`` holds the bytes after which the next answers break off; ``careless`` answers ranges whatever their condition.
    """

    content: bytes
    etag: str = '"1"'
    modified: str = ""
    ranges: bool = True
    careless: bool = False
    status: int = 200
    location: str = ""
    breaks: list[int] = field(default_factory=list)


class Server:
    """The server; ``files`` by path, ``asked`` the ranges that were asked for, '' for a whole file, ``conditions`` of these."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[str] = []
        self.conditions: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range", "")
        self.asked.append(asked)
        self.conditions.append(handler.headers.get("If-Range", ""))
        served = self.files.get(handler.path)
        if served is None or served.status != 200:
            handler.send_response(served.status if served else 404)
            if served and served.location:
                handler.send_header("Location", served.location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        same = served.careless or self.conditions[-1] in (served.etag or None, served.modified or None)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and served.ranges and same else 0
        if start >= len(served.content):
            handler.send_error(416)
            return
        body = served.content[start:]
        handler.send_response(206 if start else 200)
        if start:
            last = len(served.content) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(served.content)}")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in (("ETag", served.etag), ("Last-Modified", served.modified)):
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[: served.breaks.pop(0)] if served.breaks else body)
