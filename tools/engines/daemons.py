"""The life of a daemon that this tool started: its record, its readiness, its end."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engines import EngineError, processes
from engines.api import Api
from engines.layout import RUN, Place
from engines.processes import Identity

_READY = 60.0  # seconds; half a second is usual, a loaded machine is not


@dataclass(frozen=True)
class Record:
    """What a later command must know of a started daemon; kept below ``/run``, so a reboot forgets it.

    Attributes:
        process: The daemon.
        facts: What its own module wants to remember.
    """

    process: Identity
    facts: dict[str, Any] = field(default_factory=dict)


def write_record(path: Path, record: Record) -> None:
    """Write a record so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(path)


def read_record(path: Path) -> Record | None:
    """The record of a daemon that was started here, alive or not; None without one."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return Record(Identity(**found["process"]), found["facts"])


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep several calls of this tool from starting the same daemon twice."""
    RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (RUN / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start(
    place: Place,
    argv: list[str],
    environment: Mapping[str, str],
    facts: dict[str, Any] | None = None,
    ready: Callable[[], bool] | None = None,
    **rest: Any,
) -> Record:
    """Start a daemon, record it, and wait until it answers.

    Args:
        facts: What its own module wants to remember.
        ready: Tells whether it answers; without one its socket is asked.
        rest: Further arguments of ``Popen``.

    Raises:
        EngineError: It ended or did not answer in time; with the last lines of its log.
    """
    ready = ready or (lambda: Api(place.endpoint).ping() is not None)
    daemon = processes.spawn(argv, place.log, environment, **rest)
    # Unwaited, it still has its number; of one that has ended already the record is never alive.
    record = Record(processes.identify(daemon.pid) or Identity(daemon.pid, 0), facts or {})
    write_record(place.record, record)
    deadline = time.monotonic() + _READY
    while not ready():
        status = daemon.poll()
        if status is not None:
            raise EngineError(_excuse(place, f"ended with status {status} instead of answering"))
        if time.monotonic() > deadline:
            processes.end(record.process)
            raise EngineError(_excuse(place, f"did not answer within {_READY:.0f} s"))
        time.sleep(0.02)
    # It is to outlive this process: nobody here will ever wait for it.
    daemon.returncode = 0
    return record


def _excuse(place: Place, what: str) -> str:
    return f"{place.engine} {what}. The end of {place.log}:\n{processes.tail(place.log)}"


def unmount_below(*folders: Path) -> None:
    """Detach every mount below some folders, innermost first.

    Raises:
        EngineError: One is left.
    """
    prefixes = tuple(f"{folder.resolve()}/" for folder in folders)

    def mounted() -> list[str]:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
        return [point for point in points if point.startswith(prefixes)]

    for point in reversed(mounted()):
        subprocess.run(["umount", "--lazy", point], stderr=subprocess.DEVNULL, check=False)
    if left := mounted():
        raise EngineError(f"still mounted: {', '.join(left)}")


def remove(*folders: Path) -> None:
    """Take folders away with all that is mounted below them."""
    unmount_below(*folders)
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
