"""The entry point: offers the runtime ``podman``. The SDK is imported when the runtime is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagu
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import RuntimeSpec
from dagu_podman_runtime.endpoint import ENVIRONMENT


def make_runtime(environ: Mapping[str, str]) -> ContainerRuntime:
    """Make the runtime from the process environment. It connects at the first call."""
    from dagu_podman_runtime.runtime import PodmanRuntime

    return PodmanRuntime(environ)


@dagu.hookimpl
def dagu_register_runtimes() -> Iterable[RuntimeSpec]:
    """Offer Podman."""
    yield RuntimeSpec(
        name="podman",
        summary="Podman 4.3 or newer, rootful or rootless, here or elsewhere",
        factory=make_runtime,
        environment=ENVIRONMENT,
    )
