"""``dagu resume``."""

from __future__ import annotations

from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.commands.start import Directory, Quiet, run
from dagu.cli.session import session

app = options.app()


@app.command()
def resume(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", show_default=False)],
    default_working_dir: Directory = "",
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was interrupted: its runner was killed, or the machine went down.

    Steps that ended count as they ended. A step whose own container still runs, or has ended since, is gone on
    with: its output is added to the same log, without gap or repeat. Whatever else was interrupted runs again, in a
    new attempt of its step.

    Exit status: as of `dagu start`.

    \b
    Example:
      dagu resume 20310405-060708-0190f4c2
    """
    from dagu.cli.workers import on_worker
    from dagu.run.api import ResumeRequest

    if on_worker(session(context), run_id, "resume"):
        return
    request = ResumeRequest(run_id=run_id, default_working_dir=default_working_dir)
    raise typer.Exit(run(session(context), request, quiet=quiet))
