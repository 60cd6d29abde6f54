"""Starting runs: each is a process of its own, in a session of its own, so that whatever dies takes no other along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from dagu.contracts.history import HistoryStore
from dagu.errors import DaguError, HistoryUnreachable, RunNotFound, UsageError
from dagu.history.ownership import RunLocks
from dagu.history.records import EMPTY, Status
from dagu.run import lifeline as lifelines

_TAIL = 4096
_GONE = 10.0
_PAUSE = 1.0


class Launcher:
    """Starts recorded runs, and sees what becomes of their processes. Any thread may call.

    Args:
        environ: The environment of the runs.
        lifeline: They end when this process is gone, however it went.
    """

    def __init__(
        self, home: Path, history: HistoryStore, environ: Mapping[str, str], *, lifeline: bool = False
    ) -> None:
        self._history = history
        self._locks = RunLocks(home)
        self._environ = {**environ, "DAGU_HOME": str(home)}
        self._stdin = subprocess.DEVNULL
        if lifeline:
            self._stdin = subprocess.PIPE
            self._environ[lifelines.VARIABLE] = lifelines.STDIN
        self._lock = threading.Lock()
        self._processes: dict[str, tuple[subprocess.Popen[bytes], threading.Thread]] = {}
        self._refused = ""
        self._closed = False

    def refuse(self, reason: str) -> None:
        """Start nothing more."""
        self._refused = reason

    def close(self) -> None:
        """Look no more at what becomes of the processes; they go on."""
        self._closed = True

    def send_signal(self, run_id: str, number: signal.Signals) -> None:
        """Send a signal to the process of a run, if it was started here and has not ended."""
        with self._lock:
            found = self._processes.get(run_id)
        if found is not None:
            found[0].send_signal(number)

    def wait(self, run_id: str) -> None:
        """Block until the process of a run ended, if it was started here, and its record tells so."""
        with self._lock:
            found = self._processes.get(run_id)
        if found is not None:
            found[1].join()

    def begin(self, run_id: str) -> None:
        """Have a queued run started now; returns at once. What keeps it from starting is told in its record."""
        self._command(run_id, ["retry", "--quiet", run_id])

    def again(self, command: str, run_id: str, *options: str, tied: bool = False) -> None:
        """Have an ended run taken up by ``dagu retry`` or ``dagu resume``; returns soon.

        Args:
            options: Of that command.
            tied: Its containers have a lifeline, too.
        """
        # A record tells the end of a run a moment before its process is gone, which must not be in the way.
        self.wait(run_id)
        self._locks.wait_until_free(run_id, _GONE)
        more = {lifelines.VARIABLE: lifelines.CONTAINERS} if tied else {}
        self._command(run_id, [command, "--quiet", *options, run_id], more)

    def running(self) -> list[str]:
        """Ids of the runs whose processes have not ended."""
        with self._lock:
            return list(self._processes)

    def here(self) -> list[str]:
        """The same: every run of a launcher is of this machine."""
        return self.running()

    def _command(self, run_id: str, arguments: Sequence[str], environ: Mapping[str, str] = EMPTY) -> None:
        if self._refused:
            raise DaguError(f"run {run_id} is not started: {self._refused}")
        # -P: a folder of the place where the service was started must not be taken for a package.
        command = [sys.executable, "-P", "-m", "dagu", *arguments]
        with self._lock:
            if run_id in self._processes:
                raise UsageError(f"run {run_id} is being started already")
            errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the thread that waits)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=self._stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env={**self._environ, **environ},
                    start_new_session=True,
                )
            except OSError as error:
                errors.close()
                raise DaguError(f"no process for run {run_id}: {error.strerror or error}") from error
            waiting = threading.Thread(
                target=self._wait, args=(run_id, process, errors), name=f"run {run_id}", daemon=True
            )
            self._processes[run_id] = (process, waiting)
            waiting.start()

    def _wait(self, run_id: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        with errors:
            code = process.wait()
            try:
                self._settle(run_id, code, errors)
            finally:
                if process.stdin is not None:
                    process.stdin.close()
                with self._lock:
                    del self._processes[run_id]

    def _settle(self, run_id: str, code: int, errors: IO[bytes]) -> None:
        # If somebody else took it over, that one's lock is there, and its record will change. If this service stops,
        # the next one starts what waits still.
        while not self._closed and not self._refused and not self._locks.is_alive(run_id):
            try:
                self._end_queued(run_id, code, _tail(errors) or _how(code))
            except HistoryUnreachable:
                time.sleep(_PAUSE)
            else:
                return

    def _end_queued(self, run_id: str, code: int, reason: str) -> None:
        try:
            if code == os.EX_TEMPFAIL and self._history.run(run_id).queue:
                return  # the database was away; the run has its place in the queue still
        except RunNotFound:
            return
        self._history.end_queued(run_id, Status.FAILED, f"it could not be started: {reason}", time.time())


def _how(code: int) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit status {code}"


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, 2)
    errors.seek(max(0, size - _TAIL))
    return errors.read().decode(errors="replace").strip().removeprefix("Error: ")
