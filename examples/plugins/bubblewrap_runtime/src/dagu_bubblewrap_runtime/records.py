"""What is known of containers, on disk, so that another process can find and remove what a dead one left.

The environment is not in it: it may hold secrets.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dagu.contracts.container import ContainerState, ContainerStatus, ExitStatus, Mount, MountType
from dagu.errors import NameTaken
from dagu_bubblewrap_runtime.processes import birth

GONE = ".gone-"  # begins the name of a folder that is being deleted, or whose deletion was cut short


@dataclass(frozen=True, kw_only=True)
class Record:
    """One container. ``owner`` is the process that made it, with its birth; ``pid`` the main process."""

    id: str
    name: str
    image: str
    labels: dict[str, str] = field(default_factory=dict)
    mounts: tuple[dict[str, Any], ...] = ()
    owner: tuple[int, int]
    pid: int = 0
    stop_signal: str = "TERM"
    started_at: float | None = None
    finished_at: float | None = None
    code: int | None = None

    @property
    def running(self) -> bool:
        return self.started_at is not None and self.code is None and birth(self.owner[0]) == self.owner[1]

    def state(self) -> ContainerState:
        code = self.code
        if code is None and self.started_at is not None and not self.running:
            code = 137  # its owner died, and the kernel killed it
        status = ContainerStatus.CREATED
        if code is not None:
            status = ContainerStatus.EXITED
        elif self.running:
            status = ContainerStatus.RUNNING
        return ContainerState(
            id=self.id,
            name=self.name,
            image=self.image,
            status=status,
            exit=None if code is None else ExitStatus(code=code),
            labels=self.labels,
            started_at=self.started_at,
            finished_at=self.finished_at,
            mounts=tuple(Mount(**{**mount, "type": MountType(mount["type"])}) for mount in self.mounts),
            pid=self.pid if status is ContainerStatus.RUNNING else 0,
        )


class Records:
    """A folder of containers, ``ID/record.json`` each, and one of names, each a link to an id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = folder / "names"

    def root(self, identity: str) -> Path:
        """Where the container's root file system is."""
        return self._folder / identity / "root"

    def add(self, record: Record) -> None:
        """Take the name, and note the container.

        Raises:
            NameTaken: Another has it.
        """
        self._names.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            (self._names / record.name).symlink_to(record.id)
        except FileExistsError:
            raise NameTaken(f"a container named {record.name} exists", hint="remove it") from None
        (self._folder / record.id).mkdir(mode=0o700)
        self.save(record)

    def save(self, record: Record) -> None:
        """Note it.

        Raises:
            FileNotFoundError: It is being deleted.
        """
        folder = self._folder / record.id
        value = asdict(record)
        draft = folder / "record.new"
        draft.write_text(json.dumps(value))
        draft.rename(folder / "record.json")

    def get(self, container: str) -> Record | None:
        """The container of that id or name."""
        identity = container
        with suppress(OSError):
            identity = os.readlink(self._names / container)
        return self._read(identity) if "/" not in identity else None

    def all(self) -> Iterator[Record]:
        with suppress(FileNotFoundError):
            for folder in self._folder.iterdir():
                record = self._read(folder.name)
                if record is not None:
                    yield record

    def delete(self, record: Record) -> None:
        """Delete the container's files, then give its name back."""
        # Renamed first: what its owner still notes meanwhile, in another process, finds no folder.
        gone = self._folder / f"{GONE}{record.id}"
        with suppress(FileNotFoundError):
            (self._folder / record.id).rename(gone)
        for folder in self._folder.glob(f"{GONE}*"):
            _remove(folder)
        (self._names / record.name).unlink(missing_ok=True)

    def _read(self, identity: str) -> Record | None:
        if identity.startswith(GONE):
            return None
        try:
            value = json.loads(((self._folder / identity) / "record.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Record(**{**value, "mounts": tuple(value["mounts"]), "owner": tuple(value["owner"])})


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        try:
            shutil.rmtree(folder)
        except PermissionError:
            # A container may close its own directories, and only root does not mind.
            subprocess.run(["chmod", "-R", "u+rwX", "--", folder], check=True)
            shutil.rmtree(folder)
