"""A Podman socket of another machine, brought here by ssh."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from dagu.errors import EngineUnreachable
from dagu_podman_runtime.child import SocketChild


def command(url: str, key: str, socket: str) -> list[str]:
    """The ssh command that forwards a local socket.

    Args:
        url: ``ssh://[user@]host[:port]/path``.
        key: File with the key; empty leaves it to ssh.
        socket: Path of the local socket.

    Raises:
        EngineUnreachable: The URL names no socket.
    """
    parts = urlsplit(url)
    if len(parts.path) < 2:
        raise EngineUnreachable(
            f"{url} does not say where Podman's socket is",
            hint="write ssh://user@host/run/user/1000/podman/podman.sock, as `podman system connection list` shows",
        )
    options = [
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "ServerAliveInterval=15",
        "StreamLocalBindUnlink=yes",
    ]
    words = ["ssh", "-N", "-T", *(word for option in options for word in ("-o", option))]
    if parts.port:
        words += ["-p", str(parts.port)]
    if key:
        words += ["-i", key]
    host = parts.hostname or ""
    return [
        *words,
        "-L",
        f"{socket}:{parts.path}",
        "--",
        f"{parts.username}@{host}" if parts.username else host,
    ]


class Tunnel(SocketChild):
    """Forwards a local socket to the other machine. Password prompts are off: keys or an agent have to do."""

    def __init__(self, url: str, key: str, environ: Mapping[str, str]) -> None:
        super().__init__(
            lambda socket: command(url, key, socket), what=f"the ssh connection to {url}", environ=environ
        )
