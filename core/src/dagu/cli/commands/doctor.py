"""``dagu doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.names import workflow_file
from dagu.cli.options import OnlyJson
from dagu.cli.session import session

app = options.app()
_SIGNS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}


@app.command()
def doctor(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A workflow whose needs are examined too.", show_default=False),
    ] = "",
    as_json: OnlyJson = False,
) -> None:
    """Tell what would keep workflows from running here, and what to do about it.

    Which container runtime and why, its endpoint, version and capabilities; of a workflow, whether its images are
    there or can be pulled, agents are installed, workspaces are writable, and containers have a network. It changes
    nothing and leaves nothing behind. Exit status 1 if there is a problem.

    \b
    Examples:
      dagu doctor
      dagu doctor build.yaml
      DAGU_CONTAINER_RUNTIME=podman dagu doctor build.yaml --json
    """
    from dagu.run.doctor import PROBLEM, examine

    found = session(context)
    problems = 0
    rows = []
    path = workflow_file(file, found.environ)[0] if file else None
    for row in examine(path, environ=found.environ, plugins=found.plugins):
        problems += row.state == PROBLEM
        rows.append(asdict(row))
        if not as_json:
            typer.echo(f"{_SIGNS[row.state]}  {row.check:<12}  {row.detail}")
            if row.remedy:
                typer.echo(f"{'':23}remedy: {row.remedy}")
    if as_json:
        options.print_json(rows)
    raise typer.Exit(1 if problems else 0)
