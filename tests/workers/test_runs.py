"""Runs on workers, when nothing fails."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path

from workers_postgres import free_port
from workers_site import DAGU, GATED, HANG, Process, Seen, Site, began, until


def test_labels_choose_the_worker(site: Site, seen: Seen) -> None:
    site.start_server()
    site.start_worker("plain")
    site.start_worker("gpu", "--labels", "gpu,region=eu,disk=fast")
    text = "worker_selector: %s\nsteps: [{id: a, run: 'echo ${WORKER:-server}'}]"
    site.workflow("both", text % "{gpu: '', region: eu}")
    site.workflow("here", text % "local")
    site.workflow("never", text % "{gpu: '', region: us}")
    both = [site.enqueue("both") for _ in range(3)]
    here, never = site.enqueue("here"), site.command("enqueue", "never")
    for run_id in both:
        assert site.until_status(run_id, "succeeded")["workerId"] == "gpu"
    assert "workerId" not in site.until_status(here, "succeeded")
    assert site.dagu("logs", here, "a") == "server\n"
    assert "no worker has the labels gpu, region=us (gpu has" in never.stderr
    run_id = never.stdout.strip()
    until(lambda: "no worker has the labels" in site.run(run_id).get("error", ""))
    assert site.run(run_id)["status"] == "queued"
    site.start_worker("us", "--labels", "gpu,region=us")
    assert site.until_status(run_id, "succeeded")["workerId"] == "us"
    seen("labels")


def test_the_most_urgent_run_is_first(site: Site, seen: Seen) -> None:
    site.start_server(DAGU_MAX_ACTIVE_RUNS="50")
    site.workflow("gated", "max_active_runs: 10\n" + GATED)
    site.file("gate").touch()
    ids = [site.enqueue("gated", "--priority", priority) for priority in ("0", "9", "-5", "5")]
    # All are in the workers' queue before there is a worker.
    until(lambda: site.sql("SELECT count(*) FROM procrastinate_jobs") == "4")
    site.start_worker("w1", "--max-active-runs", "1")
    for run_id in ids:
        site.until_status(run_id, "succeeded")
    low, highest, lowest, high = ids
    assert site.file("order").read_text().split() == [highest, high, low, lowest]
    seen("priority")


def test_the_limit_of_a_queue_holds_over_all_workers(site: Site, seen: Seen) -> None:
    (site.home / "config.yaml").write_text("queues: {tight: 2}\n")
    site.start_server()
    for name in ("w1", "w2"):
        site.start_worker(name, "--max-active-runs", "10")
    site.workflow(
        "counted",
        """
max_active_runs: 50
steps:
  - id: a
    run: |
      echo + >> "$SITE/count"
      while [ ! -e "$SITE/gate" ]; do sleep 0.05; done
      sleep 0.3
      echo - >> "$SITE/count"
""",
    )
    ids = [site.enqueue("counted", "--queue", "tight") for _ in range(8)]
    count = site.file("count")
    until(lambda: count.exists() and count.read_text().split() == ["+", "+"], what="two begin")
    time.sleep(3)  # a third one would have begun by now
    assert count.read_text().split() == ["+", "+"]
    site.file("gate").touch()
    for run_id in ids:
        site.until_status(run_id, "succeeded")
    now = most = 0
    for sign in count.read_text().split():
        now += 1 if sign == "+" else -1
        most = max(most, now)
    assert (now, most) == (0, 2)
    seen("limit")


def test_stopping(site: Site) -> None:
    site.start_server()
    site.workflow("gated", "max_active_runs: 10\n" + GATED)
    site.start_worker("w1", "--max-active-runs", "1")
    running = site.enqueue("gated")
    began(site, running)
    waiting = site.enqueue("gated")
    until(lambda: site.sql("SELECT count(*) FROM procrastinate_jobs") == "1")
    assert "ended: aborted" in site.command("stop", waiting).stderr
    assert "ended: aborted" in site.command("stop", running).stderr
    assert site.file(f"aborted.{running}").exists()
    assert not site.file(f"began.{waiting}").exists()
    assert site.sql("SELECT count(*) FROM dagu_orders") == "0"


def test_retry_goes_to_a_worker_and_keeps_what_was_done(site: Site) -> None:
    site.start_server()
    first = site.start_worker("w1")
    site.workflow(
        "flaky",
        """
steps:
  - id: once
    run: echo once >> "$SITE/once"; echo made
    output: MADE
  - id: twice
    run: echo "got $MADE on $WORKER"; test -e "$SITE/mended"
    depends: once
