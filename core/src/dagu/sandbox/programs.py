"""What a missing program means: which one, in which image, and the way out."""

from __future__ import annotations

from collections.abc import Sequence

from dagu.errors import CommandNotFound

SHELL = "/bin/sh"
_NO_SHELL = (
    "run the program without a shell: `action: exec` with `command` and `args`; or name a shell that the image "
    "has in `container.shell`; or use an image with one"
)


def missing(error: CommandNotFound, argv: Sequence[str], image: str) -> CommandNotFound:
    """The error for a program that the engine did not find.

    Args:
        argv: What the engine was to execute; empty where that is the image's business.
        image: Its reference, or the container's name.
    """
    if not argv:
        return error
    if argv[0] == SHELL:
        found = CommandNotFound(f"{image} has no shell ({SHELL})", hint=_NO_SHELL)
    else:
        found = CommandNotFound(
            f"{argv[0]} is not in {image}",
            hint="use an image that has it (and the interpreter that a script names), or give its full path",
        )
    found.__cause__ = error
    return found


def no_keepalive(error: CommandNotFound, image: str, way_out: str = "") -> CommandNotFound:
    """The error for an image without the shell that would keep a container alive.

    Args:
        way_out: What to do about it; empty is the usual.
    """
    found = CommandNotFound(
        f"{image} has no shell ({SHELL}), which keeps a container alive between commands",
        hint=way_out
        or "use `startup: command` with a `command` of the image that keeps running (or `startup: entrypoint`), "
        "or give each step a container of its own with one command",
    )
    found.__cause__ = error
    return found
