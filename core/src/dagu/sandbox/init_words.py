"""What an init process says in its command's place, when it could not execute that.

With an init process the engine starts *that*, and succeeds. Docker's is tini, Podman's catatonit; each ends with a
line of its own on standard error, and an exit code of its own.
"""

from __future__ import annotations

import re

from dagu.contracts.container import ExitStatus
from dagu.contracts.streams import Sink
from dagu.errors import CommandForbidden, CommandNotFound, RuntimeFailure

_BEGINNINGS = (b"[FATAL tini (", b"ERROR (catatonit:")
_WORDS = re.compile(
    rb"(?:\[FATAL tini \(\d+\)\] exec .* failed|ERROR \(catatonit:\d+\): failed to exec pid1): ([^\n]*)\n"
)
_LONGEST = 4096


class InitWords:
    """Stands before a command's sink for standard error, and holds back what may be the init process speaking."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held: bytes | None = b""

    def __call__(self, block: bytes) -> None:
        """Take a block."""
        if self._held is None:
            self._sink(block)
            return
        self._held += block
        if not self._may_be():
            self.pass_on()

    def pass_on(self) -> None:
        """Give on what was held back: it was the command itself."""
        held, self._held = self._held, None
        if held:
            self._sink(held)

    def judge(self, status: ExitStatus, program: str) -> None:
        """Tell at the end whether the command was executed at all.

        Raises:
            CommandNotFound: The program is not there.
            CommandForbidden: It is, and may not be executed.
        """
        words = _WORDS.fullmatch(self._held or b"")
        if words is None or status.code == 0:
            self.pass_on()
            return
        raise _failure(program, words[1].decode(errors="replace"))

    def _may_be(self) -> bool:
        held = self._held or b""
        begun = any(held.startswith(begin) or begin.startswith(held) for begin in _BEGINNINGS)
        return begun and len(held) < _LONGEST


def _failure(program: str, reason: str) -> RuntimeFailure:
    if "no such file" in reason.lower():
        return CommandNotFound(f"{program}: {reason}")
    return CommandForbidden(
        f"{program} may not be executed: {reason}",
        hint="it needs permission to be executed by this user, and has to be built for this platform",
    )
