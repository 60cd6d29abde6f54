"""``dagu start-all``."""

from __future__ import annotations

from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.services import serve
from dagu.cli.session import session

app = options.app()

DagsDir = Annotated[
    str, typer.Option("--dags-dir", "-d", help="Where workflows are stored; without it, dags in DAGU_HOME.")
]


@app.command("start-all")
def start_all(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address that services listen on.")] = "",
    port: Annotated[str, typer.Option("--port", help="Port that the web server listens on.")] = "",
    dags_dir: DagsDir = "",
) -> None:
    """Run the scheduler and every service that plugins bring, until a signal ends it.

    Each run is a process of its own and outlives a crash of this one. On SIGTERM or Ctrl-C nothing more starts,
    running runs have DAGU_STOP_GRACE seconds to end, then they are stopped; each further signal hurries.

    \b
    Examples:
      dagu start-all
      dagu start-all --dags-dir /srv/workflows --port 9000
    """
    flags = {"DAGU_HOST": host, "DAGU_PORT": port, "DAGU_DAGS_DIR": dags_dir}
    raise typer.Exit(serve(session(context), flags))
