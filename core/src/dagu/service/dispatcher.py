"""Starting runs where machines share a database: on workers, or here."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from dagu.contracts.records import RunRecord, Status
from dagu.contracts.shared import BEGIN, SharedDatabase
from dagu.errors import DaguError
from dagu.service.launcher import Launcher
from dagu.service.routing import Routing, routing
from dagu.service.workspace_copy import packed


class Dispatcher:
    """Gives runs to workers, and those to the launcher of this machine that their workflow keeps here.

    Its face is that of :class:`~dagu.service.launcher.Launcher`.
    """

    def __init__(self, launcher: Launcher, shared: SharedDatabase, base: Path | None) -> None:
        self._launcher = launcher
        self._shared = shared
        self._base = base

    def refuse(self, reason: str) -> None:
        """Start nothing more."""
        self._launcher.refuse(reason)

    def close(self) -> None:
        """Look no more at what becomes of the processes; they go on."""
        self._launcher.close()

    def send_signal(self, run_id: str, number: signal.Signals) -> None:
        """Send a signal to the process of a run, if it was started here and has not ended."""
        self._launcher.send_signal(run_id, number)

    def wait(self, run_id: str) -> None:
        """Block until the process of a run ended, if it was started here, and its record tells so."""
        self._launcher.wait(run_id)

    def begin(self, run_id: str) -> None:
        """Have a queued run started."""
        run = self._shared.history.run(run_id)
        where = routing(run, self._base)
        if where.local:
            self._launcher.begin(run_id)
            return
        try:
            self._send(run, BEGIN, where)
        except _NotPacked as error:
            self._shared.history.end_queued(run_id, Status.FAILED, str(error), time.time())

    def again(self, command: str, run_id: str) -> None:
        """Have an ended run taken up by ``dagu retry`` or ``dagu resume``."""
        run = self._shared.history.run(run_id)
        if run.worker_id:
            self._send(run, command, routing(run, self._base))
        else:
            self._launcher.again(command, run_id)

    def running(self) -> list[str]:
        """Ids of the runs that were told to start and have not ended."""
        return [*self._launcher.running(), *self._shared.under_way()]

    def here(self) -> list[str]:
        """Ids of those among them whose processes are of this machine."""
        return self._launcher.running()

    def _send(self, run: RunRecord, command: str, where: Routing) -> None:
        history = self._shared.history
        with _packed(where) as workspace, history.transaction():
            order = where.order(run.run_id, command, workspace=workspace)
            self._shared.send(order)
            if command == BEGIN and history.status(run.run_id) is Status.QUEUED:
                # Who looks at the run is to see why nothing happens.
                advice = self._shared.advice(order)
                if advice != run.error:
                    history.update_run(run.run_id, error=advice)


class _NotPacked(DaguError):
    """The directory that is to go along can't."""


@contextmanager
def _packed(where: Routing) -> Iterator[BinaryIO | None]:
    with ExitStack() as stack:
        archive = None
        if where.workspace is not None:
            try:
                archive = stack.enter_context(packed(where.workspace))
            except DaguError as error:
                raise _NotPacked(error.message, hint=error.hint) from error
        yield archive
