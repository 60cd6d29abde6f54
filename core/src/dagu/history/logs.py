"""The log files of a run: a file for each attempt of a step and each of its streams, byte for byte."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.history.home import make_directory
from dagu.history.ownership import RunLocks

STREAMS = ("stdout", "stderr")
BLOCK = 256 * 1024
_LONGEST = 150
_PLAIN = set("_-. ")


@dataclass(frozen=True, order=True)
class LogFile:
    """One log file. ``step`` is the step's name as a file name."""

    step: str
    attempt: int
    stream: str
    path: Path


class RunLogs:
    """Where the output of one run is: ``logs/WORKFLOW/RUN_ID/STEP.ATTEMPT.stdout`` below the home directory."""

    def __init__(self, home: Path, workflow: str, run_id: str) -> None:
        self.home = home
        self.run_id = run_id
        self.directory = home / "logs" / file_name(workflow) / file_name(run_id)

    def make(self) -> Path:
        """Make the directory.

        Raises:
            DaguError: It can't be made.
        """
        return make_directory(self.directory)

    @property
    def run_log(self) -> Path:
        """The log of the run itself."""
        return self.directory / "run.log"

    def path(self, step: str, attempt: int, stream: str) -> Path:
        """The file of one attempt; ``stream`` is ``stdout`` or ``stderr``."""
        return self.directory / f"{file_name(step)}.{attempt}.{stream}"

    def files(self, step: str | None = None, stream: str | None = None) -> list[LogFile]:
        """The files that there are, by step and attempt."""
        try:
            found = [_parse(path) for path in self.directory.iterdir()]
        except FileNotFoundError:
            return []
        name = None if step is None else file_name(step)
        return sorted(
            file for file in found if file and name in (None, file.step) and stream in (None, file.stream)
        )

    def follow(
        self,
        step: str | None = None,
        stream: str | None = None,
        *,
        first_attempt: int = 1,
        wait: Callable[[], object] | None = None,
    ) -> Iterator[tuple[LogFile, bytes]]:
        """The content of those files from their start, block by block, and what is added until the run ended.

        Files that appear meanwhile are followed too. The end of the run is the moment when its lock is free.

        Args:
            wait: Blocks until the end of a run of another machine.
        """
        from watchfiles._rust_notify import RustNotify  # the documented way to know when watching began

        reader = _Reader(lambda: self.files(step, stream), first_attempt)
        ended = threading.Event()
        with RustNotify([str(self.make())], False, False, 0, False, False) as watcher:
            threading.Thread(target=self._wait, args=(ended, wait), daemon=True).start()
            yield from reader.read()
            while watcher.watch(50, 20, 0, ended) not in ("stop", "signal"):
                yield from reader.read()
        yield from reader.read()

    def _wait(self, ended: threading.Event, wait: Callable[[], object] | None) -> None:
        try:
            if wait is not None:
                wait()
            RunLocks(self.home).wait_until_free(self.run_id)
        finally:
            ended.set()


def read_blocks(path: Path) -> Iterator[bytes]:
    """The content of a file, block by block.

    Raises:
        DaguError: It can't be read.
    """
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        raise DaguError(f"the log {path} can't be read: {error.strerror or error}") from error


def file_name(name: str) -> str:
    """A file name for any name: unequal names give unequal ones, and none leaves its directory."""
    quoted = "".join(
        char if char.isalnum() or char in _PLAIN else "".join(f"%{byte:02X}" for byte in _bytes(char))
        for char in name
    )
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted.encode()) <= _LONGEST:
        return quoted
    import hashlib

    start = quoted.encode()[: _LONGEST // 2].decode(errors="ignore")
    return f"{start}~{hashlib.sha256(_bytes(name)).hexdigest()[:32]}"


def work_directory(home: Path, workflow: str, run_id: str) -> Path:
    """Where a run works if its workflow does not say."""
    return home / "work" / file_name(workflow) / file_name(run_id)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _parse(path: Path) -> LogFile | None:
    step, _, rest = path.name.rpartition(".")
    step, _, attempt = step.rpartition(".")
    if rest not in STREAMS or not step or not attempt.isdecimal():
        return None
    return LogFile(step, int(attempt), rest, path)


class _Reader:
    """Remembers how far each file was read."""

    def __init__(self, files: Callable[[], list[LogFile]], first_attempt: int) -> None:
        self._files = files
        self._first_attempt = first_attempt
        self._offsets: dict[Path, int] = {}

    def read(self) -> Iterator[tuple[LogFile, bytes]]:
        for log in self._files():
            if log.attempt < self._first_attempt:
                continue
            with log.path.open("rb") as file:
                file.seek(self._offsets.get(log.path, 0))
                while block := file.read(BLOCK):
                    self._offsets[log.path] = file.tell()
                    yield log, block
