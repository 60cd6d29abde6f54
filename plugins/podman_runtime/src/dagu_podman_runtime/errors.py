"""From what Podman and the connection to it say to dagu's errors."""

from __future__ import annotations

import re

from dagu.errors import (
    CommandForbidden,
    CommandNotFound,
    ContainerNotFound,
    EngineForbidden,
    EngineLost,
    EngineUnreachable,
    ImageNotFound,
    NameTaken,
    RequestRefused,
    RuntimeFailure,
)

# What runc and crun write when the program can't be executed; Podman passes it on as text.
_NO_DIRECTORY = re.compile(r"chdir|getcwd|workdir .* does not exist", re.IGNORECASE)
_NOT_FOUND = re.compile(
    r"executable file .*not found"
    r"|\bexec:? [\"`]?[^\"`]+?[\"`]?: (stat .*: )?(no such file or directory|not a directory)"
    r"|exec container process `.*`: no such file or directory",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(
    r"(\bexec:? [\"`]?[^\"`]+?[\"`]?: (.*: )?|exec container process `.*`: |open executable: )"
    r"(permission denied|exec format error|is a directory)",
    re.IGNORECASE,
)
_PROLOGUE = re.compile(
    r"^(runc|crun|Error|preparing container \w+ for attach|\S*runc \w+ failed|exec failed): "
)
_EPILOGUE = re.compile(r": OCI (runtime|permission) .*$")

_TAKEN = ("name is already in use", "already exists", "already used", "name already in use")
_ABSENT = ("no such container", "no container with name or id")


def brief(text: str) -> str:
    """Podman's message without the names of the layers that it went through."""
    text = " ".join(text.split())
    while (shorter := _PROLOGUE.sub("", text)) != text:
        text = shorter
    text = text.replace("unable to start container process: ", "").replace(
        "error during container init: ", ""
    )
    return _EPILOGUE.sub("", text)


def command_failure(text: str) -> RuntimeFailure | None:
    """The error when a message says that the program could not be executed; None when it says anything else."""
    if _NO_DIRECTORY.search(text):
        return RequestRefused(
            f"the working directory is not in the container: {brief(text)}",
            hint="make the directory first, or name one that is there",
        )
    if _NOT_FOUND.search(text):
        return CommandNotFound(
            f"the program is not in the container: {brief(text)}",
            hint="install it in the image, or use an image that has it",
        )
    if _NOT_ALLOWED.search(text):
        return CommandForbidden(
            f"the program may not be executed: {brief(text)}",
            hint="look at its mode, its owner and what it was built for",
        )
    return None


def refusal(status: int, cause: str, message: str, subject: str) -> RuntimeFailure:
    """The error for an answer with a status of 400 or more.

    Args:
        cause: Podman's innermost error.
        message: Its whole message.
        subject: The name of what the call was about.
    """
    said = f"{cause} {message}".lower()
    if any(text in said for text in _ABSENT):
        return ContainerNotFound(f"there is no container {subject!r}")
    if "image not known" in said or "no such image" in said:
        return ImageNotFound(f"there is no image {subject!r}")
    if "dependent containers" in said:
        return RequestRefused(
            f"other containers depend on {subject!r}: {brief(message)}",
            hint="remove those that share its network first",
        )
    if cause == "that name is already in use" or any(text in cause.lower() for text in _TAKEN):
        return NameTaken(f"{subject!r} exists already", hint="choose another name, or remove it first")
    if failure := command_failure(message):
        return failure
    text = brief(message or cause) or f"status {status}"
    hint = ""
    if "address already in use" in said:
        hint = "end what listens on that port, or publish another one"
    elif "container-init binary not found" in said:
        hint = "install catatonit on the engine's machine, or set `init: false`"
    elif "selinux" in said or "avc" in said:
        hint = "see the SELinux notes of the Podman runtime's page"
    return RequestRefused(
        f"Podman refused {subject!r}: {text}" if subject else f"Podman refused: {text}", hint=hint
    )


def lost(message: str) -> EngineLost:
    """The error for an engine that went away in the middle of a call."""
    return EngineLost(message, hint="start Podman's service again; `podman ps` tells what still runs")


def transport(error: BaseException, endpoint: str) -> RuntimeFailure:
    """The error for a call that got no answer.

    Args:
        endpoint: Where, for the message.
    """
    for cause in _chain(error):
        if isinstance(cause, PermissionError):
            return EngineForbidden(
                f"this user may not use Podman's socket {endpoint}",
                hint="use a rootless service of your own, or ask for access to the socket",
            )
        if isinstance(cause, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
            return EngineUnreachable(
                f"no Podman service answers at {endpoint}",
                hint="start it with `systemctl start podman.socket` or `podman system service --time=0`",
            )
        if isinstance(cause, TimeoutError) or type(cause).__name__ in ("ReadTimeout", "ConnectTimeout"):
            return lost(f"Podman at {endpoint} does not answer in time")
    for cause in _chain(error):
        if type(cause).__name__ in ("NewConnectionError", "NameResolutionError", "gaierror"):
            return EngineUnreachable(f"no Podman service answers at {endpoint}: {cause}")
    return lost(f"the connection to Podman at {endpoint} ended in the middle of a call")


def _chain(error: BaseException) -> list[BaseException]:
    """An error with all that it came from, also what it only carries as an argument."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, *one.args]
    return found
