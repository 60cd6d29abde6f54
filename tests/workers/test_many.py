"""Many runs: each once, also while what runs them is killed at random."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections import Counter

import pytest
from workers_site import Process, Seen, Site, enqueue, until

LONG = 3600.0


def states(site: Site) -> Counter[str]:
    rows = site.sql("SELECT status, count(*) FROM dagu_runs WHERE root_id = '' GROUP BY 1").splitlines()
    return Counter({status: int(number) for status, _, number in (row.partition("|") for row in rows)})


def test_each_of_many_runs_runs_once(site: Site, pytestconfig: pytest.Config, seen: Seen) -> None:
    number = pytestconfig.getoption("--many-runs", 1000)
    (site.home / "config.yaml").write_text("queues: {many: 12}\n")
    site.workflow("nothing", 'max_active_runs: 100\nsteps: [{id: a, run: echo "$DAG_RUN_ID" >> "$SITE/ran"}]')
    site.start_server()
    for name in ("w1", "w2"):
        site.start_worker(name, "--max-active-runs", "4")
    ids = enqueue(site, "nothing", number)
    began = time.monotonic()
    until(lambda: states(site)["succeeded"] == number, seconds=LONG, what="all succeed")
    seconds = time.monotonic() - began
    assert Counter(site.file("ran").read_text().split()) == Counter(ids)
    shares = dict(
        row.split("|")
        for row in site.sql("SELECT worker_id, count(*) FROM dagu_runs GROUP BY 1 ORDER BY 1").splitlines()
    )
    assert shares.keys() == {"w1", "w2"}
    assert site.sql("SELECT count(*) FROM dagu_orders") == "0"
    assert site.sql("SELECT count(*) FROM procrastinate_jobs") == "0"
    until(lambda: site.sql("SELECT count(*) FROM dagu_chunks") == "0", what="all output is home")
    assert len(list((site.home / "logs").rglob("a.1.stdout"))) == number
    seen("many", runs=number, seconds=seconds, shares=" and ".join(shares.values()))


WORK = """
max_active_runs: 1000
on_worker_lost: %s
steps:
  - id: a
    run: |
      for beat in $(seq 50); do
        echo "$DAG_RUN_ID $WORKER.$$ $(date +%%s.%%N)" >> "$SITE/beats"
        sleep 0.2
      done
      echo "$DAG_RUN_ID $WORKER.$$" >> "$SITE/ended"
"""


KINDS = {
    "worker": "a worker killed with its processes",
    "main_alone": "its main process alone",
    "freeze": "a worker frozen",
    "kill_server": "the server killed",
    "database": "the database away",
}


class Killer:
    """Kills and restarts, at random."""

    def __init__(self, site: Site, seed: int) -> None:
        self.random = random.Random(seed)
        self.site = site
        self.workers: dict[str, Process] = {
            name: site.start_worker(name, "--max-active-runs", "6") for name in ("w1", "w2", "w3")
        }
        self.server = site.start_server()
        self.did: Counter[str] = Counter()

    def once(self) -> None:
        acts = [self.worker, self.worker, self.main_alone, self.freeze, self.kill_server, self.database]
        act = self.random.choice(acts)
        self.did[act.__name__] += 1
        act()

    def _pause(self, most: float) -> None:
        """Mostly for moments, now and then for so long that leases run out."""
        time.sleep(self.random.uniform(0, most if self.random.random() < 0.3 else min(most, 5)))

    def _restart(self, name: str) -> None:
        self.workers[name] = self.site.start_worker(name, "--max-active-runs", "6")

    def worker(self) -> None:
        name = self.random.choice(sorted(self.workers))
        self.workers[name].kill_all()
        self._pause(40)
        self._restart(name)

    def main_alone(self) -> None:
        name = self.random.choice(sorted(self.workers))
        self.workers[name].kill()
        self._pause(3)
        self._restart(name)

    def freeze(self) -> None:
        process = self.workers[self.random.choice(sorted(self.workers))]
        process.signal(signal.SIGSTOP)
        self._pause(40)
        process.signal(signal.SIGCONT)

    def kill_server(self) -> None:
        self.server.kill_all()
        self._pause(5)
        self.server = self.site.start_server()

    def database(self) -> None:
        self.site.postgres.stop()
        self._pause(15)
        self.site.postgres.start()


def test_no_run_is_lost_or_twice_while_things_are_killed(
    private_site: Site, pytestconfig: pytest.Config, seen: Seen
) -> None:
    site = private_site
    number = pytestconfig.getoption("--kill-runs", 200)
    seed = pytestconfig.getoption("--kill-seed", 0) or random.randrange(1, 10**6)
    print(f"--kill-runs {number} --kill-seed {seed}")
    (site.home / "config.yaml").write_text("queues: {many: 14}\n")
    for on_lost in ("interrupt", "retry"):
        site.workflow(on_lost, WORK % on_lost)
    killer = Killer(site, seed)
    kinds = {}
    for on_lost in ("interrupt", "retry"):
        kinds.update(dict.fromkeys(enqueue(site, on_lost, number // 2), on_lost))
    done = threading.Event()
    while not done.is_set():
        killer.once()
        killer._pause(4)
        if states(site)["queued"] == 0:
            done.set()
    # Nobody is killed any more; what was lost is noticed, and taken up where that is wanted.
    unsettled = (
        "SELECT count(*) FROM dagu_runs LEFT JOIN dagu_orders USING (run_id) WHERE status IN ('queued', 'running')"
        " OR state IN ('waiting', 'taken') OR (state = 'lost' AND on_lost = 'retry' AND NOT again)"
    )
    until(lambda: site.sql(unsettled) == "0", seconds=LONG, what="all settle")
    rows = dict(row.split("|") for row in site.sql("SELECT run_id, status FROM dagu_runs").splitlines())
    assert set(rows) == set(kinds)
    assert set(rows.values()) <= {"succeeded", "interrupted"}
    ended = Counter(line.split()[0] for line in site.file("ended").read_text().splitlines())
    spans: dict[str, dict[str, list[float]]] = {}
    for line in site.file("beats").read_text().splitlines():
        run_id, owner, at = line.split()
        spans.setdefault(run_id, {}).setdefault(owner, []).append(float(at))
    for run_id, status in rows.items():
        owners = sorted((min(times), max(times)) for times in spans.get(run_id, {}).values())
        for (_, last), (first, _) in itertools.pairwise(owners):
            assert last < first, f"run {run_id} had two owners at a time"
        assert len(owners) <= (2 if kinds[run_id] == "retry" else 1), run_id
        if status == "succeeded":
            assert ended[run_id] == 1, run_id
    ends = Counter(rows.values())
    seen(
        "random",
        runs=number,
        did=", ".join(f"{KINDS[kind]} {killer.did[kind]}×" for kind in KINDS),
        succeeded=ends["succeeded"],
        interrupted=ends["interrupted"],
    )
