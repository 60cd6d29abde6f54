"""How quick it is. Printed, not judged: the machine is shared."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from pathlib import Path

from workers_site import DAGU, Site, enqueue, until

TICKS = """
max_active_runs: 100
steps:
  - id: a
    run: |
      for tick in $(seq 600); do date +%s.%N; sleep 0.1; done
"""


def test_dispatch_beside_a_local_one(site: Site) -> None:
    """How long from queueing to the step: printed, not judged, since the machine is shared."""
    text = "max_active_runs: 100\n%ssteps: [{id: a, run: 'date +%%s.%%N'}]"
    site.workflow("there", text % "")
    site.workflow("here", text % "worker_selector: local\n")
    site.start_server()
    site.start_worker("w1")

    def seconds(workflow: str) -> float:
        found = []
        for _ in range(15):
            at = time.time()
            (run_id,) = enqueue(site, workflow, 1)
            site.until_status(run_id, "succeeded")
            found.append(float(site.dagu("logs", run_id, "a", "--follow")) - at)
        return statistics.median(found)

    here, there = seconds("here"), seconds("there")
    print(f"median from queueing to the step: here {here * 1000:.0f} ms, on a worker {there * 1000:.0f} ms")


def test_following_and_stopping(site: Site) -> None:
    site.start_server()
    site.start_worker("w1")
    site.workflow("ticks", TICKS)
    late, stops = [], []
    for _ in range(5):
        (run_id,) = enqueue(site, "ticks", 1)
        site.until_status(run_id, "running")
        following = subprocess.Popen(
            [DAGU, "logs", run_id, "a", "--follow"],
            env=site.env(site.home),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert following.stdout is not None
        lines = [(float(following.stdout.readline()), time.time()) for _ in range(40)]
        late += [seen - printed for printed, seen in lines[20:]]  # those before were there when it began
        asked_at = time.time()
        site.dagu("stop", run_id)
        last = following.stdout.read().splitlines()[-1]
        stops.append(float(last) - asked_at)
        following.wait()
    print(
        f"a line is followed after {statistics.median(late) * 1000:.0f} ms, at most {max(late) * 1000:.0f} ms"
    )
    print(f"a step is told to stop after {statistics.median(stops):.2f} s, at most {max(stops):.2f} s")


def test_an_idle_worker(site: Site) -> None:
    site.start_server()
    worker = site.start_worker("w1", "--labels", "a,b,c")
    site.workflow("once", "steps: [{id: a, run: echo once}]")
    site.until_status(site.enqueue("once"), "succeeded")
    until(lambda: "0/4" in site.dagu("worker", "list"))
    before, seconds = _cpu(worker.pid), 30
    time.sleep(seconds)
    used = (_cpu(worker.pid) - before) / seconds
    status = Path(f"/proc/{worker.pid}/status").read_text()
    memory = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    print(f"an idle worker has {memory:.0f} MB and takes {used:.1%} of a core")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def _cpu(pid: int) -> float:
    """Seconds of a processor that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
