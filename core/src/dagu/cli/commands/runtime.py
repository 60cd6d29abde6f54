"""``dagu runtime``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.options import AsJson, OneFormat, TextOrJson
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import DaguError, UsageError

app = options.app()


@app.callback()
def group() -> None:
    """Try container runtimes."""


@app.command(short_help="Run the conformance kit")
def certify(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The runtime; without it, the one that is selected.", show_default=False
        ),
    ] = "",
    image: Annotated[
        str, typer.Option("--image", help="A small image with a shell, already on the engine.")
    ] = "alpine:3.20",
    pull_image: Annotated[str, typer.Option("--pull-image", help="What to pull; without it, --image.")] = "",
    shared_root: Annotated[
        str, typer.Option("--shared-root", help="A directory that the engine's machine has too.")
    ] = "",
    known: Annotated[
        Path | None,
        typer.Option("--known-differences", help="A JSON file: case name to the reason why it fails."),
    ] = None,
    only: Annotated[str, typer.Option("--only", help="Only cases that match, as pytest's -k takes it.")] = "",
    output: OneFormat = TextOrJson.TEXT,
    as_json: AsJson = False,
) -> None:
    """Run the conformance kit against an installed runtime and its engine.

    It makes containers, networks and volumes, and removes them. Exit status 1 if a case fails.

    \b
    Examples:
      dagu runtime certify docker
      dagu runtime certify mine --image registry.internal/busybox --only exec
    """
    found = session(context)
    spec = found.plugins.runtime(name) if name else found.plugins.runtime_from_environment(found.environ)
    try:
        from dagu.testing import certify as run_kit

        report = run_kit(
            lambda: spec.factory(found.environ),
            image=image,
            pull_image=pull_image,
            shared_root=shared_root,
            known_differences=_differences(known) if known else {},
            only=only,
            on_row=lambda row: remark(f"{row.outcome:<16} {row.seconds:6.2f} s  {row.case}"),
        )
    except ImportError as error:
        raise DaguError(str(error)) from error
    if as_json or output is TextOrJson.JSON:
        options.print_json(report.as_json())
    else:
        typer.echo(report.render(), nl=False)
    raise typer.Exit(0 if report.passed else 1)


def _differences(path: Path) -> dict[str, str]:
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    if not isinstance(read, dict) or not all(isinstance(reason, str) for reason in read.values()):
        raise UsageError(f"{path} has to hold one JSON object, from case name to reason")
    return read
