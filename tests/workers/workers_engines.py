"""Workers with container engines, and steps in containers that tell when they ran."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping

from e2e_engines import EngineUnderTest
from workers_site import Process, Site, until

from dagu.contracts.container import ContainerState
from dagu.contracts.runtime import ContainerRuntime
from dagu.plugins import Plugins
from dagu.sandbox import labels

PLACES = ("own", "shared")
_CONTAINER = 'container: {image: alpine:3.20, pull_policy: never, volumes: ["${SITE}:/site"]}'

# The seconds that the machine is up are the same inside of a container, and need no program to be read.
_BEATS = """
%s
max_active_runs: 10
env: [{WORKER: "${WORKER}"}]
%s
steps:
  - id: beat
    %s
    run: |
      tell() { read -r now _ < /proc/uptime; echo "$WORKER $1 $now" >> "/site/beats.$DAG_RUN_ID"; }
      trap 'tell told; exit 1' TERM
      tell began
      while [ ! -e /site/gate ]; do tell beat; sleep 0.1; done
      echo done
"""


def up() -> float:
    """Seconds that this machine is up, as beats tell them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Engines:
    """The engines of a test's workers, asked without dagu in between.

    Args:
        found: By name.
    """

    def __init__(self, found: Mapping[str, EngineUnderTest]) -> None:
        self.found = found
        self._runtimes: dict[str, ContainerRuntime] = {}

    def worker(self, site: Site, name: str, engine: str, *options: str, **more: object) -> Process:
        """Start a worker whose label is its engine's name."""
        under_test = self.found[engine]
        environ = {
            key: value
            for key, value in under_test.environ.items()
            if key in ("DAGU_CONTAINER_RUNTIME", "DOCKER_HOST", "DAGU_PODMAN_HOST")
        }
        return site.start_worker(name, "--labels", engine, *options, **environ, **more)  # type: ignore[arg-type]

    def containers(self, engine: str, run_id: str = "") -> list[ContainerState]:
        """The containers of a run, or of all runs."""
        wanted = {labels.RUN: run_id} if run_id else {labels.OWNER: ""}
        return list(self._runtime(engine).find(wanted))

    def left(self, engine: str) -> list[str]:
        """Everything of dagu on an engine."""
        runtime, wanted = self._runtime(engine), {labels.OWNER: ""}
        found = [*runtime.find_networks(wanted), *runtime.find_volumes(wanted)]
        return [state.name for state in self.containers(engine)] + [item.name for item in found]

    def close(self) -> None:
        """Remove what a failed test left, and say what it was."""
        left = {engine: names for engine in self.found if (names := self.left(engine))}
        for engine in self.found:
            for state in self.containers(engine):
                self._runtime(engine).remove(state.id)
        self.disconnect()
        assert not left, f"left behind: {left}"

    def disconnect(self) -> None:
        """Ask them nothing more."""
        for runtime in self._runtimes.values():
            runtime.close()

    def _runtime(self, engine: str) -> ContainerRuntime:
        if engine not in self._runtimes:
            environ = self.found[engine].environ
            self._runtimes[engine] = Plugins(environ).runtime_from_environment(environ).factory(environ)
        return self._runtimes[engine]


def beating(site: Site, place: str, *, engine: str = "", on_lost: str = "interrupt") -> str:
    """Queue a run that beats in a container of its step, or of the run, until there is a gate; wait until it does."""
    head = f"on_worker_lost: {on_lost}" + (f'\nworker_selector: {{{engine}: ""}}' if engine else "")
    parts = ("", _CONTAINER) if place == "own" else (_CONTAINER, "")
    run_id = site.enqueue(site.workflow(f"beats-{place}", _BEATS % (head, *parts)))
    until(lambda: beats(site, run_id), what=f"{run_id} begins")
    return run_id


def beats(site: Site, run_id: str, what: str = "") -> dict[str, list[float]]:
    """When each worker ran a run; only what is ``began``, ``beat`` or ``told``, if that is wanted."""
    found: dict[str, list[float]] = defaultdict(list)
    file = site.file(f"beats.{run_id}")
    for line in file.read_text().splitlines() if file.exists() else ():
        worker, kind, at = line.split()
        if not what or kind == what:
            found[worker].append(float(at))
    return dict(found)
