"""A run as lines on standard error: steps, states and errors, never commands or output."""

from __future__ import annotations

import sys
import threading
import time
from typing import Self

from dagu.cli.text import clean
from dagu.contracts.events import (
    ImagePull,
    Notice,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)

_BAD = ("failed", "rejected", "aborted")


class PlainView:
    """Writes a line for each thing that happens.

    Args:
        quiet: Only what went wrong.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()
        self._pulling: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def event(self, event: RunEvent) -> None:
        """Write what happened, if it is worth a line."""
        status = getattr(event, "status", "")
        bad = status in _BAD or (bool(getattr(event, "error", "")) and status != "skipped")
        if self._quiet and not bad:
            return
        text = self._text(event)
        if text:
            at = time.strftime("%H:%M:%S", time.localtime(event.at))
            self._write(f"{at} {clean(event.workflow)}  {text}")

    def problem(self, text: str) -> None:
        """Write a problem as it is."""
        self._write(text)

    def _text(self, event: RunEvent) -> str:
        match event:
            case RunStarted():
                return f"started, run {event.run_id}"
            case RunFinished():
                return _with_error(event.status, event.error)
            case StepStarted():
                attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
                return f"{clean(event.step)}: running{attempt}"
            case StepFinished():
                error = event.error or (f"exit {event.exit_code}" if event.exit_code else "")
                return f"{clean(event.step)}: " + _with_error(event.status, error)
            case Notice():
                step = f"{clean(event.step)}: " if event.step else ""
                return f"{step}{clean(event.text)}"
            case ImagePull():
                return self._pull(event)
            case _:
                return ""

    def _pull(self, event: ImagePull) -> str:
        image = event.progress.image
        with self._lock:
            known = image in self._pulling
            self._pulling.add(image)
            if event.done:
                self._pulling.discard(image)
        if event.done:
            return f"image {image}: " + _with_error("failed" if event.error else "pulled", event.error)
        return "" if known else f"image {image}: pulling"

    def _write(self, text: str) -> None:
        with self._lock:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def _with_error(status: str, error: str) -> str:
    lines = [clean(line) for line in error.splitlines()]
    if not lines:
        return status
    return "\n    ".join([f"{status}: {lines[0]}", *lines[1:]])
