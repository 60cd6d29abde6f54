"""``dagu gc``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.options import AsJson
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import RuntimeFailure

app = options.app()


@app.command()
def gc(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove containers, networks, volumes and processes whose runner is dead.

    What belongs to a runner that lives is never touched, nor what no run of dagu made, nor containers that a workflow
    asked to keep. Every run does this by itself when it opens the engine. Exit status 1 if something could not be
    removed.

    \b
    Examples:
      dagu gc --dry-run
      DAGU_CONTAINER_RUNTIME=podman dagu gc
    """
    from dagu.sandbox.guardian import end_orphans, orphans
    from dagu.sandbox.reaper import Leftover, leftovers, reap

    found = session(context)
    failures: list[str] = []

    def failed(thing: Leftover, error: RuntimeFailure) -> None:
        failures.append(f"{thing.kind} {thing.name[:12]} can't be removed: {error.message}")

    spec = found.plugins.runtime_from_environment(found.environ)
    with spec.factory(found.environ) as runtime:
        things = leftovers(runtime)
        gone = things if dry_run else reap(runtime, things, failed=failed)
    processes = len(list(orphans())) if dry_run else end_orphans()
    if as_json:
        options.print_json(
            {
                "dryRun": dry_run,
                "things": [asdict(thing) for thing in gone],
                "processes": processes,
                "failures": failures,
            }
        )
    else:
        verb = "would remove" if dry_run else "removed"
        for thing in gone:
            typer.echo(f"{verb} {thing.kind} {thing.name[:12]} of run {thing.run} {thing.step}".rstrip())
        if processes:
            typer.echo(f"{verb} {processes} processes of dead runs")
        if not gone and not processes and not failures:
            remark("nothing was left behind")
    for failure in failures:
        remark(failure)
    raise typer.Exit(1 if failures else 0)
