"""Workers with engines of their own: a run in containers has one owner at a time, and leaves nothing on the engine."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import faults_engines
import pytest
from workers_engines import PLACES, Engines, beating, beats, up
from workers_net import Net
from workers_site import Seen, Site, until

from dagu_postgres_queue import timing

ENGINES = ("docker", "podman")
# As in a container of its own, from where nothing can be known of the processes of one before it.
APART = ("unshare", "--pid", "--fork", "--mount-proc")
OTHER = {"docker": "podman", "podman": "docker"}

OWN = """
worker_selector: {%s: ""}
artifacts: {enabled: true}
steps:
  - id: own
    container: {image: alpine:3.20, pull_policy: never}
    run: |
      ls -a / /run
      echo trouble >&2
      echo number=42 >> "$DAGU_OUTPUT_FILE"
      env | grep DAGU_DATABASE || true
    outputs: [{name: number}]
  - id: host
    run: echo ${steps.own.outputs.number} > "$DAG_RUN_ARTIFACTS_DIR/made.txt"
    depends: own
"""
SHARED = """
worker_selector: {%s: ""}
container: {image: alpine:3.20, pull_policy: never}
steps:
  - id: shared
    run: ls -a / /run
    output: SEEN
"""
MARK = {"docker": ".dockerenv", "podman": ".containerenv"}


@pytest.fixture(scope="module")
def private() -> Iterator[faults_engines.Private]:
    """Engines on which nobody else's runs clear up what is to be looked at."""
    found = faults_engines.Private(f"workers-{os.getpid()}")
    yield found
    found.down()


@pytest.fixture
def engines(private: faults_engines.Private, site: Site) -> Iterator[Engines]:
    found = Engines({name: private.engine(name) for name in ENGINES})
    yield found
    found.close()


