"""``dagu history``."""

from __future__ import annotations

from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.names import workflow_name
from dagu.cli.options import AsJson, Format, ListFormat
from dagu.cli.session import session
from dagu.cli.text import ago, duration, remark, table, timestamp
from dagu.cli.views.records import labels, run_json
from dagu.errors import UsageError
from dagu.history.records import RunRecord, Status

app = options.app()
HEADS = ["name", "run id", "status", "started", "finished", "duration", "params", "labels", "error"]

_USUAL = 100


@app.command()
def history(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Only runs of this workflow, by name or file.", show_default=False
        ),
    ] = "",
    run_id: Annotated[str, typer.Option("--run-id", "-r", help="Only runs whose id contains this.")] = "",
    states: Annotated[str, typer.Option("--status", help="Only runs in these states, comma-separated.")] = "",
    last: Annotated[str, typer.Option("--last", help="Only runs since then: 7d, 24h, 2031-04-05.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help=f"At most so many runs; {_USUAL} without it.")
    ] = None,
    output: ListFormat = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first.

    \b
    Examples:
      dagu history
      dagu history build --status failed,interrupted --last 7d
      dagu history --run-id 0190f4 --format json
    """
    runs = session(context).history.runs(
        workflow=workflow_name(name) if name else None,
        run_id_part=run_id or None,
        limit=limit or _USUAL + 1,
        since=ago(last) if last else None,
        status=_statuses(states) if states else None,
    )
    if not runs:
        remark("no runs found")
    if limit is None and len(runs) > _USUAL:
        runs = runs[:_USUAL]
        remark(f"these are the newest {_USUAL}; --limit shows more")
    if as_json or output is Format.JSON:
        options.print_json([run_json(run) for run in runs])
    elif output is Format.CSV:
        options.print_csv(HEADS, [_row(run) for run in runs])
    elif runs:
        shown = [[cell if len(cell) <= 40 else f"{cell[:39]}…" for cell in _row(run)] for run in runs]
        # An id that is cut is of no use.
        for cells, run in zip(shown, runs, strict=True):
            cells[1] = run.run_id
        typer.echo(table([head.upper() for head in HEADS], shown), nl=False)


def _row(run: RunRecord) -> list[str]:
    return [
        run.workflow,
        run.run_id,
        run.status.value,
        timestamp(run.started_at),
        timestamp(run.finished_at),
        duration(run.started_at, run.finished_at, ended=run.status.ended),
        run.params,
        " ".join(labels(run)),
        run.error,
    ]


def _statuses(text: str) -> list[Status]:
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    known = {status.value for status in Status}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"no state is called {', '.join(unknown)}", hint=f"states: {', '.join(sorted(known))}"
        )
    return [Status(name) for name in names]
