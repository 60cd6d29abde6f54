"""The entry point: offers the runtime ``bubblewrap``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagu
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import RuntimeSpec


def make_runtime(environ: Mapping[str, str]) -> ContainerRuntime:
    """Make the runtime from the process environment; what it needs is imported only now."""
    from dagu_bubblewrap_runtime.runtime import BubblewrapRuntime

    return BubblewrapRuntime(environ)


@dagu.hookimpl
def dagu_register_runtimes() -> Iterable[RuntimeSpec]:
    """Offer ``bubblewrap``."""
    yield RuntimeSpec(
        name="bubblewrap",
        summary="Linux namespaces through bubblewrap, without a daemon",
        factory=make_runtime,
        environment=("DAGU_BUBBLEWRAP_IMAGES", "DAGU_BUBBLEWRAP_STATE"),
    )
