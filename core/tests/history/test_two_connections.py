"""Several connections of one process, beside other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dagu.contracts.records import RunRecord, Status
from dagu.history.store import History

OTHER = """
import sys
from pathlib import Path
from dagu.history.store import History
from dagu.contracts.records import RunRecord, Status
with History(Path(sys.argv[1])) as history:
    history.add_run(RunRecord(run_id=sys.argv[2], workflow="w", status=Status.SUCCEEDED, started_at=1.0))
"""


def other(home: Path, run_id: str) -> None:
    subprocess.run([sys.executable, "-c", OTHER, home, run_id], check=True, timeout=60)


def test_one_that_comes_and_goes_takes_nothing_from_another(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        history.add_run(RunRecord(run_id="mine", workflow="w", status=Status.SUCCEEDED, started_at=1.0))
        with History(tmp_path) as second:
            assert second.status("mine") is Status.SUCCEEDED
        # The last connection of all removes the log; were the first one not seen, it would go on with a removed one.
        found = {"mine"}
        for run_id in ("one", "two", "three"):
            other(tmp_path, run_id)
            found.add(run_id)
            assert {run.run_id for run in history.runs()} == found
