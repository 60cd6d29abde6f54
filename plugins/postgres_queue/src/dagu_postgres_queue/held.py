"""One run that this worker owns: from its order to the end of its last write."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeVar

from dagu.contracts.records import RunRecord, Status
from dagu.contracts.shared import AGAIN, LocalRuns
from dagu.errors import DaguError
from dagu_postgres_queue import orders, workspaces
from dagu_postgres_queue.artifacts import Artifacts
from dagu_postgres_queue.database import Connection, Database, Unreachable
from dagu_postgres_queue.history import PostgresHistory
from dagu_postgres_queue.mirror import Mirror
from dagu_postgres_queue.orders import Fenced, Row
from dagu_postgres_queue.sending import Sender
from dagu_postgres_queue.streams import Streams
from dagu_postgres_queue.timing import STOP_GRACE

_log = logging.getLogger("dagu.worker")
_DEBOUNCE_MS = 100
_STEP_MS = 50
_LOOK_AGAIN_MS = 1000
_PAUSE = 1.0
T = TypeVar("T")
_GOOD = (Status.SUCCEEDED, Status.PARTIALLY_SUCCEEDED)


class Held:
    """A run. Its thread is :meth:`work`; others may ask it to stop.

    Attributes:
        engine_failed: It failed, maybe since the container engine that it needs does not answer.

    Args:
        run: As it was taken over.
        renewed_at: Seconds of the boot clock before its lease was asked for.
        came_home: Set when output arrived at the server.
    """

    def __init__(
        self,
        order: Row,
        run: RunRecord,
        streams: Streams,
        *,
        runs: LocalRuns,
        database: Database,
        shared: PostgresHistory,
        worker: str,
        renewed_at: float,
        came_home: threading.Event,
    ) -> None:
        self.run_id: str = order["run_id"]
        self.fence: int = order["fence"]
        self.renewed_at = renewed_at
        self.fences = order["on_lost"] == AGAIN
        self._again = self.fences and not order["again"]
        self._command: str = order["command"]
        self._run = run
        self._streams = streams
        self._runs = runs
        self._database = database
        self._shared = shared
        self._worker = worker
        self._sender = Sender(
            database,
            self.run_id,
            self._guard,
            streams=streams,
            artifacts=Artifacts(runs.home, self.run_id),
            came_home=came_home,
        )
        self.engine_failed = False
        self._engine: bool = order["engine"]
        self._ended = threading.Event()
        self._given_up = threading.Event()
        self._handing_back = False
        self._asking = threading.Lock()
        self._begun = False
        self._wishes: set[str] = set()

    # Wishes of others

    def wish(self, desired: str) -> None:
        """Do what was asked for: ``cancel`` or ``kill``, each once."""
        if desired and desired not in self._wishes:
            _log.info("run %s is to stop", self.run_id)
            with self._asking:
                self._wishes.add(desired)
                if self._begun:
                    self._stop(kill=desired == "kill")

    def hand_back(self) -> None:
        """Stop it, since the worker ends; another one may take it up, if the workflow allows that."""
        with self._asking:
            self._handing_back = True
            if self._begun:
                self._stop(kill=False)

    def give_up(self, reason: str) -> None:
        """Stop it at once: another one may own it, or soon."""
        with self._asking:
            if self._given_up.is_set():
                return
            self._given_up.set()
            _log.warning("run %s is stopped: %s", self.run_id, reason)
            if self._begun:
                self._end_soon()

    def abandon(self, reason: str) -> None:
        """End it after a mistake of the worker; returns when nothing of it runs."""
        self.give_up(reason)
        self._runs.wait(self.run_id)
        self._fail(reason)

    def _stop(self, *, kill: bool) -> None:
        stopping = threading.Thread(
            target=self._runs.stop, args=(self.run_id,), kwargs={"kill": kill}, daemon=True
        )
        stopping.start()

    def _end_soon(self) -> None:
        threading.Thread(target=self._end, name=f"end {self.run_id}", daemon=True).start()

    def _end(self) -> None:
        self._runs.stop(self.run_id, kill=True)
        if not self._ended.wait(STOP_GRACE):
            self._runs.destroy(self.run_id)

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self._ended.is_set()

    # Its thread

    def work(self) -> None:
        """Run it to its end, and bring home what it writes."""
        try:
            self._streams.continue_logs()
            mirror = Mirror(self._runs.history, self._shared, self._run, self._worker)
            self._begin()
        except DaguError as error:
            self._fail(f"worker {self._worker} could not start it: {error}")
            return
        threading.Thread(target=self._wait, name=f"wait for {self.run_id}", daemon=True).start()
        try:
            self._bring_home(mirror)
        except Fenced:
            self.give_up("it is no longer this worker's")
            self._ended.wait()
            self._patiently(self._confirm)

    def _begin(self) -> None:
        workspace = self._patiently(lambda: workspaces.get(self._database, self.run_id))
        with workspace or nullcontext():
            if self._given_up.is_set():
                raise DaguError("it was given up before it began")
            self._runs.begin(self._run, self._command, tied=self.fences, workspace=workspace)
        with self._asking:
            self._begun = True
            # What was asked for while there was no process has reached nobody.
            if self._given_up.is_set():
                self._end_soon()
            elif self._wishes or self._handing_back:
                self._stop(kill="kill" in self._wishes)

    def _wait(self) -> None:
        self._runs.wait(self.run_id)
        self._ended.set()

    def _bring_home(self, mirror: Mirror) -> None:
        from watchfiles._rust_notify import RustNotify

        directory = self._runs.folders(self._run)["logs"]
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        watched = [str(directory), str(self._runs.home)]
        with RustNotify(watched, False, False, 0, False, False) as watcher:
            while not self._ended.is_set():
                self._patiently(lambda: self._round(mirror, last=False))
                watcher.watch(_DEBOUNCE_MS, _STEP_MS, _LOOK_AGAIN_MS, self._ended)
        self._patiently(lambda: self._round(mirror, last=True))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do something in the database, as long as it takes."""
        while True:
            try:
                return work()
            except Unreachable as error:
                _log.warning("run %s: %s", self.run_id, error)
                time.sleep(_PAUSE)

    def _round(self, mirror: Mirror, *, last: bool) -> None:
        runs = mirror.runs()
        self.engine_failed = self._engine and runs[0].status is Status.FAILED
        for run in runs:
            self._sender.send(self._runs.folders(run), last=last)
        if not last and runs[0].status.ended:
            return  # it is told as ended when it is no longer this worker's, at one moment
        if last and self._wishes and not runs[0].attempt_id:
            runs = [_changed(runs[0], Status.ABORTED, "stopped before it began")]
        with self._database.transaction() as connection:
            self._guard(connection)
            if last and self._handing_back and self._again and runs[0].status not in _GOOD:
                mirror.push(
                    [_changed(run, Status.INTERRUPTED, f"worker {self._worker} ended") for run in runs]
                )
                orders.hand_back(connection, self.run_id, self.fence)
                return
            if last or mirror.begun(runs[0]):
                mirror.push(runs)
            if last:
                orders.finish(connection, self.run_id, self.fence)
        if mirror.begun(runs[0]):
            mirror.pushed(runs)

    def _guard(self, connection: Connection) -> None:
        orders.guard(connection, self.run_id, self.fence)

    def _confirm(self) -> None:
        with self._database.transaction() as connection:
            orders.confirm(connection, self.run_id, self.fence)

    def _fail(self, reason: str) -> None:
        def work() -> None:
            with self._database.transaction() as connection:
                self._guard(connection)
                self._shared.update_run(
                    self.run_id, status=Status.FAILED, error=reason, finished_at=time.time()
                )
                orders.finish(connection, self.run_id, self.fence)

        try:
            self._patiently(work)
        except Fenced:
            self._patiently(self._confirm)


def _changed(run: RunRecord, status: Status, error: str) -> RunRecord:
    return run if run.status in _GOOD else replace(run, status=status, error=error)
