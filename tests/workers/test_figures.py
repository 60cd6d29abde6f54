"""How quick it is: noted, not judged, since the machine may be shared."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from pathlib import Path

from workers_site import DAGU, Seen, Site, enqueue, until

TICKS = """
max_active_runs: 100
steps:
  - id: a
    run: |
      for tick in $(seq 600); do date +%s.%N; sleep 0.1; done
"""


# When a run was queued, and when a worker had it, by the database's clock.
TAKEN = """
CREATE TABLE took (run_id text, seconds float8);
CREATE FUNCTION note_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO took SELECT NEW.run_id, extract(epoch FROM clock_timestamp()) - started_at
        FROM dagu_runs WHERE run_id = NEW.run_id;
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_taken AFTER UPDATE ON dagu_orders FOR EACH ROW
    WHEN (OLD.state = 'waiting' AND NEW.state = 'taken') EXECUTE FUNCTION note_taken();
"""
RUNS = 25


def test_dispatch_beside_a_local_one(site: Site, seen: Seen) -> None:
    text = "max_active_runs: 100\n%ssteps: [{id: a, run: 'date +%%s.%%N'}]"
    alone = Site(site.postgres, site.database, site.directory / "alone", migrated=False)
    alone.url = ""
    for each in (site, alone):
        each.workflow("there", text % "")
        each.workflow("here", text % "worker_selector: local\n")
        site.processes.append(each.start_server())
    site.start_worker("w1")
    site.sql(TAKEN)
    firsts: dict[str, list[float]] = {"worker": [], "server": [], "local": []}
    for _ in range(RUNS):  # by turns, so that whatever else the machine does befalls all
        for kind, where, workflow in (
            ("worker", site, "there"),
            ("server", site, "here"),
            ("local", alone, "here"),
        ):
            at = time.time()
            (run_id,) = enqueue(where, workflow, 1)
            where.until_status(run_id, "succeeded")
            firsts[kind].append(float(where.dagu("logs", run_id, "a", "--follow")) - at)
    taken = [float(seconds) for seconds in site.sql("SELECT seconds FROM took").splitlines()]
    assert len(taken) == RUNS
    medians = {kind: statistics.median(seconds) * 1000 for kind, seconds in firsts.items()}
    seen("dispatch", runs=RUNS, taken=statistics.median(taken) * 1000, **medians)


def test_following_and_stopping(site: Site, seen: Seen) -> None:
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
    seen("follow", median=statistics.median(late) * 1000, most=max(late) * 1000)
    seen("stop", median=statistics.median(stops), most=max(stops))


def taken_up(site: Site, command: str, run_id: str) -> float:
    """Seconds from the command until the first one of the run's second attempt."""
    at = time.time()
    site.dagu(command, run_id)
    until(
        lambda: (
            site.run(run_id)["attempt"] == 2 and site.command("logs", run_id, "a", "--attempt", "2").stdout
        )
    )
    return float(site.dagu("logs", run_id, "a", "--attempt", "2")) - at


def test_taking_up_again(site: Site, seen: Seen) -> None:
    site.start_server()
    worker = site.start_worker("w1")
    site.workflow("fails", "steps: [{id: a, run: 'date +%s.%N; exit 1'}]")
    site.workflow(
        "hangs",
        """
steps:
  - id: a
    run: date +%s.%N; [ -e "$SITE/$DAG_RUN_ID" ] || { touch "$SITE/$DAG_RUN_ID"; sleep 600; }
""",
    )
    retry, resume = [], []
    for _ in range(5):
        failed, cut = site.enqueue("fails"), site.enqueue("hangs")
        site.until_status(failed, "failed")
        until(site.file(cut).exists)
        worker.kill_all()
        worker = site.start_worker("w1")
        retry.append(taken_up(site, "retry", failed))
        resume.append(taken_up(site, "resume", cut))
        site.until_status(cut, "succeeded")
    seen("again", retry=statistics.median(retry), resume=statistics.median(resume))


def test_an_idle_worker(site: Site, seen: Seen) -> None:
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
    seen("idle", megabytes=memory, core=used)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def _cpu(pid: int) -> float:
    """Seconds of a processor that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