def test_runs_are_in_the_engine_of_their_worker(site: Site, engines: Engines) -> None:
    site.start_server()
    for engine in ENGINES:
        engines.worker(site, f"{engine}-1", engine)
    listed = {worker["name"]: worker for worker in json.loads(site.dagu("worker", "list", "--json"))}
    assert {name: worker["runtime"] for name, worker in listed.items()} == {
        "docker-1": "docker",
        "podman-1": "podman",
    }
    ids = {
        (engine, place): site.enqueue(site.workflow(f"{place}-{engine}", text % engine))
        for engine in ENGINES
        for place, text in (("own", OWN), ("shared", SHARED))
    }
    for (engine, place), run_id in ids.items():
        run = site.until_status(run_id, "succeeded", "failed")
        assert run["status"] == "succeeded", run
        assert run["workerId"] == f"{engine}-1"
        step = run["steps"][0]
        assert step["attempts"][0]["place"] == {"own": "container", "shared": "shared container"}[place]
        seen = site.dagu("logs", run_id, place, "--follow")
        assert [name for name in ENGINES if MARK[name] in seen] == [engine]
        assert "DAGU_DATABASE" not in seen
        if place == "shared":
            assert MARK[engine] in str(step["outputs"])
        else:
            assert step["outputs"]["outputs"] == {"number": "42"}
            assert site.dagu("logs", run_id, place, "--stderr") == "trouble\n"
            (made,) = (site.home / "artifacts").rglob(f"*{run_id}/made.txt")
            assert made.read_text() == "42\n"
        assert not engines.left(engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_stopping_ends_containers(engine: str, site: Site, engines: Engines, seen: Seen) -> None:
    site.start_server()
    engines.worker(site, "w1", engine)
    after = {}
    for place in PLACES:
        run_id = beating(site, place)
        asked_at = up()
        site.dagu("stop", run_id)
        (told,) = beats(site, run_id, "told")["w1"]
        after[place] = told - asked_at
        assert site.run(run_id)["status"] == "aborted"
        assert not engines.left(engine)
    seen(f"containers-stopped-{engine}", **after)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_draining_worker_leaves_no_container(engine: str, site: Site, engines: Engines, seen: Seen) -> None:
    site.start_server()
    worker = engines.worker(site, "w1", engine, "--drain", "0")
    ids = {place: beating(site, place, on_lost="retry") for place in PLACES}
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert not engines.left(engine)
    site.file("gate").touch()
    engines.worker(site, "w2", engine)
    for run_id in ids.values():
        run = site.until_status(run_id, "succeeded")
        assert (run["workerId"], run["attempt"]) == ("w2", 2)
    seen(f"containers-drained-{engine}")


@pytest.mark.parametrize(
    ("engine", "prefix"), [("docker", ()), ("podman", ()), ("docker", APART)], ids=[*ENGINES, "apart"]
)
def test_a_killed_worker_ends_its_containers_when_it_is_back(
    engine: str, prefix: tuple[str, ...], site: Site, engines: Engines, seen: Seen
) -> None:
    site.start_server()
    worker = engines.worker(site, "w1", engine, prefix=prefix)
    ids = {place: beating(site, place) for place in PLACES}
    killed_at = up()
    worker.kill_all()
    until(lambda: not engines.containers(engine, ids["shared"]), what="a shared container ends by itself")
    shared = up() - killed_at
    assert engines.containers(engine, ids["own"])
    began_at = up()
    engines.worker(site, "w1", engine, prefix=prefix)
    # Before it serves, nothing is left: the runs may be anywhere from now on.
    assert not engines.left(engine)
    if not prefix:
        seen(f"containers-back-{engine}", shared=shared, own=up() - began_at)
    site.file("gate").touch()
    for run_id in ids.values():
        assert site.run(run_id)["status"] == "interrupted"
        assert "beat" not in later(site, run_id)
        site.dagu("resume", run_id)
        assert site.until_status(run_id, "succeeded")["attempt"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lost_worker_goes_with_its_containers(
    engine: str, site: Site, engines: Engines, seen: Seen
) -> None:
    """With ``retry``: they end by themselves, for the other worker begins whether or not this one comes back."""
    site.start_server()
    worker = engines.worker(site, "w1", engine)
    ids = {place: beating(site, place, on_lost="retry") for place in PLACES}
    engines.worker(site, "w2", OTHER[engine])  # on the same engine it would clear up itself
    killed_at = up()
    worker.kill_all()
    for place, run_id in ids.items():
        until(lambda run_id=run_id: not engines.containers(engine, run_id), what=f"{place} ends by itself")
    gone, elsewhere = up() - killed_at, []
    for place, run_id in ids.items():
        until(lambda run_id=run_id: "w2" in beats(site, run_id), what=f"{place} begins elsewhere")
        found = beats(site, run_id)
        stopped, began = (at - killed_at for at in (found["w1"][-1], found["w2"][0]))
        elsewhere.append(began)
        assert stopped < began
    seen(f"containers-lost-{engine}", gone=gone, began=min(elsewhere))
    site.file("gate").touch()
    for run_id in ids.values():
        assert site.until_status(run_id, "succeeded")["workerId"] == "w2"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_that_is_cut_off_stops_its_containers(
    engine: str, open_site: Site, net: Net, private: faults_engines.Private, seen: Seen
) -> None:
    site = open_site
    engines = Engines({name: private.engine(name) for name in ENGINES})
    site.start_server()
    url = site.postgres.url("runs", host=net.host)
    engines.worker(site, "w1", engine, prefix=net.prefix, url=url)
    ids = {place: beating(site, place, on_lost="retry") for place in PLACES}
    engines.worker(site, "w2", OTHER[engine])
    net.cut()
    cut_at = up()
    for place, run_id in ids.items():
        until(lambda run_id=run_id: "w2" in beats(site, run_id), what=f"{place} begins elsewhere")
    net.mend()
    time.sleep(timing.LOST)
    stops, begins = [], []
    for run_id in ids.values():
        found = beats(site, run_id)
        stopped, began = (at - cut_at for at in (found["w1"][-1], found["w2"][0]))
        stops.append(stopped)
        begins.append(began)
        assert stopped < began
    seen(f"containers-cut-{engine}", stopped=max(stops), began=min(begins))
    site.file("gate").touch()
    for run_id in ids.values():
        assert site.until_status(run_id, "succeeded")["workerId"] == "w2"
    engines.close()


def later(site: Site, run_id: str) -> Any:
    """What a run tells from now on."""
    before = len(site.file(f"beats.{run_id}").read_text())
    time.sleep(0.5)
    return site.file(f"beats.{run_id}").read_text()[before:]
