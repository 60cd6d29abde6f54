"""``dagu start``."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core

from dagu.cli import options
from dagu.cli.commands.validate import failure
from dagu.cli.names import workflow_file
from dagu.cli.schedules import check_schedule
from dagu.cli.session import Session, session
from dagu.errors import UsageError, WorkflowInvalid
from dagu.history.records import Status

if TYPE_CHECKING:
    from dagu.cli.views.lost import Attended
    from dagu.contracts.events import RunEvent
    from dagu.plugins import Plugins
    from dagu.run.api import ResumeRequest, RetryRequest, StartRequest

app = options.app()
_SIGPIPE = 13
_GOOD = (Status.SUCCEEDED, Status.PARTIALLY_SUCCEEDED)

File = Annotated[
    str, typer.Argument(metavar="FILE", help="A file, or the name of a stored workflow.", show_default=False)
]
Extra = Annotated[list[str] | None, typer.Argument(hidden=True)]
Params = Annotated[str, typer.Option("--params", "-p", help="Parameters: 'a=1 b=\"two words\"', or JSON.")]
RunId = Annotated[str, typer.Option("--run-id", "-r", help="Id of the run; without it, one is made.")]
Name = Annotated[str, typer.Option("--name", "-N", help="Name of the workflow, in place of the file's.")]
Trigger = Annotated[str, typer.Option("--trigger-type", help="What started it.")]
Schedule = Annotated[str, typer.Option("--schedule-time", help="For which time it was scheduled, RFC 3339.")]
Directory = Annotated[
    str, typer.Option("--default-working-dir", help="Where steps start if the workflow does not say.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


class WithArguments(typer.core.TyperCommand):
    """A command whose words after ``--`` are the workflow's, and are told from those before it."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Set aside what comes after the first ``--``."""
        if "--" in args:
            at = args.index("--")
            ctx.meta["arguments"] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Show how arguments are given."""
        del ctx
        return ["[OPTIONS]", "FILE", "[-- ARG...]"]


@app.command(cls=WithArguments)
def start(
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
    """Run a workflow in the foreground. The tree of its steps is printed at the end.

    Exit status: 0, 1 if a step failed, 130 after Ctrl-C, 143 after SIGTERM. The first Ctrl-C stops the steps
    and removes their containers, the second kills.

    \b
    Examples:
      dagu start build.yaml
      dagu start build.yaml -- target=release "note=two words"
      dagu start build.yaml --params 'target=release' --run-id nightly-7
      DAGU_CONTAINER_RUNTIME=podman dagu start build.yaml
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
    )
    raise typer.Exit(run(found, request, quiet=quiet))


def arguments(context: typer.Context, extra: list[str] | None) -> tuple[str, ...]:
    """The words after ``--``.

    Raises:
        UsageError: There are words before it that are no option and no file.
    """
    if extra:
        raise UsageError(f"unexpected argument {extra[0]!r}", hint="what comes after -- goes to the workflow")
    given: tuple[str, ...] = context.meta.get("arguments", ())
    return given


def run(found: Session, request: StartRequest | RetryRequest | ResumeRequest, *, quiet: bool) -> int:
    """Run a workflow, or take a run up again, showing how it goes.

    Returns:
        The exit status.
    """
    from dagu.cli.supervise import UNSEEN, outlives_terminal, supervise
    from dagu.cli.views.choose import choose_view
    from dagu.cli.views.lost import Attended
    from dagu.cli.views.tree import render
    from dagu.run import lifeline
    from dagu.run.api import Runner

    plugins = found.plugins
    with Attended(choose_view(quiet=quiet)) as view:
        for info in plugins.info():
            if info.state == "set aside":  # perhaps the one that was to review containers
                view.problem(f"plugin {info.distribution} {info.version} is set aside: {info.problems[0]}")
        observers = [view.event]
        if plugins.observed:
            observers.append(partial(_tell, plugins, view))
        runner = Runner(
            request,
            environ=found.environ,
            home=found.home,
            plugins=plugins,
            observers=observers,
        )
        # A run that nobody can see any more is not to go on unseen.
        seen = not outlives_terminal()
        if seen:
            view.when_lost(lambda: runner.cancel(reason=UNSEEN))
        try:
            result, signal = supervise(
                runner,
                seen=seen,
                lifeline=bool(found.environ.get(lifeline.VARIABLE)),
                stopping=lambda: None if quiet else view.problem("stopping; a second signal (Ctrl-C) kills"),
            )
        except WorkflowInvalid as error:
            view.problem(failure(Path(error.problems[0].file), error).rstrip())
            return 1
    if not quiet:
        with suppress(OSError):  # its reader may be gone
            typer.echo(render(result.record), nl=False, color=found.colour)
    if result.status not in _GOOD and (signal or result.error == UNSEEN):
        return 128 + (signal or _SIGPIPE)
    return result.exit_code


def _tell(plugins: Plugins, view: Attended, event: RunEvent) -> None:
    for error in plugins.emit(event):
        view.problem(str(error))
