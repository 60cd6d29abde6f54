"""``dagu retry``."""

from __future__ import annotations

from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.commands.start import Directory, Quiet, run
from dagu.cli.session import session

app = options.app()


@app.command()
def retry(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", show_default=False)],
    default_working_dir: Directory = "",
    quiet: Quiet = False,
) -> None:
    """Take a run up again where it failed.

    The failed steps and all that come after them run once more, in a new attempt of the same run; what the steps
    before them published is still there. The workflow is the one that the run was started with, its file may have
    changed since, and so are the parameters.

    Exit status: as of `dagu start`.

    \b
    Example:
      dagu retry 20310405-060708-0190f4c2
    """
    from dagu.cli.workers import on_worker
    from dagu.run.api import RetryRequest

    if on_worker(session(context), run_id, "retry"):
        return
    request = RetryRequest(run_id=run_id, default_working_dir=default_working_dir)
    raise typer.Exit(run(session(context), request, quiet=quiet))
