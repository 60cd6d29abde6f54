"""``dagu scheduler``."""

from __future__ import annotations

import typer

from dagu.cli import options
from dagu.cli.commands.start_all import DagsDir
from dagu.cli.services import serve
from dagu.cli.session import session

app = options.app()


@app.command()
def scheduler(context: typer.Context, dags_dir: DagsDir = "") -> None:
    """Run the scheduler alone, until a signal ends it: what is due starts, and queues are served.

    A second one in the same home waits until the first one ends. Signals: as of `dagu start-all`.

    \b
    Examples:
      dagu scheduler
      DAGU_HOME=/var/lib/dagu dagu scheduler --dags-dir /srv/workflows
    """
    raise typer.Exit(serve(session(context), {"DAGU_DAGS_DIR": dags_dir}, services=[]))
