"""Whoever is killed or cut off: a run has one owner at a time, and none is lost. With the timings of production."""

from __future__ import annotations

import signal
import time

import pytest
from workers_net import Net
from workers_site import Process, Seen, Site, until

from dagu_postgres_queue import timing

# Each beat says who runs; the one who runs it next is not to begin before the last beat of the one before.
BEATS = """
%s
steps:
  - id: beat
    run: |
      touch "$SITE/began.$DAG_RUN_ID.$WORKER"
      while [ ! -e "$SITE/gate" ]; do
        echo "$WORKER $(date +%%s.%%N)" >> "$SITE/beats"
        sleep 0.1
      done
      echo done
"""


def beats(site: Site) -> dict[str, list[float]]:
    """When each worker ran the run, in seconds since the epoch."""
    found: dict[str, list[float]] = {}
    for line in site.file("beats").read_text().splitlines():
        worker, _, at = line.partition(" ")
        found.setdefault(worker, []).append(float(at))
    return found


def begin(site: Site, *, worker: str, on_lost: str = "interrupt", **options: str) -> tuple[str, Process]:
    site.workflow("beats", BEATS % f"on_worker_lost: {on_lost}")
    process = site.start_worker(worker, **options)
    run_id = site.enqueue("beats")
    until(site.file(f"began.{run_id}.{worker}").exists, what="it begins")
    return run_id, process


def quiet(site: Site) -> bool:
    """Whether nothing beats any more."""
    before = site.file("beats").stat().st_size
    time.sleep(0.5)
    return site.file("beats").stat().st_size == before


@pytest.mark.parametrize("alone", [True, False], ids=["main process alone", "with all its processes"])
def test_a_worker_is_killed(site: Site, alone: bool, seen: Seen) -> None:
    site.start_server()
    run_id, worker = begin(site, worker="w1")
    until(lambda: "running" in str(site.run(run_id)["steps"]), what="its record comes home")
    killed_at = time.time()
    worker.kill() if alone else worker.kill_all()
    until(lambda: quiet(site), what="what it ran ends")
    run = site.until_status(run_id, "interrupted")
    noticed = time.time() - killed_at
    assert "worker w1 was lost" in run["error"]
    assert run["steps"][0]["status"] == "interrupted"
    # Nobody knows that it does not run there.
    refused = site.command("retry", run_id)
    assert refused.returncode == 1
    assert "may still be running" in refused.stderr
    assert "dagu worker forget w1" in refused.stderr
    assert "lost" in site.dagu("worker", "list")
    assert run_id in site.dagu("worker", "forget", "w1")
    site.file("gate").touch()
    site.start_worker("w2")
    site.dagu("retry", run_id)
    assert site.until_status(run_id, "succeeded")["workerId"] == "w2"
    seen("killed-alone" if alone else "killed-all", noticed=noticed)


def test_a_worker_that_comes_back_answers_for_what_it_had(site: Site, seen: Seen) -> None:
    site.start_server()
    run_id, worker = begin(site, worker="w1")
    worker.kill_all()
    site.start_worker("w1")  # at once: nobody waits for the lease to run out
    run = site.run(run_id)
    assert (run["status"], "was lost" in run["error"]) == ("interrupted", True)
    site.file("gate").touch()
    site.dagu("resume", run_id)
    assert site.until_status(run_id, "succeeded")["workerId"] == "w1"
    seen("came-back")


def test_a_run_of_a_lost_worker_goes_to_another_one_once(site: Site, seen: Seen) -> None:
    site.start_server()
    run_id, first = begin(site, worker="w1", on_lost="retry")
    second = site.start_worker("w2")
    first.kill_all()
    until(site.file(f"began.{run_id}.w2").exists, what="it goes to the other one")
    assert site.until_status(run_id, "running")["workerId"] == "w2"
    found = beats(site)
    gap = found["w2"][0] - found["w1"][-1]
    assert gap > 0
    second.kill_all()
    site.until_status(run_id, "interrupted")
    site.start_worker("w3")
    time.sleep(timing.REDISPATCH - timing.LOST + 10)
    assert site.run(run_id)["status"] == "interrupted"
    assert not site.file(f"began.{run_id}.w3").exists()
    seen("killed-retry", gap=gap)


def test_the_server_is_killed(site: Site, seen: Seen) -> None:
    server = site.start_server()
    run_id, _ = begin(site, worker="w1")
    server.kill_all()
    site.file("gate").touch()
    site.until_status(run_id, "succeeded")  # history needs no server, output does
    site.start_server()
    assert site.dagu("logs", run_id, "beat", "--follow") == "done\n"
    seen("server-killed")


