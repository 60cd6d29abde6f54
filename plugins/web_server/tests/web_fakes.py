"""An in-memory service context, whose runs a test moves on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dagu.contracts.service import Following, Json, RunFilter, ServiceContext, WorkflowInfo
from dagu.errors import DaguError, RunNotFound, UsageError

T = TypeVar("T")
BEGAN = 1_800_000_000.0
MISTAKE = {"line": 2, "column": 3, "message": "wrong here"}
_END = object()


class FakeFollowing(Following[T]):
    """What a test puts in."""

    def __init__(self, *items: T) -> None:
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.closed = threading.Event()
        for item in items:
            self.items.put(item)

    def end(self) -> None:
        self.items.put(_END)

    def __next__(self) -> T:
        item = self.items.get()
        if item is _END or self.closed.is_set():
            self.items.put(_END)
            raise StopIteration
        if isinstance(item, DaguError):
            raise item
        found: T = item
        return found

    def close(self) -> None:
        self.closed.set()
        self.items.put(_END)


def attempt(number: int = 1, **fields: Any) -> dict[str, Any]:
    """An attempt as history tells it."""
    return {
        "number": number,
        "status": "succeeded",
        "started_at": BEGAN + number,
        "finished_at": BEGAN + number + 0.5,
        "exit_code": 0,
        "reason": "",
        "place": "host",
        "provider": "",
        "model": "",
        "session_id": "",
        "usage": None,
        **fields,
    }


def step(name: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    """A step as history tells it."""
    return {
        "name": name,
        "index": index,
        "id": name,
        "kind": "step",
        "status": "succeeded",
        "started_at": BEGAN + 1,
        "finished_at": BEGAN + 2,
        "exit_code": 0,
        "error": "",
        "outputs": {},
        "depends": [],
        "attempts": [attempt()],
        **fields,
    }


def run(run_id: str, *steps: Json, **fields: Any) -> dict[str, Any]:
    """A run as history tells it."""
    return {
        "run_id": run_id,
        "workflow": "hello",
        "status": "succeeded",
        "started_at": BEGAN,
        "finished_at": BEGAN + 5,
        "scheduled_at": None,
        "attempt": 1,
        "trigger": "manual",
        "params": "",
        "error": "",
        "file": "/dags/hello.yaml",
        "source": "steps: []\n",
        "root_id": "",
        "root_name": "",
        "parent_step": "",
        "labels": {},
        "worker_id": "",
        "queue": "",
        "steps": list(steps),
        **fields,
    }


class FakeContext(ServiceContext):
    """Keeps what a test puts in, and notes what is asked of it in ``asked``."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.values = {"DAGU_PORT": "0", **settings}
        self.texts: dict[str, str] = {"hello": "steps: []\n"}
        self.infos: dict[str, dict[str, Any]] = {}
        self.history: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.spent: list[dict[str, Any]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.failure: DaguError | None = None
        self.following: FakeFollowing[Any] = FakeFollowing()

    def add_run(self, *runs: dict[str, Any]) -> None:
        self.history |= {each["run_id"]: each for each in runs}

    def write(self, run_id: str, name: str, content: bytes, stream: str = "stdout") -> Path:
        path = Path(self.log_path(run_id, name, 1, stream))
        path.write_bytes(content)
        return path

    def workflows(self) -> Sequence[WorkflowInfo]:
        return [self.workflow(name) for name in sorted(self.texts)]

    def workflow(self, name: str) -> WorkflowInfo:
        self.source(name)
        recent = list(self.runs(RunFilter(workflow=name, limit=10)))
        return WorkflowInfo(
            **{"name": name, "file": f"/dags/{name}.yaml", "recent": recent, **self.infos.get(name, {})}
        )

    def source(self, name: str) -> str:
        if name not in self.texts:
            raise UsageError(f"no workflow {name!r}", hint="list them")
        return self.texts[name]

    def validate(self, text: str, *, name: str = "") -> Sequence[Json]:
        return [MISTAKE] if "wrong" in text else []

    def save(self, name: str, text: str) -> Sequence[Json]:
        if ".." in name:
            raise UsageError(f"{name!r} is no name")
        found = self.validate(text)
        if not found:
            self.texts[name] = text
        return found

    def delete(self, name: str) -> None:
        del self.texts[name]

    def suspend(self, name: str, suspended: bool) -> None:
        self.infos.setdefault(name, {})["suspended"] = suspended

    def start(self, name: str, *, params: Any = None, run_id: str = "", trigger: str = "manual") -> str:
        return self._begin("start", name, params, run_id)

    def enqueue(self, name: str, *, params: Any = None, run_id: str = "", queue: str = "") -> str:
        return self._begin("enqueue", name, params, run_id, queue)

    def stop(self, run_id: str) -> None:
        self.run(run_id)
        self.asked.append(("stop", run_id))

    def retry(self, run_id: str) -> str:
        if self.run(run_id)["status"] == "running":
            raise UsageError(f"run {run_id} has not ended")
        self.asked.append(("retry", run_id))
        return run_id

    def resume(self, run_id: str) -> str:
        self.asked.append(("resume", self.run(run_id)["run_id"]))
        return run_id

    def runs(self, wanted: RunFilter) -> Sequence[Json]:
        found = [each for each in self.history.values() if self._matches(each, wanted)]
        found.sort(key=lambda each: -each["started_at"])
        return found[wanted.offset : wanted.offset + wanted.limit]

    def count(self, wanted: RunFilter) -> int:
        self._fail()
        return sum(self._matches(each, wanted) for each in self.history.values())

    def run(self, run_id: str) -> Json:
        self._fail()
        if run_id not in self.history:
            raise RunNotFound(f"no run {run_id!r} in history")
        return self.history[run_id]

    def agent_events(self, run_id: str, step: str = "", attempt: int = 0, after: int = 0) -> Sequence[Json]:
        self.run(run_id)
        return [each for each in self.events if each["id"] > after]

    def log_path(self, run_id: str, step: str, attempt: int, stream: str) -> str:
        self.run(run_id)
        plain = "".join(char if char.isalnum() else "_" for char in step)
        return str(self.folder / f"{run_id}.{plain}.{attempt}.{stream}")

    def follow_run(self, run_id: str) -> Following[Json]:
        self.run(run_id)
        return self.following

    def follow_log(
        self, run_id: str, step: str, attempt: int, stream: str, offset: int = 0
    ) -> Following[bytes]:
        self.asked.append(("follow", offset))
        return self.following

    def follow_changes(self) -> Following[None]:
        return self.following

    def usage(self, since: float | None = None) -> Sequence[Json]:
        return self.spent

    def plugins(self) -> Sequence[Json]:
        names = ("runtimes", "providers", "commands", "services", "databases", "hooks")
        good = {"distribution": "dagu-good", "version": "1", "entry_point": "good", "state": "active"}
        bad = {**good, "distribution": "dagu-bad", "state": "set aside", "problems": ["it fails to import"]}
        return [{"problems": [], **dict.fromkeys(names, ()), **each} for each in (good, bad)]

    def runtimes(self) -> Sequence[Json]:
        well = {"name": "docker", "summary": "Docker", "selected": True, "ok": True, "message": ""}
        ill = {**well, "name": "podman", "selected": False, "ok": False, "message": "nothing answers"}
        return [{**each, "version": "20", "endpoint": "unix:///sock"} for each in (well, ill)]

    def workers(self) -> Sequence[Json]:
        times = {"started_at": BEGAN, "seen_at": BEGAN}
        well = {"name": "w1", "state": "ready", "labels": ["gpu", "<b>"], "runtime": "docker", **times}
        ill = {**well, "name": "w2", "state": "lost", "labels": [], "health": "<i>docker</i> does not answer"}
        common = {"host": "h", "version": "1", "active": 1, "limit": 4, "load": 0.25}
        return [{"health": "ok", **each, **common} for each in (well, ill)]

    def scheduler(self) -> Json:
        waiting = {"name": "slow", "limit": 1, "queued": 2, "running": 1}
        return {
            "running": True,
            "queues": [waiting],
            "next": [{"workflow": "hello", "at": BEGAN, "kind": "start"}],
        }

    def settings(self) -> Mapping[str, str]:
        return self.values

    def _begin(self, how: str, name: str, params: Any, run_id: str, *more: str) -> str:
        self.source(name)
        self.asked.append((how, name, params, *more))
        begun = run_id or f"new-{len(self.asked)}"
        self.add_run(run(begun, workflow=name, status="running", finished_at=None))
        return begun

    def _fail(self) -> None:
        if self.failure:
            raise self.failure

    def _matches(self, each: Json, wanted: RunFilter) -> bool:
        checks: list[Callable[[], bool]] = [
            lambda: wanted.workflow in ("", each["workflow"]),
            lambda: wanted.run_id_part in each["run_id"],
            lambda: not wanted.status or each["status"] in wanted.status,
            lambda: wanted.since is None or each["started_at"] >= wanted.since,
            lambda: wanted.until is None or each["started_at"] < wanted.until,
        ]
        return all(check() for check in checks)
