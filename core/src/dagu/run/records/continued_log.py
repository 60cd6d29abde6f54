"""The log of an attempt that another runner began.

The output comes anew from its first byte, and what is in the log already is passed over.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagu.contracts.streams import BLOCK, Sink
from dagu.errors import DaguError
from dagu.run.records.log import TAIL, LogFile
from dagu.run.records.masking import Masker


class ContinuedLog(LogFile):
    """One stream's log, gone on with.

    Args:
        also: Another file that gets the same bytes.
        also_before: Its size before the attempt.

    Raises:
        DaguError: A file can't be read or written. Also from ``write``, when the output is not what is in the log.
    """

    def __init__(
        self,
        path: Path,
        masker: Masker,
        *,
        also: Path | None = None,
        also_before: int = 0,
        told: Sink | None = None,
    ) -> None:
        try:
            self._left = path.stat().st_size if path.exists() else 0
            if also is not None:
                _catch_up(also, also_before, path)
            super().__init__(path, masker, also=also, told=told)
            self._known = path.open("rb")
        except OSError as error:
            raise DaguError(f"the log {path} can't be gone on with: {error.strerror}") from error

    def _put(self, block: bytes) -> None:
        while self._left and block:
            known = self._known.read(min(self._left, len(block)))
            if not known or not block.startswith(known):
                raise DaguError(
                    f"the container's output differs from what is in {self.path}",
                    hint="the engine did not keep all of it; `dagu retry` runs the step again",
                )
            self._left -= len(known)
            self.size += len(known)
            self.tail = (self.tail + known)[-TAIL:]
            block = block[len(known) :]
        if block:
            super()._put(block)

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._known.close()


def _catch_up(also: Path, before: int, log: Path) -> None:
    """Give the other file what it lacks: the runner may have been killed between the two writes."""
    written = (also.stat().st_size if also.exists() else 0) - before
    size = log.stat().st_size if log.exists() else 0
    if not 0 <= written < size:
        return
    with log.open("rb") as source, also.open("ab") as target:
        source.seek(written)
        while block := source.read(BLOCK):
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
