"""``dagu restart``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.commands.start import Directory, Quiet, run
from dagu.cli.schedules import check_schedule
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import UsageError
from dagu.history.records import Status

app = options.app()


@app.command()
def restart(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", show_default=False)],
    default_working_dir: Directory = "",
    quiet: Quiet = False,
) -> None:
    """Start a workflow anew as a run did: the file as it is now, with that run's name and parameters.

    A run that is still going is stopped first, as `dagu stop` does. The new run has an id of its own.

    Exit status: as of `dagu start`.

    \b
    Example:
      dagu restart 20310405-060708-0190f4c2
    """
    from dagu.run.api import StartRequest
    from dagu.run.recovery.retry import given_again

    found = session(context)
    record = found.history.run(run_id)
    if record.root_id:
        raise UsageError(
            f"run {run_id} is a child of run {record.root_id}", hint=f"dagu restart {record.root_id}"
        )
    if not record.file:
        raise UsageError(f"run {run_id} was started from text that is in no file")
    request = StartRequest(
        file=Path(record.file),
        given=given_again(record),
        name=record.workflow,
        default_working_dir=default_working_dir,
        check=check_schedule,
    )
    if record.status is Status.RUNNING:
        remark(f"stopping run {run_id}")
        shared = found.shared()
        if shared is not None and shared.cancel(run_id):
            shared.wait(run_id, output=False)
        else:
            found.locks.send_signal(run_id, signal.SIGTERM)
            found.locks.wait_until_free(run_id)
    raise typer.Exit(run(found, request, quiet=quiet))
