"""Runs in containers go where an engine answers."""

from __future__ import annotations

import json
from pathlib import Path

from workers_site import Seen, Site, until

DOCKER = Path("/var/run/docker.sock")


def test_a_worker_without_engine_takes_no_runs_in_containers(site: Site, seen: Seen) -> None:
    site.start_server()
    socket = site.file("engine.sock")
    worker = site.start_worker("w1", DAGU_CONTAINER_RUNTIME="docker", DOCKER_HOST=f"unix://{socket}")
    until(lambda: "takes no runs in containers" in worker.text(), what="it is told")
    (found,) = until(lambda: [w for w in json.loads(site.dagu("worker", "list", "--json")) if w["health"]])
    assert (found["name"], found["state"]) == ("w1", "ready")
    assert socket.name in found["health"]
    assert f"w1: {found['health']}" in site.dagu("worker", "list")

    site.workflow("host", "steps: [{id: a, run: echo here}]")
    site.workflow("boxed", "container: {image: alpine:3.20}\nsteps: [{id: a, run: echo there}]")
    boxed = site.command("enqueue", "boxed")
    run_id = boxed.stdout.strip()
    assert "it needs a container engine, and that of no worker answers (w1: " in boxed.stderr
    until(lambda: "that of no worker answers" in site.run(run_id).get("error", ""))
    site.until_status(site.enqueue("host"), "succeeded")
    assert site.run(run_id)["status"] == "queued"

    socket.symlink_to(DOCKER)  # the engine was started; within half a minute that is noticed
    assert site.until_status(run_id, "succeeded", "failed")["status"] == "succeeded"
    assert site.dagu("logs", run_id, "a", "--follow") == "there\n"

    # Gone again, the run that meets it fails, and the next one waits.
    socket.unlink()
    failed = site.enqueue("boxed")
    site.until_status(failed, "failed")
    waiting = site.enqueue("boxed")
    until(lambda: "that of no worker answers" in site.run(waiting).get("error", ""))
    assert site.run(waiting)["status"] == "queued"
    seen("engine-away")
