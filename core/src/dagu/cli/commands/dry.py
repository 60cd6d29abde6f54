"""``dagu dry``."""

from __future__ import annotations

import typer

from dagu.cli import options
from dagu.cli.commands.start import (
    Directory,
    Extra,
    File,
    Name,
    Params,
    Quiet,
    RunId,
    Schedule,
    Trigger,
    WithArguments,
    arguments,
    run,
)
from dagu.cli.names import workflow_file
from dagu.cli.schedules import check_schedule
from dagu.cli.session import session

app = options.app()


@app.command(cls=WithArguments)
def dry(
    context: typer.Context,
    file: File,
    extra: Extra = None,
    params: Params = "",
    run_id: RunId = "",
    name: Name = "",
    trigger_type: Trigger = "manual",
    schedule_time: Schedule = "",
    default_working_dir: Directory = "",
    quiet: Quiet = False,
) -> None:
    """Go through a workflow as `start` does, but let every step and handler just succeed. No run is kept.

    \b
    Example:
      dagu dry build.yaml -- target=release
    """
    from dagu.run.api import StartRequest

    found = session(context)
    path, stored = workflow_file(file, found.environ)
    request = StartRequest(
        file=path,
        params=params,
        args=arguments(context, extra),
        run_id=run_id,
        name=name or stored,
        trigger=trigger_type,
        schedule_time=schedule_time,
        default_working_dir=default_working_dir,
        check=check_schedule,
        dry=True,
    )
    raise typer.Exit(run(found, request, quiet=quiet))