@pytest.mark.parametrize(
    ("ends", "on_lost"),
    [(False, "interrupt"), (True, "retry")],
    ids=["while a run goes on", "while a run ends"],
)
def test_the_database_is_down_for_50_seconds(
    private_site: Site, ends: bool, on_lost: str, seen: Seen
) -> None:
    site = private_site
    site.start_server()
    run_id, _ = begin(site, worker="w1", on_lost=on_lost)
    site.start_worker("w2")
    time.sleep(timing.RENEW)
    site.postgres.stop()
    if ends:
        site.file("gate").touch()
    time.sleep(50)
    site.postgres.start()
    time.sleep(timing.LOST * 2)  # long enough for a reaper that would judge by what it did not see
    site.file("gate").touch()
    run = site.until_status(run_id, "succeeded")
    assert (run["attempt"], run["workerId"]) == (1, "w1")
    assert set(beats(site)) == {"w1"}
    assert site.dagu("logs", run_id, "beat", "--follow") == "done\n"
    assert site.sql("SELECT count(*) FROM dagu_orders") == "0"
    seen("database-down-ends" if ends else "database-down")


def test_a_worker_that_is_cut_off_stops_before_another_begins(open_site: Site, net: Net, seen: Seen) -> None:
    site = open_site
    site.start_server()
    url = site.postgres.url("runs", host=net.host)
    run_id, cut = begin(site, worker="w1", on_lost="retry", prefix=net.prefix, url=url)  # type: ignore[arg-type]
    site.start_worker("w2")
    net.cut()
    cut_at = time.time()
    assert "lost" in site.until_status(run_id, "interrupted")["error"]
    noticed = time.time() - cut_at
    until(site.file(f"began.{run_id}.w2").exists, what="it goes to the other one")
    net.mend()
    time.sleep(timing.LOST)
    found = beats(site)
    stopped, began = found["w1"][-1] - cut_at, found["w2"][0] - cut_at
    assert stopped < began
    assert cut.alive
    site.file("gate").touch()
    run = site.until_status(run_id, "succeeded")
    assert (run["workerId"], run["attempt"]) == ("w2", 2)
    # What the old owner still had to say changed nothing, and it serves again.
    until(lambda: site.dagu("worker", "list").count("ready") == 2, what="w1 is back")
    seen("cut-retry", noticed=noticed, stopped=stopped, began=began)


def test_a_run_outlives_a_cut_that_nobody_would_take_it_up_after(
    open_site: Site, net: Net, seen: Seen
) -> None:
    site = open_site
    site.start_server()
    url = site.postgres.url("runs", host=net.host)
    run_id, _ = begin(site, worker="w1", prefix=net.prefix, url=url)  # type: ignore[arg-type]
    net.cut()
    site.until_status(run_id, "interrupted")
    net.mend()
    # Its worker finds that it has no right to it any more, and says so when it has ended it.
    until(lambda: site.sql("SELECT count(*) FROM dagu_orders") == "0", what="it is given up")
    assert quiet(site)
    site.file("gate").touch()
    site.dagu("retry", run_id)
    assert site.until_status(run_id, "succeeded")["attempt"] == 2
    seen("cut-interrupt")


def test_a_run_that_is_longer_than_every_timeout(site: Site, seen: Seen) -> None:
    site.start_server()
    run_id, _ = begin(site, worker="w1", on_lost="retry")
    site.start_worker("w2")
    time.sleep(timing.REDISPATCH + timing.LOST)
    site.file("gate").touch()
    assert site.until_status(run_id, "succeeded")["attempt"] == 1
    found = beats(site)
    assert set(found) == {"w1"}
    seen("long", seconds=found["w1"][-1] - found["w1"][0])


def test_a_frozen_worker_writes_nothing_when_it_thaws(site: Site, seen: Seen) -> None:
    site.start_server()
    run_id, worker = begin(site, worker="w1")
    worker.signal(signal.SIGSTOP)
    site.until_status(run_id, "interrupted")
    site.file("gate").touch()  # its run ends well, under a worker that does not know that it was given up
    time.sleep(2)
    worker.signal(signal.SIGCONT)
    until(lambda: site.sql("SELECT count(*) FROM dagu_orders") == "0", what="it is given up")
    assert site.run(run_id)["status"] == "interrupted"
    seen("frozen")
