"""``dagu status``."""

from __future__ import annotations

from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.names import workflow_name
from dagu.cli.options import AsJson, OneFormat, TextOrJson
from dagu.cli.session import session
from dagu.errors import RunNotFound, UsageError

app = options.app()


@app.command()
def status(
    context: typer.Context,
    workflow: Annotated[
        str, typer.Argument(metavar="FILE", help="A workflow's file or name.", show_default=False)
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
      dagu status --run-id 0190f4c2
      dagu status --run-id 0190f4c2 --json
    """
    history = session(context).history
    if not run_id:
        if not workflow:
            raise UsageError("status of what?", hint="name a workflow file, or give --run-id")
        name = workflow_name(workflow)
        latest = history.latest(name)
        if latest is None:
            raise RunNotFound(f"workflow {name!r} never ran", hint=f"run it: dagu start {workflow}")
        run_id = latest.run_id
    run = history.run(run_id)
    if as_json or output is TextOrJson.JSON:
        from dagu.cli.views.records import full_json

        options.print_json(full_json(run))
    else:
        from dagu.cli.views.tree import render

        typer.echo(render(run), nl=False, color=session(context).colour)
