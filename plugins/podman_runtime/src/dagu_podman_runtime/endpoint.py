"""Which Podman service: a table of rules over the environment and the sockets that answer.

``DOCKER_HOST`` plays no part.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from dagu.errors import EngineForbidden, EngineUnreachable, RuntimeFailure

HOST = "DAGU_PODMAN_HOST"
FALLBACK_HOST = "CONTAINER_HOST"
SSH_KEY = "CONTAINER_SSHKEY"
ENVIRONMENT = (
    HOST,
    FALLBACK_HOST,
    SSH_KEY,
    "XDG_RUNTIME_DIR",
    "REGISTRY_AUTH_FILE",
    "DOCKER_CONFIG",
)
ROOTFUL_SOCKET = "/run/podman/podman.sock"
_SCHEMES = ("unix", "http+unix", "tcp", "http", "ssh", "http+ssh")


class Answer(Enum):
    """What came of connecting to a socket."""

    YES = "answers"
    ABSENT = "is not there"
    REFUSED = "is there, but nothing listens on it"
    FORBIDDEN = "may not be used by this user"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where Podman is reached.

    Attributes:
        url: ``unix:///path``, ``tcp://host:port`` or ``ssh://[user@]host[:port]/path``; empty for a private service.
        source: What chose it, for messages.
        program: The ``podman`` program of a private service that has yet to be started.
        ssh_key: File with the key for an ssh endpoint; empty leaves it to ssh.
    """

    url: str = ""
    source: str
    program: str = ""
    ssh_key: str = ""


def connect(path: str) -> Answer:
    """Connect to a socket and let go of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(10)
        try:
            probe.connect(path)
        except PermissionError:
            return Answer.FORBIDDEN
        except (FileNotFoundError, NotADirectoryError):
            return Answer.ABSENT
        except OSError as error:
            return Answer.ABSENT if error.errno == errno.ENAMETOOLONG else Answer.REFUSED
    return Answer.YES


def choose(
    environ: Mapping[str, str],
    *,
    uid: int | None = None,
    probe: Callable[[str], Answer] = connect,
    find_program: Callable[[str], str | None] = shutil.which,
) -> Endpoint:
    """Choose the endpoint: the first rule that fits.

    1. ``DAGU_PODMAN_HOST``, whether something answers there or not.
    2. The rootful socket, if it answers.
    3. The rootless socket of this user, if it answers.
    4. ``CONTAINER_HOST``, whether something answers there or not.
    5. A private service of the ``podman`` program on ``PATH``.

    Raises:
        EngineForbidden: No rule fits, and a socket is there that this user may not use.
        EngineUnreachable: No rule fits, or a variable holds no endpoint.
    """
    if host := environ.get(HOST, "").strip():
        return Endpoint(url=_url(host, HOST), source=HOST, ssh_key=environ.get(SSH_KEY, "").strip())
    tried: list[tuple[str, Answer]] = []
    for path, rule in _sockets(environ, os.getuid() if uid is None else uid):
        answer = probe(path)
        if answer is Answer.YES:
            return Endpoint(url=f"unix://{path}", source=rule)
        tried.append((path, answer))
    if host := environ.get(FALLBACK_HOST, "").strip():
        url = _url(host, FALLBACK_HOST)
        return Endpoint(url=url, source=FALLBACK_HOST, ssh_key=environ.get(SSH_KEY, "").strip())
    if program := find_program("podman"):
        return Endpoint(program=program, source=f"a private service of {program}, as no socket answers")
    raise _nowhere(tried)


def _sockets(environ: Mapping[str, str], uid: int) -> list[tuple[str, str]]:
    found = {ROOTFUL_SOCKET: "the rootful socket"}
    folders = (environ.get("XDG_RUNTIME_DIR", "").strip(), f"/run/user/{uid}")
    for folder in folders:
        if folder:
            found.setdefault(f"{folder.rstrip('/')}/podman/podman.sock", "the rootless socket of this user")
    return list(found.items())


def _url(host: str, variable: str) -> str:
    text = f"unix://{host}" if host.startswith("/") else host
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    scheme = parts.scheme.removeprefix("http+")
    if scheme == "unix" and (parts.netloc or parts.path):
        path = f"{parts.netloc}{parts.path}"
        return f"unix://{path if path.startswith('/') else '/' + path}"
    if parts.scheme in _SCHEMES and parts.hostname and not parts.password:
        if scheme == "ssh":
            return f"ssh://{parts.netloc}{parts.path}"
        if port is not None and scheme in ("tcp", "http"):
            return f"tcp://{parts.netloc}"
    # The value itself is not repeated: it may hold a password.
    raise EngineUnreachable(
        f"{variable} does not name a Podman service",
        hint="write unix:///path/to/podman.sock, tcp://host:port or ssh://user@host/path/to/podman.sock",
    )


def _nowhere(tried: list[tuple[str, Answer]]) -> RuntimeFailure:
    told = "; ".join(f"{path} {answer.value}" for path, answer in tried)
    if any(answer is Answer.FORBIDDEN for _, answer in tried):
        return EngineForbidden(
            f"no Podman service may be used: {told}",
            hint="start one of your own with `systemctl --user start podman.socket`, or install podman here",
        )
    return EngineUnreachable(
        f"no Podman service was found: {told}, and there is no podman program on PATH",
        hint=f"install Podman, start its service (`systemctl start podman.socket`), or set {HOST}",
    )
