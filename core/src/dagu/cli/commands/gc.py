"""``dagu gc``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dagu.cli import options
from dagu.cli.options import OnlyJson
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import RuntimeFailure

if TYPE_CHECKING:
    from dagu.sandbox.reaper import Leftover

app = options.app()


@app.command()
def gc(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list it.")] = False,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown", help="Also what belongs to runners of which nothing can be known from here."
        ),
    ] = False,
    as_json: OnlyJson = False,
) -> None:
    """Remove containers, networks, volumes and processes whose runner is dead.

    What belongs to a runner that lives is never touched, nor what a resumed run took up, nor what no run of dagu made,
    nor containers that a workflow asked to keep. Every run does this by itself when it opens the engine. Exit status
    1 if something could not be removed.

    Whether a runner on another machine, or in another container of an engine elsewhere, lives can't be known from
    here. What such runners hold is left alone, unless --unknown says that there are none.

    \b
    Examples:
      dagu gc --dry-run
      DAGU_CONTAINER_RUNTIME=podman dagu gc
    """
    from dagu.run.recovery.claims import RunClaims
    from dagu.sandbox.guardian import end_orphans, orphans
    from dagu.sandbox.reaper import leftovers, reap
    from dagu.sandbox.strays import Strays

    found = session(context)
    failures: list[str] = []

    def failed(thing: Leftover, error: RuntimeFailure) -> None:
        failures.append(f"{thing.kind} {thing.name[:12]} can't be removed: {error.message}")

    spec = found.plugins.runtime_from_environment(found.environ)
    with spec.factory(found.environ) as runtime:
        things = leftovers(runtime, unknown=unknown)
        if dry_run:
            gone = [thing for thing in things if _unclaimed(thing)]
        else:
            gone = reap(runtime, things, failed=failed, claims=RunClaims())
        if not dry_run:
            for told in Strays(found.home).end(runtime):
                remark(told)
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


def _unclaimed(thing: Leftover) -> bool:
    from dagu.run.recovery.claims import RunClaims

    with RunClaims().unclaimed(thing.marks) as free:
        return free
