"""A long history: its newest page beside one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.case import Case, Race
from benchmarks.setting import Setting, Spent

_STEPS = 20


@contextmanager
def _listing(setting: Setting) -> Iterator[Race]:
    home = setting.scratch / "home"
    runs = setting.size(10_000, 50)
    _run("fill", home, runs)
    yield Race(
        ours=lambda: setting.dagu("history", "--limit", "100"),
        rival=lambda: setting.dagu("status", "--run-id", _name(runs // 2), "flow"),
    )


@contextmanager
def _asking(setting: Setting) -> Iterator[Race]:
    home = setting.scratch / "home"
    runs = setting.size(10_000, 50)
    _run("fill", home, runs)
    yield Race(
        ours=lambda: Spent(_run("list", home, runs)),
        rival=lambda: Spent(_run("one", home, runs)),
        remark=f"without a process around it; the one run has {_STEPS} steps",
    )


def _run(what: str, home: Path, runs: int) -> float:
    """Do something with a history in a process of its own, and return the seconds that it says."""
    import subprocess

    argv = [sys.executable, "-m", "benchmarks.records", what, str(home), str(runs)]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def _name(number: int) -> str:
    return f"run-{number:06}"


def main() -> None:
    """Be that process."""
    from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord
    from dagu.history.store import History

    what, home, runs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

    def run(number: int) -> RunRecord:
        at = 1_900_000_000.0 + number
        good = Status.SUCCEEDED
        name = _name(number)

        def step(index: int) -> StepRecord:
            tried = AttemptRecord(
                run_id=name, step=f"s{index}", number=1, status=good, started_at=at, finished_at=at
            )
            return StepRecord(
                run_id=name,
                name=f"s{index}",
                index=index,
                status=good,
                started_at=at,
                finished_at=at,
                attempts=(tried,),
            )

        return RunRecord(
            run_id=name,
            workflow="flow",
            status=good,
            started_at=at,
            finished_at=at + 1,
            steps=tuple(step(index) for index in range(_STEPS)),
        )

    with History(home) as history:
        started = time.perf_counter()
        if what == "fill":
            with history.transaction():
                for number in range(runs):
                    history.add_run(run(number))
        else:
            times = 200
            for _ in range(times):
                if what == "list":
                    history.runs(limit=100)
                else:
                    history.run(_name(runs // 2))
            started += (time.perf_counter() - started) * (1 - 1 / times)
        print(time.perf_counter() - started)


CASES = (
    Case(
        name="history",
        title="`dagu history`: the newest 100 of 10,000 runs",
        rival="`dagu status` of one run",
        target=3.0,
        open=_listing,
    ),
    Case(
        name="history-query",
        title="The same, asked of the history itself",
        rival="reading one run with its 20 steps",
        target=3.0,
        open=_asking,
    ),
)

if __name__ == "__main__":
    main()
