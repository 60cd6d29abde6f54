"""The log of a run: a line for each thing that happens to it and its steps, with its time. Events come masked."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from dagu.contracts.events import (
    ImagePull,
    Notice,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from dagu.contracts.streams import write_all
from dagu.errors import DaguError


class RunLog:
    """An observer that writes lines to a file, and holds it open until it is closed.

    Raises:
        DaguError: The file can't be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DaguError(f"the log {path} can't be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __call__(self, event: RunEvent) -> None:
        """Write what happened, if it is worth a line."""
        text = _text(event)
        if text:
            at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
            line = f"{at.replace('+00:00', 'Z')} {text}\n"
            write_all(self._descriptor, line.encode(errors="surrogateescape"))


def _text(event: RunEvent) -> str:
    match event:
        case RunStarted():
            return f"run {event.run_id} of {event.workflow} started"
        case RunFinished():
            return _line(f"run {event.status}", event.error)
        case StepStarted():
            return f"step {event.step}: attempt {event.attempt} started"
        case StepFinished():
            code = "" if event.exit_code is None else f" (exit code {event.exit_code})"
            return _line(f"step {event.step}: {event.status}{code}", event.error)
        case Notice():
            return _line(f"step {event.step}: notice" if event.step else "notice", event.text)
        case ImagePull() if event.done:
            return _line(f"image {event.progress.image} pulled", event.error)
    return ""


def _line(what: str, why: str) -> str:
    return f"{what}: {' | '.join(why.splitlines())}" if why else what
