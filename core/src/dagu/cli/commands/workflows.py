"""``dagu workflows``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagu.cli import options
from dagu.cli.options import AsJson, OneFormat, TextOrJson
from dagu.cli.session import session
from dagu.cli.text import remark, table, timestamp

if TYPE_CHECKING:
    from dagu.service.stored import Stored
    from dagu.service.workflows import Workflows

app = options.app()

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@app.callback()
def group() -> None:
    """List stored workflows; suspend their schedules."""


@app.command("list")
def list_workflows(
    context: typer.Context, output: OneFormat = TextOrJson.TEXT, as_json: AsJson = False
) -> None:
    """List the stored workflows, with their schedules and when they start next.

    \b
    Examples:
      dagu workflows list
      DAGU_DAGS_DIR=/srv/workflows dagu workflows list --json
    """
    stored = _workflows(context)
    rows = [_row(stored, each) for each in stored.all()]
    if as_json or output is TextOrJson.JSON:
        options.print_json(rows)
    elif rows:
        heads = ("NAME", "SCHEDULE", "NEXT START", "STATE")
        cells = [(row["name"], ", ".join(row["schedules"]), row["nextRun"], row["state"]) for row in rows]
        typer.echo(table(heads, cells), nl=False)
    else:
        remark(f"no workflows in {stored.directory}")


@app.command()
def suspend(context: typer.Context, name: Name) -> None:
    """Have the scheduler leave a workflow alone. What runs goes on, and it can be started by hand.

    \b
    Example:
      dagu workflows suspend nightly
    """
    _workflows(context).suspend(name, True)


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Have the scheduler follow a workflow's schedule again, from now on.

    \b
    Example:
      dagu workflows resume nightly
    """
    _workflows(context).suspend(name, False)


def _workflows(context: typer.Context) -> Workflows:
    from dagu.service.config import load_config
    from dagu.service.context import stored_workflows

    return stored_workflows(load_config(session(context).environ))


def _row(stored: Workflows, each: Stored) -> dict[str, Any]:
    from dagu.service.schedule import Kind

    suspended = stored.is_suspended(each.name)
    due = None
    if not suspended and not each.problems:
        due = each.schedule.next(datetime.now(UTC), Kind.START, Kind.RESTART)
    return {
        "name": each.name,
        "file": str(each.file),
        "schedules": list(each.schedule.texts),
        "nextRun": timestamp(due.at.timestamp()) if due else "",
        "state": "broken" if each.problems else "suspended" if suspended else "active",
        "problems": [str(problem) for problem in each.problems],
    }
