"""The egress proxy's own process: ``proxy.py`` with the allowlist, on an address that may not be up yet.

Podman brings a network's bridge up with its first container, after the proxy has to listen. Linux lets a socket be
bound to an address of the future (IP_FREEBIND; ip(7)).
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import proxy
from proxy.core.listener import tcp

_IP_FREEBIND = 15


class _FreeSocket(socket.socket):
    def bind(self, address: Any, /) -> None:
        self.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        super().bind(address)


class _FreeSockets:
    """The module ``socket`` as the listener sees it."""

    socket = _FreeSocket

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)


def main() -> None:
    """Serve until terminated, with the command line of ``proxy.py``."""
    vars(tcp)["socket"] = _FreeSockets()
    sys.argv[0] = "proxy"
    proxy.entry_point()


if __name__ == "__main__":
    main()
