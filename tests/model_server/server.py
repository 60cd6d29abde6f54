"""The HTTP side: takes requests, plays the script, records what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from model_server import anthropic, chat, responses
from model_server.script import Fault, Turn

_FACES = {
    "/v1/messages": anthropic,
    "/v1/responses": responses,
    "/v1/chat/completions": chat,
}
_SECRET_HEADERS = {"authorization", "x-api-key", "cookie"}


@dataclass(frozen=True)
class Request:
    """One request that an agent made. ``credentials`` are names of headers, never their values."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(repr=False)
    credentials: tuple[str, ...]

    @property
    def text(self) -> str:
        """Everything that was said, for searching."""
        return json.dumps(self.body, ensure_ascii=False)


class ModelServer:
    """Serves a script on a loopback address while it is entered.

    Requests without tools are an agent's side errands (a title, say): they get a short answer of ``0`` tokens
    and do not advance the script. When the script is over, its last turn is repeated.
    """

    def __init__(self, *turns: Turn, host: str = "127.0.0.1") -> None:
        self._turns: Sequence[Turn] = turns
        self._lock = threading.Condition()
        self._next = 0
        self._requests: list[Request] = []
        self.stopping = threading.Event()
        server = self

        class Handler(_Handler):
            model = server

        self._http = ThreadingHTTPServer((host, 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, name="model-server", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """The requests that advanced the script, in order."""
        with self._lock:
            return list(self._requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self, request: Request) -> Turn:
        """Record a request and give the turn that answers it."""
        with self._lock:
            self._requests.append(request)
            turn = self._turns[min(self._next, len(self._turns) - 1)]
            self._next += 1
            self._lock.notify_all()
        return turn

    def wait_for_requests(self, count: int, timeout: float = 60.0) -> None:
        """Wait until so many requests advanced the script.

        Raises:
            TimeoutError: They did not come within ``timeout`` seconds.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests came")


class _Handler(BaseHTTPRequestHandler):
    model: ModelServer

    def do_GET(self) -> None:
        self._json(404, {"error": {"type": "not_found_error", "message": "no such page"}})

    def do_HEAD(self) -> None:
        self._json(200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        face = _FACES.get(path)
        if face is None:
            self._json(404, {"error": {"type": "not_found_error", "message": f"no {path} here"}})
            return
        if not face.offered(body):
            self._stream(face.errand(body), None)
            return
        plain = {k: v for k, v in self.headers.items() if k.lower() not in _SECRET_HEADERS}
        names = tuple(sorted(k.lower() for k in self.headers if k.lower() in _SECRET_HEADERS))
        turn = self.model.take(Request(path=path, body=body, headers=plain, credentials=names))
        if turn.fault is not None and isinstance(turn.fault.value, int):
            error = {"type": "error", "message": f"scripted fault {turn.fault.value}"}
            self._json(turn.fault.value, {"type": "error", "error": error})
            return
        try:
            events = face.stream(body, turn)
        except LookupError as error:
            self._json(400, {"type": "error", "error": {"type": "error", "message": str(error)}})
            return
        self._stream(events, turn.fault)

    def _stream(self, events: Sequence[bytes], fault: Fault | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        shown = events if fault is None else events[: max(1, len(events) // 2)]
        for event in shown:
            self.wfile.write(event)
        self.wfile.flush()
        if fault is Fault.HANG:
            self.model.stopping.wait()

    def _json(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests read what was recorded."""
