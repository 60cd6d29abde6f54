"""What a later runner needs to go on with an attempt whose container outlived this one: a file beside its logs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, field
from pathlib import Path

from dagu.contracts.container import ContainerRequest
from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.history.logs import RunLogs
from dagu.run.points import reach
from dagu.run.records.masking import Masker
from dagu.sandbox import labels

STREAM = "container"
"""The last part of the file's name, where a log has ``stdout``."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is kept.

    Attributes:
        alternative: Which of the step's alternatives it is.
        output_path: Where the command leaves its outputs, in the container.
        also: Stream to the size that its other file had before.
        init: The container has an init process.
        keep: It stays after use.
        fed: The command's input was handed over, all of it.
        salt, secrets: Prove that the secrets, which have to be masked in its output, are the same.
    """

    container: str = ""
    image: str = ""
    alternative: int = 0
    output_path: str = ""
    also: Mapping[str, int] = field(default_factory=dict)
    init: bool = False
    keep: bool = False
    fed: bool = False
    salt: str = ""
    secrets: str = ""


class Bookmark:
    """The file of one attempt; written once its container is there."""

    def __init__(self, path: Path, facts: Facts) -> None:
        self._path = path
        self._facts = asdict(facts)

    def created(self, container: str, request: ContainerRequest) -> None:
        """The attempt's container exists.

        Raises:
            DaguError: The file can't be written.
        """
        self._facts |= {
            "container": container,
            "image": request.image,
            "init": request.init,
            "keep": labels.KEEP in request.labels,
            "fed": not request.stdin,
        }
        self._write()
        reach("bookmark-written")

    def fed(self) -> None:
        """The command's input was handed over."""
        self._facts["fed"] = True
        try:
            self._write()
        except DaguError:
            self.drop()  # without it the step would run again, which is all that is lost

    def drop(self) -> None:
        """The attempt has ended."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.write_text(json.dumps(self._facts))
            os.replace(new, self._path)
        except OSError as error:
            raise DaguError(
                f"{self._path} can't be written: {error.strerror}",
                hint="make room on the disk, or set DAGU_HOME to another one",
            ) from error


class Bookmarks:
    """The bookmarks of a run's attempts that go on now, by step."""

    def __init__(self, logs: RunLogs, masker: Masker) -> None:
        self._logs = logs
        self._masker = masker
        self._salt = os.urandom(16).hex()
        self._lock = threading.Lock()
        self._open: dict[str, Bookmark] = {}
        self._digests: dict[frozenset[bytes], str] = {}

    def open(self, step: str, number: int, facts: Facts) -> Bookmark:
        """The bookmark of an attempt that begins."""
        known = asdict(facts) | {"salt": self._salt, "secrets": self._digest()}
        bookmark = Bookmark(path(self._logs, step, number), Facts(**known))
        with self._lock:
            self._open[step] = bookmark
        return bookmark

    def _digest(self) -> str:
        # Once for all attempts, until another secret is known.
        known = frozenset(self._masker.known())
        with self._lock:
            if known not in self._digests:
                self._digests[known] = digest(self._masker, self._salt)
            return self._digests[known]

    def of(self, step: str) -> Bookmark | None:
        """The one of a step's attempt that goes on now."""
        with self._lock:
            return self._open.get(step)


def path(logs: RunLogs, step: str, number: int) -> Path:
    """The file of an attempt."""
    return logs.path(step, number, STREAM)


def read(path: Path) -> Facts | None:
    """What a file says; None if there is none, or it can't be understood."""
    with suppress(OSError, ValueError, TypeError):
        return Facts(**json.loads(path.read_text()))
    return None


def digest(masker: Masker, salt: str) -> str:
    """A proof of which secrets a masker knows; empty if it knows none."""
    known = masker.known()
    if not known:
        return ""
    text = b"\0".join(sorted(known))
    import hashlib

    # Slow on purpose: a short secret must not be found by trying.
    return hashlib.scrypt(text, salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()
