"""What runs: one value that every action is turned into, and that every place understands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field

from dagu.contracts.container import EMPTY
from dagu.contracts.provider import Argument, FileArgument
from dagu.frozen import dataclass


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command to run in a place.

    Attributes:
        argv: Program and arguments; a ``FileArgument`` becomes the path where the place put that file.
        env: The whole environment on the host; what is added to the container's in a container.
        stdin: Everything the command gets on standard input; None is an empty one.
        working_dir: Absolute, in the place; empty is the place's own.
        user: As in the engine; only for containers.
        files: Name to content of files that exist while the command runs, readable by its user only.
        keep_entrypoint: In a container of its own, argv goes to the image's entry point.
    """

    argv: tuple[Argument, ...]
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    stdin: bytes | None = field(default=None, repr=False)
    working_dir: str = ""
    user: str = ""
    files: Mapping[str, bytes] = field(default_factory=lambda: EMPTY, repr=False)
    keep_entrypoint: bool = False
    raw_exec: Mapping[str, object] = field(default_factory=lambda: EMPTY, repr=False)

    def placed(self, paths: Mapping[str, str]) -> tuple[str, ...]:
        """argv with each file argument replaced by the file's path."""
        return tuple(
            part.prefix + paths[part.name] if isinstance(part, FileArgument) else part for part in self.argv
        )


def unique(prefix: str) -> str:
    """A name that nothing else has."""
    return f"{prefix}{os.urandom(6).hex()}"
