"""What a contained command's complaint may mean, from what its container was given: cause and remedy in a line."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from dagu.frozen import dataclass
from dagu.workflow.container_values import Volume

_DENIED = re.compile(r"permission denied|operation not permitted", re.IGNORECASE)
_READ_ONLY = re.compile(r"read-only file ?system", re.IGNORECASE)
_NO_NETWORK = re.compile(
    r"bad address|could not resolve|temporary failure in name resolution|name or service not known|"
    r"network is unreachable|no route to host|name does not resolve|EAI_AGAIN|ENOTFOUND|ENETUNREACH",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a container was given, as far as a command may complain of it.

    Attributes:
        user: As written; empty is the image's.
        network: As written.
        mounts: Directories of this machine with what they are in the container, each source absolute.
    """

    user: str = ""
    network: Any = ""
    read_only: bool = False
    working_dir: str = ""
    mounts: tuple[tuple[str, Volume], ...] = ()

    def explain(self, said: str) -> str:
        """Cause and remedy for what a command said on standard error; empty where nothing fits."""
        if _READ_ONLY.search(said):
            return self._read_only(said)
        if _DENIED.search(said):
            return self._denied(said)
        return self._unreachable() if _NO_NETWORK.search(said) else ""

    def _denied(self, said: str) -> str:
        found = self._meant(said)
        if found is None:
            return ""
        source, volume = found
        who = f"user {self.user}" if self.user else "the image's user"
        try:
            status = Path(source).stat()
        except OSError:
            return f"{who} may not use {volume.target}, which is {source}: see its owner and mode"
        owner, mode = f"{status.st_uid}:{status.st_gid}", f"{status.st_mode & 0o7777:o}"
        return (
            f"{volume.target} is {source}, which belongs to {owner} with mode {mode}, and the command runs as {who}: "
            f"set container.user to {owner}, or change the owner or mode of {source}"
        )

    def _read_only(self, said: str) -> str:
        found = self._meant(said)
        if found is not None and found[1].read_only:
            return f"{found[1].target} is mounted read-only: leave out its `ro`, or write somewhere else"
        if self.read_only:
            return "container.read_only is set: give the command a place to write with `tmpfs` or `volumes`"
        return ""

    def _unreachable(self) -> str:
        if self.network == "none":
            return "container.network is none, so there is no network access: set it to bridge"
        if isinstance(self.network, dict) or (self.network and not isinstance(self.network, str)):
            return "container.network lets the container out to the hosts of its allowlist only: add the host there"
        if self.network and self.network not in ("bridge", "host"):
            return f"the container is on the network {self.network}: see whether that one has a way out"
        return (
            "the container has no network access, or no name server that answers: see `dagu doctor`, the engine's "
            "network, and `dns`"
        )

    def _meant(self, said: str) -> tuple[str, Volume] | None:
        """The mount whose path is complained of, else the one that the command works in."""
        deepest = sorted(self.mounts, key=lambda pair: len(pair[1].target), reverse=True)
        for pair in deepest:
            if re.search(rf"{re.escape(pair[1].target)}(?![\w.-])", said):
                return pair
        # A path that lies elsewhere is complained of; the program's own stands before a colon.
        objects = re.sub(r"^\s*[^\s:]+: ", "", said, flags=re.MULTILINE)
        if not self.working_dir or re.search(r"(?:^|[\s'\"])/\w", objects, re.MULTILINE):
            return None
        here = PurePosixPath(self.working_dir)
        return next((pair for pair in deepest if here.is_relative_to(pair[1].target)), None)
