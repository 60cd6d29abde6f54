"""``dagu version``."""

from __future__ import annotations

import typer

import dagu
from dagu.cli import options

app = options.app()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(dagu.__version__)
