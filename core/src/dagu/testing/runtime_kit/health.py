"""Health checks and restarts: what the engine does with a container by itself."""

from __future__ import annotations

from dagu.contracts.capability import Capability
from dagu.contracts.container import Health, Healthcheck
from dagu.testing.runtime_kit.archives import read_file
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import eventually


def _check(*test: str) -> Healthcheck:
    return Healthcheck(test=test, interval=1.0, timeout=30.0, retries=1)


class HealthChecks(Kit):
    @needs(Capability.HEALTHCHECK)
    def test_a_passing_check_is_healthy(self, lab: Lab) -> None:
        container = lab.up(healthcheck=_check("CMD", "true"))
        eventually(lambda: lab.state(container).health is Health.HEALTHY, "the container is healthy")

    @needs(Capability.HEALTHCHECK)
    def test_a_failing_check_is_unhealthy(self, lab: Lab) -> None:
        container = lab.up(healthcheck=_check("CMD-SHELL", "exit 1"))
        eventually(lambda: lab.state(container).health is Health.UNHEALTHY, "the container is unhealthy")

    @needs(Capability.HEALTHCHECK, Capability.SHARED_CONTAINER)
    def test_a_check_that_passes_later(self, lab: Lab) -> None:
        container = lab.up(healthcheck=_check("CMD-SHELL", "test -e /kit-ready"))
        eventually(lambda: lab.state(container).health is Health.UNHEALTHY, "the container is unhealthy")
        lab.exec(container, "touch", "kit-ready")
        eventually(lambda: lab.state(container).health is Health.HEALTHY, "the container is healthy")

    @needs(Capability.HEALTHCHECK)
    def test_a_check_that_is_switched_off(self, lab: Lab) -> None:
        container = lab.up(healthcheck=Healthcheck(test=("NONE",)))
        assert lab.state(container).health is Health.NONE

    @needs(Capability.RESTART_POLICY, Capability.ARCHIVES)
    def test_an_ended_container_is_started_again(self, lab: Lab) -> None:
        script = "echo run >>kit-runs; test $(wc -l <kit-runs) -ge 3 && sleep 86400; exit 1"
        container = lab.create("sh", "-c", script, restart_policy="always")
        lab.runtime.start(container)
        eventually(
            lambda: read_file(lab, container, "/kit-runs") == b"run\n" * 3,
            "the container ran three times",
        )
        lab.runtime.stop(container, grace=0.0)
        assert not lab.state(container).running
