"""The allowlist of an egress proxy: a plugin of ``proxy.py``, loaded in the proxy's own process.

It decides by the host name and port that a client asks for (CONNECT and plain HTTP). TLS is not opened. A name that
leads to this machine itself is refused unless the list names that address or ``localhost``: a container must not reach
the host's services by a name that its owner points there.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

from proxy.http.exception import HttpRequestRejected
from proxy.http.proxy import HttpProxyBasePlugin

VARIABLE = "DAGU_EGRESS_ALLOW"
"""Environment name: allowed hosts, separated by blanks; ``host``, ``host:port``, ``*.host``, ``*.host:port``."""
_DEFAULT_PORTS = (80, 443)


def allows(entries: list[str], host: str, port: int) -> bool:
    """Whether a host and port are on the list. Without a port, an entry allows 80 and 443."""
    host = host.rstrip(".").lower()
    for entry in entries:
        name, _, wanted = entry.lower().partition(":")
        if port != int(wanted) if wanted else port not in _DEFAULT_PORTS:
            continue
        if host == name or (name.startswith("*.") and host.endswith(name[1:]) and host != name[2:]):
            return True
    return False


def leads_here(address: str) -> bool:
    """Whether an address is this machine's own or of no machine at all."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback or ip.is_unspecified or ip.is_link_local or ip.is_multicast:
        return True
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(ip), 0))
        except OSError:
            return False  # only an address of this machine can be bound to
    return True


class AllowList(HttpProxyBasePlugin):
    """Lets requests through to allowed hosts only."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._entries = os.environ.get(VARIABLE, "").split()

    def before_upstream_connection(self, request: Any) -> Any:
        """Refuse what is not on the list, before anything is connected."""
        host = (request.host or b"").decode("ascii", "replace")
        port = int(request.port or 0)
        if not allows(self._entries, host, port):
            raise _refused(f"{host}:{port} is not on this step's allowlist")
        return request

    def resolve_dns(self, host: str, port: int) -> tuple[str | None, tuple[str, int] | None]:
        """Look the name up here, once, so that what was checked is what is connected to."""
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        # That the host is on the list was checked before.
        if leads_here(address) and host not in {"localhost", address}:
            raise _refused(f"{host} leads to {address}, which is not to be reached by name")
        return address, None


def _refused(reason: str) -> HttpRequestRejected:
    text = f"dagu egress: {reason}\n".encode()
    return HttpRequestRejected(
        status_code=403, reason=b"Forbidden", headers={b"Content-Type": b"text/plain"}, body=text
    )
