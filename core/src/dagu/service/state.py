"""What a scheduler leaves to the next one: how far it followed each schedule, and which runs were running."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from dagu.contracts.container import EMPTY
from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.history.home import replace_file


@dataclass(frozen=True)
class State:
    """What is kept.

    Attributes:
        marks: For each workflow the moment up to which everything that was due is done. A mark that is lost makes
            starts be forgotten, never be done twice: their run ids follow from their times.
        running: Ids of the runs that ran.
    """

    marks: Mapping[str, datetime] = field(default_factory=lambda: EMPTY)
    running: frozenset[str] = frozenset()


class StateFile:
    """The file of a home directory in which it is kept."""

    def __init__(self, home: Path) -> None:
        self._path = home / "scheduler.json"
        self._kept = State()

    def load(self) -> State:
        """What the last scheduler left; nothing if there was none.

        Raises:
            DaguError: The file can't be read.
        """
        try:
            found = json.loads(self._path.read_text())
            marks = {str(name): datetime.fromtimestamp(at, UTC) for name, at in found["marks"].items()}
            self._kept = State(marks, frozenset(map(str, found["running"])))
        except FileNotFoundError:
            self._kept = State()
        except OSError as error:
            raise DaguError(f"{self._path} can't be read: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise DaguError(
                f"{self._path} is damaged: {error}",
                hint="remove it; starts that were missed are then forgotten",
            ) from error
        return self._kept

    def save(self, state: State) -> None:
        """Keep it, all at one moment.

        Raises:
            DaguError: The file can't be written.
        """
        if state == self._kept:
            return
        marks = {name: at.timestamp() for name, at in sorted(state.marks.items())}
        replace_file(self._path, json.dumps({"marks": marks, "running": sorted(state.running)}))
        self._kept = state