""",
    )
    run_id = site.enqueue("flaky")
    site.until_status(run_id, "failed")
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    site.start_worker("w2")
    site.file("mended").touch()
    assert "goes to a worker" in site.command("retry", run_id).stderr
    run = site.until_status(run_id, "succeeded")
    assert (run["attempt"], run["workerId"]) == (2, "w2")
    assert site.file("once").read_text() == "once\n"
    assert site.dagu("logs", run_id, "twice", "--follow", "--attempt", "2") == "got made on w2\n"
    assert site.dagu("logs", run_id, "once") == "made\n"
    log = next((site.home / "logs").rglob("run.log")).read_text()
    assert "\0" not in log


def test_a_run_goes_by_its_text_as_it_was(site: Site) -> None:
    site.start_server()
    site.workflow("text", "steps: [{id: a, run: echo old}]")
    run_id = site.enqueue("text")
    site.workflow("text", "steps: [{id: a, run: echo new}]")
    site.start_worker("w1")
    site.until_status(run_id, "succeeded")
    assert site.dagu("logs", run_id, "a", "--follow") == "old\n"


def test_draining_lets_runs_end(site: Site, seen: Seen) -> None:
    site.start_server()
    worker = site.start_worker("w1")
    site.workflow("gated", "max_active_runs: 10\n" + GATED)
    run_id = site.enqueue("gated")
    began(site, run_id)
    worker.signal(signal.SIGTERM)
    until(lambda: "draining" in site.dagu("worker", "list"), what="it drains")
    later = site.enqueue("gated")
    time.sleep(3)
    assert not site.file(f"began.{later}").exists()
    site.file("gate").touch()
    assert worker.wait() == 0
    assert site.run(run_id)["status"] == "succeeded"
    assert "w1" not in site.dagu("worker", "list")
    site.start_worker("w2")
    assert site.until_status(later, "succeeded")["workerId"] == "w2"
    seen("drain")


def test_draining_hands_back_what_takes_too_long(site: Site, seen: Seen) -> None:
    site.start_server()
    worker = site.start_worker("w1", "--drain", "0")
    site.workflow("again", "on_worker_lost: retry\n" + GATED)
    run_id = site.enqueue("again")
    began(site, run_id)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    site.file("gate").touch()
    site.start_worker("w2")
    run = site.until_status(run_id, "succeeded")
    assert (run["workerId"], run["attempt"]) == ("w2", 2)
    seen("hand-back")


def test_names_are_unique(site: Site) -> None:
    site.start_worker("w1")
    again = site.command("worker", "--name", "w1", DAGU_HOME=str(site.directory / "w1"))
    assert (again.returncode, "runs on this machine already" in again.stderr) == (1, True)
    again = site.command("worker", "--name", "w1", DAGU_HOME=str(site.directory / "elsewhere"))
    assert (again.returncode, "already" in again.stderr) == (1, True)


def test_the_database_is_checked(site: Site, tmp_path: Path) -> None:
    out = site.dagu("db", "check")
    assert "tables: version 2" in out
    assert "notifications: arrive" in out
    wrong = site.command("db", "check", DAGU_DATABASE_URL="postgresql://dagu@127.0.0.1:1/none")
    assert wrong.returncode == 75  # the same may do later
    assert "check DAGU_DATABASE_URL and the server" in wrong.stderr
    assert "Traceback" not in site.command("history", DAGU_DEBUG="", DAGU_DATABASE_URL="mysql://x/y").stderr


def test_the_page_shows_workers_and_reaches_their_runs(site: Site) -> None:
    port = free_port()
    server = Process(
        "server",
        [str(DAGU), "start-all", "--port", str(port)],
        site.env(site.home),
        site.directory / "server.log",
    )
    site.processes.append(server)
    until(lambda: "scheduler started" in server.text(), what="the server starts")
    site.start_worker("w1", "--labels", "gpu")
    base = f"http://127.0.0.1:{port}"

    def get(path: str) -> str:
        with urllib.request.urlopen(base + path, timeout=HANG) as answer:
            return str(answer.read().decode())

    until(lambda: "listening" in server.text() or "http://" in server.text(), what="the page is served")
    (worker,) = json.loads(get("/api/v1/workers"))
    assert (worker["name"], worker["state"], worker["labels"]) == ("w1", "ready", ["gpu"])
    assert "<b>w1</b>" in get("/system")
    site.workflow("gated", GATED)
    request = urllib.request.Request(
        f"{base}/api/v1/runs", b'{"workflow": "gated"}', {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=HANG) as answer:
        run_id = json.loads(answer.read())["run_id"]
    began(site, run_id)
    stopped = urllib.request.Request(f"{base}/api/v1/runs/{run_id}/stop", b"", method="POST")
    with urllib.request.urlopen(stopped, timeout=HANG):
        pass
    site.until_status(run_id, "aborted")
