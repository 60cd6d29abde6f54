"""Runs of this machine for a worker: in a home of their own."""

from __future__ import annotations

import logging
import signal
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dagu.contracts.records import RunRecord, Status
from dagu.contracts.shared import BEGIN, RETRY, LocalRuns
from dagu.errors import DaguError, RunNotFound, RuntimeFailure
from dagu.history.logs import RunLogs, file_name, work_directory
from dagu.history.ownership import RunLocks
from dagu.history.store import History
from dagu.run.needs import needs_engine
from dagu.sandbox import labels
from dagu.sandbox.guardian import end_orphans
from dagu.service.engine_health import EngineHealth
from dagu.service.launcher import Launcher
from dagu.service.retention import clean_up
from dagu.service.schedule import Schedule
from dagu.service.workspace_copy import unpack
from dagu.workflow.load import load_text

if TYPE_CHECKING:
    from dagu.sandbox.reaper import Leftover

_log = logging.getLogger("dagu.worker")
_SHARED = "DAGU_DATABASE_"
_ENDING = 10.0
"""Seconds that a leftover has to stop in good order."""


class HomeRuns(LocalRuns):
    """The runs in a home directory that nobody else uses."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self.home = home
        self._environ = environ
        self.history = History(home)
        self._locks = RunLocks(home)
        # What runs need not know, they can't give away.
        kept = {name: value for name, value in environ.items() if not name.startswith(_SHARED)}
        self._launcher = Launcher(home, self.history, kept, lifeline=True)
        self._engine = EngineHealth({**kept, "DAGU_HOME": str(home)})

    def begin(
        self, run: RunRecord, command: str, *, tied: bool = False, workspace: BinaryIO | None = None
    ) -> None:
        options = []
        if workspace is not None:
            directory = work_directory(self.home, run.workflow, run.run_id)
            if not directory.exists():
                unpack(workspace, directory)
            options = ["--default-working-dir", str(directory)]
        self._adopt(run)
        self._launcher.again(RETRY if command == BEGIN else command, run.run_id, *options, tied=tied)

    def _adopt(self, run: RunRecord) -> None:
        if run.file and not Path(run.file).is_file():
            run = replace(run, file="")  # the text goes with the run, the file need not be here
        history = self.history
        with history.transaction():
            try:
                history.save_run(run)
            except RunNotFound:
                history.add_run(run)
                return
            for step in run.steps:
                history.save_step(step)
                for attempt in step.attempts:
                    history.save_attempt(attempt)

    def stop(self, run_id: str, *, kill: bool = False) -> None:
        # A second signal kills; it is another one, since two of a kind may arrive as one.
        for number in (signal.SIGTERM, signal.SIGINT) if kill else (signal.SIGTERM,):
            if not self._locks.send_signal(run_id, number):
                self._launcher.send_signal(run_id, number)

    def destroy(self, run_id: str) -> None:
        self._locks.send_signal(run_id, signal.SIGKILL)
        self._launcher.send_signal(run_id, signal.SIGKILL)
        self._launcher.wait(run_id)
        end_orphans()

    def wait(self, run_id: str) -> None:
        self._launcher.wait(run_id)
        self._locks.wait_until_free(run_id)

    def end_leftovers(self) -> None:
        # Reading them notes which of them lost their process.
        left = [run.run_id for run in self.history.runs(status=Status.RUNNING, limit=None)]
        for run_id in left:
            self._locks.send_signal(run_id, signal.SIGTERM)
        for run_id in left:
            if not self._locks.wait_until_free(run_id, _ENDING):
                self._locks.send_signal(run_id, signal.SIGKILL)
                self._locks.wait_until_free(run_id)
        end_orphans()
        lost = self._interrupted()
        if any(self._contained(run_id) for run_id in lost):
            self._sweep(lost)
        with self.history.transaction():
            for run_id in lost:
                self.history.update_run(run_id, status=Status.ABORTED)  # it is answered for

    def _interrupted(self) -> list[str]:
        found = self.history.runs(status=Status.INTERRUPTED, limit=None)
        for run in list(found):
            found += self.history.runs(root_id=run.run_id, limit=None)
        return [run.run_id for run in found]

    def _contained(self, run_id: str) -> bool:
        """Whether something of a run may be left in a container, also of its own between two steps."""
        run = self.history.run(run_id)
        base = self._environ.get("DAGU_BASE_CONFIG", "")
        try:
            return needs_engine(load_text(run.source, name=run.workflow, base=Path(base) if base else None))
        except DaguError:
            return True

    def _sweep(self, run_ids: Collection[str]) -> None:
        """Remove from the engine what runs left there whose processes are gone."""
        # Rarely needed, and a worker lasts for weeks with what it imported.
        from dagu.plugins import Plugins
        from dagu.run.containers.choice import reach
        from dagu.run.recovery.claims import RunClaims
        from dagu.sandbox.reaper import leftovers, reap
        from dagu.sandbox.strays import Strays

        failures: list[str] = []

        def failed(thing: Leftover, error: RuntimeFailure) -> None:
            failures.append(f"{thing.kind} {thing.name[:12]} can't be removed: {error.message}")

        try:
            with reach(Plugins(self._environ), self._environ) as runtime:
                # Their locks are free, which proves more than could be known of an owner in another container.
                found = [
                    thing
                    for thing in leftovers(runtime, unknown=True)
                    if thing.run in run_ids and thing.marks.get(labels.HOME) == str(self.home.absolute())
                ]
                for thing in reap(runtime, found, failed=failed, claims=RunClaims()):
                    _log.info("removed %s %s, left by run %s", thing.kind, thing.name[:12], thing.run)
                for told in Strays(self.home).end(runtime):
                    _log.info("%s", told)
        except RuntimeFailure as error:
            failures.append(str(error))
        if failures:
            raise DaguError(
                f"what runs {', '.join(run_ids)} left in containers may still be running: {'; '.join(failures)}",
                hint="see to the engine; this worker can't serve before",
            )

    def forget(self, days: float) -> None:
        now = datetime.now(UTC)
        for workflow in {run.workflow for run in self.history.runs(limit=None)}:
            clean_up(self.history, self.home, workflow, Schedule(keep_days=days), now)

    def folders(self, run: RunRecord) -> Mapping[str, Path]:
        found = {"logs": RunLogs(self.home, run.workflow, run.run_id).directory}
        for directory in (self.home / "artifacts" / file_name(run.workflow)).glob(f"dag-run_*_{run.run_id}"):
            found["artifacts"] = directory
        return found

    def health(self) -> str:
        return self._engine.look()

    def close(self) -> None:
        self._engine.stop()
        self._launcher.close()
        self.history.close()
