"""A server and workers, as processes with homes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from workers_postgres import Postgres

from dagu.plugins import Plugins
from dagu.run.stores import open_history
from dagu.service.enqueue import QueuedRun

DAGU = Path(sys.executable).parent / "dagu"
HANG = 120.0
"""Seconds after which something that should happen counts as hanging."""


class Seen(Protocol):
    """Notes what a test saw: the name of a row of the page on reliability, and its figures."""

    def __call__(self, row: str, **figures: float | str) -> None: ...


def until(condition: Callable[[], Any], *, seconds: float = HANG, what: str = "") -> Any:
    """What a condition gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s: {what or condition}"
        time.sleep(0.05)
    return found


class Process:
    """A server or a worker; its standard error is in a file."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the main process alone."""
        self._process.kill()
        self._process.wait()

    def kill_all(self) -> None:
        """Kill it with all that it started, as when a machine or a unit dies."""
        self._process.send_signal(signal.SIGSTOP)  # it is not to notice
        for pid in descendants(self.pid):
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(pid, signal.SIGKILL)
        self.kill()

    def wait(self, seconds: float = HANG) -> int:
        return self._process.wait(seconds)

    def text(self) -> str:
        return self.log.read_text(errors="replace")


def descendants(pid: int) -> list[int]:
    """Ids of all processes below one."""
    found: list[int] = []
    with suppress(OSError):  # it ended by itself
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


class Site:
    """One database, one server, some workers.

    Args:
        database: An empty one.
    """

    def __init__(
        self, postgres: Postgres, database: str, directory: Path, *, migrated: bool = True, **connection: str
    ) -> None:
        self.postgres = postgres
        self.database = database
        self.url = postgres.url(database, **connection)  # type: ignore[arg-type]
        self.directory = directory
        self.home = directory / "server"
        self.dags = self.home / "dags"
        self.dags.mkdir(parents=True)
        self.processes: list[Process] = []
        if migrated:
            assert "up to date" in self.dagu("db", "migrate")

    def env(self, home: Path, **more: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DAGU_", "PYTEST_"))
        }
        return {
            **kept,
            "DAGU_HOME": str(home),
            "DAGU_DEBUG": "1",
            "DAGU_DATABASE_URL": self.url,
            "SITE": str(self.directory),
            **more,
        }

    def dagu(self, *arguments: str, status: int = 0, **more: str) -> str:
        """Standard output of a command on the server's machine."""
        done = self.command(*arguments, **more)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def command(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(DAGU), *arguments],
            env=self.env(self.home, **more),
            capture_output=True,
            text=True,
            timeout=HANG * 2,
            check=False,
        )

    def start_server(self, **more: str) -> Process:
        process = Process(
            "server", [str(DAGU), "scheduler"], self.env(self.home, **more), self.directory / "server.log"
        )
        self.processes.append(process)
        until(lambda: "scheduler started" in process.text(), what="the server starts")
        return process

    def start_worker(
        self, name: str, *options: str, prefix: Sequence[str] = (), url: str = "", **more: str
    ) -> Process:
        log = self.directory / f"{name}.log"
        began = log.stat().st_size if log.exists() else 0
        env = self.env(self.directory / name, WORKER=name, DAGU_ENV_PASSTHROUGH="WORKER,SITE", **more)
        if url:
            env["DAGU_DATABASE_URL"] = url
        process = Process(name, [*prefix, str(DAGU), "worker", "--name", name, *options], env, log)
        self.processes.append(process)
        until(lambda: "takes up to" in process.text()[began:] or not process.alive, what=f"{name} starts")
        assert process.alive, process.text()
        return process

    def workflow(self, name: str, text: str) -> str:
        (self.dags / f"{name}.yaml").write_text(text)
        return name

    def enqueue(self, workflow: str, *options: str) -> str:
        return self.dagu("enqueue", workflow, *options).strip()

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.dagu("status", "--run-id", run_id, "--json"))
        return found

    def until_status(self, run_id: str, *wanted: str, seconds: float = HANG) -> dict[str, Any]:
        last: dict[str, Any] = {}

        def there() -> bool:
            last.clear()
            last.update(self.run(run_id))
            return last["status"] in wanted

        until(there, seconds=seconds, what=f"{run_id} is {' or '.join(wanted)}")
        return last

    def file(self, name: str) -> Path:
        """A file that steps find as ``$SITE/NAME``."""
        return self.directory / name

    def sql(self, statement: str) -> str:
        """What a statement gives, values with | between."""
        return self.postgres.sql(statement, self.database)

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.alive:
                process.signal(signal.SIGCONT)
                process.kill_all()
        shutil.rmtree(self.directory, ignore_errors=True)


def enqueue(site: Site, workflow: str, number: int, *, priority: int = 0) -> list[str]:
    """Queue runs without the time that so many commands would take."""
    environ = site.env(site.home)
    file = site.dags / f"{workflow}.yaml"
    ids = []
    with open_history(environ, site.home, Plugins(environ)) as history:
        for _ in range(number):
            run = QueuedRun(
                workflow=workflow, file=file, source=file.read_text(), queue="many", priority=priority
            ).record()
            history.add_run(run)
            ids.append(run.run_id)
    return ids


GATED = """
steps:
  - id: wait
    run: |
      echo "$WORKER began"
      echo "$DAG_RUN_ID" >> "$SITE/order"
      touch "$SITE/began.$DAG_RUN_ID"
      while [ ! -e "$SITE/gate" ]; do sleep 0.05; done
      echo done
handler_on:
  abort: {id: abort, run: 'touch "$SITE/aborted.$DAG_RUN_ID"'}
"""


def began(site: Site, run_id: str) -> None:
    until(site.file(f"began.{run_id}").exists, what=f"{run_id} begins")
