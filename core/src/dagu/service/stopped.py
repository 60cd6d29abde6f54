"""Runs that were stopped only because their service was: the next one goes on with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dagu.errors import DaguError
from dagu.history.home import replace_file


class StoppedRuns:
    """The file of a home directory in which they are noted, each with the attempt that was stopped."""

    def __init__(self, home: Path) -> None:
        self._path = home / "stopped.json"

    def note(self, attempts: Mapping[str, str]) -> None:
        """Note runs before they are asked to stop: ids of attempts by ids of runs.

        Raises:
            DaguError: The file can't be written.
        """
        if attempts:
            replace_file(self._path, json.dumps(dict(attempts)))

    def take(self) -> Mapping[str, str]:
        """What was noted; it is noted no more.

        Raises:
            DaguError: The file can't be read, or is damaged, in which case it is gone now.
        """
        try:
            text = self._path.read_text()
            self._path.unlink()
            return {str(run): str(attempt) for run, attempt in json.loads(text).items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DaguError(f"{self._path} can't be read: {error.strerror or error}") from error
        except (ValueError, AttributeError) as error:
            raise DaguError(
                f"{self._path} was damaged; runs that were stopped with the service stay so",
                hint="go on with them by `dagu retry`",
            ) from error
