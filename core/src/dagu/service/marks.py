"""How far the schedule of each workflow was followed, kept over restarts of the scheduler."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from dagu.errors import DaguError
from dagu.history.home import make_directory


class Marks:
    """For each workflow the moment up to which everything that was due is done.

    A mark that is lost makes starts be forgotten, never be done twice: their run ids follow from their times.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "scheduler.json"
        self._kept: dict[str, datetime] = {}

    def load(self) -> dict[str, datetime]:
        """The marks of the last scheduler; none if there was none.

        Raises:
            DaguError: The file can't be read.
        """
        try:
            found = json.loads(self._path.read_text())["marks"]
            self._kept = {name: datetime.fromtimestamp(at, UTC) for name, at in found.items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DaguError(f"{self._path} can't be read: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DaguError(
                f"{self._path} is damaged: {error}",
                hint="remove it; starts that were missed are then forgotten",
            ) from error
        return dict(self._kept)

    def save(self, marks: Mapping[str, datetime]) -> None:
        """Keep marks, all at one moment.

        Raises:
            DaguError: The file can't be written.
        """
        if marks == self._kept:
            return
        kept = {name: at.timestamp() for name, at in sorted(marks.items())}
        beside = self._path.with_suffix(".new")
        try:
            make_directory(self._path.parent)
            with beside.open("w") as file:
                json.dump({"marks": kept}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._path)
        except OSError as error:
            raise DaguError(f"{self._path} can't be written: {error.strerror or error}") from error
        self._kept = dict(marks)
