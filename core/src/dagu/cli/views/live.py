"""A run on a terminal: a line for each step that changes in place, and a bar for each image."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dagu.cli.text import clean, duration, one_line
from dagu.cli.views.tree import COLOURS
from dagu.contracts.events import (
    ImagePull,
    Notice,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    StepOutput,
    StepStarted,
)
from dagu.contracts.runtime import PullProgress
from dagu.frozen import dataclass
from dagu.history.records import Status

_TAIL = 2048
_SHORT_NAME = 12
"""Characters of a step's name that the narrowest terminal shows."""
_MARKS = {
    Status.SUCCEEDED: "✓",
    Status.PARTIALLY_SUCCEEDED: "✓",
    Status.FAILED: "✗",
    Status.REJECTED: "✗",
    Status.ABORTED: "■",
    Status.SKIPPED: "-",
    Status.WAITING: "?",
}


@dataclass
class _Row:
    status: Status = Status.NOT_STARTED
    started: float | None = None
    finished: float | None = None
    attempt: int = 0
    tail: bytes = b""
    error: str = ""


@dataclass
class _State:
    run_id: str = ""
    workflow: str = ""
    started: float | None = None
    steps: dict[str, _Row] = field(default_factory=dict)
    pulls: dict[str, PullProgress] = field(default_factory=dict)


class LiveView:
    """Draws the run on standard error until it is left. Child runs count as output of their step."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._state = _State()
        self._lock = threading.Lock()
        self._spinner = Spinner("dots", style="cyan")
        # The tree that comes next, on the same terminal, says it all again.
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=8,
            transient=sys.stdout.isatty(),
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def problem(self, text: str) -> None:
        """Print above the steps."""
        self._console.print(Text(text))

    def event(self, event: RunEvent) -> None:
        """Note what happened; it is drawn with the next frame."""
        if isinstance(event, Notice):
            self.problem(clean(f"{event.step}: {event.text}" if event.step else event.text))
            return
        if isinstance(event, RunStarted) and not self._live.is_started:
            self._live.start()
        with self._lock:
            if isinstance(event, RunStarted) and not self._state.run_id:
                self._state.run_id, self._state.workflow = event.run_id, event.workflow
                self._state.started = event.at
                self._state.steps = {step: _Row() for step in event.steps}
            elif isinstance(event, ImagePull):
                self._pull(event)
            elif event.run_id == self._state.run_id:
                self._note(event)
        if isinstance(event, RunFinished) and event.run_id == self._state.run_id and event.error:
            self.problem(clean(event.error))

    def _note(self, event: RunEvent) -> None:
        match event:
            case StepStarted():
                row = self._row(event.step)
                row.status, row.attempt, row.finished = Status.RUNNING, event.attempt, None
                row.started = row.started or event.at
            case StepFinished():
                row = self._row(event.step)
                row.status, row.finished, row.error = Status(event.status), event.at, event.error
            case StepOutput():
                row = self._row(event.step)
                row.tail = (row.tail + event.block[-_TAIL:])[-_TAIL:]

    def _row(self, step: str) -> _Row:
        return self._state.steps.setdefault(step, _Row())

    def _pull(self, event: ImagePull) -> None:
        if event.done:
            self._state.pulls.pop(event.progress.image, None)
        else:
            self._state.pulls[event.progress.image] = event.progress

    def render(self) -> RenderableType:
        """The run as it is now, within the height of the terminal."""
        with self._lock:
            state = self._state
            head = Text.assemble((clean(state.workflow), "bold"), f"  {state.run_id}  ")
            head.append(duration(state.started, None, ended=False), style="dim")
            # The last column takes what is left: what a step says must not push out how it stands.
            table = Table.grid(padding=(0, 1), expand=True)
            longest = max(_SHORT_NAME, self._console.width // 2 - 8)
            for widest, ratio in ((None, None), (longest, None), (None, None), (None, None), (None, 1)):
                table.add_column(no_wrap=True, overflow="ellipsis", max_width=widest, ratio=ratio)
            shown, hidden = self._visible(state)
            for name, row in shown:
                self._add(table, name, row)
            parts: list[RenderableType] = [head, table]
            if hidden:
                parts.append(Text(f"  and {hidden} more steps", style="dim"))
            parts += [_bar(progress) for progress in state.pulls.values()]
            return Group(*parts)

    def _visible(self, state: _State) -> tuple[list[tuple[str, _Row]], int]:
        room = max(3, self._console.height - 4 - len(state.pulls))
        rows = list(state.steps.items())
        if len(rows) <= room:
            return rows, 0
        by_interest = sorted(range(len(rows)), key=lambda index: (_interest(rows[index][1]), index))
        chosen = sorted(by_interest[:room])
        return [rows[index] for index in chosen], len(rows) - room

    def _add(self, table: Table, name: str, row: _Row) -> None:
        style = COLOURS.get(row.status) or "dim"
        running = row.status in (Status.RUNNING, Status.RETRYING)
        mark: RenderableType = self._spinner if running else Text(_MARKS.get(row.status, "·"), style=style)
        status = row.status.value.replace("_", " ")
        if row.attempt > 1:
            status += f" (attempt {row.attempt})"
        said = row.error or row.tail.decode(errors="replace")
        last = one_line("\n".join(reversed(said.splitlines()))) if not row.error else one_line(said)
        table.add_row(
            mark,
            Text(clean(name)),
            Text(status, style=style),
            Text(duration(row.started, row.finished, ended=row.status.ended), style="dim"),
            Text(last, style="dim"),
        )


def _interest(row: _Row) -> int:
    if row.status in (Status.RUNNING, Status.RETRYING, Status.FAILED, Status.REJECTED):
        return 0
    return 1 if row.status is Status.NOT_STARTED else 2


def _bar(progress: PullProgress) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    total = progress.bytes_total
    if total:
        amount = f"{progress.bytes_done / 1e6:.1f} of {total / 1e6:.1f} MB"
    else:
        amount = f"{progress.layers_done} of {progress.layers_total or '?'} layers"
    bar = ProgressBar(
        total=total or None,
        completed=progress.bytes_done,
        width=30,
        pulse=not total,
        animation_time=time.monotonic(),
    )
    grid.add_row(
        Text(f"↓ {clean(progress.image)}"), bar, Text(amount), Text(clean(progress.status), style="dim")
    )
    return grid
