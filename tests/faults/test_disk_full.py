"""The disk that DAGU_HOME is on runs full while output is logged."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_dagu import GUARD, Dagu
from e2e_engines import EngineUnderTest
from fault_results import Results
from faults_left import left

from dagu.history.records import Status
from dagu.history.store import History

FILL = "yes 0123456789 | head -c 4000000; sleep 600"
PLACES = {
    "host": f"steps:\n  - {{id: work, run: {FILL}}}\n",
    "own": f'steps:\n  - {{id: work, container: {{image: "alpine:3.20"}}, run: {FILL}}}\n',
    "shared": f'container: {{image: "alpine:3.20"}}\nsteps:\n  - {{id: work, run: {FILL}}}\n',
}
SIZE, MORE = "1m", "64m"


def mount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A home with little room."""
    home = tmp_path / "home"
    home.mkdir()
    mount(home, f"size={SIZE}")
    yield home
    subprocess.run(["umount", str(home)], check=True)


@pytest.mark.parametrize("place", PLACES)
def test_the_run_ends_and_says_why(
    small: Path, dagu: Dagu, place: str, engine: EngineUnderTest, results: Results
) -> None:
    assert dagu.home == small
    running = dagu.begin_run(PLACES[place])
    _, told = running.process.communicate(timeout=GUARD)
    assert running.process.returncode == 1
    assert "Traceback" not in told
    assert "disk is full" in told or "No space left" in told
    assert "hint: free some space" in told or "hint: make room" in told
    assert left(dagu, running) == []

    mount(small, f"remount,size={MORE}")
    with History(small) as history:
        run = history.run(running.run_id)
    (folder,) = (small / "logs").glob(f"*/{running.run_id}")
    logged = (folder / "work.1.stdout").read_bytes()
    assert len(logged) > 100_000
    assert (b"0123456789\n" * (len(logged) // 11 + 1)).startswith(logged)
    # The end could not be recorded where there was no room for it, either; then the runner counts as lost.
    assert run.status in (Status.FAILED, Status.INTERRUPTED)
    dagu.start(PLACES[place].replace(FILL, "'true'")).succeeded()
    results.fault("disk full while logging", place, engine.name, run)
