"""``dagu logs``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import UsageError
from dagu.history.logs import LogFile, RunLogs, read_blocks
from dagu.history.records import RunRecord, StepRecord

app = options.app()


@app.command()
def logs(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", show_default=False)],
    step: Annotated[
        str, typer.Argument(metavar="STEP", help="A step's name or id.", show_default=False)
    ] = "",
    stderr: Annotated[
        bool, typer.Option("--stderr", help="Standard error in place of standard output.")
    ] = False,
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="That attempt, not the last one.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ended.")] = False,
) -> None:
    """Print the output of a run's steps, byte for byte.

    With one step, its last attempt; with none, every step in order, its name on standard error.

    \b
    Examples:
      dagu logs 0190f4c2 compile
      dagu logs 0190f4c2 compile --stderr --attempt 1
      dagu logs 0190f4c2 --follow
    """
    found = session(context)
    run = found.history.run(run_id)
    where = RunLogs(found.home, run.workflow, run.run_id)
    stream = "stderr" if stderr else "stdout"
    steps = [_step(run, step)] if step else list(run.steps)
    if attempt and step and not follow and attempt > len(steps[0].attempts):
        raise UsageError(f"step {step!r} has no attempt {attempt}", hint=f"it has {len(steps[0].attempts)}")
    if follow:
        shared = found.shared()
        wait = partial(shared.wait, run.root_id or run_id) if shared is not None else None
        blocks = where.follow(steps[0].name if step else None, stream, first_attempt=attempt or 1, wait=wait)
    else:
        blocks = _read(where, steps, stream, attempt)
    if not _write(blocks, named=len(steps) > 1):
        other, option = ("stdout", "leave out --stderr") if stderr else ("stderr", "--stderr")
        instead = f"; {option} shows what is on {other}" if any(_read(where, steps, other, attempt)) else ""
        remark(f"no output on {stream}{'' if run.status.ended else ' yet'}{instead}")


def _step(run: RunRecord, wanted: str) -> StepRecord:
    for step in run.steps:
        if wanted in (step.name, step.id):
            return step
    names = ", ".join(step.name for step in run.steps) or "none"
    raise UsageError(f"run {run.run_id} has no step {wanted!r}", hint=f"its steps: {names}")


def _read(
    where: RunLogs, steps: list[StepRecord], stream: str, attempt: int | None
) -> Iterator[tuple[LogFile, bytes]]:
    for step in steps:
        files = where.files(step.name, stream)
        chosen = [file for file in files if file.attempt == attempt] if attempt else files[-1:]
        for file in chosen:
            for block in read_blocks(file.path):
                yield file, block


def _write(blocks: Iterable[tuple[LogFile, bytes]], *, named: bool) -> bool:
    current: LogFile | None = None
    last = b""
    output = sys.stdout.buffer
    for file, block in blocks:
        if named and file != current:
            output.flush()
            # On a terminal a heading needs a line of its own, whatever the output before it ended with.
            gap = "\n" if last not in (b"", b"\n") else ""
            remark(f"{gap}==> {file.step}, attempt {file.attempt} <==")
        current, last = file, block[-1:]
        output.write(block)
        output.flush()
    return current is not None
