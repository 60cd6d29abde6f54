"""What ``dagu start-all`` costs while nothing happens: ``python -m benchmarks.idle [--minutes N] [--runs N]``.

A home of its own with ten workflows on schedules and a history of runs; each page is asked for once, so that everything
is loaded. Then the memory and the processor time of the whole process tree are read from /proc.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from dagu.history.records import RunRecord, Status, StepRecord
from dagu.history.store import History

PAGES = (
    "",
    "runs",
    "usage",
    "system",
    "workflows/w0",
    "runs/r0",
    "api/v1/workflows",
    "api/v1/runs?limit=2000",
)
WORKFLOW = "schedule: '0 3 1 1 *'\nsteps:\n  - {id: a, run: echo a}\n  - {id: b, run: echo b}\n"


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=2000, help="in history")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), options.runs)
        with served(Path(folder)) as (pid, url):
            for page in PAGES:
                ask(url + page)
            listed = statistics.median(ask(f"{url}api/v1/runs?limit={options.runs}") for _ in range(30))
            time.sleep(15)  # what the requests left to do
            before, began = seconds(pid), time.monotonic()
            time.sleep(options.minutes * 60)
            spent = (seconds(pid) - before) / (time.monotonic() - began)
            print(f"memory: {sum(map(resident, tree(pid))) / 1e6:.0f} MB in {len(tree(pid))} process(es)")
            print(f"processor: {spent:.2%} of a core over {options.minutes:g} minutes")
            print(f"a list of {options.runs} runs: {listed * 1000:.0f} ms, the median of 30")


def fill(home: Path, runs: int) -> None:
    """Workflows, and runs of them."""
    (home / "dags").mkdir()
    for number in range(10):
        (home / "dags" / f"w{number}.yaml").write_text(WORKFLOW)
    with History(home) as history, history.transaction():
        for number in range(runs):
            run_id, at, done = f"r{number}", time.time() - 60.0 * number, Status.SUCCEEDED
            steps = tuple(
                StepRecord(run_id=run_id, name=name, index=index, status=done, started_at=at, finished_at=at)
                for index, name in enumerate("ab")
            )
            history.add_run(
                RunRecord(
                    run_id=run_id,
                    workflow=f"w{number % 10}",
                    status=done,
                    started_at=at,
                    finished_at=at + 1,
                    source=WORKFLOW,
                    labels={"team": "a"},
                    steps=steps,
                )
            )


@contextmanager
def served(home: Path) -> Iterator[tuple[int, str]]:
    """The process of ``start-all`` and its address."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
    environ = {**known, "DAGU_HOME": str(home), "DAGU_PORT": "0"}
    command = [sys.executable, "-m", "dagu", "start-all"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"serving on (\S+)", line):
                yield process.pid, found[1]
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()


def ask(url: str) -> float:
    """Seconds that an answer takes."""
    began = time.perf_counter()
    with urlopen(url, timeout=60) as answer:
        answer.read()
    return time.perf_counter() - began


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += tree(int(child))
    return found


def resident(pid: int) -> int:
    """Bytes of memory; what processes share counts for each."""
    told = re.search(r"^Rss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(told[1]) * 1024 if told else 0


def seconds(pid: int) -> float:
    """Processor time that a tree has taken, in seconds; what ended is counted with its parent."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
