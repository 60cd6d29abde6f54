"""``dagu start-all`` stopped while runs go on, and started again."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from web_site import Site

STUBBORN = """\
max_clean_up_time_sec: 3600
steps:
  - id: first
    run: echo >> "$DAGU_HOME/count"
  - id: stubborn
    depends: first
    run: |
      trap '' TERM INT
      echo begun
      until [ -e "$DAGU_HOME/gate" ]; do sleep 0.05 || :; done
"""
WILLING = """\
queue: one
steps:
  - run: until [ -e "$DAGU_HOME/willing" ]; do sleep 0.05; done
"""


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def processes(home: Path) -> list[str]:
    """What runs with that home in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"DAGU_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_drains_leaves_nothing_and_takes_up_what_was_interrupted(tmp_path: Path, number: int) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "stubborn.yaml").write_text(STUBBORN)
    (dags / "willing.yaml").write_text(WILLING)
    site = Site(tmp_path, DAGU_STOP_GRACE="3600")
    url = site.url
    stubborn = site.start("stubborn")
    willing, waits = (
        site.client.post("api/v1/runs", json={"workflow": "willing", "enqueue": True}).json()["run_id"]
        for _ in range(2)
    )

    def status(run_id: str) -> str:
        return str(site.client.get(f"api/v1/runs/{run_id}").json()["status"])

    def log() -> str:
        return site.client.get(f"api/v1/runs/{stubborn}/log", params={"step": "stubborn"}).text

    def told(part: str) -> Callable[[], bool]:
        return lambda: any(part in line for line in site.said)

    until(lambda: status(willing) == "running" and "begun" in log())
    assert status(waits) == "queued"

    # One ends within the grace; the other neither then, nor when it is asked to.
    os.kill(site.pid, number)
    until(told("waiting at most 3600 s for 2 runs to end"))
    (tmp_path / "willing").touch()
    until(lambda: len(processes(tmp_path)) > 0 and not any(willing in each for each in processes(tmp_path)))
    os.kill(site.pid, number)
    until(told(" to stop: "))
    os.kill(site.pid, number)
    assert site.ended() == 0, site.said
    assert processes(tmp_path) == []
    with pytest.raises(httpx.TransportError):
        httpx.get(url)

    site = Site(tmp_path)
    until(lambda: status(waits) == "succeeded")
    assert status(willing) == "succeeded"
    until(told(f"run {stubborn} was interrupted and goes on"))
    (tmp_path / "gate").touch()
    until(lambda: status(stubborn) == "succeeded")
    assert (tmp_path / "count").read_text() == "\n"
    site.close()
    assert processes(tmp_path) == []
