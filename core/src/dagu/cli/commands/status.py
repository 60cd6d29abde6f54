"""``dagu status``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.names import workflow_name
from dagu.cli.options import AsJson, OneFormat, TextOrJson
from dagu.cli.session import session
from dagu.contracts.history import HistoryStore
from dagu.errors import RunNotFound, UsageError
from dagu.history.records import RunRecord

app = options.app()


@app.command()
def status(
    context: typer.Context,
    workflow: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A workflow's file or name, or a run's id.", show_default=False),
    ] = "",
    run_id: Annotated[str, typer.Option("--run-id", "-r", help="The run; without it, the newest one.")] = "",
    output: OneFormat = TextOrJson.TEXT,
    as_json: AsJson = False,
) -> None:
    """Show a run and its steps.

    The exit status is 0 whatever became of the run, and 1 if there is no such run.

    \b
    Examples:
      dagu status build.yaml
      dagu status 20310405-060708-0190f4c2
      dagu status --run-id 20310405-060708-0190f4c2 --json
    """
    run = _run(session(context).history, workflow, run_id)
    if as_json or output is TextOrJson.JSON:
        from dagu.cli.views.records import full_json

        options.print_json(full_json(run))
    else:
        from dagu.cli.views.tree import render

        typer.echo(render(run), nl=False, color=session(context).colour)


def _run(history: HistoryStore, workflow: str, run_id: str) -> RunRecord:
    if run_id:
        return history.run(run_id)
    if not workflow:
        raise UsageError("status of what?", hint="name a workflow file or a run")
    name = workflow_name(workflow)
    if (latest := history.latest(name)) is not None:
        return history.run(latest.run_id)
    try:
        return history.run(workflow)  # an id: that is what the other commands take
    except RunNotFound:
        if Path(workflow).is_file():
            raise RunNotFound(f"workflow {name!r} never ran", hint=f"run it: dagu start {workflow}") from None
        raise RunNotFound(
            f"no workflow {name!r} ever ran, and no run has that id", hint="list runs with `dagu history`"
        ) from None
