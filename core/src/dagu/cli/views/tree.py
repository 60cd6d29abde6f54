"""A stored run and its steps, as a tree."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from dagu.cli.text import clean, duration
from dagu.history.records import RunRecord, Status, StepRecord

COLOURS = {
    Status.SUCCEEDED: "green",
    Status.PARTIALLY_SUCCEEDED: "yellow",
    Status.FAILED: "red",
    Status.REJECTED: "red",
    Status.ABORTED: "magenta",
    Status.INTERRUPTED: "magenta",
    Status.RUNNING: "cyan",
    Status.RETRYING: "cyan",
    Status.WAITING: "cyan",
}


def render(run: RunRecord) -> str:
    """The tree, with colours; ``typer.echo`` takes them out where the output is no terminal."""
    head = [typer.style(clean(run.workflow), bold=True), _status(run.status)]
    if took := duration(run.started_at, run.finished_at, ended=run.status.ended):
        head.append(took)
    head.append(run.run_id)
    if run.worker_id:
        head.append(f"on {clean(run.worker_id)}")
    lines = ["  ".join(head)]
    if run.error:
        lines += [f"│  {line}" for line in _lines(run.error)]
    width = max((len(clean(step.name)) for step in run.steps), default=0)
    for position, step in enumerate(run.steps, start=1):
        last = position == len(run.steps)
        lines.append(f"{'└─' if last else '├─'} {_step(step, width)}")
        lines += [f"{'  ' if last else '│ '}    {line}" for line in _lines(step.error)]
    return "\n".join(lines) + "\n"


def _step(step: StepRecord, width: int) -> str:
    parts = [clean(step.name).ljust(width), _status(step.status)]
    if took := duration(step.started_at, step.finished_at, ended=step.status.ended):
        parts.append(took)
    if step.exit_code and not step.error:
        parts.append(f"exit {step.exit_code}")
    if len(step.attempts) > 1:
        parts.append(f"{len(step.attempts)} attempts")
    if step.kind != "step":
        parts.append(f"({step.kind})")
    return "  ".join(parts)


def _status(status: Status) -> str:
    return typer.style(status.value, fg=COLOURS.get(status))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield clean(line)
