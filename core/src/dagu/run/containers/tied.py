"""Containers that end with the process of their run, however that ends: another machine will take the run up.

Such a container is held by its main process, which reads from a pipe of the run's process. So whatever would have
another main process, or stay, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest
from dagu.contracts.runtime import RuntimeInfo
from dagu.errors import Unsupported
from dagu.run.containers.raw import take
from dagu.workflow.model import ContainerSpec

NO_SHELL = (
    "use an image with /bin/sh and `cat`, which end it with its worker, or say `on_worker_lost: interrupt`"
)
"""What to do about an image without a shell."""

_HINT = "leave it out, or say `on_worker_lost: interrupt`"
_RAW = ("Entrypoint", "Cmd", "OpenStdin", "StdinOnce", "Tty")


def check(spec: ContainerSpec, request: ContainerRequest, info: RuntimeInfo) -> None:
    """Refuse a container that would outlive its run's process.

    Raises:
        Unsupported: It would.
    """
    if found := list(_lasting(spec, request)):
        raise Unsupported(
            f"{', '.join(found)}: the container of image {spec.image} could outlive its worker, and with "
            "`on_worker_lost: retry` another worker would begin meanwhile",
            hint=_HINT,
        )
    if Capability.STDIN not in info.capabilities:
        raise Unsupported(
            f"the {info.name} runtime can't end containers when their worker is lost, as `on_worker_lost: retry` "
            f"needs it ({Capability.STDIN.value})",
            hint="choose another runtime with DAGU_CONTAINER_RUNTIME, or say `on_worker_lost: interrupt`",
        )


def check_exec(container: str) -> None:
    """Refuse commands in a container that exists already.

    Raises:
        Unsupported: Always.
    """
    raise Unsupported(
        f"container.exec: commands in container {container} could outlive their worker, and with "
        "`on_worker_lost: retry` another worker would begin meanwhile",
        hint="use `container.image`, or say `on_worker_lost: interrupt`",
    )


def _lasting(spec: ContainerSpec, request: ContainerRequest) -> Iterator[str]:
    if spec.keep_container:
        yield "container.keep_container"
    if request.restart_policy not in ("", "no") or take(request.raw_host, "RestartPolicy")[0]:
        yield "container.restart_policy"
    if spec.startup != "keepalive":
        yield "container.startup"
    yield from (f"with.container.{key}" for key in _RAW if take(request.raw_container, key)[0])
