"""Commands that dead runners left in containers of others: noted while they run, ended by whoever comes next.

Such a container carries no label of ours. Where its processes can be seen from this machine the guardian ends them at
once; a note in the runner's home serves all other engines.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

from dagu.contracts import process_tree
from dagu.contracts.container import ExecRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound, RuntimeFailure
from dagu.sandbox.command import unique
from dagu.sandbox.guardian import MARK, mark_of
from dagu.sandbox.labels import Owner

_PASSES = 100
_PAUSE = 0.05


@dataclass(frozen=True)
class Note:
    """That commands of an owner may run in a container."""

    owner: str
    container: str
    endpoint: str
    user: str


class Strays:
    """The notes of one home."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "execs"

    def note(self, runtime: ContainerRuntime, container: str, user: str) -> Callable[[], None]:
        """Note that commands of this process will run in a container; what is returned takes the note back.

        Raises:
            OSError: It can't be written.
        """
        note = Note(str(Owner.me()), container, runtime.check().endpoint, user)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / unique("")
        path.write_text(json.dumps(asdict(note)))
        return lambda: path.unlink(missing_ok=True)

    def end(self, runtime: ContainerRuntime) -> Iterator[str]:
        """End commands of dead owners on that engine, and tell of each container what came of it."""
        endpoint = runtime.check().endpoint
        for path, note in self._notes():
            owner = Owner.parse(note.owner)
            if note.endpoint != endpoint or owner is None or owner.alive() is not False:
                continue
            try:
                count = _end(runtime, note)
            except ContainerNotFound:
                count = 0
            except RuntimeFailure as error:
                yield f"commands of a dead run may still run in container {note.container[:12]}: {error.message}"
                continue
            path.unlink(missing_ok=True)
            if count:
                yield f"ended {count} processes of a dead run in container {note.container[:12]}"

    def _notes(self) -> Iterator[tuple[Path, Note]]:
        try:
            paths = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return
        for path in paths:
            try:
                yield path, Note(**json.loads(path.read_text()))
            except (OSError, ValueError, TypeError):
                continue  # half written by a runner that was killed, or taken back meanwhile


def _end(runtime: ContainerRuntime, note: Note) -> int:
    most = 0
    for _ in range(_PASSES):
        # Root of a container may not look into other users' processes; those see only their own.
        left = max(_sweep(runtime, note, user) for user in dict.fromkeys((note.user, "0")))
        most = max(most, left)
        if not left:
            return most
        time.sleep(_PAUSE)
    raise RuntimeFailure("they can't be killed")


def _sweep(runtime: ContainerRuntime, note: Note, user: str) -> int:
    output = BytesIO()
    argv = process_tree.sweep_argv(mark_of(note.owner), "KILL", name=MARK)
    execution = runtime.exec(note.container, ExecRequest(argv=argv, user=user), Streams(stdout=output.write))
    status = execution.wait()
    text = output.getvalue().strip()
    if status.code != 0 or not text.isdigit():
        raise RuntimeFailure("the container lacks what the search for them takes")
    return int(text)
