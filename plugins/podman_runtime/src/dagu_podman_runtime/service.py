"""A private ``podman system service`` for as long as the runtime is in use."""

from __future__ import annotations

from collections.abc import Mapping

from dagu_podman_runtime.child import SocketChild


class PrivateService(SocketChild):
    """Serves this user's containers on a socket that nobody else can reach. What it runs outlives it.

    Args:
        program: Path of ``podman``.
        environ: The process environment; Podman's own variables in it hold.
    """

    def __init__(self, program: str, environ: Mapping[str, str]) -> None:
        super().__init__(
            lambda socket: [program, "system", "service", "--time=0", f"unix://{socket}"],
            what=f"the private service of {program}",
            environ=environ,
        )
