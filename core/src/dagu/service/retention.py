"""Forgetting runs that are older, or more, than their workflow wants kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dagu.contracts.history import HistoryStore
from dagu.history.logs import RunLogs, file_name, work_directory
from dagu.history.records import RunRecord
from dagu.service.schedule import Schedule

_DAY = 86400.0


def clean_up(history: HistoryStore, home: Path, workflow: str, schedule: Schedule, now: datetime) -> int:
    """Forget ended runs of a workflow, with their children, logs, work directories and artifacts.

    Artifacts in a directory that the workflow chose itself are not dagu's to remove.

    Returns:
        How many runs were forgotten.
    """
    if schedule.keep_days is None and schedule.keep_runs is None:
        return 0
    old = list(_too_old(history.runs(workflow=workflow, limit=None), schedule, now))
    for run in old:
        for each in (run, *history.runs(root_id=run.run_id, limit=None)):
            for directory in _directories(home, each):
                shutil.rmtree(directory, ignore_errors=True)
        # Last, so that what could not be removed now is found again.
        history.remove_runs([run.run_id])
    return len(old)


def _too_old(runs: list[RunRecord], schedule: Schedule, now: datetime) -> Iterator[RunRecord]:
    ended = [run for run in runs if run.status.ended]
    for number, run in enumerate(ended):
        age = now.timestamp() - (run.finished_at or run.started_at)
        too_many = schedule.keep_runs is not None and number >= schedule.keep_runs
        if too_many or (schedule.keep_days is not None and age > schedule.keep_days * _DAY):
            yield run


def _directories(home: Path, run: RunRecord) -> Iterator[Path]:
    yield RunLogs(home, run.workflow, run.run_id).directory
    yield work_directory(home, run.workflow, run.run_id)
    yield from (home / "artifacts" / file_name(run.workflow)).glob(f"dag-run_*_{run.run_id}")
