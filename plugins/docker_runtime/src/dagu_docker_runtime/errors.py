"""What the SDK, HTTP and the engine say, in dagu's errors: place, cause, remedy."""

from __future__ import annotations

import contextlib
import json
import re

from docker.errors import APIError, DockerException

from dagu.errors import (
    CommandForbidden,
    CommandNotFound,
    ContainerNotFound,
    DaguError,
    EngineForbidden,
    EngineLost,
    NameTaken,
    RequestRefused,
    RuntimeFailure,
)
from dagu_docker_runtime.endpoint import Endpoint

_HINTS = (
    (r"port is already allocated|address already in use", "choose another host port, or free this one"),
    (r"bind source path does not exist", "create it on the engine's machine, or correct the path"),
    (
        r"no matching entries in passwd file|unable to find (user|group)",
        "give a numeric id, or a user that the image has",
    ),
    (r"could not select device driver", "the engine's machine needs the NVIDIA container toolkit"),
    (
        r"non-overlapping IPv4 address pool|all predefined address pools",
        "remove unused networks: `docker network prune`",
    ),
    (r"no space left on device", "free space on the engine's machine: `docker system df`"),
    (r"client version \S+ is too (new|old)", "unset DOCKER_API_VERSION, or set what the engine speaks"),
    (r"mounts denied|not shared from the host", "share the directory in the settings of Docker Desktop"),
)
# "exec:" is the engine looking for the program, "exec " is runc being refused by the kernel.
_MISSING = re.compile(
    r"executable file not found|exec: (\"[^\"]*\"|\S+): (stat [^:]*: )?no such file|"
    r"exec (user process caused|\S+): no such file or directory"
)
_FORBIDDEN = re.compile(
    r"exec: (\"[^\"]*\"|\S+): (permission denied|is a directory)|"
    r"exec (user process caused|\S+): permission denied|exec format error"
)


class Refused(RequestRefused):
    """The engine answered with an HTTP error. Callers turn it into what it means there.

    Attributes:
        status: The HTTP status.
        said: The engine's own words.
    """

    def __init__(self, status: int, said: str, doing: str = "") -> None:
        self.status = status
        self.said = " ".join(said.split()) or f"HTTP status {status}"
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, self.said, re.IGNORECASE)), "")
        super().__init__(f"Docker cannot {doing}: {self.said}" if doing else self.said, hint=hint)

    def during(self, doing: str) -> Refused:
        """The same, with what was tried in its message."""
        return Refused(self.status, self.said, doing)


def refuse_response(status: int, body: bytes) -> Refused:
    """The error in the body of an answer."""
    text = body.decode(errors="replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a proxy between may answer in plain text
        text = str(json.loads(text)["message"])
    return Refused(status, text)


def translate(error: Exception, doing: str, endpoint: Endpoint) -> DaguError:
    """The error for what came out of the SDK or a socket during a call."""
    if isinstance(error, APIError) and error.status_code is not None:
        said = str(error.explanation or "")
        if "HTTP request to an HTTPS server" in said:
            return EngineForbidden(
                f"the Docker engine at {endpoint.url} (from {endpoint.source}) wants TLS",
                hint="set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem",
            )
        return Refused(error.status_code, said, doing)
    if isinstance(error, DockerException):
        return RuntimeFailure(f"cannot {doing}: {error}")
    if _is_timeout(error):
        return EngineLost(
            f"the Docker engine at {endpoint.url} did not answer in time, trying to {doing}",
            hint="see whether it is overloaded or hangs; what it ran may still be running",
        )
    return EngineLost(
        f"the Docker engine at {endpoint.url} went away, trying to {doing}: {_root_cause(error)}",
        hint="see whether it was stopped or crashed; what it ran may still be running",
    )


def is_gone(error: Refused, container: str) -> bool:
    """Whether it says that this container is not there; another one may be missing too (``container:NAME``)."""
    return error.status == 404 and error.said.lower().endswith(f"no such container: {container}".lower())


def container_failure(error: Refused, container: str) -> RuntimeFailure:
    """The same error, or that there is no such container."""
    if is_gone(error, container):
        return ContainerNotFound(f"Docker knows no container {container!r}")
    return error


def exec_failure(error: Refused, container: str) -> RuntimeFailure:
    """The same error, or that the container does not run; with 500 where it ended after the execution was made."""
    if error.status in (409, 500) and ("is not running" in error.said or "is restarting" in error.said):
        return ContainerNotFound(f"the container {container} does not run: {error.said}")
    return container_failure(error, container)


def name_failure(error: Refused, kind: str, name: str) -> RuntimeFailure:
    """The same error, or that the name is taken."""
    if error.status == 409:
        return NameTaken(
            f"Docker has a {kind} named {name!r} already",
            hint=f"choose another name, or remove it with `docker {kind} rm {name}`",
        )
    return error


def command_failure(said: str, place: str) -> RuntimeFailure | None:
    """What the engine's words about a process that did not start mean; None if they are about something else.

    Args:
        place: Where it was to run, for the message: ``container x``.
    """
    words = " ".join(said.split())
    if re.search(r"chdir to cwd|mount", words):
        return None
    if _MISSING.search(words):
        return CommandNotFound(
            f"the program is not in {place}: {words}",
            hint="check its name, and that the image has it (and the interpreter that a script names)",
        )
    if _FORBIDDEN.search(words):
        return CommandForbidden(
            f"the program in {place} may not be executed: {words}",
            hint="it needs permission to be executed by this user, and has to be built for this platform",
        )
    return None


def _is_timeout(error: BaseException) -> bool:
    return any(isinstance(cause, TimeoutError) or "timed out" in str(cause) for cause in _causes(error))


def _root_cause(error: BaseException) -> str:
    last = list(_causes(error))[-1]
    return str(last) or type(last).__name__


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what lies under it: requests and urllib3 wrap in arguments, not always by ``from``."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        inside = [
            item
            for item in (*current.args, getattr(current, "reason", None))
            if isinstance(item, BaseException)
        ]
        current = inside[-1] if inside else current.__cause__
    return found
