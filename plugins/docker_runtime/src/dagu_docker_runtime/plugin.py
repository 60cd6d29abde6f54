"""The entry point: offers the runtime ``docker``. The SDK is imported when the runtime is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagu
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import RuntimeSpec
from dagu_docker_runtime.endpoint import ENVIRONMENT


def make_runtime(environ: Mapping[str, str]) -> ContainerRuntime:
    """Make the runtime from the process environment. It connects at the first call."""
    from dagu_docker_runtime.runtime import DockerRuntime

    return DockerRuntime(environ)


@dagu.hookimpl
def dagu_register_runtimes() -> Iterable[RuntimeSpec]:
    """Offer Docker."""
    yield RuntimeSpec(
        name="docker",
        summary="Docker Engine 20.10 or newer, here or elsewhere",
        factory=make_runtime,
        environment=ENVIRONMENT,
    )
